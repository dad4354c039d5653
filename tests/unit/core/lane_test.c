// Lanes alone: sides and their order, holds, who is behind, and what the floors promise.
#include "lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lane_serve.h"
#include "rng.h"

enum { STREAM = 3, STREAM_BYTES = 1 << 20, ENTRIES_MAX = 20000 };

struct world {
	struct mr_arena arena;
	struct mr_stream stream;
	struct mr_stream *streams[1];
	struct mr_lanes lanes;
	uint64_t now_ns;
	uint64_t offset; // of the next event
	uint64_t number; // of the next batch
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	uint16_t shard_streams[] = {STREAM};
	assert_int_equal(mr_arena_open(&world->arena, 16 << 20, false), 0);
	assert_true(mr_stream_init(
		&world->stream, &world->arena, STREAM, STREAM_BYTES, MR_STREAM_START));
	world->streams[0] = &world->stream;
	struct mr_lanes_config config = {.lanes_max = 64,
		.entries_max = ENTRIES_MAX,
		.shards = 1,
		.shard_streams = shard_streams,
		.streams = world->streams,
		.seed = 5};
	assert_true(mr_lanes_init(&world->lanes, &world->arena, &config));
	world->now_ns = 1000000000;
	world->offset = MR_STREAM_START;
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	mr_arena_close(&world->arena);
	free(world);
	return 0;
}

static void move_tail(struct world *world, uint64_t tail)
{
	atomic_store(&world->stream.tail, tail);
}

// One entry of `object` at the next offset; sub-lanes are chosen by the object.
static mr_position take(struct world *world, struct mr_lane *lane, uint64_t object, bool marked)
{
	struct mr_lane_msg msg = {.position = mr_position_make(STREAM, world->offset),
		.lane = lane->number,
		.object_hash = (uint8_t)object,
		.flags = marked ? MR_LANE_PENALISED : 0};
	world->offset += 256;
	move_tail(world, world->offset);
	assert_non_null(mr_lane_take(&world->lanes, lane, &msg, object, world->now_ns));
	return msg.position;
}

// What the next batch of a sub-lane would carry.
static uint32_t gather(struct world *world, struct mr_sublane *sublane, uint32_t events_max,
	mr_position *ret_positions, uint32_t ret_taken[MR_LANE_SIDES])
{
	uint32_t quota[MR_LANE_SIDES];
	uint32_t count = 0;
	mr_lane_plan(&world->lanes, sublane, events_max, quota);
	struct mr_lane_cursor cursor = mr_lane_begin(sublane);
	for (uint32_t side = 0; side < MR_LANE_SIDES; side++) {
		struct mr_lane_entry entry;
		for (ret_taken[side] = 0; ret_taken[side] < quota[side]; ret_taken[side]++) {
			assert_true(mr_lane_next(&world->lanes, &cursor, side, &entry));
			if (side == MR_LANE_PENALTY
				&& !mr_lane_may_follow(&world->lanes, sublane, entry.penalised,
					ret_taken[MR_LANE_NORMAL]))
				break;
			ret_positions[count++] = entry.position;
		}
	}
	return count;
}

// Cuts and settles one batch.
static uint32_t serve(struct world *world, struct mr_lane *lane, struct mr_sublane *sublane,
	uint32_t events_max, mr_position *ret_positions, uint32_t ret_taken[MR_LANE_SIDES])
{
	uint32_t count = gather(world, sublane, events_max, ret_positions, ret_taken);
	if (count == 0)
		return 0;
	mr_lane_cut(&world->lanes, sublane, ++world->number, ret_taken, world->now_ns);
	assert_int_equal(mr_lane_settle(&world->lanes, lane, sublane, world->now_ns), count);
	return count;
}

static void loosen_all(struct world *world)
{
	for (uint32_t i = 0; world->lanes.loosen_head != 0; i++) {
		assert_in_range(i, 0, 100000);
		mr_lanes_loosen(&world->lanes, 7);
	}
}

