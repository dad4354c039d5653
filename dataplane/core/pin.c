#include "pin.h"

#include <stddef.h>

#include <millrace/record.h>

#include "mr_assert.h"

// A cell counts outstanding hops; WAITING is added until the last of them was sent, so that early
// answers finish nothing.
enum { WAITING = 128 };
static_assert((int)MR_HOPS_PER_EVENT_MAX < (int)WAITING, "a cell counts all hops of an event");

static uint8_t *cell_of(const struct mr_pin *pin, uint64_t offset)
{
	mr_assert_hot(offset % 8 == 0);
	return &pin->cells[(offset & (pin->stream->size - 1)) / MR_STREAM_CELL_BYTES];
}

bool mr_pin_init(
	struct mr_pin *pin, struct mr_arena *arena, const struct mr_stream *stream, uint64_t size)
{
	mr_assert(size >= MR_STREAM_CELL_BYTES && (size & (size - 1)) == 0);
	*pin = (struct mr_pin){.stream = stream};
	pin->cells = mr_arena_array(arena, "stream cells", uint8_t, size / MR_STREAM_CELL_BYTES);
	if (pin->cells == NULL)
		return false;
	pin->at = mr_stream_next(stream);
	return true;
}

void mr_pin_event(struct mr_pin *pin, uint64_t offset)
{
	mr_assert(*cell_of(pin, offset) == 0);
	mr_assert(offset >= pin->at);
	*cell_of(pin, offset) = WAITING;
}

bool mr_pin_is_waiting(const struct mr_pin *pin, uint64_t offset)
{
	return *cell_of(pin, offset) >= WAITING;
}

void mr_pin_hop(struct mr_pin *pin, uint64_t offset)
{
	uint8_t *cell = cell_of(pin, offset);
	mr_assert(*cell >= WAITING && *cell < WAITING + MR_HOPS_PER_EVENT_MAX);
	++*cell;
}

bool mr_pin_sent(struct mr_pin *pin, uint64_t offset)
{
	uint8_t *cell = cell_of(pin, offset);
	mr_assert(*cell >= WAITING);
	*cell -= WAITING;
	if (*cell == 0)
		return true;
	pin->outstanding++;
	return false;
}

bool mr_pin_answered(struct mr_pin *pin, uint64_t offset)
{
	uint8_t *cell = cell_of(pin, offset);
	mr_assert(offset >= pin->at && *cell % WAITING != 0);
	--*cell;
	if (*cell != 0)
		return false;
	mr_assert(pin->outstanding > 0);
	pin->outstanding--;
	return true;
}

uint64_t mr_pin_advance(struct mr_pin *pin, uint64_t limit, uint32_t records_max)
{
	for (uint32_t i = 0; i < records_max && pin->at < limit; i++) {
		const uint64_t word = mr_stream_word_own(pin->stream, pin->at);
		const uint32_t length = (uint32_t)word;
		const uint16_t kind = (uint16_t)(word >> 32);
		mr_assert(length >= sizeof(struct mr_record) && length % 8 == 0);
		if (kind == MR_RECORD_EVENT && *cell_of(pin, pin->at) != 0)
			break;
		pin->at += length;
	}
	return pin->at;
}
