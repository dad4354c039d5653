#include "lane_spill.h"

#include "lane.h"
#include "mr_assert.h"
#include "record_codec.h"

// Whether a record is durable, and counted as needed.
static bool is_counted(const struct mr_lanes *lanes, mr_position record)
{
	return mr_position_stream(record) != lanes->own->id
		|| mr_position_offset(record) < lanes->counted_end;
}

// Whether the newest record can be written anew with the tail: it is durable, hence counted, and
// still in the stream's buffer.
static bool may_extend(const struct mr_lanes *lanes, const struct mr_lane_spill *spill)
{
	if (mr_position_stream(spill->last) != lanes->own->id || !is_counted(lanes, spill->last))
		return false;
	uint64_t offset = mr_position_offset(spill->last);
	return spill->last != 0
		&& spill->last_entries + spill->tail.count <= MR_LANE_RECORD_ENTRIES_MAX
		&& offset >= lanes->own->start
		&& mr_stream_next(lanes->own) + MR_SPILL_RECORD_BYTES_MAX - offset
		<= lanes->own->size;
}

bool mr_spill_is_due(const struct mr_lanes *lanes, const struct mr_sublane *sublane)
{
	const struct mr_lane_spill *spill = &sublane->spill;
	uint32_t count = spill->tail.count;
	mr_assert(count <= MR_LANE_RECORD_ENTRIES_MAX);
	if (count == 0 || count == MR_LANE_RECORD_ENTRIES_MAX)
		return count > 0;
	// It should take the last one's place, which can be only when that one is durable.
	if (!is_counted(lanes, spill->last)
		|| mr_stream_room(lanes->own) < MR_SPILL_RECORD_BYTES_MAX)
		return false;
	if (mr_spill_is_short(lanes))
		return true;
	return count >= MR_CHUNK_ENTRIES && lanes->pool.used > lanes->spill.chunks / 16 * 15;
}

// Entries of the sub-lane that ever left it or stand before its records.
static uint64_t before_records(const struct mr_sublane *sublane)
{
	return mr_lane_left(sublane) + mr_lane_in_memory(sublane) + mr_held_entries(&sublane->held);
}

// A record has left its list. A crash would make a start read it again while the last checkpoint
// names it.
static void release(struct mr_lanes *lanes, mr_position position)
{
	mr_assert(position != 0);
	bool is_named = mr_position_stream(position) != lanes->own->id
		|| mr_position_offset(position) < lanes->named_end;
	if (!is_named || !mr_fifo_push(&lanes->released, &lanes->pool, position))
		mr_lane_need_remove(&lanes->need, position);
}

void mr_spill_checkpoint_begin(struct mr_lanes *lanes)
{
	mr_assert(lanes->released_before == 0);
	lanes->released_before = lanes->released.count;
	lanes->named_end = UINT64_MAX;
}

void mr_spill_checkpoint_end(struct mr_lanes *lanes)
{
	mr_assert(lanes->named_end == UINT64_MAX);
	lanes->named_end = mr_stream_next(lanes->own);
}

void mr_spill_checkpoint_holds(struct mr_lanes *lanes)
{
	mr_assert(lanes->released_before <= lanes->released.count);
	for (; lanes->released_before > 0; lanes->released_before--)
		mr_lane_need_remove(&lanes->need, mr_fifo_pop(&lanes->released, &lanes->pool));
}

// A record becomes the newest one.
static bool list(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_lane_spill *spill,
	mr_position position, uint32_t entries)
{
	if (lanes->pool.capacity - lanes->pool.used < 2)
		return false;
	if (spill->last != 0) {
		bool pushed = mr_fifo_push(&spill->records, &lanes->pool, spill->last);
		pushed = mr_fifo_push(&spill->records, &lanes->pool, spill->last_entries) && pushed;
		mr_assert(pushed);
	}
	spill->last = position;
	spill->last_entries = entries;
	spill->entries += entries;
	lane->spilled += entries;
	lanes->spilled += entries;
	return true;
}

