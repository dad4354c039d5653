// Lanes that a start has found in the journal: what they send first, how they fare, and what is
// gone meanwhile.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "delivery_rig.h"
#include "record_codec.h"

enum { ENTRIES_MAX = 3000, RECORDS_MAX = 64, WEBHOOK = 5001, BATCH_NUMBER = 900 };

static uint64_t numbers[MR_BATCH_EVENTS_MAX];

// What is recovered of the webhook in lane 1: one sub-lane unless a test says otherwise.
struct found {
	struct mr_recovered_lane lane;
	mr_position records[RECORDS_MAX];
	uint32_t records_entries[RECORDS_MAX];
};
static struct found found;

// An earlier boot's events 1 .. count in lane records of `each`.
static struct rig *found_new(uint32_t count, uint32_t each)
{
	static mr_position positions[ENTRIES_MAX];
	struct rig *rig = rig_disk_plan();
	memset(&found, 0, sizeof(found));
	found.lane = (struct mr_recovered_lane){
		.webhook = WEBHOOK, .last_number = BATCH_NUMBER, .sublanes_count = 1};
	struct mr_recovered_sublane *sublane = &found.lane.sublanes[0];
	*sublane = (struct mr_recovered_sublane){.settled_number = BATCH_NUMBER - 3,
		.first_entry = 50000,
		.entries = count,
		.records = found.records,
		.records_entries = found.records_entries};
	for (uint32_t i = 0; i < count; i++)
		positions[i] = rig_old_event(rig, 7);
	for (uint32_t at = 0; at < count;) {
		uint32_t entries = count - at < each ? count - at : each;
		found.records_entries[sublane->records_count] = entries;
		found.records[sublane->records_count++] =
			rig_old_lane_record(rig, WEBHOOK, positions + at, entries);
		at += entries;
	}
	return rig;
}

static void found_batch(uint32_t count)
{
	found.lane.sublanes[0].batch_number = BATCH_NUMBER;
	found.lane.sublanes[0].batch_count = count;
}

static void start(struct rig *rig)
{
	rig_disk_start(rig, 40000);
	assert_true(mr_delivery_recover(rig->delivery, &found.lane, 1));
}

// Lane records of the earlier boot are needed until a checkpoint holds that does not name them.
static void expect_nothing_is_needed(struct rig *rig)
{
	for (uint64_t epoch = 1; epoch <= 2; epoch++) {
		atomic_store(&rig->journal.epoch, epoch);
		rig_run(rig, 5 * MS, MS);
		assert_int_equal(atomic_load(&rig->owner.epoch), epoch);
	}
	assert_int_equal(rig_needs(rig), 0);
	assert_int_equal(rig->delivery->lanes.pool.used, 0);
}

static void expect_batch(struct rig *rig, uint64_t first, uint32_t count)
{
	rig_run(rig, 100 * MS, 10 * MS);
	struct fake_request *request = fake_engine_oldest();
	assert_non_null(request);
	assert_int_equal(rig_parse(request, numbers, MR_BATCH_EVENTS_MAX), count);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(numbers[i], first + i);
	fake_engine_answer(request, MR_OUTCOME_OK, 200);
}

static void what_was_owed_is_delivered_in_order_once_the_webhook_is_there(void **state)
{
	(void)state;
	struct rig *rig = found_new(1200, 500);
	start(rig);
	rig_run(rig, 60 * MS, 10 * MS);
	assert_int_equal(fake_engine.begun, 0);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_RECOVERED), 1200);
	rig_add(rig, rig_webhook(rig, 1, 4));
	assert_int_equal(mr_lane_find(&rig->delivery->lanes, 1)->in_flight, 1); // as recovered
	rig_deliver(rig, 1, 7, 100); // new ones go behind
	rig_tune(rig)->batch_events_max = 400;
	rig_retune(rig);
	for (uint64_t first = 1; first < 1201; first += 400)
		expect_batch(rig, first, 400);
	expect_batch(rig, 1201, 100);
	rig_run(rig, 60 * MS, 10 * MS);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DELIVERED), 1300);
	assert_int_equal(mr_read(&rig->rows[1].recovered), 1200);
	assert_int_equal(rig_needs(rig), 3);
	expect_nothing_is_needed(rig);
	rig_free(rig);
}

// Sent in one boot, and again after it: a receiver can tell that it is the same.
static void an_unsettled_batch_is_sent_again_with_its_borders_and_id(void **state)
{
	(void)state;
	char ids[2][64];
	for (uint32_t boot = 0; boot < 2; boot++) {
		struct rig *rig = found_new(800, 150);
		found_batch(400); // of three records
		rig->now.mono_ns += boot * 77 * SECOND;
		rig->now.wall_ns += boot * 99 * (int64_t)SECOND;
		start(rig);
		rig_add(rig, rig_webhook(rig, 1, 1));
		rig_deliver(rig, 1, 7, 10);
		rig_run(rig, 100 * MS, 10 * MS);
		const struct fake_request *request = fake_engine_oldest();
		assert_non_null(request);
		snprintf(ids[boot], sizeof(ids[boot]), "%s", rig_header(request, "webhook-id"));
		expect_batch(rig, 1, 400);
		expect_batch(rig, 401, 410);
		rig_run(rig, 60 * MS, 10 * MS);
		assert_int_equal(rig_counter(rig, MR_DELIVERY_DELIVERED), 810);
		rig_free(rig);
	}
	assert_string_equal(ids[0], ids[1]);
}

