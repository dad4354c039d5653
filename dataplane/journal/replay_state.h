// Inside of a replay: replay.c sessions and windows, replay_kept.c webhooks, keys, bans and pauses,
// replay_events.c events, replay_hops.c which of their hops are done in the end, replay_lanes.c
// lanes, replay_owed.c what they owe in the end.
#pragma once

#include "hash.h"
#include "replay.h"
#include "replay_index.h"

enum mr_replay_event_state {
	MR_REPLAY_STRAY = 0, // named by a match record only, so far
	MR_REPLAY_WAITING, // not distributed
	// distributed, with match records that earlier events of the object may need
	MR_REPLAY_DONE,
};

// What a lane owes: an entry, or a lane record. Lists keep the order of matching.
struct replay_entry {
	mr_position position; // 0: it has left, and goes when it comes first
	// the match record; 0: an entry of a checkpoint; RECORD: a lane record of one
	mr_position match;
	uint32_t next; // number + 1
	uint32_t lane : 24;
	uint32_t tag  : 8; // object's hash; of a checkpoint: sub-lane
};
#define REPLAY_RECORD UINT64_MAX

enum { REPLAY_LANES_MAX = 1 << 24 };

struct replay_list {
	uint32_t head, tail; // number + 1; 0: none
};

struct replay_sublane {
	uint64_t batch_number; // unsettled; 0: none
	uint64_t settled_number;
	uint64_t left;
	mr_position *batch;
	uint32_t batch_count, batch_capacity;
	bool is_counted; // `left` is known
};

// Entries that have left, and stand in lane records that were not read.
struct replay_absent {
	mr_position position;
	uint32_t sublane; // UINT32_MAX: any
	uint32_t reserved;
};

struct replay_lane {
	uint64_t webhook;
	uint64_t last_number;
	int64_t failing_since_ns;
	int64_t next_attempt_ns;
	uint32_t attempts;
	uint16_t status;
	uint16_t sublanes_count; // 0: not known
	struct replay_list state; // of the last checkpoint
	struct replay_list matched; // since
	uint32_t records; // lane records in `state`
	// Records of a checkpoint of the lane whose last one has not come yet.
	uint8_t *dump;
	uint32_t dump_bytes, dump_capacity;
	uint32_t absent_count, absent_capacity;
	struct replay_absent *absent;
	struct replay_sublane sublanes[MR_IN_FLIGHT_MAX];
};

struct mr_replay {
	uint32_t flows_max;
	uint64_t seed;
	struct mr_replay_pool sessions, flows, expiries, events, entries, lanes, kept;
	struct mr_replay_index session_by_id, flow_by_id, expiry_by_webhook, kept_by_id;
	struct mr_replay_index event_by_position, entry_by_position, lane_by_webhook;
	struct mr_replay_item *items[MR_IN_FLIGHT_MAX]; // of the lane asked for last
	uint32_t items_capacity[MR_IN_FLIGHT_MAX];
};

static inline uint32_t replay_hash(const struct mr_replay *replay, uint64_t a, uint64_t b)
{
	return (uint32_t)mr_hash_u64(a, replay->seed ^ b * UINT64_C(0x9e3779b97f4a7c15));
}

static inline struct replay_entry *replay_entry(const struct mr_replay *replay, uint32_t number)
{
	return mr_replay_pool_at(&replay->entries, number);
}

static inline struct replay_lane *replay_lane(const struct mr_replay *replay, uint32_t number)
{
	return mr_replay_pool_at(&replay->lanes, number);
}

// -- replay_events.c
int replay_event(
	struct mr_replay *replay, mr_position position, const struct mr_record_event *event);
int replay_hop(struct mr_replay *replay, const struct mr_record_match *match);
int replay_queued(
	struct mr_replay *replay, uint16_t stream, const uint64_t *offsets, uint32_t count);
void replay_distributed(struct mr_replay *replay, mr_position position);
enum { REPLAY_FLOORS = 128 }; // streams of one boot have different ids modulo this
// Lowest event that waits, by stream; UINT64_MAX: none.
void replay_floors(const struct mr_replay *replay, mr_position ret_floors[REPLAY_FLOORS]);
// A distributed event matters to earlier ones only.
static inline bool replay_matters(
	const struct mr_replay_event *event, const mr_position floors[REPLAY_FLOORS])
{
	return event->position > floors[mr_position_stream(event->position) % REPLAY_FLOORS];
}

// -- replay_kept.c
void replay_kept_init(struct mr_replay *replay);
void replay_kept_fini(struct mr_replay *replay);
// WEBHOOK, APP, BAN and PAUSE.
int replay_keep(struct mr_replay *replay, const struct mr_record *record);

// -- replay_lanes.c
int replay_match(
	struct mr_replay *replay, mr_position position, const struct mr_record_match *match);
// LANE, BATCH and PROGRESS.
int replay_lane_says(struct mr_replay *replay, const struct mr_record *record);
int replay_delivery_dropped(struct mr_replay *replay, const struct mr_record_dropped *record);
// The entry leaves; when it may stand in a lane record, that is noted. 0 or -ENOMEM.
int replay_leave(struct mr_replay *replay, uint32_t lane, mr_position position, uint32_t sublane);
uint32_t replay_lane_find(const struct mr_replay *replay, uint64_t webhook);
bool replay_entry_is(const void *thing, const void *key);

struct replay_entry_key {
	mr_position position;
	uint32_t lane;
};
