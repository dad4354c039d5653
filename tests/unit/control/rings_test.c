// Rings that a stage writes and others read along: attempts and steps of followed objects.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "attempts.h"
#include "rates.h"
#include "taps.h"

struct segment {
	struct mr_stats stats;
	struct mr_stats_stage stages[2];
	struct mr_stats_attempts attempts;
	struct mr_stats_taps taps[2];
};

static struct segment *segment;
static struct mr_attempt_seen attempts[MR_ATTEMPT_ROWS];
static struct mr_tap_seen steps[MR_TAP_ROWS];

static int make_segment(void **state)
{
	(void)state;
	segment = calloc(1, sizeof(*segment));
	assert_non_null(segment);
	segment->stats = (struct mr_stats){
		.boot_id = 5,
		.shards = 1,
		.deliveries = 1,
		.stages_count = 2,
		.stages_at = offsetof(struct segment, stages),
		.attempts_at = offsetof(struct segment, attempts),
		.taps_at = offsetof(struct segment, taps),
	};
	segment->stages[0].kind = MR_STAGE_SHARD;
	segment->stages[1].kind = MR_STAGE_SHARD;
	mr_gauge(&segment->attempts.next, 1);
	mr_gauge(&segment->taps[0].next, 1);
	mr_gauge(&segment->taps[1].next, 1);
	return 0;
}

static int free_segment(void **state)
{
	(void)state;
	free(segment);
	return 0;
}

static void attempt(uint64_t number)
{
	struct mr_stats_attempt *row = &segment->attempts.rows[number % MR_ATTEMPT_ROWS];
	mr_gauge(&row->webhook, number * 2);
	mr_gauge(&row->what,
		503 | (uint64_t)MR_ATTEMPT_BATCH << 16 | (uint64_t)MR_OUTCOME_STATUS << 24
			| UINT64_C(9999) << 32);
	memcpy(&row->body[0], "a body, ", 8);
	mr_gauge(&row->number, number);
	mr_gauge(&segment->attempts.next, number + 1);
}

static void each_attempt_is_seen_once_in_order(void **state)
{
	(void)state;
	uint64_t after = 0;
	uint64_t lost = 1;
	assert_int_equal(mr_attempts_read(&segment->stats, 0, &after, 10, attempts, &lost), 0);
	assert_int_equal(lost, 0);
	for (uint64_t number = 1; number <= 5; number++)
		attempt(number);
	assert_int_equal(mr_attempts_read(&segment->stats, 0, &after, 3, attempts, &lost), 3);
	assert_int_equal(attempts[0].number, 1);
	assert_int_equal(attempts[2].webhook, 6);
	assert_int_equal(attempts[2].status, 503);
	assert_int_equal(attempts[2].kind, MR_ATTEMPT_BATCH);
	assert_int_equal(attempts[2].outcome, MR_OUTCOME_STATUS);
	assert_int_equal(attempts[2].body_bytes, MR_ATTEMPT_BODY_BYTES); // whatever the row says
	assert_memory_equal(attempts[2].body, "a body, ", 8);
	assert_int_equal(mr_attempts_read(&segment->stats, 0, &after, 10, attempts, &lost), 2);
	assert_int_equal(attempts[0].number, 4);
	assert_int_equal(after, 5);
	assert_int_equal(mr_attempts_read(&segment->stats, 0, &after, 10, attempts, NULL), 0);
	assert_int_equal(mr_attempts_read(&segment->stats, 9, &after, 10, attempts, NULL), 0);
}

static void what_was_overwritten_is_counted_as_lost(void **state)
{
	(void)state;
	uint64_t after = 0;
	uint64_t lost = 0;
	for (uint64_t number = 1; number <= MR_ATTEMPT_ROWS + 10; number++)
		attempt(number);
	assert_int_equal(
		mr_attempts_read(&segment->stats, 0, &after, MR_ATTEMPT_ROWS, attempts, &lost),
		MR_ATTEMPT_ROWS);
	assert_int_equal(lost, 10);
	assert_int_equal(attempts[0].number, 11);
	// One that is being written just now.
	attempt(MR_ATTEMPT_ROWS + 11);
	mr_gauge(&segment->attempts.rows[11].number, 0);
	assert_int_equal(mr_attempts_read(&segment->stats, 0, &after, 10, attempts, &lost), 0);
	assert_int_equal(lost, 1);
}

