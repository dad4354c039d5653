// DATA: sessions, verdicts, and what a shard is told about a packet.
#include "hash.h"
#include "ingest_world.h"

enum { FLOW = 4, SHARD = FLOW % SHARDS, OTHER_FLOW = 5 };

static uint8_t message[FRAME_MAX];
static const struct way plain;

static struct mr_packet *send_packet(struct world *world, uint32_t length)
{
	deliver(world, udp_frame(&plain, message, length));
	struct mr_source_msg msg = take_msg(world, SHARD);
	assert_int_equal(take_msg(world, SHARD).kind, 0);
	return packet_of(msg);
}

static void shed(struct world *world, uint64_t object, uint8_t slot, uint32_t until_ms)
{
	uint32_t flow = mr_flow_of_slot(mr_slot_of(object, SEED), FLOWS);

	shard_says(world, flow % SHARDS,
		(struct mr_shard_msg){
			.data = object, .until_ms = until_ms, .slot = slot, .kind = MR_SHARD_SHED});
	world_step(world);
}

static void packet_carries_what_its_header_says(void **state)
{
	(void)state;
	struct world *world = world_new();

	struct mr_packet *packet =
		send_packet(world, put_data(message, object_of_flow(FLOW, 0), 77, 3));
	assert_int_equal(packet->first_sequence, 77);
	assert_int_equal(packet->known, 72);
	assert_int_equal(packet->send_time_ns, 4711);
	assert_int_equal(packet->received_at_ns, world->now.wall_ns);
	assert_int_equal(packet->session, SESSION);
	assert_int_equal(packet->source, 0);
	assert_int_equal(packet->flow, FLOW);
	assert_int_equal(packet->count, 3);
	assert_int_equal(packet->decoded, 3);
	assert_int_equal(packet->verdicts, 0);
	assert_int_equal(packet->events_bytes % 3, 0);
	assert_memory_equal(packet->events, message + MR_WIRE_HEADER_BYTES, packet->events_bytes);
	assert_int_equal(counter(world, MR_INGEST_DATA_PACKETS), 1);
	assert_int_equal(counter(world, MR_INGEST_DATA_EVENTS), 3);
	release(world, SHARD, packet);
	world_free(world);
}

static void every_frame_is_freed_exactly_once(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct mr_packet *packets[100];

	for (uint32_t i = 0; i < 100; i++)
		packets[i] = send_packet(
			world, put_data(message, object_of_flow(FLOW, i % 7), i + 1, 2));
	assert_int_equal(mr_nic_fake_frames_out(world->nic), 100);
	assert_int_equal(mr_nic_fake_freed(world->nic), 0);
	for (uint32_t i = 0; i < 100; i++)
		release(world, SHARD, packets[99 - i]);
	while (world_step(world) == MR_POLL_BUSY)
		;
	assert_int_equal(mr_nic_fake_frames_out(world->nic), 0);
	assert_int_equal(mr_nic_fake_freed(world->nic), 100);
	world_free(world);
}

static void unknown_session_is_told(void **state)
{
	(void)state;
	struct world *world = world_new();
	uint32_t length = put_data(message, object_of_flow(FLOW, 0), 1, 1);

	message[16] ^= 1; // session id
	deliver(world, udp_frame(&plain, message, length));
	assert_int_equal(take_msg(world, SHARD).kind, 0);
	assert_int_equal(discards(world, MR_DISCARD_SESSION), 1);
	assert_true(take_sent(world));
	struct mr_wire_header header;
	struct mr_wire_error error;
	memcpy(&header, world->out + 42, sizeof(header));
	memcpy(&error, world->out + 42 + MR_WIRE_HEADER_BYTES, sizeof(error));
	assert_int_equal(header.type, MR_WIRE_ERROR);
	assert_int_equal(header.session_id, SESSION_ID ^ 1);
	assert_int_equal(header.flow, FLOW);
	assert_int_equal(error.reason, MR_REASON_UNKNOWN_SESSION);
	world_free(world);
}

