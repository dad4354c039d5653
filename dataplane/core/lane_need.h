// What the lanes of one delivery stage need of the journal's files: entries, and lane records that
// hold entries, counted by the segment they stand in. The journal reads the counts and keeps the
// segments; one whose count is not zero may still go, by age or for want of space, and takes its
// counts along.
//
// What has left its lane is needed until the record that says so is durable: a start that does not
// find the record sends the batch again, as it was. So counts leave in two steps: what has left
// since the last cut, and what was cut and waits for the stage's stream to be durable so far.
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
	uint64_t cut_end; // offset in the stage's stream; 0: nothing waits for it
	uint32_t cut[MR_SEGMENTS_MAX]; // recorded below cut_end
	uint32_t left[MR_SEGMENTS_MAX]; // since
	uint64_t left_total;
};

void mr_lane_need_init(struct mr_lane_need *need, const struct mr_segment_map *map,
	struct mr_needs *needs); // `needs` may count something already
// Zeroes the counts of what has retired, before its places can belong to other segments.
void mr_lane_need_follow(struct mr_lane_need *need);
// The record of the position is durable.
void mr_lane_need_add(struct mr_lane_need *need, mr_position position);
void mr_lane_need_remove(struct mr_lane_need *need, mr_position position); // was added
// All that has left by now is recorded in the stage's stream below `end`.
void mr_lane_need_recorded(struct mr_lane_need *need, uint64_t end);
// The stage's stream is durable below `watermark`.
void mr_lane_need_durable(struct mr_lane_need *need, uint64_t watermark);
// Whether the segment of a durable record has retired.
bool mr_lane_need_gone(const struct mr_lane_need *need, mr_position position);
