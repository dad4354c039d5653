// Log-linear histograms: the error is bounded by 1/16 and the ends behave.
#include "histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "rng.h"

static struct mr_stats_histogram histogram;
static struct mr_stats_histogram other;

static int setup(void **state)
{
	(void)state;
	histogram = (struct mr_stats_histogram){0};
	other = (struct mr_stats_histogram){0};
	return 0;
}

static void buckets_are_contiguous_and_narrow(void **state)
{
	(void)state;
	uint64_t low = 0;
	for (uint32_t bucket = 0; bucket < MR_HISTOGRAM_BUCKETS; bucket++) {
		uint64_t high = mr_histogram_bucket_limit(bucket);
		assert_int_equal(mr_histogram_bucket(low), bucket);
		assert_int_equal(mr_histogram_bucket(high), bucket);
		assert_true((high - low) * 16 <= (low > 16 ? low : 16));
		low = high + 1;
	}
	assert_true(low == UINT64_C(1) << 40);
}

static void values_beyond_the_range_land_in_the_last_bucket(void **state)
{
	(void)state;
	assert_int_equal(mr_histogram_bucket(UINT64_C(1) << 40), MR_HISTOGRAM_BUCKETS - 1);
	assert_int_equal(mr_histogram_bucket(UINT64_MAX), MR_HISTOGRAM_BUCKETS - 1);
	mr_histogram_record(&histogram, UINT64_C(1) << 50);
	assert_true(mr_histogram_quantile(&histogram, 0.5) == UINT64_C(1) << 50);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void quantiles_are_at_most_a_sixteenth_too_high(void **state)
{
	(void)state;
	enum { COUNT = 5000 };
	static uint64_t values[COUNT];
	struct mr_rng rng;
	mr_rng_seed(&rng, 3);
	for (uint32_t i = 0; i < COUNT; i++) {
		values[i] = mr_rng_next(&rng) >> (24 + mr_rng_below(&rng, 40));
		mr_histogram_record(&histogram, values[i]);
	}
	qsort(values, COUNT, sizeof(values[0]), compare);
	for (uint32_t rank = 1; rank <= COUNT; rank += 7) {
		uint64_t exact = values[rank - 1];
		uint64_t told = mr_histogram_quantile(&histogram, ((double)rank - 0.5) / COUNT);
		assert_true(told >= exact);
		assert_true(told - exact <= exact / 16);
	}
	assert_true(mr_histogram_quantile(&histogram, 1.0) == values[COUNT - 1]);
}

static void empty_histogram_answers_zero(void **state)
{
	(void)state;
	assert_true(mr_histogram_quantile(&histogram, 0.99) == 0);
}

static void added_histograms_equal_one_that_saw_both(void **state)
{
	(void)state;
	static struct mr_stats_histogram both;
	for (uint64_t value = 1; value < 100000; value = value * 3 + 1) {
		mr_histogram_record(&histogram, value);
		mr_histogram_record(&other, value * 7);
		mr_histogram_record(&both, value);
		mr_histogram_record(&both, value * 7);
	}
	mr_histogram_add(&histogram, &other);
	assert_memory_equal(&histogram, &both, sizeof(both));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_are_contiguous_and_narrow),
		cmocka_unit_test_setup(values_beyond_the_range_land_in_the_last_bucket, setup),
		cmocka_unit_test_setup(quantiles_are_at_most_a_sixteenth_too_high, setup),
		cmocka_unit_test_setup(empty_histogram_answers_zero, setup),
		cmocka_unit_test_setup(added_histograms_equal_one_that_saw_both, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
