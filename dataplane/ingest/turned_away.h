// Objects that a shard names as over their bound: their events are refused here, so that they cost
// neither a hop nor a full check. Bounded by the shard's own numbering; entries end by themselves.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/limits.h>

#include "arena.h"
#include "table.h"

struct mr_turned_away_entry {
	uint64_t object; // 0: free
	uint64_t until_ns; // monotonic
	uint32_t flow; // the object's own
	uint32_t reserved;
};

struct mr_turned_away { // of one shard
	struct mr_table slots; // object to slot
	struct mr_turned_away_entry *entries; // [MR_SHED_SET_MAX], by slot
	uint32_t sweep; // next slot to look at for its end
};

bool mr_turned_away_init(struct mr_turned_away *shed, struct mr_arena *arena, uint64_t seed);
// Names `object` in `slot` until `until_ns`; a slot or an object named before is renamed.
void mr_turned_away_set(struct mr_turned_away *shed, uint8_t slot, uint64_t object, uint32_t flow,
	uint64_t until_ns);
void mr_turned_away_lift(struct mr_turned_away *shed, uint8_t slot);
// Lifts a few of those that have ended: once per step.
void mr_turned_away_sweep(struct mr_turned_away *shed, uint64_t now_ns);

static inline bool mr_turned_away_any(const struct mr_turned_away *shed)
{
	return shed->slots.count > 0;
}

// Whether events of the object in this flow are refused now; *ret_slot is the shard's number for
// it.
static inline bool mr_turned_away_find(const struct mr_turned_away *shed, uint64_t object,
	uint32_t flow, uint64_t now_ns, uint8_t *ret_slot)
{
	uint32_t slot;

	if (object == 0 || !mr_table_find(&shed->slots, object, &slot))
		return false;
	*ret_slot = (uint8_t)slot;
	return shed->entries[slot].flow == flow && now_ns < shed->entries[slot].until_ns;
}
