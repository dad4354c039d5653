// What a start hands to a shard: sessions, windows with holes, events that wait in the file.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <millrace/reason.h>

#include "event_codec.h"
#include "record_codec.h"
#include "shard_rig.h"

enum { EARLIER_BYTES = 1 << 16, COPY_BYTES = 512, RECEIVED_NS = 4000 };

static struct rig rig;
static uint64_t accepted[MR_WINDOW_MAX / 64];

static void open_rig(struct rig_options options)
{
	options.is_durable = true;
	options.first_stream = 7;
	options.earlier_bytes = EARLIER_BYTES;
	rig_open(&rig, &options);
	memset(accepted, 0, sizeof(accepted));
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static void accept(uint64_t first, uint64_t end)
{
	for (; first < end; first++)
		accepted[first % MR_WINDOW_MAX / 64] |= UINT64_C(1) << first % 64;
}

static const uint8_t *encode(struct mr_event *event)
{
	static uint8_t bytes[COPY_BYTES];
	static const char type[] = "task";
	event->type = (struct mr_text){.data = type, .length = 4};
	event->action = MR_ACTION_CHANGED;
	event->created_at_ns = 1;
	const ssize_t length = mr_event_encode(event, bytes, sizeof(bytes));
	assert_in_range(length, MR_EVENT_FIXED_BYTES, sizeof(bytes));
	return bytes;
}

// Writes the nth copy of the start to the file and hands it to its shard.
static bool recover(uint32_t nth, struct mr_event *event, uint16_t flags, uint16_t hops_done)
{
	const uint32_t shard = rig_owner(&rig, event->object);
	const uint64_t offset = MR_STREAM_START + (uint64_t)nth * COPY_BYTES;
	const uint8_t *bytes = encode(event);
	uint32_t event_bytes;
	memcpy(&event_bytes, bytes, sizeof(event_bytes));
	struct mr_record_event head = {
		.app = RIG_APP,
		.session_id = RIG_SESSION_ID,
		.sequence = nth + 1,
		.received_at_ns = RECEIVED_NS,
		.hops_done = hops_done,
	};
	mr_record_seal(
		&head, sizeof(head), bytes, event_bytes, MR_RECORD_EVENT, MR_EVENT_COPIED | flags);
	memcpy(rig.files[shard] + offset, &head, sizeof(head));
	memcpy(rig.files[shard] + offset + sizeof(head), bytes, event_bytes);
	const struct mr_recovered_event recovered = {
		.object = event->object,
		.app = RIG_APP,
		.workspace = event->workspace,
		.database = event->database,
		.offset = offset,
		.bytes = head.record.length,
		.shard = shard,
	};
	return mr_shard_recover_event(rig.shards[shard], &recovered);
}

static void recovered_events_are_distributed_in_order_before_new_ones(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	struct mr_event events[3] = {{.object = rig_object_of(&rig, 0, 0), .workspace = 5},
		{.object = rig_object_of(&rig, 0, 1), .workspace = 6},
		{.object = rig_object_of(&rig, 0, 2)}};
	for (uint32_t i = 0; i < 60; i++)
		assert_true(recover(i, &events[i % 3], 0, 0));
	assert_int_equal(atomic_load(&rig.owners[0].keep), 0); // nothing is let go of before
	rig_audit(&rig);
	rig_hold(&rig, events[0].object, MR_HOLD);
	for (uint64_t i = 0; i < 3; i++)
		rig_subscribe(&rig, 1 + i, events[i].object);
	rig_run(&rig, 20);
	assert_int_equal(rig_total(&rig, MR_SHARD_RECOVERED), 60);
	assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), 0);
	assert_int_equal(atomic_load(&rig.owners[0].keep), MR_STREAM_START);
	rig_session(&rig, 0);
	const struct rig_event fresh = {.object = events[0].object, .workspace = 5};
	rig_send(&rig, 1, &fresh, 4);
	rig.file_waits = true;
	rig_run(&rig, 10);
	rig_hold(&rig, events[0].object, MR_RELEASE);
	rig_run(&rig, 200);
	assert_int_equal(rig_heard(&rig, 1), 24);
	uint64_t last[4] = {0};
	for (uint32_t i = 0; i < rig.log_count; i++) {
		const uint64_t offset = mr_position_offset(rig.log[i].message.position);
		assert_true(offset > last[rig.log[i].message.lane]);
		last[rig.log[i].message.lane] = offset;
	}
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 64);
	rig_run(&rig, 30);
	assert_int_equal(atomic_load(&rig.owners[0].keep), UINT64_MAX);
}

