#include "lane_floor.h"

#include "mr_assert.h"

void mr_lane_floor_init(struct mr_lane_floor *floor, uint64_t stream_bytes)
{
	mr_assert(stream_bytes >= MR_LANE_FLOOR_CELLS);
	mr_assert((stream_bytes & (stream_bytes - 1)) == 0);
	*floor = (struct mr_lane_floor){0};
	floor->cell_shift = (uint32_t)__builtin_ctzll(stream_bytes / MR_LANE_FLOOR_CELLS);
}

void mr_lane_floor_add(struct mr_lane_floor *floor, uint64_t offset)
{
	uint64_t cell = offset >> floor->cell_shift;
	uint32_t at = (uint32_t)(cell % MR_LANE_FLOOR_RING);
	if (floor->entries == 0 || cell < floor->lowest) {
		mr_assert(floor->entries == 0 || floor->lowest - cell <= MR_LANE_FLOOR_CELLS);
		floor->lowest = cell;
	}
	mr_assert(cell - floor->lowest < MR_LANE_FLOOR_RING);
	if (floor->counts[at]++ == 0)
		floor->occupied[at / 64] |= UINT64_C(1) << (at % 64);
	floor->entries++;
}

// The next cell at or above `cell` that is not empty; there is one.
static uint64_t next_occupied(const struct mr_lane_floor *floor, uint64_t cell)
{
	uint32_t at = (uint32_t)(cell % MR_LANE_FLOOR_RING);
	uint64_t word = floor->occupied[at / 64] >> (at % 64);
	if (word != 0)
		return cell + (uint64_t)__builtin_ctzll(word);
	cell += 64 - at % 64;
	for (uint32_t i = 0; i < MR_LANE_FLOOR_RING / 64; i++, cell += 64) {
		word = floor->occupied[cell % MR_LANE_FLOOR_RING / 64];
		if (word != 0)
			return cell + (uint64_t)__builtin_ctzll(word);
	}
	mr_assert(false && "an entry is counted but no cell is occupied");
	return cell;
}

void mr_lane_floor_remove(struct mr_lane_floor *floor, uint64_t offset)
{
	uint64_t cell = offset >> floor->cell_shift;
	uint32_t at = (uint32_t)(cell % MR_LANE_FLOOR_RING);
	mr_assert(floor->entries > 0 && floor->counts[at] > 0);
	mr_assert(cell >= floor->lowest);
	floor->entries--;
	if (--floor->counts[at] > 0)
		return;
	floor->occupied[at / 64] &= ~(UINT64_C(1) << (at % 64));
	if (cell == floor->lowest && floor->entries > 0)
		floor->lowest = next_occupied(floor, cell);
}

uint64_t mr_lane_floor_offset(const struct mr_lane_floor *floor)
{
	return floor->entries == 0 ? UINT64_MAX : floor->lowest << floor->cell_shift;
}