static void session_is_id_epoch_and_app_of_the_key(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct mr_steward_msg *msg = world_msg(world, MR_STEWARD_KEYS);

	msg->keys.count = 2;
	msg->keys.keys[0] = (struct mr_key){.key_id = KEY, .app = APP};
	msg->keys.keys[1] = (struct mr_key){.key_id = KEY + 1, .app = APP + 1};
	world_tell(world);
	uint32_t length = put_data(message, object_of_flow(FLOW, 0), 1, 1);
	message[8] = KEY + 1; // another app's key
	deliver(world, udp_frame(&plain, message, length));
	assert_int_equal(discards(world, MR_DISCARD_SESSION), 1);

	world_open_session(world, SESSION + 1, SESSION_ID, APP + 1, 0); // the same id, another app
	struct mr_packet *packet = send_packet(world, length);
	assert_int_equal(packet->session, SESSION + 1);
	release(world, SHARD, packet);
	message[8] = KEY;
	packet = send_packet(world, length);
	assert_int_equal(packet->session, SESSION);
	release(world, SHARD, packet);

	world_close_session(world, SESSION); // the other one stays
	deliver(world, udp_frame(&plain, message, length));
	assert_int_equal(discards(world, MR_DISCARD_SESSION), 2);
	message[8] = KEY + 1;
	packet = send_packet(world, length);
	assert_int_equal(packet->session, SESSION + 1);
	release(world, SHARD, packet);
	message[24] = 1; // epoch
	deliver(world, udp_frame(&plain, message, length));
	assert_int_equal(discards(world, MR_DISCARD_SESSION), 3);
	world_free(world);
}

static void key_that_is_gone_opens_nothing(void **state)
{
	(void)state;
	struct world *world = world_new();
	uint32_t length = put_data(message, object_of_flow(FLOW, 0), 1, 1);

	release(world, SHARD, send_packet(world, length));
	world_set_key(world, KEY + 5);
	deliver(world, udp_frame(&plain, message, length));
	assert_int_equal(discards(world, MR_DISCARD_KEY), 1);
	assert_false(take_sent(world)); // who has no key gets no answer
	world_free(world);
}

static void closed_index_can_be_opened_again(void **state)
{
	(void)state;
	struct world *world = world_new();

	for (uint32_t i = 0; i < 50; i++) {
		world_close_session(world, SESSION);
		world_close_session(world, SESSION); // nothing to close
		world_open_session(world, SESSION, 1000 + i, APP, i);
		world_open_session(world, SESSION, 1000 + i, APP, i); // resumed
	}
	world_close_session(world, SESSION);
	world_open_session(world, SESSION, SESSION_ID, APP, 0);
	release(world, SHARD, send_packet(world, put_data(message, object_of_flow(FLOW, 0), 1, 1)));
	world_free(world);
}

static void event_of_another_flow_settles_as_malformed(void **state)
{
	(void)state;
	struct world *world = world_new();
	uint32_t one = put_event(message + MR_WIRE_HEADER_BYTES, object_of_flow(FLOW, 0));
	put_event(message + MR_WIRE_HEADER_BYTES + one, object_of_flow(OTHER_FLOW, 0));
	put_event(message + MR_WIRE_HEADER_BYTES + 2 * one, object_of_flow(FLOW, 0));
	struct mr_wire_header header = header_of(MR_WIRE_DATA, FLOW, 1, 3);

	struct mr_packet *packet = send_packet(
		world, put_message(message, &header, message + MR_WIRE_HEADER_BYTES, 3 * one));
	assert_int_equal(packet->count, 3);
	assert_int_equal(packet->decoded, 1);
	release(world, SHARD, packet);
	world_free(world);
}

static void malformed_event_takes_those_behind_it_along(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t at; // in the second event
		uint8_t value;
	} spoils[] = {
		{"length 0", 0, 0},
		{"length beyond the packet", 1, 0xff},
		{"length not of 8", 0, 81},
		{"length below the fixed part", 0, 64},
		{"no action", 4, 0},
		{"unknown action", 4, 9},
		{"object 0", 8, 0},
		{"before 1970", 47, 0x80},
		{"ancestors beyond the event", 6, 16},
		{"type beyond the event", 64, 32},
		{"NUL in a text", 72, 0},
	};
	struct world *world = world_new();

	for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++) {
		uint64_t object = object_of_flow(FLOW, 0);
		assert_true(object < 256); // one byte of it to spoil
		uint32_t length = put_data(message, object, 1, 4);
		uint32_t one = (length - MR_WIRE_HEADER_BYTES - MR_WIRE_TAG_BYTES) / 4;
		message[MR_WIRE_HEADER_BYTES + one + spoils[i].at] = spoils[i].value;
		struct mr_packet *packet = send_packet(world, length);
		if (packet->decoded != 1)
			fail_msg("%s: %u decoded", spoils[i].name, packet->decoded);
		assert_int_equal(packet->count, 4);
		release(world, SHARD, packet);
	}
	world_free(world);
}

