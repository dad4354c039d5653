// A shard with a journal on disk: what it refuses and leaves unsettled, what it tells the others,
// and events that have left the buffer.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "mr_assert.h"
#include "shard_rig.h"

static struct rig rig;
static struct rig_event task;

static void open_rig(struct rig_options options)
{
	options.is_durable = true;
	options.first_stream = 40;
	rig_open(&rig, &options);
	rig_session(&rig, 0);
	task = (struct rig_event){.object = rig_object_of(&rig, 0, 0), .workspace = 11};
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static void journal_that_is_full_or_failed_refuses(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig_send(&rig, 1, &task, 3);
	rig_run(&rig, 5);
	atomic_store(&rig.journal.state, MR_JOURNAL_FULL);
	rig_send(&rig, 4, &task, 5);
	rig_run(&rig, 5);
	assert_int_equal(rig_reason(&rig, MR_REASON_JOURNAL_FULL), 5);
	assert_int_equal(rig.acks[0][0].runs[0].reason, MR_REASON_JOURNAL_FULL);
	assert_true(rig.acks[0][0].runs[0].retry_after_ms > 0);
	atomic_store(&rig.journal.state, MR_JOURNAL_FAILED);
	rig_send(&rig, 9, &task, 7);
	rig_run(&rig, 5);
	assert_int_equal(rig_reason(&rig, MR_REASON_JOURNAL_FAILED), 7);
	atomic_store(&rig.journal.state, MR_JOURNAL_OK);
	rig_send(&rig, 16, &task, 2);
	rig_run(&rig, 5);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 5);
}

static void slow_disk_leaves_events_unsettled_and_drops_none(void **state)
{
	(void)state;
	const uint64_t bound = 32 << 10;
	open_rig((struct rig_options){.limits = {.undurable_bytes_max = bound}});
	rig.journal_stopped = true;
	task.payload_bytes = 1000;
	for (uint64_t i = 0; i < 10; i++)
		rig_send(&rig, 1 + i * 10, &task, 10);
	rig_run(&rig, 5);
	const uint64_t accepted = rig_total(&rig, MR_SHARD_ACCEPTED);
	assert_in_range(accepted, 20, bound / 1000);
	assert_true(mr_stream_next(&rig.streams[0]) - MR_STREAM_START <= bound);
	assert_int_equal(rig_total(&rig, MR_SHARD_REFUSED), 0);
	assert_true(rig_discards(&rig, MR_DISCARD_SHARD_BUSY) > 0);
	assert_true(rig.acks[0][0].flags & MR_WIRE_FLAG_BUSY);
	const uint64_t edge = rig.acks[0][0].edge;
	rig_run(&rig, 50);
	assert_int_equal(rig.acks[0][0].edge, edge); // no more credit
	rig.journal_stopped = false;
	rig_run(&rig, 5);
	for (uint32_t round = 0; round < 20 && rig.acks[0][0].settled <= 100; round++) {
		rig_send(&rig, rig.acks[0][0].settled, &task,
			(uint32_t)(101 - rig.acks[0][0].settled));
		rig_run(&rig, 10);
	}
	assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), 100);
	assert_int_equal(rig_total(&rig, MR_SHARD_REFUSED), 0);
}

static void lanes_do_not_hold_the_buffer(void **state)
{
	(void)state;
	open_rig((struct rig_options){.buffer_bytes = 65536});
	rig_subscribe(&rig, 1, task.object);
	rig.lanes_pin = true;
	for (uint64_t i = 0; i < 40; i++) {
		rig_send(&rig, 1 + i * 50, &task, 50);
		rig_run(&rig, 5);
	}
	assert_int_equal(rig_total(&rig, MR_SHARD_REFUSED), 0);
	assert_int_equal(rig_heard(&rig, 1), 2000);
	assert_true(mr_stream_next(&rig.streams[0]) > 4 * 65536);
}

// A held object's queue is larger than the buffer: its events leave it, all others pass, and in the
// end they are read back in order.
static void evicted_events_are_read_back_in_order(void **state)
{
	(void)state;
	open_rig((struct rig_options){.buffer_bytes = 65536,
		.limits = {.object_queue_events = 5000, .positions_max = 20000}});
	rig_subscribe(&rig, 1, task.object);
	rig_hold(&rig, task.object, MR_HOLD);
	struct rig_event other = {.object = rig_object_of(&rig, 0, 1)};
	rig_subscribe(&rig, 2, other.object);
	for (uint64_t i = 0; i < 20; i++) {
		rig_send(&rig, 1 + i * 60, &task, 50);
		rig_send(&rig, 51 + i * 60, &other, 10);
		rig_run(&rig, 10);
		rig_audit(&rig);
	}
	assert_int_equal(rig_total(&rig, MR_SHARD_REFUSED), 0);
	assert_int_equal(rig_heard(&rig, 2), 200);
	assert_int_equal(rig_total(&rig, MR_SHARD_QUEUED), 1000);
	assert_int_equal(rig.fetches, 0);
	rig.file_waits = true;
	rig_hold(&rig, task.object, MR_RELEASE);
	rig_run(&rig, 50);
	rig_audit(&rig);
	rig_run(&rig, 1500);
	assert_int_equal(rig_total(&rig, MR_SHARD_QUEUED), 0);
	assert_true(rig_total(&rig, MR_SHARD_READ_WAITS) > 100);
	uint64_t last = 0;
	for (uint32_t i = 0; i < rig.log_count; i++) {
		if (rig.log[i].message.lane != 1)
			continue;
		assert_true(rig.log[i].sequence > last);
		last = rig.log[i].sequence;
	}
	assert_int_equal(rig_heard(&rig, 1), 1000);
}

