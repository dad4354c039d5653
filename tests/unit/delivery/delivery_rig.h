// A delivery stage in a world of fakes: one shard's stream and rings, a stream of its own that
// becomes durable when the test says so, the fake engine, and a clock that moves by hand.
#pragma once

#include "delivery_parts.h"
#include "engine_fake.h"

enum {
	RIG_LANES_MAX = 16,
	RIG_SHARD_STREAM = 0,
	RIG_OWN_STREAM = 1,
	RIG_MESSAGES_MAX = 64,
	// with a journal on disk: ids of this boot, and the one stream of an earlier boot
	RIG_DISK_STREAM = 40,
	RIG_OLD_STREAM = 5,
};

struct rig {
	struct mr_arena arena;
	struct mr_stream shard_stream, own_stream;
	struct mr_stream *streams[MR_STREAMS_MAX];
	struct mr_ring *lane_msgs, *hold_msgs, *from_steward, *to_steward;
	struct mr_delivery_board board;
	struct mr_stats_stage stats;
	struct mr_stats_webhook rows[RIG_LANES_MAX];
	struct mr_stats_attempts attempts;
	struct mr_stats_taps taps;
	struct mr_survey survey;
	struct mr_steward_msg messages[RIG_MESSAGES_MAX];
	struct mr_delivery *delivery;
	struct mr_now now;
	uint32_t messages_count; // may be set back when all are in force
	uint64_t generation; // of the last message
	bool durable; // the own stream's watermark follows its tail after each step
	// the shard's stream can no longer be read: `answer` is what the back end says
	bool overwritten;
	enum mr_read answer;
	uint32_t fetches;
	uint64_t sequence; // of the next event: its user
	uint64_t app; // of the next event
	uint32_t budget;
	// With a journal on disk: segment 1 holds the old stream.
	bool on_disk;
	struct mr_stream old_stream;
	struct mr_segment_map *map;
	struct mr_needs needs;
	struct mr_journal_board journal;
	struct mr_owner_board owner;
	struct mr_lane_feed feed;
	uint8_t *own_file; // every durable byte of the stage's own stream
	uint64_t segments; // begun
	uint64_t matches; // pushed
	bool feed_lags; // the shard has not said yet what it has pushed
};

struct rig *rig_new(void);
// The same with a journal on disk: what is durable stands in segments that the test begins and
// retires. The second half of it starts the stage, after the test has said what is recovered.
struct rig *rig_new_on_disk(uint32_t entries_max);
struct rig *rig_disk_plan(void);
void rig_disk_start(struct rig *rig, uint32_t entries_max);
void rig_segment_begin(struct rig *rig);
void rig_segment_retire(struct rig *rig);
// What lanes hold, as their needs count it; and what the journal is told, which what has left stays
// in until its record is durable.
uint64_t rig_needs(const struct rig *rig);
uint64_t rig_counts(const struct rig *rig); // all counts together
// A record of the earlier boot, durable.
mr_position rig_old_event(struct rig *rig, uint64_t object);
mr_position rig_old_lane_record(
	struct rig *rig, uint64_t webhook, const mr_position *positions, uint32_t count);
void rig_free(struct rig *rig); // after checking that the ledger balances
struct mr_tune *rig_tune(struct rig *rig); // to change and send with rig_retune
void rig_retune(struct rig *rig);
// A webhook with a secret.
struct mr_webhook *rig_webhook(struct rig *rig, uint32_t lane, uint32_t in_flight);
// In force when it returns, as for a shard that hears of a webhook after its lane stands.
void rig_add(struct rig *rig, const struct mr_webhook *webhook);
void rig_remove(struct rig *rig, const struct mr_webhook *webhook);
// Any other message to the stage: filled in, then sent; the stage takes it in the next step.
struct mr_steward_msg *rig_message(struct rig *rig, enum mr_steward_kind kind);
void rig_send(struct rig *rig, const struct mr_steward_msg *msg);
// Whether the stage has published the message's generation.
bool rig_is_in_force(const struct rig *rig, const struct mr_steward_msg *msg);
// Sent; in force after some steps.
struct mr_steward_msg *rig_ban(
	struct rig *rig, enum mr_scope_kind kind, uint64_t id, enum mr_ban_mode mode);
struct mr_steward_msg *rig_unban(struct rig *rig, enum mr_scope_kind kind, uint64_t id);
// A walk from its begin to its end; MR_REASON_OK only counts.
const struct mr_survey_part *rig_survey(
	struct rig *rig, enum mr_scope_kind kind, uint64_t id, enum mr_reason drop_reason);
void rig_stop(struct rig *rig, uint32_t what); // enum mr_pause bits
// An event of `object` whose user is its number.
mr_position rig_event(struct rig *rig, uint64_t object);
void rig_match(struct rig *rig, uint32_t lane, mr_position position, uint64_t object, bool marked);
void rig_deliver(
	struct rig *rig, uint32_t lane, uint64_t object, uint32_t count); // events and matches
void rig_step(struct rig *rig, uint64_t later_ns);
void rig_run(struct rig *rig, uint64_t for_ns, uint64_t step_ns);
uint64_t rig_counter(const struct rig *rig, enum mr_counter_id id);
uint64_t rig_dropped(const struct rig *rig, enum mr_reason reason);

// The numbers of the events in a body, in order; returns how many.
uint32_t rig_parse(const struct fake_request *request, uint64_t *ret_numbers, uint32_t max);
// The value of a header line of the request; "" when it is not there.
const char *rig_header(const struct fake_request *request, const char *name);
void rig_check_signature(const struct fake_request *request, const char *secret, size_t length);
// Answers everything that waits, oldest first.
uint32_t rig_answer_all(enum mr_outcome outcome, uint16_t status);

#define RIG_SECRET "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"
#define MS         UINT64_C(1000000)
#define SECOND     UINT64_C(1000000000)
