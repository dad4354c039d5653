// A stage: a state and a step function. The runner of an lcore calls the steps of its stages in
// turn; a simulator calls them in one thread under a virtual clock. A step never blocks, reads no
// clock and does at most about `budget` work.
#pragma once

#include <stdint.h>

#include <millrace/stats.h>

enum mr_poll { MR_POLL_IDLE = 0, MR_POLL_BUSY = 1 };

struct mr_now {
	uint64_t mono_ns; // for every decision
	int64_t wall_ns; // for what is written down: retention, created_at of nothing
};

// Deterministic work units: 1 + hops + matches + bytes / 256; the runner calibrates them to
// nanoseconds.
struct mr_budget {
	uint32_t units;
};

struct mr_stage {
	const char *name; // "shard0"
	enum mr_stage_kind kind;
	uint32_t index;
	void *state;
	enum mr_poll (*step)(void *state, struct mr_now now, struct mr_budget budget);
	// Earliest time at which step has something to do without any input; UINT64_MAX never.
	// NULL: never.
	uint64_t (*next_due)(void *state);
	struct mr_stats_stage *stats;
};
