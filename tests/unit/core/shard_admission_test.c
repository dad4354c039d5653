// Packets at the door of a shard: order, duplicates, windows, bounds and the ACKs that tell of
// them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <millrace/scope.h>

#include "hash.h"
#include "shard_rig.h"

static struct rig rig;
static const struct rig_event task = {.object = 42, .workspace = 5, .database = 6};

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static void open_rig(struct rig_options options)
{
	rig_open(&rig, &options);
	rig_session(&rig, 0);
}

static void packet_is_settled_and_acked_once_durable(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig.journal_stopped = true;
	rig_send(&rig, 1, &task, 10);
	rig_run(&rig, 5);
	assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), 10);
	assert_int_equal(rig.acks[0][0].settled, 1);
	assert_int_equal(rig.acks[0][0].bitmap[0], 0x3ff); // received, not settled
	rig.journal_stopped = false;
	rig_run(&rig, 5);
	assert_int_equal(rig.acks[0][0].settled, 11);
	assert_int_equal(rig.acks[0][0].bitmap_words, 0);
	assert_int_equal(rig.acks[0][0].flags, MR_WIRE_FLAG_VOLATILE);
}

static void duplicate_is_acked_but_not_queued(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig_send(&rig, 1, &task, 10);
	rig_run(&rig, 10);
	const uint32_t acks = rig.acks[0][0].count;
	rig_send(&rig, 1, &task, 10);
	rig_step(&rig);
	assert_int_equal(rig.acks[0][0].count, acks + 1); // at once
	assert_int_equal(rig_total(&rig, MR_SHARD_OFFERED), 10);
	assert_int_equal(rig_discards(&rig, MR_DISCARD_DUPLICATE), 1);
}

static void only_the_new_part_of_a_packet_is_admitted(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig_send(&rig, 1, &task, 10);
	rig_send(&rig, 6, &task, 10);
	rig_run(&rig, 5);
	assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), 15);
	assert_int_equal(rig_discards(&rig, MR_DISCARD_DUPLICATE), 0);
}

static void packets_out_of_order_are_admitted_in_order(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig_subscribe(&rig, 1, task.object);
	rig_send(&rig, 21, &task, 10);
	rig_send(&rig, 11, &task, 10);
	rig_send(&rig, 11, &task, 10);
	rig_run(&rig, 4);
	assert_int_equal(rig_total(&rig, MR_SHARD_OFFERED), 0);
	assert_int_equal(rig_discards(&rig, MR_DISCARD_DUPLICATE), 1);
	assert_int_equal(rig.acks[0][0].settled, 1);
	assert_int_equal(rig.acks[0][0].bitmap[0], UINT64_C(0x3ffffc00));
	rig_send(&rig, 1, &task, 10);
	rig_run(&rig, 10);
	assert_int_equal(rig.acks[0][0].settled, 31);
	assert_int_equal(rig_heard(&rig, 1), 30);
	for (uint32_t i = 0; i < 30; i++)
		assert_int_equal(rig.log[i].sequence, i + 1);
}

static void reorder_list_is_bounded_per_flow_and_in_all(void **state)
{
	(void)state;
	open_rig((struct rig_options){.limits = {.reorder_packets_max = 10}});
	for (uint32_t i = 0; i < 12; i++)
		rig_send(&rig, 11 + i, &task, 1);
	rig_step(&rig);
	assert_int_equal(rig_discards(&rig, MR_DISCARD_REORDER_FULL), 2);
	assert_int_equal(rig.packets_lent, 10);
	assert_true(rig.acks[0][0].flags & MR_WIRE_FLAG_BUSY);
	rig_send(&rig, 1, &task, 10);
	rig_run(&rig, 4);
	assert_int_equal(rig.packets_lent, 0);
	assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), 20);
	assert_false(rig.acks[0][0].flags & MR_WIRE_FLAG_BUSY);
}

static void one_flow_keeps_64_packets_at_most(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	for (uint32_t i = 0; i < MR_REORDER_PACKETS_MAX + 3; i++)
		rig_send(&rig, 5 + i, &task, 1);
	rig_run(&rig, 2);
	assert_int_equal(rig_discards(&rig, MR_DISCARD_REORDER_FULL), 3);
	assert_int_equal(rig.packets_lent, MR_REORDER_PACKETS_MAX);
}

