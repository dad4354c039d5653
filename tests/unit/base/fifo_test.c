// Queues in pooled chunks beside a plain array that does the same.
#include "fifo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rng.h"

enum { QUEUES = 5, MODEL_MAX = 4096, ENTRIES = 700 };

struct fixture {
	struct mr_arena arena;
	struct mr_chunk_pool pool;
};

static struct fixture fixture;

static int setup(void **state)
{
	(void)state;
	if (mr_arena_open(&fixture.arena, 1 << 20, false) < 0)
		return -1;
	return mr_chunk_pool_init(&fixture.pool, &fixture.arena, "chunks", ENTRIES) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	mr_arena_close(&fixture.arena);
	return 0;
}

struct model {
	uint64_t entries[MODEL_MAX];
	uint32_t head;
	uint32_t count;
};

static struct model models[QUEUES];

static void expect_same(const struct mr_fifo *fifo, const struct model *model)
{
	assert_int_equal(fifo->count, model->count);
	struct mr_fifo_iter iter = mr_fifo_begin(fifo);
	uint64_t entry = 0;
	for (uint32_t i = 0; i < model->count; i++) {
		assert_true(mr_fifo_next(&iter, &fixture.pool, &entry));
		assert_true(entry == model->entries[model->head + i]);
	}
	assert_false(mr_fifo_next(&iter, &fixture.pool, &entry));
	if (model->count > 0)
		assert_true(mr_fifo_front(fifo, &fixture.pool) == model->entries[model->head]);
}

static void random_work_agrees_with_the_model(void **state)
{
	(void)state;
	struct mr_rng rng;
	mr_rng_seed(&rng, 7);
	struct mr_fifo fifos[QUEUES] = {0};
	for (uint32_t round = 0; round < 3000; round++) {
		uint32_t q = (uint32_t)mr_rng_below(&rng, QUEUES);
		struct model *model = &models[q];
		if (mr_rng_chance(&rng, 1, 200)) {
			mr_fifo_clear(&fifos[q], &fixture.pool);
			model->head = model->count = 0;
		} else if (mr_rng_chance(&rng, 11, 20) && model->head + model->count < MODEL_MAX) {
			uint64_t entry = mr_rng_next(&rng);
			if (mr_fifo_push(&fifos[q], &fixture.pool, entry))
				model->entries[model->head + model->count++] = entry;
		} else if (model->count > 0) {
			assert_true(mr_fifo_pop(&fifos[q], &fixture.pool)
				== model->entries[model->head]);
			model->head++;
			model->count--;
		}
		expect_same(&fifos[q], model);
	}
	for (uint32_t q = 0; q < QUEUES; q++)
		mr_fifo_clear(&fifos[q], &fixture.pool);
	assert_int_equal(fixture.pool.used, 0);
}

static void pool_holds_what_was_promised_then_refuses(void **state)
{
	(void)state;
	struct mr_fifo fifo = {0};
	uint32_t pushed = 0;
	while (mr_fifo_push(&fifo, &fixture.pool, pushed))
		pushed++;
	assert_true(pushed >= ENTRIES);
	assert_int_equal(fifo.count, pushed);
	for (uint32_t i = 0; i < pushed; i++)
		assert_int_equal(mr_fifo_pop(&fifo, &fixture.pool), i);
	assert_int_equal(fixture.pool.used, 0);
	assert_true(mr_fifo_push(&fifo, &fixture.pool, 1)); // room again
	mr_fifo_clear(&fifo, &fixture.pool);
}

static void empty_queue_holds_no_chunk(void **state)
{
	(void)state;
	struct mr_fifo fifo = {0};
	for (uint32_t length = 1; length <= 3 * MR_CHUNK_ENTRIES; length++) {
		for (uint32_t i = 0; i < length; i++)
			assert_true(mr_fifo_push(&fifo, &fixture.pool, i));
		assert_int_equal(
			fixture.pool.used, (length + MR_CHUNK_ENTRIES - 1) / MR_CHUNK_ENTRIES);
		for (uint32_t i = 0; i < length; i++)
			(void)mr_fifo_pop(&fifo, &fixture.pool);
		assert_int_equal(fixture.pool.used, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_work_agrees_with_the_model, setup, teardown),
		cmocka_unit_test_setup_teardown(
			pool_holds_what_was_promised_then_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(empty_queue_holds_no_chunk, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
