// Sub-lanes beyond memory, without a stage: which entries go to records, and what records say.
#include "lane_spill.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <millrace/journal.h>

#include "lane.h"
#include "record_codec.h"

enum { FIRST = 20, OWN = 21, ENTRIES_MAX = 70000, OWN_BYTES = 1 << 20, SHARE = 4096 };

struct world {
	struct mr_arena arena;
	struct mr_stream shard, own;
	struct mr_stream *streams[2];
	struct mr_segment_map *map;
	struct mr_needs needs;
	struct mr_lanes lanes;
	struct mr_lane *lane;
	struct mr_sublane *sublane;
	uint64_t offset;
};

static void make_durable(struct world *world)
{
	const uint64_t ends[] = {world->offset, mr_stream_next(&world->own)};
	mr_segment_map_durable(world->map, 2, ends);
	mr_stream_publish(&world->own);
	atomic_store(&world->own.watermark, ends[1]);
	mr_stream_retire(&world->own, ends[1]);
	mr_spill_follow(&world->lanes);
}

static int setup(void **state)
{
	static const struct mr_segment_map_config map = {
		.segment_bytes = 1 << 20, .streams_max = 2, .segments_max = 4};
	static const uint16_t shard_streams[] = {FIRST};
	static const struct mr_segment_header header = {.number = 1,
		.boot = 1,
		.first_stream = FIRST,
		.streams = 2,
		.segment_bytes = 1 << 20,
		.starts = {MR_STREAM_START, MR_STREAM_START}};
	struct world *world = calloc(1, sizeof(*world));
	assert_int_equal(mr_arena_open(&world->arena, 16 << 20, false), 0);
	assert_true(mr_stream_init(&world->shard, &world->arena, FIRST, 1 << 20, MR_STREAM_START));
	assert_true(mr_stream_init(&world->own, &world->arena, OWN, OWN_BYTES, MR_STREAM_START));
	world->streams[0] = &world->shard;
	world->streams[1] = &world->own;
	world->map = mr_segment_map_new(&map);
	mr_segment_map_begin(world->map, 0, &header);
	mr_segment_map_frame(world->map, 1, header.starts);
	struct mr_lanes_config config = {.lanes_max = 4,
		.entries_max = ENTRIES_MAX,
		.shards = 1,
		.shard_streams = shard_streams,
		.streams = world->streams,
		.seed = 3,
		.is_durable = true,
		.own = &world->own,
		.map = world->map,
		.needs = &world->needs};
	assert_true(mr_lanes_init(&world->lanes, &world->arena, &config));
	world->lane = mr_lane_open(&world->lanes, 0, 1);
	world->lane->webhook = 77;
	world->sublane = mr_lane_sublane(&world->lanes, world->lane, 0);
	world->offset = MR_STREAM_START;
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	mr_arena_close(&world->arena);
	mr_segment_map_free(world->map);
	free(world);
	return 0;
}

// One entry; a record when it is due. Positions rise by one unit.
static void take(struct world *world, bool marked)
{
	struct mr_lane_msg msg = {.position = mr_position_make(FIRST, world->offset),
		.flags = marked ? MR_LANE_PENALISED : 0};
	world->offset += 8;
	const uint64_t ends[] = {world->offset, atomic_load(&world->own.watermark)};
	mr_segment_map_durable(world->map, 2, ends);
	assert_true(mr_spill_has_room(&world->lanes));
	struct mr_sublane *sublane = mr_lane_take(&world->lanes, world->lane, &msg, 5, 1000);
	assert_ptr_equal(sublane, world->sublane);
	if (mr_spill_is_due(&world->lanes, sublane))
		mr_spill_write(&world->lanes, world->lane, sublane);
}

static void take_many(struct world *world, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		take(world, false);
}

static uint32_t front_of(struct world *world, struct mr_record_lane *ret_head,
	mr_position ret_positions[MR_LANE_RECORD_ENTRIES_MAX])
{
	mr_position position;
	uint32_t entries;
	assert_true(mr_spill_front(&world->lanes, world->sublane, &position, &entries));
	assert_int_equal(mr_position_stream(position), OWN);
	uint64_t offset = mr_position_offset(position);
	mr_stream_copy_own(&world->own, offset, ret_head, sizeof(*ret_head));
	mr_stream_copy_own(&world->own, offset + sizeof(*ret_head), ret_positions,
		entries * sizeof(ret_positions[0]));
	assert_int_equal(ret_head->count, entries);
	return entries;
}

