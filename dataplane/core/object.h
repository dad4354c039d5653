// Objects that have something to do: events waiting, or a hold. State is one cache line; positions
// wait in pooled chunks; an object without either gives its state back. Events of an object wait
// in up to three lists, each older than the next: those that a ban holds, those that it held until
// it ended, and the queue. The first of the latter two is the one that may run.
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include <millrace/limits.h>
#include <millrace/scope.h>

#include "arena.h"
#include "fifo.h"
#include "table.h"

enum mr_object_flag {
	MR_OBJECT_RUNNABLE = 1, // on its workspace's run list
	MR_OBJECT_IN_TURN = 2, // has its quantum of this turn already
	MR_OBJECT_PENALISED = 4,
	MR_OBJECT_SHED = 8, // sources were told to refuse it: `shed_slot` is valid
	MR_OBJECT_READING = 16, // its first event is being read from the journal
	MR_OBJECT_CHARGED = 32, // has one of the states for events
	MR_OBJECT_INEXACT = 64, // `bytes` is too high until the queue is empty
	MR_OBJECT_SIEVED = 128, // its events are in the sieve: it does not run
	MR_OBJECT_RELEASED = 256, // its first event is one that a ban held
};

struct mr_object {
	uint64_t id; // 0: free
	struct mr_fifo queue; // offsets of durable events not yet distributed, in order
	uint32_t unwalked; // events appended and not yet walked
	uint32_t bytes; // records of both
	uint32_t next; // run list, or free list
	uint32_t workspace; // index, of the scheduler
	int32_t deficit; // work units it may still use
	uint32_t held; // its lists beside the queue, 0: none
	uint32_t aside; // events in those, or in the sieve
	uint16_t holds;
	uint16_t flags; // enum mr_object_flag
	uint8_t full_quanta; // turns in a row that ended with the quantum, not with the queue
	uint8_t ancestor_next; // fan-out of the first event goes on here; 0: the object itself
	uint8_t shed_slot;
	uint8_t reserved;
};
static_assert(sizeof(struct mr_object) <= MR_OBJECT_STATE_BYTES, "an object is one cache line");

enum { MR_HELD_APPS = 256 }; // rows of a ledger: every app, the last ones together

struct mr_held { // of one object
	struct mr_fifo list; // held by a ban
	struct mr_fifo released; // to be looked at again, before the queue
	uint64_t apps[MR_HELD_APPS / 64]; // bit: an event of the app is on `list`
	uint32_t object; // index; 0: free
	uint32_t next; // free list
	uint8_t kinds; // bit: a rule with such a scope holds (enum mr_scope_kind)
	bool again; // `list` is released as soon as `released` is empty
};

// One object's events on their way through somebody's hands: oldest first, each is kept or dropped.
enum mr_sieve_part { MR_SIEVE_HELD, MR_SIEVE_RELEASED, MR_SIEVE_QUEUE };
struct mr_sieve {
	uint32_t object; // 0: none
	enum mr_sieve_part part;
	struct mr_fifo kept; // of the part
};

struct mr_objects {
	struct mr_object *states; // index 0 is "none"
	struct mr_table by_id;
	struct mr_chunk_pool positions;
	struct mr_held *held; // index 0 is "none"
	struct mr_sieve sieve;
	uint32_t held_capacity;
	uint32_t held_free;
	uint32_t held_fresh;
	uint32_t capacity; // states for events
	uint32_t reserve; // further ones, for holds
	uint32_t used;
	uint32_t charged; // of which for events
	uint32_t free;
	uint32_t fresh;
	// What the structures hold, for the ledgers and the gauges.
	uint32_t unwalked; // events
	uint32_t queued; // events
	uint32_t penalised; // objects
	uint32_t on_hold; // objects
	uint32_t ban_held; // events
	uint32_t queue_max; // longest queue ever, events
};

// `holds_max`: holds at once, over all lanes.
bool mr_objects_init(struct mr_objects *objects, struct mr_arena *arena, uint32_t objects_max,
	uint32_t holds_max, uint32_t positions_max, uint64_t seed);