static void one_side_is_first_in_first_out(void **state)
{
	struct world *world = *state;
	struct mr_lane *lane = mr_lane_open(&world->lanes, 9, 1);
	mr_position sent[20], got[20];
	uint32_t taken[MR_LANE_SIDES];
	for (uint32_t i = 0; i < 20; i++)
		sent[i] = take(world, lane, 1 + i, false);
	struct mr_sublane *sublane = mr_lane_sublane(&world->lanes, lane, 0);
	assert_int_equal(serve(world, lane, sublane, 8, got, taken), 8);
	assert_int_equal(serve(world, lane, sublane, 100, got + 8, taken), 12);
	assert_memory_equal(sent, got, sizeof(sent));
	assert_int_equal(lane->pending, 0);
	assert_int_equal(world->lanes.pool.used, 0);
}

static void penalised_side_is_served_one_in_five(void **state)
{
	struct world *world = *state;
	static const uint32_t batch_sizes[] = {1, 3, 5, 10, 64};
	static mr_position got[ENTRIES_MAX];
	for (uint32_t i = 0; i < sizeof(batch_sizes) / sizeof(batch_sizes[0]); i++) {
		struct mr_lane *lane = mr_lane_open(&world->lanes, i, 1);
		struct mr_sublane *sublane = mr_lane_sublane(&world->lanes, lane, 0);
		for (uint32_t n = 0; n < 500; n++)
			take(world, lane, 77, true);
		for (uint32_t n = 0; n < 1000; n++)
			take(world, lane, 1000 + n, false);
		uint32_t served[MR_LANE_SIDES] = {0}, taken[MR_LANE_SIDES];
		while (served[0] + served[1] < 640) {
			serve(world, lane, sublane, batch_sizes[i], got, taken);
			served[0] += taken[0];
			served[1] += taken[1];
		}
		uint32_t all = served[0] + served[1];
		assert_in_range(served[MR_LANE_PENALTY], all / 5 - 1, all / 5 + 1);
		while (serve(world, lane, sublane, 1000, got, taken) > 0)
			;
		assert_int_equal(lane->penalised, 0);
		mr_lane_close(&world->lanes, lane);
	}
}

static void a_side_alone_gets_everything(void **state)
{
	struct world *world = *state;
	struct mr_lane *lane = mr_lane_open(&world->lanes, 0, 1);
	struct mr_sublane *sublane = mr_lane_sublane(&world->lanes, lane, 0);
	mr_position got[64];
	uint32_t taken[MR_LANE_SIDES];
	for (uint32_t i = 0; i < 10; i++)
		take(world, lane, 5, true);
	assert_int_equal(serve(world, lane, sublane, 64, got, taken), 10);
	assert_int_equal(taken[MR_LANE_PENALTY], 10);
	for (uint32_t i = 0; i < 10; i++)
		take(world, lane, 5, false); // nothing of it waits: ordinary again
	assert_int_equal(serve(world, lane, sublane, 64, got, taken), 10);
	assert_int_equal(taken[MR_LANE_NORMAL], 10);
}

static void first_penalised_entry_waits_for_the_normal_side(void **state)
{
	struct world *world = *state;
	struct mr_lane *lane = mr_lane_open(&world->lanes, 0, 1);
	struct mr_sublane *sublane = mr_lane_sublane(&world->lanes, lane, 0);
	mr_position got[64];
	uint32_t taken[MR_LANE_SIDES];
	for (uint32_t i = 0; i < 20; i++)
		take(world, lane, 5, false);
	take(world, lane, 5, true);
	for (uint32_t batch = 0; batch < 3; batch++) { // 15 of 20: the mark may not overtake
		assert_int_equal(serve(world, lane, sublane, 5, got, taken), 5);
		assert_int_equal(taken[MR_LANE_PENALTY], 0);
	}
	assert_int_equal(serve(world, lane, sublane, 20, got, taken), 6);
	assert_int_equal(taken[MR_LANE_NORMAL], 5); // in the same batch, before it
	assert_int_equal(taken[MR_LANE_PENALTY], 1);
}

