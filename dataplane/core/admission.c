// Packets of the sources: in flow order, every event gets its fate. Accepted events are appended to
// the stream, refused ones become runs; what cannot be decided for want of room is discarded
// unsettled and comes again.
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "mr_assert.h"
#include "shard_door.h"
#include "shard_state.h"

enum { RING_BURST = 8, REFUSALS_PER_UNIT = 16, PREFETCH_MAX = 256 };

static void count_discard(struct mr_shard *shard, enum mr_discard discard)
{
	mr_count(&shard->config.stats->discards[discard], 1);
}

static void release(struct mr_shard *shard, struct mr_packet *packet)
{
	const struct mr_shard_msg message = {
		.data = (uint64_t)(uintptr_t)packet,
		.kind = MR_SHARD_RELEASE,
	};
	mr_shard_tell_source(shard, packet->source, message);
}

static uint32_t index_of(const struct mr_shard *shard, const struct mr_flow *flow)
{
	return (uint32_t)(flow - shard->flows);
}

// What is left is discarded unsettled: the producer is asked to wait a little.
static void be_busy(struct mr_shard *shard, struct mr_flow *flow, enum mr_discard discard)
{
	flow->is_busy = true;
	count_discard(shard, discard);
	mr_acks_want(&shard->acks, index_of(shard, flow), true, shard->now.mono_ns);
}

// The events of a packet from `next` up to `end`. False when they could not be settled to there.
static bool settle_packet(struct mr_shard *shard, const struct mr_shard_session *session,
	struct mr_flow *flow, const struct mr_packet *packet, uint64_t end)
{
	const uint8_t *event = packet->events;
	const uint32_t count = (uint32_t)(end - packet->first_sequence);
	const uint32_t decoded = packet->decoded < count ? packet->decoded : count;
	mr_assert(packet->first_sequence <= flow->next && end > flow->next);
	mr_assert(count <= packet->count);
	for (uint32_t i = 0; i < decoded; i++) {
		uint32_t length;
		memcpy(&length, event, sizeof(length));
		mr_assert(length >= MR_EVENT_FIXED_BYTES && length % 8 == 0);
		mr_assert(length <= packet->events_bytes - (size_t)(event - packet->events));
		const uint8_t verdict = packet->verdicts != 0 ? packet->verdict[i] : MR_REASON_OK;
		if (packet->first_sequence + i >= flow->next
			&& !mr_door_settle(shard, session, flow, packet, event, length, verdict))
			return false;
		event += length;
	}
	if (flow->next == end)
		return true;
	const struct mr_offer offer = {
		.ids = {session->app},
		.rows = mr_ledger_find(&shard->ledger, session->app, 0, 0),
	};
	const struct mr_refusal refusal = mr_door_refusal(MR_REASON_MALFORMED, 0);
	return mr_door_refuse(shard, flow, &offer, (uint32_t)(end - flow->next), &refusal);
}

// Up to where a packet that reaches beyond the edge is settled all the same, `next`: nowhere. A
// producer sends again what it sent before a restart in the packets that it had then, and the
// grants since may all be shorter.
static uint64_t end_in_reach(const struct mr_flow *flow, uint64_t first, uint32_t count)
{
	const uint64_t limit = mr_flow_limit(flow);
	if (first > flow->next)
		return flow->next;
	return count < limit - first ? first + count : limit;
}

// A packet that is not ahead: settled as far as it is new, and given back.
static void take_packet(struct mr_shard *shard, const struct mr_shard_session *session,
	struct mr_flow *flow, struct mr_packet *packet)
{
	const enum mr_place place = mr_flow_place(flow, packet->first_sequence, packet->count);
	mr_assert(place != MR_PLACE_AHEAD);
	if (place == MR_PLACE_BEHIND) {
		count_discard(shard, MR_DISCARD_DUPLICATE);
		mr_acks_want(&shard->acks, index_of(shard, flow), true, shard->now.mono_ns);
	} else if (place == MR_PLACE_BEYOND) {
		const uint64_t end = end_in_reach(flow, packet->first_sequence, packet->count);
		if (end > flow->next)
			(void)settle_packet(shard, session, flow, packet, end);
		be_busy(shard, flow, MR_DISCARD_BEYOND_EDGE);
	} else if (!settle_packet(
			   shard, session, flow, packet, packet->first_sequence + packet->count)) {
		be_busy(shard, flow, MR_DISCARD_SHARD_BUSY);
	} else {
		mr_acks_want(&shard->acks, index_of(shard, flow), false, shard->now.mono_ns);
	}
	release(shard, packet);
}

