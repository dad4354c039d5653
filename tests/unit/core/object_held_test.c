// The lists of one object beside its queue, and the sieve.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "object.h"

enum { ID = 42, RECORD = 128, APP = 3 };

static struct mr_arena arena;
static struct mr_objects objects;
static uint32_t object;

static int setup(void **state)
{
	(void)state;
	return mr_arena_open(&arena, 1 << 20, false)
		|| !mr_objects_init(&objects, &arena, 16, 16, 256, 5);
}

static int teardown(void **state)
{
	(void)state;
	mr_arena_close(&arena);
	return 0;
}

static void enqueue(uint64_t first, uint64_t end)
{
	object = mr_objects_make(&objects, ID);
	for (uint64_t offset = first; offset < end; offset++) {
		mr_objects_append(&objects, object, RECORD);
		mr_objects_enqueue(&objects, object, offset);
	}
}

static void set_aside(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		assert_true(mr_objects_set_aside(&objects, object, APP, MR_SCOPE_USER));
}

static void expect_order(uint64_t first, uint64_t end)
{
	struct mr_object_iter iter = mr_object_begin(&objects, object);
	uint64_t offset;
	while (mr_object_next(&iter, &objects, &offset))
		assert_int_equal(offset, first++);
	assert_int_equal(first, end);
}

static void expect_pops(uint64_t first, uint64_t end)
{
	for (; first < end; first++) {
		assert_int_equal(mr_objects_front(&objects, object), first);
		mr_objects_pop(&objects, object, RECORD);
	}
}

static void released_events_come_before_the_queue(void **state)
{
	(void)state;
	enqueue(1, 21);
	set_aside(12);
	assert_true(mr_objects_is_behind(&objects, object, APP));
	assert_false(mr_objects_is_behind(&objects, object, APP + 64));
	expect_order(1, 21);
	expect_pops(13, 14); // the others pass
	mr_objects_release_held(&objects, object);
	assert_false(mr_objects_is_behind(&objects, object, APP));
	assert_int_equal(objects.ban_held, 0);
	expect_pops(1, 13);
	expect_pops(14, 21);
	assert_true(mr_objects_reclaim(&objects, object));
	assert_int_equal(objects.positions.used, 0);
}

static void event_half_way_stays_the_first(void **state)
{
	(void)state;
	enqueue(1, 6);
	set_aside(3);
	objects.states[object].ancestor_next = 1;
	mr_objects_release_held(&objects, object);
	assert_int_equal(objects.ban_held, 3); // not yet
	expect_pops(4, 5);
	assert_int_equal(objects.ban_held, 0);
	expect_pops(1, 4);
	expect_pops(5, 6);
}

static void second_release_waits_for_the_first(void **state)
{
	(void)state;
	enqueue(1, 8);
	set_aside(5);
	mr_objects_release_held(&objects, object);
	set_aside(2); // still held, by another rule
	mr_objects_release_held(&objects, object);
	assert_int_equal(objects.ban_held, 2);
	expect_order(1, 8);
	expect_pops(3, 6);
	expect_pops(1, 3);
	expect_pops(6, 8);
}

static void sieve_keeps_the_order_while_events_come(void **state)
{
	(void)state;
	uint64_t offset;
	enqueue(1, 21);
	set_aside(4);
	mr_objects_release_held(&objects, object);
	set_aside(2);
	mr_sieve_begin(&objects, object);
	assert_false(mr_object_can_run(&objects.states[object]));
	for (uint64_t next = 1; mr_sieve_front(&objects, &offset); next++) {
		assert_int_equal(offset, next);
		if (next == 10)
			enqueue(21, 24);
		expect_order(1, next < 10 ? 21 : 24);
		assert_true(mr_sieve_keep(&objects, APP));
	}
	assert_int_equal(offset, 23);
	assert_int_equal(objects.ban_held, 2);
	expect_order(1, 24);
	expect_pops(3, 24);
	mr_objects_release_held(&objects, object);
	expect_pops(1, 3);
}

static void sieve_drops_what_it_is_told_to(void **state)
{
	(void)state;
	uint64_t offset;
	enqueue(1, 21);
	set_aside(8);
	mr_sieve_begin(&objects, object);
	while (mr_sieve_front(&objects, &offset)) {
		if (offset % 2 == 0)
			mr_sieve_drop(&objects, RECORD);
		else
			assert_true(mr_sieve_keep(&objects, APP));
	}
	assert_int_equal(mr_object_events(&objects.states[object]), 10);
	assert_int_equal(objects.states[object].bytes, 10 * RECORD);
	assert_int_equal(objects.queued, 10);
	for (uint64_t next = 1; next < 21; next += 2) // what was held is looked at again
		expect_pops(next, next + 1);
	assert_true(mr_objects_reclaim(&objects, object));
	assert_int_equal(objects.positions.used, 0);
}

static void object_in_the_sieve_keeps_its_state(void **state)
{
	(void)state;
	uint64_t offset;
	enqueue(1, 2);
	mr_sieve_begin(&objects, object);
	assert_true(mr_sieve_front(&objects, &offset));
	mr_sieve_drop(&objects, RECORD);
	assert_false(mr_objects_reclaim(&objects, object));
	assert_false(mr_sieve_front(&objects, &offset));
	assert_true(mr_objects_reclaim(&objects, object));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			released_events_come_before_the_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(event_half_way_stays_the_first, setup, teardown),
		cmocka_unit_test_setup_teardown(
			second_release_waits_for_the_first, setup, teardown),
		cmocka_unit_test_setup_teardown(
			sieve_keeps_the_order_while_events_come, setup, teardown),
		cmocka_unit_test_setup_teardown(sieve_drops_what_it_is_told_to, setup, teardown),
		cmocka_unit_test_setup_teardown(
			object_in_the_sieve_keeps_its_state, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
