#include "history.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <millrace/reason.h>

#include "event_codec.h"
#include "journal_build.h"
#include "record_codec.h"

enum { LIST_MAX = 512 };

void history_open(struct history *history)
{
	*history = (struct history){.replay = mr_replay_new(HISTORY_FLOWS, 7)};
	assert_non_null(history->replay);
	for (uint32_t i = 0; i < HISTORY_STREAMS_MAX; i++)
		history->ends[i] = MR_STREAM_START;
}

void history_close(struct history *history)
{
	mr_replay_free(history->replay);
	for (uint32_t i = 0; i < history->count; i++)
		free(history->records[i]);
	free(history->records);
	free(history->positions);
}

static void feed(struct history *history, uint32_t at)
{
	const mr_position position = history->positions[at];
	assert_int_equal(mr_replay_record(history->replay, mr_position_stream(position),
				 mr_position_offset(position), history->records[at]),
		0);
}

void history_replay(struct history *history, uint32_t from, uint32_t to)
{
	mr_replay_free(history->replay);
	history->replay = mr_replay_new(HISTORY_FLOWS, 7);
	assert_non_null(history->replay);
	for (uint32_t i = from; i < to; i++)
		feed(history, i);
}

const struct mr_record *history_find(const struct history *history, mr_position position)
{
	for (uint32_t i = 0; i < history->count; i++)
		if (history->positions[i] == position)
			return history->records[i];
	return NULL;
}

static int read_record(void *owner, mr_position position, const struct mr_record **ret_record)
{
	struct history *history = owner;
	history->reads++;
	*ret_record = history_find(history, position);
	return *ret_record != NULL ? 0 : -ENOENT;
}

struct mr_replay_source history_source(struct history *history)
{
	return (struct mr_replay_source){.owner = history, .read = read_record};
}

mr_position history_put(struct history *history, uint16_t stream, void *head, size_t head_bytes,
	const void *body, size_t body_bytes, enum mr_record_kind kind, uint16_t flags)
{
	mr_record_seal(head, head_bytes, body, body_bytes, kind, flags);
	if (history->count == history->capacity) {
		history->capacity = history->capacity * 2 + 64;
		history->records =
			realloc(history->records, history->capacity * sizeof(history->records[0]));
		history->positions = realloc(
			history->positions, history->capacity * sizeof(history->positions[0]));
		assert_non_null(history->records);
		assert_non_null(history->positions);
	}
	uint8_t *bytes = malloc(head_bytes + body_bytes);
	assert_non_null(bytes);
	memcpy(bytes, head, head_bytes);
	if (body_bytes > 0)
		memcpy(bytes + head_bytes, body, body_bytes);
	mr_position position = mr_position_make(stream, history->ends[stream]);
	if (history->build != NULL)
		position = journal_build_add(history->build, stream, bytes);
	history->ends[stream] += head_bytes + body_bytes;
	history->records[history->count] = (void *)bytes;
	history->positions[history->count] = position;
	history->count++;
	if (history->replay != NULL)
		feed(history, history->count - 1);
	return position;
}

static uint32_t length_of(const uint64_t *list)
{
	uint32_t count = 0;
	while (list != NULL && list[count] != 0)
		count++;
	assert_true(count <= LIST_MAX);
	return count;
}

mr_position history_event(
	struct history *history, uint16_t stream, const struct history_event *event)
{
	_Alignas(8) uint8_t bytes[1024];
	struct mr_event decoded = {.action = MR_ACTION_ADDED,
		.object = event->object,
		.workspace = 5,
		.database = 6,
		.type = {"task", 4}};
	for (; decoded.ancestors_count < 4 && event->ancestors[decoded.ancestors_count] != 0;
		decoded.ancestors_count++)
		decoded.ancestors[decoded.ancestors_count] =
			(struct mr_ancestor){.gid = event->ancestors[decoded.ancestors_count],
				.type = {"project", 7},
				.via = MR_VIA_OBJECT};
	const ssize_t length = mr_event_encode(&decoded, bytes, sizeof(bytes));
	assert_true(length > 0);
	struct mr_record_event record = {.app = 42,
		.session_id = event->session != 0 ? event->session : 1,
		.sequence = event->sequence,
		.received_at_ns = 1000 + (int64_t)event->sequence,
		.session_epoch = 1,
		.flow = event->flow,
		.hops_done = event->hops_done};
	return history_put(history, stream, &record, sizeof(record), bytes, (size_t)length,
		MR_RECORD_EVENT, event->flags);
}

