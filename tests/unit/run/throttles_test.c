// The rate of a throttled scope over the shards: never more than it in sum, all of it where it is
// wanted, and nothing stuck with a shard that wants it no more.
#include "throttles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SHARDS = 4, ROUNDS_PER_SECOND = 10 };
#define ROUND_NS UINT64_C(100000000)

static struct mr_arena arena;
static struct mr_throttle_board *boards[SHARDS];
static struct mr_throttles throttles;
static uint64_t now_ns;

static int setup(void **state)
{
	(void)state;
	if (mr_arena_open(&arena, 8 << 20, false) != 0)
		return -1;
	for (uint32_t i = 0; i < SHARDS; i++)
		boards[i] = mr_arena_array(&arena, "boards", struct mr_throttle_board, 1);
	now_ns = ROUND_NS;
	const bool done = mr_throttles_init(&throttles, &arena, boards, SHARDS);
	mr_throttles_work(&throttles, now_ns, 0);
	return done ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	mr_arena_close(&arena);
	return 0;
}

// So many events arrive at a shard; how many it accepts.
static uint64_t offer(uint32_t shard, uint16_t slot, uint64_t count)
{
	struct mr_throttle_board *board = boards[shard];
	uint64_t accepted = 0;
	for (uint64_t i = 0; i < count; i++) {
		mr_count(&board->wanted[slot], 1);
		if (mr_read(&board->used[slot]) >= mr_read(&board->granted[slot]))
			continue;
		mr_count(&board->used[slot], 1);
		accepted++;
	}
	return accepted;
}

static void deal(uint64_t elapsed_ns)
{
	now_ns += elapsed_ns;
	mr_throttles_work(&throttles, now_ns, 0);
}

static void nothing_is_granted_at_first(void **state)
{
	(void)state;
	const uint16_t slot = mr_throttles_take(&throttles, 1000);
	assert_int_equal(offer(0, slot, 100), 0);
}

static void sum_stays_below_the_rate_whatever_the_demand(void **state)
{
	(void)state;
	const uint16_t slot = mr_throttles_take(&throttles, 1000);
	uint64_t accepted = 0, random = 1;
	for (uint32_t round = 1; round <= 60 * ROUNDS_PER_SECOND; round++) {
		for (uint32_t shard = 0; shard < SHARDS; shard++) {
			random = random * UINT64_C(6364136223846793005) + 1;
			accepted += offer(shard, slot, (random >> 33) % 300);
		}
		deal(ROUND_NS);
		assert_true(accepted <= (uint64_t)round * 100);
	}
	assert_true(accepted >= 60 * 1000 * 9 / 10);
}

static void whole_rate_goes_where_it_is_wanted(void **state)
{
	(void)state;
	const uint16_t slot = mr_throttles_take(&throttles, 1000);
	uint64_t accepted = 0;
	for (uint32_t round = 0; round < 100; round++) {
		(void)offer(0, slot, 500);
		deal(ROUND_NS);
	}
	for (uint32_t round = 0; round < 100; round++) { // and moves when the demand does
		accepted += offer(3, slot, 500);
		deal(ROUND_NS);
	}
	assert_in_range(accepted, 850, 1000 * 10);
	assert_true(accepted > 8500);
}

static void single_token_follows_the_demand(void **state)
{
	(void)state;
	const uint16_t slot = mr_throttles_take(&throttles, 1);
	for (uint32_t shard = 0; shard < SHARDS; shard++) {
		uint64_t accepted = 0;
		for (uint32_t round = 0; round < 30 * ROUNDS_PER_SECOND; round++) {
			accepted += offer(shard, slot, 1);
			deal(ROUND_NS);
		}
		assert_in_range(accepted, 20, 31);
	}
}

static void scope_below_its_rate_is_hardly_refused(void **state)
{
	(void)state;
	const uint16_t slot = mr_throttles_take(&throttles, 100);
	uint64_t accepted = 0;
	for (uint32_t round = 0; round < 100 * ROUNDS_PER_SECOND; round++) {
		if (round % ROUNDS_PER_SECOND == 0) // one event a second, to a silent shard each
			accepted += offer(round / ROUNDS_PER_SECOND % SHARDS, slot, 1);
		deal(ROUND_NS);
	}
	assert_true(accepted >= 90);
}

static void stalled_steward_means_less(void **state)
{
	(void)state;
	const uint16_t slot = mr_throttles_take(&throttles, 800);
	deal(UINT64_C(3600) * 1000000000);
	assert_in_range(offer(0, slot, 10000) + offer(1, slot, 10000) + offer(2, slot, 10000)
			+ offer(3, slot, 10000),
		1, 100);
}

static void place_is_used_again_when_the_stages_have_left_it(void **state)
{
	(void)state;
	uint16_t slot = 0;
	for (uint32_t i = 0; i < MR_THROTTLES_MAX; i++)
		slot = mr_throttles_take(&throttles, 10);
	assert_int_equal(mr_throttles_take(&throttles, 10), MR_NO_THROTTLE);
	mr_throttles_give_back(&throttles, slot, 5);
	now_ns += ROUND_NS;
	mr_throttles_work(&throttles, now_ns, 4);
	assert_int_equal(mr_throttles_take(&throttles, 10), MR_NO_THROTTLE);
	now_ns += ROUND_NS;
	mr_throttles_work(&throttles, now_ns, 5);
	assert_int_equal(mr_throttles_take(&throttles, 10), slot);
	assert_int_equal(offer(0, slot, 10), 0); // nothing is left of the old grants
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_granted_at_first),
		TEST(sum_stays_below_the_rate_whatever_the_demand),
		TEST(whole_rate_goes_where_it_is_wanted),
		TEST(single_token_follows_the_demand),
		TEST(scope_below_its_rate_is_hardly_refused),
		TEST(stalled_steward_means_less),
		TEST(place_is_used_again_when_the_stages_have_left_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
