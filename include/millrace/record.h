// Records: what streams are made of, in memory and on disk. Little-endian, 8-byte aligned, length a
// multiple of 8. Scope ids stand at fixed offsets. A position names a record: (stream, offset of
// its first byte).
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include <millrace/ban.h>
#include <millrace/event.h>
#include <millrace/limits.h>

enum mr_record_kind {
	MR_RECORD_EVENT = 1, // shard: an accepted event
	MR_RECORD_MATCH = 2, // shard: who must hear of one hop of an event
	MR_RECORD_DISTRIBUTED = 3, // shard: events whose hops are all answered
	MR_RECORD_DROPPED = 4, // shard, delivery: an accepted event, or a delivery, given up
	MR_RECORD_CHECKPOINT = 5, // shard: one flow's window
	MR_RECORD_BATCH = 6, // delivery: borders of a batch, durable before its first attempt
	MR_RECORD_PROGRESS = 7, // delivery: what a lane has settled, how its endpoint fares
	MR_RECORD_LANE = 8, // delivery: lane entries beyond memory
	MR_RECORD_SESSION = 9, // node: a session opened or closed
	MR_RECORD_WEBHOOK = 10, // node: a webhook with its sealed secret
	MR_RECORD_QUEUED = 11, // shard: events not distributed yet, older than a checkpoint
	MR_RECORD_TAKEN =
		12, // delivery: how far a checkpoint's lanes have taken each shard's matches
	MR_RECORD_EXPIRED = 13, // node: a webhook was given up
	MR_RECORD_BAN = 14, // node: a ban is set, or lifted
	MR_RECORD_PAUSE = 15, // node: what is paused, as a whole
	MR_RECORD_APP = 16, // node: a key of an app, not of the configuration file
	MR_RECORD_KIND_COUNT,
};

struct mr_record {
	uint32_t length; // whole record, this header included
	uint16_t kind; // enum mr_record_kind
	uint16_t flags; // per kind
	uint32_t check; // low half of XXH3-64 over the record with this field zero
	uint32_t reserved; // zero
};
static_assert(sizeof(struct mr_record) == 16, "record format");

// A position packed: stream in the top 16 bits, offset / 8 below. 0 is no position (streams start
// at offset 4096).
typedef uint64_t mr_position;
enum { MR_STREAM_START = 4096 };

static inline mr_position mr_position_make(uint16_t stream, uint64_t offset)
{
	return (uint64_t)stream << 48 | offset >> 3;
}

static inline uint16_t mr_position_stream(mr_position position)
{
	return (uint16_t)(position >> 48);
}

static inline uint64_t mr_position_offset(mr_position position)
{
	return (position & ((UINT64_C(1) << 48) - 1)) << 3;
}

// In record.flags and hops_done of an event that a start has copied out of an earlier boot's
// stream: hops whose match records are durable and counted there. They are not sent again.
enum mr_event_flag {
	MR_EVENT_OBJECT_DONE = 1, // the hop to the object itself
	MR_EVENT_COPIED = 2, // was accepted in an earlier boot
};

// Followed by the event's bytes exactly as decoded (struct mr_event_fixed first).
struct mr_record_event {
	struct mr_record record; // flags: enum mr_event_flag
	uint64_t app;
	uint64_t session_id;
	uint64_t sequence;
	int64_t received_at_ns; // wall clock, UTC: retention counts from here
	uint32_t session_epoch;
	uint16_t flow;
	uint16_t hops_done; // bit: index of an ancestor
	// struct mr_event_fixed and what follows it
};
static_assert(sizeof(struct mr_record_event) == 56, "record format");
static_assert(
	sizeof(struct mr_record_event) + sizeof(struct mr_event_fixed) >= MR_STREAM_CELL_BYTES,
	"no two event records start in one cell");
enum {
	MR_RECORD_EVENT_APP_AT = 16,
	MR_RECORD_EVENT_OBJECT_AT = 56 + 8,
	MR_RECORD_EVENT_WORKSPACE_AT = 56 + 16,
	MR_RECORD_EVENT_DATABASE_AT = 56 + 24,
	MR_RECORD_EVENT_USER_AT = 56 + 32,
	MR_RECORD_BYTES_MAX = 56 + MR_EVENT_BYTES_MAX,
};

