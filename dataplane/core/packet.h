// A DATA packet on its way from a source (an RX queue, a gateway) to the owner shard of its flow.
// It stands in front of the frame's bytes, belongs to the source, is lent to the shard by a
// MR_SOURCE_PACKET descriptor and comes back by MR_SHARD_RELEASE.
#pragma once

#include <stdint.h>

#include <millrace/limits.h>

struct mr_packet {
	// checked by the source: every event below `decoded` is sound; with a verdict only its
	// length and object are
	const uint8_t *events;
	uint64_t first_sequence;
	uint64_t known; // the producer knows the fate of everything below
	uint64_t send_time_ns; // echoed
	int64_t received_at_ns; // wall clock
	struct mr_packet *next; // the shard's reorder list
	uint32_t events_bytes;
	uint16_t session; // index
	uint16_t source;
	uint8_t flow;
	uint8_t count; // events the header names
	uint8_t decoded; // events that decode; the rest settles as refused(malformed)
	uint8_t verdicts; // how many of `verdict` are not 0; 0: do not look
	uint8_t verdict[MR_PACKET_EVENTS_MAX]; // enum mr_reason per event; 0: the shard decides
};