static void sequence_beyond_the_edge_is_discarded_unsettled(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	const uint64_t edge = rig.message->session.grants[0].edge;
	assert_true(edge > 1 && edge <= 1 + MR_WINDOW_MAX);
	rig_send(&rig, edge - 4, &task, 5);
	rig_send(&rig, UINT64_MAX - 2, &task, 10);
	rig_step(&rig);
	assert_int_equal(rig_discards(&rig, MR_DISCARD_BEYOND_EDGE), 2);
	assert_int_equal(rig_total(&rig, MR_SHARD_OFFERED), 0);
	assert_true(rig.acks[0][0].flags & MR_WIRE_FLAG_BUSY);
}

static void unknown_session_and_foreign_flow_are_given_back(void **state)
{
	(void)state;
	open_rig((struct rig_options){.shards = 2, .flows = 4});
	struct mr_packet *packet = rig_packet(&rig, 3, 1, 0, &task, 1);
	rig_lend(&rig, packet);
	packet = rig_packet(&rig, RIG_SESSIONS_MAX, 1, 0, &task, 1);
	rig_lend(&rig, packet);
	rig_step(&rig);
	assert_int_equal(rig_discards(&rig, MR_DISCARD_SESSION), 2);
	assert_int_equal(rig.packets_lent, 0);
}

static void undecoded_events_settle_as_malformed(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	struct mr_packet *packet = rig_packet(&rig, 0, 1, 0, &task, 10);
	packet->decoded = 4;
	rig_lend(&rig, packet);
	rig_run(&rig, 6);
	assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), 4);
	assert_int_equal(rig_reason(&rig, MR_REASON_MALFORMED), 6);
	assert_int_equal(rig.acks[0][0].settled, 11);
	assert_int_equal(rig.acks[0][0].runs_count, 1);
	assert_int_equal(rig.acks[0][0].runs[0].first, 5);
	assert_int_equal(rig.acks[0][0].runs[0].count, 6);
	assert_int_equal(rig.acks[0][0].runs[0].reason, MR_REASON_MALFORMED);
}

static void verdict_of_the_door_is_final(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	struct mr_packet *packet = rig_packet(&rig, 0, 1, 0, &task, 5);
	packet->verdicts = 1;
	packet->verdict[2] = MR_REASON_PAUSED;
	rig_lend(&rig, packet);
	rig_run(&rig, 6);
	assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), 4);
	assert_int_equal(rig_reason(&rig, MR_REASON_PAUSED), 1);
	assert_int_equal(rig.acks[0][0].runs[0].first, 3);
	assert_true(rig.acks[0][0].runs[0].retry_after_ms >= 1000);
}

static void hot_object_stops_at_its_bound(void **state)
{
	(void)state;
	open_rig((struct rig_options){.limits = {.object_queue_events = 100}});
	rig.journal_stopped = true; // appended events count as well
	rig_send(&rig, 1, &task, 120);
	rig_send(&rig, 121, &(struct rig_event){.object = 43}, 5);
	rig_run(&rig, 4);
	assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), 105);
	assert_int_equal(rig_reason(&rig, MR_REASON_OBJECT_FULL), 20);
	rig.journal_stopped = false;
	rig_run(&rig, 10);
	assert_int_equal(rig.acks[0][0].runs_count, 1);
	assert_int_equal(rig.acks[0][0].runs[0].count, 20);
	assert_int_equal(rig.acks[0][0].runs[0].scope_kind, MR_SCOPE_OBJECT);
	assert_int_equal(rig.acks[0][0].runs[0].scope_id, task.object);
}

static void bytes_bound_an_object_as_well(void **state)
{
	(void)state;
	open_rig((struct rig_options){.limits = {.object_queue_bytes = 10000}});
	struct rig_event big = task;
	big.payload_bytes = 2000;
	rig.journal_stopped = true;
	rig_send(&rig, 1, &big, 10);
	rig_step(&rig);
	assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), 4);
	assert_int_equal(rig_reason(&rig, MR_REASON_OBJECT_FULL), 6);
	rig.journal_stopped = false;
}

