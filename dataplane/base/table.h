// A map from u64 keys to u32 values with open addressing (linear probing, backward-shift deletion)
// in arena memory: bounded, private to one owner, no tombstones. Keys are spread by XXH3 with the
// table's seed, so that ids chosen to collide do not. Key 0 is not allowed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

struct mr_table_slot {
	uint64_t key; // 0: empty
	uint32_t value;
	uint32_t reserved;
};

struct mr_table {
	struct mr_table_slot *slots;
	uint64_t seed;
	uint32_t mask;
	uint32_t count;
	uint32_t capacity; // at most 3/4 of the slots
};

bool mr_table_init(struct mr_table *table, struct mr_arena *arena, const char *name,
	uint32_t capacity, uint64_t seed);
bool mr_table_find(const struct mr_table *table, uint64_t key, uint32_t *ret_value);
// 0, -EEXIST (value untouched), or -ENOSPC.
int mr_table_add(struct mr_table *table, uint64_t key, uint32_t value);
bool mr_table_remove(struct mr_table *table, uint64_t key);
void mr_table_prefetch(const struct mr_table *table, uint64_t key);
