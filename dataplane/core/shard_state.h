// The shard's state, seen by the files that make up the stage: admission, walk, fanout, match,
// steward and step.
#pragma once

#include "ack.h"
#include "activity.h"
#include "answer.h"
#include "credit.h"
#include "flow.h"
#include "hash.h"
#include "histogram.h"
#include "ledger.h"
#include "lineage.h"
#include "mr_assert.h"
#include "object.h"
#include "pin.h"
#include "refused.h"
#include "scheduler.h"
#include "shard.h"
#include "shard_ban.h"
#include "shard_progress.h"
#include "shed.h"
#include "steward_msg.h"
#include "subscription.h"
#include "table.h"
#include "tap.h"

enum { MR_SHARD_READS_MAX = 4 }; // of evicted events, under way for fan-out

struct mr_shard_session {
	uint64_t app;
	uint64_t session_id;
	uint32_t epoch;
	uint16_t source; // of the last packet: its ACKs go there
	bool is_open;
};

struct mr_shard_reading { // objects whose first event is being read from the journal
	uint32_t count;
	uint32_t objects[MR_SHARD_READS_MAX];
};

struct mr_shard_checkpoint {
	uint64_t done; // epoch
	uint64_t epoch; // that is under way; == done: none
	uint64_t end; // of the stream when it began: events below are listed
	uint64_t oldest; // event that was found or evicted since; UINT64_MAX: none
	uint32_t flow; // whose window is next
	uint32_t object; // whose queue is next, with
	uint64_t listed; // its offset up to which it is listed
	uint32_t generation; // of events of which the first hop is sent now
};

struct mr_shard_peer { // another shard, or the shard itself
	uint32_t hops_out; // sent and not answered: at most MR_HOP_CREDITS
	uint32_t waiting_head; // hops received that wait for room or a read, in order
	uint32_t waiting_tail;
	struct mr_hop *waiting; // [MR_HOP_CREDITS], NULL for itself
};

struct mr_shard {
	struct mr_shard_config config;
	struct mr_shard_limits limits;
	struct mr_now now;
	bool awaits_go;
	uint32_t own_flows; // per session
	struct mr_shard_session *sessions;
	struct mr_flow *flows; // [session][own flow]
	struct mr_table by_session; // hash of (app, session id) -> session index
	struct mr_refused_pool refused;
	uint32_t reorder_used; // packets, over all flows
	uint32_t source_hand; // whose ring comes first
	struct mr_acks acks;
	struct mr_credit credit;
	struct mr_objects objects;
	struct mr_scheduler scheduler;
	struct mr_ledger ledger;
	struct mr_shed shed;
	struct mr_activity activity;
	struct mr_tap tap;
	struct mr_bans bans;
	struct mr_shard_release release;
	struct mr_shard_survey survey;
	uint32_t stopped; // enum mr_pause bits
	uint32_t source_ring_sizes[MR_SOURCES_MAX];
	struct mr_subscriptions subscriptions;
	struct mr_pin pin;
	struct mr_answers answers;
	struct mr_shard_peer peers[MR_SHARDS_MAX];
	uint8_t shard_of_stream[MR_STREAMS_MAX];
	// The journal, as of this step
	enum mr_journal_state journal_state;
	uint64_t watermark;
	uint64_t undurable_max; // bytes beyond it; UINT64_MAX: nothing waits for a disk
	// Walk
	uint64_t walked; // offset: everything below was walked
	uint64_t walked_events;
	uint32_t match_at; // webhooks of the match record at `walked` that have their lane message
	uint64_t border[MR_DELIVERIES_MAX]; // lane messages pushed before that record
	uint64_t fed; // `walked` as the feeds have it
	uint32_t session_hint; // session of the last event walked
	struct mr_shard_progress progress;
	struct mr_shard_reading reading;
	struct mr_shard_checkpoint checkpoint;
	uint64_t kept; // as the owner's board has it
	uint32_t matches_per_hop_x16; // running average of what answers say
	// Match
	struct mr_reader reader;
	mr_position read_position; // of the event that stands in the reader, 0: none
	struct mr_event event; // that event, decoded
	struct mr_record_match match; // being built, with
	uint64_t match_webhooks[MR_MATCH_WEBHOOKS_MAX];
};