// Random marks, batches and failures to settle: per object, what is served is what came, in order.
static void order_per_object_is_kept_across_sides(void **state)
{
	enum { OBJECTS = 12, EVENTS = 12000 };
	struct world *world = *state;
	struct mr_lane *lane = mr_lane_open(&world->lanes, 0, 4);
	struct mr_rng rng;
	mr_rng_seed(&rng, 42);
	static uint8_t object_of[EVENTS];
	uint32_t last[OBJECTS] = {0}, events = 0, served = 0;
	uint64_t base = world->offset;
	while (served < EVENTS) {
		for (uint64_t n = mr_rng_below(&rng, 40); n > 0 && events < EVENTS; n--) {
			uint64_t object = mr_rng_below(&rng, OBJECTS);
			object_of[events++] = (uint8_t)object;
			take(world, lane, 1 + object, mr_rng_chance(&rng, (uint32_t)object, 20));
		}
		mr_position got[64];
		uint32_t taken[MR_LANE_SIDES];
		struct mr_sublane *sublane =
			mr_lane_sublane(&world->lanes, lane, (uint32_t)mr_rng_below(&rng, 4));
		if (mr_rng_chance(&rng, 1, 4)) // begun and given up before it had borders
			gather(world, sublane, 1 + (uint32_t)mr_rng_below(&rng, 64), got, taken);
		uint32_t count = serve(
			world, lane, sublane, 1 + (uint32_t)mr_rng_below(&rng, 64), got, taken);
		for (uint32_t i = 0; i < count; i++) {
			uint32_t event = (uint32_t)((mr_position_offset(got[i]) - base) / 256);
			uint8_t object = object_of[event];
			assert_true(last[object] < event + 1);
			last[object] = event + 1;
		}
		served += count;
	}
	assert_int_equal(lane->pending, 0);
	assert_int_equal(lane->penalised, 0);
	assert_int_equal(world->lanes.pool.used, 0);
}

static void hold_is_sent_once_and_released_at_half(void **state)
{
	struct world *world = *state;
	struct mr_hold_msg msg;
	mr_position got[64];
	uint32_t taken[MR_LANE_SIDES];
	world->lanes.penalised_max = 10;
	struct mr_lane *lane = mr_lane_open(&world->lanes, 33, 1);
	struct mr_sublane *sublane = mr_lane_sublane(&world->lanes, lane, 0);
	for (uint32_t i = 0; i < 9; i++)
		take(world, lane, 5, true);
	assert_false(mr_penalised_word(&world->lanes.penalised, 0, &msg));
	for (uint32_t i = 0; i < 6; i++)
		take(world, lane, 5, false); // follows to the penalty side
	assert_true(mr_penalised_word(&world->lanes.penalised, 0, &msg));
	assert_int_equal(msg.kind, MR_HOLD);
	assert_int_equal(msg.object, 5);
	assert_int_equal(msg.lane, 33);
	assert_true(mr_penalised_word(&world->lanes.penalised, 0, &msg)); // until it is said
	mr_penalised_said(&world->lanes.penalised, 0);
	assert_false(mr_penalised_word(&world->lanes.penalised, 0, &msg));
	serve(world, lane, sublane, 9, got, taken); // 6 are left
	assert_false(mr_penalised_word(&world->lanes.penalised, 0, &msg));
	serve(world, lane, sublane, 1, got, taken); // 5: half
	assert_true(mr_penalised_word(&world->lanes.penalised, 0, &msg));
	assert_int_equal(msg.kind, MR_RELEASE);
	mr_penalised_said(&world->lanes.penalised, 0);
	serve(world, lane, sublane, 64, got, taken);
	assert_false(mr_penalised_word(&world->lanes.penalised, 0, &msg));
	assert_int_equal(world->lanes.penalised.table.count, 0);
}

static void release_that_was_not_said_outlives_the_entries(void **state)
{
	struct world *world = *state;
	struct mr_hold_msg msg;
	mr_position got[64];
	uint32_t taken[MR_LANE_SIDES];
	world->lanes.penalised_max = 4;
	struct mr_lane *lane = mr_lane_open(&world->lanes, 1, 1);
	for (uint32_t i = 0; i < 4; i++)
		take(world, lane, 5, true);
	assert_true(mr_penalised_word(&world->lanes.penalised, 0, &msg));
	mr_penalised_said(&world->lanes.penalised, 0);
	serve(world, lane, mr_lane_sublane(&world->lanes, lane, 0), 64, got, taken);
	mr_lane_close(&world->lanes, lane);
	assert_true(mr_penalised_word(&world->lanes.penalised, 0, &msg));
	assert_int_equal(msg.kind, MR_RELEASE);
	mr_penalised_said(&world->lanes.penalised, 0);
	assert_int_equal(world->lanes.penalised.table.count, 0);
}

