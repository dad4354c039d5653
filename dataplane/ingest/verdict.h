// What ingest can say about the events of a packet before their shard sees them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bans.h"
#include "packet.h"
#include "turned_away.h"

struct mr_verdict_rules {
	uint64_t hash_seed;
	uint32_t flows;
	uint64_t now_ns;
	const struct mr_turned_away *shed; // of the flow's shard
	const struct mr_bans *bans;
	uint64_t app; // of the packet's session
};

// Fills decoded, verdicts and verdict of a packet whose other fields stand. True when every event
// of it is refused for one object that is over its bound: *ret_slot is the shard's number for it,
// and the packet need not travel.
bool mr_verdict_give(
	const struct mr_verdict_rules *rules, struct mr_packet *packet, uint8_t *ret_slot);
