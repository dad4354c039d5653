// What may be retired of a shard's own stream: one byte per 128-byte cell says how far the event
// record that starts in it is; a pointer walks over finished events and everything that is no
// event.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "stream.h"

struct mr_pin {
	const struct mr_stream *stream;
	uint8_t *cells; // 0: finished, or no event starts here; 1..: hops outstanding; see pin.c
	uint64_t at; // everything below is finished
	uint32_t outstanding; // events all of whose hops were sent, not all answered
};

bool mr_pin_init(
	struct mr_pin *pin, struct mr_arena *arena, const struct mr_stream *stream, uint64_t size);
void mr_pin_event(struct mr_pin *pin, uint64_t offset); // appended: pinned until it is finished
bool mr_pin_is_waiting(const struct mr_pin *pin, uint64_t offset); // its hops are not all sent
void mr_pin_hop(struct mr_pin *pin, uint64_t offset); // one more hop is under way
// All hops were sent, or one was answered: true when the event is finished by that.
bool mr_pin_sent(struct mr_pin *pin, uint64_t offset);
bool mr_pin_answered(struct mr_pin *pin, uint64_t offset);
// Moves on as far as `limit`, at most `records_max` records; where it stands.
uint64_t mr_pin_advance(struct mr_pin *pin, uint64_t limit, uint32_t records_max);
