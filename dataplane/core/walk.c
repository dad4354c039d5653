// The walk: every record of the shard's own stream once, when it is durable. Events settle their
// sequence and queue at their object; match records go to lanes, and their hops wait for the
// answer.
#include <stddef.h>
#include <string.h>

#include "mr_assert.h"
#include "plant.h"
#include "shard_state.h"

static uint64_t word_at(const struct mr_shard *shard, uint64_t offset, size_t field)
{
	return mr_stream_word_own(shard->config.stream, offset + field);
}

static void settle(struct mr_shard *shard, uint64_t offset)
{
	const uint64_t app = word_at(shard, offset, offsetof(struct mr_record_event, app));
	const uint64_t session_id =
		word_at(shard, offset, offsetof(struct mr_record_event, session_id));
	uint32_t index = 0;
	if (mr_shard_find_session(shard, app, session_id, &index) == NULL)
		return; // closed meanwhile: nobody waits for an ACK
	const uint64_t tail =
		word_at(shard, offset, offsetof(struct mr_record_event, session_epoch));
	const uint32_t flow_number = (uint16_t)(tail >> 32);
	const uint32_t at = index * shard->own_flows + flow_number / shard->config.shards;
	struct mr_flow *flow = &shard->flows[at];
	mr_assert(flow_number < shard->config.flows);
	if (!mr_flow_durable(
		    flow, word_at(shard, offset, offsetof(struct mr_record_event, sequence))))
		return;
	mr_shard_took(shard, MR_HISTOGRAM_SHARD_DURABLE,
		(int64_t)word_at(shard, offset, offsetof(struct mr_record_event, received_at_ns)));
	const bool is_much = flow->settled - flow->acked >= MR_WINDOW_MAX / 4;
	mr_acks_want(&shard->acks, at, is_much, shard->now.mono_ns);
}

static void walk_event(struct mr_shard *shard, uint64_t offset, uint32_t bytes)
{
	const uint64_t id = word_at(shard, offset, MR_RECORD_EVENT_OBJECT_AT);
	const uint32_t object = mr_objects_find(&shard->objects, id);
	mr_assert(object != 0);
	settle(shard, offset);
	if (mr_plant_drops(shard->walked_events)) {
		mr_objects_forget(&shard->objects, object, bytes);
		const struct mr_origin origin = mr_pin_origin(&shard->pin, offset);
		if (mr_pin_sent(&shard->pin, offset))
			mr_fanout_finish(shard, offset, &origin);
	} else {
		mr_objects_enqueue(&shard->objects, object, offset);
		mr_plant_swap(shard->walked_events, &shard->objects.states[object].queue,
			&shard->objects.positions);
	}
	mr_scheduler_settle(&shard->scheduler, object);
	shard->walked_events++;
}

// False when the delivery ring is full. A webhook that went meanwhile is owed nothing.
static bool push_lane(struct mr_shard *shard, uint64_t webhook, const struct mr_record_match *match)
{
	const struct mr_subscription *row = mr_subscriptions_find(&shard->subscriptions, webhook);
	if (row == NULL)
		return true;
	const struct mr_lane_msg message = {
		.position = match->origin,
		.lane = row->lane,
		.object_hash = match->object_hash,
		.flags = match->record.flags & MR_MATCH_PENALISED ? MR_LANE_PENALISED : 0,
	};
	mr_assert(row->delivery < shard->config.deliveries);
	if (!mr_ring_push(shard->config.to_delivery[row->delivery], mr_desc_of(message)))
		return false;
	shard->answers.pushed[row->delivery]++;
	mr_count(mr_shard_counter(shard, MR_SHARD_MATCHED), 1);
	return true;
}

// The lanes have their messages: the hop is answered when they were taken.
static void await_lanes(
	struct mr_shard *shard, const struct mr_record_match *match, uint64_t offset)
{
	const struct mr_answer answer = {
		.hop =
			{
				.offset = mr_position_offset(match->origin),
				.stream = mr_position_stream(match->origin),
				.ancestor = match->ancestor,
				.flags = MR_HOP_ANSWER,
				.matches = match->count,
			},
		.match_offset = offset,
	};
	mr_answers_add(&shard->answers, &answer);
}

// False when a delivery ring is full: the walk goes on with the same webhook.
static bool push_lanes(struct mr_shard *shard, uint64_t offset, const struct mr_record_match *match)
{
	for (; shard->match_at < match->count; shard->match_at++) {
		const uint64_t webhook =
			word_at(shard, offset, sizeof(*match) + shard->match_at * sizeof(webhook));
		if (!push_lane(shard, webhook, match))
			return false;
	}
	return true;
}

static bool walk_match(struct mr_shard *shard, uint64_t offset)
{
	struct mr_record_match match;
	mr_stream_copy_own(shard->config.stream, offset, &match, sizeof(match));
	mr_assert(match.count > 0 && match.count <= MR_MATCH_WEBHOOKS_MAX);
	if (shard->match_at == 0)
		memcpy(shard->border, shard->answers.pushed, sizeof(shard->border));
	if (!push_lanes(shard, offset, &match))
		return false;
	shard->match_at = 0;
	await_lanes(shard, &match, offset);
	return true;
}

bool mr_walk_hand_over(struct mr_shard *shard)
{
	const struct mr_record_match *match = &shard->match;
	// What was written before goes to the lanes before.
	if (!shard->config.is_volatile || shard->walked != mr_stream_next(shard->config.stream))
		return false;
	for (uint32_t i = 0; i < shard->config.deliveries; i++)
		if (mr_ring_free(shard->config.to_delivery[i]) < match->count)
			return false;
	for (uint32_t i = 0; i < match->count; i++) {
		const bool done = push_lane(shard, shard->match_webhooks[i], match);
		mr_assert(done); // every ring has room for all of them
	}
	await_lanes(shard, match, shard->walked);
	return true;
}

uint32_t mr_walk(struct mr_shard *shard, uint32_t records_max)
{
	const uint64_t watermark = mr_stream_watermark(shard->config.stream);
	uint32_t records = 0;
	mr_assert(shard->walked <= watermark);
	for (; shard->walked < watermark && records < records_max; records++) {
		const uint64_t offset = shard->walked;
		const uint64_t word = word_at(shard, offset, 0);
		const uint32_t length = (uint32_t)word;
		const uint16_t kind = (uint16_t)(word >> 32);
		mr_assert(length >= sizeof(struct mr_record) && length <= watermark - offset);
		if (kind == MR_RECORD_EVENT)
			walk_event(shard, offset, length);
		else if (kind == MR_RECORD_MATCH && !walk_match(shard, offset))
			break;
		shard->walked += length;
	}
	return records;
}

void mr_walk_feed(struct mr_shard *shard)
{
	if (!mr_shard_is_durable(shard) || shard->fed == shard->walked)
		return;
	const uint64_t *pushed = shard->match_at > 0 ? shard->border : shard->answers.pushed;
	for (uint32_t i = 0; i < shard->config.deliveries; i++)
		mr_lane_feed_publish(shard->config.feeds[i], pushed[i], shard->walked);
	shard->fed = shard->walked;
}
