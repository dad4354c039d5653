// Lanes beyond memory: what is spilled comes back in order, holds no memory and loses nothing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "delivery_rig.h"
#include "rng.h"

enum { PLENTY = 40000, SHORT = 1024, OBJECTS_MAX = 16 };

static uint64_t numbers[MR_BATCH_EVENTS_MAX];

static int setup(void **state)
{
	*state = rig_new_on_disk(PLENTY);
	return 0;
}

static int setup_short(void **state)
{
	*state = rig_new_on_disk(SHORT);
	return 0;
}

static int teardown(void **state)
{
	rig_free(*state);
	return 0;
}

static const struct mr_lane *lane_of(const struct rig *rig, uint32_t number)
{
	return mr_lane_find(&rig->delivery->lanes, number);
}

// Matches in portions that the ring has room for.
static void flood(struct rig *rig, uint32_t lane, uint32_t objects, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t object = 1 + i % objects;
		rig_match(rig, lane, rig_event(rig, object), object, false);
		if (i % 4000 == 3999)
			rig_step(rig, MS);
	}
	rig_run(rig, 10 * MS, MS);
}

// Answers everything until nothing is pending; each body's events must follow those before.
static uint64_t drain_in_order(struct rig *rig, uint64_t first)
{
	for (uint32_t i = 0; i < 2000 && rig->delivery->lanes.pending > 0; i++) {
		rig_run(rig, 60 * MS, 10 * MS);
		for (struct fake_request *request; (request = fake_engine_oldest()) != NULL;) {
			uint32_t count = rig_parse(request, numbers, MR_BATCH_EVENTS_MAX);
			for (uint32_t at = 0; at < count; at++)
				assert_int_equal(numbers[at], first++);
			fake_engine_answer(request, MR_OUTCOME_OK, 200);
		}
	}
	rig_run(rig, 5 * MS, MS);
	return first;
}

static void a_lane_beyond_its_share_spills_and_drains_in_order(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	flood(rig, 1, 3, 30000);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_MATCHED), 30000);
	const struct mr_lane *lane = lane_of(rig, 1);
	assert_true(lane->spilled > 20000);
	rig_run(rig, 20 * MS, MS);
	assert_int_equal(mr_read(&rig->rows[1].spilled), lane->spilled);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_SPILLED), lane->spilled);
	assert_true(mr_read(&rig->rows[1].eta_s) == UINT64_MAX); // nothing settles
	// 8 bytes per entry in memory, 16 per record of 512.
	assert_true(rig->delivery->lanes.pool.used < 8000 / MR_CHUNK_ENTRIES);
	assert_true(rig_needs(rig) >= 30000);
	assert_int_equal(drain_in_order(rig, 1), 30001);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DELIVERED), 30000);
	assert_int_equal(rig->delivery->lanes.pool.used, 0);
	assert_int_equal(rig_needs(rig), 0);
	rig_run(rig, 20 * MS, MS);
	assert_int_equal(mr_read(&rig->rows[1].eta_s), 0);
}

static void new_entries_go_behind_what_is_on_disk(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	uint64_t first = 1;
	flood(rig, 1, 3, 12000);
	for (uint32_t round = 0; round < 20; round++) {
		flood(rig, 1, 3, 700);
		struct fake_request *request = fake_engine_oldest();
		if (request == NULL)
			continue;
		uint32_t count = rig_parse(request, numbers, MR_BATCH_EVENTS_MAX);
		for (uint32_t at = 0; at < count; at++)
			assert_int_equal(numbers[at], first++);
		fake_engine_answer(request, MR_OUTCOME_OK, 200);
		rig_run(rig, 5 * MS, MS);
	}
	assert_true(lane_of(rig, 1)->spilled > 0);
	assert_int_equal(drain_in_order(rig, first), 12000 + 20 * 700 + 1);
	assert_int_equal(rig_needs(rig), 0);
}

