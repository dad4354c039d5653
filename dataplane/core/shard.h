// The shard stage: owns the slots whose flow is its own; settles, admits, distributes and matches
// their events. Pure: time is an argument, memory comes from the arena, other stages are rings.
// docs/ARCHITECTURE.md follows one event through it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "journal_board.h"
#include "message.h"
#include "reader.h"
#include "recovered.h"
#include "stage.h"
#include "stream.h"
#include "throttle_board.h"

struct mr_shard;

struct mr_shard_limits { // of this shard: the router's totals are already divided
	uint32_t objects_max;
	uint32_t positions_max; // entries in object queues
	uint32_t sessions_max;
	uint32_t refused_runs_max;
	uint32_t webhooks_max; // subscriptions
	uint32_t reorder_packets_max; // over all flows: a quarter of the packet pool, divided
	uint32_t object_queue_events;
	uint32_t object_queue_bytes;
	uint32_t penalty_after; // full quanta in a row
	uint32_t quantum_units; // an object's turn, in work units
	uint64_t ack_interval_ns; // an ACK at most so often per flow
	uint64_t progress_interval_ns;
	// With a journal on disk: appended and not yet durable at most; half a segment, divided by
	// the shards, holds them when the disk gives no further one. At least
	// MR_RECORD_BYTES_MAX.
	uint64_t undurable_bytes_max;
};

struct mr_shard_config {
	uint32_t index;
	uint32_t shards;
	uint32_t flows; // F
	uint32_t sources;
	uint32_t deliveries;
	uint64_t hash_seed; // of placement: producers know it
	uint64_t table_seed; // told to nobody, so that no ids can be made to meet in a table
	bool is_volatile;
	bool awaits_go; // distributes nothing before MR_STEWARD_GO: there are no webhooks yet
	struct mr_shard_limits limits;
	struct mr_stream *stream; // its own
	struct mr_stream *const *streams; // of this boot, for reading; index: id - id of the first
	uint32_t streams_count;
	struct mr_backend_reader backend;
	uint16_t shard_streams[MR_SHARDS_MAX]; // stream id of each shard
	// Rings; index: the other stage.
	struct mr_ring *from_source[MR_SOURCES_MAX]; // struct mr_source_msg
	// struct mr_shard_msg; never full: room for twice every packet the source can lend and
	// every ACK slot, because SHED messages take up to half of it
	struct mr_ring *to_source[MR_SOURCES_MAX];
	struct mr_ring *from_shard[MR_SHARDS_MAX]; // struct mr_hop, own index NULL
	struct mr_ring *to_shard[MR_SHARDS_MAX]; // struct mr_hop: room for 2 * MR_HOP_CREDITS
	struct mr_ring *to_delivery[MR_DELIVERIES_MAX]; // struct mr_lane_msg
	struct mr_ring *from_delivery[MR_DELIVERIES_MAX]; // struct mr_hold_msg
	const struct mr_delivery_board *boards[MR_DELIVERIES_MAX];
	struct mr_ring *from_steward;
	// With a journal on disk; NULL in a volatile shard.
	const struct mr_journal_board *journal;
	struct mr_owner_board *owner; // its own
	struct mr_lane_feed *feeds[MR_DELIVERIES_MAX];
	struct mr_throttle_board *throttles; // its own; NULL: grants nothing
	struct mr_stats_stage *stats;
	struct mr_stats_scope *scopes; // [MR_LEDGER_TABLES][MR_LEDGER_SCOPES_MAX]
	struct mr_stats_taps *taps; // NULL: nobody looks
	struct mr_stats_top *tops; // [MR_TOP_KINDS][MR_TOP_TABLES]; NULL: nobody looks
};

enum { MR_SHARD_ACK_SLOTS = 256 }; // per source

// NULL when the arena has no room (or only plans: then the plan has been counted).
struct mr_shard *mr_shard_new(struct mr_arena *arena, const struct mr_shard_config *config);
enum mr_poll mr_shard_step(void *shard, struct mr_now now, struct mr_budget budget);
uint64_t mr_shard_next_due(void *shard);

// -- What a start has recovered, before the first step and before any message of the steward.
// A session, open under this index as if the steward had opened it.
void mr_shard_recover_session(
	struct mr_shard *shard, uint32_t index, uint64_t app, uint64_t session_id, uint32_t epoch);
// The window of one of its flows: everything below `next` is settled; what `accepted` (bit:
// sequence mod window, of the last window below next) does not name is listed as
// refused(restarted) until the producer says that it knows.
void mr_shard_recover_flow(struct mr_shard *shard, uint32_t index, uint32_t flow, uint64_t next,
	const uint64_t accepted[MR_WINDOW_MAX / 64]);
// An accepted event that waits for distribution; in the order of each object. False: the tables of
// this shard are full (objects.max, positions.max).
bool mr_shard_recover_event(struct mr_shard *shard, const struct mr_recovered_event *event);

// For tests and the simulator: whether both ledgers balance, counted from the structures. On false,
// says why.
bool mr_shard_audit(const struct mr_shard *shard, char *ret_why, size_t why_size);
