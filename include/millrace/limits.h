// Every bound of Millrace, and how the bounds relate. Nothing in the product is unbounded; a number
// that limits a queue, a table, a packet or a record stands here and nowhere else.
// Configurable totals have their defaults in dataplane/run/config_table.h; what stands here is
// fixed.
#pragma once

#include <assert.h>

enum {
	// -- Placement: slot = hash(object) >> 52, flow = slot mod F, shard = flow mod S.
	MR_SLOTS = 4096, // virtual shards of an installation; never changes
	MR_FLOWS_MAX = 64, // F, ordered sub-streams of a session
	MR_FLOWS_DEFAULT = 16,
	MR_SHARDS_MAX = 32, // S <= F, checked at start
	MR_SOURCES_MAX = 32, // RX queues and gateways
	MR_DELIVERIES_MAX = 32,
	MR_STREAMS_MAX = MR_SHARDS_MAX + MR_DELIVERIES_MAX + 1, // + the steward's node stream
	MR_LCORES_MAX = 64,

	// -- The event (E1); lengths in bytes.
	MR_TYPE_BYTES_MAX = 32, // type, subtype, and the types of value, parent, ancestors
	MR_FIELD_BYTES_MAX = 64,
	MR_ANCESTORS_MAX = 16,
	MR_PAYLOAD_BYTES_MAX = 8192, // over HTTP; over UDP what fits the packet
	MR_EVENT_FIXED_BYTES = 72,
	MR_EVENT_BYTES_MAX = MR_EVENT_FIXED_BYTES + MR_ANCESTORS_MAX * (8 + 2 + MR_TYPE_BYTES_MAX)
		+ 4 * MR_TYPE_BYTES_MAX + MR_FIELD_BYTES_MAX + MR_PAYLOAD_BYTES_MAX,
	MR_EVENT_BYTES_MAX_NO_PAYLOAD = MR_EVENT_BYTES_MAX - MR_PAYLOAD_BYTES_MAX,

	// -- The ingest wire (I1).
	MR_MTU = 1500,
	MR_MTU_JUMBO = 9000,
	MR_IPV6_UDP_BYTES = 40 + 8,
	MR_WIRE_HEADER_BYTES = 72,
	MR_WIRE_TAG_BYTES = 16,
	MR_WIRE_BYTES_MAX = MR_MTU - MR_IPV6_UDP_BYTES, // one datagram's payload at MTU 1500
	MR_PACKET_EVENTS_MAX = 128, // events in one packet, jumbo frames included
	MR_ACK_BYTES_MAX = 1400, // a whole ACK message with header and tag
	MR_ACK_BITMAP_WORDS_MAX = 64,
	MR_ACK_REFUSED_RUNS_MAX = 24,

	// -- Sessions and flows.
	MR_WINDOW_MAX = 8192, // sequences per flow: also the credit limit
	MR_REORDER_PACKETS_MAX = 64, // packets of one flow that wait for an earlier one
	MR_SESSIONS_MAX = 1024,
	MR_SHED_SET_MAX = 256, // objects a shard names to its sources as over their bound

	// -- Shards.
	MR_BURST_MAX = 64, // descriptors taken from a ring at once
	MR_OBJECT_STATE_BYTES = 64,
	MR_HOP_CREDITS = 1024, // hops under way per pair of shards
	MR_HOPS_PER_EVENT_MAX = 1 + MR_ANCESTORS_MAX,
	MR_MATCH_WEBHOOKS_MAX = 1000, // webhooks of one resource (W1)
	MR_STREAM_CELL_BYTES = 128, // no two event records start in one cell of a stream buffer
	MR_LEDGER_SCOPES_MAX = 256, // rows per scope table, the last one is `other`

