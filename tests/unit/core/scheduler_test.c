// Exact shares: objects with endless queues are served by hand, every event for a given cost, and
// the events are counted.
#include "scheduler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "rng.h"

enum { QUANTUM = 16, PENALTY_AFTER = 4, OBJECTS = 64 };

static struct mr_arena arena;
static struct mr_objects objects;
static struct mr_scheduler scheduler;
static uint64_t units[OBJECTS + 1]; // served, by object id

static int setup(void **state)
{
	(void)state;
	memset(units, 0, sizeof(units));
	if (mr_arena_open(&arena, 8 << 20, false) < 0)
		return -1;
	return mr_objects_init(&objects, &arena, OBJECTS, 4, 4096, 3)
			&& mr_scheduler_init(
				&scheduler, &arena, &objects, QUANTUM, PENALTY_AFTER, 3)
		? 0
		: -1;
}

static int teardown(void **state)
{
	(void)state;
	mr_arena_close(&arena);
	return 0;
}

static uint32_t add_event(uint64_t id, uint64_t workspace)
{
	const uint32_t index = mr_objects_make(&objects, id);
	assert_int_not_equal(index, 0);
	if (mr_object_events(&objects.states[index]) == 0
		&& !(objects.states[index].flags & MR_OBJECT_RUNNABLE))
		mr_scheduler_bind(&scheduler, index, workspace);
	mr_objects_append(&objects, index, 8);
	mr_objects_enqueue(&objects, index, 4096);
	mr_scheduler_settle(&scheduler, index);
	return index;
}

// Serves one event of whoever's turn it is; false when nobody has one. The queue is filled up again
// if `endless`.
static bool serve(uint32_t cost, bool endless)
{
	const uint32_t index = mr_scheduler_pick(&scheduler);
	if (index == 0)
		return false;
	struct mr_object *object = &objects.states[index];
	units[object->id] += cost;
	if (endless) {
		mr_objects_append(&objects, index, 8);
		mr_objects_enqueue(&objects, index, 4096);
	}
	mr_objects_pop(&objects, index, 8);
	mr_scheduler_charge(&scheduler, index, cost);
	return true;
}

static void objects_of_a_workspace_get_the_same(void **state)
{
	(void)state;
	for (uint64_t id = 1; id <= 5; id++)
		add_event(id, 1);
	for (uint32_t i = 0; i < 5 * 1000; i++)
		assert_true(serve(4, true));
	for (uint64_t id = 1; id <= 5; id++)
		assert_int_equal(units[id], 4000);
}

static void workspaces_get_the_same_however_many_objects(void **state)
{
	(void)state;
	add_event(1, 1); // the hot one
	for (uint64_t id = 2; id <= 11; id++)
		add_event(id, 2);
	for (uint32_t i = 0; i < 8000; i++)
		assert_true(serve(4, true));
	assert_int_equal(units[1], 16000);
	for (uint64_t id = 2; id <= 11; id++)
		assert_int_equal(units[id], 1600);
}

static void dear_events_get_no_more_than_cheap_ones(void **state)
{
	(void)state;
	add_event(1, 1);
	add_event(2, 1);
	uint64_t spent = 0;
	while (spent < 200000) {
		const uint32_t index = mr_scheduler_pick(&scheduler);
		const uint32_t cost = objects.states[index].id == 1 ? 1 : 100;
		assert_true(serve(cost, true));
		spent += cost;
	}
	assert_in_range(units[1], 100000 - 200, 100000 + 200); // a debt is at most one event
	assert_in_range(units[2], 100000 - 200, 100000 + 200);
}

static void latecomer_waits_one_round_at_most(void **state)
{
	(void)state;
	for (uint64_t id = 1; id <= 10; id++)
		add_event(id, id);
	for (uint32_t i = 0; i < 1000; i++)
		assert_true(serve(4, true));
	add_event(20, 20);
	uint64_t before = 0;
	for (uint64_t id = 1; id <= 10; id++)
		before += units[id];
	while (units[20] == 0)
		assert_true(serve(4, true));
	uint64_t after = 0;
	for (uint64_t id = 1; id <= 10; id++)
		after += units[id];
	assert_true(after - before <= 11 * QUANTUM);
}