// Some objects marked, requests that fail, reads that wait: per object, what comes is what went.
static void order_per_object_is_kept_with_marks_and_failures(void **state)
{
	enum { EVENTS = 20000 };
	struct rig *rig = *state;
	static uint8_t object_of[EVENTS + 2];
	uint64_t last[OBJECTS_MAX] = {0};
	struct mr_rng rng;
	uint64_t got = 0;
	mr_rng_seed(&rng, 11);
	rig_add(rig, rig_webhook(rig, 1, 3));
	for (uint32_t sent = 0; got < EVENTS;) {
		for (uint32_t i = 0; i < 900 && sent < EVENTS; i++) {
			uint64_t object = 1 + mr_rng_below(&rng, OBJECTS_MAX - 1);
			bool marked = object < 4 && mr_rng_below(&rng, 3) > 0;
			object_of[++sent] = (uint8_t)object;
			rig_match(rig, 1, rig_event(rig, object), object, marked);
		}
		rig->answer = mr_rng_below(&rng, 4) == 0 ? MR_READ_WAIT : MR_READ_HIT;
		rig_run(rig, 30 * MS, 10 * MS);
		for (struct mr_desc word; mr_ring_pop_burst(rig->hold_msgs, &word, 1) == 1;)
			continue; // the shard takes its holds
		for (struct fake_request *request; (request = fake_engine_oldest()) != NULL;) {
			if (mr_rng_below(&rng, 10) == 0) {
				fake_engine_answer(request, MR_OUTCOME_STATUS, 500);
				rig_run(rig, 2 * SECOND, SECOND / 2);
				continue;
			}
			uint32_t count = rig_parse(request, numbers, MR_BATCH_EVENTS_MAX);
			for (uint32_t at = 0; at < count; at++) {
				uint8_t object = object_of[numbers[at]];
				assert_true(numbers[at] > last[object]);
				last[object] = numbers[at];
			}
			got += count;
			fake_engine_answer(request, MR_OUTCOME_OK, 200);
		}
	}
	rig_run(rig, 50 * MS, 10 * MS);
	assert_int_equal(got, EVENTS);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DELIVERED), EVENTS);
	assert_int_equal(rig_needs(rig), 0);
}

// Sixteen webhooks, none answers, 1,024 entries of memory: nothing is lost, and all is delivered.
static void memory_may_be_short_and_nothing_is_lost(void **state)
{
	enum { PER_LANE = 2500 };
	struct rig *rig = *state;
	uint64_t next[RIG_LANES_MAX] = {0};
	for (uint32_t lane = 0; lane < RIG_LANES_MAX; lane++)
		rig_add(rig, rig_webhook(rig, lane, 1));
	for (uint32_t i = 0; i < PER_LANE; i++) {
		mr_position position = rig_event(rig, 1);
		for (uint32_t lane = 0; lane < RIG_LANES_MAX; lane++)
			rig_match(rig, lane, position, 1, false);
		for (uint32_t steps = 0; mr_ring_used(rig->lane_msgs) > 1000; steps++) {
			assert_true(steps < 100);
			rig_step(rig, MS);
		}
	}
	rig_run(rig, 100 * MS, MS);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_MATCHED), PER_LANE * RIG_LANES_MAX);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DROPPED), 0);
	for (uint32_t i = 0; i < 3000 && rig->delivery->lanes.pending > 0; i++) {
		rig_run(rig, 60 * MS, 10 * MS);
		for (struct fake_request *request; (request = fake_engine_oldest()) != NULL;) {
			uint32_t count = rig_parse(request, numbers, MR_BATCH_EVENTS_MAX);
			uint32_t lane = 0; // by its port: endpoints differ by nothing else
			while (rig->delivery->recipients[lane + 1].endpoint != request->endpoint)
				lane++;
			for (uint32_t at = 0; at < count; at++)
				assert_int_equal(numbers[at], ++next[lane]);
			fake_engine_answer(request, MR_OUTCOME_OK, 200);
		}
	}
	rig_run(rig, 5 * MS, MS);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DELIVERED), PER_LANE * RIG_LANES_MAX);
	assert_int_equal(rig->delivery->lanes.pool.used, 0);
	assert_int_equal(rig_needs(rig), 0);
}