static void failing_or_late_lane_holds_nobody(void **state)
{
	struct world *world = *state;
	struct mr_hold_msg msg;
	world->lanes.penalised_max = 4;
	struct mr_lane *lane = mr_lane_open(&world->lanes, 1, 1);
	lane->failures = 1;
	for (uint32_t i = 0; i < 8; i++)
		take(world, lane, 5, true);
	assert_false(mr_penalised_word(&world->lanes.penalised, 0, &msg));
	lane->failures = 0;
	take(world, lane, 5, true);
	assert_true(mr_penalised_word(&world->lanes.penalised, 0, &msg));
	mr_penalised_said(&world->lanes.penalised, 0);
	world->now_ns += MR_LANE_STALL_NS;
	assert_true(mr_lane_judge(&world->lanes, lane, world->now_ns));
	assert_true(mr_penalised_word(&world->lanes.penalised, 0, &msg));
	assert_int_equal(msg.kind, MR_RELEASE);
}

static void full_penalised_set_leaves_objects_ordinary(void **state)
{
	struct world *world = *state;
	struct mr_lane *lane = mr_lane_open(&world->lanes, 1, 1);
	struct mr_sublane *sublane = mr_lane_sublane(&world->lanes, lane, 0);
	for (uint32_t i = 0; i < MR_LANE_PENALISED_MAX + 3; i++)
		take(world, lane, 256 * (1 + (uint64_t)i), true);
	assert_int_equal(mr_lane_entries(sublane, MR_LANE_PENALTY), MR_LANE_PENALISED_MAX);
	assert_int_equal(mr_lane_entries(sublane, MR_LANE_NORMAL), 3);
}

static void absence_of_the_stage_is_no_fault_of_a_lane(void **state)
{
	struct world *world = *state;
	struct mr_lane *lane = mr_lane_open(&world->lanes, 1, 1);
	mr_lanes_attend(&world->lanes, world->now_ns, false);
	take(world, lane, 1, false);
	world->now_ns += 60ull * MR_LANE_STALL_NS; // the machine was paused
	mr_lanes_attend(&world->lanes, world->now_ns, false);
	assert_false(mr_lane_judge(&world->lanes, lane, world->now_ns));
	for (uint32_t i = 0; i < 98; i++) {
		world->now_ns += MR_LANE_STEP_GAP_NS;
		mr_lanes_attend(&world->lanes, world->now_ns, false);
		assert_false(mr_lane_judge(&world->lanes, lane, world->now_ns));
	}
	world->now_ns += MR_LANE_STEP_GAP_NS; // a second of steps, the one that was late included
	mr_lanes_attend(&world->lanes, world->now_ns, false);
	assert_true(mr_lane_judge(&world->lanes, lane, world->now_ns));
}

static void lane_that_settles_nothing_for_a_second_is_behind(void **state)
{
	struct world *world = *state;
	mr_position got[64];
	uint32_t taken[MR_LANE_SIDES];
	struct mr_lane *lane = mr_lane_open(&world->lanes, 1, 1);
	struct mr_sublane *sublane = mr_lane_sublane(&world->lanes, lane, 0);
	world->now_ns += 5ull * MR_LANE_STALL_NS; // idle lanes are not behind
	assert_false(mr_lane_judge(&world->lanes, lane, world->now_ns));
	for (uint32_t i = 0; i < 8; i++)
		take(world, lane, 1 + i, false);
	world->now_ns += MR_LANE_STALL_NS - 1;
	assert_false(mr_lane_judge(&world->lanes, lane, world->now_ns));
	serve(world, lane, sublane, 4, got, taken); // progress
	world->now_ns += MR_LANE_STALL_NS - 1;
	assert_false(mr_lane_judge(&world->lanes, lane, world->now_ns));
	world->now_ns += 1;
	assert_true(mr_lane_judge(&world->lanes, lane, world->now_ns));
	assert_true(mr_lane_is_behind(&world->lanes, lane));
	loosen_all(world);
	assert_int_equal(mr_lane_floor_offset(&world->lanes.floors[0]), UINT64_MAX);

	take(world, lane, 9, false); // holds nothing back either
	assert_int_equal(mr_lane_floor_offset(&world->lanes.floors[0]), UINT64_MAX);
	serve(world, lane, sublane, 4, got, taken);
	assert_false(mr_lane_judge(&world->lanes, lane, world->now_ns));
	assert_true(mr_lane_is_behind(&world->lanes, lane)); // until what it had is gone
	take(world, lane, 10, false);
	assert_int_not_equal(mr_lane_floor_offset(&world->lanes.floors[0]), UINT64_MAX);
	serve(world, lane, sublane, 1, got, taken);
	assert_false(mr_lane_is_behind(&world->lanes, lane));
}

