// What the stages say to each other: 16-byte descriptors over SPSC rings, one ring per (from, to)
// pair that talks. The rings carry struct mr_desc; these are its overlays.
#pragma once

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <millrace/limits.h>
#include <millrace/record.h>

#include "packet.h"
#include "ring.h"

// -- Source to shard
enum mr_source_kind {
	MR_SOURCE_PACKET = 1, // data: struct mr_packet *, lent
	MR_SOURCE_REFUSED = 2, // a packet refused whole: its frame is already free
	MR_SOURCE_ACK_DONE = 3, // data: struct mr_ack_slot *, comes back
};

struct mr_source_msg {
	uint64_t data; // pointer; REFUSED: first sequence (below 2^56) | shed slot << 56
	uint16_t session; // REFUSED
	uint16_t known_behind; // REFUSED: first sequence - known, capped at 65535
	uint8_t kind; // enum mr_source_kind
	uint8_t flow; // REFUSED
	uint8_t reason; // REFUSED: enum mr_reason, for every event of the packet
	uint8_t count; // REFUSED
};
static_assert(sizeof(struct mr_source_msg) == sizeof(struct mr_desc), "one descriptor");

// -- Shard to source
enum mr_shard_kind {
	MR_SHARD_RELEASE = 1, // data: struct mr_packet *, the source frees the frame
	MR_SHARD_ACK = 2, // data: struct mr_ack_slot *, to be sent and given back
	MR_SHARD_SHED = 3, // data: object that is over its bound until `until_ms` from now
};

struct mr_shard_msg {
	uint64_t data;
	uint32_t until_ms; // SHED: 0 lifts it
	uint16_t session; // ACK: index
	uint8_t slot; // SHED: the shard's number for the object, named again in REFUSED
	uint8_t kind; // enum mr_shard_kind
};
static_assert(sizeof(struct mr_shard_msg) == sizeof(struct mr_desc), "one descriptor");

// A finished ACK body (struct mr_wire_ack and what follows), built by the shard in memory of its
// own. The source puts header, addresses and tag around it. Goes there by MR_SHARD_ACK and back by
// MR_SOURCE_ACK_DONE.
struct mr_ack_slot {
	uint16_t session;
	uint8_t flow;
	uint8_t flags; // enum mr_wire_flag
	uint32_t length; // of body
	alignas(8) uint8_t body[MR_ACK_BYTES_MAX - MR_WIRE_HEADER_BYTES - MR_WIRE_TAG_BYTES];
};

// -- Shard to shard: a hop, and its answer (the same descriptor with MR_HOP_ANSWER). The owner of
// the resource reads the ids from its own copy of the event.
enum mr_hop_flag {
	MR_HOP_PENALISED = 1,
	MR_HOP_ANSWER = 2, // every match of the hop is durable and in its lane (or nothing matched)
	// the origin's oldest event, and its buffer is short: may use the last room
	MR_HOP_URGENT = 4,
};

struct mr_hop {
	uint64_t offset; // of the event in the origin's stream
	uint16_t stream; // origin
	uint8_t ancestor; // index, MR_VIA_OBJECT for the object itself
	uint8_t flags; // enum mr_hop_flag
	uint32_t matches; // ANSWER: webhooks that want the event
};
static_assert(sizeof(struct mr_hop) == sizeof(struct mr_desc), "one descriptor");

// -- Shard to delivery: one event for one lane.
enum mr_lane_flag { MR_LANE_PENALISED = 1 };

struct mr_lane_msg {
	mr_position position; // of the event
	uint32_t lane;
	uint8_t object_hash; // spreads objects over sub-lanes: low byte of the slot's hash
	uint8_t flags; // enum mr_lane_flag
	uint16_t reserved;
};
static_assert(sizeof(struct mr_lane_msg) == sizeof(struct mr_desc), "one descriptor");

// -- Delivery to shard: stop and go for one penalised object, per lane.
enum mr_hold_kind { MR_HOLD = 1, MR_RELEASE = 2 };

struct mr_hold_msg {
	uint64_t object;
	uint32_t lane;
	uint32_t kind; // enum mr_hold_kind
};
static_assert(sizeof(struct mr_hold_msg) == sizeof(struct mr_desc), "one descriptor");

// Overlays are copied, never cast: no aliasing questions, and the compiler makes it two moves.
#define mr_desc_of(msg)                                                        \
	__extension__({                                                        \
		struct mr_desc desc_;                                          \
		static_assert(sizeof(msg) == sizeof(desc_), "one descriptor"); \
		memcpy(&desc_, &(msg), sizeof(desc_));                         \
		desc_;                                                         \
	})
#define mr_desc_to(type, desc)                                                 \
	__extension__({                                                        \
		type msg_;                                                     \
		static_assert(sizeof(msg_) == sizeof(desc), "one descriptor"); \
		memcpy(&msg_, &(desc), sizeof(msg_));                          \
		msg_;                                                          \
	})

// What a delivery stage tells every shard without a message. It first takes lane messages from the
// rings into its lanes, then stores `floor` for all streams, then `taken`, both with release. A
// shard that reads (acquire) taken[itself] >= what it has pushed knows that those entries are
// covered by `floor`.
struct mr_delivery_board {
	// lane messages taken from shard's ring, ever
	alignas(64) _Atomic uint64_t taken[MR_SHARDS_MAX];
	// Lowest offset of the stream that a lane which is not behind still needs; UINT64_MAX:
	// none.
	alignas(64) _Atomic uint64_t floor[MR_STREAMS_MAX];
};

// A shard to one delivery stage, when the journal is on disk: lane messages are pushed in the order
// of the match records they come from, and a stage that has taken `count` messages has taken all
// of those of records below `offset`, and none of later ones. It takes no message beyond `count`,
// so at the end of every intake that was not cut short it knows its place in the shard's stream:
// what a checkpoint of its lanes says. (A seqlock of two words: odd while they are being written.)
struct mr_lane_feed {
	alignas(64) _Atomic uint64_t version;
	_Atomic uint64_t count;
	_Atomic uint64_t offset;
};

static inline void mr_lane_feed_publish(struct mr_lane_feed *feed, uint64_t count, uint64_t offset)
{
	const uint64_t version = atomic_load_explicit(&feed->version, memory_order_relaxed);
	// Before any word is overwritten; the release of each word orders it, as in stream.h.
	atomic_store_explicit(&feed->version, version + 1, memory_order_relaxed);
	atomic_store_explicit(&feed->count, count, memory_order_release);
	atomic_store_explicit(&feed->offset, offset, memory_order_release);
	atomic_store_explicit(&feed->version, version + 2, memory_order_release);
}

// False when the shard is just writing: ask again in a later step.
static inline bool mr_lane_feed_read(
	const struct mr_lane_feed *feed, uint64_t *ret_count, uint64_t *ret_offset)
{
	const uint64_t version = atomic_load_explicit(&feed->version, memory_order_acquire);
	const uint64_t count = atomic_load_explicit(&feed->count, memory_order_acquire);
	const uint64_t offset = atomic_load_explicit(&feed->offset, memory_order_acquire);
	if (version % 2 != 0
		|| atomic_load_explicit(&feed->version, memory_order_relaxed) != version)
		return false;
	*ret_count = count;
	*ret_offset = offset;
	return true;
}
