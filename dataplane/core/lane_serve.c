// What a batch takes from a sub-lane, and how its entries leave.
#include "lane_serve.h"

#include "lane.h"
#include "mr_assert.h"

enum { SERVED_TOGETHER = 5 }; // of so many entries one comes from the penalty side: 4 : 1

struct mr_lane_cursor mr_lane_begin(const struct mr_sublane *sublane)
{
	struct mr_lane_cursor cursor;
	for (uint32_t side = 0; side < MR_LANE_SIDES; side++) {
		cursor.iter[side] = mr_fifo_begin(&sublane->sides[side].fifo);
		cursor.number[side] = sublane->sides[side].left;
	}
	return cursor;
}

bool mr_lane_next(const struct mr_lanes *lanes, struct mr_lane_cursor *cursor,
	enum mr_lane_side side, struct mr_lane_entry *ret_entry)
{
	struct mr_lane_entry entry = {0};
	while (entry.position == 0) { // passes holes
		entry.words[0] = mr_fifo_next_place(&cursor->iter[side], &lanes->pool);
		if (entry.words[0] == NULL)
			return false;
		if (side != MR_LANE_NORMAL) {
			entry.words[1] = mr_fifo_next_place(&cursor->iter[side], &lanes->pool);
			mr_assert(entry.words[1] != NULL);
		}
		entry.position = *entry.words[0];
		entry.number = cursor->number[side]++;
	}
	if (side == MR_LANE_PENALTY) {
		mr_assert(*entry.words[1] != 0 && *entry.words[1] <= MR_LANE_PENALISED_MAX);
		entry.penalised = (uint32_t)*entry.words[1];
	} else if (side == MR_LANE_RELEASED) {
		entry.object = *entry.words[1];
	}
	*ret_entry = entry;
	return true;
}

bool mr_lane_may_follow(const struct mr_lanes *lanes, const struct mr_sublane *sublane,
	uint32_t slot, uint32_t normal)
{
	mr_assert(slot != 0 && slot <= MR_LANE_PENALISED_MAX);
	const struct mr_penalised *penalised = &lanes->penalised.slots[slot];
	mr_assert(penalised->undelivered > 0);
	// Without holes: an entry may be kept waiting for a batch, but never for good.
	uint64_t passed = normal < mr_lane_entries(sublane, MR_LANE_NORMAL)
		? normal
		: mr_lane_places(sublane, MR_LANE_NORMAL);
	return penalised->barrier <= sublane->sides[MR_LANE_NORMAL].left + passed;
}

