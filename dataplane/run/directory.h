// The sessions of all producers: who has which index, and the way from HELLO to WELCOME and from
// BYE to BYE. A session is known to every shard and source before its WELCOME is sent; it ends at
// the sources before it ends at the shards. A session that is never closed keeps its index until
// the router stops.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "postbox.h"
#include "steward_msg.h"
#include "todo.h"

struct mr_session_entry;

enum { MR_ANSWERS_MAX = 4096 }; // handshakes answered and not yet taken by their source

struct mr_directory_config {
	uint64_t hash_seed;
	uint64_t boot_id;
	uint32_t flows;
	uint32_t sessions_max;
	bool is_volatile;
	struct mr_stage_set sources;
	struct mr_stage_set shards;
	uint32_t first_source; // stage number of source 0
};

struct mr_directory {
	struct mr_directory_config config;
	struct mr_postbox *postbox;
	struct mr_session_entry *entries;
	uint32_t open; // entries in use
	struct mr_todo todo; // entries that need a message
	struct mr_handshake **answers; // first in first out
	uint32_t answers_head;
	uint32_t answers_count;
	bool draining; // no new sessions
};

bool mr_directory_init(struct mr_directory *directory, struct mr_arena *arena,
	struct mr_postbox *postbox, const struct mr_directory_config *config);
// Takes a HELLO or BYE that a source lends; it goes back with an answer, or with none (reply_length
// 0).
void mr_directory_hello(struct mr_directory *directory, struct mr_handshake *handshake);
void mr_directory_bye(struct mr_directory *directory, struct mr_handshake *handshake);
// Sends what waits for room in the postbox. True when something moved.
bool mr_directory_work(struct mr_directory *directory);
// Whether another handshake may be taken from a source.
bool mr_directory_ready(const struct mr_directory *directory);
