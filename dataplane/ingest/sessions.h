// The source's own copy of what the steward says about keys and sessions, and for each session the
// way back to its producer. Bounded, one owner.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/limits.h>
#include <millrace/stats.h>

#include "arena.h"
#include "frame.h"
#include "steward_msg.h"
#include "table.h"

struct mr_source_session {
	uint64_t session_id; // 0: not open
	uint64_t app;
	uint64_t key_id;
	uint32_t epoch;
	uint16_t index; // own place
	uint16_t next; // index + 1 of another session with the same id; 0: none
	uint32_t path_burst; // the burst whose first packet named the path
	bool has_path;
	struct mr_path path;
};

struct mr_sessions {
	struct mr_source_session *sessions; // by index
	uint32_t capacity;
	// session id to index: ids are chosen by producers, two may choose the same
	struct mr_table by_id;
	struct mr_table by_key; // key id to place in keys
	struct mr_key *keys;
	uint32_t keys_count;
	const struct mr_source_session *last; // found last: packets come in trains
	mr_counter *seen; // by index: when its last DATA came, monotonic ns
};

// False when the arena is exhausted or plans.
bool mr_sessions_init(
	struct mr_sessions *sessions, struct mr_arena *arena, uint32_t capacity, uint64_t seed);
void mr_sessions_set_keys(struct mr_sessions *sessions, const struct mr_key *keys, uint32_t count);
bool mr_sessions_app_of_key(const struct mr_sessions *sessions, uint64_t key_id, uint64_t *ret_app);
// Opening what is open already changes nothing.
void mr_sessions_open(struct mr_sessions *sessions, const struct mr_session *session);
void mr_sessions_close(struct mr_sessions *sessions, uint16_t index);
// The session a message belongs to: its id, its epoch, the app of its key. NULL with MR_DISCARD_KEY
// or MR_DISCARD_SESSION.
struct mr_source_session *mr_sessions_find(struct mr_sessions *sessions,
	const struct mr_wire_header *header, enum mr_discard *ret_why);
