#include "pin.h"

#include <stddef.h>

#include <millrace/record.h>

#include "mr_assert.h"

// A cell counts outstanding hops; WAITING is added until the last of them was sent, so that early
// answers finish nothing. STARTED and GENERATION are there from the first hop to the end.
enum { WAITING = 128, STARTED = 64, GENERATION = 32, HOPS = 31 };
static_assert((int)MR_HOPS_PER_EVENT_MAX <= (int)HOPS, "a cell counts all hops of an event");

static uint8_t *cell_of(const struct mr_pin *pin, uint64_t offset)
{
	mr_assert_hot(offset % 8 == 0);
	return &pin->cells[(offset & (pin->stream->size - 1)) / MR_STREAM_CELL_BYTES];
}

// Of an evicted event: 0 when no hop was sent.
static uint32_t find_away(const struct mr_pin *pin, uint64_t offset)
{
	uint32_t index = 0;
	mr_assert(mr_pin_is_evicted(pin, offset) && pin->evicted > 0);
	return mr_table_find(&pin->away_by_offset, offset, &index) ? index : 0;
}

static uint8_t value_of(const struct mr_pin *pin, uint64_t offset)
{
	if (!mr_pin_is_evicted(pin, offset))
		return *cell_of(pin, offset);
	const uint32_t index = find_away(pin, offset);
	return index != 0 ? pin->away[index].cell : WAITING;
}

bool mr_pin_init(struct mr_pin *pin, struct mr_arena *arena, const struct mr_stream *stream,
	uint32_t away_max, uint64_t seed)
{
	mr_assert(stream->size >= MR_STREAM_CELL_BYTES);
	*pin = (struct mr_pin){.stream = stream, .away_fresh = 1, .evicted_oldest = UINT64_MAX};
	mr_pin_begin_search(pin);
	pin->cells =
		mr_arena_array(arena, "stream cells", uint8_t, stream->size / MR_STREAM_CELL_BYTES);
	bool has_all = pin->cells != NULL;
	if (away_max > 0) {
		pin->away = mr_arena_array(
			arena, "evicted events", struct mr_pin_away, (size_t)away_max + 1);
		has_all &= pin->away != NULL;
		has_all &= mr_table_init(
			&pin->away_by_offset, arena, "evicted events", away_max, seed);
	}
	pin->at = mr_stream_next(stream);
	return has_all;
}

void mr_pin_event(struct mr_pin *pin, uint64_t offset)
{
	mr_assert(*cell_of(pin, offset) == 0);
	mr_assert(offset >= pin->at);
	*cell_of(pin, offset) = WAITING;
}

static void count_evicted(struct mr_pin *pin, uint64_t offset)
{
	pin->evicted++;
	if (offset < pin->evicted_oldest)
		pin->evicted_oldest = offset;
	if (offset < pin->evicted_since)
		pin->evicted_since = offset;
}

void mr_pin_recovered(struct mr_pin *pin, uint64_t offset)
{
	mr_assert(offset >= MR_STREAM_START && mr_pin_is_evicted(pin, offset));
	count_evicted(pin, offset);
}

bool mr_pin_is_waiting(const struct mr_pin *pin, uint64_t offset)
{
	return value_of(pin, offset) & WAITING;
}

bool mr_pin_is_started(const struct mr_pin *pin, uint64_t offset)
{
	return value_of(pin, offset) & STARTED;
}

static bool is_full(const struct mr_pin *pin)
{
	return pin->away_by_offset.count == pin->away_by_offset.capacity;
}

bool mr_pin_has_room(const struct mr_pin *pin, uint64_t offset)
{
	return !mr_pin_is_evicted(pin, offset) || !is_full(pin) || find_away(pin, offset) != 0;
}

static void add_away(
	struct mr_pin *pin, uint64_t offset, const struct mr_origin *origin, uint8_t cell)
{
	uint32_t index = pin->away_free;
	if (index != 0)
		pin->away_free = pin->away[index].next;
	else
		index = pin->away_fresh++;
	const bool done = mr_table_add(&pin->away_by_offset, offset, index) == 0;
	mr_assert(done); // the caller has seen the room
	pin->away[index] = (struct mr_pin_away){.origin = *origin, .cell = cell};
}

static void remove_away(struct mr_pin *pin, uint64_t offset, uint32_t index)
{
	const bool done = mr_table_remove(&pin->away_by_offset, offset);
	mr_assert(done && index != 0);
	pin->away[index].next = pin->away_free;
	pin->away_free = index;
}

static void store(struct mr_pin *pin, uint64_t offset, uint8_t value)
{
	if (mr_pin_is_evicted(pin, offset))
		pin->away[find_away(pin, offset)].cell = value;
	else
		*cell_of(pin, offset) = value;
}

