#include "lane_lag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { BUFFER = 1 << 16 };

static void lag_is_in_sixteenths_rounded_up(void **state)
{
	(void)state;
	assert_int_equal(mr_lag_of(5000, 5000, BUFFER), 0);
	assert_int_equal(mr_lag_of(5000, 9000, BUFFER), 0);
	assert_int_equal(mr_lag_of(5001, 5000, BUFFER), 1);
	assert_int_equal(mr_lag_of(BUFFER / 8, 0, BUFFER), 2);
	assert_int_equal(mr_lag_of(BUFFER / 2, 0, BUFFER), 8);
	assert_int_equal(mr_lag_of(BUFFER / 2 + 1, 0, BUFFER), 9);
	assert_int_equal(mr_lag_of(1000 * (uint64_t)BUFFER, 0, BUFFER), 16);
}

struct median_case {
	uint32_t near; // lanes within an eighth
	uint32_t far; // lanes a whole buffer behind
	bool behind;
};

static void median_rule(void **state)
{
	(void)state;
	static const struct median_case cases[] = {
		{0, 1, false}, // alone: it sets the pace
		{1, 1, true},
		{2, 1, true},
		{5, 5, true}, // half of them hang
		{5, 6, false}, // most of them: the load is too high, nobody is singled out
		{0, 9, false},
		{100, 1, true},
	};
	for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mr_lag lags = {0};
		for (uint32_t lane = 0; lane < cases[i].near; lane++) {
			uint8_t lag = MR_LAG_NONE;
			mr_lag_move(&lags, &lag, MR_LAG_HEALTHY);
		}
		for (uint32_t lane = 0; lane < cases[i].far; lane++) {
			uint8_t lag = MR_LAG_NONE;
			mr_lag_move(&lags, &lag, MR_LAG_STEPS);
		}
		assert_int_equal(mr_lag_is_behind(&lags, MR_LAG_STEPS), cases[i].behind);
		assert_false(mr_lag_is_behind(&lags, MR_LAG_BEHIND)); // exactly half a buffer
		assert_false(mr_lag_is_behind(&lags, MR_LAG_NONE));
	}
}

static void idle_lanes_take_no_part(void **state)
{
	(void)state;
	struct mr_lag lags = {0};
	uint8_t near = MR_LAG_NONE, far = MR_LAG_NONE;
	assert_int_equal(mr_lag_median(&lags), MR_LAG_NONE);
	mr_lag_move(&lags, &near, 0);
	mr_lag_move(&lags, &far, 12);
	assert_true(mr_lag_is_behind(&lags, far));
	mr_lag_move(&lags, &near, MR_LAG_NONE);
	assert_false(mr_lag_is_behind(&lags, far));
	assert_int_equal(mr_lag_median(&lags), 12);
	mr_lag_move(&lags, &far, 3);
	assert_int_equal(lags.total, 1);
	assert_int_equal(mr_lag_median(&lags), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lag_is_in_sixteenths_rounded_up),
		cmocka_unit_test(median_rule),
		cmocka_unit_test(idle_lanes_take_no_part),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
