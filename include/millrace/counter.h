// A counter or gauge of the statistics segment: one writer, any number of readers.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t mr_counter;

// One writer: no read-modify-write is needed.
static inline void mr_count(mr_counter *counter, uint64_t add)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + add,
		memory_order_relaxed);
}

static inline void mr_gauge(mr_counter *gauge, uint64_t value)
{
	atomic_store_explicit(gauge, value, memory_order_relaxed);
}

static inline uint64_t mr_read(const mr_counter *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}
