// A world around one or several shards, in one thread: an arena, streams, rings, a journal that
// makes durable when the test lets it, delivery stages that take lane messages when the test lets
// them, one source, and a clock.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "message.h"
#include "ring.h"
#include "shard.h"
#include "steward_msg.h"
#include "wire_codec.h"

enum {
	RIG_SHARDS_MAX = 4,
	RIG_DELIVERIES = 2,
	RIG_SESSIONS_MAX = 4,
	RIG_LOG_MAX = 1 << 17,
	RIG_FILE_BYTES = 1 << 23,
	RIG_APP = 700,
	RIG_SESSION_ID = 9000, // of session index 0, the next of 1
};

struct rig_options { // zeros: what rig_open puts in their place
	uint32_t shards;
	uint32_t flows;
	uint64_t buffer_bytes;
	struct mr_backend_reader backend; // where overwritten records are found
	bool is_durable; // the journal keeps what it made durable, and answers for it
	uint16_t first_stream;
	uint64_t earlier_bytes; // durable: of each stream, there before its buffer begins
	bool awaits_go;
	bool shows_activity; // and has something to do for it
	struct mr_shard_limits limits;
};

struct rig_ack { // the last one of a flow
	uint64_t settled;
	uint64_t edge;
	uint32_t count; // ACKs seen
	uint16_t bitmap_words;
	uint16_t runs_count;
	uint8_t flags;
	uint64_t bitmap[MR_ACK_BITMAP_WORDS_MAX];
	struct mr_wire_refused runs[MR_ACK_REFUSED_RUNS_MAX];
};

struct rig_event { // what a test says of an event
	uint64_t object;
	uint64_t workspace;
	uint64_t database;
	uint64_t user;
	const char *type; // NULL: "task"
	uint32_t ancestors;
	uint64_t gids[MR_ANCESTORS_MAX];
	uint8_t via[MR_ANCESTORS_MAX];
	const char *types[MR_ANCESTORS_MAX]; // NULL: "project"
	uint32_t payload_bytes;
};

struct rig_entry { // a lane message, and the event as it stood there when the message was taken
	struct mr_lane_msg message;
	uint64_t object;
	uint64_t session_id;
	uint64_t sequence;
};

struct rig {
	struct rig_options options;
	struct mr_arena arena;
	struct mr_now now;
	uint32_t units; // budget of a step
	bool journal_stopped;
	bool file_gone; // durable: nobody has what has left a buffer
	bool file_waits; // durable: every other fetch answers WAIT
	uint32_t fetches;
	uint8_t *files[RIG_SHARDS_MAX]; // durable: the streams, from offset 0
	struct mr_journal_board journal;
	struct mr_owner_board owners[RIG_SHARDS_MAX];
	struct mr_lane_feed feeds[RIG_SHARDS_MAX][RIG_DELIVERIES];
	bool deliveries_stopped; // lane messages stay in their rings
	bool lanes_pin; // lanes need everything: boards' floors stay where they are
	struct mr_stream streams[RIG_SHARDS_MAX];
	struct mr_stream *stream_pointers[RIG_SHARDS_MAX];
	struct mr_shard *shards[RIG_SHARDS_MAX];
	struct mr_shard_config configs[RIG_SHARDS_MAX];
	struct mr_stats_stage *stats; // [shards]
	struct mr_stats_scope *scopes; // [shards][tables][rows]
	struct mr_stats_taps *taps; // likewise: [shards]
	struct mr_stats_top *tops; // shows_activity: [shards][kinds][tables]
	struct mr_delivery_board *boards; // [deliveries]
	struct mr_throttle_board *throttles; // [shards]
	struct mr_survey *survey;
	struct mr_steward_msg *message;
	uint64_t generation;
	uint32_t packets_lent;
	uint64_t surprises; // mr_expect that failed as the test wants it
	uint32_t sheds; // SHED messages seen
	struct mr_shard_msg last_shed;
	struct rig_ack acks[RIG_SESSIONS_MAX][MR_FLOWS_MAX];
	struct rig_entry *log; // in the order in which they were taken
	uint32_t log_count;
};

void rig_open(struct rig *rig, const struct rig_options *options);
void rig_close(struct rig *rig); // also: both ledgers balance, no packet is missing

void rig_tell(struct rig *rig); // sends rig->message to every shard and waits until it is in force
void rig_session(struct rig *rig, uint16_t index);
void rig_session_of(struct rig *rig, uint16_t index, uint64_t app);
void rig_ban(struct rig *rig, struct mr_ban_rule rule); // a throttle's place is its scope's kind
void rig_unban(struct rig *rig, struct mr_scope scope);
void rig_stop(struct rig *rig, uint32_t stopped);
void rig_begin_survey(struct rig *rig, struct mr_scope scope, bool descendants, uint8_t reason);
bool rig_survey_is_done(const struct rig *rig, uint64_t *ret_events); // of all shards
// Until it is done.
uint64_t rig_survey(struct rig *rig, struct mr_scope scope, bool descendants, uint8_t reason);
void rig_webhook(struct rig *rig, const struct mr_webhook *webhook);
void rig_subscribe(
	struct rig *rig, uint64_t id, uint64_t resource); // a webhook without filters; lane = id

uint32_t rig_flow(const struct rig *rig, uint64_t object);
uint32_t rig_owner(const struct rig *rig, uint64_t resource);
uint64_t rig_object_of(
	const struct rig *rig, uint32_t flow, uint32_t nth); // an id whose flow is that

// The event's bytes, as a producer sends them; how many.
size_t rig_encode(const struct rig_event *event, uint8_t *ret_bytes, size_t size);
// Lends a packet of equal events of session 0 to the owner of the object's flow.
struct mr_packet *rig_packet(struct rig *rig, uint16_t session, uint64_t first, uint64_t known,
	const struct rig_event *event, uint32_t count);
void rig_lend(struct rig *rig, struct mr_packet *packet);
void rig_send(struct rig *rig, uint64_t first, const struct rig_event *event, uint32_t count);
void rig_push(struct rig *rig, uint32_t shard, struct mr_source_msg message);
void rig_hold(struct rig *rig, uint64_t object, enum mr_hold_kind kind);

void rig_step(
	struct rig *rig); // one step of every shard, 100 us; then journal, deliveries and source
void rig_run(struct rig *rig, uint32_t steps);
uint64_t rig_counter(const struct rig *rig, uint32_t shard, enum mr_counter_id id);
uint64_t rig_total(const struct rig *rig, enum mr_counter_id id);
uint64_t rig_reason(const struct rig *rig, enum mr_reason reason);
uint64_t rig_discards(const struct rig *rig, enum mr_discard discard);
void rig_audit(const struct rig *rig);
// How many lane messages lane got; all of one lane so far.
uint32_t rig_heard(const struct rig *rig, uint32_t lane);