static void take_reordered(
	struct mr_shard *shard, const struct mr_shard_session *session, struct mr_flow *flow)
{
	struct mr_packet *packet;
	while ((packet = mr_flow_take_ready(flow)) != NULL) {
		mr_assert(shard->reorder_used > 0);
		shard->reorder_used--;
		take_packet(shard, session, flow, packet);
	}
}

void mr_admission_drop_reorder(struct mr_shard *shard, struct mr_flow *flow)
{
	struct mr_packet *packet;
	while ((packet = mr_flow_take_any(flow)) != NULL) {
		mr_assert(shard->reorder_used > 0);
		shard->reorder_used--;
		release(shard, packet);
	}
}

static void put_aside(struct mr_shard *shard, struct mr_flow *flow, struct mr_packet *packet)
{
	int r = -ENOSPC;
	if (shard->reorder_used < shard->limits.reorder_packets_max)
		r = mr_flow_reorder(flow, packet);
	if (r == 0) {
		shard->reorder_used++;
		mr_acks_want(&shard->acks, index_of(shard, flow), false, shard->now.mono_ns);
		return;
	}
	if (r == -EEXIST) {
		count_discard(shard, MR_DISCARD_DUPLICATE);
		mr_acks_want(&shard->acks, index_of(shard, flow), true, shard->now.mono_ns);
	} else {
		be_busy(shard, flow, MR_DISCARD_REORDER_FULL);
	}
	release(shard, packet);
}

// The open window of a session's flow; NULL when there is none here.
static struct mr_flow *find_flow(
	struct mr_shard *shard, uint32_t session, uint32_t flow, uint32_t source)
{
	const struct mr_shard_config *config = &shard->config;
	if (session >= shard->limits.sessions_max || !shard->sessions[session].is_open)
		return NULL;
	if (flow >= config->flows || mr_shard_of_flow(flow, config->shards) != config->index)
		return NULL;
	shard->sessions[session].source = (uint16_t)source;
	return &shard->flows[session * shard->own_flows + flow / config->shards];
}

static void learn(struct mr_shard *shard, struct mr_flow *flow, uint64_t known)
{
	mr_credit_seen(&shard->credit, flow);
	mr_shard_learn(shard, flow, known);
	if (flow->acked < flow->settled) // more refused runs than one ACK could tell
		mr_acks_want(&shard->acks, index_of(shard, flow), false, shard->now.mono_ns);
}

static uint32_t handle_packet(struct mr_shard *shard, struct mr_packet *packet)
{
	struct mr_flow *flow = find_flow(shard, packet->session, packet->flow, packet->source);
	if (flow == NULL || packet->count == 0) {
		count_discard(shard, MR_DISCARD_SESSION);
		release(shard, packet);
		return 1;
	}
	const struct mr_shard_session *session = &shard->sessions[packet->session];
	const uint32_t count = packet->count;
	learn(shard, flow, packet->known);
	flow->echo_ns = packet->send_time_ns;
	if (mr_flow_place(flow, packet->first_sequence, count) == MR_PLACE_AHEAD) {
		put_aside(shard, flow, packet);
		return 1;
	}
	take_packet(shard, session, flow, packet);
	take_reordered(shard, session, flow);
	return count;
}