static void body_must_end_with_its_last_event(void **state)
{
	(void)state;
	struct world *world = world_new();
	uint32_t length = put_data(message, object_of_flow(FLOW, 0), 1, 3);

	message[30] = 2; // the header names one less
	struct mr_packet *packet = send_packet(world, length);
	assert_int_equal(packet->count, 2);
	assert_int_equal(packet->decoded, 1);
	release(world, SHARD, packet);
	message[30] = 4; // one more
	packet = send_packet(world, length);
	assert_int_equal(packet->count, 4);
	assert_int_equal(packet->decoded, 3);
	release(world, SHARD, packet);
	world_free(world);
}

static void packet_of_a_shed_object_travels_as_one_descriptor(void **state)
{
	(void)state;
	struct world *world = world_new();
	uint64_t object = object_of_flow(FLOW, 0);

	shed(world, object, 200, 1000);
	deliver(world, udp_frame(&plain, message, put_data(message, object, 77, 5)));
	struct mr_source_msg msg = take_msg(world, SHARD);
	assert_int_equal(msg.kind, MR_SOURCE_REFUSED);
	assert_int_equal(msg.data & ((UINT64_C(1) << 56) - 1), 77);
	assert_int_equal(msg.data >> 56, 200);
	assert_int_equal(msg.session, SESSION);
	assert_int_equal(msg.known_behind, 5);
	assert_int_equal(msg.flow, FLOW);
	assert_int_equal(msg.count, 5);
	assert_int_equal(msg.reason, MR_REASON_OBJECT_FULL);
	assert_int_equal(mr_nic_fake_frames_out(world->nic), 0); // already free
	assert_int_equal(counter(world, MR_INGEST_SHED_PACKETS), 1);
	assert_int_equal(counter(world, MR_INGEST_SHED_EVENTS), 5);
	assert_int_equal(counter(world, MR_INGEST_DATA_PACKETS), 0);
	world_free(world);
}

static void known_ahead_of_the_packet_is_not_behind(void **state)
{
	(void)state;
	struct world *world = world_new();
	uint64_t object = object_of_flow(FLOW, 0);

	shed(world, object, 1, 1000);
	uint32_t length = put_data(message, object, 10, 5);
	message[40] = 13; // re-sent: the fate of its first events is known by now
	deliver(world, udp_frame(&plain, message, length));
	struct mr_source_msg msg = take_msg(world, SHARD);
	assert_int_equal(msg.kind, MR_SOURCE_REFUSED);
	assert_int_equal(msg.known_behind, 0);
	world_free(world);
}

// Three events: `first`, `second`, `first` again.
static uint32_t put_mixed(uint64_t first, uint64_t second)
{
	uint8_t *body = message + MR_WIRE_HEADER_BYTES;
	struct mr_wire_header header = header_of(MR_WIRE_DATA, FLOW, 1, 3);
	uint32_t length = put_event(body, first);

	length += put_event(body + length, second);
	length += put_event(body + length, first);
	return put_message(message, &header, body, length);
}

static void only_the_events_of_a_shed_object_get_a_verdict(void **state)
{
	(void)state;
	struct world *world = world_new();
	uint64_t hot = object_of_flow(FLOW, 0), cold = object_of_flow(FLOW, 1);

	shed(world, hot, 9, 1000);
	struct mr_packet *packet = send_packet(world, put_mixed(cold, hot));
	assert_int_equal(packet->decoded, 3);
	assert_int_equal(packet->verdicts, 1);
	assert_int_equal(packet->verdict[0], MR_REASON_OK);
	assert_int_equal(packet->verdict[1], MR_REASON_OBJECT_FULL);
	assert_int_equal(packet->verdict[2], MR_REASON_OK);
	assert_int_equal(counter(world, MR_INGEST_SHED_EVENTS), 1);
	assert_int_equal(counter(world, MR_INGEST_SHED_PACKETS), 0);
	release(world, SHARD, packet);

	shed(world, cold, 10, 1000); // two objects: one descriptor could not name both
	packet = send_packet(world, put_mixed(cold, hot));
	assert_int_equal(packet->verdicts, 3);
	assert_int_equal(packet->decoded, 3);
	release(world, SHARD, packet);
	world_free(world);
}

