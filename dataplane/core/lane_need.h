// What the lanes of one delivery stage need of the journal's files: entries, and lane records that
// hold entries, counted by the segment they stand in. The journal reads the counts and keeps the
// segments; one whose count is not zero may still go, by age or for want of space, and takes its
// counts along.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/record.h>

#include "journal_board.h"
#include "segment_map.h"

struct mr_lane_need {
	const struct mr_segment_map *map; // NULL: a volatile stage, nothing is counted
	struct mr_needs *needs;
	uint64_t oldest; // counts of segments below are zero
};

void mr_lane_need_init(struct mr_lane_need *need, const struct mr_segment_map *map,
	struct mr_needs *needs); // `needs` may count something already
// Zeroes the counts of what has retired, before its places can belong to other segments.
void mr_lane_need_follow(struct mr_lane_need *need);
// The record of the position is durable.
void mr_lane_need_add(struct mr_lane_need *need, mr_position position);
void mr_lane_need_remove(struct mr_lane_need *need, mr_position position); // was added
// Whether the segment of a durable record has retired.
bool mr_lane_need_gone(const struct mr_lane_need *need, mr_position position);