static void a_router_started_anew_is_read_from_its_start(void **state)
{
	(void)state;
	uint64_t after = 1000; // of the boot before
	attempt(1);
	assert_int_equal(mr_attempts_read(&segment->stats, 0, &after, 10, attempts, NULL), 1);
	assert_int_equal(after, 1);
}

static void steps_are_read_stage_by_stage(void **state)
{
	(void)state;
	uint64_t after = 0;
	struct mr_stats_tap *row = &segment->taps[1].rows[1];
	mr_gauge(&row->object, 77);
	mr_gauge(&row->what, MR_TAP_REFUSED | (uint64_t)MR_REASON_BANNED << 16);
	mr_gauge(&row->number, 1);
	mr_gauge(&segment->taps[1].next, 2);
	assert_int_equal(mr_taps_read(&segment->stats, 0, &after, 10, steps, NULL), 0);
	assert_int_equal(mr_taps_read(&segment->stats, 1, &after, 10, steps, NULL), 1);
	assert_int_equal(steps[0].object, 77);
	assert_int_equal(steps[0].step, MR_TAP_REFUSED);
	assert_int_equal(steps[0].reason, MR_REASON_BANNED);
	assert_int_equal(mr_taps_read(&segment->stats, 2, &after, 10, steps, NULL), 0);
}

static bool is_about(double value, double wanted)
{
	return value > wanted - 0.01 && value < wanted + 0.01;
}

static void rates_are_differences_of_sums(void **state)
{
	(void)state;
	static struct mr_rates before;
	static struct mr_rates after;
	mr_gauge(&segment->stages[0].counters[MR_SHARD_ACCEPTED], 100);
	mr_rates_read(&segment->stats, 1000000000, &before);
	mr_gauge(&segment->stages[0].counters[MR_SHARD_ACCEPTED], 150);
	mr_gauge(&segment->stages[1].counters[MR_SHARD_ACCEPTED], 30);
	mr_gauge(&segment->stages[1].reasons[MR_REASON_BANNED], 6);
	mr_rates_read(&segment->stats, 3000000000, &after);
	assert_true(is_about(mr_rate(&before, &after, MR_SHARD_ACCEPTED), 40));
	assert_true(
		is_about(mr_rate_of_reason(&before, &after, MR_STAGE_SHARD, MR_REASON_BANNED), 3));
	assert_int_equal(mr_rate_grown(&before, &after, MR_SHARD_ACCEPTED), 80);
	assert_true(is_about(mr_rate(&after, &after, MR_SHARD_ACCEPTED), 0));
	assert_true(is_about(mr_rate(&after, &before, MR_SHARD_ACCEPTED), 0));
}

static void a_restart_counts_from_zero(void **state)
{
	(void)state;
	static struct mr_rates before;
	static struct mr_rates after;
	mr_gauge(&segment->stages[0].counters[MR_SHARD_ACCEPTED], 100000);
	mr_rates_read(&segment->stats, 1000000000, &before);
	segment->stats.boot_id = 6;
	segment->stats.started_mono_ns = 2000000000;
	mr_gauge(&segment->stages[0].counters[MR_SHARD_ACCEPTED], 50);
	mr_rates_read(&segment->stats, 4000000000, &after);
	assert_true(is_about(mr_rate(&before, &after, MR_SHARD_ACCEPTED), 25));
	assert_int_equal(mr_rate_grown(&before, &after, MR_SHARD_ACCEPTED), 50);
}

#define IN_A_SEGMENT(test) cmocka_unit_test_setup_teardown(test, make_segment, free_segment)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_SEGMENT(each_attempt_is_seen_once_in_order),
		IN_A_SEGMENT(what_was_overwritten_is_counted_as_lost),
		IN_A_SEGMENT(a_router_started_anew_is_read_from_its_start),
		IN_A_SEGMENT(steps_are_read_stage_by_stage),
		IN_A_SEGMENT(rates_are_differences_of_sums),
		IN_A_SEGMENT(a_restart_counts_from_zero),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