static inline mr_counter *mr_shard_counter(struct mr_shard *shard, enum mr_counter_id id)
{
	return &shard->config.stats->counters[id];
}

// How long it took since the event was received.
static inline void mr_shard_took(
	struct mr_shard *shard, enum mr_histogram_id histogram, int64_t received_at_ns)
{
	const int64_t took_ns = shard->now.wall_ns - received_at_ns;
	mr_histogram_record(
		&shard->config.stats->histograms[histogram], took_ns > 0 ? (uint64_t)took_ns : 0);
}

static inline void mr_shard_tell_source(
	struct mr_shard *shard, uint32_t source, struct mr_shard_msg message)
{
	const bool done = mr_ring_push(shard->config.to_source[source], mr_desc_of(message));
	mr_assert(done); // the ring holds every packet and every ACK slot
}

static inline bool mr_shard_is_durable(const struct mr_shard *shard)
{
	return shard->config.journal != NULL;
}

// Place of a stream of this boot in every table of streams.
static inline uint32_t mr_shard_stream_index(const struct mr_shard *shard, uint16_t stream)
{
	const uint32_t index = (uint32_t)stream - shard->reader.first_stream;
	mr_assert_hot(index < shard->config.streams_count);
	return index;
}

static inline uint64_t mr_shard_used(const struct mr_shard *shard)
{
	return shard->config.stream->size - mr_stream_room(shard->config.stream);
}

// How much more may wait for the disk.
static inline uint64_t mr_shard_undurable_room(const struct mr_shard *shard)
{
	const uint64_t undurable = mr_stream_next(shard->config.stream) - shard->watermark;
	return undurable < shard->undurable_max ? shard->undurable_max - undurable : 0;
}

// Events are admitted up to three quarters of the buffer; what distribution needs has the rest.
static inline uint64_t mr_shard_free(const struct mr_shard *shard)
{
	const uint64_t limit = shard->config.stream->size / 4 * 3;
	const uint64_t used = mr_shard_used(shard);
	const uint64_t free = used < limit ? limit - used : 0;
	const uint64_t room = mr_shard_undurable_room(shard);
	return free < room ? free : room;
}

// Whether a record that is no event may be appended: the last sixteenth is not for it.
static inline bool mr_shard_has_room(const struct mr_shard *shard, size_t bytes)
{
	return mr_shard_used(shard) + bytes <= shard->config.stream->size / 16 * 15;
}

// What was walked, but for match records whose hop is not answered yet: the pin goes no further.
static inline uint64_t mr_shard_finished(const struct mr_shard *shard)
{
	const uint64_t limit = mr_answers_floor(&shard->answers);
	return limit < shard->walked ? limit : shard->walked;
}

static inline uint32_t mr_shard_owner(const struct mr_shard *shard, uint64_t resource)
{
	const uint32_t slot = mr_slot_of(resource, shard->config.hash_seed);
	return mr_shard_of_flow(mr_flow_of_slot(slot, shard->config.flows), shard->config.shards);
}

// Events accepted and not yet distributed, as the structures have them.
static inline uint64_t mr_shard_queued(const struct mr_shard *shard)
{
	return (uint64_t)shard->objects.unwalked + shard->objects.queued + shard->pin.outstanding;
}

static inline struct mr_ledger_rows mr_shard_rows(
	struct mr_shard *shard, const struct mr_origin *origin)
{
	return mr_ledger_find(&shard->ledger, origin->app, origin->workspace, origin->database);
}

// -- admission.c: packets of the sources
uint32_t mr_admission_take(struct mr_shard *shard, uint32_t units_max); // units used
void mr_admission_drop_reorder(
	struct mr_shard *shard, struct mr_flow *flow); // gives its packets back

// -- shard_judge.c: what the shard itself has against one more event of the object, of a record of
// `bytes`; MR_REASON_OK: nothing. `*ret_index` is the object's state, 0: it has none. Changes
// nothing.
uint8_t mr_shard_judge(
	const struct mr_shard *shard, uint64_t object, uint32_t bytes, uint32_t *ret_index);

// -- walk.c: records that became durable
uint32_t mr_walk(struct mr_shard *shard, uint32_t records_max); // records walked
// Tells the delivery stages how far that came, at the border of a record.
void mr_walk_feed(struct mr_shard *shard);
// Hands shard->match to the lanes as if its record had been written, durable and walked: for want
// of room, in a volatile shard, where a restart forgets the record anyway. False: not now.
bool mr_walk_hand_over(struct mr_shard *shard);