static void a_batch_waits_until_it_is_read_and_nothing_goes_before_it(void **state)
{
	(void)state;
	struct rig *rig = found_new(400, 300);
	found_batch(400);
	rig->answer = MR_READ_WAIT;
	start(rig);
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 2000);
	rig_run(rig, 200 * MS, 10 * MS);
	assert_int_equal(fake_engine.begun, 0);
	assert_true(rig_counter(rig, MR_DELIVERY_READ_WAITS) > 0);
	rig->answer = MR_READ_HIT;
	expect_batch(rig, 1, 400);
	rig_run(rig, 60 * MS, 10 * MS);
	assert_true(rig_parse(fake_engine_oldest(), numbers, MR_BATCH_EVENTS_MAX) > 0);
	assert_int_equal(numbers[0], 401);
	rig_free(rig);
}

static void numbers_of_batches_go_on(void **state)
{
	(void)state;
	struct rig *rig = found_new(10, 10);
	found.lane.last_number = UINT64_C(1) << 60; // a clock that was set back
	start(rig);
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_add(rig, rig_webhook(rig, 2, 1));
	assert_true(rig->delivery->recipients[1].last_number == UINT64_C(1) << 60);
	assert_true(rig->delivery->recipients[2].last_number == (uint64_t)rig->now.wall_ns / 1000);
	rig_free(rig);
}

static void a_failing_endpoint_still_fails(void **state)
{
	static const struct {
		int64_t next_ns;
		uint64_t waits_ns;
	} cases[] = {{5 * (int64_t)SECOND, 5 * SECOND}, {-5 * (int64_t)SECOND, 0},
		{1000000 * (int64_t)SECOND, 24 * 3600 * SECOND}};
	(void)state;
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rig *rig = found_new(10, 10);
		found.lane.attempts = 4;
		found.lane.last_status = 503;
		found.lane.failing_since_ns = rig->now.wall_ns - 23 * 3600 * (int64_t)SECOND;
		found.lane.next_attempt_ns = rig->now.wall_ns + cases[i].next_ns;
		start(rig);
		rig_add(rig, rig_webhook(rig, 1, 1));
		const struct mr_recipient *recipient = &rig->delivery->recipients[1];
		assert_int_equal(recipient->next_attempt_ns, rig->now.mono_ns + cases[i].waits_ns);
		assert_int_equal(recipient->lane->failures, 4);
		assert_int_equal(mr_read(&rig->rows[1].failing_since_ns),
			(uint64_t)found.lane.failing_since_ns);
		rig_run(rig, 6 * SECOND, SECOND / 4);
		assert_int_equal(fake_engine_waiting(), cases[i].waits_ns < 6 * SECOND);
		if (fake_engine_waiting() > 0) { // 23 hours and one more: given up
			rig_run(rig, 3600 * SECOND, 100 * SECOND);
			rig_answer_all(MR_OUTCOME_STATUS, 503);
			rig_run(rig, 60 * MS, 10 * MS);
			assert_int_equal(rig_dropped(rig, MR_REASON_WEBHOOK_GONE), 10);
		}
		rig_free(rig);
	}
}

static void sublanes_are_as_they_were(void **state)
{
	(void)state;
	struct rig *rig = found_new(10, 10);
	found.lane.sublanes_count = 3;
	found.lane.sublanes[2] = found.lane.sublanes[0];
	found.lane.sublanes[0].records_count = 0;
	found.lane.sublanes[0].entries = 0;
	found.lane.sublanes[2].settled_number = 899;
	start(rig);
	rig_add(rig, rig_webhook(rig, 1, 1));
	const struct mr_lane *lane = mr_lane_find(&rig->delivery->lanes, 1);
	assert_int_equal(lane->in_flight, 3);
	assert_int_equal(mr_lane_sublane(&rig->delivery->lanes, lane, 2)->settled_number, 899);
	rig_run(rig, 60 * MS, 10 * MS);
	expect_batch(rig, 1, 10);
	rig_run(rig, 60 * MS, 10 * MS);
	rig_free(rig);
}

// The earlier boot's segment retires while the batch is not read back: it cannot be whole again.
static void a_batch_that_has_gone_is_dropped_as_a_whole(void **state)
{
	(void)state;
	struct rig *rig = found_new(1000, 500);
	found_batch(700);
	start(rig);
	rig_segment_retire(rig);
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 10);
	expect_batch(rig, 1001, 10);
	rig_run(rig, 60 * MS, 10 * MS);
	assert_int_equal(rig_dropped(rig, MR_REASON_EXPIRED), 1000);
	assert_int_equal(rig_needs(rig), 0);
	rig_free(rig);
}

