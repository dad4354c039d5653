// Messages between the steward and the stages. The steward owns the memory of a message until every
// stage has published a generation at or above the message's (struct mr_stats_stage.generation); a
// stage handles messages in order between bursts. Ring descriptors: word[0] points to the message.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include <millrace/ban.h>
#include <millrace/control.h>
#include <millrace/limits.h>
#include <millrace/wire.h>

#include "bans.h"
#include "survey.h"
#include "webhook.h"

enum mr_steward_kind {
	MR_STEWARD_SESSION_OPEN = 1, // sources and shards
	MR_STEWARD_SESSION_CLOSE, // sources first (no new packet), then shards
	MR_STEWARD_WEBHOOK_ADD, // the shard of the resource and the delivery stage of the endpoint
	MR_STEWARD_WEBHOOK_REMOVE,
	MR_STEWARD_KEYS, // sources: the whole key table
	MR_STEWARD_PAUSE, // sources: refuse with `reason`; MR_REASON_OK goes on
	MR_STEWARD_WELCOME, // one source: send handshake->reply
	MR_STEWARD_TUNE, // limits of the configuration that may change at run time
	// shards: the whole configuration is in force everywhere; what a start has recovered may
	// be distributed
	MR_STEWARD_GO,
	MR_STEWARD_BAN, // sources, shards and delivery stages
	MR_STEWARD_UNBAN, // the same
	MR_STEWARD_SURVEY, // shards and delivery stages: begin to walk
	MR_STEWARD_STOP, // shards and delivery stages: what an operator has paused, all of it
	MR_STEWARD_EXPLAIN, // one shard: the owner of the object, then those of its resources
	MR_STEWARD_TAP, // shards and delivery stages: all objects that are followed
	MR_STEWARD_WEBHOOK_TEST, // one delivery stage: an attempt with no events, at once
};

enum { MR_KEYS_MAX = 256 };

struct mr_key {
	uint64_t key_id;
	uint64_t app;
};

struct mr_session {
	uint64_t app;
	uint64_t session_id;
	uint64_t key_id;
	uint32_t epoch;
	uint16_t index;
	uint16_t reserved;
	uint64_t known[MR_FLOWS_MAX]; // from HELLO
	// Answer: each shard writes the grants of its own flows before it publishes its generation.
	struct mr_wire_grant grants[MR_FLOWS_MAX];
};

struct mr_tune {
	uint32_t object_queue_events;
	uint32_t object_queue_bytes;
	uint32_t penalty_after;
	uint32_t penalised_max;
	uint32_t batch_events_max;
	uint32_t batch_bytes_max;
	uint64_t batch_age_ns;
	uint64_t connect_timeout_ns;
	uint64_t request_timeout_ns;
	uint64_t retry_base_ns;
	uint64_t retry_cap_ns;
	uint64_t expire_after_ns;
	uint64_t heartbeat_ns;
};

// A handshake on its way: the source fills it from a HELLO or BYE and lends it to the steward; it
// comes back with WELCOME.
struct mr_handshake {
	uint8_t request[MR_WIRE_BYTES_MAX]; // header, body, tag: checked for sanity by the source
	uint8_t reply[MR_WIRE_BYTES_MAX]; // built by the steward
	uint32_t request_length;
	uint32_t reply_length; // 0: say nothing
	uint64_t app; // of the key
	uint8_t path[64]; // how to answer: the source's own business
	uint16_t source;
	uint16_t slot;
};

struct mr_steward_msg {
	enum mr_steward_kind kind;
	uint64_t generation;
	union {
		struct mr_session session; // OPEN, CLOSE
		struct mr_webhook webhook; // ADD, REMOVE (id, resource, lane), TEST (id, lane)
		struct {
			uint32_t count;
			struct mr_key keys[MR_KEYS_MAX];
		} keys;
		uint32_t reason; // PAUSE
		struct mr_handshake *handshake; // WELCOME
		struct mr_tune tune;
		struct mr_ban_entry ban; // BAN; UNBAN: its scope
		struct mr_survey *survey; // lent until every part is done
		uint32_t stopped; // STOP: enum mr_pause bits
		struct mr_explain *explain; // lent until the generation is published
		struct {
			uint32_t count;
			uint64_t objects[MR_TAPS_MAX];
		} tap;
	};
};

// An event to be judged and not accepted: the shards write what they would do.
struct mr_explain {
	const uint8_t *event; // decoded and sound
	uint32_t event_bytes;
	uint32_t shard; // asked now
	uint64_t app;
	struct mr_control_explained answer; // the owner of the object: all but webhooks
};

// A secret that a webhook's endpoint has just echoed. It stands in the delivery stage's memory
// until the webhook is removed; the steward copies it when it takes the message, and does not look
// when it has removed the webhook meanwhile.
struct mr_made_secret {
	uint64_t webhook; // id
	uint32_t lane;
	uint16_t secret_length;
	uint16_t reserved;
	char secret[MR_SECRET_BYTES_MAX]; // ASCII; not terminated
};

// Stage to steward: word[0] is a pointer or value, word[1] the kind (low 32 bits) and an index
// (high 32 bits).
enum mr_to_steward_kind {
	MR_TO_STEWARD_HELLO = 1, // struct mr_handshake *, lent
	MR_TO_STEWARD_BYE, // struct mr_handshake *, lent
	MR_TO_STEWARD_SECRET, // index: lane; word[0]: const struct mr_made_secret *, lent
	MR_TO_STEWARD_WEBHOOK_GONE, // index: lane; word[0]: id of the webhook
	// index: lane; word[0]: HTTP status (0: none) of a handshake that failed, or of a test
	MR_TO_STEWARD_WEBHOOK_TRIED,
};
