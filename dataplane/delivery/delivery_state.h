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
#include "lane_serve.h"
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
