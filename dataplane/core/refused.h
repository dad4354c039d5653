// Runs of refused sequences, kept until the producer says that it knows. One pool per shard, one
// list per flow.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/scope.h>

#include "arena.h"

struct mr_refusal { // why, and what to do about it
	uint64_t scope_id;
	uint32_t retry_after_ms;
	uint8_t reason; // enum mr_reason
	uint8_t scope_kind; // enum mr_scope_kind
	uint16_t reserved;
};

struct mr_refused_run {
	uint64_t first;
	struct mr_refusal refusal;
	uint32_t count;
	uint32_t next; // run, 0: none
};

struct mr_refused_pool {
	struct mr_refused_run *runs; // index 0 is "none"
	uint32_t capacity;
	uint32_t used;
	uint32_t free;
	uint32_t fresh;
};

struct mr_refused_list {
	uint32_t head;
	uint32_t tail;
};

bool mr_refused_pool_init(struct mr_refused_pool *pool, struct mr_arena *arena, uint32_t runs_max);
// Appends [first, first + count), longer than everything listed; equal neighbours become one run.
// False: pool is used up.
bool mr_refused_add(struct mr_refused_list *list, struct mr_refused_pool *pool, uint64_t first,
	uint32_t count, const struct mr_refusal *refusal);
// Forgets everything below `known`; UINT64_MAX empties the list.
void mr_refused_forget(struct mr_refused_list *list, struct mr_refused_pool *pool, uint64_t known);
