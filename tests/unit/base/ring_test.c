// Rings between two stages: order, the bound, and the hand-off of memory between two threads.
#include "ring.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rng.h"

static struct mr_arena arena;

static int setup(void **state)
{
	(void)state;
	return mr_arena_open(&arena, 1 << 20, false);
}

static int teardown(void **state)
{
	(void)state;
	mr_arena_close(&arena);
	return 0;
}

static struct mr_desc desc_of(uint64_t number)
{
	return (struct mr_desc){.word = {number, ~number}};
}

static void expect_desc(struct mr_desc desc, uint64_t number)
{
	assert_true(desc.word[0] == number && desc.word[1] == ~number);
}

static void descriptors_come_out_in_order(void **state)
{
	(void)state;
	struct mr_ring *ring = mr_ring_new(&arena, "ring", 50);
	struct mr_rng rng;
	mr_rng_seed(&rng, 1);
	uint64_t pushed = 0;
	uint64_t popped = 0;
	for (uint32_t round = 0; round < 2000; round++) {
		struct mr_desc burst[80];
		uint32_t count = (uint32_t)mr_rng_below(&rng, 80);
		for (uint32_t i = 0; i < count; i++)
			burst[i] = desc_of(pushed + i);
		uint32_t room = mr_ring_free(ring);
		uint32_t taken = mr_ring_push_burst(ring, burst, count);
		assert_int_equal(taken, count < room ? count : room);
		pushed += taken;

		uint32_t max = (uint32_t)mr_rng_below(&rng, 80);
		uint32_t got = mr_ring_pop_burst(ring, burst, max);
		assert_int_equal(got, max < pushed - popped ? max : pushed - popped);
		for (uint32_t i = 0; i < got; i++)
			expect_desc(burst[i], popped + i);
		popped += got;
		assert_int_equal(mr_ring_used(ring), pushed - popped);
	}
	assert_true(pushed > 10000);
}

static void full_ring_refuses_and_loses_nothing(void **state)
{
	(void)state;
	for (uint32_t capacity = 1; capacity <= 130; capacity++) {
		struct mr_ring *ring = mr_ring_new(&arena, "ring", capacity);
		assert_non_null(ring);
		uint32_t room = mr_ring_free(ring);
		assert_true(room >= capacity);
		for (uint32_t i = 0; i < room; i++)
			assert_true(mr_ring_push(ring, desc_of(i)));
		assert_false(mr_ring_push(ring, desc_of(room)));
		assert_int_equal(mr_ring_free(ring), 0);
		struct mr_desc desc;
		for (uint32_t i = 0; i < room; i++) {
			assert_int_equal(mr_ring_pop_burst(ring, &desc, 1), 1);
			expect_desc(desc, i);
		}
		assert_int_equal(mr_ring_pop_burst(ring, &desc, 1), 0);
	}
}

static void ring_without_memory_is_null_but_planned(void **state)
{
	(void)state;
	struct mr_arena plan;
	mr_arena_plan(&plan);
	assert_null(mr_ring_new(&plan, "ring", 1000));
	assert_true(plan.used >= 1000 * sizeof(struct mr_desc));
	assert_null(mr_ring_new(&arena, "huge", 1 << 20));
}

enum { HANDED = 20000 };

struct hand_off {
	struct mr_ring *ring;
	uint64_t notes[HANDED]; // plain memory: only the ring orders it
};

static struct hand_off hand_off;

static void *produce(void *argument)
{
	struct hand_off *shared = argument;
	struct mr_rng rng;
	mr_rng_seed(&rng, 2);
	for (uint64_t next = 0; next < HANDED;) {
		struct mr_desc burst[32];
		uint32_t count = (uint32_t)(1 + mr_rng_below(&rng, 32));
		count = count < HANDED - next ? count : (uint32_t)(HANDED - next);
		for (uint32_t i = 0; i < count; i++) {
			shared->notes[next + i] = (next + i) * 3;
			burst[i] = desc_of(next + i);
		}
		uint32_t taken = mr_ring_push_burst(shared->ring, burst, count);
		if (taken == 0)
			(void)sched_yield();
		next += taken;
	}
	return NULL;
}

static void memory_is_handed_over_between_threads(void **state)
{
	(void)state;
	hand_off.ring = mr_ring_new(&arena, "ring", 200);
	pthread_t producer;
	assert_int_equal(pthread_create(&producer, NULL, produce, &hand_off), 0);
	uint64_t next = 0;
	uint64_t wrong = 0;
	while (next < HANDED) {
		struct mr_desc burst[64];
		uint32_t got = mr_ring_pop_burst(hand_off.ring, burst, 64);
		for (uint32_t i = 0; i < got; i++, next++)
			wrong += burst[i].word[0] != next || burst[i].word[1] != ~next
				|| hand_off.notes[next] != next * 3;
		if (got == 0)
			(void)sched_yield();
	}
	assert_int_equal(pthread_join(producer, NULL), 0);
	assert_int_equal(wrong, 0);
	assert_int_equal(mr_ring_used(hand_off.ring), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(descriptors_come_out_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
			full_ring_refuses_and_loses_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			ring_without_memory_is_null_but_planned, setup, teardown),
		cmocka_unit_test_setup_teardown(
			memory_is_handed_over_between_threads, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