// Nothing becomes durable: the stage's stream fills, and messages stay in the ring, where the shard
// sees that they are not taken.
static void without_room_for_records_messages_wait(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig->durable = false;
	mr_position position = rig_event(rig, 7);
	uint64_t before = 0;
	while (mr_ring_used(rig->lane_msgs) == 0) {
		for (uint32_t i = 0; i < 4096; i++)
			rig_match(rig, 1, position, 7, false);
		before = rig_counter(rig, MR_DELIVERY_MATCHED);
		rig_run(rig, 3 * MS, MS);
		assert_true(rig->matches < 1000000);
	}
	rig_run(rig, 20 * MS, MS);
	uint64_t taken = rig_counter(rig, MR_DELIVERY_MATCHED);
	assert_true(taken > before && taken < rig->matches);
	assert_int_equal(atomic_load(&rig->board.taken[0]), taken);
	assert_true(mr_stream_room(&rig->own_stream) > 100000); // batches and drops have theirs
	rig->durable = true;
	rig_run(rig, 50 * MS, MS);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_MATCHED), rig->matches);
	assert_int_equal(atomic_load(&rig->board.taken[0]), rig->matches);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DROPPED), 0);
}

static void a_record_is_not_read_before_it_is_durable(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	flood(rig, 1, 1, 6000); // five of them are a batch that is sent
	rig->durable = false;
	flood(rig, 1, 1, 2000);
	uint64_t needs = rig_needs(rig);
	rig->durable = true;
	rig_run(rig, 2 * MS, MS);
	assert_true(rig_needs(rig) > needs); // the records themselves
	assert_int_equal(drain_in_order(rig, 1), 8001);
	assert_int_equal(rig_needs(rig), 0);
}

static void backlogs_get_half_of_the_attempts(void **state)
{
	struct rig *rig = *state;
	rig_tune(rig)->batch_events_max = 100;
	rig_retune(rig);
	for (uint32_t lane = 0; lane < 4; lane++)
		rig_add(rig, rig_webhook(rig, lane, 8));
	for (uint32_t lane = 0; lane < 4; lane++)
		rig->delivery->recipients[1 + lane].lane->counting = lane == 3; // three are behind
	for (uint32_t i = 0; i < 800; i++)
		for (uint32_t lane = 0; lane < 3; lane++)
			rig_match(rig, lane, rig_event(rig, 1 + i), i, false);
	rig_run(rig, 20 * MS, MS);
	assert_int_equal(fake_engine_waiting(), 16); // of 32
	for (uint32_t i = 0; i < 800; i++)
		rig_match(rig, 3, rig_event(rig, 1 + i), i, false);
	rig_run(rig, 20 * MS, MS);
	assert_int_equal(fake_engine_waiting(), 24); // a fresh lane takes of the other half
	for (uint32_t i = 0; i < 100 && rig->delivery->lanes.pending > 0; i++) {
		rig_answer_all(MR_OUTCOME_OK, 200);
		rig_run(rig, 60 * MS, 10 * MS);
	}
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DELIVERED), 3200); // those who waited, too
	assert_null(rig->delivery->backlogged.head);
}

static void entries_of_a_failing_lane_go_with_their_segment(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	flood(rig, 1, 1, 20000);
	const struct mr_result later = {
		.outcome = MR_OUTCOME_STATUS, .status = 503, .retry_after_ns = 60 * SECOND};
	fake_engine_answer_result(fake_engine_oldest(), &later);
	rig_step(rig, MS);
	rig_segment_begin(rig);
	flood(rig, 1, 1, 3000);
	uint32_t begun = fake_engine.begun;
	rig_segment_retire(rig); // the earlier boot's
	rig_segment_retire(rig);
	rig->overwritten = true; // nor does the buffer have them
	rig_run(rig, 800 * MS, MS); // before the next attempt
	assert_int_equal(fake_engine.begun, begun);
	assert_int_equal(rig_dropped(rig, MR_REASON_EXPIRED), 20000);
	assert_int_equal(lane_of(rig, 1)->pending, 3000);
	rig->overwritten = false;
	rig_run(rig, 60 * SECOND, SECOND);
	assert_int_equal(drain_in_order(rig, 20001), 23001);
	assert_int_equal(rig_needs(rig), 0);
}

static void a_removed_webhook_leaves_nothing_on_disk(void **state)
{
	struct rig *rig = *state;
	const struct mr_webhook *webhook = rig_webhook(rig, 1, 2);
	rig_add(rig, webhook);
	flood(rig, 1, 8, 20000);
	rig_remove(rig, webhook);
	rig_run(rig, 20 * MS, MS);
	rig_answer_all(MR_OUTCOME_STATUS, 503);
	rig_run(rig, 200 * MS, MS);
	assert_int_equal(rig_dropped(rig, MR_REASON_WEBHOOK_GONE), 20000);
	assert_int_equal(rig_needs(rig), 0);
	assert_int_equal(rig->delivery->lanes.open_lanes, 0);
	assert_int_equal(rig->delivery->lanes.pool.used, 0);
}

