// The maker does what it is asked, once and in order, and reports whatever came of it.
#include "maker.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "disk_fake.h"

enum { BLOCK = 4096 };

static struct disk_fake *fake;
static struct mr_disk disk;
static struct mr_arena arena;
static struct mr_maker *maker;

static int set_up(void **state)
{
	(void)state;
	fake = disk_fake_new(1);
	disk = disk_fake_disk(fake);
	assert_int_equal(mr_arena_open(&arena, 1 << 20, false), 0);
	maker = mr_maker_new(&arena, &disk);
	return maker == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	mr_arena_close(&arena);
	disk_fake_free(fake);
	return 0;
}

static struct mr_maker_request make(const char *name, uint64_t bytes)
{
	struct mr_maker_request request = {.kind = MR_MAKER_MAKE, .bytes = bytes, .tag = bytes};

	snprintf(request.name, sizeof(request.name), "%s", name);
	return request;
}

static struct mr_maker_request renamed(const char *from, const char *to)
{
	struct mr_maker_request request = {.kind = MR_MAKER_RENAME};

	snprintf(request.name, sizeof(request.name), "%s", from);
	snprintf(request.to, sizeof(request.to), "%s", to);
	return request;
}

static struct mr_maker_request removed(const char *name, int fd)
{
	struct mr_maker_request request = {.kind = MR_MAKER_REMOVE, .fd = fd};

	snprintf(request.name, sizeof(request.name), "%s", name);
	return request;
}

// The one answer to this request.
static struct mr_maker_answer ask(struct mr_maker_request request)
{
	struct mr_maker_answer answer, another;

	assert_true(mr_maker_ask(maker, &request));
	assert_true(mr_maker_serve(maker));
	assert_true(mr_maker_answered(maker, &answer));
	assert_false(mr_maker_answered(maker, &another));
	assert_int_equal(answer.kind, request.kind);
	assert_int_equal(answer.tag, request.tag);
	return answer;
}

static uint64_t free_bytes(void)
{
	uint64_t free_bytes = 0, total_bytes;

	assert_int_equal(disk.space(disk.state, &free_bytes, &total_bytes), 0);
	return free_bytes;
}

static void a_made_file_survives_whole(void **state)
{
	(void)state;
	static const uint8_t zeros[2 * BLOCK];
	uint64_t size = 0;

	assert_true(ask(make("a", 2 * BLOCK)).result >= 0);
	disk_fake_crash(fake, 0);
	const uint8_t *bytes = disk_fake_look(fake, "a", &size);
	assert_non_null(bytes);
	assert_int_equal(size, 2 * BLOCK);
	assert_memory_equal(bytes, zeros, sizeof(zeros));
}

static void a_new_name_survives_and_the_descriptor_goes_on(void **state)
{
	(void)state;
	static _Alignas(BLOCK) uint8_t ones[BLOCK];
	uint64_t size;
	int fd = ask(make("a", BLOCK)).result;

	assert_int_equal(ask(renamed("a", "b")).result, 0);
	memset(ones, 1, sizeof(ones));
	assert_int_equal(disk.write(disk.state, fd, ones, BLOCK, 0), 0);
	disk_fake_crash(fake, 0);
	assert_null(disk_fake_look(fake, "a", &size));
	assert_memory_equal(disk_fake_look(fake, "b", &size), ones, BLOCK);
}

static void a_removed_file_gives_its_room_back(void **state)
{
	(void)state;
	uint64_t size;

	disk_fake_capacity(fake, 8 * BLOCK);
	int fd = ask(make("a", 8 * BLOCK)).result;
	assert_int_equal(free_bytes(), 0);
	assert_int_equal(ask(removed("a", fd)).result, 0);
	assert_int_equal(free_bytes(), 8 * BLOCK);
	ask(make("b", BLOCK));
	assert_int_equal(ask(removed("b", -1)).result, 0); // the descriptor is the caller's
	assert_int_equal(free_bytes(), 7 * BLOCK);
	disk_fake_crash(fake, 0);
	assert_null(disk_fake_look(fake, "a", &size));
	assert_null(disk_fake_look(fake, "b", &size));
}

static void a_full_disk_is_reported_and_nothing_is_left(void **state)
{
	(void)state;
	uint64_t size;

	disk_fake_capacity(fake, 4 * BLOCK);
	assert_int_equal(ask(make("a", 8 * BLOCK)).result, -ENOSPC);
	assert_null(disk_fake_look(fake, "a", &size));
	assert_true(ask(make("a", 4 * BLOCK)).result >= 0);
}

static void a_name_that_is_taken_stays_as_it_is(void **state)
{
	(void)state;
	uint64_t size = 0;

	ask(make("a", BLOCK));
	ask(make("b", BLOCK));
	assert_int_equal(ask(make("a", 2 * BLOCK)).result, -EEXIST);
	assert_int_equal(ask(renamed("b", "a")).result, -EEXIST);
	assert_non_null(disk_fake_look(fake, "a", &size));
	assert_int_equal(size, BLOCK);
	assert_int_equal(ask(renamed("c", "d")).result, -ENOENT);
	assert_int_equal(ask(removed("c", -1)).result, -ENOENT);
}

