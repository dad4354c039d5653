#include "verdict.h"

#include <stddef.h>
#include <string.h>

#include <millrace/event.h>
#include <millrace/reason.h>

#include "event_codec.h"
#include "hash.h"
#include "mr_assert.h"

static uint64_t object_of(const uint8_t *event)
{
	uint64_t object;

	memcpy(&object, event + offsetof(struct mr_event_fixed, object), sizeof(object));
	return object;
}

// The event's own word for its length, when it can be true; 0 when it cannot.
static uint32_t length_of(const uint8_t *event, uint32_t left)
{
	uint32_t length;

	if (left < MR_EVENT_FIXED_BYTES)
		return 0;
	memcpy(&length, event, sizeof(length));
	return length >= MR_EVENT_FIXED_BYTES && length <= left && length % 8 == 0 ? length : 0;
}

// Looks at lengths and objects alone: to refuse must cost little. Writes a verdict for every event
// it comes to.
static bool refuse_shed(
	const struct mr_verdict_rules *rules, struct mr_packet *packet, uint8_t *ret_slot)
{
	const uint8_t *event = packet->events;
	uint32_t left = packet->events_bytes;
	uint64_t last = 0; // events of one object come in rows: it is looked up once
	bool same = true, is_shed = false;
	uint8_t slot = 0;

	memset(packet->verdict, MR_REASON_OK, packet->count);
	for (uint32_t i = 0; i < packet->count; i++) {
		uint32_t length = length_of(event, left);
		if (length == 0)
			return false;
		uint64_t object = object_of(event);
		if (object != last)
			is_shed = mr_turned_away_find(
				rules->shed, object, packet->flow, rules->now_ns, &slot);
		last = object;
		if (is_shed) {
			packet->verdict[i] = MR_REASON_OBJECT_FULL;
			same = same && (packet->verdicts == 0 || slot == *ret_slot);
			*ret_slot = slot;
			packet->verdicts++;
		}
		event += length;
		left -= length;
	}
	return same && packet->verdicts == packet->count && left == 0;
}

static bool is_of_flow(const struct mr_verdict_rules *rules, uint64_t object, uint32_t flow)
{
	return mr_flow_of_slot(mr_slot_of(object, rules->hash_seed), rules->flows) == flow;
}

// How many events are sound, from the first on: those without a verdict decode and belong to the
// packet's flow, and the last one ends with the body.
static uint8_t count_sound(const struct mr_verdict_rules *rules, const struct mr_packet *packet)
{
	const uint8_t *event = packet->events;
	uint32_t left = packet->events_bytes;
	uint64_t last = 0; // whose flow is known to be right; no event has object 0

	for (uint8_t i = 0; i < packet->count; i++) {
		uint32_t length;
		if (packet->verdicts > 0 && packet->verdict[i] != MR_REASON_OK) {
			length = length_of(event, left);
		} else {
			ssize_t used = mr_event_check(event, left, NULL);
			if (used < 0)
				return i;
			uint64_t object = object_of(event);
			if (object != last && !is_of_flow(rules, object, packet->flow))
				return i;
			last = object;
			length = (uint32_t)used;
		}
		mr_assert(length > 0 && length <= left);
		event += length;
		left -= length;
	}
	return left == 0 ? packet->count : (uint8_t)(packet->count - 1);
}

bool mr_verdict_give(
	const struct mr_verdict_rules *rules, struct mr_packet *packet, uint8_t *ret_slot)
{
	mr_assert(packet->count > 0 && packet->count <= MR_PACKET_EVENTS_MAX);
	packet->verdicts = 0;
	if (mr_turned_away_any(rules->shed) && refuse_shed(rules, packet, ret_slot)) {
		packet->decoded = packet->count;
		return true;
	}
	packet->decoded = count_sound(rules, packet);
	if (packet->verdicts > 0) { // what is malformed settles as that
		for (uint32_t i = packet->decoded; i < packet->count; i++) {
			if (packet->verdict[i] != MR_REASON_OK)
				packet->verdicts--;
			packet->verdict[i] = MR_REASON_OK;
		}
	}
	return false;
}