enum mr_match_flag {
	MR_MATCH_PENALISED = 1, // the hop carried the mark: entries go to the lanes' penalty side
};

// Followed by `count` webhook ids (u64).
struct mr_record_match {
	struct mr_record record; // flags: enum mr_match_flag
	mr_position origin; // the event
	uint64_t resource; // gid of the object or ancestor that has the webhooks
	uint16_t count;
	uint8_t ancestor; // index in the event, MR_VIA_OBJECT for the object itself
	// low byte of the hash of the event's object: spreads objects over sub-lanes
	uint8_t object_hash;
	uint8_t reserved[4];
};
static_assert(sizeof(struct mr_record_match) == 40, "record format");
static_assert(sizeof(struct mr_record_match) + MR_MATCH_WEBHOOKS_MAX * 8 <= MR_RECORD_BYTES_MAX,
	"a match record is no longer than the longest event record");

// Followed by `count` offsets (u64) in the same stream.
struct mr_record_distributed {
	struct mr_record record;
	uint32_t count;
	uint32_t reserved;
};
static_assert(sizeof(struct mr_record_distributed) == 24, "record format");

// A checkpoint's list of events that still wait in object queues with no hop sent. Events in
// replayed frames need no such list: it is for those before them. Followed by `count` offsets (u64)
// in the same stream.
struct mr_record_queued {
	struct mr_record record;
	uint32_t count; // at most MR_QUEUED_RECORD_EVENTS_MAX
	uint32_t reserved;
};
static_assert(sizeof(struct mr_record_queued) == 24, "record format");

struct mr_record_dropped {
	struct mr_record record;
	mr_position origin;
	uint64_t webhook; // 0: the event as a whole
	// A delivery whose origin is a lane record: so many entries that were on disk only, all of
	// them gone with their segment.
	uint64_t scope_id;
	uint8_t reason; // enum mr_reason
	uint8_t scope_kind; // enum mr_scope_kind
	uint8_t reserved[6];
};
static_assert(sizeof(struct mr_record_dropped) == 48, "record format");

struct mr_record_checkpoint {
	struct mr_record record;
	uint64_t app;
	uint64_t session_id;
	uint32_t session_epoch;
	uint16_t flow;
	uint16_t reserved;
	uint64_t next; // the next sequence the flow admits
	// bit (s mod window): sequence s of the last window was accepted
	uint64_t accepted[MR_WINDOW_MAX / 64];
};
static_assert(sizeof(struct mr_record_checkpoint) == 48 + MR_WINDOW_MAX / 8, "record format");

enum mr_batch_flag {
	MR_BATCH_AGAIN = 1, // a checkpoint repeats a batch that has not settled
};

// Followed by `count` positions, in delivery order.
struct mr_record_batch {
	struct mr_record record; // flags: enum mr_batch_flag
	uint64_t webhook;
	uint64_t number; // rises by one per batch of the webhook; names it to the receiver
	uint16_t sublane;
	uint16_t count;
	uint16_t penalised; // how many of them, at the end, come from the penalty side
	uint16_t reserved;
};
static_assert(sizeof(struct mr_record_batch) == 40, "record format");

enum mr_progress_flag {
	// the batch settled_number was never sent: what it named waits once more
	MR_PROGRESS_VOID = 1,
};

struct mr_record_progress {
	struct mr_record record; // flags: enum mr_progress_flag
	uint64_t webhook;
	uint64_t settled_number; // of the sub-lane: batches up to it need no more
	int64_t failing_since_ns; // wall clock; 0: not failing
	int64_t next_attempt_ns; // wall clock; 0: at once
	uint32_t attempts; // of the batch under way
	uint16_t sublane;
	uint16_t status; // last HTTP status; 0: none was seen
};
static_assert(sizeof(struct mr_record_progress) == 56, "record format");