mr_position history_match(struct history *history, uint16_t stream, mr_position origin,
	uint8_t ancestor, uint8_t object_hash, const uint64_t *webhooks)
{
	struct mr_record_match match = {.origin = origin,
		.resource = 1,
		.count = (uint16_t)length_of(webhooks),
		.ancestor = ancestor,
		.object_hash = object_hash};
	return history_put(history, stream, &match, sizeof(match), webhooks, match.count * 8,
		MR_RECORD_MATCH, 0);
}

void history_distributed(struct history *history, uint16_t stream, mr_position event)
{
	struct mr_record_distributed head = {.count = 1};
	const uint64_t offset = mr_position_offset(event);
	assert_int_equal(mr_position_stream(event), stream);
	history_put(history, stream, &head, sizeof(head), &offset, sizeof(offset),
		MR_RECORD_DISTRIBUTED, 0);
}

void history_queued(struct history *history, uint16_t stream, mr_position event)
{
	struct mr_record_queued head = {.count = 1};
	const uint64_t offset = mr_position_offset(event);
	history_put(
		history, stream, &head, sizeof(head), &offset, sizeof(offset), MR_RECORD_QUEUED, 0);
}

void history_dropped(struct history *history, uint16_t stream, mr_position origin, uint64_t webhook)
{
	struct mr_record_dropped dropped = {
		.origin = origin, .webhook = webhook, .reason = MR_REASON_EXPIRED};
	history_put(history, stream, &dropped, sizeof(dropped), NULL, 0, MR_RECORD_DROPPED, 0);
}

void history_checkpoint(struct history *history, uint16_t stream, uint64_t session, uint16_t flow,
	uint64_t next, const uint64_t *accepted)
{
	struct mr_record_checkpoint record = {
		.app = 42, .session_id = session, .session_epoch = 1, .flow = flow, .next = next};
	if (accepted != NULL)
		memcpy(record.accepted, accepted, sizeof(record.accepted));
	history_put(history, stream, &record, sizeof(record), NULL, 0, MR_RECORD_CHECKPOINT, 0);
}

void history_batch(struct history *history, uint16_t stream, uint64_t webhook, uint64_t number,
	uint16_t sublane, const mr_position *positions)
{
	struct mr_record_batch batch = {.webhook = webhook,
		.number = number,
		.sublane = sublane,
		.count = (uint16_t)length_of(positions)};
	history_put(history, stream, &batch, sizeof(batch), positions, batch.count * 8,
		MR_RECORD_BATCH, 0);
}

void history_progress(struct history *history, uint16_t stream, uint64_t webhook, uint16_t sublane,
	uint64_t settled_number)
{
	struct mr_record_progress progress = {
		.webhook = webhook, .settled_number = settled_number, .sublane = sublane};
	history_put(history, stream, &progress, sizeof(progress), NULL, 0, MR_RECORD_PROGRESS, 0);
}

mr_position history_lane(struct history *history, uint16_t stream, const struct history_lane *lane)
{
	struct mr_record_lane record = {.webhook = lane->webhook,
		.first_entry = lane->first_entry,
		.taken = lane->taken,
		.last_number = lane->last_number,
		.sublane = lane->sublane,
		.sublanes = lane->sublanes != 0 ? lane->sublanes : 1,
		.count = length_of(lane->positions)};
	return history_put(history, stream, &record, sizeof(record), lane->positions,
		record.count * 8, MR_RECORD_LANE, lane->flags);
}

void history_session(
	struct history *history, uint16_t stream, uint64_t session, uint32_t epoch, bool is_closed)
{
	struct mr_record_session record = {
		.app = 42, .session_id = session, .key_id = 9, .session_epoch = epoch, .at_ns = 77};
	history_put(history, stream, &record, sizeof(record), NULL, 0, MR_RECORD_SESSION,
		is_closed ? MR_SESSION_CLOSED : 0);
}

void history_expired(
	struct history *history, uint16_t stream, uint64_t webhook, uint64_t entry_hash)
{
	struct mr_record_expired record = {
		.webhook = webhook, .entry_hash = entry_hash, .at_ns = 5};
	history_put(history, stream, &record, sizeof(record), NULL, 0, MR_RECORD_EXPIRED, 0);
}