static void sources_hear_of_a_full_object_and_of_its_relief(void **state)
{
	(void)state;
	open_rig((struct rig_options){.limits = {.object_queue_events = 100}});
	rig_hold(&rig, task.object, MR_HOLD);
	rig_send(&rig, 1, &task, 110);
	rig_send(&rig, 111, &task, 10);
	rig_run(&rig, 3);
	assert_int_equal(rig.sheds, 1);
	assert_int_equal(rig.last_shed.data, task.object);
	assert_true(rig.last_shed.until_ms > 0);
	const struct mr_source_msg refused = {
		.data = 121 | (uint64_t)rig.last_shed.slot << 56,
		.known_behind = UINT16_MAX,
		.kind = MR_SOURCE_REFUSED,
		.reason = MR_REASON_OBJECT_FULL,
		.count = 30,
	};
	rig_push(&rig, 0, refused);
	rig_run(&rig, 5);
	assert_int_equal(rig_reason(&rig, MR_REASON_OBJECT_FULL), 50);
	assert_int_equal(rig.acks[0][0].settled, 151); // one run, of one object
	assert_int_equal(rig.acks[0][0].runs_count, 1);
	assert_int_equal(rig.acks[0][0].runs[0].count, 50);
	rig_hold(&rig, task.object, MR_RELEASE);
	rig_run(&rig, 5);
	assert_int_equal(rig.sheds, 2);
	assert_int_equal(rig.last_shed.until_ms, 0);
}

static void packet_refused_at_the_door_keeps_to_the_order(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	struct mr_source_msg refused = {
		.data = 11,
		.known_behind = 10,
		.kind = MR_SOURCE_REFUSED,
		.reason = MR_REASON_PAUSED,
		.count = 10,
	};
	rig_push(&rig, 0, refused);
	rig_step(&rig);
	assert_int_equal(rig_total(&rig, MR_SHARD_OFFERED), 0);
	assert_true(rig.acks[0][0].flags & MR_WIRE_FLAG_BUSY);
	rig_send(&rig, 1, &task, 10);
	rig_push(&rig, 0, refused);
	rig_push(&rig, 0, refused);
	refused.session = 2;
	rig_push(&rig, 0, refused);
	rig_run(&rig, 5);
	assert_int_equal(rig_total(&rig, MR_SHARD_OFFERED), 20);
	assert_int_equal(rig_discards(&rig, MR_DISCARD_DUPLICATE), 1);
	assert_int_equal(rig_discards(&rig, MR_DISCARD_SESSION), 1);
	assert_int_equal(rig.acks[0][0].settled, 21);
}

static void refused_runs_are_listed_until_known(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	struct mr_packet *packet = rig_packet(&rig, 0, 1, 1, &task, 100);
	packet->verdicts = 50;
	for (uint32_t i = 0; i < 100; i += 2)
		packet->verdict[i] = MR_REASON_PAUSED;
	rig_lend(&rig, packet);
	rig_run(&rig, 10);
	const struct rig_ack *ack = &rig.acks[0][0];
	assert_int_equal(ack->runs_count, MR_ACK_REFUSED_RUNS_MAX);
	assert_int_equal(ack->settled, 49); // the 25th run has no room: it must not look accepted
	rig_lend(&rig, rig_packet(&rig, 0, 101, 49, &task, 1));
	rig_run(&rig, 10);
	assert_int_equal(ack->runs[0].first, 49);
	assert_int_equal(ack->settled, 97);
	rig_lend(&rig, rig_packet(&rig, 0, 102, 97, &task, 1));
	rig_run(&rig, 10);
	assert_int_equal(ack->runs_count, 2);
	assert_int_equal(ack->settled, 103);
	rig_lend(&rig, rig_packet(&rig, 0, 103, 103, &task, 1));
	rig_run(&rig, 10);
	assert_int_equal(ack->runs_count, 0);
}

static void without_a_free_run_the_rest_stays_unsettled(void **state)
{
	(void)state;
	open_rig((struct rig_options){.limits = {.refused_runs_max = 2}});
	struct mr_packet *packet = rig_packet(&rig, 0, 1, 1, &task, 10);
	packet->verdicts = 5;
	for (uint32_t i = 0; i < 10; i += 2)
		packet->verdict[i] = MR_REASON_PAUSED;
	rig_lend(&rig, packet);
	rig_run(&rig, 10);
	assert_int_equal(rig.acks[0][0].settled, 5);
	assert_int_equal(rig_total(&rig, MR_SHARD_OFFERED), 4);
	assert_int_equal(rig_discards(&rig, MR_DISCARD_SHARD_BUSY), 1);
	rig_lend(&rig, rig_packet(&rig, 0, 1, 5, &task, 10));
	rig_run(&rig, 10);
	assert_int_equal(rig.acks[0][0].settled, 11);
}

