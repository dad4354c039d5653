// The open-loop schedule: when events are due does not depend on what became of earlier ones.
#include "pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND_NS UINT64_C(1000000000)

static void a_steady_rate_is_evenly_spaced(void **state)
{
	(void)state;
	const struct mr_pace pace = {.rate = 50000};
	for (uint64_t i = 0; i < 100000; i += 977)
		assert_int_equal(mr_pace_intended_ns(&pace, i), i * 20000);
	assert_int_equal(mr_pace_due(&pace, SECOND_NS - 1), 50000);
	assert_int_equal(
		mr_pace_due(&pace, SECOND_NS), 50001); // the next one is due at that very moment
}

static void open_loop_latency_counts_from_the_intended_time(void **state)
{
	(void)state;
	// However late the caller comes, event n keeps its time: what the caller lost shows as
	// latency.
	const struct mr_pace pace = {.rate = 1000};
	uint64_t due = mr_pace_due(&pace, 500000000);
	assert_int_equal(due, 501);
	assert_int_equal(mr_pace_intended_ns(&pace, 0), 0);
	assert_int_equal(mr_pace_intended_ns(&pace, due - 1), 500000000);
}

static void due_and_intended_agree(void **state)
{
	(void)state;
	const struct mr_pace paces[] = {
		{.rate = 7}, {.rate = 333333.3}, {.rate = 2e6}, {.rate = 50000, .ramp_ns = 3e9}};
	for (size_t p = 0; p < sizeof(paces) / sizeof(paces[0]); p++) {
		for (uint64_t i = 1; i < 200000; i = i * 3 + 1) {
			uint64_t at = mr_pace_intended_ns(&paces[p], i);
			assert_true(mr_pace_due(&paces[p], at) > i); // due at its time
			assert_true(mr_pace_due(&paces[p], at - 1) <= i); // and not before
		}
	}
}

static void a_ramp_offers_half_and_then_the_full_rate(void **state)
{
	(void)state;
	const struct mr_pace pace = {.rate = 10000, .ramp_ns = 2e9};
	assert_in_range(mr_pace_due(&pace, 1 * SECOND_NS), 2499, 2502); // rate * t^2 / 2T
	assert_in_range(mr_pace_due(&pace, 2 * SECOND_NS), 9999, 10002);
	assert_in_range(mr_pace_due(&pace, 3 * SECOND_NS), 19999, 20002);
	for (uint64_t i = 1; i < 20000; i++)
		assert_true(mr_pace_intended_ns(&pace, i) >= mr_pace_intended_ns(&pace, i - 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_steady_rate_is_evenly_spaced),
		cmocka_unit_test(open_loop_latency_counts_from_the_intended_time),
		cmocka_unit_test(due_and_intended_agree),
		cmocka_unit_test(a_ramp_offers_half_and_then_the_full_rate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
