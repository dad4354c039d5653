// What a replay looks things up in: a pool of things on the heap that grows, and a hash index of
// their numbers (open addressing, linear probing, backward-shift deletion). For the start only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Things of one size. The first eight bytes of a thing are its name, 0 only while it is free.
struct mr_replay_pool {
	uint8_t *items;
	uint32_t item_bytes;
	uint32_t used; // numbers ever given out
	uint32_t capacity;
	uint32_t free; // number + 1; 0: none
};

struct mr_replay_index {
	uint64_t *slots; // hash in the top half, number + 1 below; 0: empty
	uint32_t mask;
	uint32_t count;
};

#define MR_REPLAY_NONE UINT32_MAX // no number

void mr_replay_pool_init(struct mr_replay_pool *pool, uint32_t item_bytes);
void mr_replay_pool_fini(struct mr_replay_pool *pool);
// Number of a zeroed thing; MR_REPLAY_NONE: no memory. Pointers to others are void then.
uint32_t mr_replay_pool_take(struct mr_replay_pool *pool);
void mr_replay_pool_give(struct mr_replay_pool *pool, uint32_t number);
// Whether the next mr_replay_pool_take will make the pool larger.
bool mr_replay_pool_is_full(const struct mr_replay_pool *pool);

static inline void *mr_replay_pool_at(const struct mr_replay_pool *pool, uint32_t number)
{
	return pool->items + (uint64_t)number * pool->item_bytes;
}

void mr_replay_index_fini(struct mr_replay_index *index);
// 0 or -ENOMEM. Equal hashes may stand for different things, and a thing may be there twice.
int mr_replay_index_add(struct mr_replay_index *index, uint32_t hash, uint32_t number);
void mr_replay_index_remove(struct mr_replay_index *index, uint32_t hash, uint32_t number);

// The first thing of this hash for which `is` answers yes.
static inline uint32_t mr_replay_index_find(const struct mr_replay_index *index, uint32_t hash,
	bool (*is)(const void *thing, const void *key), const struct mr_replay_pool *pool,
	const void *key)
{
	if (index->count == 0)
		return MR_REPLAY_NONE;
	for (uint32_t at = hash & index->mask; index->slots[at] != 0; at = (at + 1) & index->mask) {
		const uint32_t number = (uint32_t)index->slots[at] - 1;
		if (index->slots[at] >> 32 == hash && is(mr_replay_pool_at(pool, number), key))
			return number;
	}
	return MR_REPLAY_NONE;
}

// Room for `count` things of an array that grows by doubling. 0 or -ENOMEM.
int mr_grow(void **array, uint32_t *capacity, uint64_t count, uint32_t item_bytes);
