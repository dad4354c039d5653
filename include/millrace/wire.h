// The ingest protocol over UDP (I1), version 0 until the ingest issue is closed. A datagram is a
// header, a body and a 16-byte tag. Little-endian, 8-byte aligned; docs/WIRE.md has the same tables
// with the reasons.
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include <millrace/limits.h>

enum { MR_WIRE_MAGIC = 0x304c524d, MR_WIRE_VERSION = 0 }; // "MRL0"

enum mr_wire_type {
	MR_WIRE_HELLO = 1, // producer: open or resume a session
	MR_WIRE_COOKIE = 2, // reserved: router proves the source address
	MR_WIRE_WELCOME = 3, // router: the session stands
	MR_WIRE_DATA = 4, // producer: events of one flow
	MR_WIRE_ACK = 5, // router: what is settled, what was refused, how far the window goes
	MR_WIRE_PING = 6, // either side; answered by PONG with the same send time
	MR_WIRE_PONG = 7,
	MR_WIRE_BYE = 8, // producer closes its session; router answers BYE
	MR_WIRE_DRAINING = 9, // reserved
	MR_WIRE_ERROR = 10, // router: the message could not be served
	MR_WIRE_MOVED = 11, // reserved for several nodes
	MR_WIRE_MOVING = 12, // reserved
	MR_WIRE_STALE = 13, // reserved
};

enum mr_wire_flag {
	MR_WIRE_FLAG_VOLATILE = 1, // durability is memory: a crash forgets acknowledged events
	MR_WIRE_FLAG_BUSY = 2, // something was discarded for want of room: back off
};

struct mr_wire_header {
	uint32_t magic;
	uint8_t version;
	uint8_t type; // enum mr_wire_type
	uint16_t flags; // enum mr_wire_flag
	uint64_t key_id;
	uint64_t session_id; // chosen by the producer at random, not 0
	uint32_t session_epoch; // rises when a session is moved; 0 on one node
	uint16_t flow;
	uint16_t count; // events in the body (DATA)
	uint64_t first_sequence; // of the body's first event
	uint64_t known; // lowest sequence of the flow whose fate the producer does not know yet
	uint64_t send_time_ns; // producer's clock, echoed
	uint64_t map_fingerprint; // 0 on one node
	uint32_t length; // whole datagram, tag included
	uint32_t reserved; // zero
};
static_assert(sizeof(struct mr_wire_header) == MR_WIRE_HEADER_BYTES, "wire format");
static_assert(offsetof(struct mr_wire_header, session_id) == 16, "wire format");
static_assert(offsetof(struct mr_wire_header, first_sequence) == 32, "wire format");
static_assert(offsetof(struct mr_wire_header, length) == 64, "wire format");

// HELLO body: this, `flows` times u64 known (0 flows: a new session), zeros. It must be padded so
// that the WELCOME it asks for is not larger than itself: MR_WIRE_HELLO_BYTES always suffices.
struct mr_wire_hello {
	uint8_t cookie[16]; // zero until COOKIE is served
	uint16_t flows;
	uint16_t reserved[3];
};
static_assert(sizeof(struct mr_wire_hello) == 24, "wire format");

// WELCOME body: this and `flows` times struct mr_wire_grant.
struct mr_wire_welcome {
	uint64_t hash_seed; // slot = XXH3_64bits_withSeed(object, hash_seed) >> 52
	uint64_t boot_id; // changes with every start of the router
	uint32_t reconnect_after_ms; // 0: served
	uint16_t flows; // F
	uint16_t reserved;
	uint64_t reserved2;
};
static_assert(sizeof(struct mr_wire_welcome) == 32, "wire format");

struct mr_wire_grant {
	uint64_t next; // the next sequence the flow admits; a new session starts at 1
	uint64_t edge; // sequences below the edge may be sent
};
static_assert(sizeof(struct mr_wire_grant) == 16, "wire format");

enum {
	MR_WIRE_WELCOME_BYTES_MAX =
		MR_WIRE_HEADER_BYTES + 32 + MR_FLOWS_MAX * 16 + MR_WIRE_TAG_BYTES,
	MR_WIRE_HELLO_BYTES = MR_WIRE_WELCOME_BYTES_MAX,
};

// ACK body: this, `bitmap_words` u64, `refused_runs` times struct mr_wire_refused. The header names
// session and flow.
struct mr_wire_ack {
	uint64_t settled; // every sequence below it is durable or refused
	uint64_t edge; // absolute: a lost ACK is harmless
	uint64_t echo_send_time_ns; // of the newest packet seen; 0 none
	uint32_t retry_after_ms; // with BUSY: when to send again
	uint16_t bitmap_words; // bit i of the bitmap: sequence settled + i has been received
	uint16_t refused_runs;
	uint64_t reserved;
};
static_assert(sizeof(struct mr_wire_ack) == 40, "wire format");

// A run of refused sequences at or above the producer's `known`, below `settled`.
struct mr_wire_refused {
	uint64_t first;
	uint64_t scope_id;
	uint32_t retry_after_ms;
	uint16_t count;
	uint8_t reason; // enum mr_reason
	uint8_t scope_kind; // enum mr_scope_kind
};
static_assert(sizeof(struct mr_wire_refused) == 24, "wire format");

struct mr_wire_error {
	uint16_t reason; // enum mr_reason
	uint16_t reserved;
	uint32_t offset; // byte of the datagram that is wrong, when reason is malformed
};
static_assert(sizeof(struct mr_wire_error) == 8, "wire format");
