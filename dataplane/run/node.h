// The steward's own stream in the journal: which sessions are open, which webhooks were given up,
// what operators have stopped. A volatile router has none: then there is always room, and
// everything counts at once.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/record.h>

#include "journal_board.h"
#include "stream.h"

struct mr_node {
	struct mr_stream *stream; // NULL: volatile
	const struct mr_journal_board *journal;
	struct mr_owner_board *owner; // its own
	int64_t wall_ns; // what is written down as the time
};

// What the steward says of a session.
struct mr_node_session {
	uint64_t app;
	uint64_t session_id;
	uint64_t key_id;
	uint32_t epoch;
};

// Whether the next record finds room, also one of a ban behind it; later, when the journal has
// taken what is there.
bool mr_node_has_room(const struct mr_node *node);
// Appends a record and returns its end: it counts once mr_node_durable says so.
uint64_t mr_node_session(
	struct mr_node *node, const struct mr_node_session *session, enum mr_session_flag flags);
uint64_t mr_node_expired(struct mr_node *node, uint64_t webhook, uint64_t entry_hash);
// A webhook that did not come from the configuration file, as its record stands in memory, and a
// key; where mr_node_fits says that they have room.
bool mr_node_fits(const struct mr_node *node, size_t bytes);
uint64_t mr_node_webhook(struct mr_node *node, struct mr_record_webhook *record, uint16_t flags);
uint64_t mr_node_app(struct mr_node *node, struct mr_record_app *record, uint16_t flags);
uint64_t mr_node_ban(struct mr_node *node, const struct mr_ban *ban, enum mr_ban_record_flag flags);
uint64_t mr_node_ban_id(struct mr_node *node, uint64_t id); // given out last
uint64_t mr_node_paused(struct mr_node *node, const struct mr_paused paused[MR_PAUSES]);
uint64_t mr_node_end(const struct mr_node *node); // of the last record
bool mr_node_durable(const struct mr_node *node, uint64_t end);
// The journal has failed: nothing will be durable any more.
bool mr_node_failed(const struct mr_node *node);
// What is durable may be overwritten.
void mr_node_retire(struct mr_node *node);
// The checkpoint that is wanted; 0: none, or it has been made.
uint64_t mr_node_wanted(const struct mr_node *node);
// All that the steward knows stands in records appended since `epoch` was wanted.
void mr_node_checkpointed(struct mr_node *node, uint64_t epoch);
