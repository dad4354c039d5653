#include "record_codec.h"

#include <errno.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "mr_assert.h"

// The checksum of `header` (its check field zero) followed by the rest of the head and the body.
static uint32_t checksum(const struct mr_record *header, const uint8_t *rest, size_t rest_bytes,
	const void *body, size_t body_bytes)
{
	XXH3_state_t state;
	(void)XXH3_64bits_reset(&state);
	(void)XXH3_64bits_update(&state, header, sizeof(*header));
	(void)XXH3_64bits_update(&state, rest, rest_bytes);
	if (body_bytes > 0)
		(void)XXH3_64bits_update(&state, body, body_bytes);
	return (uint32_t)XXH3_64bits_digest(&state);
}

void mr_record_seal(void *head, size_t head_bytes, const void *body, size_t body_bytes,
	enum mr_record_kind kind, uint16_t flags)
{
	mr_assert(head_bytes >= sizeof(struct mr_record) && (head_bytes | body_bytes) % 8 == 0);
	mr_assert(head_bytes + body_bytes <= MR_RECORD_BYTES_MAX);
	struct mr_record header = {.length = (uint32_t)(head_bytes + body_bytes),
		.kind = (uint16_t)kind,
		.flags = flags};
	header.check = checksum(&header, (const uint8_t *)head + sizeof(header),
		head_bytes - sizeof(header), body, body_bytes);
	memcpy(head, &header, sizeof(header));
}

static uint32_t load_u16(const struct mr_record *record, size_t at)
{
	uint16_t value;
	memcpy(&value, (const uint8_t *)record + at, sizeof(value));
	return value;
}

static uint32_t load_u32(const struct mr_record *record, size_t at)
{
	uint32_t value;
	memcpy(&value, (const uint8_t *)record + at, sizeof(value));
	return value;
}

// Bytes of the part of a kind that is always there; 0 for a kind we do not know.
static size_t fixed_bytes(uint32_t kind)
{
	static const uint16_t bytes[MR_RECORD_KIND_COUNT] = {
		[MR_RECORD_EVENT] = sizeof(struct mr_record_event) + sizeof(struct mr_event_fixed),
		[MR_RECORD_MATCH] = sizeof(struct mr_record_match),
		[MR_RECORD_DISTRIBUTED] = sizeof(struct mr_record_distributed),
		[MR_RECORD_DROPPED] = sizeof(struct mr_record_dropped),
		[MR_RECORD_CHECKPOINT] = sizeof(struct mr_record_checkpoint),
		[MR_RECORD_BATCH] = sizeof(struct mr_record_batch),
		[MR_RECORD_PROGRESS] = sizeof(struct mr_record_progress),
		[MR_RECORD_LANE] = sizeof(struct mr_record_lane),
		[MR_RECORD_SESSION] = sizeof(struct mr_record_session),
		[MR_RECORD_WEBHOOK] = sizeof(struct mr_record_webhook),
		[MR_RECORD_QUEUED] = sizeof(struct mr_record_queued),
		[MR_RECORD_TAKEN] = sizeof(struct mr_record_taken),
		[MR_RECORD_EXPIRED] = sizeof(struct mr_record_expired),
		[MR_RECORD_BAN] = sizeof(struct mr_record_ban),
		[MR_RECORD_PAUSE] = sizeof(struct mr_record_pause),
		[MR_RECORD_APP] = sizeof(struct mr_record_app),
	};
	return kind < MR_RECORD_KIND_COUNT ? bytes[kind] : 0;
}

// Whether `count` u64 follow the fixed part and nothing else.
static bool words_follow(const struct mr_record *record, uint32_t count, uint32_t max)
{
	return count <= max && record->length == fixed_bytes(record->kind) + (size_t)count * 8;
}

static bool webhook_texts_fit(const struct mr_record *record)
{
	size_t texts = (size_t)load_u16(record, offsetof(struct mr_record_webhook, type_length))
		+ load_u16(record, offsetof(struct mr_record_webhook, url_length))
		+ load_u16(record, offsetof(struct mr_record_webhook, secret_length))
		+ load_u16(record, offsetof(struct mr_record_webhook, filters_length));
	return record->length == ((sizeof(struct mr_record_webhook) + texts + 7) & ~(size_t)7);
}

bool mr_record_sane(const struct mr_record *record, size_t available)
{
	if (available < sizeof(*record) || record->length > available
		|| record->length > MR_RECORD_BYTES_MAX || record->length % 8 != 0)
		return false;
	size_t fixed = fixed_bytes(record->kind);
	if (fixed == 0 || record->length < fixed || record->reserved != 0)
		return false;
	switch ((enum mr_record_kind)record->kind) {
	case MR_RECORD_EVENT:
		return load_u32(record, sizeof(struct mr_record_event))
			== record->length - sizeof(struct mr_record_event);
	case MR_RECORD_MATCH:
		return words_follow(record,
			load_u16(record, offsetof(struct mr_record_match, count)),
			MR_MATCH_WEBHOOKS_MAX);
	case MR_RECORD_DISTRIBUTED:
		return words_follow(record,
			load_u32(record, offsetof(struct mr_record_distributed, count)),
			MR_RECORD_BYTES_MAX / 8);
	case MR_RECORD_BATCH:
		return words_follow(record,
			load_u16(record, offsetof(struct mr_record_batch, count)),
			MR_BATCH_EVENTS_MAX);
	case MR_RECORD_LANE:
		return words_follow(record,
			load_u32(record, offsetof(struct mr_record_lane, count)),
			MR_LANE_RECORD_ENTRIES_MAX);
	case MR_RECORD_QUEUED:
		return words_follow(record,
			load_u32(record, offsetof(struct mr_record_queued, count)),
			MR_QUEUED_RECORD_EVENTS_MAX);
	case MR_RECORD_TAKEN:
		return words_follow(record,
			load_u32(record, offsetof(struct mr_record_taken, count)), MR_SHARDS_MAX);
	case MR_RECORD_WEBHOOK:
		return webhook_texts_fit(record);
	case MR_RECORD_DROPPED:
	case MR_RECORD_CHECKPOINT:
	case MR_RECORD_PROGRESS:
	case MR_RECORD_SESSION:
	case MR_RECORD_BAN:
	case MR_RECORD_PAUSE:
	case MR_RECORD_APP:
	case MR_RECORD_EXPIRED:
		return record->length == fixed;
	case MR_RECORD_KIND_COUNT:
		break;
	}
	return false;
}

int mr_record_check(const void *bytes, size_t available)
{
	const struct mr_record *record = bytes;
	if (!mr_record_sane(record, available))
		return -EBADMSG;
	struct mr_record header = *record;
	header.check = 0;
	uint32_t check = checksum(&header, (const uint8_t *)bytes + sizeof(header),
		record->length - sizeof(header), NULL, 0);
	return check == record->check ? 0 : -EBADMSG;
}