// Hops under way while their events leave the buffer: another shard reads them from the file, the
// answers find them in the side table.
static void event_with_hops_under_way_may_leave_the_buffer(void **state)
{
	(void)state;
	open_rig((struct rig_options){.shards = 2, .flows = 2, .buffer_bytes = 65536});
	task.ancestors = 1;
	task.gids[0] = rig_object_of(&rig, 1, 0);
	task.via[0] = MR_VIA_OBJECT;
	rig_subscribe(&rig, 1, task.gids[0]);
	struct rig_event other = {.object = rig_object_of(&rig, 0, 1)};
	rig.deliveries_stopped = true; // nothing is answered
	rig_send(&rig, 1, &task, 20);
	rig_run(&rig, 5);
	for (uint64_t i = 0; i < 30; i++) {
		rig_send(&rig, 21 + i * 50, &other, 50);
		rig_run(&rig, 5);
		rig_audit(&rig);
	}
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 1500);
	assert_int_equal(rig_counter(&rig, 0, MR_SHARD_QUEUED), 20);
	assert_true(mr_stream_next(&rig.streams[0]) > 3 * 65536);
	rig.deliveries_stopped = false;
	rig_run(&rig, 20);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 1520);
	assert_int_equal(rig_heard(&rig, 1), 20);
}

static void event_that_nobody_has_is_dropped_and_recorded(void **state)
{
	(void)state;
	open_rig((struct rig_options){
		.buffer_bytes = 65536, .limits = {.object_queue_events = 5000}});
	rig_hold(&rig, task.object, MR_HOLD);
	for (uint64_t i = 0; i < 20; i++) {
		rig_send(&rig, 1 + i * 50, &task, 50);
		rig_run(&rig, 10);
	}
	const uint64_t noticed = mr_expect_failures();
	rig.file_gone = true;
	rig_hold(&rig, task.object, MR_RELEASE);
	rig_run(&rig, 100);
	const uint64_t dropped = rig_reason(&rig, MR_REASON_EXPIRED);
	rig.surprises = mr_expect_failures();
	assert_true(rig.surprises >= noticed + dropped || MR_STRICT < 1);
	assert_in_range(dropped, 200, 999);
	assert_int_equal(rig_total(&rig, MR_SHARD_DROPPED), dropped);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 1000 - dropped);
	rig_audit(&rig);
	uint32_t records = 0;
	for (uint64_t at = MR_STREAM_START; at < mr_stream_watermark(&rig.streams[0]);) {
		struct mr_record_dropped record;
		memcpy(&record, rig.files[0] + at, sizeof(record));
		if (record.record.kind == MR_RECORD_DROPPED) {
			assert_int_equal(record.reason, MR_REASON_EXPIRED);
			assert_int_equal(record.scope_id, task.object);
			assert_int_equal(mr_position_stream(record.origin), 40);
			records++;
		}
		at += record.record.length;
	}
	assert_int_equal(records, dropped);
}

static void feed_names_the_border_of_a_record(void **state)
{
	(void)state;
	uint64_t count = 0;
	uint64_t offset = 0;
	open_rig((struct rig_options){0});
	rig_run(&rig, 2);
	assert_true(mr_lane_feed_read(&rig.feeds[0][0], &count, &offset));
	assert_int_equal(count, 0);
	assert_int_equal(offset, MR_STREAM_START);
	for (uint64_t id = 2; id <= 1800; id += 2) // all of one delivery: 900 messages per event
		rig_subscribe(&rig, id, task.object);
	rig.deliveries_stopped = true;
	rig_send(&rig, 1, &task, 20);
	rig_run(&rig, 20);
	// The ring is full in the middle of a record: that one is not told.
	assert_true(mr_lane_feed_read(&rig.feeds[0][0], &count, &offset));
	assert_true(count >= 900 && count % 900 == 0);
	struct mr_record record;
	uint64_t at = MR_STREAM_START;
	uint64_t matches = 0;
	for (; at < offset; at += record.length) {
		memcpy(&record, rig.files[0] + at, sizeof(record));
		matches += record.kind == MR_RECORD_MATCH;
	}
	assert_int_equal(at, offset);
	assert_int_equal(matches * 900, count);
	assert_true(mr_lane_feed_read(&rig.feeds[0][1], &count, &offset));
	assert_int_equal(count, 0);
	assert_int_equal(offset, at);
	rig.deliveries_stopped = false;
	rig_run(&rig, 100);
	assert_int_equal(rig.log_count, 20 * 900);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(journal_that_is_full_or_failed_refuses, teardown),
		cmocka_unit_test_teardown(
			slow_disk_leaves_events_unsettled_and_drops_none, teardown),
		cmocka_unit_test_teardown(lanes_do_not_hold_the_buffer, teardown),
		cmocka_unit_test_teardown(evicted_events_are_read_back_in_order, teardown),
		cmocka_unit_test_teardown(event_with_hops_under_way_may_leave_the_buffer, teardown),
		cmocka_unit_test_teardown(event_that_nobody_has_is_dropped_and_recorded, teardown),
		cmocka_unit_test_teardown(feed_names_the_border_of_a_record, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
