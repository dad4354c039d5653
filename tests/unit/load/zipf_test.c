// The skew of the traffic: draws are compared with the law itself.
#include "zipf.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { RANKS = 50, DRAWS = 200000 };

// Pearson's chi-squared over all ranks; 49 degrees of freedom: above 85.35 in one run of a
// thousand.
static double chi_squared(double s, uint64_t seed)
{
	struct mr_zipf zipf;
	struct mr_rng rng;
	uint32_t counts[RANKS] = {0};
	double sum = 0;
	assert_int_equal(mr_zipf_init(&zipf, RANKS, s), 0);
	mr_rng_seed(&rng, seed);
	for (int i = 0; i < DRAWS; i++) {
		uint64_t rank = mr_zipf_draw(&zipf, &rng);
		assert_true(rank < RANKS);
		counts[rank]++;
	}
	for (int i = 0; i < RANKS; i++)
		sum += pow(i + 1, -s);
	double chi = 0;
	for (int i = 0; i < RANKS; i++) {
		double expected = DRAWS * pow(i + 1, -s) / sum;
		chi += (counts[i] - expected) * (counts[i] - expected) / expected;
	}
	mr_zipf_fini(&zipf);
	return chi;
}

static void draws_match_the_law(void **state)
{
	(void)state;
	const double exponents[] = {0, 0.5, 1, 1.3, 2};
	for (size_t i = 0; i < sizeof(exponents) / sizeof(exponents[0]); i++)
		assert_true(chi_squared(exponents[i], i + 1) < 85.35);
}

static void one_rank_is_always_drawn(void **state)
{
	(void)state;
	struct mr_zipf zipf;
	struct mr_rng rng;
	assert_int_equal(mr_zipf_init(&zipf, 1, 1.5), 0);
	mr_rng_seed(&rng, 1);
	for (int i = 0; i < 100; i++)
		assert_int_equal(mr_zipf_draw(&zipf, &rng), 0);
	mr_zipf_fini(&zipf);
}

static void nonsense_is_refused(void **state)
{
	(void)state;
	struct mr_zipf zipf;
	assert_int_equal(mr_zipf_init(&zipf, 0, 1), -EINVAL);
	assert_int_equal(mr_zipf_init(&zipf, MR_ZIPF_RANKS_MAX + 1ull, 1), -EINVAL);
	assert_int_equal(mr_zipf_init(&zipf, 10, -1), -EINVAL);
	assert_int_equal(mr_zipf_init(&zipf, 10, (double)NAN), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draws_match_the_law),
		cmocka_unit_test(one_rank_is_always_drawn),
		cmocka_unit_test(nonsense_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