static void entries_beyond_the_share_go_to_records(void **state)
{
	struct world *world = *state;
	const struct mr_lane_spill *spill = &world->sublane->spill;
	take_many(world, SHARE);
	assert_false(mr_spill_is_open(spill));
	take_many(world, 2 * MR_LANE_RECORD_ENTRIES_MAX + 3);
	assert_int_equal(mr_lane_entries(world->sublane, MR_LANE_NORMAL), SHARE);
	assert_int_equal(mr_spill_records(spill), 2);
	assert_int_equal(spill->tail.count, 3);
	assert_int_equal(world->lane->spilled, 2 * MR_LANE_RECORD_ENTRIES_MAX);
	assert_int_equal(world->lane->pending, SHARE + 2 * MR_LANE_RECORD_ENTRIES_MAX + 3);

	make_durable(world);
	struct mr_record_lane head;
	mr_position positions[MR_LANE_RECORD_ENTRIES_MAX];
	front_of(world, &head, positions);
	assert_int_equal(head.record.kind, MR_RECORD_LANE);
	assert_int_equal(head.record.flags, 0); // says nothing new
	assert_int_equal(head.webhook, 77);
	assert_int_equal(head.first_entry, SHARE);
	assert_int_equal(head.sublanes, 1);
	for (uint32_t i = 0; i < MR_LANE_RECORD_ENTRIES_MAX; i++)
		assert_int_equal(mr_position_offset(positions[i]),
			MR_STREAM_START + (uint64_t)(SHARE + i) * 8);
}

static void a_lane_that_is_behind_has_a_smaller_share(void **state)
{
	struct world *world = *state;
	world->lane->counting = false;
	take_many(world, 3000);
	assert_int_equal(mr_lane_entries(world->sublane, MR_LANE_NORMAL), 1024);
}

static void marks_are_not_kept_beyond_memory(void **state)
{
	struct world *world = *state;
	take(world, true);
	take_many(world, SHARE);
	assert_int_equal(mr_lane_entries(world->sublane, MR_LANE_PENALTY), SHARE); // its object's
	take(world, true);
	assert_int_equal(mr_lane_entries(world->sublane, MR_LANE_PENALTY), SHARE);
	assert_true(world->sublane->spill.tail.count > 0);
	// Nothing comes back while an entry of the same object may stand on the penalty side.
	assert_false(mr_spill_wants(world->sublane));
	while (mr_lane_entries(world->sublane, MR_LANE_PENALTY) > 0)
		mr_lane_leave(&world->lanes, world->lane, world->sublane, MR_LANE_PENALTY);
	assert_true(mr_spill_wants(world->sublane));
	mr_spill_join(&world->lanes, world->sublane);
	assert_int_equal(mr_lane_entries(world->sublane, MR_LANE_NORMAL), 2);
	assert_false(mr_spill_is_open(&world->sublane->spill));
}

// What the first segment is needed for once all that has left is recorded durably.
static uint64_t needed(struct world *world)
{
	mr_lane_need_recorded(&world->lanes.need, 1);
	mr_lane_need_durable(&world->lanes.need, 1);
	return world->needs.segments[1];
}

