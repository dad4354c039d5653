// The statistics segment (layout: <millrace/stats.h>): a memfd that this process alone can write,
// handed to readers over the control socket.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <millrace/stats.h>

struct mr_segment_layout {
	uint64_t boot_id;
	uint32_t flows;
	uint32_t shards;
	uint32_t deliveries;
	uint32_t stages_count;
	uint32_t webhooks_max;
	bool is_volatile;
};

struct mr_segment {
	int fd; // sealed: readers can map it read-only, nobody can grow or shrink it
	struct mr_stats *stats; // start of the mapping
	struct mr_stats_stage *stages;
	struct mr_stats_scope *scopes; // of all shards
	struct mr_stats_webhook *webhooks;
	struct mr_stats_top *tops; // [shards][MR_TOP_KINDS][MR_TOP_TABLES]
	struct mr_stats_attempts *attempts; // [deliveries]
	struct mr_stats_taps *taps; // [shards], then [deliveries]
};

uint64_t mr_segment_bytes(const struct mr_segment_layout *layout);
// 0 or negative errno.
int mr_segment_open(struct mr_segment *segment, const struct mr_segment_layout *layout);
void mr_segment_close(struct mr_segment *segment); // accepts a zeroed segment
// Rows of one shard.
struct mr_stats_scope *mr_segment_scopes(const struct mr_segment *segment, uint32_t shard);
// [MR_TOP_KINDS][MR_TOP_TABLES] of one shard.
struct mr_stats_top *mr_segment_tops(const struct mr_segment *segment, uint32_t shard);
// Sum of one counter over the stages of its kind.
uint64_t mr_segment_sum(const struct mr_stats *stats, unsigned counter);
