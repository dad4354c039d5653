// The inside of the delivery stage, for its own files: recipients (the outer half of a lane),
// attempts, and how they wait for each other.
//
// Where things wait: a sub-lane that has a batch to send marks itself in recipient->due; a
// recipient with something due stands in `ready`; when its endpoint has no slot it moves to the
// endpoint's `blocked`; while it fails it stands nowhere until its timer fires. An attempt stands
// in `rendering` until its body is whole and its batch recorded, in `durable` until the record is,
// at the engine while it is sent, in `finished` when it is answered.
#pragma once

#include "bans.h"
#include "crypto.h"
#include "delivery.h"
#include "engine.h"
#include "lane.h"
#include "lane_backoff.h"
#include "rng.h"
#include "tap.h"

enum {
	MR_FRAGMENT_SLOT_BYTES = 512, // longer rendered events are not kept
	MR_SWEEP_INTERVAL_NS = 10000000, // each lane is judged about so often
	// an endpoint with blocked lanes is asked again at the latest
	MR_BLOCKED_POLL_NS = 10000000,
};

struct mr_link { // of a list; stands in what is listed
	struct mr_link *next;
};

struct mr_list { // first in, first out
	struct mr_link *head, *tail;
};

static inline void mr_list_push(struct mr_list *list, struct mr_link *link)
{
	link->next = NULL;
	if (list->head == NULL)
		list->head = link;
	else
		list->tail->next = link;
	list->tail = link;
}

static inline struct mr_link *mr_list_pop(struct mr_list *list) // NULL: empty
{
	struct mr_link *link = list->head;
	if (link != NULL)
		list->head = link->next;
	return link;
}

#define mr_container_of(pointer, type, member) \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct mr_fragment {
	mr_position position; // 0: empty
	int64_t received_ns; // wall clock
	uint64_t object;
	uint32_t length;
	uint32_t epoch; // of the rules that let it pass
	uint8_t bytes[MR_FRAGMENT_SLOT_BYTES - 32];
};
static_assert(
	sizeof(struct mr_fragment) == MR_FRAGMENT_SLOT_BYTES, "a whole number of cache lines");

struct mr_fragments {
	struct mr_fragment *slots;
	uint32_t mask;
};

enum mr_recipient_state {
	MR_RECIPIENT_HANDSHAKE = 1, // asks the endpoint to echo a secret; entries wait
	MR_RECIPIENT_ACTIVE,
	MR_RECIPIENT_GONE, // 410, or no success for too long: entries are dropped
	MR_RECIPIENT_REMOVED, // the same, and the slot goes when nothing is under way
	MR_RECIPIENT_PARKED, // recovered, and the steward has not added the webhook yet
};

struct mr_recipient { // by lane slot
	struct mr_lane *lane;
	struct mr_endpoint *endpoint;
	struct mr_hmac *hmac; // NULL until there is a secret
	struct mr_stats_webhook *row; // NULL: the number has a new owner
	struct mr_timer timer; // failing: the next attempt; else the next heartbeat
	uint64_t webhook;
	uint64_t last_number; // of batches
	uint64_t added_ns;
	uint64_t next_attempt_ns; // while failing
	uint64_t failed_ns; // last failure
	uint64_t success_ns; // last success, or when it was added
	uint64_t success_paused_ns; // mr_delivery.paused_ns as it was then
	uint64_t try_until_ns; // for a slot for its test
	int64_t failing_since_ns; // wall clock; 0: not failing
	struct mr_door *door; // of its endpoint
	const struct mr_recovered_lane *recovered; // while it is parked
	uint64_t carried_ns; // for so long it had been failing when it was recovered
	struct {
		uint64_t settled; // entries, since `at_ns`
		uint64_t at_ns;
		uint64_t per_s;
	} rate;
	struct mr_link link; // in ready, blocked or backlogged
	struct mr_link drain_link;
	struct mr_link changed_link;
	struct mr_link refill_link;
	struct mr_link try_link;
	struct mr_link sift_link;
	uint32_t fragment_bytes; // running mean
	uint16_t last_status;
	uint8_t state; // enum mr_recipient_state
	uint8_t due; // bit: sub-lane that has something to send
	uint8_t next_sublane; // served next
	uint8_t shard; // of its resource: all its matches come from there
	bool heartbeat_due;
	bool listed; // in ready, blocked or backlogged
	bool draining; // listed
	bool changed; // listed
	bool refills; // listed
	bool sifts; // listed
	bool tries; // listed, or its test is under way
	bool tells_secret, tells_gone, tells_tried; // the steward does not know yet
	uint16_t tried_status; // HTTP status of a test, or of a handshake that failed; 0: none
	struct mr_made_secret secret;
	char path[MR_URL_BYTES_MAX];
};

