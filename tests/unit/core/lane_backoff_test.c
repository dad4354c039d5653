#include "lane_backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct mr_backoff policy = {.base_ns = 1000000000, .cap_ns = 600000000000};

static void bound_doubles_up_to_the_cap(void **state)
{
	(void)state;
	static const uint64_t seconds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600};
	for (uint32_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
		assert_int_equal(mr_backoff_bound(&policy, i + 1), seconds[i] * 1000000000);
	assert_int_equal(mr_backoff_bound(&policy, UINT32_MAX), policy.cap_ns);
	struct mr_backoff huge = {.base_ns = UINT64_MAX / 2 + 2, .cap_ns = UINT64_MAX};
	assert_int_equal(mr_backoff_bound(&huge, 9), UINT64_MAX);
}

static void full_jitter_is_within_bounds(void **state)
{
	(void)state;
	struct mr_rng rng;
	mr_rng_seed(&rng, 1);
	for (uint32_t failures = 1; failures < 12; failures++) {
		uint64_t bound = mr_backoff_bound(&policy, failures);
		uint64_t low = 0, high = 0;
		for (uint32_t i = 0; i < 4000; i++) {
			uint64_t delay = mr_backoff_delay(&policy, failures, 0, &rng);
			assert_in_range(delay, 1, bound);
			low += delay < bound / 4;
			high += delay > bound - bound / 4;
		}
		assert_in_range(low, 800, 1200); // full: from zero on, not "equal" jitter
		assert_in_range(high, 800, 1200);
	}
}

static void retry_after_is_respected(void **state)
{
	(void)state;
	struct mr_rng rng;
	mr_rng_seed(&rng, 2);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(mr_backoff_delay(&policy, 3, 30000000000, &rng), 30000000000);
	for (uint32_t i = 0; i < 100; i++)
		assert_true(mr_backoff_delay(&policy, 12, 1000000000, &rng) >= 1000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bound_doubles_up_to_the_cap),
		cmocka_unit_test(full_jitter_is_within_bounds),
		cmocka_unit_test(retry_after_is_respected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