static void lane_far_behind_the_median_is_behind(void **state)
{
	struct world *world = *state;
	mr_position got[64];
	uint32_t taken[MR_LANE_SIDES];
	struct mr_lane *slow = mr_lane_open(&world->lanes, 1, 1);
	struct mr_lane *quick = mr_lane_open(&world->lanes, 2, 1);
	for (uint32_t i = 0; i < 4; i++)
		take(world, slow, 1 + i, false);
	for (uint32_t step = 0; step < 2100; step++) { // a little more than half a buffer
		take(world, quick, 1, false);
		serve(world, quick, mr_lane_sublane(&world->lanes, quick, 0), 64, got, taken);
		slow->progress_ns = world->now_ns; // it does settle something, too slowly
		assert_false(mr_lane_judge(&world->lanes, quick, world->now_ns));
		bool far = world->offset - MR_STREAM_START > STREAM_BYTES / 2;
		if (mr_lane_judge(&world->lanes, slow, world->now_ns)) {
			assert_true(far);
			return;
		}
		assert_true(!far || world->offset - MR_STREAM_START <= STREAM_BYTES / 2 + 256);
	}
	fail_msg("%s", "never behind");
}

static void lane_that_is_still_far_behind_does_not_return(void **state)
{
	struct world *world = *state;
	mr_position got[64];
	uint32_t taken[MR_LANE_SIDES];
	struct mr_lane *lane = mr_lane_open(&world->lanes, 1, 1);
	for (uint32_t i = 0; i < 2000; i++) // half a buffer
		take(world, lane, 1, false);
	world->now_ns += MR_LANE_STALL_NS;
	assert_true(mr_lane_judge(&world->lanes, lane, world->now_ns));
	loosen_all(world);
	serve(world, lane, mr_lane_sublane(&world->lanes, lane, 0), 64, got, taken);
	mr_lane_judge(&world->lanes, lane, world->now_ns);
	take(world, lane, 1, false);
	assert_int_equal(mr_lane_floor_offset(&world->lanes.floors[0]), UINT64_MAX);
	while (lane->pending > 100)
		serve(world, lane, mr_lane_sublane(&world->lanes, lane, 0), 64, got, taken);
	mr_lane_judge(&world->lanes, lane, world->now_ns);
	take(world, lane, 1, false);
	assert_int_not_equal(mr_lane_floor_offset(&world->lanes.floors[0]), UINT64_MAX);
}

static void loosening_survives_chunks_that_leave_under_it(void **state)
{
	struct world *world = *state;
	mr_position got[64];
	uint32_t taken[MR_LANE_SIDES];
	for (uint32_t walked = 1; walked < 3 * MR_CHUNK_ENTRIES; walked++) {
		struct mr_lane *lane = mr_lane_open(&world->lanes, 1, 1);
		struct mr_sublane *sublane = mr_lane_sublane(&world->lanes, lane, 0);
		for (uint32_t i = 0; i < 5 * MR_CHUNK_ENTRIES; i++)
			take(world, lane, 1, false);
		world->now_ns += MR_LANE_STALL_NS;
		assert_true(mr_lane_judge(&world->lanes, lane, world->now_ns));
		assert_int_equal(mr_lanes_loosen(&world->lanes, walked), walked);
		assert_int_equal(sublane->sides[MR_LANE_NORMAL].loose, walked);
		serve(world, lane, sublane, walked, got, taken); // all that it has walked
		for (uint32_t i = 0; i < 2 * MR_CHUNK_ENTRIES; i++)
			take(world, lane, 1, false); // the chunks are used again
		loosen_all(world);
		assert_int_equal(world->lanes.floors[0].entries, 0);
		while (serve(world, lane, sublane, 64, got, taken) > 0)
			;
		assert_int_equal(sublane->sides[MR_LANE_NORMAL].left, 7 * MR_CHUNK_ENTRIES);
		mr_lane_close(&world->lanes, lane);
	}
}