struct mr_door { // where the lanes of one endpoint wait for a slot
	struct mr_endpoint *endpoint;
	uint32_t lanes; // 0: free
	struct mr_list blocked;
	struct mr_timer timer;
};

struct mr_attempt {
	struct mr_delivery *delivery;
	struct mr_request *request;
	struct mr_link link;
	struct mr_recipient *recipient;
	struct mr_sublane *sublane; // of a batch
	uint8_t kind; // enum mr_attempt_kind
	bool first; // of its batch
	uint64_t number; // of its batch; 0: has no borders yet
	bool backlogged; // its lane had a backlog when it began
	uint32_t quota[MR_LANE_SIDES]; // how many entries it may take
	uint32_t taken[MR_LANE_SIDES];
	uint32_t side; // being rendered
	size_t length; // of the body so far
	size_t normal_bytes; // the body may have after the normal side
	size_t bytes_max;
	uint64_t begun_ns;
	struct mr_lane_cursor cursor;
	struct mr_result result;
	int64_t received_ns[MR_BATCH_EVENTS_MAX]; // wall clock, per entry
};

// A checkpoint under way: TAKEN first, then lane by lane, in the order of slots.
struct mr_delivery_checkpoint {
	uint64_t epoch; // the one that is wanted
	uint64_t done; // the last one that is whole
	uint32_t slot; // next lane; 0: TAKEN is not written
	uint64_t ends[MR_SHARDS_MAX]; // of the shards' streams as it was wanted
};

// What operators have stopped. Rules and what is held by them have the same epoch, or are sifted.
struct mr_delivery_bans {
	struct mr_bans rules;
	uint32_t epoch; // of the rules; 0: there never was one
	struct mr_list sift; // lanes that hold something
	// Batches that are recorded and not sent are judged by a new rule before its generation is
	// published; and what says that one of them is void is durable by then.
	bool judges;
	uint64_t void_end; // of the stage's stream
	uint64_t generation; // to be published; 0: none
};

enum mr_survey_phase {
	MR_SURVEY_BEGIN, // of a sub-lane
	MR_SURVEY_SIDES,
	MR_SURVEY_HELD,
	MR_SURVEY_TAIL, // becomes a record
	MR_SURVEY_RECORDS,
};

struct mr_delivery_survey { // where the walk stands
	struct mr_survey *survey; // NULL: none is asked for
	uint64_t deliveries;
	uint32_t webhooks;
	uint32_t slot;
	uint32_t sublane;
	enum mr_survey_phase phase;
	enum mr_lane_side side;
	uint32_t record, records; // by age; those that there were
	uint32_t skip; // so many of the next entries in records belong to a batch
	bool any; // of the lane
	struct mr_lane_cursor cursor;
	// Of the record: entries read, those judged, and those of them that stay, which come first.
	uint32_t entries, judged, stay;
	mr_position record_position; // 0: it is not read
	mr_position positions[MR_LANE_RECORD_ENTRIES_MAX];
	mr_position gone[MR_LANE_RECORD_ENTRIES_MAX];
};