static void an_error_is_reported_and_not_tried_again(void **state)
{
	(void)state;
	static const int errors[] = {-EIO, -ENOSPC, -EFBIG, -EROFS, -EINTR};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		uint64_t writes = disk_fake_writes(fake);
		uint64_t size;
		disk_fake_fail(fake, 1, errors[i]);
		assert_int_equal(ask(make("a", BLOCK)).result, errors[i]);
		assert_int_equal(disk_fake_writes(fake), writes + 1);
		assert_null(disk_fake_look(fake, "a", &size));
	}
	ask(make("a", BLOCK));
	disk_fake_break(fake, -EROFS);
	assert_int_equal(ask(make("b", BLOCK)).result, -EROFS);
	assert_int_equal(ask(renamed("a", "b")).result, -EROFS);
	assert_int_equal(ask(removed("a", -1)).result, -EROFS);
}

// What was answered with success before the power went is there afterwards.
static void an_answer_is_durable_wherever_the_power_goes(void **state)
{
	(void)state;
	uint64_t changes = 0;

	for (uint64_t nth = 1; nth == 1 || nth <= changes; nth++) {
		uint64_t size;
		uint64_t before = disk_fake_changes(fake);
		disk_fake_cut_at(fake, nth == 1 ? 0 : nth - 1);
		bool made = ask(make("a", BLOCK)).result >= 0;
		bool renamed_too = ask(renamed("a", "b")).result == 0;
		if (nth == 1)
			changes = disk_fake_changes(fake) - before + 1;
		disk_fake_crash(fake, nth);
		bool is_a = disk_fake_look(fake, "a", &size) != NULL;
		bool is_b = disk_fake_look(fake, "b", &size) != NULL;
		assert_false(is_a && is_b);
		assert_true(!made || is_a || is_b);
		assert_true(!renamed_too || is_b);
		assert_int_equal(renamed_too, nth == 1);
		if (is_a || is_b)
			assert_int_equal(ask(removed(is_a ? "a" : "b", -1)).result, 0);
	}
	assert_int_equal(changes, 6); // create, zeros, sync; rename, sync; and none
}

static void answers_come_in_order_and_requests_are_bounded(void **state)
{
	(void)state;
	char name[16];
	struct mr_maker_answer answer;

	for (uint32_t round = 0; round < 3; round++) {
		uint32_t asked = 0;
		for (;;) {
			snprintf(name, sizeof(name), "%u-%u", round, asked);
			struct mr_maker_request request = make(name, BLOCK);
			request.tag = asked;
			if (!mr_maker_ask(maker, &request))
				break;
			asked++;
		}
		assert_int_equal(asked, MR_MAKER_REQUESTS_MAX);
		assert_true(mr_maker_serve(maker));
		assert_false(mr_maker_serve(maker));
		for (uint32_t i = 0; i < asked; i++) {
			assert_true(mr_maker_answered(maker, &answer));
			assert_int_equal(answer.tag, i);
			assert_true(answer.result >= 0);
		}
		assert_false(mr_maker_answered(maker, &answer));
	}
}

static void *serve_until(void *owner)
{
	_Atomic bool *ended = owner;

	while (!atomic_load(ended)) {
		if (!mr_maker_serve(maker))
			sched_yield();
	}
	return NULL;
}

static void a_thread_of_its_own_serves_the_same(void **state)
{
	(void)state;
	enum { REQUESTS = 500 };
	_Atomic bool ended = false;
	pthread_t thread;
	uint64_t asked = 0;

	assert_int_equal(pthread_create(&thread, NULL, serve_until, &ended), 0);
	for (uint64_t answered = 0; answered < REQUESTS;) {
		struct mr_maker_answer answer;
		bool is_make = asked % 2 == 0;
		struct mr_maker_request request = is_make ? make("a", BLOCK) : removed("a", -1);
		request.tag = asked;
		if (asked < REQUESTS && mr_maker_ask(maker, &request)) {
			asked++;
			continue;
		}
		if (!mr_maker_answered(maker, &answer)) {
			sched_yield();
			continue;
		}
		assert_int_equal(answer.tag, answered++);
		assert_true(answer.result >= 0);
	}
	atomic_store(&ended, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void a_plan_takes_what_a_start_takes(void **state)
{
	(void)state;
	static struct mr_arena plan;

	mr_arena_plan(&plan);
	assert_null(mr_maker_new(&plan, &disk));
	assert_int_equal(plan.used, arena.used);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_made_file_survives_whole),
		TEST(a_new_name_survives_and_the_descriptor_goes_on),
		TEST(a_removed_file_gives_its_room_back),
		TEST(a_full_disk_is_reported_and_nothing_is_left),
		TEST(a_name_that_is_taken_stays_as_it_is),
		TEST(an_error_is_reported_and_not_tried_again),
		TEST(an_answer_is_durable_wherever_the_power_goes),
		TEST(answers_come_in_order_and_requests_are_bounded),
		TEST(a_thread_of_its_own_serves_the_same),
		TEST(a_plan_takes_what_a_start_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