static void tell_ban(
	struct world *world, enum mr_steward_kind kind, uint32_t scope, uint64_t id, uint8_t mode)
{
	struct mr_steward_msg *msg = world_msg(world, kind);

	msg->ban =
		(struct mr_ban_entry){.rule = {.scope = {.kind = scope, .id = id}, .mode = mode}};
	world_tell(world);
}

static void only_events_that_a_rule_drops_are_banned(void **state)
{
	(void)state;
	struct world *world = world_new();
	uint64_t hot = object_of_flow(FLOW, 0), cold = object_of_flow(FLOW, 1);

	tell_ban(world, MR_STEWARD_BAN, MR_SCOPE_OBJECT, hot, MR_BAN_DROP);
	tell_ban(world, MR_STEWARD_BAN, MR_SCOPE_OBJECT, cold, MR_BAN_HOLD); // the shard's affair
	struct mr_packet *packet = send_packet(world, put_mixed(cold, hot));
	assert_int_equal(packet->decoded, 3);
	assert_int_equal(packet->verdicts, 1);
	assert_int_equal(packet->verdict[0], MR_REASON_OK);
	assert_int_equal(packet->verdict[1], MR_REASON_BANNED);
	release(world, SHARD, packet);

	tell_ban(world, MR_STEWARD_BAN, MR_SCOPE_APP, APP, MR_BAN_DROP);
	shed(world, hot, 9, 1000); // a ban comes first
	packet = send_packet(world, put_mixed(hot, hot));
	assert_int_equal(packet->verdicts, 3);
	assert_int_equal(packet->verdict[2], MR_REASON_BANNED);
	release(world, SHARD, packet);

	tell_ban(world, MR_STEWARD_UNBAN, MR_SCOPE_APP, APP, 0);
	tell_ban(world, MR_STEWARD_UNBAN, MR_SCOPE_OBJECT, hot, 0);
	packet = send_packet(world, put_mixed(cold, hot));
	assert_int_equal(packet->verdicts, 1);
	assert_int_equal(packet->verdict[1], MR_REASON_OBJECT_FULL);
	release(world, SHARD, packet);
	world_free(world);
}

static void event_without_an_object_is_malformed_under_any_ban(void **state)
{
	(void)state;
	struct world *world = world_new();
	uint64_t object = object_of_flow(FLOW, 0);

	tell_ban(world, MR_STEWARD_BAN, MR_SCOPE_APP, APP, MR_BAN_DROP);
	uint32_t length = put_mixed(object, object);
	uint32_t one = (length - MR_WIRE_HEADER_BYTES - MR_WIRE_TAG_BYTES) / 3;
	memset(message + MR_WIRE_HEADER_BYTES + one + offsetof(struct mr_event_fixed, object), 0,
		8);
	struct mr_packet *packet = send_packet(world, length);
	assert_int_equal(packet->decoded, 1);
	assert_int_equal(packet->verdicts, 1);
	assert_int_equal(packet->verdict[0], MR_REASON_BANNED);
	release(world, SHARD, packet);
	world_free(world);
}

static void malformed_event_beside_a_shed_one_settles_as_malformed(void **state)
{
	(void)state;
	struct world *world = world_new();
	uint64_t hot = object_of_flow(FLOW, 0), cold = object_of_flow(FLOW, 1);

	shed(world, hot, 9, 1000);
	uint32_t length = put_mixed(hot, cold);
	uint32_t one = (length - MR_WIRE_HEADER_BYTES - MR_WIRE_TAG_BYTES) / 3;
	message[MR_WIRE_HEADER_BYTES + one + 4] = 99; // the cold one's action
	struct mr_packet *packet = send_packet(world, length);
	assert_int_equal(packet->decoded, 1);
	assert_int_equal(packet->verdicts, 1);
	assert_int_equal(packet->verdict[0], MR_REASON_OBJECT_FULL);
	assert_int_equal(packet->verdict[2], MR_REASON_OK);
	release(world, SHARD, packet);

	length = put_mixed(hot, cold);
	message[MR_WIRE_HEADER_BYTES + one] = 1; // its length
	packet = send_packet(world, length);
	assert_int_equal(packet->decoded, 1);
	assert_int_equal(packet->verdicts, 1);
	release(world, SHARD, packet);
	world_free(world);
}

