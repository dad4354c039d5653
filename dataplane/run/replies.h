// Answers to handshakes, on their way back to the sources that lent them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/reason.h>

#include "arena.h"
#include "postbox.h"
#include "steward_msg.h"

enum { MR_REPLIES_MAX = 4096 }; // given, and not yet taken by their source

struct mr_replies_config {
	uint64_t hash_seed;
	uint64_t boot_id;
	uint32_t flows;
	uint32_t first_source; // stage number of source 0
	bool is_volatile;
};

struct mr_replies {
	struct mr_replies_config config;
	struct mr_postbox *postbox;
	struct mr_handshake **handshakes; // first in first out
	uint32_t head;
	uint32_t count;
};

// False when the arena has no room (or plans).
bool mr_replies_init(struct mr_replies *replies, struct mr_arena *arena, struct mr_postbox *postbox,
	const struct mr_replies_config *config);
// Each gives one handshake back; the source sends the reply, never more than it was asked with.
void mr_reply_nothing(struct mr_replies *replies, struct mr_handshake *handshake);
void mr_reply_error(struct mr_replies *replies, struct mr_handshake *handshake,
	enum mr_reason reason, uint32_t offset);
void mr_reply_welcome(struct mr_replies *replies, struct mr_handshake *handshake,
	const struct mr_session *session);
void mr_reply_bye(struct mr_replies *replies, struct mr_handshake *handshake);
// Sends what the postbox has room for. True when something moved.
bool mr_replies_send(struct mr_replies *replies);