static bool front_may_follow(
	const struct mr_lanes *lanes, const struct mr_sublane *sublane, uint32_t normal)
{
	struct mr_lane_cursor cursor = mr_lane_begin(sublane);
	struct mr_lane_entry front;
	bool there = mr_lane_next(lanes, &cursor, MR_LANE_PENALTY, &front);
	return there && mr_lane_may_follow(lanes, sublane, front.penalised, normal);
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

void mr_lane_plan(const struct mr_lanes *lanes, const struct mr_sublane *sublane,
	uint32_t events_max, uint32_t ret_quota[MR_LANE_SIDES])
{
	mr_assert(events_max >= 1);
	mr_assert(sublane->number == 0); // a batch that is recorded keeps its borders
	uint32_t released = mr_lane_entries(sublane, MR_LANE_RELEASED);
	ret_quota[MR_LANE_RELEASED] = min_u32(events_max, released);
	ret_quota[MR_LANE_NORMAL] = ret_quota[MR_LANE_PENALTY] = 0;
	if (released > 0)
		return;
	uint32_t normal_all = mr_lane_entries(sublane, MR_LANE_NORMAL);
	uint32_t penalty_all = mr_lane_entries(sublane, MR_LANE_PENALTY);
	uint32_t want = min_u32(events_max, normal_all + penalty_all);
	uint32_t penalty = min_u32(penalty_all, (sublane->credit + want) / SERVED_TOGETHER);
	uint32_t normal = want - penalty;
	if (normal > normal_all) {
		normal = normal_all;
		penalty = want - normal;
	}
	if (penalty > 0 && !front_may_follow(lanes, sublane, normal)) {
		penalty = 0;
		normal = min_u32(events_max, normal_all);
	}
	mr_assert(normal + penalty > 0 || want == 0);
	ret_quota[MR_LANE_NORMAL] = normal;
	ret_quota[MR_LANE_PENALTY] = penalty;
}

void mr_lane_batch(const struct mr_lanes *lanes, const struct mr_sublane *sublane,
	const uint32_t taken[MR_LANE_SIDES], mr_position *ret_positions)
{
	struct mr_lane_cursor cursor = mr_lane_begin(sublane);
	uint32_t at = 0;
	for (uint32_t side = 0; side < MR_LANE_SIDES; side++) {
		for (uint32_t i = 0; i < taken[side]; i++) {
			struct mr_lane_entry entry;
			bool there = mr_lane_next(lanes, &cursor, side, &entry);
			mr_assert(there);
			ret_positions[at++] = entry.position;
		}
	}
}

static void set_batch(struct mr_sublane *sublane, const uint32_t taken[MR_LANE_SIDES])
{
	for (uint32_t side = 0; side < MR_LANE_SIDES; side++) {
		mr_assert(taken[side] <= mr_lane_entries(sublane, side));
		sublane->batch[side] = taken[side];
	}
}

void mr_lane_cut(struct mr_lanes *lanes, struct mr_sublane *sublane, uint64_t number,
	const uint32_t taken[MR_LANE_SIDES], uint64_t now_ns)
{
	uint32_t normal = taken[MR_LANE_NORMAL];
	uint32_t penalty = taken[MR_LANE_PENALTY];
	mr_assert(sublane->number == 0 && number > sublane->settled_number);
	mr_assert(mr_lane_sum(taken) > 0 && !mr_lane_is_unsent(sublane));
	sublane->number = number;
	set_batch(sublane, taken);
	sublane->since_ns = now_ns;
	LIST_INSERT_HEAD(&lanes->unsent, sublane, unsent);

	uint32_t credit = sublane->credit + normal + penalty;
	uint32_t spent = penalty * SERVED_TOGETHER;
	credit = credit > spent ? credit - spent : 0;
	bool others = mr_lane_entries(sublane, MR_LANE_PENALTY) > penalty;
	sublane->credit = others ? (uint8_t)min_u32(credit, SERVED_TOGETHER - 1) : 0;
}

void mr_lane_sent(struct mr_sublane *sublane)
{
	if (!mr_lane_is_unsent(sublane))
		return;
	LIST_REMOVE(sublane, unsent);
	sublane->unsent.le_prev = NULL;
}

void mr_lane_void(struct mr_sublane *sublane)
{
	mr_assert(!sublane->busy);
	mr_lane_sent(sublane); // or never will be
	sublane->number = 0;
	for (uint32_t side = 0; side < MR_LANE_SIDES; side++)
		sublane->batch[side] = 0;
}

void mr_lane_return(struct mr_sublane *sublane, const uint32_t taken[MR_LANE_SIDES])
{
	mr_assert(sublane->number == 0 && mr_lane_sum(sublane->older) == 0);
	if (mr_held_entries(&sublane->held) == 0)
		return;
	sublane->older[MR_LANE_NORMAL] = taken[MR_LANE_NORMAL];
	sublane->older[MR_LANE_PENALTY] = taken[MR_LANE_PENALTY];
}

uint32_t mr_lane_settle(
	struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane, uint64_t now_ns)
{
	mr_assert(sublane->number != 0 && sublane->lane == lane->slot);
	uint32_t settled = 0;
	for (uint32_t side = 0; side < MR_LANE_SIDES; side++) {
		for (; sublane->batch[side] > 0; sublane->batch[side]--, settled++)
			mr_lane_leave(lanes, lane, sublane, side);
	}
	mr_assert(settled > 0);
	mr_lane_sent(sublane);
	sublane->settled_number = sublane->number;
	sublane->number = 0;
	sublane->changed = true;
	lane->progress_ns = mr_lanes_attended_ns(lanes, now_ns);
	return settled;
}
