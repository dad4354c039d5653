// The owner's side of a hop: who wants the event, written as a match record into the shard's own
// stream.
#include <string.h>

#include "event_codec.h"
#include "mr_assert.h"
#include "record_codec.h"
#include "shard_state.h"

enum mr_read mr_match_read(struct mr_shard *shard, mr_position position)
{
	if (position == shard->read_position)
		return MR_READ_HIT;
	const struct mr_record *record = NULL;
	shard->read_position = 0;
	const enum mr_read read = mr_reader_get(&shard->reader, position, &record);
	if (read != MR_READ_HIT)
		return read;
	if (record->kind != MR_RECORD_EVENT || !mr_record_sane(record, record->length))
		return MR_READ_GONE;
	mr_event_decode(mr_record_event_bytes((const void *)record), &shard->event);
	shard->read_position = position;
	return MR_READ_HIT;
}

static bool is_short(const struct mr_stream *stream)
{
	const uint64_t tail = atomic_load_explicit(&stream->tail, memory_order_relaxed);
	const uint64_t floor = atomic_load_explicit(&stream->floor, memory_order_relaxed);
	return tail - floor > stream->size / 8 * 7;
}

// The last sixteenth of the buffer is for matches without which a buffer could not be emptied, and
// its parts are for those who need them ever more: all of an origin whose buffer is short, an
// origin's oldest event, and at the very end the oldest event of this buffer itself: whatever
// others write here, it gets on.
static bool has_room(const struct mr_shard *shard, const struct mr_hop *hop, size_t bytes)
{
	const struct mr_stream *stream = shard->config.stream;
	const bool is_own = hop->stream == stream->id;
	if (mr_shard_is_durable(shard))
		return mr_shard_has_room(shard, bytes); // it always drains
	uint64_t parts = 60; // of 64
	if (hop->flags & MR_HOP_URGENT)
		parts = is_own ? 64 : 63;
	else if (!is_own
		&& is_short(shard->config.streams[mr_shard_stream_index(shard, hop->stream)]))
		parts = 62;
	return mr_stream_room(stream) >= bytes
		&& mr_shard_used(shard) + bytes <= stream->size / 64 * parts;
}

static void fill_match(
	struct mr_shard *shard, const struct mr_hop *hop, uint64_t resource, uint32_t count)
{
	shard->match = (struct mr_record_match){
		.origin = mr_position_make(hop->stream, hop->offset),
		.resource = resource,
		.count = (uint16_t)count,
		.ancestor = hop->ancestor,
		.object_hash = (uint8_t)mr_hash_u64(shard->event.object, shard->config.hash_seed),
	};
	shard->match.record.flags = hop->flags & MR_HOP_PENALISED ? MR_MATCH_PENALISED : 0;
}

static void write_match(struct mr_shard *shard)
{
	const size_t ids_bytes = shard->match.count * sizeof(shard->match_webhooks[0]);
	mr_record_seal(&shard->match, sizeof(shard->match), shard->match_webhooks, ids_bytes,
		MR_RECORD_MATCH, shard->match.record.flags);
	(void)mr_stream_append(shard->config.stream, &shard->match, sizeof(shard->match),
		shard->match_webhooks, ids_bytes);
	mr_count(mr_shard_counter(shard, MR_SHARD_MATCHES), 1);
}

enum mr_match_result mr_match_hop(
	struct mr_shard *shard, const struct mr_hop *hop, uint64_t resource, uint32_t *ret_matches)
{
	*ret_matches = 0;
	if (resource != 0 && !mr_subscriptions_any(&shard->subscriptions, resource))
		return MR_MATCH_NOTHING;
	const enum mr_read read = mr_match_read(shard, mr_position_make(hop->stream, hop->offset));
	if (read == MR_READ_WAIT) {
		mr_count(mr_shard_counter(shard, MR_SHARD_READ_WAITS), 1);
		return MR_MATCH_BLOCKED;
	}
	mr_expect(read == MR_READ_HIT); // an event with open hops is pinned
	if (read == MR_READ_GONE)
		return MR_MATCH_NOTHING;
	const struct mr_event *event = &shard->event;
	mr_assert(hop->ancestor == MR_VIA_OBJECT || hop->ancestor < event->ancestors_count);
	resource = hop->ancestor == MR_VIA_OBJECT ? event->object
						  : event->ancestors[hop->ancestor].gid;
	const uint32_t count = mr_subscriptions_match(
		&shard->subscriptions, resource, event, hop->ancestor, shard->match_webhooks);
	if (count == 0)
		return MR_MATCH_NOTHING;
	fill_match(shard, hop, resource, count);
	if (has_room(shard, hop, sizeof(shard->match) + count * sizeof(uint64_t)))
		write_match(shard);
	else if (!mr_walk_hand_over(shard))
		return MR_MATCH_BLOCKED;
	const struct mr_record_event *record = (const void *)shard->reader.bytes;
	mr_shard_took(shard, MR_HISTOGRAM_SHARD_MATCH, record->received_at_ns);
	if (mr_tap_any(&shard->tap))
		mr_shard_tap_match(shard);
	*ret_matches = count;
	return MR_MATCH_WRITTEN;
}

