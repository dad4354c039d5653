// What may be retired of a shard's own stream: one byte per 128-byte cell says how far the event
// record that starts in it is; a pointer walks over finished events and everything that is no
// event. With a journal on disk unfinished events may be left behind (evicted): those that wait
// need nothing here, those with hops under way stand in a side table.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "stream.h"
#include "table.h"

struct mr_origin { // what the end of an event must know of it
	uint64_t app;
	uint64_t workspace;
	uint64_t database;
	int64_t received_at_ns; // wall clock
};

struct mr_pin_away { // an event below `at` of which a hop was sent
	struct mr_origin origin;
	uint32_t next; // free list
	uint8_t cell;
};

struct mr_pin {
	const struct mr_stream *stream;
	uint8_t *cells; // 0: finished, or no event starts here; else see pin.c
	struct mr_pin_away *away; // index 0 is "none"
	struct mr_table away_by_offset;
	uint32_t away_free;
	uint32_t away_fresh;
	uint64_t at; // everything below is finished or evicted
	uint32_t outstanding; // events all of whose hops were sent, not all answered
	uint32_t evicted; // events below `at` that are not finished
	uint64_t evicted_oldest; // none of them begins below; UINT64_MAX: there is none
	uint64_t evicted_since; // the same, of those evicted since mr_pin_begin_search
	// Events of which a hop was sent, not finished, by the generation of checkpoints in which
	// that happened.
	uint32_t started[2];
};

// `away_max`: events that may be in the side table; 0: nothing is ever evicted.
bool mr_pin_init(struct mr_pin *pin, struct mr_arena *arena, const struct mr_stream *stream,
	uint32_t away_max, uint64_t seed);
void mr_pin_event(struct mr_pin *pin, uint64_t offset); // appended: pinned until it is finished
void mr_pin_recovered(struct mr_pin *pin, uint64_t offset); // evicted from its birth
// Its hops are not all sent.
bool mr_pin_is_waiting(const struct mr_pin *pin, uint64_t offset);
bool mr_pin_is_started(const struct mr_pin *pin, uint64_t offset); // a hop was sent
static inline bool mr_pin_is_evicted(const struct mr_pin *pin, uint64_t offset)
{
	return offset < pin->at;
}
// Whether a hop may be sent: there is room to count it.
bool mr_pin_has_room(const struct mr_pin *pin, uint64_t offset);
// One more hop is under way; `generation`: if it is the first one.
void mr_pin_hop(
	struct mr_pin *pin, uint64_t offset, const struct mr_origin *origin, uint32_t generation);
// All hops were sent, or one was answered: true when the event is finished by that, and what it was
// if it was not known.
bool mr_pin_sent(struct mr_pin *pin, uint64_t offset);
bool mr_pin_answered(struct mr_pin *pin, uint64_t offset, struct mr_origin *ret_origin);
struct mr_origin mr_pin_origin(const struct mr_pin *pin, uint64_t offset); // not evicted
// Whoever looks at all events, in any number of steps, knows better than eviction did which is the
// oldest of them: `found`, or one that was evicted meanwhile.
void mr_pin_begin_search(struct mr_pin *pin);
void mr_pin_end_search(struct mr_pin *pin, uint64_t found);
// Moves on as far as `limit`, at most `records_max` records; where it stands.
uint64_t mr_pin_advance(struct mr_pin *pin, uint64_t limit, uint32_t records_max);
// The same, past events that are not finished, as long as the side table has room.
void mr_pin_evict(struct mr_pin *pin, uint64_t limit, uint32_t records_max);
