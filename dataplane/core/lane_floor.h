// How far back the lanes of one delivery stage still need a stream's buffer. Entries are counted by
// the 256th of the buffer they stand in, so that one entry costs one increment, the floor is known
// at every moment, and it is never too high: it is the start of the lowest cell that is not empty.
// Only lanes that are not behind count their entries here.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/limits.h>

// Counted offsets lie within one buffer of the stream's tail, hence in at most CELLS + 1 cells: a
// ring twice as long is unambiguous.
enum { MR_LANE_FLOOR_RING = 2 * MR_LANE_FLOOR_CELLS };
static_assert(MR_LANE_FLOOR_RING % 64 == 0, "a bitmap of words");

struct mr_lane_floor {
	uint32_t counts[MR_LANE_FLOOR_RING]; // index: cell mod ring
	uint64_t occupied[MR_LANE_FLOOR_RING / 64]; // bit: count is not 0
	uint64_t lowest; // cell number; valid when entries > 0
	uint64_t entries;
	uint32_t cell_shift; // log2 of a cell's bytes
};

// `stream_bytes` is a power of two of at least MR_LANE_FLOOR_CELLS.
void mr_lane_floor_init(struct mr_lane_floor *floor, uint64_t stream_bytes);
void mr_lane_floor_add(struct mr_lane_floor *floor, uint64_t offset);
void mr_lane_floor_remove(struct mr_lane_floor *floor, uint64_t offset); // was added
// No counted entry is below it; UINT64_MAX: none is counted.
uint64_t mr_lane_floor_offset(const struct mr_lane_floor *floor);
