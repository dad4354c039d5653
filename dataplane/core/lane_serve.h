// What a batch takes from a sub-lane, and how it leaves.
#pragma once

#include "lane.h"

struct mr_lane_cursor {
	struct mr_fifo_iter iter[MR_LANE_SIDES];
	uint64_t number[MR_LANE_SIDES]; // of the next place
};

// How many entries of each side the next batch may take: at most `events_max`; released ones alone
// while there are any; where both other sides wait, one in five comes from the penalty side, and an
// entry behind a barrier is not taken before what it waits for.
void mr_lane_plan(const struct mr_lanes *lanes, const struct mr_sublane *sublane,
	uint32_t events_max, uint32_t ret_quota[MR_LANE_SIDES]);
struct mr_lane_cursor mr_lane_begin(const struct mr_sublane *sublane);
// The next entry of a side; false at its end.
bool mr_lane_next(const struct mr_lanes *lanes, struct mr_lane_cursor *cursor,
	enum mr_lane_side side, struct mr_lane_entry *ret_entry);
// Whether an entry of the penalty side may stand in a batch after `normal` entries of the normal
// side.
bool mr_lane_may_follow(const struct mr_lanes *lanes, const struct mr_sublane *sublane,
	uint32_t slot, uint32_t normal);
// The first entries of both sides, as a batch has them. `ret_positions` has room.
void mr_lane_batch(const struct mr_lanes *lanes, const struct mr_sublane *sublane,
	const uint32_t taken[MR_LANE_SIDES], mr_position *ret_positions);
// The batch has its borders: its entries no longer wait.
void mr_lane_cut(struct mr_lanes *lanes, struct mr_sublane *sublane, uint64_t number,
	const uint32_t taken[MR_LANE_SIDES], uint64_t now_ns);
// Its first attempt begins. Until then a ban may void it.
void mr_lane_sent(struct mr_sublane *sublane);
static inline bool mr_lane_is_unsent(const struct mr_sublane *sublane)
{
	return sublane->unsent.le_prev != NULL;
}
// The batch will not be sent again under its number: its entries wait once more, or leave one by
// one.
void mr_lane_void(struct mr_sublane *sublane);
// What was taken for a batch is not sent: its entries wait once more, in front of what is held.
void mr_lane_return(struct mr_sublane *sublane, const uint32_t taken[MR_LANE_SIDES]);
// The batch has settled, one way or the other: its entries leave. Returns how many.
uint32_t mr_lane_settle(
	struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane, uint64_t now_ns);
