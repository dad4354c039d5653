// Faults planted in test builds (-Dbench_break=...): the proofs must notice them. Everything here
// is empty in a product build.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fifo.h"

// The lock-based distributor of June 2020: whoever gets hold of an object keeps everybody waiting
// until its queue is empty.
static inline bool mr_plant_drains(void)
{
#ifdef MR_BENCH_BREAK_SHARED_LOCK
	return true;
#else
	return false;
#endif
}

// Events are acked when their commit is on its way to the disk, not when it is there.
static inline bool mr_plant_acks_early(void)
{
#ifdef MR_BENCH_BREAK_ACK_EARLY
	return true;
#else
	return false;
#endif
}

// One accepted event in 100,000 is never distributed, and nobody says so.
static inline bool mr_plant_drops(uint64_t walked_events)
{
#ifdef MR_BENCH_BREAK_DROP
	return walked_events % 100000 == 99999;
#else
	(void)walked_events;
	return false;
#endif
}

// Now and then the two newest entries of a queue change places.
static inline void mr_plant_swap(
	uint64_t walked_events, const struct mr_fifo *fifo, struct mr_chunk_pool *pool)
{
#ifdef MR_BENCH_BREAK_SWAP
	if (walked_events % 1000 >= 8 || fifo->count < 3 || fifo->tail_at < 2)
		return;
	uint64_t *newest = &pool->chunks[fifo->tail].entries[fifo->tail_at - 1];
	const uint64_t offset = newest[0];
	newest[0] = newest[-1];
	newest[-1] = offset;
#else
	(void)walked_events;
	(void)fifo;
	(void)pool;
#endif
}
