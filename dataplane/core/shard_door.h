// The door: the fate of one event that arrives at its shard, or of many at once that are refused.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/stats.h>

#include "flow.h"
#include "ledger.h"
#include "packet.h"
#include "refused.h"

struct mr_object;
struct mr_shard;
struct mr_shard_session;

struct mr_offer { // events that arrive: whose they are
	uint64_t ids[MR_TOP_KINDS]; // by enum mr_scope_kind - 1
	struct mr_ledger_rows rows;
};

// Retry and scope as the reason has them; `object`: which one is full, 0: none.
struct mr_refusal mr_door_refusal(uint8_t reason, uint64_t object);
// The next events of the flow. False: no room to remember it.
bool mr_door_refuse(struct mr_shard *shard, struct mr_flow *flow, const struct mr_offer *offer,
	uint32_t count, const struct mr_refusal *refusal);
// One event, the next of its flow. False: the disk is behind, or no room to remember a refusal.
bool mr_door_settle(struct mr_shard *shard, const struct mr_shard_session *session,
	struct mr_flow *flow, const struct mr_packet *packet, const uint8_t *event,
	uint32_t event_bytes, uint8_t verdict);
// The object may have room again: the sources need refuse nothing for it.
void mr_door_lift_shed(struct mr_shard *shard, struct mr_object *object);
