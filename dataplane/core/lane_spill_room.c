// When a sub-lane spills and when it reads back: the room that there is.
#include "lane.h"
#include "mr_assert.h"

enum {
	SHARE_MAX = 8192, // entries in memory of a sub-lane: while the pool is half free,
	SHARE_FULLER = 2048, // when it is not,
	SHARE_BEHIND = 1024, // and of a lane that is behind
	SHARE_MIN = 64,
};

// All sub-lanes of a lane are written into one checkpoint step: what they hold in memory and their
// lists of records take at most a quarter of the stream each.
struct mr_spill_limits mr_spill_limits_of(uint32_t entries_max, uint64_t stream_bytes)
{
	uint64_t share = stream_bytes / 4 / MR_IN_FLIGHT_MAX / sizeof(mr_position);
	mr_assert(share >= SHARE_MIN);
	return (struct mr_spill_limits){.chunks = entries_max / MR_CHUNK_ENTRIES,
		.share = share < SHARE_MAX ? (uint32_t)share : SHARE_MAX,
		.records_max = (uint32_t)share * MR_IN_FLIGHT_MAX};
}

static uint32_t share_of(const struct mr_lanes *lanes, const struct mr_lane *lane)
{
	uint32_t share = lanes->spill.share;
	if (!lane->counting)
		return share < SHARE_BEHIND ? share : SHARE_BEHIND;
	if (lanes->pool.used > lanes->spill.chunks / 2)
		return share < SHARE_FULLER ? share : SHARE_FULLER;
	return share;
}

bool mr_spill_takes(
	const struct mr_lanes *lanes, const struct mr_lane *lane, const struct mr_sublane *sublane)
{
	mr_assert(lanes->is_durable);
	if (mr_spill_is_open(&sublane->spill))
		return true;
	return mr_lane_in_memory(sublane) >= share_of(lanes, lane)
		|| lanes->pool.used > lanes->spill.chunks / 8 * 7;
}

bool mr_spill_is_short(const struct mr_lanes *lanes)
{
	return lanes->pool.capacity - lanes->pool.used < 2 * MR_SPILL_READ_CHUNKS;
}

bool mr_spill_has_room(const struct mr_lanes *lanes)
{
	if (!lanes->is_durable)
		return true;
	// Batches and checkpoints want room, too.
	uint64_t room = mr_stream_room(lanes->own);
	return room >= lanes->own->size / 4 && room >= MR_SPILL_RECORD_BYTES_MAX
		&& !mr_spill_is_short(lanes);
}

bool mr_spill_wants(const struct mr_sublane *sublane)
{
	const struct mr_lane_spill *spill = &sublane->spill;
	if (!mr_spill_is_open(spill) || sublane->sides[MR_LANE_PENALTY].fifo.count > 0)
		return false;
	return spill->batch_number != 0 || mr_lane_waiting(sublane) < MR_SPILL_LOW;
}

bool mr_spill_may_read(
	const struct mr_lanes *lanes, const struct mr_lane *lane, const struct mr_sublane *sublane)
{
	const struct mr_chunk_pool *pool = &lanes->pool;
	// What is read may stay for long: it must not stop the intake.
	if (pool->capacity - pool->used < 3 * MR_SPILL_READ_CHUNKS)
		return false;
	// When memory is short it is for those who have nothing and make use of it.
	return pool->used <= lanes->spill.chunks / 16 * 15
		|| (lane->failures == 0 && mr_lane_in_memory(sublane) == 0);
}

bool mr_spill_is_long(const struct mr_lanes *lanes, const struct mr_sublane *sublane)
{
	uint32_t records = mr_spill_records(&sublane->spill);
	uint32_t most = lanes->spill.records_max / lanes->slots[sublane->lane].in_flight;
	return records > most || (records > 1 && lanes->gives_up);
}