// -- fanout.c: queued events to the owners of their resources, and the answers
uint32_t mr_fanout(struct mr_shard *shard, uint32_t units); // units used
void mr_fanout_answered(struct mr_shard *shard, uint32_t peer, const struct mr_hop *answer);
enum mr_read mr_fanout_read(
	struct mr_shard *shard, uint64_t offset, struct mr_lineage *ret_lineage);
// The object whose waiting event the buffer cannot be retired beyond, and that event; 0: there is
// none, something else is in the way.
uint32_t mr_fanout_pinning(struct mr_shard *shard, uint64_t *ret_offset);
// All hops are answered.
void mr_fanout_finish(struct mr_shard *shard, uint64_t offset, const struct mr_origin *origin);

// -- match.c: hops received, of other shards and of its own
enum mr_match_result {
	MR_MATCH_NOTHING, // nobody wants it: answered
	MR_MATCH_WRITTEN, // answered when its record is durable and in the lanes
	MR_MATCH_BLOCKED, // no room, or a read is under way: ask again
};
// Brings an event into shard->event, its record into shard->reader.bytes.
enum mr_read mr_match_read(struct mr_shard *shard, mr_position position);
enum mr_match_result mr_match_hop(
	struct mr_shard *shard, const struct mr_hop *hop, uint64_t resource, uint32_t *ret_matches);
uint32_t mr_match_take(struct mr_shard *shard, uint32_t hops_max); // hops and answers handled
uint32_t mr_match_answer(struct mr_shard *shard, uint32_t answers_max); // answers sent

// -- shard_checkpoint.c: the shard's state, appended bit by bit when the journal asks
uint32_t mr_checkpoint(struct mr_shard *shard); // work done
// The generation of an event of which the first hop is sent now.
uint32_t mr_checkpoint_generation(const struct mr_shard *shard, uint32_t object, uint64_t offset);
void mr_checkpoint_keep(struct mr_shard *shard); // tells what the journal must keep

// -- shard_ban.c, shard_survey.c: shard_ban.h
static inline bool mr_shard_is_restricted(const struct mr_shard *shard)
{
	return mr_bans_any(&shard->bans) || shard->stopped != 0;
}
// Whether a ban may have to do with the object's events.
static inline bool mr_shard_may_hold(const struct mr_shard *shard, const struct mr_object *object)
{
	return mr_bans_any(&shard->bans) || object->held != 0;
}

// The rule by which an event of that lineage would be held, or dropped if it could not be refused
// any more; NULL: none.
const struct mr_ban_entry *mr_shard_holding(
	const struct mr_shard *shard, const struct mr_lineage *lineage);

// -- shard_tap.c: steps of objects that are followed; asked for when there are any
void mr_shard_tap_offer(struct mr_shard *shard, const uint64_t ids[MR_TOP_KINDS], uint64_t sequence,
	mr_position position, const struct mr_tap_said *said);
void mr_shard_tap_event(struct mr_shard *shard, const struct mr_lineage *lineage, uint64_t offset,
	const struct mr_tap_said *said);
void mr_shard_tap_match(struct mr_shard *shard); // of shard->match

// -- explain.c
void mr_shard_explain(const struct mr_shard *shard, struct mr_explain *explain);

// -- shard_ack.c
uint32_t mr_shard_send_acks(struct mr_shard *shard, uint32_t acks_max);

// -- shard_steward.c: messages of the steward, holds of delivery
uint32_t mr_shard_obey(struct mr_shard *shard);
uint32_t mr_shard_take_holds(struct mr_shard *shard);
// The producer knows the fate of everything below `known`.
void mr_shard_learn(struct mr_shard *shard, struct mr_flow *flow, uint64_t known);
// Opens it anew unless it is open under this index; true: it was.
bool mr_shard_open_session(
	struct mr_shard *shard, uint32_t index, uint64_t app, uint64_t session_id, uint32_t epoch);
struct mr_shard_session *mr_shard_find_session(
	struct mr_shard *shard, uint64_t app, uint64_t session_id, uint32_t *ret_index);