// Index of the state, 0: there is none.
uint32_t mr_objects_find(const struct mr_objects *objects, uint64_t id);
// For an event that is appended next: finds or makes; 0 when all states for events are in use.
uint32_t mr_objects_make(struct mr_objects *objects, uint64_t id);
// Whether one more event may be appended, so that its position has room when it is walked.
bool mr_objects_have_room(const struct mr_objects *objects);

// Events of the object, appended ones included: what its bound counts.
static inline uint32_t mr_object_events(const struct mr_object *object)
{
	return object->queue.count + object->aside + object->unwalked;
}

static inline uint32_t mr_object_waiting(const struct mr_object *object) // durable ones
{
	return object->queue.count + object->aside;
}

// Whether there is one that no ban holds, as far as is known.
static inline bool mr_object_has_next(const struct mr_object *object)
{
	return object->queue.count > 0 || object->flags & MR_OBJECT_RELEASED;
}

// A hold does not stop an event half-way through its hops.
static inline bool mr_object_can_run(const struct mr_object *object)
{
	return mr_object_has_next(object) && (object->holds == 0 || object->ancestor_next > 0)
		&& !(object->flags & MR_OBJECT_SIEVED);
}

// The way of an event through the object: appended, walked (its position is queued), popped.
void mr_objects_append(struct mr_objects *objects, uint32_t index, uint32_t bytes);
void mr_objects_enqueue(struct mr_objects *objects, uint32_t index, uint64_t offset);
uint64_t mr_objects_front(const struct mr_objects *objects, uint32_t index);
void mr_objects_pop(struct mr_objects *objects, uint32_t index, uint32_t bytes);
// The first event is given up, and nobody knows how long it was.
void mr_objects_drop(struct mr_objects *objects, uint32_t index);
// The first event is held instead, for a rule with such a scope (NONE: it stays behind others of
// its app). False: no room for its position, ask again.
bool mr_objects_set_aside(struct mr_objects *objects, uint32_t index, uint8_t app, uint32_t kind);
// Whether an event of the app is held: later ones go behind it.
bool mr_objects_is_behind(const struct mr_objects *objects, uint32_t index, uint8_t app);
// The oldest event that is held; false: there is none, or it is in the sieve. And it is given up.
bool mr_objects_held_front(const struct mr_objects *objects, uint32_t index, uint64_t *ret_offset);
void mr_objects_drop_held(struct mr_objects *objects, uint32_t index, uint32_t bytes);
// All that is held is looked at again.
void mr_objects_release_held(struct mr_objects *objects, uint32_t index);
// An appended event that will never be queued.
void mr_objects_forget(struct mr_objects *objects, uint32_t index, uint32_t bytes);

// The sieve, for one object at a time: its next event, false when it is through; then what becomes
// of that event. Keep: false, no room for its position, ask again.
void mr_sieve_begin(struct mr_objects *objects, uint32_t index);
bool mr_sieve_front(struct mr_objects *objects, uint64_t *ret_offset);
bool mr_sieve_keep(struct mr_objects *objects, uint8_t app);
void mr_sieve_drop(struct mr_objects *objects, uint32_t bytes);

// Walks the events that wait, oldest first.
struct mr_object_iter {
	struct mr_fifo_iter lists[4];
	uint32_t count;
	uint32_t at;
};
struct mr_object_iter mr_object_begin(const struct mr_objects *objects, uint32_t index);
bool mr_object_next(
	struct mr_object_iter *iter, const struct mr_objects *objects, uint64_t *ret_offset);

// -- Between object.c and object_held.c
bool mr_objects_init_held(struct mr_objects *objects, struct mr_arena *arena);
void mr_objects_shift(struct mr_objects *objects, struct mr_object *object); // takes the first one
// One is gone for good, and it was so long.
void mr_objects_left(struct mr_objects *objects, struct mr_object *object, uint32_t bytes);
void mr_objects_rest(struct mr_objects *objects, struct mr_object *object); // if it has no next

// Every hold finds a state: one that did not could not be told from the hold of another lane when
// it is released.
void mr_objects_hold(struct mr_objects *objects, uint64_t id);
void mr_objects_release(struct mr_objects *objects, uint32_t index);
void mr_objects_penalise(struct mr_objects *objects, uint32_t index);
// Without events: gives the state back if no hold needs it. The object must not be runnable then.
bool mr_objects_reclaim(struct mr_objects *objects, uint32_t index);
