// Single-producer single-consumer rings of 16-byte descriptors or of pointers: rte_ring in memory
// of ours, so that no EAL is needed. A full ring is backpressure: the producer keeps what did not
// fit.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

// 16 bytes that cross from one core to another; users overlay their own struct of the same size.
struct mr_desc {
	uint64_t word[2];
};

struct mr_ring; // opaque: a struct rte_ring

// `capacity` is rounded up so that at least that many fit. NULL when the arena is exhausted or
// plans.
struct mr_ring *mr_ring_new(struct mr_arena *arena, const char *name, uint32_t capacity);

// Producer side. How many of `count` were taken, in order; 0 when full.
uint32_t mr_ring_push_burst(struct mr_ring *ring, const struct mr_desc *descs, uint32_t count);
bool mr_ring_push(struct mr_ring *ring, struct mr_desc desc);
uint32_t mr_ring_free(const struct mr_ring *ring); // producer: at least so many fit

// Consumer side.
uint32_t mr_ring_pop_burst(struct mr_ring *ring, struct mr_desc *ret_descs, uint32_t max);
uint32_t mr_ring_used(const struct mr_ring *ring); // consumer: at least so many wait