enum mr_lane_record_flag {
	// A checkpoint's: the lane's whole state, in one or several records of which the first
	// carries MR_LANE_RECORD_FIRST and replaces all that was known of the lane's entries from
	// match records below `taken`; batch and progress records of the lane follow, and the
	// progress of its last sub-lane ends it: until that is there, nothing of it counts.
	// Without it: the record spills entries that are in the state already, and says nothing
	// new.
	MR_LANE_RECORD_STATE = 1,
	MR_LANE_RECORD_FIRST = 2,
	// The positions are of lane records that hold the entries, oldest first.
	MR_LANE_RECORD_INDEX = 4,
};

// Followed by `count` positions: entries of one sub-lane, oldest first.
struct mr_record_lane {
	struct mr_record record; // flags: enum mr_lane_record_flag
	uint64_t webhook;
	uint64_t first_entry; // entries that ever left the sub-lane before the first of these
	mr_position taken; // STATE: match records of the lane's shard below it are in the state
	uint64_t last_number; // of the webhook's batches
	uint16_t sublane;
	uint16_t sublanes; // of the lane: delivery.in_flight when it was opened
	uint32_t count; // at most MR_LANE_RECORD_ENTRIES_MAX
};
static_assert(sizeof(struct mr_record_lane) == 56, "record format");

// Begins a checkpoint of a delivery stage: lanes that no LANE record of it names were empty, and
// have taken every match record of a shard's stream below these positions. Followed by `count`
// positions, one per shard.
struct mr_record_taken {
	struct mr_record record;
	uint64_t epoch; // of the checkpoint
	uint32_t count;
	uint32_t reserved;
};
static_assert(sizeof(struct mr_record_taken) == 32, "record format");

enum mr_session_flag {
	MR_SESSION_CLOSED = 1,
};

struct mr_record_session {
	struct mr_record record; // flags: enum mr_session_flag
	uint64_t app;
	uint64_t session_id;
	uint64_t key_id; // of its last HELLO
	uint32_t session_epoch;
	uint32_t reserved;
	int64_t at_ns; // wall clock
};
static_assert(sizeof(struct mr_record_session) == 56, "record format");

struct mr_record_expired {
	struct mr_record record;
	uint64_t webhook;
	uint64_t entry_hash; // of its entry in the configuration: another one lifts it
	int64_t at_ns; // wall clock
};
static_assert(sizeof(struct mr_record_expired) == 40, "record format");

enum mr_webhook_record_flag { MR_WEBHOOK_RECORD_REMOVED = 1, MR_WEBHOOK_RECORD_DISABLED = 2 };

// A webhook that did not come from the configuration file. Followed by the strings: resource type,
// url, sealed secret, filters in the text form of the configuration file.
struct mr_record_webhook {
	struct mr_record record; // flags: enum mr_webhook_record_flag
	uint64_t webhook;
	uint64_t resource;
	uint64_t owner; // app of the token that made it
	uint64_t user;
	uint64_t workspace;
	int64_t at_ns; // wall clock
	uint16_t type_length;
	uint16_t url_length;
	uint16_t secret_length;
	uint16_t filters_length;
};
static_assert(sizeof(struct mr_record_webhook) == 72, "record format");

// LIFTED ends the ban with this id. A second ban of a scope takes the place of the first one, whose
// end stands behind it. A record of no scope (MR_SCOPE_NONE) says which id was given out last.
enum mr_ban_record_flag { MR_BAN_RECORD_LIFTED = 1 };

struct mr_record_ban {
	struct mr_record record; // flags: enum mr_ban_record_flag
	struct mr_ban ban;
};
static_assert(sizeof(struct mr_record_ban) == 256, "record format");

struct mr_record_pause {
	struct mr_record record;
	struct mr_paused paused[MR_PAUSES];
};
static_assert(sizeof(struct mr_record_pause) == 664, "record format");

enum mr_app_record_flag { MR_APP_RECORD_REMOVED = 1 };

struct mr_record_app {
	struct mr_record record; // flags: enum mr_app_record_flag
	uint64_t app;
	uint64_t key_id;
	char name[MR_NAME_BYTES_MAX];
};
static_assert(sizeof(struct mr_record_app) == 96, "record format");
