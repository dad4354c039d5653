#include "event_codec.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "mr_assert.h"
#include "utf8.h"

enum { NO_FAULT = -1, TEXTS_MAX = 5 + MR_ANCESTORS_MAX };

struct ancestor_tail { // what follows the gids, per ancestor
	uint8_t via;
	uint8_t type_length;
};

static size_t round_up_8(size_t value)
{
	return (value + 7) & ~(size_t)7;
}

#define FIELD_AT(field) ((int32_t)offsetof(struct mr_event_fixed, field))

// The fixed part, as far as it does not need the rest. Each check answers with the offset of its
// field.
static int32_t fixed_fault(const struct mr_event_fixed *fixed, size_t available)
{
	if (fixed->length < sizeof(*fixed) || fixed->length > available
		|| fixed->length > MR_EVENT_BYTES_MAX || fixed->length % 8 != 0)
		return FIELD_AT(length);
	if (fixed->action == MR_ACTION_NONE || fixed->action >= MR_ACTION_COUNT)
		return FIELD_AT(action);
	bool changes = fixed->change_action != MR_ACTION_NONE;
	if (fixed->change_action > MR_ACTION_CHANGED
		|| (changes && fixed->action != MR_ACTION_CHANGED))
		return FIELD_AT(change_action);
	if (fixed->ancestors > MR_ANCESTORS_MAX)
		return FIELD_AT(ancestors);
	if (fixed->flags != 0)
		return FIELD_AT(flags);
	if (fixed->object == 0)
		return FIELD_AT(object);
	if (fixed->created_at_ns < 0)
		return FIELD_AT(created_at_ns);
	if (fixed->value_gid != 0 && !changes)
		return FIELD_AT(value_gid);
	if (fixed->parent_gid != 0 && fixed->action > MR_ACTION_REMOVED)
		return FIELD_AT(parent_gid);
	if (fixed->type_length > MR_TYPE_BYTES_MAX)
		return FIELD_AT(type_length);
	if (fixed->subtype_length > MR_TYPE_BYTES_MAX)
		return FIELD_AT(subtype_length);
	if (fixed->field_length > (changes ? MR_FIELD_BYTES_MAX : 0))
		return FIELD_AT(field_length);
	if (fixed->value_type_length > (fixed->value_gid != 0 ? MR_TYPE_BYTES_MAX : 0))
		return FIELD_AT(value_type_length);
	if (fixed->parent_type_length > (fixed->parent_gid != 0 ? MR_TYPE_BYTES_MAX : 0))
		return FIELD_AT(parent_type_length);
	if (fixed->reserved != 0)
		return FIELD_AT(reserved);
	if (fixed->payload_length > MR_PAYLOAD_BYTES_MAX)
		return FIELD_AT(payload_length);
	return NO_FAULT;
}
static_assert(MR_ACTION_ADDED < MR_ACTION_REMOVED && MR_ACTION_REMOVED < MR_ACTION_CHANGED,
	"a parent goes with the actions up to removed, a change is one of those up to changed");

// The lengths of all texts but the payload, in the order they stand. Returns how many.
static uint32_t text_lengths(const struct mr_event_fixed *fixed, const struct ancestor_tail *tails,
	uint8_t ret_lengths[TEXTS_MAX])
{
	ret_lengths[0] = fixed->type_length;
	ret_lengths[1] = fixed->subtype_length;
	ret_lengths[2] = fixed->field_length;
	ret_lengths[3] = fixed->value_type_length;
	ret_lengths[4] = fixed->parent_type_length;
	for (uint32_t i = 0; i < fixed->ancestors; i++)
		ret_lengths[5 + i] = tails[i].type_length;
	return 5 + (uint32_t)fixed->ancestors;
}

// Gids, ways and type lengths of the ancestors; the caller knows that they stand within the event.
static int32_t ancestors_fault(
	const uint8_t *bytes, uint32_t count, const struct ancestor_tail *tails)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t gid;
		size_t gid_at = MR_EVENT_FIXED_BYTES + i * sizeof(gid);
		memcpy(&gid, bytes + gid_at, sizeof(gid));
		if (gid == 0)
			return (int32_t)gid_at;
		size_t tail_at = MR_EVENT_FIXED_BYTES + count * sizeof(gid) + i * sizeof(*tails);
		if (tails[i].via >= count && tails[i].via != MR_VIA_OBJECT)
			return (int32_t)tail_at;
		if (tails[i].type_length > MR_TYPE_BYTES_MAX)
			return (int32_t)tail_at + 1;
	}
	return NO_FAULT;
}

