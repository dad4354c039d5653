// When the alarms of the journal come and go. What they say goes to stderr.
#include "alarms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)

static struct mr_alarms alarms;
static struct mr_journal_board board;
static struct mr_stats_stage journal;

static int setup(void **state)
{
	(void)state;
	memset(&board, 0, sizeof(board));
	memset(&journal, 0, sizeof(journal));
	alarms = (struct mr_alarms){0};
	return 0;
}

static uint32_t look(uint64_t now_ns)
{
	mr_alarms_look(&alarms, &board, &journal, now_ns);
	return alarms.on;
}

static void write_that_takes_more_than_a_second_is_a_stall(void **state)
{
	(void)state;
	assert_int_equal(look(100 * S), 0);
	atomic_store(&board.stalled_since_ns, 100 * S);
	assert_int_equal(look(101 * S), 0);
	assert_int_equal(look(102 * S), 1 << MR_ALARM_STALLED);
	atomic_store(&board.stalled_since_ns, 0);
	assert_int_equal(look(103 * S), 0);
}

static void full_comes_and_goes_and_failed_stays(void **state)
{
	(void)state;
	atomic_store(&board.state, MR_JOURNAL_FULL);
	assert_int_equal(look(100 * S), 1 << MR_ALARM_FULL);
	atomic_store(&board.state, MR_JOURNAL_OK);
	assert_int_equal(look(101 * S), 0);
	atomic_store(&board.failed_error, -5);
	atomic_store(&board.failed_segment, 3);
	atomic_store(&board.state, MR_JOURNAL_FAILED);
	assert_int_equal(look(102 * S), 1 << MR_ALARM_FAILED);
	assert_int_equal(look(200 * S), 1 << MR_ALARM_FAILED);
}

static void pressure_is_over_a_minute_after_the_last_expiry(void **state)
{
	(void)state;
	assert_int_equal(look(100 * S), 0);
	mr_count(&journal.counters[MR_JOURNAL_EXPIRED_SEGMENTS], 1);
	assert_int_equal(look(101 * S), 1 << MR_ALARM_RETENTION);
	mr_count(&journal.counters[MR_JOURNAL_EXPIRED_SEGMENTS], 1);
	assert_int_equal(look(150 * S), 1 << MR_ALARM_RETENTION);
	assert_int_equal(look(209 * S), 1 << MR_ALARM_RETENTION);
	assert_int_equal(look(210 * S), 0);
}

static void volatile_router_has_none(void **state)
{
	(void)state;
	mr_alarms_look(&alarms, NULL, &journal, 100 * S);
	assert_int_equal(alarms.on, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(write_that_takes_more_than_a_second_is_a_stall, setup),
		cmocka_unit_test_setup(full_comes_and_goes_and_failed_stays, setup),
		cmocka_unit_test_setup(pressure_is_over_a_minute_after_the_last_expiry, setup),
		cmocka_unit_test_setup(volatile_router_has_none, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
