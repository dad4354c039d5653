// Counts of what lanes need, by segment: they follow the map, and retired segments take theirs
// along.
#include "lane_need.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <millrace/journal.h>

enum { STREAM = 9, SEGMENT_RECORDS = 8, RECORD_BYTES = 128 };

struct world {
	struct mr_segment_map *map;
	struct mr_needs needs;
	struct mr_lane_need need;
	uint64_t segments;
};

// Segments hold so many records each of the one stream.
static uint64_t start_of(uint64_t segment)
{
	return MR_STREAM_START + (segment - 1) * SEGMENT_RECORDS * RECORD_BYTES;
}

static mr_position record_of(uint64_t segment, uint32_t index)
{
	return mr_position_make(STREAM, start_of(segment) + index * RECORD_BYTES);
}

static void begin(struct world *world)
{
	struct mr_segment_header header = {.number = ++world->segments,
		.boot = 1,
		.first_stream = STREAM,
		.streams = 1,
		.segment_bytes = 1 << 20,
		.starts = {start_of(world->segments)}};
	uint64_t end = start_of(world->segments + 1);
	mr_segment_map_begin(world->map, 0, &header);
	mr_segment_map_frame(world->map, 1, header.starts);
	mr_segment_map_durable(world->map, 2, &end);
}

static uint32_t count_of(const struct world *world, uint64_t segment)
{
	return atomic_load(&world->needs.segments[segment % MR_SEGMENTS_MAX]);
}

// Leaves, and the record of it is durable.
static void let_go(struct world *world, mr_position position)
{
	mr_lane_need_remove(&world->need, position);
	mr_lane_need_recorded(&world->need, 4096);
	mr_lane_need_durable(&world->need, 4096);
}

static int setup(void **state)
{
	static const struct mr_segment_map_config config = {
		.segment_bytes = 1 << 20, .streams_max = 1, .segments_max = MR_SEGMENTS_MAX};
	struct world *world = calloc(1, sizeof(*world));
	world->map = mr_segment_map_new(&config);
	assert_non_null(world->map);
	for (uint32_t i = 0; i < 3; i++)
		begin(world);
	mr_lane_need_init(&world->need, world->map, &world->needs);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	mr_segment_map_free(world->map);
	free(world);
	return 0;
}

static void what_is_added_is_counted_in_its_segment(void **state)
{
	struct world *world = *state;
	mr_lane_need_add(&world->need, record_of(1, 7));
	mr_lane_need_add(&world->need, record_of(2, 0));
	mr_lane_need_add(&world->need, record_of(2, 0)); // two lanes, one event
	assert_int_equal(count_of(world, 1), 1);
	assert_int_equal(count_of(world, 2), 2);
	let_go(world, record_of(2, 0));
	assert_int_equal(count_of(world, 2), 1);
	assert_false(mr_lane_need_gone(&world->need, record_of(2, 0)));
}

// A start that does not find the record sends the batch again, and must be able to read it.
static void what_has_left_is_needed_until_its_record_is_durable(void **state)
{
	struct world *world = *state;
	mr_lane_need_add(&world->need, record_of(1, 0));
	mr_lane_need_add(&world->need, record_of(1, 1));
	mr_lane_need_remove(&world->need, record_of(1, 0));
	mr_lane_need_durable(&world->need, UINT64_MAX); // nothing is recorded yet
	assert_int_equal(count_of(world, 1), 2);
	mr_lane_need_recorded(&world->need, 8192);
	mr_lane_need_remove(&world->need, record_of(1, 1)); // behind the cut
	mr_lane_need_recorded(&world->need, 12288); // the first cut is still under way
	mr_lane_need_durable(&world->need, 8191);
	assert_int_equal(count_of(world, 1), 2);
	mr_lane_need_durable(&world->need, 8192);
	assert_int_equal(count_of(world, 1), 1);
	mr_lane_need_recorded(&world->need, 12288);
	mr_lane_need_durable(&world->need, 12288);
	assert_int_equal(count_of(world, 1), 0);
}

static void a_retired_segment_takes_its_counts_along(void **state)
{
	struct world *world = *state;
	mr_lane_need_add(&world->need, record_of(1, 0));
	mr_lane_need_add(&world->need, record_of(2, 0));
	mr_segment_map_retire(world->map);
	assert_true(mr_lane_need_gone(&world->need, record_of(1, 0)));
	mr_lane_need_remove(&world->need, record_of(1, 0)); // nothing to uncount
	mr_lane_need_follow(&world->need);
	assert_int_equal(count_of(world, 1), 0);
	assert_int_equal(count_of(world, 2), 1);
	mr_lane_need_add(&world->need, record_of(1, 0)); // nobody can read it
	assert_int_equal(count_of(world, 1), 0);
}

static void the_place_of_a_retired_segment_is_clean_for_the_next(void **state)
{
	struct world *world = *state;
	mr_lane_need_add(&world->need, record_of(3, 0));
	while (world->segments < 3 + MR_SEGMENTS_MAX) {
		mr_segment_map_retire(world->map);
		begin(world);
	}
	mr_lane_need_add(
		&world->need, record_of(3 + MR_SEGMENTS_MAX, 0)); // without a follow before
	assert_int_equal(count_of(world, 3), 1);
	let_go(world, record_of(3 + MR_SEGMENTS_MAX, 0));
	assert_int_equal(count_of(world, 3), 0);
}

static void counts_of_a_start_stay(void **state)
{
	struct world *world = *state;
	atomic_store(&world->needs.segments[2], 5);
	mr_lane_need_init(&world->need, world->map, &world->needs);
	mr_lane_need_follow(&world->need);
	let_go(world, record_of(2, 3));
	assert_int_equal(count_of(world, 2), 4);
}

static void a_volatile_stage_needs_nothing(void **state)
{
	(void)state;
	static struct mr_lane_need need;
	mr_lane_need_init(&need, NULL, NULL);
	mr_lane_need_add(&need, record_of(1, 0));
	mr_lane_need_remove(&need, record_of(1, 0));
	assert_false(mr_lane_need_gone(&need, record_of(1, 0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_is_added_is_counted_in_its_segment, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_has_left_is_needed_until_its_record_is_durable, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_retired_segment_takes_its_counts_along, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_place_of_a_retired_segment_is_clean_for_the_next, setup, teardown),
		cmocka_unit_test_setup_teardown(counts_of_a_start_stay, setup, teardown),
		cmocka_unit_test(a_volatile_stage_needs_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
