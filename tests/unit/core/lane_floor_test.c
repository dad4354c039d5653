#include "lane_floor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rng.h"

enum { STREAM_BYTES = 1 << 20, CELL = STREAM_BYTES / MR_LANE_FLOOR_CELLS };

static void floor_of_nothing_is_unbounded(void **state)
{
	(void)state;
	struct mr_lane_floor floor;
	mr_lane_floor_init(&floor, STREAM_BYTES);
	assert_int_equal(mr_lane_floor_offset(&floor), UINT64_MAX);
	mr_lane_floor_add(&floor, 4096);
	mr_lane_floor_remove(&floor, 4096);
	assert_int_equal(mr_lane_floor_offset(&floor), UINT64_MAX);
}

static void floor_is_the_cell_of_the_lowest_entry(void **state)
{
	(void)state;
	struct mr_lane_floor floor;
	mr_lane_floor_init(&floor, STREAM_BYTES);
	mr_lane_floor_add(&floor, 10 * CELL + 8);
	assert_int_equal(mr_lane_floor_offset(&floor), 10 * CELL);
	mr_lane_floor_add(&floor, 3 * CELL + 16); // distributed later, stands lower
	assert_int_equal(mr_lane_floor_offset(&floor), 3 * CELL);
	mr_lane_floor_add(&floor, 3 * CELL + 24);
	mr_lane_floor_remove(&floor, 3 * CELL + 16);
	assert_int_equal(mr_lane_floor_offset(&floor), 3 * CELL);
	mr_lane_floor_remove(&floor, 3 * CELL + 24);
	assert_int_equal(mr_lane_floor_offset(&floor), 10 * CELL);
}

static void floor_advances_past_empty_cells_round_the_ring(void **state)
{
	(void)state;
	struct mr_lane_floor floor;
	mr_lane_floor_init(&floor, STREAM_BYTES);
	for (uint64_t cell = 0; cell < 5 * MR_LANE_FLOOR_RING; cell += 200) {
		mr_lane_floor_add(&floor, cell * CELL);
		if (cell >= 200) {
			assert_int_equal(mr_lane_floor_offset(&floor), (cell - 200) * CELL);
			mr_lane_floor_remove(&floor, (cell - 200) * CELL);
		}
		assert_int_equal(mr_lane_floor_offset(&floor), cell * CELL);
	}
}

// Against a model that looks at every entry: never too high, and never more than a cell too low.
static void floor_agrees_with_a_scan(void **state)
{
	(void)state;
	enum { ENTRIES = 512 };
	static uint64_t live[ENTRIES];
	struct mr_lane_floor floor;
	struct mr_rng rng;
	mr_rng_seed(&rng, 7);
	mr_lane_floor_init(&floor, STREAM_BYTES);
	uint64_t tail = 4096;
	for (uint32_t step = 0; step < 100000; step++) {
		uint32_t at = (uint32_t)mr_rng_below(&rng, ENTRIES);
		if (live[at] != 0) {
			mr_lane_floor_remove(&floor, live[at]);
			live[at] = 0;
		}
		tail += 8 * mr_rng_below(&rng, 32);
		for (uint32_t i = 0; i < ENTRIES; i++) { // the writer never passes what is counted
			if (live[i] != 0 && tail - live[i] > STREAM_BYTES * 3 / 4) {
				mr_lane_floor_remove(&floor, live[i]);
				live[i] = 0;
			}
		}
		uint64_t back = 8 * mr_rng_below(&rng, STREAM_BYTES / 16);
		live[at] = back < tail ? tail - back : tail;
		mr_lane_floor_add(&floor, live[at]);
		uint64_t lowest = UINT64_MAX;
		for (uint32_t i = 0; i < ENTRIES; i++)
			if (live[i] != 0 && live[i] < lowest)
				lowest = live[i];
		assert_true(mr_lane_floor_offset(&floor) <= lowest);
		assert_true(lowest - mr_lane_floor_offset(&floor) < CELL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(floor_of_nothing_is_unbounded),
		cmocka_unit_test(floor_is_the_cell_of_the_lowest_entry),
		cmocka_unit_test(floor_advances_past_empty_cells_round_the_ring),
		cmocka_unit_test(floor_agrees_with_a_scan),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
