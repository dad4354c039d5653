// Finished events, gathered into distributed records: what a start does not distribute again.
#include <stddef.h>

#include "mr_assert.h"
#include "record_codec.h"
#include "shard_state.h"

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void mr_progress_init(struct mr_shard_progress *progress)
{
	progress->oldest = UINT64_MAX;
	progress->unrecorded = UINT64_MAX;
	progress->unrecorded_before = UINT64_MAX;
	for (uint32_t i = 0; i < 2; i++)
		progress->written[i].oldest = UINT64_MAX;
}

void mr_progress_add(struct mr_shard *shard, uint64_t offset)
{
	struct mr_shard_progress *progress = &shard->progress;
	if (progress->count == MR_SHARD_PROGRESS_MAX)
		mr_progress_write(shard);
	if (progress->count == MR_SHARD_PROGRESS_MAX) {
		// No room: after a crash this event is distributed again.
		progress->unrecorded = min_u64(progress->unrecorded, offset);
		return;
	}
	if (progress->count == 0)
		progress->due_ns = shard->now.mono_ns + shard->limits.progress_interval_ns;
	progress->offsets[progress->count++] = offset;
	progress->oldest = min_u64(progress->oldest, offset);
}

// The record just appended, of events from `oldest` on, joins those that are to become durable
// next.
static void remember_written(struct mr_shard *shard, uint64_t oldest)
{
	struct mr_shard_progress *progress = &shard->progress;
	struct mr_shard_written *next = &progress->written[progress->written[0].end > 0 ? 1 : 0];
	next->oldest = min_u64(next->oldest, oldest);
	next->end = mr_stream_next(shard->config.stream);
}

bool mr_progress_drop(
	struct mr_shard *shard, uint64_t offset, const struct mr_scope *scope, uint8_t reason)
{
	struct mr_record_dropped head = {
		.origin = mr_position_make(shard->config.stream->id, offset),
		.scope_id = scope->id,
		.reason = reason,
		.scope_kind = (uint8_t)scope->kind,
	};
	mr_assert(mr_reason_info(reason)->kind == MR_REASON_DROPPED);
	if (!mr_shard_has_room(shard, sizeof(head)))
		return false;
	mr_record_seal(&head, sizeof(head), NULL, 0, MR_RECORD_DROPPED, 0);
	(void)mr_stream_append(shard->config.stream, &head, sizeof(head), NULL, 0);
	remember_written(shard, offset);
	return true;
}

void mr_progress_write(struct mr_shard *shard)
{
	struct mr_shard_progress *progress = &shard->progress;
	if (progress->count == 0
		|| (progress->count < MR_SHARD_PROGRESS_MAX
			&& shard->now.mono_ns < progress->due_ns))
		return;
	struct mr_record_distributed head = {.count = progress->count};
	const size_t bytes = progress->count * sizeof(progress->offsets[0]);
	if (!mr_shard_has_room(shard, sizeof(head) + bytes)) {
		progress->due_ns = shard->now.mono_ns + shard->limits.progress_interval_ns;
		return;
	}
	mr_record_seal(&head, sizeof(head), progress->offsets, bytes, MR_RECORD_DISTRIBUTED, 0);
	(void)mr_stream_append(shard->config.stream, &head, sizeof(head), progress->offsets, bytes);
	progress->count = 0;
	remember_written(shard, progress->oldest);
	progress->oldest = UINT64_MAX;
}

uint64_t mr_progress_oldest(struct mr_shard *shard)
{
	struct mr_shard_progress *progress = &shard->progress;
	const struct mr_shard_written none = {.oldest = UINT64_MAX};
	mr_assert(progress->written[1].end == 0 || progress->written[0].end > 0);
	while (progress->written[0].end > 0 && progress->written[0].end <= shard->watermark) {
		progress->written[0] = progress->written[1];
		progress->written[1] = none;
	}
	const uint64_t written = min_u64(progress->written[0].oldest, progress->written[1].oldest);
	const uint64_t unrecorded = min_u64(progress->unrecorded, progress->unrecorded_before);
	return min_u64(progress->oldest, min_u64(written, unrecorded));
}

void mr_progress_begin(struct mr_shard_progress *progress)
{
	mr_assert(progress->unrecorded_before == UINT64_MAX);
	progress->unrecorded_before = progress->unrecorded;
	progress->unrecorded = UINT64_MAX;
}

void mr_progress_complete(struct mr_shard_progress *progress)
{
	progress->unrecorded_before = UINT64_MAX;
}
