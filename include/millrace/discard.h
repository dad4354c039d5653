// Packets that end at ingest: they carry no event we could settle, so they are counted by cause and
// are no part of the event ledger.
#pragma once

// X(symbol, label, text)
#define MR_DISCARDS(X)                                                                \
	X(SHORT, "short", "shorter than its headers say")                             \
	X(NOT_OURS, "not_ours", "another address, port or protocol")                  \
	X(FRAGMENT, "fragment", "IP fragment: never reassembled")                     \
	X(CHECKSUM, "checksum", "IP or UDP checksum is wrong")                        \
	X(MAGIC, "magic", "not our magic")                                            \
	X(VERSION, "version", "wire version is not supported")                        \
	X(LENGTH, "length", "length field disagrees with the datagram")               \
	X(TYPE, "type", "message type is unknown or not for a router")                \
	X(KEY, "key", "key id is unknown")                                            \
	X(SOURCE_ADDRESS, "source_address", "source is neither loopback nor private") \
	X(SESSION, "session", "session or epoch is unknown")                          \
	X(FLOW, "flow", "flow out of range, or an event of another flow")             \
	X(EVENT_COUNT, "event_count", "event count is zero or over the limit")        \
	X(BEYOND_EDGE, "beyond_edge", "sequence beyond the granted window")           \
	X(REORDER_FULL, "reorder_full", "no room in the flow's reorder list")         \
	X(DUPLICATE, "duplicate", "already settled: acknowledged again")              \
	X(SHARD_BUSY, "shard_busy", "ring to the owner shard is full")                \
	X(HELLO_BUSY, "hello_busy", "too many handshakes at once")                    \
	X(NO_MBUF, "no_mbuf", "packet pool is empty")                                 \
	X(TX_FULL, "tx_full", "transmit queue is full: reply not sent")               \
	X(LINK_LOCAL, "link_local", "ARP, ND or ICMP that asks nothing of us")

enum mr_discard {
#define X(symbol, label, text) MR_DISCARD_##symbol,
	MR_DISCARDS(X)
#undef X
		MR_DISCARD_COUNT
};

const char *mr_discard_label(unsigned discard);
