// Placement and identity hashes: XXH3-64 inlined.
#pragma once

#include <stddef.h>
#include <stdint.h>

uint64_t mr_hash_u64(uint64_t value, uint64_t seed);
uint64_t mr_hash_bytes(const void *bytes, size_t length, uint64_t seed);

// The slot of an object (0..4095), its flow and its shard.
static inline uint32_t mr_slot_of_hash(uint64_t hash)
{
	return (uint32_t)(hash >> 52);
}

static inline uint32_t mr_slot_of(uint64_t object, uint64_t seed)
{
	return mr_slot_of_hash(mr_hash_u64(object, seed));
}

static inline uint32_t mr_flow_of_slot(uint32_t slot, uint32_t flows)
{
	return slot & (flows - 1);
}

static inline uint32_t mr_shard_of_flow(uint32_t flow, uint32_t shards)
{
	return flow % shards;
}