// A packet refused whole at the door: nothing of it is here but its numbers.
static void handle_refused(
	struct mr_shard *shard, uint32_t source, const struct mr_source_msg *message)
{
	const uint64_t first = message->data & ((UINT64_C(1) << 56) - 1);
	struct mr_flow *flow = find_flow(shard, message->session, message->flow, source);
	if (flow == NULL || message->count == 0) {
		count_discard(shard, MR_DISCARD_SESSION);
		return;
	}
	const bool tells_known =
		message->known_behind < UINT16_MAX && message->known_behind <= first;
	learn(shard, flow, tells_known ? first - message->known_behind : 0);
	const enum mr_place place = mr_flow_place(flow, first, message->count);
	if (place == MR_PLACE_BEHIND) {
		count_discard(shard, MR_DISCARD_DUPLICATE);
		mr_acks_want(&shard->acks, index_of(shard, flow), true, shard->now.mono_ns);
		return;
	}
	const uint64_t end = end_in_reach(flow, first, message->count);
	if (place == MR_PLACE_AHEAD || end == flow->next) {
		be_busy(shard, flow,
			place == MR_PLACE_AHEAD ? MR_DISCARD_REORDER_FULL : MR_DISCARD_BEYOND_EDGE);
		return;
	}
	const struct mr_shard_session *session = &shard->sessions[message->session];
	const struct mr_shed_entry *entry = &shard->shed.entries[message->data >> 56];
	const bool by_object = message->reason == MR_REASON_OBJECT_FULL && entry->object != 0;
	struct mr_offer offer = {
		.ids = {session->app},
		.rows = mr_ledger_find(&shard->ledger, session->app, 0, 0),
	};
	if (by_object) {
		memcpy(&offer.ids[1], &entry->ids[1], sizeof(offer.ids) - 8);
		offer.rows.row[1] = entry->rows.row[1];
		offer.rows.row[2] = entry->rows.row[2];
	}
	const uint32_t count = (uint32_t)(end - flow->next);
	const struct mr_refusal refusal =
		mr_door_refusal(message->reason, by_object ? entry->object : 0);
	if (!mr_door_refuse(shard, flow, &offer, count, &refusal)) {
		be_busy(shard, flow, MR_DISCARD_SHARD_BUSY);
		return;
	}
	mr_acks_want(&shard->acks, index_of(shard, flow), false, shard->now.mono_ns);
	if (flow->reorder != NULL)
		take_reordered(shard, session, flow);
}

static uint32_t handle(struct mr_shard *shard, uint32_t source, struct mr_desc desc)
{
	const struct mr_source_msg message = mr_desc_to(struct mr_source_msg, desc);
	switch (message.kind) {
	case MR_SOURCE_PACKET:
		return handle_packet(shard, (struct mr_packet *)(uintptr_t)message.data);
	case MR_SOURCE_REFUSED:
		handle_refused(shard, source, &message);
		return 1;
	case MR_SOURCE_ACK_DONE:
		mr_acks_slot_give(
			&shard->acks, source, (const struct mr_ack_slot *)(uintptr_t)message.data);
		return 1;
	default:
		mr_expect(message.kind == MR_SOURCE_PACKET);
		return 1;
	}
}

// Objects that the events of a burst name, as far as there is room.
static uint32_t gather_objects(const struct mr_desc *burst, uint32_t taken, uint64_t *ret_ids)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < taken; i++) {
		const struct mr_source_msg message = mr_desc_to(struct mr_source_msg, burst[i]);
		if (message.kind != MR_SOURCE_PACKET)
			continue;
		const struct mr_packet *packet = (const struct mr_packet *)(uintptr_t)message.data;
		const uint8_t *event = packet->events;
		for (uint32_t at = 0; at < packet->decoded && count < PREFETCH_MAX; at++) {
			uint32_t length;
			memcpy(&length, event, sizeof(length));
			memcpy(&ret_ids[count++], event + offsetof(struct mr_event_fixed, object),
				sizeof(*ret_ids));
			event += length;
		}
	}
	return count;
}

// With a million objects every event misses the cache twice, in the table and in the state: the
// misses of a burst are taken together. Says nothing, changes nothing.
static void prefetch_objects(
	const struct mr_shard *shard, const struct mr_desc *burst, uint32_t taken)
{
	uint64_t ids[PREFETCH_MAX];
	const uint32_t count = gather_objects(burst, taken, ids);
	mr_assert(count <= PREFETCH_MAX);
	for (uint32_t i = 0; i < count; i++)
		mr_table_prefetch(&shard->objects.by_id, ids[i]);
	for (uint32_t i = 0; i < count; i++)
		__builtin_prefetch(
			&shard->objects.states[mr_objects_find(&shard->objects, ids[i])], 1);
}

// In work units: an acceptance is one, refusals are cheap.
uint32_t mr_admission_take(struct mr_shard *shard, uint32_t units_max)
{
	struct mr_desc burst[RING_BURST];
	const uint32_t sources = shard->config.sources;
	uint32_t units = 0;
	for (uint32_t idle = 0; idle < sources && units < units_max;) {
		const uint32_t source = shard->source_hand++ % sources;
		const uint32_t unwalked = shard->objects.unwalked;
		const uint32_t taken =
			mr_ring_pop_burst(shard->config.from_source[source], burst, RING_BURST);
		prefetch_objects(shard, burst, taken);
		uint32_t events = 0;
		for (uint32_t i = 0; i < taken; i++)
			events += handle(shard, source, burst[i]);
		units += taken + events / REFUSALS_PER_UNIT + (shard->objects.unwalked - unwalked);
		idle = taken == 0 ? idle + 1 : 0;
	}
	return units;
}
