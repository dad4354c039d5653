// A map from u64 keys (not 0) to u64 values that grows: for the receiver, which does not know how
// much it will be sent. Not for the data plane.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mr_map_slot {
	uint64_t key; // 0: empty
	uint64_t value;
};

struct mr_map {
	struct mr_map_slot *slots;
	uint64_t mask; // slots - 1
	uint64_t count;
};

void mr_map_fini(struct mr_map *map); // accepts a zeroed one
// The value of the key, put there as 0 when it is new; *ret_new (may be NULL) says which. Valid
// until the next call. NULL: no memory.
uint64_t *mr_map_at(struct mr_map *map, uint64_t key, bool *ret_new);