static void hops_that_are_done_are_not_sent_again(void **state)
{
	(void)state;
	open_rig((struct rig_options){.shards = 2, .flows = 2});
	struct mr_event event = {.object = rig_object_of(&rig, 0, 0), .ancestors_count = 3};
	for (uint32_t i = 0; i < 3; i++) {
		event.ancestors[i].gid = rig_object_of(&rig, i % 2, 10 + i);
		event.ancestors[i].via = MR_VIA_OBJECT;
		event.ancestors[i].type = (struct mr_text){.data = "project", .length = 7};
		rig_subscribe(&rig, 2 + i, event.ancestors[i].gid);
	}
	rig_subscribe(&rig, 1, event.object);
	assert_true(recover(0, &event, MR_EVENT_OBJECT_DONE, 0));
	assert_true(recover(1, &event, 0, 2));
	assert_true(recover(2, &event, MR_EVENT_OBJECT_DONE, 7));
	rig_run(&rig, 30);
	assert_int_equal(rig_heard(&rig, 1), 1);
	assert_int_equal(rig_heard(&rig, 2), 2);
	assert_int_equal(rig_heard(&rig, 3), 1);
	assert_int_equal(rig_heard(&rig, 4), 2);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 3);
}

static void event_for_which_a_table_is_full_is_told(void **state)
{
	(void)state;
	open_rig((struct rig_options){.limits = {.objects_max = 2}});
	struct mr_event events[3];
	memset(events, 0, sizeof(events));
	for (uint32_t i = 0; i < 3; i++) {
		events[i].object = rig_object_of(&rig, 0, i);
		assert_true(recover(i, &events[i], 0, 0) == (i < 2));
	}
	rig_run(&rig, 20);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 2);
}

static struct mr_packet *packet(uint64_t first, uint64_t known, uint32_t count)
{
	const struct rig_event event = {.object = rig_object_of(&rig, 0, 0)};
	return rig_packet(&rig, 0, first, known, &event, count);
}

static void window_with_holes_refuses_what_was_lost(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	accept(1, 20);
	accept(25, 300);
	accept(301, 304);
	mr_shard_recover_session(rig.shards[0], 0, RIG_APP, RIG_SESSION_ID, 1);
	mr_shard_recover_flow(rig.shards[0], 0, 0, 304, accepted);
	rig_session(&rig, 0);
	assert_int_equal(rig.message->session.grants[0].next, 304);
	rig_lend(&rig, packet(304, 10, 6));
	rig_run(&rig, 10);
	const struct rig_ack *ack = &rig.acks[0][0];
	assert_int_equal(ack->settled, 310);
	assert_int_equal(ack->runs_count, 2);
	assert_int_equal(ack->runs[0].first, 20);
	assert_int_equal(ack->runs[0].count, 5);
	assert_int_equal(ack->runs[0].reason, MR_REASON_RESTARTED);
	assert_int_equal(ack->runs[1].first, 300);
	assert_int_equal(ack->runs[1].count, 1);
	rig_lend(&rig, packet(310, 25, 1)); // it knows of the first run
	rig_run(&rig, 10);
	assert_int_equal(ack->runs_count, 1);
	assert_int_equal(ack->runs[0].first, 300);
	rig_lend(&rig, packet(20, 25, 5)); // none of it is taken again
	rig_run(&rig, 10);
	assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), 7);
	rig_lend(&rig, packet(311, 304, 1));
	rig_run(&rig, 10);
	assert_int_equal(ack->runs_count, 0);
	// a checkpoint names what is accepted, and not what was lost
	atomic_store(&rig.journal.epoch, 1);
	rig_lend(&rig, packet(312, 304, 60));
	rig_run(&rig, 10);
	assert_int_equal(ack->settled, 372);
}