static void full_buffer_refuses_and_closes_credit(void **state)
{
	(void)state;
	open_rig((struct rig_options){
		.buffer_bytes = 65536, .limits = {.object_queue_events = 8000}});
	rig.lanes_pin = true;
	uint64_t next = 1;
	for (uint32_t i = 0; i < 20; i++) {
		rig_lend(&rig, rig_packet(&rig, 0, next, next, &task, 50));
		rig_run(&rig, 5);
		next = rig.acks[0][0].settled;
	}
	assert_true(rig_counter(&rig, 0, MR_SHARD_BUFFER_USED) <= 65536 / 8 * 7);
	assert_true(rig.acks[0][0].edge - next < 50);
	assert_true(rig_discards(&rig, MR_DISCARD_BEYOND_EDGE) > 0);
	rig.lanes_pin = false;
	for (uint32_t i = 0; i < RIG_DELIVERIES; i++)
		atomic_store(&rig.boards[i].floor[0], UINT64_MAX);
	rig_run(&rig, 10);
	assert_true(rig.acks[0][0].edge - next >= 50); // credit comes back by itself
}

// Everything stays in the buffer: it is filled by eight flows, each as far as its edge and no
// further, at different speeds, until nobody may send any more.
static void senders_that_keep_to_their_edge_are_not_refused(void **state)
{
	(void)state;
	open_rig((struct rig_options){
		.flows = 4, .buffer_bytes = 1 << 18, .limits = {.object_queue_events = 8000}});
	rig_session(&rig, 1);
	rig.lanes_pin = true;
	uint64_t next[2][4] = {{1, 1, 1, 1}, {1, 1, 1, 1}};
	for (uint32_t round = 0; round < 3000; round++) {
		const uint16_t session = round % 2;
		const uint32_t flow = round / 2 % 4;
		const struct rig_ack *ack = &rig.acks[session][flow];
		const struct rig_event event = {.object = rig_object_of(&rig, flow, session)};
		const uint64_t edge = ack->edge > 0 ? ack->edge : 2;
		uint64_t count = edge - next[session][flow];
		if (count > 1 + flow * 30)
			count = 1 + flow * 30;
		if (count > 0) {
			rig_lend(&rig,
				rig_packet(&rig, session, next[session][flow], ack->settled, &event,
					(uint32_t)count));
			next[session][flow] += count;
		}
		rig_run(&rig, 2);
	}
	assert_int_equal(rig_reason(&rig, MR_REASON_SHARD_FULL), 0);
	assert_true(rig_counter(&rig, 0, MR_SHARD_BUFFER_USED) > (1 << 18) / 2);
	rig_audit(&rig);
}

static void hold_finds_a_state_in_a_full_table(void **state)
{
	(void)state;
	open_rig((struct rig_options){.limits = {.objects_max = 2}});
	const struct rig_event first = {.object = 100};
	const struct rig_event second = {.object = 101};
	rig_hold(&rig, first.object, MR_HOLD);
	rig_hold(&rig, second.object, MR_HOLD);
	rig_step(&rig);
	rig_send(&rig, 1, &first, 1);
	rig_send(&rig, 2, &second, 1);
	rig_run(&rig, 3);
	rig_hold(&rig, 102, MR_HOLD); // of one lane
	rig_hold(&rig, 102, MR_HOLD); // of another one
	rig_run(&rig, 3);
	assert_int_equal(rig_total(&rig, MR_SHARD_OBJECTS_HELD), 3);
	rig_send(&rig, 3, &(struct rig_event){.object = 102}, 1); // no state for its event
	rig_run(&rig, 3);
	assert_int_equal(rig_reason(&rig, MR_REASON_SHARD_FULL), 1);
	rig_hold(&rig, 102, MR_RELEASE);
	rig_run(&rig, 3);
	assert_int_equal(rig_total(&rig, MR_SHARD_OBJECTS_HELD), 3);
	rig_hold(&rig, 102, MR_RELEASE);
	rig_hold(&rig, first.object, MR_RELEASE);
	rig_hold(&rig, second.object, MR_RELEASE);
	rig_run(&rig, 5);
	assert_int_equal(rig_total(&rig, MR_SHARD_OBJECTS), 0);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 2);
}

