// All stages of a router, their streams and the rings between them, built in one arena. The same
// code runs twice: on a planning arena to learn how much memory a configuration needs, and on the
// real one.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "backend_disk.h"
#include "config.h"
#include "delivery.h"
#include "ingest.h"
#include "journal.h"
#include "journal_board.h"
#include "journal_plan.h"
#include "journal_reader.h"
#include "message.h"
#include "recovery.h"
#include "segment.h"
#include "shard.h"
#include "stage.h"
#include "stream.h"
#include "topology.h"

// Stages are numbered: sources, shards, the journal, deliveries, the steward. The same number is
// their row in the segment.
struct mr_stage_numbers {
	uint32_t source, shard, journal, delivery, steward; // number of the first one of each kind
	uint32_t count;
};

struct mr_stage_numbers mr_number_stages(const struct mr_topology *topology);
uint32_t mr_stage_number(const struct mr_stage_numbers *numbers, struct mr_place place);

struct mr_wiring_port { // what only the open port knows; zero while planning
	struct mr_nic *nic;
	uint8_t mac[6];
};

// What a journal on disk brings along. While planning only the plan is there.
struct mr_wiring_disk {
	struct mr_journal_plan plan;
	const struct mr_disk *disk;
	struct mr_segment_map *map;
	// Recovered: the writer and every stream go on where it ends.
	struct mr_journal_place place;
	uint64_t ends[MR_STREAMS_MAX];
};

// What a stage has in the kernel, for the thread that runs it; NULL: nothing of the kind.
struct mr_stage_sockets {
	struct mr_delivery *delivery;
	struct mr_journal *journal;
	struct mr_journal_reader *reader;
};

struct mr_wiring {
	const struct mr_config *config;
	const struct mr_topology *topology;
	const struct mr_segment *segment;
	struct mr_stage_numbers numbers;
	const struct mr_wiring_disk *disk; // NULL: durability: memory
	struct mr_backend backend; // zero: of the durability
	uint64_t boot_id;
	uint64_t secret_seed; // of tables and jitter: producers must not know it
	struct mr_stream streams[MR_STREAMS_MAX]; // shards, deliveries, and the node's with a disk
	struct mr_stream *stream_table[MR_STREAMS_MAX];
	uint32_t streams_count;
	struct mr_stream *node; // NULL: durability: memory
	struct mr_delivery_board *boards[MR_DELIVERIES_MAX];
	struct mr_throttle_board *throttles[MR_SHARDS_MAX];
	// With a disk; by stream, by delivery stage, by shard and delivery stage.
	struct mr_journal_board *journal_board; // `board`, NULL with durability: memory
	struct mr_journal_board board;
	struct mr_owner_board *owners[MR_STREAMS_MAX];
	struct mr_needs *needs[MR_DELIVERIES_MAX];
	struct mr_lane_feed *feeds[MR_SHARDS_MAX][MR_DELIVERIES_MAX];
	struct mr_maker *maker;
	// Rings by (from, to).
	struct mr_ring *source_shard[MR_SOURCES_MAX][MR_SHARDS_MAX];
	struct mr_ring *shard_source[MR_SHARDS_MAX][MR_SOURCES_MAX];
	struct mr_ring *shard_shard[MR_SHARDS_MAX][MR_SHARDS_MAX];
	struct mr_ring *shard_delivery[MR_SHARDS_MAX][MR_DELIVERIES_MAX];
	struct mr_ring *delivery_shard[MR_DELIVERIES_MAX][MR_SHARDS_MAX];
	struct mr_ring *from_steward[MR_STAGES_MAX]; // by stage number; NULL: takes no messages
	struct mr_ring *to_steward[MR_STAGES_MAX]; // NULL: sends none
	struct mr_stage stages[MR_STAGES_MAX]; // by stage number; not the steward
	struct mr_stage_sockets sockets[MR_STAGES_MAX];
	const mr_counter *seen[MR_SOURCES_MAX]; // of mr_ingest_seen
	char names[MR_STAGES_MAX][24];
};

// `config`, `topology`, `segment`, `boot_id`, `secret_seed` and `disk` are set; everything else is
// filled in. False when the arena has no room (or plans). In two steps, because a start recovers in
// between: first what stands between the stages, then the streams and the stages themselves.
bool mr_wire_paths(struct mr_wiring *wiring, struct mr_arena *arena);
bool mr_wire_stages(
	struct mr_wiring *wiring, struct mr_arena *arena, const struct mr_wiring_port *port);
bool mr_wire(struct mr_wiring *wiring, struct mr_arena *arena, const struct mr_wiring_port *port);
// Limits of the configuration that may change at run time.
struct mr_tune mr_tune_of(const struct mr_config *config);
// Argument: struct mr_stage_sockets *. By the thread that runs the stage, before its first step and
// after its last one.
void mr_stage_attach(void *sockets, struct mr_net *net);
void mr_stage_detach(void *sockets);
bool mr_stage_has_sockets(const struct mr_stage_sockets *sockets);
bool mr_wire_stage(struct mr_wiring *wiring, struct mr_place place, void *state,
	enum mr_poll (*step)(void *, struct mr_now, struct mr_budget),
	uint64_t (*next_due)(void *));
// -- wiring_journal.c
uint32_t mr_streams_count(const struct mr_wiring *wiring);
bool mr_wire_boards(struct mr_wiring *wiring, struct mr_arena *arena);
bool mr_wire_journal(struct mr_wiring *wiring, struct mr_arena *arena);
// The reader of a stage that may look for what has left memory; zero with durability: memory, or
// when the arena has no room (or plans).
struct mr_backend_reader mr_wire_reader(
	struct mr_wiring *wiring, struct mr_arena *arena, uint32_t number, uint32_t chunks);
// Gives the stages what a start has recovered, before their first step. `recovered` outlives them.
// 0, or -E2BIG with a sentence when it does not fit the configuration's tables.
int mr_wire_recovered(const struct mr_wiring *wiring, const struct mr_recovered *recovered,
	char *ret_why, size_t why_size);