// The work of a step ends right after the last counted entry, and newer ones stand behind it.
static void batch_may_settle_between_two_steps_of_loosening(void **state)
{
	struct world *world = *state;
	mr_position got[64];
	uint32_t taken[MR_LANE_SIDES];
	for (uint32_t marked = 0; marked < 2; marked++) {
		struct mr_lane *lane = mr_lane_open(&world->lanes, 1, 1);
		struct mr_sublane *sublane = mr_lane_sublane(&world->lanes, lane, 0);
		for (uint32_t i = 0; i < 3; i++)
			take(world, lane, 1, marked != 0);
		world->now_ns += MR_LANE_STALL_NS;
		assert_true(mr_lane_judge(&world->lanes, lane, world->now_ns));
		for (uint32_t i = 0; i < 20; i++)
			take(world, lane, 1, marked != 0); // not counted, not loose
		while (world->lanes.floors[0].entries > 0)
			mr_lanes_loosen(&world->lanes, 1);
		assert_true(lane->loosening);
		assert_int_equal(serve(world, lane, sublane, 64, got, taken), 23);
		loosen_all(world);
		assert_int_equal(lane->pending, 0);
		mr_lane_close(&world->lanes, lane);
	}
}

struct model_lane {
	struct mr_lane *lane;
	mr_position entries[2000];
	uint32_t count;
};

static void remove_from_model(struct model_lane *model, mr_position position)
{
	for (uint32_t i = 0; i < model->count; i++) {
		if (model->entries[i] == position) {
			model->entries[i] = model->entries[--model->count];
			return;
		}
	}
	fail_msg("%s", "served what was not there");
}

static void check_floor(const struct world *world, const struct model_lane *models, uint32_t lanes)
{
	uint64_t lowest = UINT64_MAX, counted = 0;
	for (uint32_t i = 0; i < lanes; i++) {
		const struct model_lane *model = &models[i];
		assert_int_equal(model->count, model->lane->pending);
		if (mr_lane_is_behind(&world->lanes, model->lane))
			continue;
		counted += model->count;
		for (uint32_t n = 0; n < model->count; n++)
			if (mr_position_offset(model->entries[n]) < lowest)
				lowest = mr_position_offset(model->entries[n]);
	}
	assert_true(mr_lane_floor_offset(&world->lanes.floors[0]) <= lowest);
	assert_true(world->lanes.floors[0].entries >= counted);
}

// Random traffic, stalls and returns against a model that knows every entry.
static void floor_never_passes_an_entry_of_a_lane_not_behind(void **state)
{
	enum { LANES = 5, STEPS = 6000 };
	struct world *world = *state;
	static struct model_lane models[LANES];
	struct mr_rng rng;
	mr_rng_seed(&rng, 99);
	memset(models, 0, sizeof(models));
	for (uint32_t i = 0; i < LANES; i++)
		models[i].lane = mr_lane_open(&world->lanes, i, 2);
	uint32_t fell = 0, returned = 0;
	for (uint32_t step = 0; step < STEPS; step++) {
		struct model_lane *model = &models[mr_rng_below(&rng, LANES)];
		struct mr_lane *lane = model->lane;
		bool hangs = (step / 500 + lane->number) % 3 == 0;
		bool was_behind = mr_lane_is_behind(&world->lanes, lane);
		uint64_t floor = mr_lane_floor_offset(&world->lanes.floors[0]);
		bool room = floor == UINT64_MAX || world->offset - floor < STREAM_BYTES * 7 / 8;
		for (uint64_t n = mr_rng_below(&rng, 8); room && n > 0 && model->count < 2000; n--)
			model->entries[model->count++] = take(
				world, lane, 1 + mr_rng_below(&rng, 9), mr_rng_chance(&rng, 1, 9));
		mr_position got[64];
		uint32_t taken[MR_LANE_SIDES], count = 0;
		if (!hangs)
			count = serve(world, lane,
				mr_lane_sublane(
					&world->lanes, lane, (uint32_t)mr_rng_below(&rng, 2)),
				1 + (uint32_t)mr_rng_below(&rng, 64), got, taken);
		for (uint32_t i = 0; i < count; i++)
			remove_from_model(model, got[i]);
		world->now_ns += 10000000;
		fell += mr_lane_judge(&world->lanes, lane, world->now_ns);
		mr_lanes_loosen(&world->lanes, (uint32_t)mr_rng_below(&rng, 20));
		returned += was_behind && !mr_lane_is_behind(&world->lanes, lane);
		check_floor(world, models, LANES);
	}
	assert_true(fell > 10 && returned > 10);
}