static void object_table_and_positions_refuse_when_full(void **state)
{
	(void)state;
	open_rig((struct rig_options){.limits = {.objects_max = 3}});
	rig.journal_stopped = true;
	for (uint32_t i = 0; i < 5; i++)
		rig_send(&rig, 1 + i, &(struct rig_event){.object = 100 + i}, 1);
	rig_step(&rig);
	assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), 3);
	assert_int_equal(rig_reason(&rig, MR_REASON_SHARD_FULL), 2);
	rig.journal_stopped = false;
	rig_run(&rig, 5);
	assert_int_equal(rig_counter(&rig, 0, MR_SHARD_OBJECTS), 0); // given back
	rig_send(&rig, 6, &task, 1);
	rig_run(&rig, 5);
	assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), 4);
}

static void resumed_session_keeps_its_window(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig_send(&rig, 1, &task, 10);
	rig_run(&rig, 5);
	rig_session(&rig, 0);
	assert_int_equal(rig.message->session.grants[0].next, 11);
	rig.message->kind = MR_STEWARD_SESSION_CLOSE;
	rig_send(&rig, 13, &task, 1); // ahead: must come back with the session
	rig_step(&rig);
	assert_int_equal(rig.packets_lent, 1);
	rig_tell(&rig);
	assert_int_equal(rig.packets_lent, 0);
	rig_session(&rig, 0);
	assert_int_equal(rig.message->session.grants[0].next, 1);
}

static void open_session_as(uint16_t index, uint64_t session_id)
{
	memset(rig.message, 0, sizeof(*rig.message));
	rig.message->kind = MR_STEWARD_SESSION_OPEN;
	rig.message->session.app = RIG_APP;
	rig.message->session.session_id = session_id;
	rig.message->session.index = index;
	rig_tell(&rig);
}

// Session ids are the producers' choice, and hashes can be computed backwards: 0 stands for 1 in
// the table, so two ids can be made to meet there.
static void session_made_to_collide_harms_only_itself(void **state)
{
	(void)state;
	const uint64_t honest = UINT64_C(0x9ef0e38cb7813ccc);
	const uint64_t hostile = UINT64_C(0xff27d07c2d6ad542);
	open_rig((struct rig_options){0});
	assert_int_equal(mr_hash_u64(honest, RIG_APP), 1);
	assert_int_equal(mr_hash_u64(hostile, RIG_APP), 0);
	open_session_as(1, honest);
	open_session_as(2, hostile);
	rig_lend(&rig, rig_packet(&rig, 2, 1, 0, &task, 3));
	rig_lend(&rig, rig_packet(&rig, 1, 1, 0, &task, 5));
	rig_run(&rig, 10);
	assert_int_equal(rig.acks[1][0].settled, 6);
	assert_true(rig.acks[2][0].settled <= 1); // its own loss
	rig.message->kind = MR_STEWARD_SESSION_CLOSE;
	rig.message->session.index = 2;
	rig_tell(&rig);
	rig_lend(&rig, rig_packet(&rig, 1, 6, 6, &task, 5));
	rig_run(&rig, 10);
	assert_int_equal(rig.acks[1][0].settled, 11);
}

static void acks_without_a_slot_are_sent_later(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	struct mr_desc desc;
	uint32_t taken = 0;
	struct mr_desc kept[MR_SHARD_ACK_SLOTS];
	for (uint32_t i = 0; i < MR_SHARD_ACK_SLOTS + 2; i++) { // one ACK per step, none given back
		rig_send(&rig, 1, &task, 1);
		rig.now.mono_ns += 1000;
		(void)mr_shard_step(rig.shards[0], rig.now, (struct mr_budget){64});
		while (mr_ring_pop_burst(rig.configs[0].to_source[0], &desc, 1) == 1) {
			const struct mr_shard_msg message = mr_desc_to(struct mr_shard_msg, desc);
			if (message.kind == MR_SHARD_ACK)
				kept[taken++] = desc;
			else
				free((void *)(uintptr_t)message.data), rig.packets_lent--;
		}
	}
	assert_int_equal(taken, MR_SHARD_ACK_SLOTS);
	assert_true(rig_total(&rig, MR_SHARD_ACKS_LOST) > 0);
	for (uint32_t i = 0; i < taken; i++) {
		const struct mr_shard_msg message = mr_desc_to(struct mr_shard_msg, kept[i]);
		rig_push(&rig, 0,
			(struct mr_source_msg){.data = message.data, .kind = MR_SOURCE_ACK_DONE});
	}
	rig_run(&rig, 5);
	assert_int_equal(rig.acks[0][0].settled, 2);
}