struct mr_delivery {
	struct mr_delivery_config config;
	struct mr_tune tune;
	struct mr_now now; // of the step
	struct mr_lanes lanes;
	struct mr_recipient *recipients; // by lane slot
	struct mr_door *doors;
	struct mr_table door_of; // endpoint -> index in doors
	struct mr_attempt *attempts; // connections_max
	struct mr_list free_attempts, rendering, durable, finished;
	struct mr_list ready, drain, changed;
	struct mr_list refill; // lanes that read back what they have spilled
	struct mr_delivery_bans bans;
	struct mr_delivery_survey survey;
	struct mr_tap tap;
	struct mr_list tries; // webhooks to be tested
	struct mr_list backlogged; // lanes that wait until fewer like them have an attempt
	uint32_t backlogged_active; // attempts
	struct mr_table parked; // webhook -> slot
	struct mr_delivery_checkpoint checkpoint;
	uint32_t stopped; // enum mr_pause bits
	uint64_t paused_ns; // for so long no attempt might begin, ever
	uint64_t failed_ns; // monotonic: when the journal failed; 0: it has not
	uint64_t short_ns; // monotonic: lanes have no memory left since; 0: they have
	struct mr_timer_wheel sublane_timers, recipient_timers, door_timers;
	struct mr_fragments fragments;
	struct mr_engine *engine;
	struct mr_reader reader;
	struct mr_rng rng;
	uint64_t progress_due_ns;
	uint64_t sweep_due_ns;
	uint32_t sweep_at; // slot; 0: between two passes
	uint32_t behind_seen; // lanes behind in this pass
	uint64_t signatures;
	struct {
		struct mr_desc descs[MR_BURST_MAX]; // popped, not yet in their lanes
		uint32_t at, count;
		uint64_t taken;
		// of the shard's feed: no message beyond `target` is taken; when all are, the stage
		// has all match records below `offset`
		uint64_t target, offset;
	} inbound[MR_SHARDS_MAX];
	uint8_t scratch[MR_FRAGMENT_BYTES_MAX];
	mr_position positions[MR_BATCH_EVENTS_MAX];
};

static inline bool mr_delivery_is_paused(const struct mr_delivery *delivery)
{
	return (delivery->stopped & MR_PAUSE_DELIVERY) != 0;
}

static inline mr_counter *mr_delivery_counter(struct mr_delivery *delivery, enum mr_counter_id id)
{
	return &delivery->config.stats->counters[id];
}

// -- delivery_intake.c
uint32_t mr_delivery_intake(struct mr_delivery *delivery); // returns work done
// Whether the stage's place in the streams of all shards is at the border of a record.
bool mr_delivery_at_borders(const struct mr_delivery *delivery);
void mr_delivery_publish_board(struct mr_delivery *delivery);
void mr_delivery_flush_holds(struct mr_delivery *delivery);
// A sub-lane looks whether it has something to send now; if not now, sets its timer.
void mr_delivery_look(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane);

// -- delivery_recipient.c
// Opens the webhook's lane; one that it has already takes the webhook's secret.
void mr_recipient_add(struct mr_delivery *delivery, const struct mr_webhook *webhook);
void mr_recipient_remove(struct mr_delivery *delivery, uint64_t webhook, uint32_t lane);
// What `last_number` of a lane that is opened now is at least.
uint64_t mr_recipient_first_number(const struct mr_delivery *delivery);
void mr_recipient_gone(struct mr_delivery *delivery,
	struct mr_recipient *recipient); // the endpoint wants no more, or is no more
void mr_recipient_succeeded(struct mr_delivery *delivery, struct mr_recipient *recipient);
void mr_recipient_failed(struct mr_delivery *delivery, struct mr_recipient *recipient,
	const struct mr_attempt *attempt);
void mr_recipient_shaken(
	struct mr_delivery *delivery, struct mr_recipient *recipient); // the secret was echoed
void mr_recipient_ready(struct mr_delivery *delivery,
	struct mr_recipient *recipient); // in line, unless it fails or stands in one
void mr_recipient_wake(
	struct mr_delivery *delivery, struct mr_recipient *recipient); // its timer fired
void mr_recipient_fini(struct mr_delivery *delivery, struct mr_recipient *recipient);
// One delivery is given up: counted for the stage and, where there is one, the row; recorded when
// the stream has room.
void mr_delivery_dropped(struct mr_delivery *delivery, struct mr_stats_webhook *row,
	uint64_t webhook, mr_position position, enum mr_reason reason);
