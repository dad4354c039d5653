// Space-saving against exact counts: the bounds of every row, and of every id that has none.
#include "top_k.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rng.h"

enum { STREAMS = 1000, EVENTS = 2000, IDS_MAX = 600, COLD = 1000000 };

struct zipf { // cumulative weights
	uint64_t sums[IDS_MAX];
	uint32_t count;
};

// Exponents 0 (all alike), 1 and 2.
static void zipf_make(struct zipf *zipf, uint32_t count, uint32_t exponent)
{
	uint64_t sum = 0;
	zipf->count = count;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t weight = 1 << 30;
		for (uint32_t k = 0; k < exponent; k++)
			weight /= i + 1;
		sum += weight + 1;
		zipf->sums[i] = sum;
	}
}

static uint32_t zipf_draw(const struct zipf *zipf, struct mr_rng *rng)
{
	const uint64_t at = mr_rng_below(rng, zipf->sums[zipf->count - 1]);
	uint32_t low = 0;
	uint32_t high = zipf->count - 1;
	while (low < high) {
		const uint32_t middle = (low + high) / 2;
		if (zipf->sums[middle] > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

// Ids of a stream do not repeat those of another one.
static uint64_t id_of(uint64_t seed, uint32_t rank)
{
	return seed * 0x9e3779b97f4a7c15 + rank + 1;
}

// A row of id 0: there is none.
static const struct mr_top_k_row *find(const struct mr_top_k *top, uint64_t id)
{
	static const struct mr_top_k_row none;
	for (uint32_t i = 0; i < top->rows_count; i++)
		if (top->rows[i].id == id)
			return &top->rows[i];
	return &none;
}

static void check(const struct mr_top_k *top, uint64_t seed, const uint64_t *truth, uint32_t count)
{
	uint32_t seen = 0;
	for (uint32_t rank = 0; rank < count; rank++) {
		const struct mr_top_k_row *row = find(top, id_of(seed, rank));
		if (row->id == 0) {
			assert_true(truth[rank] <= mr_top_k_absent(top));
			continue;
		}
		seen++;
		assert_true(truth[rank] <= row->count);
		assert_true(row->count - row->error <= truth[rank]);
	}
	assert_int_equal(seen, top->rows_count);
}

static void stream(struct mr_top_k *top, uint64_t seed)
{
	static struct zipf zipf;
	uint64_t truth[IDS_MAX] = {0};
	uint64_t total = 0;
	struct mr_rng rng;
	mr_rng_seed(&rng, seed);
	zipf_make(&zipf, 1 + (uint32_t)mr_rng_below(&rng, IDS_MAX), (uint32_t)(seed % 3));
	const bool has_runs = seed % 2 == 0; // packets refused whole
	for (uint32_t i = 0; i < EVENTS; i++) {
		const uint32_t rank = zipf_draw(&zipf, &rng);
		const uint64_t count = has_runs ? 1 + mr_rng_below(&rng, 100) : 1;
		const struct mr_top_k_row *row = mr_top_k_count(top, id_of(seed, rank), count);
		assert_true(row->id == id_of(seed, rank));
		truth[rank] += count;
		total += count;
	}
	assert_true(top->total == total);
	check(top, seed, truth, zipf.count);
}

static void bounds_hold_over_a_thousand_zipf_streams(void **state)
{
	(void)state;
	static struct mr_top_k top;
	for (uint64_t seed = 1; seed <= STREAMS; seed++) {
		mr_top_k_init(&top, seed * 77);
		stream(&top, seed);
	}
}

static void a_cleared_table_begins_anew(void **state)
{
	(void)state;
	static struct mr_top_k top;
	mr_top_k_init(&top, 5);
	for (uint64_t seed = 1; seed <= 20; seed++) {
		mr_top_k_clear(&top);
		assert_int_equal(top.rows_count, 0);
		assert_int_equal(mr_top_k_absent(&top), 0);
		stream(&top, seed);
	}
}

static void hot_id_stands_out_among_a_million_cold_ones(void **state)
{
	(void)state;
	static struct mr_top_k top;
	const uint64_t hot = UINT64_MAX;
	uint64_t truth = 0;
	mr_top_k_init(&top, 9);
	for (uint64_t cold = 1; cold <= COLD; cold++) {
		(void)mr_top_k_count(&top, cold, 1);
		if (cold % 20 == 0) {
			(void)mr_top_k_count(&top, hot, 1);
			truth++;
		}
	}
	const struct mr_top_k_row *row = find(&top, hot);
	assert_true(row->id == hot);
	assert_true(row->count - row->error <= truth && truth <= row->count);
	for (uint32_t i = 0; i < top.rows_count; i++)
		assert_true(&top.rows[i] == row
			|| top.rows[i].count - top.rows[i].error < row->count - row->error);
	// A cold one was seen once, and nobody can say that it was more.
	assert_true(row->count - row->error > truth / 2);
}

static void a_row_taken_over_forgets_what_it_was_about(void **state)
{
	(void)state;
	static struct mr_top_k top;
	mr_top_k_init(&top, 3);
	for (uint64_t id = 1; id <= MR_TOP_ROWS; id++) {
		struct mr_top_k_row *row = mr_top_k_count(&top, id, 2);
		row->refused = 1;
		row->about[0] = id;
	}
	const struct mr_top_k_row *row = mr_top_k_count(&top, 1000, 1);
	assert_true(row->id == 1000 && row->count == 3 && row->error == 2);
	assert_true(row->refused == 0 && row->about[0] == 0);
	assert_int_equal(mr_top_k_absent(&top), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_hold_over_a_thousand_zipf_streams),
		cmocka_unit_test(a_cleared_table_begins_anew),
		cmocka_unit_test(hot_id_stands_out_among_a_million_cold_ones),
		cmocka_unit_test(a_row_taken_over_forgets_what_it_was_about),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