// The newest record is no more; its entries are the caller's.
static void unlist_last(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_lane_spill *spill)
{
	uint32_t entries = spill->last_entries;
	mr_assert(spill->last != 0);
	mr_assert(spill->entries >= entries && lane->spilled >= entries);
	release(lanes, spill->last);
	spill->last = 0;
	spill->last_entries = 0;
	spill->entries -= entries;
	lane->spilled -= entries;
	lanes->spilled -= entries;
}

static uint64_t append_record(struct mr_lanes *lanes, const struct mr_sublane *sublane,
	uint64_t before, const mr_position *positions, uint32_t count)
{
	struct mr_record_lane head = {.webhook = lanes->slots[sublane->lane].webhook,
		.first_entry = before_records(sublane) + before,
		.sublane = sublane->index,
		.sublanes = lanes->slots[sublane->lane].in_flight,
		.count = count};
	mr_assert(count > 0 && count <= MR_LANE_RECORD_ENTRIES_MAX);
	size_t body_bytes = count * sizeof(positions[0]);
	mr_record_seal(&head, sizeof(head), positions, body_bytes, MR_RECORD_LANE, 0);
	uint64_t offset = mr_stream_append(lanes->own, &head, sizeof(head), positions, body_bytes);
	bool listed = mr_fifo_push(&lanes->uncounted, &lanes->pool, offset);
	mr_assert(listed);
	return offset;
}