// Every text by itself: a sequence must not reach from one into the next.
static int32_t texts_fault(const uint8_t *bytes, const uint8_t *lengths, uint32_t count)
{
	uint32_t at = 0;
	for (uint32_t i = 0; i < count; i++) {
		int32_t fault = mr_utf8_fault(bytes + at, lengths[i]);
		if (fault != MR_UTF8_OK)
			return (int32_t)at + fault;
		at += lengths[i];
	}
	return NO_FAULT;
}

// What follows the fixed part.
static int32_t rest_fault(const uint8_t *bytes, const struct mr_event_fixed *fixed)
{
	struct ancestor_tail tails[MR_ANCESTORS_MAX];
	size_t tails_at = sizeof(*fixed) + fixed->ancestors * sizeof(uint64_t);
	size_t texts_at = tails_at + fixed->ancestors * sizeof(*tails);
	if (texts_at > fixed->length)
		return FIELD_AT(length);
	memcpy(tails, bytes + tails_at, fixed->ancestors * sizeof(*tails));
	int32_t fault = ancestors_fault(bytes, fixed->ancestors, tails);
	if (fault != NO_FAULT)
		return fault;

	uint8_t lengths[TEXTS_MAX];
	uint32_t count = text_lengths(fixed, tails, lengths);
	size_t texts_bytes = 0;
	for (uint32_t i = 0; i < count; i++)
		texts_bytes += lengths[i];
	size_t end = texts_at + texts_bytes + fixed->payload_length;
	if (fixed->length != round_up_8(end))
		return FIELD_AT(length);
	if (!mr_utf8_is_plain(bytes + texts_at, (uint32_t)texts_bytes)) {
		fault = texts_fault(bytes + texts_at, lengths, count);
		if (fault != NO_FAULT)
			return (int32_t)texts_at + fault;
	}
	for (size_t at = end; at < fixed->length; at++) {
		if (bytes[at] != 0)
			return (int32_t)at;
	}
	return NO_FAULT;
}

ssize_t mr_event_check(const uint8_t *bytes, size_t length, uint32_t *ret_offset)
{
	struct mr_event_fixed fixed;
	int32_t fault = FIELD_AT(length);
	if (length >= sizeof(fixed)) {
		memcpy(&fixed, bytes, sizeof(fixed));
		fault = fixed_fault(&fixed, length);
		if (fault == NO_FAULT)
			fault = rest_fault(bytes, &fixed);
		if (fault == NO_FAULT)
			return (ssize_t)fixed.length;
	}
	if (ret_offset != NULL)
		*ret_offset = (uint32_t)fault;
	return -EBADMSG;
}

// Takes the next `length` bytes as a text.
static struct mr_text next_text(const uint8_t **at, uint16_t length)
{
	struct mr_text text = {.data = (const char *)*at, .length = length};
	*at += length;
	return text;
}

void mr_event_decode(const uint8_t *bytes, struct mr_event *ret_event)
{
	struct mr_event_fixed fixed;
	memcpy(&fixed, bytes, sizeof(fixed));
	mr_assert(fixed.length >= sizeof(fixed) && fixed.length <= MR_EVENT_BYTES_MAX);
	mr_assert(fixed.ancestors <= MR_ANCESTORS_MAX);

	const uint8_t *gids = bytes + sizeof(fixed);
	const uint8_t *tails = gids + fixed.ancestors * sizeof(uint64_t);
	const uint8_t *at = tails + fixed.ancestors * sizeof(struct ancestor_tail);
	ret_event->length = fixed.length;
	ret_event->action = fixed.action;
	ret_event->change_action = fixed.change_action;
	ret_event->ancestors_count = fixed.ancestors;
	ret_event->object = fixed.object;
	ret_event->workspace = fixed.workspace;
	ret_event->database = fixed.database;
	ret_event->user = fixed.user;
	ret_event->created_at_ns = fixed.created_at_ns;
	ret_event->value_gid = fixed.value_gid;
	ret_event->parent_gid = fixed.parent_gid;
	ret_event->type = next_text(&at, fixed.type_length);
	ret_event->subtype = next_text(&at, fixed.subtype_length);
	ret_event->field = next_text(&at, fixed.field_length);
	ret_event->value_type = next_text(&at, fixed.value_type_length);
	ret_event->parent_type = next_text(&at, fixed.parent_type_length);
	for (uint32_t i = 0; i < fixed.ancestors; i++) {
		struct mr_ancestor *ancestor = &ret_event->ancestors[i];
		memcpy(&ancestor->gid, gids + i * sizeof(uint64_t), sizeof(ancestor->gid));
		struct ancestor_tail tail;
		memcpy(&tail, tails + i * sizeof(tail), sizeof(tail));
		ancestor->via = tail.via;
		ancestor->type = next_text(&at, tail.type_length);
	}
	ret_event->payload = next_text(&at, fixed.payload_length);
	mr_assert(round_up_8((size_t)(at - bytes)) == fixed.length);
}

