// Queues of u64 in pooled chunks: a backlog costs 8 bytes per entry and an empty queue nothing. A
// chunk is one cache line: seven entries and the next chunk. One owner for the pool and all its
// queues.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

enum { MR_CHUNK_ENTRIES = 7 };

struct mr_chunk {
	uint64_t entries[MR_CHUNK_ENTRIES];
	uint32_t next;
	uint32_t reserved;
};

struct mr_chunk_pool {
	struct mr_chunk *chunks; // index 0 is never handed out: 0 is "none"
	uint32_t capacity; // chunks, the one of index 0 included
	uint32_t used;
	uint32_t free; // head of the free list, 0: none
	uint32_t fresh; // first chunk that was never used
};

// Room for at least `entries` entries when queues are long; every non-empty queue holds at least
// one chunk.
bool mr_chunk_pool_init(
	struct mr_chunk_pool *pool, struct mr_arena *arena, const char *name, uint32_t entries);

struct mr_fifo {
	uint32_t head; // chunk, 0: empty
	uint32_t tail;
	uint32_t count; // entries
	uint8_t head_at; // index of the first entry in the head chunk
	uint8_t tail_at; // entries in the tail chunk
	uint16_t reserved;
};

bool mr_fifo_push(
	struct mr_fifo *fifo, struct mr_chunk_pool *pool, uint64_t entry); // false: pool exhausted
uint64_t mr_fifo_front(const struct mr_fifo *fifo, const struct mr_chunk_pool *pool); // count > 0
uint64_t mr_fifo_pop(struct mr_fifo *fifo, struct mr_chunk_pool *pool); // count > 0
void mr_fifo_clear(struct mr_fifo *fifo, struct mr_chunk_pool *pool);

// Walks entries without taking them: for (it = begin; mr_fifo_next(..., &entry);)
struct mr_fifo_iter {
	uint32_t chunk;
	uint32_t left;
	uint8_t at;
};
struct mr_fifo_iter mr_fifo_begin(const struct mr_fifo *fifo);
bool mr_fifo_next(struct mr_fifo_iter *iter, const struct mr_chunk_pool *pool, uint64_t *ret_entry);
// The same, as a place that may be written to; NULL at the end.
uint64_t *mr_fifo_next_place(struct mr_fifo_iter *iter, const struct mr_chunk_pool *pool);
// What has been passed may be taken from now on: the iterator stays valid.
void mr_fifo_rest(struct mr_fifo_iter *iter, const struct mr_chunk_pool *pool);