// Only the first of its two records has gone: the rest of the batch must not be sent under another
// number.
static void the_rest_of_a_lost_batch_is_dropped_too(void **state)
{
	(void)state;
	struct rig *rig = found_new(500, 500);
	mr_position kept[300];
	found_batch(600); // 500 of the old record, 100 of the new one
	rig_disk_start(rig, 40000);
	for (uint32_t i = 0; i < 300; i++)
		kept[i] = rig_event(rig, 7);
	struct mr_record_lane head = {.webhook = WEBHOOK, .sublanes = 1, .count = 300};
	mr_record_seal(&head, sizeof(head), kept, sizeof(kept), MR_RECORD_LANE, 0);
	uint64_t at = mr_stream_append(&rig->shard_stream, &head, sizeof(head), kept, sizeof(kept));
	mr_stream_publish(&rig->shard_stream);
	atomic_fetch_add(&rig->needs.segments[2], 301);
	struct mr_recovered_sublane *sublane = &found.lane.sublanes[0];
	found.records[sublane->records_count] = mr_position_make(rig->shard_stream.id, at);
	found.records_entries[sublane->records_count++] = 300;
	sublane->entries += 300;
	assert_true(mr_delivery_recover(rig->delivery, &found.lane, 1));
	rig_segment_retire(rig);
	rig_add(rig, rig_webhook(rig, 1, 1));
	expect_batch(rig, 601, 200);
	rig_run(rig, 60 * MS, 10 * MS);
	assert_int_equal(rig_dropped(rig, MR_REASON_EXPIRED), 600);
	expect_nothing_is_needed(rig);
	rig_free(rig);
}

// A checkpoint comes before the webhook does.
static void a_checkpoint_keeps_lanes_that_nobody_has_claimed(void **state)
{
	(void)state;
	struct rig *rig = found_new(1000, 400);
	found_batch(500);
	found.lane.attempts = 2;
	found.lane.failing_since_ns = 12345;
	found.lane.next_attempt_ns = 67890;
	start(rig);
	atomic_store(&rig->journal.epoch, 1);
	rig_run(rig, 60 * MS, 10 * MS);
	assert_int_equal(atomic_load(&rig->owner.epoch), 1);
	uint64_t end = atomic_load(&rig->owner.epoch_end);
	uint32_t entries = 0, batches = 0, progress = 0;
	for (uint64_t at = MR_STREAM_START; at < end;) {
		const struct mr_record *record = (const void *)(rig->own_file + at);
		const struct mr_record_lane *lane = (const void *)record;
		const struct mr_record_batch *batch = (const void *)record;
		const struct mr_record_progress *said = (const void *)record;
		if (record->kind == MR_RECORD_LANE) {
			assert_int_equal(lane->webhook, WEBHOOK);
			assert_int_equal(lane->last_number, BATCH_NUMBER);
			assert_int_equal(lane->taken, 0);
			bool is_index = (record->flags & MR_LANE_RECORD_INDEX) != 0;
			entries += is_index ? 0 : lane->count;
		} else if (record->kind == MR_RECORD_BATCH) {
			assert_int_equal(batch->number, BATCH_NUMBER);
			assert_int_equal(batch->count, 500);
			batches++;
		} else if (record->kind == MR_RECORD_PROGRESS) {
			assert_int_equal(said->settled_number, BATCH_NUMBER - 3);
			assert_int_equal(said->failing_since_ns, 12345);
			assert_int_equal(said->next_attempt_ns, 67890);
			progress++;
		}
		at += record->length;
	}
	assert_int_equal(entries, 1000); // all were read for the batch
	assert_int_equal(batches, 1);
	assert_int_equal(progress, 1);
	assert_int_equal(fake_engine.begun, 0);
	rig_free(rig);
}

static void lanes_of_other_stages_are_left_alone(void **state)
{
	(void)state;
	struct rig *rig = found_new(10, 10);
	found.lane.delivery = 1;
	start(rig);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_RECOVERED), 0);
	assert_int_equal(rig->delivery->lanes.open_lanes, 0);
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_owed_is_delivered_in_order_once_the_webhook_is_there),
		cmocka_unit_test(an_unsettled_batch_is_sent_again_with_its_borders_and_id),
		cmocka_unit_test(a_batch_waits_until_it_is_read_and_nothing_goes_before_it),
		cmocka_unit_test(numbers_of_batches_go_on),
		cmocka_unit_test(a_failing_endpoint_still_fails),
		cmocka_unit_test(sublanes_are_as_they_were),
		cmocka_unit_test(a_batch_that_has_gone_is_dropped_as_a_whole),
		cmocka_unit_test(the_rest_of_a_lost_batch_is_dropped_too),
		cmocka_unit_test(a_checkpoint_keeps_lanes_that_nobody_has_claimed),
		cmocka_unit_test(lanes_of_other_stages_are_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
