// The penalised objects of all lanes of one delivery stage: how many of their entries are
// undelivered, what must go before them, and whether their origin's shard has been told to hold
// them. Bounded by MR_LANE_PENALISED_MAX; an object that finds no room stays ordinary.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/limits.h>

#include "arena.h"
#include "message.h"
#include "table.h"

struct mr_penalised {
	uint64_t object;
	uint64_t barrier; // entries of its sub-lane's normal side that go first: up to this number
	uint32_t lane; // slot in the stage
	uint32_t number; // of the lane in the router: what the shard knows it by
	uint32_t undelivered; // entries on the penalty side
	uint32_t next, prev; // of the same lane, while undelivered > 0; 0: none
	uint32_t next_unsaid; // to the same shard; free list
	uint16_t shard; // of the object
	bool wants_hold;
	bool holds; // what the shard was told last
	bool unsaid; // listed: the two differ, or did
};

struct mr_penalised_set {
	struct mr_penalised *slots; // index 0 is none
	struct mr_table table; // (lane, object) -> slot
	uint64_t seed;
	uint32_t fresh; // slots never used yet
	uint32_t free;
	struct {
		uint32_t head, tail;
	} unsaid[MR_SHARDS_MAX];
};

bool mr_penalised_init(struct mr_penalised_set *set, struct mr_arena *arena, uint64_t seed);
// Slot of the object in the lane, 0: none. Its entries may all be delivered while a RELEASE is on
// its way.
uint32_t mr_penalised_find(const struct mr_penalised_set *set, uint32_t lane, uint64_t object);
// One more undelivered entry. `*head` is the lane's list; `slot` what find said, `barrier` used by
// the first entry. Returns the slot; 0: no room.
uint32_t mr_penalised_enter(struct mr_penalised_set *set, uint32_t *head, uint32_t slot,
	const struct mr_penalised *fresh);
// One entry is delivered or dropped. The slot may be free afterwards.
void mr_penalised_leave(struct mr_penalised_set *set, uint32_t *head, uint32_t slot);
// What the shard should know from now on.
void mr_penalised_want(struct mr_penalised_set *set, uint32_t slot, bool hold);
// What the shard must be told next; false: nothing. After it has been sent, call mr_penalised_said.
bool mr_penalised_word(struct mr_penalised_set *set, uint32_t shard, struct mr_hold_msg *ret_msg);
void mr_penalised_said(struct mr_penalised_set *set, uint32_t shard);
