// Reading along in a ring that one stage writes: rows have numbers from 1, a row stands at number %
// rows, and its number is 0 while it is written. A row counts when its number is the same before
// and after it was copied.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/stats.h>

struct mr_ring_reader {
	uint64_t number; // the row that is looked at
	uint64_t end; // of the numbers that there were at the beginning
	uint64_t lost; // overwritten before anybody looked
};

// For the rows after `after`. A number ahead of the ring is that of another boot: from the start.
static inline struct mr_ring_reader mr_ring_reader_make(
	const mr_counter *next, uint64_t after, uint64_t rows)
{
	const uint64_t end = atomic_load_explicit(next, memory_order_acquire);
	const uint64_t first = end > rows ? end - rows : 1;
	struct mr_ring_reader reader = {.number = after < end ? after + 1 : 1, .end = end};

	if (reader.number < first) {
		reader.lost = first - reader.number;
		reader.number = first;
	}
	return reader;
}

static inline bool mr_ring_reader_before(const struct mr_ring_reader *reader, const mr_counter *row)
{
	return atomic_load_explicit(row, memory_order_acquire) == reader->number;
}

// Every word of the row was loaded with acquire, or this would not come last.
static inline bool mr_ring_reader_after(const struct mr_ring_reader *reader, const mr_counter *row)
{
	atomic_thread_fence(memory_order_acquire);
	return mr_read(row) == reader->number;
}
