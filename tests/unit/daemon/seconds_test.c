// What a second and its history say, from two copies of a statistics segment.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_stats.h"
#include "histogram.h"
#include "history.h"
#include "scope_rows.h"
#include "snapshot.h"

enum { SECOND_NS = 1000000000 };

static struct fake_stats fake;

static int setup(void **state)
{
	(void)state;
	fake_stats_open(&fake);
	fake.stats->boot_id = 7;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_stats_close(&fake);
	return 0;
}

static struct mr_snapshot before, after;
static struct mr_second second;

static void look(struct mr_snapshot *ret_snapshot, uint64_t mono_ns)
{
	*ret_snapshot = (struct mr_snapshot){.connected = true, .at_mono_ns = mono_ns};
	ret_snapshot->stats = mr_stats_copy(fake.stats, &ret_snapshot->stats_bytes);
	assert_non_null(ret_snapshot->stats);
	mr_ledgers_read(ret_snapshot->stats, &ret_snapshot->ledgers);
}

static void drop(struct mr_snapshot *snapshot)
{
	free((void *)(uintptr_t)snapshot->stats);
}

static void a_copy_tells_what_the_segment_told(void **state)
{
	(void)state;
	mr_gauge(&fake.webhooks[0].webhook, 5);
	mr_count(&fake.stages[FAKE_SHARD].counters[MR_SHARD_OFFERED], 9);
	look(&after, SECOND_NS);

	assert_int_equal(after.stats->webhooks_max, 1); // rows up to the last that is used
	assert_int_equal(mr_read(&mr_stats_webhooks(after.stats)[0].webhook), 5);
	assert_int_equal(mr_stats_sum(after.stats, MR_SHARD_OFFERED), 9);
	drop(&after);
}

static void a_second_has_rates_of_its_own(void **state)
{
	struct mr_stats_histogram *hop =
		&fake.stages[FAKE_DELIVERY].histograms[MR_HISTOGRAM_DELIVERY_ACCEPT_TO_DELIVERED];
	(void)state;
	mr_histogram_record(hop, 5000000000);
	look(&before, SECOND_NS);

	mr_count(&fake.stages[FAKE_SHARD].counters[MR_SHARD_OFFERED], 100);
	mr_count(&fake.stages[FAKE_SHARD].counters[MR_SHARD_REFUSED], 100);
	mr_count(&fake.stages[FAKE_SHARD].busy_ns, SECOND_NS / 2);
	mr_histogram_record(hop, 1000000);
	look(&after, 3 * (uint64_t)SECOND_NS);

	mr_second_make(&before, &after, &second);
	assert_true(second.offered > 49.9 && second.offered < 50.1);
	assert_true(second.refused > 49.9 && second.refused < 50.1);
	assert_true(second.accepted < 0.1);
	assert_true(second.stages[FAKE_SHARD].busy > 0.24 && second.stages[FAKE_SHARD].busy < 0.26);
	// the slow one of before does not count
	assert_in_range(second.delivered_p99_ns, 1000000, 1100000);
	drop(&before);
	drop(&after);
}

static void a_router_that_was_started_anew_has_no_rates_yet(void **state)
{
	(void)state;
	mr_count(&fake.stages[FAKE_SHARD].counters[MR_SHARD_OFFERED], 100);
	look(&before, SECOND_NS);

	fake.stats->boot_id = 8;
	mr_gauge(&fake.stages[FAKE_SHARD].counters[MR_SHARD_OFFERED], 3);
	look(&after, 2 * (uint64_t)SECOND_NS);

	mr_second_make(&before, &after, &second);
	assert_true(second.connected);
	assert_true(second.offered == 0);
	drop(&before);
	drop(&after);
}

static void history_keeps_the_last_hour(void **state)
{
	struct mr_history *history;
	struct mr_history_row rows[3];

	(void)state;
	assert_int_equal(mr_history_new(&history), 0);
	assert_int_equal(mr_history_read(history, 3, rows), 0);
	for (int i = 1; i <= MR_HISTORY_SECONDS + 5; i++)
		mr_history_add(history, &(struct mr_second){.at_ns = i});
	assert_int_equal(mr_history_read(history, 3, rows), 3);
	assert_int_equal(rows[0].at_ns, MR_HISTORY_SECONDS + 3);
	assert_int_equal(rows[2].at_ns, MR_HISTORY_SECONDS + 5);
	mr_history_free(history);
}

static void ledgers_by_scope_are_one_list(void **state)
{
	struct mr_stats_scope *scopes = (void *)((uint8_t *)fake.stats + fake.stats->scopes_at);
	struct mr_scope_row *rows = NULL;

	(void)state;
	mr_gauge(&scopes[0].id, 11);
	mr_gauge(&scopes[0].accepted, 5);
	mr_gauge(&scopes[1].id, 12);
	mr_gauge(&scopes[1].accepted, 50);
	mr_gauge(&scopes[MR_LEDGER_SCOPES_MAX - 1].accepted, 1);
	assert_int_equal(mr_scope_rows_read(fake.stats, 0, &rows), 3);
	assert_int_equal(rows[0].id, 12);
	assert_int_equal(rows[1].id, 11);
	assert_int_equal(rows[2].id, 0); // the others
	free(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_copy_tells_what_the_segment_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_second_has_rates_of_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_router_that_was_started_anew_has_no_rates_yet, setup, teardown),
		cmocka_unit_test(history_keeps_the_last_hour),
		cmocka_unit_test_setup_teardown(ledgers_by_scope_are_one_list, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
