// What goes back: ACKs by the way the packet came, errors, PONG, and handshakes by way of the
// steward.
#include "ingest_world.h"
#include "wire_codec.h"

enum { FLOW = 4, SHARD = FLOW % SHARDS };

static uint8_t message[FRAME_MAX];
static struct mr_ack_slot slot;

static uint32_t be16(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 8 | bytes[1];
}

// Checks the frame on the wire from the outside in; returns the UDP payload.
static const uint8_t *open_reply(struct world *world, const struct way *way, uint32_t *ret_length)
{
	assert_true(take_sent(world));
	const uint8_t *frame = world->out;
	const uint8_t *ip = frame + 14 + way->vlans * 4;
	uint32_t header = way->ipv6 ? 40 : 20;
	const uint8_t *udp = ip + header;
	uint32_t length = be16(udp + 4);

	assert_memory_equal(frame, peer_mac, 6);
	assert_memory_equal(frame + 6, our_mac, 6);
	assert_int_equal(be16(ip - 2), way->ipv6 ? 0x86dd : 0x0800);
	for (uint32_t i = 0; i < way->vlans; i++)
		assert_int_equal(be16(frame + 14 + i * 4), 100 + i);
	assert_memory_equal(
		ip + (way->ipv6 ? 8 : 12), way->ipv6 ? our_ipv6 : our_ipv4, way->ipv6 ? 16 : 4);
	assert_memory_equal(
		ip + (way->ipv6 ? 24 : 16), way->ipv6 ? peer_ipv6 : peer_ipv4, way->ipv6 ? 16 : 4);
	if (!way->ipv6)
		assert_int_equal(ones_sum(0, ip, 20), 0xffff);
	assert_int_equal(way->ipv6 ? be16(ip + 4) : be16(ip + 2) - 20, length);
	assert_int_equal(be16(udp), way->to_port != 0 ? way->to_port : PORT);
	assert_int_equal(be16(udp + 2), 50000);
	uint32_t pseudo =
		17 + length + (way->ipv6 ? ones_sum(0, ip + 8, 32) : ones_sum(0, ip + 12, 8));
	assert_int_equal(ones_sum(pseudo, udp, length), 0xffff);
	assert_int_equal(world->out_length, (uint32_t)(udp - frame) + length);
	*ret_length = length - 8;
	return udp + 8;
}

static void shard_acks(struct world *world)
{
	const struct mr_wire_ack ack = {.settled = 9, .edge = 100};

	memset(&slot, 0, sizeof(slot));
	slot.session = SESSION;
	slot.flow = FLOW;
	slot.flags = MR_WIRE_FLAG_VOLATILE | MR_WIRE_FLAG_BUSY;
	slot.length = sizeof(ack);
	memcpy(slot.body, &ack, sizeof(ack));
	shard_says(world, SHARD,
		(struct mr_shard_msg){.data = (uintptr_t)&slot, .kind = MR_SHARD_ACK});
	world_step(world);
	struct mr_source_msg done = take_msg(world, SHARD);
	assert_int_equal(done.kind, MR_SOURCE_ACK_DONE);
	assert_ptr_equal((void *)(uintptr_t)done.data, &slot);
}

static void ack_goes_back_the_way_the_packet_came(void **state)
{
	(void)state;
	static const struct way ways[] = {
		{0},
		{.options = 4},
		{.vlans = 1},
		{.vlans = 2, .to_port = PORT + 3},
		{.ipv6 = true},
		{.ipv6 = true, .vlans = 2},
	};
	struct world *world = world_new();

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct mr_wire_header header;
		const uint8_t *body;
		size_t body_length;
		uint32_t length;
		deliver(world,
			udp_frame(&ways[i], message,
				put_data(message, object_of_flow(FLOW, 0), 1, 1)));
		release(world, SHARD, packet_of(take_msg(world, SHARD)));
		shard_acks(world);
		const uint8_t *datagram = open_reply(world, &ways[i], &length);
		assert_int_equal(mr_wire_parse(datagram, length, &header, &body, &body_length),
			MR_DISCARD_COUNT);
		assert_int_equal(header.type, MR_WIRE_ACK);
		assert_int_equal(header.flags, MR_WIRE_FLAG_VOLATILE | MR_WIRE_FLAG_BUSY);
		assert_int_equal(header.session_id, SESSION_ID);
		assert_int_equal(header.key_id, KEY);
		assert_int_equal(header.flow, FLOW);
		assert_int_equal(header.map_fingerprint, 0);
		assert_int_equal(body_length, sizeof(struct mr_wire_ack));
		assert_memory_equal(body, slot.body, body_length);
		assert_int_equal(counter(world, MR_INGEST_ACKS_SENT), i + 1);
	}
	world_free(world);
}

