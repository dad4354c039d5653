// The ingest stage of one RX queue: frames in, packets to their owner shards, ACKs out. It
// validates (Ethernet, VLAN, IPv4, IPv6, UDP, I1), answers for the port (ARP, neighbour discovery,
// ICMP echo), knows the sessions, gives a verdict per event and never ends an authenticated DATA
// packet.
#pragma once

#include <stdint.h>

#include "arena.h"
#include "message.h"
#include "nic.h"
#include "stage.h"
#include "steward_msg.h"

struct mr_ingest;

struct mr_ingest_config {
	uint32_t index; // source number; also the NIC queue
	uint32_t shards;
	uint32_t flows;
	uint64_t hash_seed;
	bool is_volatile;
	uint16_t port_base; // UDP: flow f may also be sent to port_base + f
	uint32_t sessions_max;
	uint8_t mac[6];
	uint8_t ipv4[4]; // 0: none
	uint8_t ipv6[16]; // 0: none
	struct mr_nic *nic;
	struct mr_ring *to_shard[MR_SHARDS_MAX]; // struct mr_source_msg
	struct mr_ring *from_shard[MR_SHARDS_MAX]; // struct mr_shard_msg
	struct mr_ring *from_steward;
	struct mr_ring *to_steward;
	struct mr_stats_stage *stats;
};

struct mr_ingest *mr_ingest_new(struct mr_arena *arena, const struct mr_ingest_config *config);
// When each session's last DATA came, by session index; monotonic ns. Written by the stage, read by
// whoever ends silent sessions.
const mr_counter *mr_ingest_seen(const struct mr_ingest *ingest);
enum mr_poll mr_ingest_step(void *ingest, struct mr_now now, struct mr_budget budget);
