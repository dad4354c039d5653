#include "fifo.h"

#include <stddef.h>

#include "mr_assert.h"

bool mr_chunk_pool_init(
	struct mr_chunk_pool *pool, struct mr_arena *arena, const char *name, uint32_t entries)
{
	uint32_t capacity = entries / MR_CHUNK_ENTRIES + 2; // a last chunk in part, and index 0
	*pool = (struct mr_chunk_pool){.capacity = capacity, .fresh = 1};
	pool->chunks = mr_arena_array(arena, name, struct mr_chunk, capacity);
	return pool->chunks != NULL;
}

// 0 when the pool is exhausted.
static uint32_t chunk_take(struct mr_chunk_pool *pool)
{
	uint32_t index = pool->free;
	if (index != 0)
		pool->free = pool->chunks[index].next;
	else if (pool->fresh < pool->capacity)
		index = pool->fresh++;
	else
		return 0;
	pool->chunks[index].next = 0;
	pool->used++;
	return index;
}

static void chunk_give(struct mr_chunk_pool *pool, uint32_t index)
{
	mr_assert(index != 0 && pool->used > 0);
	pool->chunks[index].next = pool->free;
	pool->free = index;
	pool->used--;
}

bool mr_fifo_push(struct mr_fifo *fifo, struct mr_chunk_pool *pool, uint64_t entry)
{
	if (fifo->tail == 0 || fifo->tail_at == MR_CHUNK_ENTRIES) {
		uint32_t index = chunk_take(pool);
		if (index == 0)
			return false;
		if (fifo->tail == 0)
			fifo->head = index;
		else
			pool->chunks[fifo->tail].next = index;
		fifo->tail = index;
		fifo->tail_at = 0;
	}
	pool->chunks[fifo->tail].entries[fifo->tail_at++] = entry;
	fifo->count++;
	return true;
}

uint64_t mr_fifo_front(const struct mr_fifo *fifo, const struct mr_chunk_pool *pool)
{
	mr_assert(fifo->count > 0);
	return pool->chunks[fifo->head].entries[fifo->head_at];
}

uint64_t mr_fifo_pop(struct mr_fifo *fifo, struct mr_chunk_pool *pool)
{
	mr_assert(fifo->count > 0);
	uint32_t head = fifo->head;
	uint64_t entry = pool->chunks[head].entries[fifo->head_at++];
	fifo->count--;
	if (fifo->count == 0) {
		mr_assert(head == fifo->tail);
		chunk_give(pool, head);
		*fifo = (struct mr_fifo){0};
	} else if (fifo->head_at == MR_CHUNK_ENTRIES) {
		fifo->head = pool->chunks[head].next;
		fifo->head_at = 0;
		chunk_give(pool, head);
	}
	return entry;
}

void mr_fifo_clear(struct mr_fifo *fifo, struct mr_chunk_pool *pool)
{
	for (uint32_t index = fifo->head; index != 0;) {
		uint32_t next = pool->chunks[index].next;
		chunk_give(pool, index);
		index = next;
	}
	*fifo = (struct mr_fifo){0};
}

struct mr_fifo_iter mr_fifo_begin(const struct mr_fifo *fifo)
{
	return (struct mr_fifo_iter){.chunk = fifo->head, .left = fifo->count, .at = fifo->head_at};
}

void mr_fifo_rest(struct mr_fifo_iter *iter, const struct mr_chunk_pool *pool)
{
	if (iter->left == 0 || iter->at < MR_CHUNK_ENTRIES)
		return;
	iter->chunk = pool->chunks[iter->chunk].next;
	iter->at = 0;
}

uint64_t *mr_fifo_next_place(struct mr_fifo_iter *iter, const struct mr_chunk_pool *pool)
{
	if (iter->left == 0)
		return NULL;
	mr_fifo_rest(iter, pool);
	iter->left--;
	return &pool->chunks[iter->chunk].entries[iter->at++];
}

bool mr_fifo_next(struct mr_fifo_iter *iter, const struct mr_chunk_pool *pool, uint64_t *ret_entry)
{
	const uint64_t *place = mr_fifo_next_place(iter, pool);
	if (place == NULL)
		return false;
	*ret_entry = *place;
	return true;
}
