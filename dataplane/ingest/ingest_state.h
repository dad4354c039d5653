// The ingest stage inside: shared by the files of this folder.
#pragma once

#include "bans.h"
#include "frame.h"
#include "ingest.h"
#include "outbox.h"
#include "sessions.h"
#include "turned_away.h"

enum { MR_HANDSHAKES_MAX = 32, MR_ERRORS_PER_STEP = 8 };

struct mr_ingest {
	struct mr_ingest_config config;
	struct mr_port_address port;
	struct mr_sessions sessions;
	struct mr_turned_away *sheds; // [shards]
	struct mr_bans bans;
	struct mr_handshake *handshakes; // [MR_HANDSHAKES_MAX]
	uint32_t handshakes_free; // bit per slot
	uint32_t pause_reason; // enum mr_reason; OK: not paused
	uint32_t burst; // number of the RX burst under way
	uint32_t errors_left; // ERROR messages this step may still send
	struct mr_now now;
	uint8_t shard_of_flow[MR_FLOWS_MAX];
	struct mr_outbox outbox;
};

// A received message of the ingest protocol: everything about it is checked but its body.
struct mr_message {
	const struct mr_rx *rx;
	const struct mr_view *view;
	struct mr_wire_header header;
	const uint8_t *body;
	size_t body_length;
};

// -- data.c
// True when the frame stays with a shard; otherwise the caller frees it.
bool mr_ingest_data(struct mr_ingest *ingest, const struct mr_message *message);

// -- handshake.c
void mr_ingest_handshake(
	struct mr_ingest *ingest, const struct mr_message *message, enum mr_to_steward_kind kind);
void mr_ingest_welcome(struct mr_ingest *ingest, struct mr_handshake *handshake);

// -- reply.c
void mr_ingest_ack(struct mr_ingest *ingest, const struct mr_ack_slot *slot);
void mr_ingest_pong(struct mr_ingest *ingest, const struct mr_message *message);
void mr_ingest_error(
	struct mr_ingest *ingest, const struct mr_message *message, enum mr_reason reason);
// Sends a finished datagram (or nothing, when no frame is free).
void mr_ingest_send(struct mr_ingest *ingest, const struct mr_path *path, const uint8_t *datagram,
	uint32_t length);

static inline void mr_ingest_discard(struct mr_ingest *ingest, enum mr_discard why)
{
	mr_count(&ingest->config.stats->discards[why], 1);
}
