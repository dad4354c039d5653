// The sessions of all producers: who has which index, and the way from HELLO to WELCOME and from
// BYE to BYE. A session stands durably in the journal, and is known to every shard and source,
// before its WELCOME is sent; it ends at the sources before it ends at the shards, and durably
// before BYE is answered. One that is silent for long ends by itself.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/stats.h>

#include "arena.h"
#include "node.h"
#include "postbox.h"
#include "replies.h"
#include "steward_msg.h"
#include "todo.h"

struct mr_session_entry;

#define MR_SESSION_SILENCE_NS UINT64_C(86400000000000) // a session that is silent so long ends

struct mr_directory_config {
	struct mr_replies_config replies;
	uint32_t sessions_max;
	struct mr_stage_set sources;
	struct mr_stage_set shards;
	// When each session's last packet came, by source and index; NULL beyond the sources.
	const mr_counter *seen[MR_SOURCES_MAX];
	mr_counter *expired; // sessions that ended for their silence
};

// A session that a start has found in the journal.
struct mr_directory_known {
	struct mr_node_session session;
	uint32_t index; // the shards know it under this one
};

struct mr_directory {
	struct mr_directory_config config;
	struct mr_postbox *postbox;
	struct mr_node *node;
	struct mr_session_entry *entries;
	uint32_t open; // entries in use
	uint32_t recording; // entries whose record is to be written, or is not durable yet
	uint32_t apps; // that are configured
	uint64_t now_ns;
	uint64_t swept_ns; // when silent sessions were looked for
	struct mr_todo todo; // entries that need a message
	struct mr_replies replies;
	bool draining; // no new sessions
};

bool mr_directory_init(struct mr_directory *directory, struct mr_arena *arena,
	struct mr_postbox *postbox, struct mr_node *node, const struct mr_directory_config *config);
// Before anything else: a session that the shards and the journal know. Its sources hear of it when
// mr_directory_resume says so, all of them.
void mr_directory_recover(struct mr_directory *directory, const struct mr_directory_known *known);
void mr_directory_resume(struct mr_directory *directory);
// Takes a HELLO or BYE that a source lends; it goes back with an answer, or with none (reply_length
// 0).
void mr_directory_hello(struct mr_directory *directory, struct mr_handshake *handshake);
void mr_directory_bye(struct mr_directory *directory, struct mr_handshake *handshake);
// Writes what waits for the journal, sends what waits for room in the postbox, ends silent
// sessions. True when something moved. `now_ns` is monotonic.
bool mr_directory_work(struct mr_directory *directory, uint64_t now_ns);
// Nothing waits and nothing is under way.
bool mr_directory_idle(const struct mr_directory *directory);
// For a checkpoint: writes the session of this index again, if there is one. False: no room now.
bool mr_directory_record(struct mr_directory *directory, uint32_t index);
// Whether another handshake may be taken from a source.
bool mr_directory_ready(const struct mr_directory *directory);
