// Whose turn it is: deficit round robin over workspaces, then over their objects, in work units. A
// turn may overdraw by its last event; the debt is carried, so over time every backlogged workspace
// gets the same, and every backlogged object of a workspace too.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "object.h"
#include "table.h"

enum { MR_SCHEDULER_WORKSPACES_MAX = 65536 }; // further ones share a row

struct mr_workspace {
	uint64_t id;
	uint32_t head; // run list of its objects
	uint32_t tail;
	uint32_t next; // run list of workspaces, or free list
	uint32_t objects; // that name it
	int32_t deficit;
	bool is_runnable;
	bool in_turn;
};

struct mr_scheduler {
	struct mr_objects *objects;
	struct mr_workspace *workspaces; // 0: "none", 1: shared by those without a row
	struct mr_table by_id;
	uint32_t capacity;
	uint32_t free;
	uint32_t fresh;
	uint32_t head; // run list
	uint32_t tail;
	uint32_t runnable; // objects
	uint32_t quantum_units;
	uint32_t penalty_after;
};

bool mr_scheduler_init(struct mr_scheduler *scheduler, struct mr_arena *arena,
	struct mr_objects *objects, uint32_t quantum_units, uint32_t penalty_after, uint64_t seed);

// The object belongs to the workspace from now on. It must not be runnable.
void mr_scheduler_bind(struct mr_scheduler *scheduler, uint32_t object, uint64_t workspace);
// After anything changed: makes the object runnable if it has queued events and no hold, gives its
// state back if it has neither events nor holds. An object that cannot run any more leaves the
// lists when its turn comes.
void mr_scheduler_settle(struct mr_scheduler *scheduler, uint32_t object);
// The object whose turn it is, with something left of its turn; 0: nobody has anything to do.
uint32_t mr_scheduler_pick(struct mr_scheduler *scheduler);
// The picked object has distributed an event (popped by now) for so many units. Its state may be
// gone afterwards.
void mr_scheduler_charge(struct mr_scheduler *scheduler, uint32_t object, uint32_t units);
// The picked object cannot go on: its turn ends, the next one begins at the end of the list.
void mr_scheduler_yield(struct mr_scheduler *scheduler, uint32_t object);
// Any object has used so much out of turn.
void mr_scheduler_debit(struct mr_scheduler *scheduler, uint32_t object, uint32_t units);
