#include "node.h"

#include <string.h>

#include "mr_assert.h"
#include "record_codec.h"

// For what is written at once: two bans, or one and the pauses.
enum { ROOM = sizeof(struct mr_record_ban) + sizeof(struct mr_record_pause) };
static_assert(sizeof(struct mr_record_session) <= ROOM && sizeof(struct mr_record_expired) <= ROOM
		&& sizeof(struct mr_record_ban) <= sizeof(struct mr_record_pause),
	"every record finds it");

bool mr_node_has_room(const struct mr_node *node)
{
	return node->stream == NULL || mr_stream_room(node->stream) >= ROOM;
}

bool mr_node_fits(const struct mr_node *node, size_t bytes)
{
	return node->stream == NULL || mr_stream_room(node->stream) >= bytes;
}

static uint64_t append(
	struct mr_node *node, void *record, size_t bytes, enum mr_record_kind kind, uint16_t flags)
{
	if (node->stream == NULL)
		return 0;
	mr_assert(mr_node_fits(node, bytes));
	mr_record_seal(record, bytes, NULL, 0, kind, flags);
	uint64_t offset = mr_stream_append(node->stream, record, bytes, NULL, 0);
	mr_stream_publish(node->stream);
	return offset + bytes;
}

uint64_t mr_node_session(
	struct mr_node *node, const struct mr_node_session *session, enum mr_session_flag flags)
{
	struct mr_record_session record = {.app = session->app,
		.session_id = session->session_id,
		.key_id = session->key_id,
		.session_epoch = session->epoch,
		.at_ns = node->wall_ns};
	return append(node, &record, sizeof(record), MR_RECORD_SESSION, (uint16_t)flags);
}

uint64_t mr_node_expired(struct mr_node *node, uint64_t webhook, uint64_t entry_hash)
{
	struct mr_record_expired record = {
		.webhook = webhook, .entry_hash = entry_hash, .at_ns = node->wall_ns};
	return append(node, &record, sizeof(record), MR_RECORD_EXPIRED, 0);
}

uint64_t mr_node_webhook(struct mr_node *node, struct mr_record_webhook *record, uint16_t flags)
{
	size_t texts = (size_t)record->type_length + record->url_length + record->secret_length
		+ record->filters_length;
	size_t bytes = (sizeof(*record) + texts + 7) & ~(size_t)7;
	return append(node, record, bytes, MR_RECORD_WEBHOOK, flags);
}

uint64_t mr_node_app(struct mr_node *node, struct mr_record_app *record, uint16_t flags)
{
	return append(node, record, sizeof(*record), MR_RECORD_APP, flags);
}

uint64_t mr_node_ban(struct mr_node *node, const struct mr_ban *ban, enum mr_ban_record_flag flags)
{
	struct mr_record_ban record = {.ban = *ban};
	return append(node, &record, sizeof(record), MR_RECORD_BAN, (uint16_t)flags);
}

uint64_t mr_node_ban_id(struct mr_node *node, uint64_t id)
{
	const struct mr_ban ban = {.id = id};
	return mr_node_ban(node, &ban, 0);
}

uint64_t mr_node_paused(struct mr_node *node, const struct mr_paused paused[MR_PAUSES])
{
	struct mr_record_pause record = {0};
	memcpy(record.paused, paused, sizeof(record.paused));
	return append(node, &record, sizeof(record), MR_RECORD_PAUSE, 0);
}

uint64_t mr_node_end(const struct mr_node *node)
{
	return node->stream != NULL ? mr_stream_next(node->stream) : 0;
}

bool mr_node_durable(const struct mr_node *node, uint64_t end)
{
	return node->stream == NULL || mr_stream_watermark(node->stream) >= end;
}

bool mr_node_failed(const struct mr_node *node)
{
	return node->journal != NULL
		&& atomic_load_explicit(&node->journal->state, memory_order_acquire)
		== MR_JOURNAL_FAILED;
}

void mr_node_retire(struct mr_node *node)
{
	if (node->stream != NULL)
		mr_stream_retire(node->stream, mr_stream_watermark(node->stream));
}

uint64_t mr_node_wanted(const struct mr_node *node)
{
	if (node->stream == NULL)
		return 0;
	uint64_t epoch = atomic_load_explicit(&node->journal->epoch, memory_order_acquire);
	uint64_t done = atomic_load_explicit(&node->owner->epoch, memory_order_relaxed);
	return epoch > done ? epoch : 0;
}

void mr_node_checkpointed(struct mr_node *node, uint64_t epoch)
{
	mr_assert(epoch > atomic_load_explicit(&node->owner->epoch, memory_order_relaxed));
	atomic_store_explicit(
		&node->owner->epoch_end, mr_stream_next(node->stream), memory_order_release);
	atomic_store_explicit(&node->owner->epoch, epoch, memory_order_release);
}
