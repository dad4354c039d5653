#include "lane_penalised.h"

#include <stddef.h>

#include "hash.h"
#include "mr_assert.h"

bool mr_penalised_init(struct mr_penalised_set *set, struct mr_arena *arena, uint64_t seed)
{
	*set = (struct mr_penalised_set){.seed = seed, .fresh = 1};
	set->slots = mr_arena_array(
		arena, "penalised objects", struct mr_penalised, MR_LANE_PENALISED_MAX + 1);
	bool ok =
		mr_table_init(&set->table, arena, "penalised objects", MR_LANE_PENALISED_MAX, seed);
	return ok && set->slots != NULL;
}

static uint64_t key_of(const struct mr_penalised_set *set, uint32_t lane, uint64_t object)
{
	uint64_t key = mr_hash_u64(object, mr_hash_u64(lane, set->seed));
	return key != 0 ? key : 1;
}

uint32_t mr_penalised_find(const struct mr_penalised_set *set, uint32_t lane, uint64_t object)
{
	uint32_t slot = 0;
	if (!mr_table_find(&set->table, key_of(set, lane, object), &slot))
		return 0;
	const struct mr_penalised *penalised = &set->slots[slot];
	return penalised->lane == lane && penalised->object == object ? slot : 0;
}

static uint32_t slot_take(struct mr_penalised_set *set)
{
	uint32_t slot = set->free;
	if (slot != 0)
		set->free = set->slots[slot].next_unsaid;
	else if (set->fresh <= MR_LANE_PENALISED_MAX)
		slot = set->fresh++;
	return slot;
}

static void slot_give(struct mr_penalised_set *set, uint32_t slot)
{
	struct mr_penalised *penalised = &set->slots[slot];
	mr_assert(penalised->undelivered == 0 && !penalised->holds && !penalised->unsaid);
	bool removed =
		mr_table_remove(&set->table, key_of(set, penalised->lane, penalised->object));
	mr_assert(removed);
	*penalised = (struct mr_penalised){.next_unsaid = set->free};
	set->free = slot;
}

uint32_t mr_penalised_enter(struct mr_penalised_set *set, uint32_t *head, uint32_t slot,
	const struct mr_penalised *fresh)
{
	if (slot == 0) {
		slot = slot_take(set);
		if (slot == 0)
			return 0;
		set->slots[slot] = *fresh;
		if (mr_table_add(&set->table, key_of(set, fresh->lane, fresh->object), slot) != 0) {
			set->slots[slot] = (struct mr_penalised){.next_unsaid = set->free};
			set->free = slot;
			return 0; // full, or another object has the same 64-bit key
		}
	}
	struct mr_penalised *penalised = &set->slots[slot];
	mr_assert(penalised->lane == fresh->lane && penalised->object == fresh->object);
	if (penalised->undelivered++ == 0) {
		penalised->barrier = fresh->barrier;
		penalised->prev = 0;
		penalised->next = *head;
		if (*head != 0)
			set->slots[*head].prev = slot;
		*head = slot;
	}
	return slot;
}

void mr_penalised_leave(struct mr_penalised_set *set, uint32_t *head, uint32_t slot)
{
	struct mr_penalised *penalised = &set->slots[slot];
	mr_assert(slot != 0 && penalised->undelivered > 0);
	if (--penalised->undelivered > 0)
		return;
	if (penalised->prev != 0)
		set->slots[penalised->prev].next = penalised->next;
	else
		*head = penalised->next;
	if (penalised->next != 0)
		set->slots[penalised->next].prev = penalised->prev;
	mr_penalised_want(set, slot, false);
	if (!penalised->unsaid)
		slot_give(set, slot);
}

void mr_penalised_want(struct mr_penalised_set *set, uint32_t slot, bool hold)
{
	struct mr_penalised *penalised = &set->slots[slot];
	mr_assert(slot != 0 && penalised->object != 0);
	penalised->wants_hold = hold;
	if (penalised->unsaid || penalised->wants_hold == penalised->holds)
		return;
	uint32_t shard = penalised->shard;
	mr_assert(shard < MR_SHARDS_MAX);
	penalised->unsaid = true;
	penalised->next_unsaid = 0;
	if (set->unsaid[shard].head == 0)
		set->unsaid[shard].head = slot;
	else
		set->slots[set->unsaid[shard].tail].next_unsaid = slot;
	set->unsaid[shard].tail = slot;
}

// Takes the first of the shard's list; a slot that nobody needs any more becomes free.
static void unlist(struct mr_penalised_set *set, uint32_t shard)
{
	uint32_t slot = set->unsaid[shard].head;
	mr_assert(slot != 0);
	struct mr_penalised *penalised = &set->slots[slot];
	mr_assert(penalised->wants_hold == penalised->holds);
	set->unsaid[shard].head = penalised->next_unsaid;
	penalised->unsaid = false;
	if (penalised->undelivered == 0)
		slot_give(set, slot);
}

bool mr_penalised_word(struct mr_penalised_set *set, uint32_t shard, struct mr_hold_msg *ret_msg)
{
	mr_assert(shard < MR_SHARDS_MAX);
	for (;;) {
		uint32_t slot = set->unsaid[shard].head;
		if (slot == 0)
			return false;
		const struct mr_penalised *penalised = &set->slots[slot];
		if (penalised->wants_hold != penalised->holds) {
			*ret_msg = (struct mr_hold_msg){.object = penalised->object,
				.lane = penalised->number,
				.kind = penalised->wants_hold ? MR_HOLD : MR_RELEASE};
			return true;
		}
		unlist(set, shard); // changed its mind before it was said
	}
}

void mr_penalised_said(struct mr_penalised_set *set, uint32_t shard)
{
	mr_assert(shard < MR_SHARDS_MAX && set->unsaid[shard].head != 0);
	struct mr_penalised *penalised = &set->slots[set->unsaid[shard].head];
	penalised->holds = penalised->wants_hold;
	unlist(set, shard);
}