static void ack_of_the_largest_size_fits_its_frame(void **state)
{
	(void)state;
	struct world *world = world_new();
	const struct way way = {.ipv6 = true, .vlans = 2};
	uint32_t length;

	deliver(world, udp_frame(&way, message, put_data(message, object_of_flow(FLOW, 0), 1, 1)));
	memset(&slot, 0x11, sizeof(slot));
	slot.session = SESSION;
	slot.length = sizeof(slot.body) / 8 * 8;
	shard_says(world, SHARD,
		(struct mr_shard_msg){.data = (uintptr_t)&slot, .kind = MR_SHARD_ACK});
	world_step(world);
	(void)open_reply(world, &way, &length);
	assert_in_range(length, MR_ACK_BYTES_MAX - 7, MR_ACK_BYTES_MAX);
	world_free(world);
}

static void ack_for_nobody_comes_back_unsent(void **state)
{
	(void)state;
	struct world *world = world_new();

	shard_acks(world); // no packet has shown a way yet
	assert_false(take_sent(world));
	deliver(world,
		udp_frame(&(struct way){0}, message,
			put_data(message, object_of_flow(FLOW, 0), 1, 1)));
	release(world, SHARD, packet_of(take_msg(world, SHARD)));
	world_close_session(world, SESSION);
	shard_acks(world); // gone meanwhile
	assert_false(take_sent(world));
	world_open_session(world, SESSION, SESSION_ID + 1, APP, 0);
	shard_acks(world); // the old way is not the new session's
	assert_false(take_sent(world));
	assert_int_equal(counter(world, MR_INGEST_ACKS_SENT), 0);
	world_free(world);
}

static void ack_without_a_free_frame_is_counted_and_comes_back(void **state)
{
	(void)state;
	struct world *world = world_new();

	deliver(world,
		udp_frame(&(struct way){0}, message,
			put_data(message, object_of_flow(FLOW, 0), 1, 1)));
	release(world, SHARD, packet_of(take_msg(world, SHARD)));
	for (uint32_t i = 0; i < REPLIES; i++) // the wire is slow: all are under way
		shard_acks(world);
	assert_int_equal(discards(world, MR_DISCARD_NO_MBUF), 0);
	shard_acks(world);
	assert_int_equal(discards(world, MR_DISCARD_NO_MBUF), 1);
	while (take_sent(world))
		;
	shard_acks(world);
	assert_true(take_sent(world));
	world_free(world);
}

static void ping_is_answered_in_kind(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct mr_wire_header header = header_of(MR_WIRE_PING, 2, 0, 0);
	const struct way way = {.vlans = 1};
	uint32_t length;

	uint32_t request = put_message(message, &header, "12345678", 8);
	deliver(world, udp_frame(&way, message, request));
	const uint8_t *datagram = open_reply(world, &way, &length);
	assert_int_equal(length, request);
	memcpy(&header, datagram, sizeof(header));
	assert_int_equal(header.type, MR_WIRE_PONG);
	assert_int_equal(header.send_time_ns, 4711);
	assert_int_equal(header.session_id, SESSION_ID);
	assert_memory_equal(datagram + MR_WIRE_HEADER_BYTES, "12345678", 8);
	message[8] = KEY + 1;
	deliver(world, udp_frame(&way, message, request));
	assert_false(take_sent(world));
	assert_int_equal(discards(world, MR_DISCARD_KEY), 1);
	world_free(world);
}

static void reply_is_never_larger_than_request(void **state)
{
	(void)state;
	struct world *world = world_new();

	for (uint32_t body = 0; body <= 64; body += 8) {
		struct mr_wire_header header = header_of(MR_WIRE_DATA, FLOW, 1, 1);
		header.session_id = 0xbad;
		uint32_t length = put_message(message, &header, message + 500, body);
		struct frame *frame = udp_frame(&(struct way){0}, message, length);
		uint32_t request = frame->length;
		deliver(world, frame);
		if (take_sent(world))
			assert_true(world->out_length <= request);
		else
			assert_int_equal(body, 0); // no error is that small
	}
	assert_int_equal(discards(world, MR_DISCARD_SESSION), 9);
	world_free(world);
}