static void shed_object_in_a_foreign_flow_is_malformed(void **state)
{
	(void)state;
	struct world *world = world_new();
	enum { SAME_SHARD_FLOW = FLOW + SHARDS };
	uint64_t hot = object_of_flow(SAME_SHARD_FLOW, 0);

	shed(world, hot, 9, 1000);
	uint32_t length = put_data(message, hot, 1, 2);
	message[28] = FLOW;
	struct mr_packet *packet = send_packet(world, length);
	assert_int_equal(packet->decoded, 0);
	assert_int_equal(packet->verdicts, 0);
	release(world, SHARD, packet);
	world_free(world);
}

static void shed_ends_by_time_by_word_and_by_another_name(void **state)
{
	(void)state;
	struct world *world = world_new();
	uint64_t object = object_of_flow(FLOW, 0), other = object_of_flow(FLOW, 1);

	shed(world, object, 9, 100);
	world->now.mono_ns += 99999999;
	deliver(world, udp_frame(&plain, message, put_data(message, object, 1, 1)));
	assert_int_equal(take_msg(world, SHARD).kind, MR_SOURCE_REFUSED);
	world->now.mono_ns += 1;
	release(world, SHARD, send_packet(world, put_data(message, object, 1, 1)));

	shed(world, object, 9, 100);
	shed(world, object, 9, 0);
	release(world, SHARD, send_packet(world, put_data(message, object, 1, 1)));

	shed(world, object, 9, 100);
	shed(world, other, 9, 100);
	release(world, SHARD, send_packet(world, put_data(message, object, 1, 1)));
	deliver(world, udp_frame(&plain, message, put_data(message, other, 1, 1)));
	assert_int_equal(take_msg(world, SHARD).kind, MR_SOURCE_REFUSED);

	shed(world, other, 10, 100); // the shard renumbers: slot 9 is free
	shed(world, other, 9, 0);
	deliver(world, udp_frame(&plain, message, put_data(message, other, 1, 1)));
	assert_int_equal(take_msg(world, SHARD).data >> 56, 10);
	world_free(world);
}

static void shed_set_holds_as_many_as_a_shard_names(void **state)
{
	(void)state;
	struct world *world = world_new();

	for (uint32_t i = 0; i < MR_SHED_SET_MAX; i++)
		shed(world, object_of_flow(FLOW, i), (uint8_t)i, 1000);
	for (uint32_t i = 0; i < MR_SHED_SET_MAX; i += 51) {
		deliver(world,
			udp_frame(
				&plain, message, put_data(message, object_of_flow(FLOW, i), 1, 1)));
		assert_int_equal(take_msg(world, SHARD).data >> 56, i);
	}
	world->now.mono_ns += 1000000000;
	for (uint32_t i = 0; i < MR_SHED_SET_MAX; i++) // all end without being asked for
		world_step(world);
	shed(world, object_of_flow(FLOW, 300), 255, 1000);
	deliver(world,
		udp_frame(&plain, message, put_data(message, object_of_flow(FLOW, 300), 1, 1)));
	assert_int_equal(take_msg(world, SHARD).data >> 56, 255);
	world_free(world);
}

static void pause_refuses_everything_until_it_ends(void **state)
{
	(void)state;
	struct world *world = world_new();
	uint32_t length = put_data(message, object_of_flow(FLOW, 0), 1, 3);

	world_msg(world, MR_STEWARD_PAUSE)->reason = MR_REASON_PAUSED;
	world_tell(world);
	deliver(world, udp_frame(&plain, message, length));
	struct mr_source_msg msg = take_msg(world, SHARD);
	assert_int_equal(msg.kind, MR_SOURCE_REFUSED);
	assert_int_equal(msg.reason, MR_REASON_PAUSED);
	assert_int_equal(msg.count, 3);
	world_msg(world, MR_STEWARD_PAUSE)->reason = MR_REASON_OK;
	world_tell(world);
	release(world, SHARD, send_packet(world, length));
	world_free(world);
}

