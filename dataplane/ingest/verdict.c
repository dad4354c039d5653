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

// Whether a rule drops the event; reads the ids, which are its own affair until it is checked. An
// event without an object is left to the check.
static bool is_banned(const struct mr_verdict_rules *rules, const uint8_t *event, uint32_t length)
{
	struct mr_event_fixed fixed;
	uint64_t ancestors[MR_ANCESTORS_MAX];

	memcpy(&fixed, event, sizeof(fixed));
	if (fixed.object == 0)
		return false;
	struct mr_event_scopes scopes = {
		.ids = {rules->app, fixed.object, fixed.workspace, fixed.database, fixed.user},
		.ancestors = ancestors,
	};
	uint32_t count = fixed.ancestors;
	if (rules->bans->descendants > 0 && count <= MR_ANCESTORS_MAX
		&& sizeof(fixed) + count * sizeof(uint64_t) <= length) {
		memcpy(ancestors, event + sizeof(fixed), count * sizeof(uint64_t));
		scopes.ancestors_count = count;
	}
	const struct mr_ban_entry *entry = mr_bans_find(rules->bans, &scopes);
	return entry != NULL && entry->rule.mode == MR_BAN_DROP;
}

static void refuse_banned(const struct mr_verdict_rules *rules, struct mr_packet *packet)
{
	const uint8_t *event = packet->events;
	uint32_t left = packet->events_bytes;

	for (uint32_t i = 0; i < packet->count; i++) {
		uint32_t length = length_of(event, left);
		if (length == 0)
			return;
		if (is_banned(rules, event, length)) {
			packet->verdict[i] = MR_REASON_BANNED;
			packet->verdicts++;
		}
		event += length;
		left -= length;
	}
}

// Looks at lengths and objects alone: to refuse must cost little. Writes a verdict for every event
// it comes to that has none. True when all of them are of the same object.
static bool refuse_shed(
	const struct mr_verdict_rules *rules, struct mr_packet *packet, uint8_t *ret_slot)
{
	const uint8_t *event = packet->events;
	uint32_t left = packet->events_bytes;
	uint64_t last = 0; // events of one object come in rows: it is looked up once
	bool same = true, is_shed = false;
	uint8_t slot = 0;
	uint32_t shed = 0;

	for (uint32_t i = 0; i < packet->count; i++) {
		uint32_t length = length_of(event, left);
		if (length == 0)
			return false;
		uint64_t object = object_of(event);
		if (object != last)
			is_shed = mr_turned_away_find(
				rules->shed, object, packet->flow, rules->now_ns, &slot);
		last = object;
		if (is_shed && packet->verdict[i] == MR_REASON_OK) {
			packet->verdict[i] = MR_REASON_OBJECT_FULL;
			same = same && (shed == 0 || slot == *ret_slot);
			*ret_slot = slot;
			packet->verdicts++;
			shed++;
		}
		event += length;
		left -= length;
	}
	return same && shed == packet->count && left == 0;
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
	bool has_shed = mr_turned_away_any(rules->shed);
	packet->verdicts = 0;
	if (has_shed || mr_bans_any(rules->bans))
		memset(packet->verdict, MR_REASON_OK, packet->count);
	if (mr_bans_any(rules->bans))
		refuse_banned(rules, packet);
	if (has_shed && refuse_shed(rules, packet, ret_slot)) {
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