static void more_holes_than_an_ack_lists_are_told_one_after_the_other(void **state)
{
	(void)state;
	open_rig((struct rig_options){.limits = {.refused_runs_max = 4}}); // takes none of them
	for (uint64_t at = 1; at < 400; at += 4)
		accept(at, at + 3);
	mr_shard_recover_session(rig.shards[0], 0, RIG_APP, RIG_SESSION_ID, 1);
	mr_shard_recover_flow(rig.shards[0], 0, 0, 400, accepted);
	rig_session(&rig, 0);
	const struct rig_ack *ack = &rig.acks[0][0];
	uint64_t known = 1;
	uint64_t expected = 4;
	rig_lend(&rig, packet(400, known, 10));
	for (uint32_t round = 0; round < 30 && ack->settled < 410; round++) {
		rig_run(&rig, 5);
		for (uint32_t i = 0; i < ack->runs_count; i++) {
			assert_int_equal(ack->runs[i].count, 1);
			assert_true(ack->runs[i].first <= expected); // none is left out
			if (ack->runs[i].first == expected)
				expected += 4;
		}
		assert_true(ack->settled <= expected || expected == 400);
		known = ack->settled;
		rig_lend(&rig, packet(410, known, 1)); // tells what it knows
	}
	assert_int_equal(expected, 400);
	rig_run(&rig, 5);
	assert_int_equal(ack->settled, 411);
}

// Refusals are not recorded: the producer has heard of more than a start can find.
static void producer_that_knows_more_goes_on_there(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	accept(1, 11);
	mr_shard_recover_session(rig.shards[0], 0, RIG_APP, RIG_SESSION_ID, 1);
	mr_shard_recover_flow(rig.shards[0], 0, 0, 11, accepted);
	rig_session(&rig, 0);
	rig_lend(&rig, packet(41, 41, 5));
	rig_run(&rig, 10);
	rig_lend(&rig, packet(41, 41, 5)); // the first one came before there was an edge
	rig_run(&rig, 10);
	assert_int_equal(rig.acks[0][0].settled, 46);
	assert_int_equal(rig.acks[0][0].runs_count, 0);
	assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), 5);
	rig_lend(&rig, packet(46, 90, 5)); // but no more than once something was sent
	rig_run(&rig, 10);
	assert_int_equal(rig.acks[0][0].settled, 51);
}

static void checkpoint_carries_holes_on(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	accept(1, 100);
	accept(120, 130);
	mr_shard_recover_session(rig.shards[0], 0, RIG_APP, RIG_SESSION_ID, 1);
	mr_shard_recover_flow(rig.shards[0], 0, 0, 130, accepted);
	rig_session(&rig, 0);
	rig_lend(&rig, packet(130, 50, 6));
	rig_run(&rig, 10);
	atomic_store(&rig.journal.epoch, 1);
	rig_run(&rig, 10);
	assert_int_equal(atomic_load(&rig.owners[0].epoch), 1);
	struct mr_record_checkpoint window = {.next = 0};
	uint32_t length;
	for (uint64_t at = MR_STREAM_START + EARLIER_BYTES;
		at < mr_stream_watermark(&rig.streams[0]); at += length) {
		struct mr_record record;
		memcpy(&record, rig.files[0] + at, sizeof(record));
		if (record.kind == MR_RECORD_CHECKPOINT)
			memcpy(&window, rig.files[0] + at, sizeof(window));
		length = record.length;
	}
	assert_int_equal(window.next, 136);
	for (uint64_t sequence = 1; sequence < 136; sequence++) {
		const bool is_lost = sequence >= 100 && sequence < 120;
		assert_int_equal(
			window.accepted[sequence / 64] >> sequence % 64 & 1, is_lost ? 0 : 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			recovered_events_are_distributed_in_order_before_new_ones, teardown),
		cmocka_unit_test_teardown(hops_that_are_done_are_not_sent_again, teardown),
		cmocka_unit_test_teardown(event_for_which_a_table_is_full_is_told, teardown),
		cmocka_unit_test_teardown(window_with_holes_refuses_what_was_lost, teardown),
		cmocka_unit_test_teardown(
			more_holes_than_an_ack_lists_are_told_one_after_the_other, teardown),
		cmocka_unit_test_teardown(producer_that_knows_more_goes_on_there, teardown),
		cmocka_unit_test_teardown(checkpoint_carries_holes_on, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