static void errors_are_few_at_a_time(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct mr_wire_header header = header_of(MR_WIRE_DATA, FLOW, 1, 1);
	uint32_t sent = 0;

	header.session_id = 0xbad;
	const struct frame *frame = udp_frame(
		&(struct way){0}, message, put_message(message, &header, message + 500, 80));
	for (uint32_t i = 0; i < 60; i++)
		assert_true(mr_nic_fake_receive(world->nic, 0, frame->bytes, frame->length, 0));
	world_step(world);
	while (take_sent(world))
		sent++;
	assert_in_range(sent, 1, 16);
	assert_int_equal(discards(world, MR_DISCARD_SESSION), 60);
	world_free(world);
}

// -- Handshakes

static uint32_t put_hello(uint64_t session_id, uint32_t body_length)
{
	static uint8_t body[MR_WIRE_BYTES_MAX];
	struct mr_wire_header header = header_of(MR_WIRE_HELLO, 0, 0, 0);

	memset(body, 0, sizeof(body));
	header.session_id = session_id;
	return put_message(message, &header, body, body_length);
}

enum { HELLO_BODY = MR_WIRE_HELLO_BYTES - MR_WIRE_HEADER_BYTES - MR_WIRE_TAG_BYTES };

static struct mr_handshake *take_handshake(struct world *world, enum mr_to_steward_kind kind)
{
	struct mr_desc desc = {0};

	assert_int_equal(mr_ring_pop_burst(world->config.to_steward, &desc, 1), 1);
	assert_int_equal(desc.word[1], kind);
	return (struct mr_handshake *)(uintptr_t)desc.word[0];
}

static void welcome(struct world *world, struct mr_handshake *handshake)
{
	world_msg(world, MR_STEWARD_WELCOME)->handshake = handshake;
	world_tell(world);
}

static void hello_reaches_the_steward_and_its_answer_the_producer(void **state)
{
	(void)state;
	struct world *world = world_new();
	const struct way way = {.ipv6 = true, .vlans = 1};
	uint32_t length, request = put_hello(42, HELLO_BODY);

	deliver(world, udp_frame(&way, message, request));
	struct mr_handshake *handshake = take_handshake(world, MR_TO_STEWARD_HELLO);
	assert_int_equal(handshake->app, APP);
	assert_int_equal(handshake->source, 0);
	assert_int_equal(handshake->request_length, request);
	assert_memory_equal(handshake->request, message, request);
	assert_int_equal(counter(world, MR_INGEST_HELLOS), 1);
	assert_false(take_sent(world));

	memcpy(handshake->reply, "a welcome of eight words, no more", 32);
	handshake->reply_length = 32;
	welcome(world, handshake);
	const uint8_t *datagram = open_reply(world, &way, &length);
	assert_int_equal(length, 32);
	assert_memory_equal(datagram, "a welcome of eight words, no more", 32);
	world_free(world);
}

static void steward_may_say_nothing(void **state)
{
	(void)state;
	struct world *world = world_new();

	for (uint32_t i = 0; i < 100; i++) { // no slot is lost by it
		deliver(world, udp_frame(&(struct way){0}, message, put_hello(42, HELLO_BODY)));
		struct mr_handshake *handshake = take_handshake(world, MR_TO_STEWARD_HELLO);
		welcome(world, handshake);
		assert_false(take_sent(world));
	}
	world_free(world);
}

static void bye_goes_the_way_of_hello(void **state)
{
	(void)state;
	struct world *world = world_new();
	struct mr_wire_header header = header_of(MR_WIRE_BYE, 0, 0, 0);
	uint32_t length = put_message(message, &header, NULL, 0);

	deliver(world, udp_frame(&(struct way){0}, message, length));
	struct mr_handshake *handshake = take_handshake(world, MR_TO_STEWARD_BYE);
	assert_int_equal(counter(world, MR_INGEST_HELLOS), 0);
	memcpy(handshake->reply, message, length);
	handshake->reply_length = length;
	welcome(world, handshake);
	assert_true(take_sent(world));
	world_free(world);
}

