// A whole volatile router in one thread, fed by the blaster through memif: ingest, one shard, the
// journal, and a delivery stage where it is wanted. One per process, like the EAL.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "arena.h"
#include "blaster.h"
#include "delivery.h"
#include "ingest.h"
#include "journal.h"
#include "shard.h"

enum { MR_ROUTER_INGEST, MR_ROUTER_SHARD, MR_ROUTER_JOURNAL, MR_ROUTER_DELIVERY, MR_ROUTER_STAGES };

struct mr_router {
	struct mr_arena arena;
	struct mr_nic *nic;
	struct mr_ingest *ingest;
	struct mr_shard *shard;
	struct mr_journal *journal;
	struct mr_delivery *delivery; // NULL: not wanted
	struct mr_net *net; // the same
	struct mr_ring *to_shard, *from_shard, *to_delivery, *from_delivery;
	struct mr_ring *steward[MR_ROUTER_STAGES], *to_steward;
	struct mr_delivery_board *board;
	struct mr_stats_stage *stats; // MR_ROUTER_STAGES
	struct mr_stats_webhook *rows;
	struct mr_stream shard_stream, delivery_stream;
	struct mr_stream *streams[2];
	char socket[64];
	pid_t sender;
};

struct mr_router_options {
	uint32_t events_per_packet;
	uint64_t objects;
	uint64_t ancestor; // of every event; 0: none
	bool delivers; // then the sender obeys credits, and nothing of what it sent is passed over
};

// Starts the sender, the EAL and the stages; pins this thread to CPU 1. False: it has said why on
// stderr.
bool mr_router_start(struct mr_router *router, const struct mr_router_options *options);
void mr_router_stop(struct mr_router *router); // the sender; memory ends with the process
// Opens the sender's session, anew when it was open: its packets are taken in from here on.
void mr_router_session(struct mr_router *router);
// The one webhook: of `resource`, to `port` on 127.0.0.1.
void mr_router_webhook(struct mr_router *router, uint64_t resource, uint16_t port);
struct mr_now mr_router_now(void);