static void send_answer(struct mr_shard *shard, uint32_t peer, struct mr_hop hop)
{
	hop.flags |= MR_HOP_ANSWER;
	if (peer == shard->config.index) {
		mr_fanout_answered(shard, peer, &hop);
		return;
	}
	const bool done = mr_ring_push(shard->config.to_shard[peer], mr_desc_of(hop));
	mr_assert(done); // the ring holds all hops and all answers
}

// False when the hop must wait.
static bool handle_hop(struct mr_shard *shard, uint32_t peer, const struct mr_hop *hop)
{
	uint32_t matches = 0;
	mr_assert(hop->stream == shard->config.shard_streams[peer]);
	const enum mr_match_result result = mr_match_hop(shard, hop, 0, &matches);
	if (result == MR_MATCH_NOTHING)
		send_answer(shard, peer, *hop);
	return result != MR_MATCH_BLOCKED;
}

static uint32_t retry_waiting(struct mr_shard *shard, uint32_t index, uint32_t hops_max)
{
	struct mr_shard_peer *peer = &shard->peers[index];
	uint32_t handled = 0;
	while (peer->waiting_head != peer->waiting_tail && handled < hops_max) {
		const struct mr_hop *hop = &peer->waiting[peer->waiting_head % MR_HOP_CREDITS];
		if (!handle_hop(shard, index, hop))
			break;
		peer->waiting_head++;
		handled++;
	}
	return handled;
}

// Hops stay in order; answers overtake hops that wait, or two shards could wait for each other.
static void take_hop(struct mr_shard *shard, uint32_t index, const struct mr_hop *hop)
{
	struct mr_shard_peer *peer = &shard->peers[index];
	if (hop->flags & MR_HOP_ANSWER) {
		mr_fanout_answered(shard, index, hop);
		return;
	}
	if (peer->waiting_head == peer->waiting_tail && handle_hop(shard, index, hop))
		return;
	mr_assert(peer->waiting_tail - peer->waiting_head < MR_HOP_CREDITS);
	peer->waiting[peer->waiting_tail++ % MR_HOP_CREDITS] = *hop;
}

uint32_t mr_match_take(struct mr_shard *shard, uint32_t hops_max)
{
	struct mr_desc burst[MR_BURST_MAX];
	uint32_t handled = 0;
	for (uint32_t peer = 0; peer < shard->config.shards; peer++) {
		if (peer == shard->config.index)
			continue;
		handled += retry_waiting(shard, peer, hops_max);
		uint32_t taken;
		uint32_t hops = 0;
		do {
			taken = mr_ring_pop_burst(
				shard->config.from_shard[peer], burst, MR_BURST_MAX);
			for (uint32_t i = 0; i < taken; i++) {
				const struct mr_hop hop = mr_desc_to(struct mr_hop, burst[i]);
				take_hop(shard, peer, &hop);
			}
			hops += taken;
		} while (taken == MR_BURST_MAX && hops < hops_max);
		handled += hops;
	}
	return handled;
}

uint32_t mr_match_answer(struct mr_shard *shard, uint32_t answers_max)
{
	struct mr_hop hop;
	uint32_t answers = 0;
	while (answers < answers_max && mr_answers_take(&shard->answers, &hop)) {
		const uint32_t index = mr_shard_stream_index(shard, hop.stream);
		send_answer(shard, shard->shard_of_stream[index], hop);
		answers++;
	}
	return answers;
}