static void handshakes_under_way_are_bounded_and_not_doubled(void **state)
{
	(void)state;
	struct world *world = world_new();

	for (uint32_t i = 0; i < 40; i++)
		deliver(world, udp_frame(&(struct way){0}, message, put_hello(i + 1, HELLO_BODY)));
	assert_int_equal(counter(world, MR_INGEST_HELLOS), 32);
	assert_int_equal(discards(world, MR_DISCARD_HELLO_BUSY), 8);
	welcome(world, take_handshake(world, MR_TO_STEWARD_HELLO));
	deliver(world, udp_frame(&(struct way){0}, message, put_hello(2, HELLO_BODY)));
	assert_int_equal(discards(world, MR_DISCARD_HELLO_BUSY), 9); // it is under way already
	deliver(world, udp_frame(&(struct way){0}, message, put_hello(1, HELLO_BODY)));
	assert_int_equal(counter(world, MR_INGEST_HELLOS), 33);
	world_free(world);
}

static void bad_hellos_stay_outside(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint32_t body_length;
		uint32_t at; // in the message
		uint8_t value;
		enum mr_discard why;
	} hellos[] = {
		{"no room for the answer", 32 + FLOWS * 16 - 8, 0, 'M', MR_DISCARD_LENGTH},
		{"no body", 0, 0, 'M', MR_DISCARD_LENGTH},
		{"too many flows", HELLO_BODY, MR_WIRE_HEADER_BYTES + 16, 65, MR_DISCARD_LENGTH},
		{"reserved is set", HELLO_BODY, MR_WIRE_HEADER_BYTES + 18, 1, MR_DISCARD_LENGTH},
		{"padding is not zero", HELLO_BODY, 200, 1, MR_DISCARD_LENGTH},
		{"longer than a datagram", MR_WIRE_BYTES_MAX / 8 * 8, 0, 'M', MR_DISCARD_LENGTH},
		{"unknown key", HELLO_BODY, 8, 99, MR_DISCARD_KEY},
		{"session 0", HELLO_BODY, 16, 0, MR_DISCARD_SESSION},
	};
	struct world *world = world_new();

	for (size_t i = 0; i < sizeof(hellos) / sizeof(hellos[0]); i++) {
		uint64_t before = discards(world, hellos[i].why);
		uint32_t length = put_hello(42, hellos[i].body_length);
		message[hellos[i].at] = hellos[i].value;
		deliver(world, udp_frame(&(struct way){0}, message, length));
		if (discards(world, hellos[i].why) != before + 1)
			fail_msg("%s: not counted", hellos[i].name);
	}
	assert_int_equal(mr_ring_used(world->config.to_steward), 0);
	deliver(world, udp_frame(&(struct way){0}, message, put_hello(42, 32 + FLOWS * 16)));
	(void)take_handshake(world, MR_TO_STEWARD_HELLO); // the least that is enough
	world_free(world);
}

static void silent_steward_costs_no_slot(void **state)
{
	(void)state;
	struct world *world = world_new();

	while (mr_ring_push(world->config.to_steward, (struct mr_desc){0}))
		;
	for (uint32_t i = 0; i < 40; i++)
		deliver(world, udp_frame(&(struct way){0}, message, put_hello(42, HELLO_BODY)));
	assert_int_equal(discards(world, MR_DISCARD_HELLO_BUSY), 40);
	struct mr_desc desc;
	while (mr_ring_pop_burst(world->config.to_steward, &desc, 1) > 0)
		;
	deliver(world, udp_frame(&(struct way){0}, message, put_hello(42, HELLO_BODY)));
	(void)take_handshake(world, MR_TO_STEWARD_HELLO);
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ack_goes_back_the_way_the_packet_came),
		cmocka_unit_test(ack_of_the_largest_size_fits_its_frame),
		cmocka_unit_test(ack_for_nobody_comes_back_unsent),
		cmocka_unit_test(ack_without_a_free_frame_is_counted_and_comes_back),
		cmocka_unit_test(ping_is_answered_in_kind),
		cmocka_unit_test(reply_is_never_larger_than_request),
		cmocka_unit_test(errors_are_few_at_a_time),
		cmocka_unit_test(hello_reaches_the_steward_and_its_answer_the_producer),
		cmocka_unit_test(steward_may_say_nothing),
		cmocka_unit_test(bye_goes_the_way_of_hello),
		cmocka_unit_test(handshakes_under_way_are_bounded_and_not_doubled),
		cmocka_unit_test(bad_hellos_stay_outside),
		cmocka_unit_test(silent_steward_costs_no_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
