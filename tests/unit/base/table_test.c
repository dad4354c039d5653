// The map beside a plain array: random work over few keys, so that chains form, wrap and close
// again.
#include "table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rng.h"

enum { CAPACITY = 48, KEYS = 96 }; // 64 slots: as full as a table may be

static struct mr_arena arena;
static struct mr_table table;

static int setup(void **state)
{
	(void)state;
	if (mr_arena_open(&arena, 1 << 20, false) < 0)
		return -1;
	return mr_table_init(&table, &arena, "table", CAPACITY, 11) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	mr_arena_close(&arena);
	return 0;
}

static void expect_same(const bool *present, const uint32_t *values)
{
	uint32_t count = 0;
	for (uint64_t key = 1; key <= KEYS; key++) {
		uint32_t value = 0;
		assert_int_equal(mr_table_find(&table, key, &value), present[key]);
		if (present[key])
			assert_int_equal(value, values[key]);
		count += present[key];
	}
	assert_int_equal(table.count, count);
}

static void random_work_agrees_with_the_model(void **state)
{
	(void)state;
	bool present[KEYS + 1] = {false};
	uint32_t values[KEYS + 1] = {0};
	struct mr_rng rng;
	mr_rng_seed(&rng, 1);
	for (uint32_t round = 0; round < 6000; round++) {
		uint64_t key = 1 + mr_rng_below(&rng, KEYS);
		bool growing = round / 500 % 2 == 0;
		if (mr_rng_chance(&rng, growing ? 3 : 1, 4)) {
			int expected = present[key]       ? -EEXIST
				: table.count == CAPACITY ? -ENOSPC
							  : 0;
			assert_int_equal(mr_table_add(&table, key, round), expected);
			if (expected == 0) {
				present[key] = true;
				values[key] = round;
			}
		} else {
			assert_int_equal(mr_table_remove(&table, key), present[key]);
			present[key] = false;
		}
		expect_same(present, values);
	}
}

static void full_table_refuses_and_keeps_what_it_has(void **state)
{
	(void)state;
	for (uint64_t key = 1; key <= CAPACITY; key++)
		assert_int_equal(mr_table_add(&table, key, (uint32_t)key), 0);
	assert_int_equal(mr_table_add(&table, CAPACITY + 1, 0), -ENOSPC);
	assert_int_equal(mr_table_add(&table, 1, 99), -EEXIST);
	uint32_t value = 0;
	for (uint64_t key = 1; key <= CAPACITY; key++) {
		mr_table_prefetch(&table, key);
		assert_true(mr_table_find(&table, key, &value));
		assert_int_equal(value, key);
	}
	assert_true(mr_table_remove(&table, 7));
	assert_int_equal(mr_table_add(&table, CAPACITY + 1, 5), 0);
}

static void a_quarter_of_the_slots_stays_free(void **state)
{
	(void)state;
	for (uint32_t capacity = 1; capacity < 5000; capacity = capacity * 2 + 1) {
		struct mr_arena plan;
		mr_arena_plan(&plan);
		struct mr_table sized;
		assert_false(mr_table_init(&sized, &plan, "plan", capacity, 0)); // it only plans
		assert_true(((uint64_t)sized.mask + 1) * 3 / 4 >= capacity);
		assert_int_equal(
			plan.used, ((size_t)sized.mask + 1) * sizeof(struct mr_table_slot));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_work_agrees_with_the_model, setup, teardown),
		cmocka_unit_test_setup_teardown(
			full_table_refuses_and_keeps_what_it_has, setup, teardown),
		cmocka_unit_test(a_quarter_of_the_slots_stays_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
