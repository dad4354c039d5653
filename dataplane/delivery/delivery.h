// The delivery stage: lanes of the webhooks whose endpoint hashes here, their batches, retries and
// connections. The decisions (lanes, batches, holds, who is behind) are core/lane.h; the HTTP
// engine is engine.h; this ties them to rings and streams.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "journal_board.h"
#include "message.h"
#include "net.h"
#include "reader.h"
#include "recovered.h"
#include "segment_map.h"
#include "stage.h"
#include "steward_msg.h"
#include "stream.h"

struct mr_delivery;

struct mr_delivery_limits { // of this stage: the router's totals are already divided
	uint32_t lanes_max; // webhooks.max: lanes are numbered router-wide
	uint32_t entries_max; // lane entries
	uint32_t endpoints_max;
	uint32_t connections_max;
	uint32_t connections_per_endpoint;
	uint32_t connections_per_host;
	uint64_t fragment_cache_bytes;
	uint64_t progress_interval_ns;
	struct mr_tune tune;
};

struct mr_delivery_config {
	uint32_t index;
	uint32_t number; // of the stage, among all of the router
	uint32_t shards;
	uint64_t boot_id;
	struct mr_delivery_limits limits;
	struct mr_stream *stream; // its own: batch, progress and dropped records
	struct mr_stream *const *streams; // by id, for reading
	uint32_t streams_count;
	uint16_t shard_streams[MR_SHARDS_MAX]; // stream id of each shard
	struct mr_backend_reader backend;
	struct mr_ring *from_shard[MR_SHARDS_MAX]; // struct mr_lane_msg
	struct mr_ring *to_shard[MR_SHARDS_MAX]; // struct mr_hold_msg
	struct mr_ring *from_steward;
	struct mr_ring *to_steward;
	struct mr_delivery_board *board; // written here, read by the shards
	// With a journal on disk. What follows is NULL in a volatile router, and may be while
	// memory is only being planned.
	bool is_durable;
	const struct mr_journal_board *journal;
	// a position is found there before the watermark has passed it
	const struct mr_segment_map *map;
	struct mr_owner_board *owner; // its own
	struct mr_needs *needs; // its own; a start has counted what recovered lanes need
	const struct mr_lane_feed *feeds[MR_SHARDS_MAX];
	struct mr_stats_stage *stats;
	struct mr_stats_webhook *webhooks; // rows by lane
	struct mr_stats_attempts *attempts; // its own; NULL: nobody reads along
	struct mr_stats_taps *taps; // the same
	uint64_t rng_seed; // jitter
};

struct mr_delivery *mr_delivery_new(
	struct mr_arena *arena, const struct mr_delivery_config *config);
// Called once by the thread that runs the stage, before its first step: the sockets of that lcore.
void mr_delivery_attach(struct mr_delivery *delivery, struct mr_net *net);
enum mr_poll mr_delivery_step(void *delivery, struct mr_now now, struct mr_budget budget);
uint64_t mr_delivery_next_due(void *delivery);
void mr_delivery_free(
	struct mr_delivery *delivery); // closes connections, wipes secrets; accepts NULL
// Lanes that a start has recovered, of all stages, before the first step; they outlive it. False:
// there are not enough sub-lanes for those of this stage (webhooks.max).
bool mr_delivery_recover(
	struct mr_delivery *delivery, const struct mr_recovered_lane *lanes, uint32_t lanes_count);

// For tests and the simulator: matched + recovered = delivered + pending + dropped, counted from
// the lanes.
bool mr_delivery_audit(const struct mr_delivery *delivery, char *ret_why, size_t why_size);
