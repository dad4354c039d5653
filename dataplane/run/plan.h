// How much memory a configuration needs, before any of it is taken.
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "arena.h"
#include "config.h"
#include "journal_plan.h"
#include "topology.h"

struct mr_plan {
	struct mr_arena arena; // its parts
	struct mr_journal_plan journal; // zero: durability: memory
	uint64_t map_bytes; // which segment has what
	uint64_t segment_bytes; // of statistics
	uint64_t eal_bytes;
	uint64_t total_bytes;
	uint64_t available_bytes; // MemAvailable of the host
};

// 0, or negative errno with a sentence.
int mr_plan_make(const struct mr_config *config, const struct mr_topology *topology,
	struct mr_plan *ret_plan, char *ret_why, size_t why_size);
void mr_plan_print(const struct mr_config *config, const struct mr_plan *plan, FILE *out);
// 0, or -ENOMEM with a sentence when the plan exceeds half of what is available.
int mr_plan_check(const struct mr_plan *plan, char *ret_why, size_t why_size);
