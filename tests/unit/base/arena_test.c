// The arena: what is planned is what is taken, and nothing grows once it is sealed.
#include "arena.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void take_all(struct mr_arena *arena)
{
	(void)mr_arena_take(arena, "odd", 13, 1);
	(void)mr_arena_take(arena, "aligned", 100, 64);
	(void)mr_arena_take(arena, "odd", 7, 1);
	(void)mr_arena_array(arena, "words", uint64_t, 1000);
}

static void plan_counts_what_open_takes(void **state)
{
	(void)state;
	static struct mr_arena plan;
	mr_arena_plan(&plan);
	take_all(&plan);
	static struct mr_arena arena;
	assert_int_equal(mr_arena_open(&arena, plan.used, false), 0);
	take_all(&arena);

	assert_int_equal(arena.used, plan.used);
	assert_int_equal(arena.parts_count, plan.parts_count);
	size_t sum = 0;
	for (uint32_t i = 0; i < arena.parts_count; i++) {
		assert_string_equal(arena.parts[i].name, plan.parts[i].name);
		assert_int_equal(arena.parts[i].bytes, plan.parts[i].bytes);
		sum += arena.parts[i].bytes;
	}
	assert_int_equal(sum, arena.used);
	mr_arena_close(&arena);
}

static void planning_arena_hands_out_nothing(void **state)
{
	(void)state;
	struct mr_arena plan;
	mr_arena_plan(&plan);
	assert_null(mr_arena_take(&plan, "all", (size_t)1 << 40, 64));
	assert_int_equal(plan.used, (size_t)1 << 40);
	mr_arena_close(&plan);
}

static void same_names_are_added_up(void **state)
{
	(void)state;
	struct mr_arena plan;
	mr_arena_plan(&plan);
	take_all(&plan);
	assert_int_equal(plan.parts_count, 3);
	assert_string_equal(plan.parts[0].name, "odd");
	assert_int_equal(plan.parts[0].bytes, 20);
}

static void memory_is_zeroed_and_aligned(void **state)
{
	(void)state;
	struct mr_arena arena;
	assert_int_equal(mr_arena_open(&arena, 65536, false), 0);
	for (size_t align = 1; align <= 4096; align *= 2) {
		uint8_t *bytes = mr_arena_take(&arena, "part", align + 1, align);
		assert_non_null(bytes);
		assert_int_equal((uintptr_t)bytes % align, 0);
		for (size_t i = 0; i <= align; i++)
			assert_int_equal(bytes[i], 0);
		memset(bytes, 0xff, align + 1);
	}
	mr_arena_close(&arena);
}

static void exhausted_arena_answers_null_and_stays_usable(void **state)
{
	(void)state;
	struct mr_arena arena;
	assert_int_equal(mr_arena_open(&arena, 65536, false), 0);
	assert_null(mr_arena_take(&arena, "too much", arena.size + 1, 1));
	assert_null(mr_arena_take(&arena, "far too much", SIZE_MAX, 64));
	assert_non_null(mr_arena_take(&arena, "all", arena.size, 1));
	assert_null(mr_arena_take(&arena, "one more", 1, 1));
	assert_int_equal(arena.parts_count, 1);
	mr_arena_close(&arena);
}

static void open_refuses_sizes_that_cannot_be(void **state)
{
	(void)state;
	struct mr_arena arena;
	assert_int_not_equal(mr_arena_open(&arena, 0, false), 0);
	assert_int_not_equal(mr_arena_open(&arena, SIZE_MAX, false), 0);
	assert_int_not_equal(mr_arena_open(&arena, (size_t)1 << 60, false), 0);
	mr_arena_close(&arena);
}

static void closing_a_zeroed_arena_is_allowed(void **state)
{
	(void)state;
	struct mr_arena arena = {0};
	mr_arena_close(&arena);
	assert_null(arena.base);
}

static void hugepages_are_a_wish(void **state)
{
	(void)state;
	struct mr_arena arena;
	assert_int_equal(mr_arena_open(&arena, 1, true), 0);
	uint8_t *bytes = mr_arena_take(&arena, "byte", 1, 1);
	assert_non_null(bytes);
	*bytes = 1;
	mr_arena_close(&arena);
}

static void taking_from_a_sealed_arena_aborts(void **state)
{
	(void)state;
	pid_t child = fork();
	if (child == 0) {
		(void)signal(SIGABRT, SIG_DFL);
		(void)close(STDERR_FILENO);
		struct mr_arena arena;
		mr_arena_plan(&arena);
		mr_arena_seal(&arena);
		(void)mr_arena_take(&arena, "late", 1, 1);
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plan_counts_what_open_takes),
		cmocka_unit_test(planning_arena_hands_out_nothing),
		cmocka_unit_test(same_names_are_added_up),
		cmocka_unit_test(memory_is_zeroed_and_aligned),
		cmocka_unit_test(exhausted_arena_answers_null_and_stays_usable),
		cmocka_unit_test(open_refuses_sizes_that_cannot_be),
		cmocka_unit_test(closing_a_zeroed_arena_is_allowed),
		cmocka_unit_test(hugepages_are_a_wish),
		cmocka_unit_test(taking_from_a_sealed_arena_aborts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