static void exhausted_memory_is_said(void **state)
{
	struct world *world = *state;
	struct mr_lane *lane = mr_lane_open(&world->lanes, 1, 1);
	uint32_t took = 0;
	for (; took < 2 * ENTRIES_MAX; took++) {
		struct mr_lane_msg msg = {.position = mr_position_make(STREAM, 4096), .lane = 1};
		if (mr_lane_take(&world->lanes, lane, &msg, 0, world->now_ns) == NULL)
			break;
	}
	assert_in_range(took, ENTRIES_MAX - 2 * MR_CHUNK_ENTRIES, ENTRIES_MAX + MR_CHUNK_ENTRIES);
	assert_int_equal(lane->pending, took);
}

static void slots_and_sublanes_come_back(void **state)
{
	struct world *world = *state;
	for (uint32_t round = 0; round < 3; round++) {
		struct mr_lane *lanes[64];
		for (uint32_t i = 0; i < 64; i++) {
			lanes[i] = mr_lane_open(&world->lanes, i, MR_IN_FLIGHT_MAX);
			assert_non_null(lanes[i]);
			assert_in_range(lanes[i]->in_flight, 1, MR_IN_FLIGHT_MAX);
			assert_null(mr_lane_open(&world->lanes, i, 1));
		}
		assert_null(mr_lane_open(&world->lanes, 64, 1));
		for (uint32_t i = 0; i < 64; i++)
			mr_lane_close(&world->lanes, lanes[i]);
		assert_null(mr_lane_find(&world->lanes, 5));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_side_is_first_in_first_out, setup, teardown),
		cmocka_unit_test_setup_teardown(
			penalised_side_is_served_one_in_five, setup, teardown),
		cmocka_unit_test_setup_teardown(a_side_alone_gets_everything, setup, teardown),
		cmocka_unit_test_setup_teardown(
			first_penalised_entry_waits_for_the_normal_side, setup, teardown),
		cmocka_unit_test_setup_teardown(
			order_per_object_is_kept_across_sides, setup, teardown),
		cmocka_unit_test_setup_teardown(
			hold_is_sent_once_and_released_at_half, setup, teardown),
		cmocka_unit_test_setup_teardown(
			release_that_was_not_said_outlives_the_entries, setup, teardown),
		cmocka_unit_test_setup_teardown(failing_or_late_lane_holds_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(
			full_penalised_set_leaves_objects_ordinary, setup, teardown),
		cmocka_unit_test_setup_teardown(
			absence_of_the_stage_is_no_fault_of_a_lane, setup, teardown),
		cmocka_unit_test_setup_teardown(
			lane_that_settles_nothing_for_a_second_is_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(
			lane_far_behind_the_median_is_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(
			floor_never_passes_an_entry_of_a_lane_not_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(
			lane_that_is_still_far_behind_does_not_return, setup, teardown),
		cmocka_unit_test_setup_teardown(
			loosening_survives_chunks_that_leave_under_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			batch_may_settle_between_two_steps_of_loosening, setup, teardown),
		cmocka_unit_test_setup_teardown(exhausted_memory_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(slots_and_sublanes_come_back, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
