// Latency from the intended send time to the receiver's answer, by how near an event's object is to
// the hot one. Pure.
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "histogram.h"
#include "workload.h"

// X(symbol, JSON key, text). An event counts in every class that fits it.
#define MR_LATENCY_CLASSES(X)                                                           \
	X(ALL, "all", "all events")                                                     \
	X(HOT, "hot", "events of the hot object")                                       \
	X(COLD, "cold", "events of all other objects")                                  \
	X(SAME_SLOT, "cold_same_slot", "cold, in the hot object's slot")                \
	X(SAME_SHARD, "cold_same_shard", "cold, on the hot object's shard")             \
	X(SAME_WORKSPACE, "cold_same_workspace", "cold, in the hot object's workspace") \
	X(OTHER_SHARDS, "cold_other_shards", "cold, on other shards")

enum mr_latency_class {
#define X(symbol, key, text) MR_LATENCY_##symbol,
	MR_LATENCY_CLASSES(X)
#undef X
		MR_LATENCY_CLASS_COUNT
};

struct mr_latency {
	const struct mr_workload_options *workload; // NULL: only class ALL
	uint64_t hash_seed;
	uint32_t flows;
	uint32_t shards;
	uint32_t hot_slot;
	struct mr_stats_histogram classes[MR_LATENCY_CLASS_COUNT];
};

// Says what is hot. Without a hot object, all events count as ALL alone.
void mr_latency_layout(struct mr_latency *latency, const struct mr_workload_options *workload,
	uint64_t hash_seed, uint32_t flows, uint32_t shards);
void mr_latency_record(struct mr_latency *latency, uint64_t object, uint64_t latency_ns);
const char *mr_latency_class_key(unsigned latency_class);
const char *mr_latency_class_text(unsigned latency_class);