void mr_pin_hop(
	struct mr_pin *pin, uint64_t offset, const struct mr_origin *origin, uint32_t generation)
{
	uint8_t value = value_of(pin, offset);
	mr_assert(value & WAITING && (value & HOPS) < MR_HOPS_PER_EVENT_MAX && generation <= 1);
	if (!(value & STARTED)) {
		value |= generation != 0 ? STARTED | GENERATION : STARTED;
		pin->started[generation]++;
		if (mr_pin_is_evicted(pin, offset))
			add_away(pin, offset, origin, value);
	}
	store(pin, offset, value + 1);
}

static void finish(struct mr_pin *pin, uint64_t offset, uint8_t value)
{
	if (value & STARTED) {
		const uint32_t generation = value & GENERATION ? 1 : 0;
		mr_assert(pin->started[generation] > 0);
		pin->started[generation]--;
	}
	if (!mr_pin_is_evicted(pin, offset)) {
		*cell_of(pin, offset) = 0;
		return;
	}
	if (value & STARTED)
		remove_away(pin, offset, find_away(pin, offset));
	if (--pin->evicted == 0)
		pin->evicted_oldest = UINT64_MAX;
}

bool mr_pin_sent(struct mr_pin *pin, uint64_t offset)
{
	const uint8_t value = value_of(pin, offset);
	mr_assert(value & WAITING);
	if ((value & HOPS) == 0) {
		finish(pin, offset, value);
		return true;
	}
	store(pin, offset, value - WAITING);
	pin->outstanding++;
	return false;
}

bool mr_pin_answered(struct mr_pin *pin, uint64_t offset, struct mr_origin *ret_origin)
{
	const uint8_t value = value_of(pin, offset) - 1;
	mr_assert((value & HOPS) < HOPS && value & STARTED);
	if (value & (WAITING | HOPS)) {
		store(pin, offset, value);
		return false;
	}
	mr_assert(pin->outstanding > 0);
	pin->outstanding--;
	*ret_origin = mr_pin_is_evicted(pin, offset) ? pin->away[find_away(pin, offset)].origin
						     : mr_pin_origin(pin, offset);
	finish(pin, offset, value);
	return true;
}

struct mr_origin mr_pin_origin(const struct mr_pin *pin, uint64_t offset)
{
	const struct mr_stream *stream = pin->stream;
	mr_assert(!mr_pin_is_evicted(pin, offset));
	return (struct mr_origin){
		.app = mr_stream_word_own(stream, offset + MR_RECORD_EVENT_APP_AT),
		.workspace = mr_stream_word_own(stream, offset + MR_RECORD_EVENT_WORKSPACE_AT),
		.database = mr_stream_word_own(stream, offset + MR_RECORD_EVENT_DATABASE_AT),
		.received_at_ns = (int64_t)mr_stream_word_own(
			stream, offset + offsetof(struct mr_record_event, received_at_ns)),
	};
}

void mr_pin_begin_search(struct mr_pin *pin)
{
	pin->evicted_since = UINT64_MAX;
}

void mr_pin_end_search(struct mr_pin *pin, uint64_t found)
{
	const uint64_t oldest = found < pin->evicted_since ? found : pin->evicted_since;
	mr_assert(pin->evicted == 0 || oldest < pin->at);
	if (pin->evicted > 0)
		pin->evicted_oldest = oldest;
}

static bool is_unfinished(const struct mr_pin *pin, uint64_t offset, uint64_t head)
{
	return (uint16_t)(head >> 32) == MR_RECORD_EVENT && *cell_of(pin, offset) != 0;
}

// False when the side table has no room.
static bool evict(struct mr_pin *pin, uint64_t offset)
{
	uint8_t *cell = cell_of(pin, offset);
	if (*cell & STARTED) {
		if (is_full(pin))
			return false;
		const struct mr_origin origin = mr_pin_origin(pin, offset);
		add_away(pin, offset, &origin, *cell);
	}
	*cell = 0;
	count_evicted(pin, offset);
	return true;
}

static void move(struct mr_pin *pin, uint64_t limit, uint32_t records_max, bool evicts)
{
	for (uint32_t i = 0; i < records_max && pin->at < limit; i++) {
		const uint64_t head = mr_stream_word_own(pin->stream, pin->at);
		const uint32_t length = (uint32_t)head;
		mr_assert(length >= sizeof(struct mr_record) && length % 8 == 0);
		if (is_unfinished(pin, pin->at, head) && (!evicts || !evict(pin, pin->at)))
			break;
		pin->at += length;
	}
}

uint64_t mr_pin_advance(struct mr_pin *pin, uint64_t limit, uint32_t records_max)
{
	move(pin, limit, records_max, false);
	return pin->at;
}

void mr_pin_evict(struct mr_pin *pin, uint64_t limit, uint32_t records_max)
{
	mr_assert(pin->away != NULL);
	move(pin, limit, records_max, true);
}
