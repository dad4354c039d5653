// What bans hold of a sub-lane: entries that left their place in it, so that others pass. They are
// pending as before. Once an object has an entry here, later ones of it go behind it: the order of
// each object holds. When rules change, the list is sifted: judged again from its front, it
// releases entries, which are served before all others, or keeps them. Bounded: what finds no room
// stays in its place, and what is behind it waits.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "fifo.h"
#include "table.h"

struct mr_lane;
struct mr_lane_entry;
struct mr_lanes;
struct mr_sublane;

struct mr_lane_held {
	struct mr_fifo list; // pairs of a position and its object, oldest first
	struct mr_fifo kept; // while it is sifted or walked: those that stay, older than `list`
	uint32_t epoch; // of the rules by which all of it, and what was released, is judged
	uint8_t phase; // the count of an object that is of `kept`; the other one is of `list`
	bool sifting; // no batch is made meanwhile
	bool stuck; // something should be here that had no room
	bool walked; // by a survey: no batch is made, and holes stay
};

struct mr_held_object {
	uint64_t object;
	uint32_t sublane; // index
	uint32_t counts[2];
	uint32_t next_free;
};

struct mr_held_objects { // of all sub-lanes
	struct mr_held_object *slots; // index 0 is none
	struct mr_table table; // (sub-lane, object) -> slot
	uint64_t seed;
	uint32_t entries_max; // that all sub-lanes may hold together
	uint32_t fresh; // slots never used yet
	uint32_t free;
};

bool mr_held_init(struct mr_held_objects *objects, struct mr_arena *arena, uint32_t entries_max,
	uint64_t seed);

static inline uint32_t mr_held_entries(const struct mr_lane_held *held)
{
	return (held->list.count + held->kept.count) / 2;
}

// Whether an entry of the object is held, or, while it is sifted, kept.
bool mr_held_has(const struct mr_lanes *lanes, const struct mr_sublane *sublane, uint64_t object);
// An entry that a cursor has just found goes to the end of the list. False: there is no room.
bool mr_lane_hold(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane,
	uint32_t side, const struct mr_lane_entry *entry, uint64_t object);

// Whether the rules have changed since it was judged.
bool mr_held_wants_sift(const struct mr_sublane *sublane, uint32_t epoch);
// The first entry that is older than the list; and it goes to the end of what is kept. False: there
// is none; there is no memory now.
bool mr_held_older(struct mr_lanes *lanes, const struct mr_sublane *sublane, uint32_t *ret_side,
	struct mr_lane_entry *ret_entry);
bool mr_held_take_older(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane,
	uint32_t side, const struct mr_lane_entry *entry, uint64_t object);
// What is released and not delivered goes back to the front of the list, to be judged again.
// False: there is no memory now.
bool mr_held_sift(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane);
// The first one of the list; false: all are judged.
bool mr_held_front(const struct mr_lanes *lanes, const struct mr_sublane *sublane,
	uint64_t *ret_position, uint64_t *ret_object);
// And where it goes. False: there is no memory now.
bool mr_held_release(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane);
bool mr_held_keep(struct mr_lanes *lanes, const struct mr_lane *lane, struct mr_sublane *sublane);
void mr_held_drop(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane);
// All are judged: what was kept is the list.
void mr_held_end(struct mr_sublane *sublane);