static void a_record_is_needed_from_when_it_is_durable_until_it_is_read(void **state)
{
	struct world *world = *state;
	enum { ENTRIES = SHARE + MR_LANE_RECORD_ENTRIES_MAX };
	mr_position position;
	uint32_t entries;
	take_many(world, ENTRIES);
	assert_int_equal(needed(world), ENTRIES);
	assert_false(mr_spill_front(&world->lanes, world->sublane, &position, &entries));
	make_durable(world);
	assert_int_equal(needed(world), ENTRIES + 1);
	for (uint32_t i = 0; i < SHARE; i++)
		mr_lane_leave(&world->lanes, world->lane, world->sublane, MR_LANE_NORMAL);
	struct mr_record_lane head;
	mr_position positions[MR_LANE_RECORD_ENTRIES_MAX];
	front_of(world, &head, positions);
	mr_spill_take_back(&world->lanes, world->lane, world->sublane, positions, 2);
	assert_int_equal(needed(world), MR_LANE_RECORD_ENTRIES_MAX - 2); // two were lost
	assert_int_equal(world->lane->pending, MR_LANE_RECORD_ENTRIES_MAX - 2);
	assert_int_equal(world->lane->spilled, 0);
	while (mr_lane_entries(world->sublane, MR_LANE_NORMAL) > 0)
		mr_lane_leave(&world->lanes, world->lane, world->sublane, MR_LANE_NORMAL);
	assert_int_equal(needed(world), 0);
	assert_int_equal(world->lanes.pool.used, 0);
}

static void short_records_are_written_anew_when_memory_is_short(void **state)
{
	struct world *world = *state;
	take_many(world, SHARE);
	world->lanes.spill.chunks = world->lanes.pool.used; // as if others had taken the rest
	for (uint32_t i = 0; i < 300; i++) {
		take(world, false);
		make_durable(world);
	}
	const struct mr_lane_spill *spill = &world->sublane->spill;
	assert_int_equal(mr_spill_records(spill), 1);
	assert_true(spill->tail.count < MR_CHUNK_ENTRIES);
	assert_int_equal(spill->entries + spill->tail.count, 300);
	assert_int_equal(needed(world), SHARE + 300 + 1); // one record is needed
	struct mr_record_lane head;
	mr_position positions[MR_LANE_RECORD_ENTRIES_MAX];
	uint32_t count = front_of(world, &head, positions);
	assert_int_equal(head.first_entry, SHARE);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(mr_position_offset(positions[i]),
			MR_STREAM_START + (uint64_t)(SHARE + i) * 8);
}

static void entries_have_room_only_while_the_stream_and_the_pool_have(void **state)
{
	struct world *world = *state;
	assert_true(mr_spill_has_room(&world->lanes));
	while (mr_stream_room(&world->own) >= OWN_BYTES / 4) {
		static const uint8_t filler[4096];
		mr_stream_append(&world->own, filler, sizeof(filler), NULL, 0);
	}
	assert_false(mr_spill_has_room(&world->lanes));
	make_durable(world);
	assert_true(mr_spill_has_room(&world->lanes));
	world->lanes.pool.used = world->lanes.pool.capacity - 2 * MR_SPILL_READ_CHUNKS + 1;
	assert_false(mr_spill_has_room(&world->lanes));
}

static void a_list_is_long_when_a_checkpoint_could_not_hold_it(void **state)
{
	struct world *world = *state;
	uint32_t most = world->lanes.spill.records_max;
	for (uint32_t i = 0; i < most; i++)
		assert_true(mr_spill_recover(&world->lanes, world->lane, world->sublane,
			mr_position_make(3, 4096 + i * 8), 512));
	assert_false(mr_spill_is_long(&world->lanes, world->sublane));
	assert_true(mr_spill_recover(
		&world->lanes, world->lane, world->sublane, mr_position_make(3, 8), 512));
	assert_true(mr_spill_is_long(&world->lanes, world->sublane));
	assert_int_equal(mr_spill_lose(&world->lanes, world->lane, world->sublane), 512);
	assert_false(mr_spill_is_long(&world->lanes, world->sublane));
	assert_int_equal(world->lane->pending, (uint64_t)most * 512);
	world->lanes.gives_up = true;
	assert_true(mr_spill_is_long(&world->lanes, world->sublane));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			entries_beyond_the_share_go_to_records, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_lane_that_is_behind_has_a_smaller_share, setup, teardown),
		cmocka_unit_test_setup_teardown(marks_are_not_kept_beyond_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_record_is_needed_from_when_it_is_durable_until_it_is_read, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			short_records_are_written_anew_when_memory_is_short, setup, teardown),
		cmocka_unit_test_setup_teardown(
			entries_have_room_only_while_the_stream_and_the_pool_have, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_list_is_long_when_a_checkpoint_could_not_hold_it, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