	// -- Delivery.
	MR_BATCH_EVENTS_MAX = 1000,
	MR_BATCH_BYTES_MAX = 102400, // the receiver's default body limit (W1)
	MR_IN_FLIGHT_MAX = 8, // sub-lanes per webhook
	MR_LANE_PENALISED_MAX = 4096, // penalised (lane, object) pairs of one delivery stage
	MR_LANE_FLOOR_CELLS = 256, // the floor of a stream moves by a 256th of its buffer
	MR_FRAGMENT_BYTES_MAX = 6144, // one rendered event: every string escaped at its worst
	MR_FILTERS_MAX = 16, // filters of one webhook
	MR_FILTER_FIELDS_MAX = 8, // fields of one filter
	MR_URL_BYTES_MAX = 1024,
	MR_HOST_BYTES_MAX = 253,
	MR_NAME_BYTES_MAX = 64, // name of a webhook or app in the configuration file
	MR_SECRET_BYTES_MAX = 128,
	MR_RESPONSE_HEADER_BYTES_MAX = 16384,
	MR_RESPONSE_HEADERS_MAX = 100,
	MR_RESPONSE_BODY_READ_MAX = 65536,
	MR_RESPONSE_INTERIM_MAX = 8, // 1xx responses before the final one

	// -- The journal.
	MR_JOURNAL_COMMIT_MAX = 1 << 20, // bytes of runs in one commit frame
	MR_JOURNAL_COMMITS_MAX = 4, // commit buffers, hence writes under way
	MR_SEGMENTS_MAX = 4096, // live at once: each holds a descriptor
	MR_SEGMENT_BYTES_MIN = 1 << 20,
	MR_SEGMENT_SPARES = 2, // made ahead of the writer
	MR_LANE_RECORD_ENTRIES_MAX = 512,
	MR_QUEUED_RECORD_EVENTS_MAX = 512,

	// -- Control.
	MR_CONTROL_MESSAGE_BYTES_MAX = 16384,
	MR_BANS_MAX = 4096, // in force at once
	MR_ACTS_MAX = 1024, // of operators, remembered for who asks later
	MR_TOP_ROWS = 64, // of one table of the most active scopes
	MR_TOP_SECONDS = 5, // after which a table of them begins anew
	MR_ATTEMPT_ROWS = 2048, // attempts remembered by a delivery stage for who reads along
	MR_ATTEMPT_BODY_BYTES = 256, // of an answer's body that are kept
	MR_TAP_ROWS = 1024, // steps of followed objects, remembered by a stage
	MR_TAPS_MAX = 16, // objects followed at once
	MR_STAGES_MAX = MR_SOURCES_MAX + MR_SHARDS_MAX + MR_DELIVERIES_MAX + 4,
};

static_assert(MR_SLOTS % MR_FLOWS_MAX == 0, "a flow is slot mod F");
static_assert(MR_SHARDS_MAX <= MR_FLOWS_MAX, "a shard owns whole flows");
static_assert(
	MR_IPV6_UDP_BYTES + MR_WIRE_HEADER_BYTES + MR_EVENT_BYTES_MAX_NO_PAYLOAD + MR_WIRE_TAG_BYTES
		<= MR_MTU,
	"one event fits one packet over IPv6 with header and tag");
static_assert(
	MR_WIRE_HEADER_BYTES + 32 + MR_FLOWS_MAX * 16 + MR_WIRE_TAG_BYTES <= MR_WIRE_BYTES_MAX,
	"WELCOME fits one packet");
static_assert(MR_WIRE_HEADER_BYTES + 40 + MR_ACK_BITMAP_WORDS_MAX * 8 + MR_ACK_REFUSED_RUNS_MAX * 24
			+ MR_WIRE_TAG_BYTES
		<= MR_ACK_BYTES_MAX,
	"an ACK fits its slot");
static_assert(MR_ACK_BYTES_MAX <= MR_WIRE_BYTES_MAX, "an ACK fits one packet");
static_assert((MR_MTU_JUMBO - MR_IPV6_UDP_BYTES) / MR_EVENT_FIXED_BYTES <= MR_PACKET_EVENTS_MAX,
	"no packet carries more events than its verdicts have room for");
static_assert(MR_FRAGMENT_BYTES_MAX + 16 <= MR_BATCH_BYTES_MAX, "one rendered event fits a body");
static_assert(MR_WINDOW_MAX % 64 == 0, "the window is a bitmap of words");
static_assert(MR_STREAMS_MAX < 65535, "0xffff is no stream");
static_assert((MR_SEGMENTS_MAX & (MR_SEGMENTS_MAX - 1)) == 0, "segments are counted in a ring");
static_assert(MR_SESSIONS_MAX <= 65535, "sessions are 16-bit indices in descriptors");
