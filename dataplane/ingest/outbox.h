// What an ingest step has to give away, gathered for a burst: frames to send, frames to free,
// descriptors for shards.
#pragma once

#include <stdint.h>

#include <millrace/limits.h>

#include "message.h"
#include "nic.h"
#include "ring.h"
#include "stage.h"

struct mr_outbox {
	struct mr_nic *nic;
	uint16_t queue;
	struct mr_stats_stage *stats;
	uint32_t tx_count;
	uint32_t dead_count;
	struct mr_frame *tx[MR_BURST_MAX];
	// counts when the frame is sent; MR_COUNTER_COUNT: none does
	enum mr_counter_id tx_counter[MR_BURST_MAX];
	struct mr_frame *dead[MR_BURST_MAX];
	uint32_t shards;
	struct mr_ring *to_shard[MR_SHARDS_MAX];
	uint32_t staged_count[MR_SHARDS_MAX];
	struct mr_desc staged[MR_SHARDS_MAX][MR_BURST_MAX];
};

void mr_outbox_send(struct mr_outbox *outbox, struct mr_frame *frame, enum mr_counter_id counter);
void mr_outbox_free(struct mr_outbox *outbox, struct mr_frame *frame);
// One received packet for a shard. At most MR_BURST_MAX between two flushes.
void mr_outbox_stage(struct mr_outbox *outbox, uint32_t shard, struct mr_source_msg msg);
// Gives all of it away. A packet whose shard has no room is freed and counted; its producer sends
// it again.
void mr_outbox_flush(struct mr_outbox *outbox);