static void full_ring_discards_and_keeps_room_for_acks(void **state)
{
	(void)state;
	struct world *world = world_new();
	uint32_t length = put_data(message, object_of_flow(FLOW, 0), 1, 1);
	struct mr_ring *ring = world->config.to_shard[SHARD];
	struct mr_desc filler = {.word = {0, 0}};

	while (mr_ring_free(ring) > MR_SHARD_ACK_SLOTS + 3)
		assert_true(mr_ring_push(ring, filler));
	for (uint32_t i = 0; i < 5; i++)
		deliver(world, udp_frame(&plain, message, length));
	assert_int_equal(discards(world, MR_DISCARD_SHARD_BUSY), 3);
	assert_int_equal(counter(world, MR_INGEST_DATA_PACKETS), 2);
	assert_int_equal(counter(world, MR_INGEST_DATA_EVENTS), 2);
	assert_int_equal(mr_nic_fake_frames_out(world->nic), 2);
	static struct mr_ack_slot
		slot; // of a session that has gone: nothing is sent, the slot comes back
	for (uint32_t i = 0; i < MR_SHARD_ACK_SLOTS; i++)
		shard_says(world, SHARD,
			(struct mr_shard_msg){.data = (uintptr_t)&slot, .kind = MR_SHARD_ACK});
	while (world_step(world) == MR_POLL_BUSY)
		;
	assert_int_equal(mr_ring_free(ring), 1);

	struct mr_desc descs[64];
	uint32_t done = 0, count;
	while ((count = mr_ring_pop_burst(ring, descs, 64)) > 0)
		for (uint32_t i = 0; i < count; i++) {
			struct mr_source_msg msg = mr_desc_to(struct mr_source_msg, descs[i]);
			done += msg.kind == MR_SOURCE_ACK_DONE;
			if (msg.kind == MR_SOURCE_PACKET)
				release(world, SHARD, packet_of(msg));
		}
	assert_int_equal(done, MR_SHARD_ACK_SLOTS);
	world_free(world);
}

static void budget_bounds_a_step(void **state)
{
	(void)state;
	struct world *world = world_new();
	uint32_t length = put_data(message, object_of_flow(FLOW, 0), 1, 1);
	const struct frame *frame = udp_frame(&plain, message, length);

	for (uint32_t i = 0; i < 200; i++)
		assert_true(mr_nic_fake_receive(world->nic, 0, frame->bytes, frame->length, 0));
	assert_int_equal(mr_ingest_step(world->ingest, world->now, (struct mr_budget){.units = 16}),
		MR_POLL_BUSY);
	assert_in_range(counter(world, MR_INGEST_RX_PACKETS), 1, 16);
	while (world_step(world) == MR_POLL_BUSY)
		;
	assert_int_equal(counter(world, MR_INGEST_RX_PACKETS), 200);
	assert_int_equal(counter(world, MR_INGEST_RX_BYTES), 200 * frame->length);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packet_carries_what_its_header_says),
		cmocka_unit_test(every_frame_is_freed_exactly_once),
		cmocka_unit_test(unknown_session_is_told),
		cmocka_unit_test(session_is_id_epoch_and_app_of_the_key),
		cmocka_unit_test(key_that_is_gone_opens_nothing),
		cmocka_unit_test(closed_index_can_be_opened_again),
		cmocka_unit_test(event_of_another_flow_settles_as_malformed),
		cmocka_unit_test(malformed_event_takes_those_behind_it_along),
		cmocka_unit_test(body_must_end_with_its_last_event),
		cmocka_unit_test(packet_of_a_shed_object_travels_as_one_descriptor),
		cmocka_unit_test(known_ahead_of_the_packet_is_not_behind),
		cmocka_unit_test(only_the_events_of_a_shed_object_get_a_verdict),
		cmocka_unit_test(only_events_that_a_rule_drops_are_banned),
		cmocka_unit_test(event_without_an_object_is_malformed_under_any_ban),
		cmocka_unit_test(malformed_event_beside_a_shed_one_settles_as_malformed),
		cmocka_unit_test(shed_object_in_a_foreign_flow_is_malformed),
		cmocka_unit_test(shed_ends_by_time_by_word_and_by_another_name),
		cmocka_unit_test(shed_set_holds_as_many_as_a_shard_names),
		cmocka_unit_test(pause_refuses_everything_until_it_ends),
		cmocka_unit_test(full_ring_discards_and_keeps_room_for_acks),
		cmocka_unit_test(budget_bounds_a_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
