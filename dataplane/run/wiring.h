// All stages of a router, their streams and the rings between them, built in one arena. The same
// code runs twice: on a planning arena to learn how much memory a configuration needs, and on the
// real one.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "config.h"
#include "delivery.h"
#include "ingest.h"
#include "journal.h"
#include "message.h"
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

struct mr_wiring {
	const struct mr_config *config;
	const struct mr_topology *topology;
	const struct mr_segment *segment;
	struct mr_stage_numbers numbers;
	struct mr_backend backend; // zero: of durability: memory
	uint64_t boot_id;
	uint64_t secret_seed; // of tables and jitter: producers must not know it
	struct mr_stream streams[MR_STREAMS_MAX]; // shards, then deliveries
	struct mr_stream *stream_table[MR_STREAMS_MAX];
	uint32_t streams_count;
	struct mr_delivery_board *boards[MR_DELIVERIES_MAX];
	// Rings by (from, to).
	struct mr_ring *source_shard[MR_SOURCES_MAX][MR_SHARDS_MAX];
	struct mr_ring *shard_source[MR_SHARDS_MAX][MR_SOURCES_MAX];
	struct mr_ring *shard_shard[MR_SHARDS_MAX][MR_SHARDS_MAX];
	struct mr_ring *shard_delivery[MR_SHARDS_MAX][MR_DELIVERIES_MAX];
	struct mr_ring *delivery_shard[MR_DELIVERIES_MAX][MR_SHARDS_MAX];
	struct mr_ring *from_steward[MR_STAGES_MAX]; // by stage number; NULL: takes no messages
	struct mr_ring *to_steward[MR_STAGES_MAX]; // NULL: sends none
	struct mr_stage stages[MR_STAGES_MAX]; // by stage number; not the steward
	char names[MR_STAGES_MAX][24];
};

// `config`, `topology`, `segment`, `boot_id` and `secret_seed` are set; everything else is filled
// in. False when the arena has no room (or plans).
bool mr_wire(struct mr_wiring *wiring, struct mr_arena *arena, const struct mr_wiring_port *port);
// Limits of the configuration that may change at run time.
struct mr_tune mr_tune_of(const struct mr_config *config);
// Sockets of a stage: NULL for stages that have none.
void mr_stage_attach(void *state, struct mr_net *net);
void mr_stage_detach(void *state);