// Texts whose lengths have a byte on the wire fit it; everything else is left to mr_event_check.
static bool lengths_fit(const struct mr_event *event)
{
	if (event->ancestors_count > MR_ANCESTORS_MAX
		|| event->payload.length > MR_PAYLOAD_BYTES_MAX)
		return false;
	bool fit = event->type.length <= UINT8_MAX && event->subtype.length <= UINT8_MAX
		&& event->field.length <= UINT8_MAX && event->value_type.length <= UINT8_MAX
		&& event->parent_type.length <= UINT8_MAX;
	for (uint32_t i = 0; i < event->ancestors_count; i++)
		fit = fit && event->ancestors[i].type.length <= UINT8_MAX;
	return fit;
}

static size_t encoded_bytes(const struct mr_event *event)
{
	size_t bytes = MR_EVENT_FIXED_BYTES + event->type.length + event->subtype.length
		+ event->field.length + event->value_type.length + event->parent_type.length
		+ event->payload.length;
	for (uint32_t i = 0; i < event->ancestors_count; i++)
		bytes += sizeof(uint64_t) + sizeof(struct ancestor_tail)
			+ event->ancestors[i].type.length;
	return bytes;
}

static void put_text(uint8_t **at, struct mr_text text)
{
	if (text.length > 0)
		memcpy(*at, text.data, text.length);
	*at += text.length;
}

ssize_t mr_event_encode(const struct mr_event *event, uint8_t *ret_bytes, size_t size)
{
	if (!lengths_fit(event))
		return -EINVAL;
	size_t used = encoded_bytes(event);
	size_t length = round_up_8(used);
	if (length > size)
		return -ENOSPC;
	struct mr_event_fixed fixed = {
		.length = (uint32_t)length,
		.action = event->action,
		.change_action = event->change_action,
		.ancestors = event->ancestors_count,
		.object = event->object,
		.workspace = event->workspace,
		.database = event->database,
		.user = event->user,
		.created_at_ns = event->created_at_ns,
		.value_gid = event->value_gid,
		.parent_gid = event->parent_gid,
		.type_length = (uint8_t)event->type.length,
		.subtype_length = (uint8_t)event->subtype.length,
		.field_length = (uint8_t)event->field.length,
		.value_type_length = (uint8_t)event->value_type.length,
		.parent_type_length = (uint8_t)event->parent_type.length,
		.payload_length = event->payload.length,
	};
	memcpy(ret_bytes, &fixed, sizeof(fixed));
	uint8_t *at = ret_bytes + sizeof(fixed);
	for (uint32_t i = 0; i < event->ancestors_count; i++, at += sizeof(uint64_t))
		memcpy(at, &event->ancestors[i].gid, sizeof(uint64_t));
	for (uint32_t i = 0; i < event->ancestors_count; i++) {
		*at++ = event->ancestors[i].via;
		*at++ = (uint8_t)event->ancestors[i].type.length;
	}
	put_text(&at, event->type);
	put_text(&at, event->subtype);
	put_text(&at, event->field);
	put_text(&at, event->value_type);
	put_text(&at, event->parent_type);
	for (uint32_t i = 0; i < event->ancestors_count; i++)
		put_text(&at, event->ancestors[i].type);
	put_text(&at, event->payload);
	memset(at, 0, length - used);
	return mr_event_check(ret_bytes, length, NULL) < 0 ? -EINVAL : (ssize_t)length;
}