static void penalty_comes_after_full_quanta_in_a_row_and_goes_with_the_queue(void **state)
{
	(void)state;
	const uint32_t index = add_event(1, 1);
	for (uint32_t i = 0; i < PENALTY_AFTER - 1; i++)
		assert_true(serve(QUANTUM, true));
	assert_int_equal(objects.penalised, 0);
	assert_true(serve(QUANTUM, true));
	assert_int_equal(objects.penalised, 1);
	assert_true(objects.states[index].flags & MR_OBJECT_PENALISED);
	assert_true(serve(QUANTUM, false));
	assert_int_equal(objects.penalised, 0);
	assert_int_equal(objects.used, 0);
}

static void emptying_in_between_starts_the_count_again(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 10 * PENALTY_AFTER; i++) {
		add_event(1, 1);
		if (i % PENALTY_AFTER == 0)
			while (serve(QUANTUM, false))
				;
		else
			assert_true(serve(QUANTUM, true));
	}
	assert_int_equal(objects.penalised, 0);
}

static void yielding_keeps_the_queue_and_gives_way(void **state)
{
	(void)state;
	const uint32_t stuck = add_event(1, 1);
	add_event(2, 1);
	for (uint32_t i = 0; i < 1000; i++) {
		const uint32_t index = mr_scheduler_pick(&scheduler);
		if (index == stuck)
			mr_scheduler_yield(&scheduler, index);
		else
			assert_true(serve(4, true));
	}
	assert_int_equal(objects.states[stuck].queue.count, 1);
	assert_true(units[2] > 2000);
	assert_int_equal(objects.states[stuck].full_quanta, 0);
}

static void held_object_leaves_the_lists_and_comes_back(void **state)
{
	(void)state;
	const uint32_t index = add_event(1, 1);
	mr_objects_hold(&objects, objects.states[index].id);
	mr_scheduler_settle(&scheduler, index);
	assert_int_equal(mr_scheduler_pick(&scheduler), 0);
	assert_int_equal(scheduler.runnable, 0);
	mr_objects_release(&objects, index);
	mr_scheduler_settle(&scheduler, index);
	assert_int_equal(mr_scheduler_pick(&scheduler), index);
	assert_true(serve(1, false));
	assert_int_equal(mr_scheduler_pick(&scheduler), 0);
}

static void rows_of_workspaces_are_given_back(void **state)
{
	(void)state;
	struct mr_rng rng;
	mr_rng_seed(&rng, 5);
	for (uint32_t i = 0; i < 20000; i++) {
		if (objects.queued < 40)
			add_event(1 + mr_rng_below(&rng, OBJECTS), 1 + mr_rng_below(&rng, 1000));
		else
			assert_true(serve(1 + (uint32_t)mr_rng_below(&rng, 40), false));
	}
	while (serve(1, false))
		;
	assert_int_equal(objects.used, 0);
	assert_int_equal(scheduler.by_id.count, 0);
	assert_int_equal(scheduler.runnable, 0);
	assert_int_equal(objects.positions.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			objects_of_a_workspace_get_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(
			workspaces_get_the_same_however_many_objects, setup, teardown),
		cmocka_unit_test_setup_teardown(
			dear_events_get_no_more_than_cheap_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(latecomer_waits_one_round_at_most, setup, teardown),
		cmocka_unit_test_setup_teardown(
			penalty_comes_after_full_quanta_in_a_row_and_goes_with_the_queue, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			emptying_in_between_starts_the_count_again, setup, teardown),
		cmocka_unit_test_setup_teardown(
			yielding_keeps_the_queue_and_gives_way, setup, teardown),
		cmocka_unit_test_setup_teardown(
			held_object_leaves_the_lists_and_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(rows_of_workspaces_are_given_back, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
