#include "lane_spill.h"

#include "lane.h"
#include "mr_assert.h"
#include "record_codec.h"

enum {
	SHARE_MAX = 8192, // entries in memory of a sub-lane: while the pool is half free,
	SHARE_FULLER = 2048, // when it is not,
	SHARE_BEHIND = 1024, // and of a lane that is behind
	SHARE_MIN = 64,
	LISTED_MIN = 3, // records for which each sub-lane has its chunk
	RECORD_BYTES_MAX =
		sizeof(struct mr_record_lane) + MR_LANE_RECORD_ENTRIES_MAX * sizeof(mr_position),
};

// All sub-lanes of a lane are written into one checkpoint step: what they hold in memory and their
// lists of records take at most a quarter of the stream each.
struct mr_spill_limits mr_spill_limits_of(uint32_t entries_max, uint64_t stream_bytes)
{
	uint64_t share = stream_bytes / 4 / MR_IN_FLIGHT_MAX / sizeof(mr_position);
	mr_assert(share >= SHARE_MIN);
	return (struct mr_spill_limits){.chunks = entries_max / MR_CHUNK_ENTRIES,
		.share = share < SHARE_MAX ? (uint32_t)share : SHARE_MAX,
		.records_max = (uint32_t)share};
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

static uint32_t in_memory(const struct mr_sublane *sublane)
{
	return mr_lane_entries(sublane, MR_LANE_NORMAL) + mr_lane_entries(sublane, MR_LANE_PENALTY);
}

bool mr_spill_takes(
	const struct mr_lanes *lanes, const struct mr_lane *lane, const struct mr_sublane *sublane)
{
	mr_assert(lanes->is_durable);
	if (mr_spill_is_open(&sublane->spill))
		return true;
	return in_memory(sublane) >= share_of(lanes, lane)
		|| lanes->pool.used > lanes->spill.chunks / 8 * 7;
}

bool mr_spill_has_room(const struct mr_lanes *lanes)
{
	if (!lanes->is_durable)
		return true;
	// Batches and checkpoints want room, too.
	uint64_t room = mr_stream_room(lanes->own);
	return room >= lanes->own->size / 4 && room >= RECORD_BYTES_MAX
		&& lanes->pool.capacity - lanes->pool.used > MR_SPILL_READ_CHUNKS;
}

bool mr_spill_is_due(const struct mr_lanes *lanes, const struct mr_sublane *sublane)
{
	uint32_t count = sublane->spill.tail.count;
	mr_assert(count <= MR_LANE_RECORD_ENTRIES_MAX);
	if (count == 0 || count == MR_LANE_RECORD_ENTRIES_MAX)
		return count > 0;
	uint32_t used = lanes->pool.used;
	if (used > lanes->spill.chunks)
		return true;
	return count >= MR_CHUNK_ENTRIES && used > lanes->spill.chunks / 16 * 15;
}

// Entries of the sub-lane that ever left it or stand before its tail.
static uint64_t before_tail(const struct mr_sublane *sublane)
{
	const struct mr_lane_spill *spill = &sublane->spill;
	return spill->left + sublane->sides[MR_LANE_NORMAL].left
		+ sublane->sides[MR_LANE_PENALTY].left + in_memory(sublane) + spill->entries;
}

static bool list(
	struct mr_lanes *lanes, struct mr_lane_spill *spill, mr_position position, uint32_t entries)
{
	if (lanes->pool.capacity - lanes->pool.used < 2)
		return false;
	bool pushed = mr_fifo_push(&spill->records, &lanes->pool, position);
	pushed = mr_fifo_push(&spill->records, &lanes->pool, entries) && pushed;
	mr_assert(pushed);
	spill->entries += entries;
	lanes->spilled += entries;
	return true;
}

void mr_spill_write(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane)
{
	struct mr_lane_spill *spill = &sublane->spill;
	mr_position positions[MR_LANE_RECORD_ENTRIES_MAX];
	uint32_t count = spill->tail.count;
	mr_assert(count > 0 && count <= MR_LANE_RECORD_ENTRIES_MAX);
	mr_assert(sublane->lane == lane->slot);
	struct mr_record_lane head = {.webhook = lane->webhook,
		.first_entry = before_tail(sublane),
		.sublane = sublane->index,
		.sublanes = lane->in_flight,
		.count = count};
	for (uint32_t i = 0; i < count; i++)
		positions[i] = mr_fifo_pop(&spill->tail, &lanes->pool);
	size_t body_bytes = count * sizeof(positions[0]);
	mr_record_seal(&head, sizeof(head), positions, body_bytes, MR_RECORD_LANE, 0);
	uint64_t offset = mr_stream_append(lanes->own, &head, sizeof(head), positions, body_bytes);
	bool listed = list(lanes, spill, mr_position_make(lanes->own->id, offset), count);
	listed = mr_fifo_push(&lanes->uncounted, &lanes->pool, offset) && listed;
	mr_assert(listed);
	lane->spilled += count;
}

void mr_spill_follow(struct mr_lanes *lanes)
{
	if (lanes->need.map != NULL)
		mr_lane_need_follow(&lanes->need);
	uint64_t watermark = mr_stream_watermark(lanes->own);
	while (lanes->uncounted.count > 0) {
		uint64_t offset = mr_fifo_front(&lanes->uncounted, &lanes->pool);
		if (offset >= watermark)
			break;
		mr_fifo_pop(&lanes->uncounted, &lanes->pool);
		mr_lane_need_add(&lanes->need, mr_position_make(lanes->own->id, offset));
		lanes->counted_end = offset + sizeof(struct mr_record);
	}
}

bool mr_spill_wants(const struct mr_sublane *sublane)
{
	const struct mr_lane_spill *spill = &sublane->spill;
	if (!mr_spill_is_open(spill) || sublane->sides[MR_LANE_PENALTY].fifo.count > 0)
		return false;
	return spill->batch_number != 0 || mr_lane_waiting(sublane) < MR_SPILL_LOW;
}

bool mr_spill_may_read(const struct mr_lanes *lanes, const struct mr_lane *lane)
{
	const struct mr_chunk_pool *pool = &lanes->pool;
	if (pool->capacity - pool->used < MR_SPILL_READ_CHUNKS)
		return false;
	// When memory is short, lanes that settle make better use of it.
	return lane->failures == 0 || pool->used <= lanes->spill.chunks / 16 * 15;
}

bool mr_spill_is_long(const struct mr_lanes *lanes, const struct mr_sublane *sublane)
{
	uint32_t records = mr_spill_records(&sublane->spill);
	return records > lanes->spill.records_max
		|| (records > LISTED_MIN && lanes->pool.used > lanes->spill.chunks);
}

bool mr_spill_front(const struct mr_lanes *lanes, const struct mr_sublane *sublane,
	mr_position *ret_position, uint32_t *ret_entries)
{
	const struct mr_fifo *records = &sublane->spill.records;
	if (records->count == 0)
		return false;
	struct mr_fifo_iter iter = mr_fifo_begin(records);
	mr_position position;
	uint64_t entries;
	bool there = mr_fifo_next(&iter, &lanes->pool, &position)
		&& mr_fifo_next(&iter, &lanes->pool, &entries);
	mr_assert(there);
	if (mr_position_stream(position) == lanes->own->id
		&& mr_position_offset(position) >= lanes->counted_end)
		return false;
	*ret_position = position;
	*ret_entries = (uint32_t)entries;
	return true;
}

// The oldest record leaves the list. Returns its entries.
static uint32_t unlist(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane)
{
	struct mr_lane_spill *spill = &sublane->spill;
	mr_position position = mr_fifo_pop(&spill->records, &lanes->pool);
	uint32_t entries = (uint32_t)mr_fifo_pop(&spill->records, &lanes->pool);
	mr_lane_need_remove(&lanes->need, position);
	mr_assert(spill->entries >= entries && lane->spilled >= entries);
	spill->entries -= entries;
	lane->spilled -= entries;
	lanes->spilled -= entries;
	return entries;
}

// A recovered batch has its borders again when all its entries are here.
static void restore_batch(struct mr_sublane *sublane)
{
	struct mr_lane_spill *spill = &sublane->spill;
	if (spill->batch_number == 0
		|| mr_lane_entries(sublane, MR_LANE_NORMAL) < spill->batch_count)
		return;
	mr_assert(sublane->number == 0 && spill->batch_count > 0);
	sublane->number = spill->batch_number;
	sublane->batch[MR_LANE_NORMAL] = spill->batch_count;
	spill->batch_number = 0;
	spill->batch_count = 0;
}

static void entries_leave(
	struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane, uint32_t count)
{
	mr_assert(lane->pending >= count && lanes->pending >= count);
	lane->pending -= count;
	lanes->pending -= count;
	sublane->spill.left += count;
}

void mr_spill_take_back(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane,
	const mr_position *positions, uint32_t lost)
{
	struct mr_lane_spill *spill = &sublane->spill;
	uint32_t count = unlist(lanes, lane, sublane);
	mr_assert(lost <= count);
	mr_assert(lost == count || sublane->sides[MR_LANE_PENALTY].fifo.count == 0);
	for (uint32_t i = 0; i < lost; i++)
		mr_lane_need_remove(&lanes->need, positions[i]);
	entries_leave(lanes, lane, sublane, lost);
	spill->lost -= lost < spill->lost ? lost : spill->lost;
	struct mr_fifo *fifo = &sublane->sides[MR_LANE_NORMAL].fifo;
	for (uint32_t i = lost; i < count; i++) {
		bool pushed = mr_fifo_push(fifo, &lanes->pool, positions[i]);
		mr_assert(pushed);
	}
	restore_batch(sublane);
}

void mr_spill_join(struct mr_lanes *lanes, struct mr_sublane *sublane)
{
	struct mr_fifo *tail = &sublane->spill.tail;
	struct mr_fifo *fifo = &sublane->sides[MR_LANE_NORMAL].fifo;
	mr_assert(sublane->spill.records.count == 0);
	mr_assert(sublane->sides[MR_LANE_PENALTY].fifo.count == 0);
	while (tail->count > 0) { // gives a chunk back for each that it takes
		bool pushed = mr_fifo_push(fifo, &lanes->pool, mr_fifo_pop(tail, &lanes->pool));
		mr_assert(pushed);
	}
}

uint32_t mr_spill_lose(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane)
{
	struct mr_lane_spill *spill = &sublane->spill;
	uint32_t count = unlist(lanes, lane, sublane);
	entries_leave(lanes, lane, sublane, count);
	spill->lost -= count < spill->lost ? count : spill->lost;
	return count;
}

bool mr_spill_recover(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane,
	mr_position position, uint32_t entries)
{
	mr_assert(lanes->is_durable && position != 0);
	if (!list(lanes, &sublane->spill, position, entries))
		return false;
	lane->spilled += entries;
	lane->pending += entries;
	lanes->pending += entries;
	return true;
}