static void tuned_bound_holds_from_the_next_event_on(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig.journal_stopped = true;
	rig_send(&rig, 1, &task, 50);
	rig_step(&rig);
	rig.message->kind = MR_STEWARD_TUNE;
	rig.message->tune = (struct mr_tune){
		.object_queue_events = 60, .object_queue_bytes = 1 << 20, .penalty_after = 3};
	rig_tell(&rig);
	rig_send(&rig, 51, &task, 50);
	rig_step(&rig);
	assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), 60);
	rig.journal_stopped = false;
	rig_run(&rig, 5);
}

static void shard_says_when_it_has_something_to_do(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig_run(&rig, 3);
	assert_int_equal(mr_shard_next_due(rig.shards[0]), UINT64_MAX);
	rig.journal_stopped = true;
	rig_send(&rig, 1, &task, 1);
	rig_step(&rig);
	assert_in_range(mr_shard_next_due(rig.shards[0]), rig.now.mono_ns,
		rig.now.mono_ns + 200 * 1000); // nobody tells of the watermark
	rig.journal_stopped = false;
	rig_run(&rig, 4);
	const uint64_t due_ns = mr_shard_next_due(rig.shards[0]);
	assert_true(due_ns > rig.now.mono_ns && due_ns != UINT64_MAX); // the distributed record
	rig_run(&rig, 30);
	assert_int_equal(mr_shard_next_due(rig.shards[0]), UINT64_MAX);
}

static void planning_arena_learns_what_a_shard_takes(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	static struct mr_arena plan;
	mr_arena_plan(&plan);
	assert_null(mr_shard_new(&plan, &rig.configs[0]));
	assert_true(plan.used > MR_WINDOW_MAX / 8 * RIG_SESSIONS_MAX);
	static struct mr_arena arena;
	assert_int_equal(mr_arena_open(&arena, plan.used, false), 0);
	assert_non_null(mr_shard_new(&arena, &rig.configs[0]));
	mr_arena_close(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(packet_is_settled_and_acked_once_durable, teardown),
		cmocka_unit_test_teardown(duplicate_is_acked_but_not_queued, teardown),
		cmocka_unit_test_teardown(only_the_new_part_of_a_packet_is_admitted, teardown),
		cmocka_unit_test_teardown(packets_out_of_order_are_admitted_in_order, teardown),
		cmocka_unit_test_teardown(reorder_list_is_bounded_per_flow_and_in_all, teardown),
		cmocka_unit_test_teardown(one_flow_keeps_64_packets_at_most, teardown),
		cmocka_unit_test_teardown(
			senders_that_keep_to_their_edge_are_not_refused, teardown),
		cmocka_unit_test_teardown(hold_finds_a_state_in_a_full_table, teardown),
		cmocka_unit_test_teardown(
			sequence_beyond_the_edge_is_discarded_unsettled, teardown),
		cmocka_unit_test_teardown(
			unknown_session_and_foreign_flow_are_given_back, teardown),
		cmocka_unit_test_teardown(undecoded_events_settle_as_malformed, teardown),
		cmocka_unit_test_teardown(verdict_of_the_door_is_final, teardown),
		cmocka_unit_test_teardown(hot_object_stops_at_its_bound, teardown),
		cmocka_unit_test_teardown(bytes_bound_an_object_as_well, teardown),
		cmocka_unit_test_teardown(
			sources_hear_of_a_full_object_and_of_its_relief, teardown),
		cmocka_unit_test_teardown(packet_refused_at_the_door_keeps_to_the_order, teardown),
		cmocka_unit_test_teardown(refused_runs_are_listed_until_known, teardown),
		cmocka_unit_test_teardown(without_a_free_run_the_rest_stays_unsettled, teardown),
		cmocka_unit_test_teardown(full_buffer_refuses_and_closes_credit, teardown),
		cmocka_unit_test_teardown(object_table_and_positions_refuse_when_full, teardown),
		cmocka_unit_test_teardown(resumed_session_keeps_its_window, teardown),
		cmocka_unit_test_teardown(session_made_to_collide_harms_only_itself, teardown),
		cmocka_unit_test_teardown(acks_without_a_slot_are_sent_later, teardown),
		cmocka_unit_test_teardown(tuned_bound_holds_from_the_next_event_on, teardown),
		cmocka_unit_test_teardown(shard_says_when_it_has_something_to_do, teardown),
		cmocka_unit_test_teardown(planning_arena_learns_what_a_shard_takes, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
