#include "replay_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mr_assert.h"

enum { CAPACITY_MIN = 64 };

struct free_thing {
	uint64_t name; // 0
	uint32_t next;
};

int mr_grow(void **array, uint32_t *capacity, uint64_t count, uint32_t item_bytes)
{
	if (count <= *capacity)
		return 0;
	uint64_t larger = *capacity < CAPACITY_MIN ? CAPACITY_MIN : *capacity;
	while (larger < count)
		larger *= 2;
	if (larger >= UINT32_MAX)
		return -ENOMEM;
	void *moved = realloc(*array, larger * item_bytes);
	if (moved == NULL)
		return -ENOMEM;
	*array = moved;
	*capacity = (uint32_t)larger;
	return 0;
}

void mr_replay_pool_init(struct mr_replay_pool *pool, uint32_t item_bytes)
{
	mr_assert(item_bytes >= sizeof(struct free_thing) && item_bytes % 8 == 0);
	*pool = (struct mr_replay_pool){.item_bytes = item_bytes};
}

void mr_replay_pool_fini(struct mr_replay_pool *pool)
{
	free(pool->items);
	*pool = (struct mr_replay_pool){.item_bytes = pool->item_bytes};
}

bool mr_replay_pool_is_full(const struct mr_replay_pool *pool)
{
	return pool->free == 0 && pool->used == pool->capacity;
}

uint32_t mr_replay_pool_take(struct mr_replay_pool *pool)
{
	uint32_t number = pool->free - 1;
	if (pool->free != 0) {
		pool->free = ((const struct free_thing *)mr_replay_pool_at(pool, number))->next;
	} else {
		if (mr_grow((void **)&pool->items, &pool->capacity, (uint64_t)pool->used + 1,
			    pool->item_bytes)
			!= 0)
			return MR_REPLAY_NONE;
		number = pool->used++;
	}
	memset(mr_replay_pool_at(pool, number), 0, pool->item_bytes);
	return number;
}

void mr_replay_pool_give(struct mr_replay_pool *pool, uint32_t number)
{
	mr_assert(number < pool->used);
	struct free_thing *thing = mr_replay_pool_at(pool, number);
	*thing = (struct free_thing){.next = pool->free};
	pool->free = number + 1;
}

void mr_replay_index_fini(struct mr_replay_index *index)
{
	free(index->slots);
	*index = (struct mr_replay_index){0};
}

static void put(struct mr_replay_index *index, uint64_t slot)
{
	uint32_t at = (uint32_t)(slot >> 32) & index->mask;
	while (index->slots[at] != 0)
		at = (at + 1) & index->mask;
	index->slots[at] = slot;
}

static int make_room(struct mr_replay_index *index)
{
	const uint64_t size = index->slots == NULL ? 0 : (uint64_t)index->mask + 1;
	if (((uint64_t)index->count + 1) * 3 <= size * 2)
		return 0;
	const uint64_t larger = size == 0 ? CAPACITY_MIN : size * 2;
	if (larger > UINT32_MAX)
		return -ENOMEM;
	struct mr_replay_index moved = {.mask = (uint32_t)larger - 1, .count = index->count};
	moved.slots = calloc(larger, sizeof(moved.slots[0]));
	if (moved.slots == NULL)
		return -ENOMEM;
	for (uint64_t i = 0; i < size; i++)
		if (index->slots[i] != 0)
			put(&moved, index->slots[i]);
	free(index->slots);
	*index = moved;
	return 0;
}

int mr_replay_index_add(struct mr_replay_index *index, uint32_t hash, uint32_t number)
{
	mr_assert(number < MR_REPLAY_NONE);
	const int error = make_room(index);
	if (error != 0)
		return error;
	put(index, (uint64_t)hash << 32 | (number + 1));
	index->count++;
	return 0;
}

void mr_replay_index_remove(struct mr_replay_index *index, uint32_t hash, uint32_t number)
{
	const uint64_t wanted = (uint64_t)hash << 32 | (number + 1);
	mr_assert(index->count > 0);
	uint32_t hole = hash & index->mask;
	while (index->slots[hole] != wanted) {
		mr_assert(index->slots[hole] != 0);
		hole = (hole + 1) & index->mask;
	}
	// What stands behind moves up unless it would come before its own place.
	for (uint32_t at = hole;;) {
		at = (at + 1) & index->mask;
		if (index->slots[at] == 0)
			break;
		const uint32_t home = (uint32_t)(index->slots[at] >> 32) & index->mask;
		if (((at - home) & index->mask) < ((at - hole) & index->mask))
			continue;
		index->slots[hole] = index->slots[at];
		hole = at;
	}
	index->slots[hole] = 0;
	index->count--;
}