// The same for all entries of a lane record that has gone with its segment.
void mr_delivery_dropped_record(struct mr_delivery *delivery, struct mr_recipient *recipient,
	mr_position position, uint32_t count);
void mr_recipient_flags(struct mr_delivery *delivery, struct mr_recipient *recipient); // of its row
bool mr_recipient_tell(struct mr_delivery *delivery,
	struct mr_recipient *recipient); // false: the steward's ring is full

// -- delivery_drain.c
uint32_t mr_delivery_drain(struct mr_delivery *delivery, uint32_t units);

// -- delivery_recover.c
bool mr_delivery_parked_init(struct mr_delivery *delivery, struct mr_arena *arena);
// The recovered lane of the webhook, under its number now; NULL: none was recovered.
struct mr_recipient *mr_recipient_unpark(
	struct mr_delivery *delivery, const struct mr_webhook *webhook);

// -- delivery_backlog.c
// An entry has come: a record is written when the tail is long enough.
void mr_backlog_took(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane);
// The sub-lane may want to read back.
void mr_backlog_look(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane);
uint32_t mr_delivery_refill(struct mr_delivery *delivery, uint32_t units);
// When memory is short: tails become records, and long lists give up.
void mr_backlog_relieve(struct mr_delivery *delivery, struct mr_recipient *recipient);
// Drops what waits for a failing endpoint and has gone with its segment.
void mr_backlog_expire(struct mr_delivery *delivery, struct mr_recipient *recipient);
// An entry of a recorded batch is gone: the others cannot be sent under its number, and leave.
void mr_backlog_lose_batch(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_sublane *sublane);
// Whether the lane is behind, or owes more than memory holds.
bool mr_backlog_is(const struct mr_delivery *delivery, const struct mr_recipient *recipient);
// Lanes with a backlog have half of the attempts at most, together. Asks for one more; false: the
// lane waits in `backlogged`.
bool mr_backlog_admits(struct mr_delivery *delivery, struct mr_recipient *recipient);
void mr_backlog_wake(struct mr_delivery *delivery); // as many as may begin

// -- delivery_checkpoint.c
void mr_delivery_follow_journal(struct mr_delivery *delivery); // at the begin of a step
// Whether a batch may be begun, or sent again: after the journal has failed only what is durable.
bool mr_delivery_may_attempt(const struct mr_delivery *delivery, const struct mr_sublane *sublane);
uint32_t mr_delivery_checkpoint(struct mr_delivery *delivery, uint32_t units);

// -- delivery_door.c
struct mr_door *mr_door_take(
	struct mr_delivery *delivery, struct mr_endpoint *endpoint); // one more lane; NULL: no room
void mr_door_leave(struct mr_delivery *delivery, struct mr_door *door);
void mr_door_block(struct mr_delivery *delivery, struct mr_recipient *recipient, uint64_t retry_ns);
void mr_door_wake(struct mr_delivery *delivery, struct mr_door *door, uint32_t lanes);

// -- delivery_answer.c
// How long the events of the batch have taken to here.
void mr_attempt_record_age(
	struct mr_delivery *delivery, const struct mr_attempt *attempt, enum mr_histogram_id id);
uint32_t mr_delivery_finish(struct mr_delivery *delivery, uint32_t units);

// -- delivery_attempt.c
bool mr_attempts_init(struct mr_delivery *delivery, struct mr_arena *arena);
uint32_t mr_delivery_begin(struct mr_delivery *delivery, uint32_t units);
uint32_t mr_delivery_send_durable(struct mr_delivery *delivery, uint32_t units);
void mr_attempt_abort(
	struct mr_delivery *delivery, struct mr_attempt *attempt); // begun, and not to be sent

// The slot is free again, and who waits for one comes up.
void mr_attempt_end(struct mr_delivery *delivery, struct mr_attempt *attempt);
// A request with a body of constants is sent.
void mr_attempt_send_constant(struct mr_delivery *delivery, struct mr_attempt *attempt,
	enum mr_attempt_kind kind, const char *body, size_t length);