void mr_spill_write(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane)
{
	struct mr_lane_spill *spill = &sublane->spill;
	mr_position positions[MR_LANE_RECORD_ENTRIES_MAX];
	uint32_t count = 0;
	mr_assert(spill->tail.count > 0 && sublane->lane == lane->slot);
	if (may_extend(lanes, spill)) {
		count = spill->last_entries;
		mr_stream_copy_own(lanes->own,
			mr_position_offset(spill->last) + sizeof(struct mr_record_lane), positions,
			count * sizeof(positions[0]));
		unlist_last(lanes, lane, spill);
	}
	while (spill->tail.count > 0)
		positions[count++] = mr_fifo_pop(&spill->tail, &lanes->pool);
	uint64_t offset = append_record(lanes, sublane, spill->entries, positions, count);
	bool listed = list(lanes, lane, spill, mr_position_make(lanes->own->id, offset), count);
	mr_assert(listed);
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

struct mr_spill_iter mr_spill_begin(const struct mr_lane_spill *spill)
{
	return (struct mr_spill_iter){
		.iter = mr_fifo_begin(&spill->records), .last = spill->last != 0};
}

bool mr_spill_next(const struct mr_lanes *lanes, const struct mr_lane_spill *spill,
	struct mr_spill_iter *iter, mr_position *ret_position, uint32_t *ret_entries)
{
	uint64_t entries;
	if (mr_fifo_next(&iter->iter, &lanes->pool, ret_position)) {
		bool paired = mr_fifo_next(&iter->iter, &lanes->pool, &entries);
		mr_assert(paired && entries <= MR_LANE_RECORD_ENTRIES_MAX);
		*ret_entries = (uint32_t)entries;
		return true;
	}
	if (!iter->last)
		return false;
	iter->last = false;
	*ret_position = spill->last;
	*ret_entries = spill->last_entries;
	return true;
}

bool mr_spill_front(const struct mr_lanes *lanes, const struct mr_sublane *sublane,
	mr_position *ret_position, uint32_t *ret_entries)
{
	struct mr_spill_iter iter = mr_spill_begin(&sublane->spill);
	mr_position position;
	uint32_t entries;
	if (!mr_spill_next(lanes, &sublane->spill, &iter, &position, &entries))
		return false;
	if (!is_counted(lanes, position))
		return false;
	*ret_position = position;
	*ret_entries = entries;
	return true;
}

// Pairs that nothing is left of go when they come first.
static void skip_empty(struct mr_lanes *lanes, struct mr_lane_spill *spill)
{
	while (spill->records.count > 0 && mr_fifo_front(&spill->records, &lanes->pool) == 0) {
		mr_fifo_pop(&spill->records, &lanes->pool);
		uint64_t entries = mr_fifo_pop(&spill->records, &lanes->pool);
		mr_assert(entries == 0);
	}
}

// The oldest record leaves the list. Returns its entries.
static uint32_t unlist(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane)
{
	struct mr_lane_spill *spill = &sublane->spill;
	uint32_t entries = spill->last_entries;
	if (spill->records.count == 0) {
		unlist_last(lanes, lane, spill);
		return entries;
	}
	release(lanes, mr_fifo_pop(&spill->records, &lanes->pool));
	entries = (uint32_t)mr_fifo_pop(&spill->records, &lanes->pool);
	skip_empty(lanes, spill);
	mr_assert(spill->entries >= entries && lane->spilled >= entries);
	spill->entries -= entries;
	lane->spilled -= entries;
	lanes->spilled -= entries;
	return entries;
}

static void entries_leave(
	struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane, uint32_t count)
{
	mr_assert(lane->pending >= count && lanes->pending >= count);
	lane->pending -= count;
	lanes->pending -= count;
	sublane->spill.left += count;
}

// The pair of the record, and the entries before it.
static uint64_t place_of(const struct mr_lanes *lanes, const struct mr_lane_spill *spill,
	uint32_t index, uint64_t *ret_pair[2])
{
	struct mr_fifo_iter iter = mr_fifo_begin(&spill->records);
	uint64_t before = 0;
	for (uint32_t i = 0; i <= index; i++) {
		ret_pair[0] = mr_fifo_next_place(&iter, &lanes->pool);
		ret_pair[1] = mr_fifo_next_place(&iter, &lanes->pool);
		if (ret_pair[0] == NULL || i == index)
			break; // the newest one is in no pair
		before += *ret_pair[1];
	}
	return before;
}

bool mr_spill_at(const struct mr_lanes *lanes, const struct mr_lane_spill *spill, uint32_t index,
	mr_position *ret_position, uint32_t *ret_entries)
{
	uint64_t *pair[2];
	place_of(lanes, spill, index, pair);
	*ret_position = pair[0] != NULL ? *pair[0] : spill->last;
	*ret_entries = pair[0] != NULL ? (uint32_t)*pair[1] : spill->last_entries;
	return index < spill->records.count / 2 + 1 && is_counted(lanes, *ret_position);
}

void mr_spill_rewrite(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane,
	uint32_t index, const mr_position *positions, uint32_t count)
{
	struct mr_lane_spill *spill = &sublane->spill;
	uint64_t *pair[2];
	uint64_t last_pair[2] = {spill->last, spill->last_entries};
	uint64_t before = place_of(lanes, spill, index, pair);
	bool is_last = pair[0] == NULL;
	if (is_last) {
		pair[0] = &last_pair[0];
		pair[1] = &last_pair[1];
	}
	uint32_t gone = (uint32_t)*pair[1] - count;
	mr_assert(gone > 0 && gone <= spill->entries && count < *pair[1]);
	release(lanes, *pair[0]);
	*pair[0] = 0;
	if (count > 0)
		*pair[0] = mr_position_make(
			lanes->own->id, append_record(lanes, sublane, before, positions, count));
	*pair[1] = count;
	if (is_last) {
		spill->last = last_pair[0];
		spill->last_entries = count;
	}
	spill->entries -= gone;
	lane->spilled -= gone;
	lanes->spilled -= gone;
	entries_leave(lanes, lane, sublane, gone);
}

void mr_spill_trim(struct mr_lanes *lanes, struct mr_sublane *sublane)
{
	skip_empty(lanes, &sublane->spill);
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
	mr_assert(sublane->spill.last == 0);
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
	if (!list(lanes, lane, &sublane->spill, position, entries))
		return false;
	lane->pending += entries;
	lanes->pending += entries;
	return true;
}
