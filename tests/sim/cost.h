// A cost model: what a step has done, in the router's own work units, and how long a core needs for
// that. Each stage has a core of its own. With it capacity is finite and latency means something,
// and still every run is exact.
#pragma once

#include <stdint.h>

#include "router.h"

// Work units are counted from outside, by the rules of the stages themselves: for a shard 1 per
// descriptor taken, event accepted, event distributed, hop and match, and 1/16 per event refused
// there (one refused at the door has no more than its packet's descriptor); for a source 1 per
// frame and 1/16 per event; for a delivery stage 8 per request, 1 per entry taken and 1 per
// delivery; for the journal 1 per commit and per 4 KiB.
struct sim_cost {
	uint64_t unit_ns;
	uint64_t counted_x16[MR_STAGES_MAX]; // units so far
	uint64_t spent_x16[MR_STAGE_KIND_COUNT];
	uint64_t free_at_ns[MR_STAGES_MAX]; // the stage's core is busy until then
	uint64_t descriptors[MR_STAGES_MAX]; // taken by shards
	uint64_t refused[MR_STAGES_MAX]; // of shards: events seen so far,
	uint64_t refused_there[MR_STAGES_MAX]; // of which were not refused at the door
	uint64_t at_the_door; // of them all
};

void sim_cost_init(struct sim_cost *cost, uint64_t unit_ns);
// Around a step.
void sim_cost_before(struct sim_cost *cost, const struct sim_router *router, uint32_t stage);
void sim_cost_after(
	struct sim_cost *cost, const struct sim_router *router, uint32_t stage, uint64_t now_ns);
