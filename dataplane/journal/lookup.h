// What a replay looks things up in: a pool of things on the heap that grows, and a hash index of
// their numbers (open addressing, linear probing, backward-shift deletion). For the start only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Things of one size. The first eight bytes of a thing are its name, 0 only while it is free.
struct mr_pool {
	uint8_t *items;
	uint32_t item_bytes;
	uint32_t used; // numbers ever given out
	uint32_t capacity;
	uint32_t free; // number + 1; 0: none
};

struct mr_lookup {
	uint64_t *slots; // hash in the top half, number + 1 below; 0: empty
	uint32_t mask;
	uint32_t count;
};

enum { MR_LOOKUP_NONE = UINT32_MAX };

void mr_pool_init(struct mr_pool *pool, uint32_t item_bytes);
void mr_pool_fini(struct mr_pool *pool);
// Number of a zeroed thing; MR_LOOKUP_NONE: no memory. Pointers to others are void then.
uint32_t mr_pool_take(struct mr_pool *pool);
void mr_pool_give(struct mr_pool *pool, uint32_t number);
// Whether the next mr_pool_take will make the pool larger.
bool mr_pool_is_full(const struct mr_pool *pool);

static inline void *mr_pool_at(const struct mr_pool *pool, uint32_t number)
{
	return pool->items + (uint64_t)number * pool->item_bytes;
}

void mr_lookup_fini(struct mr_lookup *lookup);
// 0 or -ENOMEM. Equal hashes may stand for different things, and a thing may be there twice.
int mr_lookup_add(struct mr_lookup *lookup, uint32_t hash, uint32_t number);
void mr_lookup_remove(struct mr_lookup *lookup, uint32_t hash, uint32_t number);

// The first thing of this hash for which `is` answers yes.
static inline uint32_t mr_lookup_find(const struct mr_lookup *lookup, uint32_t hash,
	bool (*is)(const void *thing, const void *key), const struct mr_pool *pool, const void *key)
{
	if (lookup->count == 0)
		return MR_LOOKUP_NONE;
	for (uint32_t at = hash & lookup->mask; lookup->slots[at] != 0;
		at = (at + 1) & lookup->mask) {
		const uint32_t number = (uint32_t)lookup->slots[at] - 1;
		if (lookup->slots[at] >> 32 == hash && is(mr_pool_at(pool, number), key))
			return number;
	}
	return MR_LOOKUP_NONE;
}

// Room for `count` things of an array that grows by doubling. 0 or -ENOMEM.
int mr_grow(void **array, uint32_t *capacity, uint64_t count, uint32_t item_bytes);
