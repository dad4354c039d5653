// What a start makes of the records of a journal: sessions, windows, events that wait for
// distribution, and what every lane owes. Fed record by record, in the order of the frames; knows
// no files. docs/adr/0013-every-start-is-a-new-boot.md has the rules. Heap; one thread.
//
// TAKEN records say nothing here that other records do not: what a replay sees of an empty lane's
// matches, it also sees of the batches that settled them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/record.h>

struct mr_replay;

struct mr_replay *mr_replay_new(uint32_t flows, uint64_t seed); // NULL: no memory
void mr_replay_free(struct mr_replay *replay); // accepts NULL

// The record at a position, sane and with the right checksum. 0; -EBADMSG: it cannot be, and
// nothing has changed; -ENOMEM.
int mr_replay_record(
	struct mr_replay *replay, uint16_t stream, uint64_t offset, const struct mr_record *record);

// -- The state, when all records were fed. Nothing may be fed any more.

// Records that lie outside of what was replayed. 0 and the record (until the next call), -ENOENT:
// it is gone; other negative errno.
struct mr_replay_source {
	void *owner;
	int (*read)(void *owner, mr_position position, const struct mr_record **ret_record);
};

struct mr_replay_session {
	uint64_t app; // 0: none
	uint64_t session_id;
	uint64_t key_id;
	int64_t at_ns;
	uint32_t epoch;
	uint32_t index; // for who walks them
};

struct mr_replay_flow {
	uint64_t app; // 0: none
	uint64_t session_id;
	uint64_t next;
	uint32_t epoch;
	uint16_t flow;
	uint16_t reserved;
	uint64_t accepted[MR_WINDOW_MAX / 64];
};

struct mr_replay_expiry {
	uint64_t webhook;
	uint64_t entry_hash;
	int64_t at_ns;
};

enum { MR_REPLAY_HOP_OBJECT = 1u << MR_ANCESTORS_MAX }; // bit of the hop to the object itself

struct mr_replay_event {
	mr_position position;
	uint64_t object; // 0: its bytes were not needed so far, or are gone
	uint32_t hops; // done; bit: index of an ancestor, or MR_REPLAY_HOP_OBJECT
	uint8_t state;
	uint8_t reserved[3];
};

// An item of a sub-lane: an entry, or a lane record full of them.
struct mr_replay_item {
	mr_position position;
	bool is_record;
};

struct mr_replay_sublane {
	uint64_t batch_number; // unsettled; 0: none
	uint32_t batch_count; // its entries are the first items
	uint32_t count;
	uint64_t settled_number;
	uint64_t left; // entries that left before the first one
	const struct mr_replay_item *items; // until the next lane is asked for
};

struct mr_replay_lane {
	uint64_t webhook;
	uint64_t last_number; // of batches
	int64_t failing_since_ns;
	int64_t next_attempt_ns;
	uint32_t attempts;
	uint16_t status;
	uint16_t sublanes_count;
	struct mr_replay_sublane sublanes[MR_IN_FLIGHT_MAX];
};

// The open session of this number; NULL: there is none (0 .. sessions - 1).
const struct mr_replay_session *mr_replay_session(const struct mr_replay *replay, uint32_t number);
uint32_t mr_replay_sessions(const struct mr_replay *replay);
// A flow of an open session, and the number of the session; NULL: there is none.
const struct mr_replay_flow *mr_replay_flow(
	const struct mr_replay *replay, uint32_t number, uint32_t *ret_session);
uint32_t mr_replay_flows(const struct mr_replay *replay);
const struct mr_replay_expiry *mr_replay_expiry(const struct mr_replay *replay, uint32_t number);
uint32_t mr_replay_expiries(const struct mr_replay *replay);
// Hash of the entry with which the webhook was given up; 0: it never was.
uint64_t mr_replay_expired(const struct mr_replay *replay, uint64_t webhook);

// The last record of a webhook, a key or a scope's ban that was not removed, or of the pauses;
// NULL: none (0 .. count - 1).
const struct mr_record *mr_replay_kept(const struct mr_replay *replay, uint32_t number);
uint32_t mr_replay_kept_count(const struct mr_replay *replay);

// Events that wait for distribution, by position, with the hops that are done: of their own match
// records, and of those of later events of the object at the same resource. 0 and an array to be
// freed, or negative errno.
int mr_replay_events(struct mr_replay *replay, const struct mr_replay_source *source,
	struct mr_replay_event **ret_events, uint32_t *ret_count);

uint32_t mr_replay_lanes(const struct mr_replay *replay);
uint64_t mr_replay_lane_webhook(const struct mr_replay *replay, uint32_t number);
// What the lane owes, by sub-lane: its unsettled batch, then the rest in order of matching.
// `in_flight`: sub-lanes of a lane of which nothing else says how many it had. To be asked once per
// lane. 0 or negative errno.
int mr_replay_lane(struct mr_replay *replay, uint32_t number, uint32_t in_flight,
	const struct mr_replay_source *source, struct mr_replay_lane *ret_lane);