static void counts_of_a_retired_segment_are_zeroed_before_its_place_is_used_again(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_match(rig, 1, rig_event(rig, 1), 1, false);
	rig_step(rig, 0);
	assert_int_equal(atomic_load(&rig->needs.segments[2]), 1);
	rig_segment_begin(rig);
	rig_segment_retire(rig);
	rig_segment_retire(rig);
	rig_step(rig, 0);
	assert_int_equal(atomic_load(&rig->needs.segments[2]), 0);
	while (rig->segments < 2 + MR_SEGMENTS_MAX) { // as many as there are places, unseen
		rig_segment_begin(rig);
		if (rig->segments > 4)
			rig_segment_retire(rig);
	}
	rig_match(rig, 1, rig_event(rig, 1), 1, false);
	rig_step(rig, 0);
	assert_int_equal(atomic_load(&rig->needs.segments[2]), 1); // of another segment
	rig_answer_all(MR_OUTCOME_OK, 200);
	rig_run(rig, 100 * MS, 10 * MS);
	rig_answer_all(MR_OUTCOME_OK, 200);
	rig_run(rig, 100 * MS, 10 * MS);
	assert_int_equal(rig_needs(rig), 0);
}

static void nothing_is_taken_beyond_what_the_shard_has_said(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 10);
	rig_step(rig, 0);
	rig->feed_lags = true;
	rig_deliver(rig, 1, 7, 100);
	rig_run(rig, 5 * MS, MS);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_MATCHED), 10);
	assert_int_equal(atomic_load(&rig->board.taken[0]), 10);
	rig->feed_lags = false;
	rig_run(rig, 2 * MS, MS);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_MATCHED), 110);
}

static void nothing_holds_a_buffer_back(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 10);
	rig_step(rig, MS);
	assert_true(atomic_load(&rig->board.floor[0]) == UINT64_MAX);
	assert_int_equal(rig_needs(rig), 10);
	rig_run(rig, 2 * SECOND, 10 * MS); // it hangs
	assert_true(mr_lane_is_behind(&rig->delivery->lanes, lane_of(rig, 1)));
	assert_int_equal(rig_needs(rig), 10);
	rig_answer_all(MR_OUTCOME_OK, 200);
	rig_run(rig, 50 * MS, 10 * MS);
	assert_false(mr_lane_is_behind(&rig->delivery->lanes, lane_of(rig, 1)));
	assert_int_equal(rig_needs(rig), 0);
}

// A start that finds a batch and not its progress sends it again: its events must be there.
static void what_was_delivered_is_needed_until_its_progress_is_durable(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 10);
	rig_run(rig, 100 * MS, 10 * MS);
	rig->durable = false;
	rig_answer_all(MR_OUTCOME_OK, 200);
	rig_run(rig, SECOND, 10 * MS);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DELIVERED), 10);
	assert_int_equal(rig_needs(rig), 0);
	assert_int_equal(rig_counts(rig), 10);
	rig->durable = true;
	rig_run(rig, SECOND, 10 * MS);
	assert_int_equal(rig_counts(rig), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_lane_beyond_its_share_spills_and_drains_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
			new_entries_go_behind_what_is_on_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(
			order_per_object_is_kept_with_marks_and_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(
			memory_may_be_short_and_nothing_is_lost, setup_short, teardown),
		cmocka_unit_test_setup_teardown(
			without_room_for_records_messages_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_record_is_not_read_before_it_is_durable, setup, teardown),
		cmocka_unit_test_setup_teardown(backlogs_get_half_of_the_attempts, setup, teardown),
		cmocka_unit_test_setup_teardown(
			entries_of_a_failing_lane_go_with_their_segment, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_removed_webhook_leaves_nothing_on_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(
			counts_of_a_retired_segment_are_zeroed_before_its_place_is_used_again,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			nothing_is_taken_beyond_what_the_shard_has_said, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_holds_a_buffer_back, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_was_delivered_is_needed_until_its_progress_is_durable, setup,
			teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
