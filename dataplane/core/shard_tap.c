// Steps of objects that are followed, as a shard sees them.
#include "mr_assert.h"
#include "shard_state.h"

enum { MATCHES_TOLD_MAX = 16 }; // of one hop: no event fills the ring

void mr_shard_tap_offer(struct mr_shard *shard, const uint64_t ids[MR_TOP_KINDS], uint64_t sequence,
	mr_position position, const struct mr_tap_said *said)
{
	const struct mr_tap_entry entry = {
		.object = ids[MR_SCOPE_OBJECT - 1],
		.app = ids[MR_SCOPE_APP - 1],
		.sequence = sequence,
		.position = position,
		.said = *said,
	};
	if (mr_tap_follows(&shard->tap, entry.object))
		mr_tap_tell(&shard->tap, &entry, shard->now.wall_ns);
}

void mr_shard_tap_event(struct mr_shard *shard, const struct mr_lineage *lineage, uint64_t offset,
	const struct mr_tap_said *said)
{
	struct mr_tap_entry entry = {
		.object = lineage->gids[0],
		.app = lineage->origin.app,
		.position = mr_position_make(shard->config.stream->id, offset),
		.said = *said,
	};
	if (!mr_tap_follows(&shard->tap, entry.object))
		return;
	for (uint32_t at = 0; said->step == MR_TAP_DISTRIBUTED && at < lineage->count; at++)
		entry.said.detail += mr_lineage_cut(lineage, at) == MR_LINEAGE_GOES;
	mr_tap_tell(&shard->tap, &entry, shard->now.wall_ns);
}

void mr_shard_tap_match(struct mr_shard *shard)
{
	const struct mr_record_event *record = (const void *)shard->reader.bytes;
	struct mr_tap_entry entry = {
		.object = shard->event.object,
		.app = record->app,
		.sequence = record->sequence,
		.position = shard->match.origin,
		.said = {.step = MR_TAP_MATCHED, .detail = shard->match.count},
	};
	mr_assert(shard->match.count > 0);
	if (!mr_tap_follows(&shard->tap, entry.object))
		return;
	for (uint32_t i = 0; i < shard->match.count && i < MATCHES_TOLD_MAX; i++) {
		entry.said.webhook = shard->match_webhooks[i];
		mr_tap_tell(&shard->tap, &entry, shard->now.wall_ns);
	}
}