// A free attempt (there is one) takes the request.
struct mr_attempt *mr_attempt_take(
	struct mr_delivery *delivery, struct mr_recipient *recipient, struct mr_request *request);

// -- delivery_try.c: an attempt with no events, because somebody wants to see how it goes
void mr_delivery_try(struct mr_delivery *delivery, uint64_t webhook, uint32_t lane);
uint32_t mr_delivery_begin_tries(struct mr_delivery *delivery);
// How a test, or a handshake that failed, has gone: the steward is told.
void mr_recipient_tried(
	struct mr_delivery *delivery, struct mr_recipient *recipient, uint16_t status);

// -- delivery_bans.c
bool mr_delivery_bans_init(struct mr_delivery *delivery, struct mr_arena *arena);
void mr_delivery_ban(struct mr_delivery *delivery, const struct mr_ban_entry *entry);
void mr_delivery_unban(struct mr_delivery *delivery, struct mr_scope scope);
// Whether the last rule is in force: no batch that falls under it will be sent for the first time.
bool mr_delivery_bans_stand(struct mr_delivery *delivery);
// The event's ids, valid until the next read.
void mr_event_record_scopes(const struct mr_record *record, struct mr_event_scopes *ret_scopes);
enum mr_read mr_delivery_read_scopes(
	struct mr_delivery *delivery, mr_position position, struct mr_event_scopes *ret_scopes);
// Whether a rule keeps the event from a first attempt.
bool mr_delivery_bars(const struct mr_delivery *delivery, const struct mr_event_scopes *scopes);
// A recorded batch that was never sent will not be. False: the stream has no room now.
bool mr_delivery_void(struct mr_delivery *delivery, struct mr_sublane *sublane);
// Attempts of the stage, or of one sub-lane, whose batch has no borders yet begin anew.
void mr_delivery_restart(struct mr_delivery *delivery, const struct mr_sublane *sublane);
// Whether a new batch may be made of the sub-lane; when not, it is looked at again.
bool mr_delivery_may_batch(struct mr_delivery *delivery, struct mr_recipient *recipient,
	const struct mr_sublane *sublane);
uint32_t mr_delivery_sift(struct mr_delivery *delivery, uint32_t units);
// Once per sweep and lane: what had no room to be held may have it, what is held may be gone.
void mr_recipient_look_held(struct mr_delivery *delivery, struct mr_recipient *recipient);
void mr_recipient_drop_held(struct mr_delivery *delivery, struct mr_recipient *recipient,
	struct mr_sublane *sublane, enum mr_reason reason); // the oldest one

// -- delivery_survey.c
void mr_delivery_survey_begin(struct mr_delivery *delivery, struct mr_survey *survey);
uint32_t mr_delivery_survey_step(struct mr_delivery *delivery, uint32_t units);

// -- delivery_tap.c
void mr_delivery_tell_batch(struct mr_delivery *delivery, const struct mr_attempt *attempt,
	enum mr_tap_step step, uint64_t detail);
void mr_delivery_tell_dropped(struct mr_delivery *delivery, uint64_t webhook, mr_position position,
	enum mr_reason reason);

// -- delivery_log.c
void mr_delivery_log(struct mr_delivery *delivery, const struct mr_attempt *attempt);

// -- delivery_render.c
bool mr_fragments_init(struct mr_fragments *fragments, struct mr_arena *arena, uint64_t bytes);
uint32_t mr_delivery_render(struct mr_delivery *delivery, uint32_t units);

// -- delivery_progress.c
struct mr_record_progress mr_progress_of(
	const struct mr_delivery *delivery, const struct mr_recipient *recipient);
void mr_progress_append(struct mr_delivery *delivery, struct mr_record_progress progress,
	const struct mr_sublane *sublane, uint16_t flags); // enum mr_progress_flag
void mr_recipient_changed(struct mr_delivery *delivery, struct mr_recipient *recipient);
uint32_t mr_delivery_progress(struct mr_delivery *delivery, uint32_t units);
uint32_t mr_delivery_sweep(struct mr_delivery *delivery);
