// Distribution: one hop for the object and for each of its ancestors, to the shard that owns the
// resource. An event whose next hop has no room keeps its place; it is finished when all its hops
// are answered.
#include <stddef.h>
#include <string.h>

#include "histogram.h"
#include "mr_assert.h"
#include "record_codec.h"
#include "shard_state.h"

enum {
	EVENT_AT = sizeof(struct mr_record_event),
	ANCESTORS_AT = EVENT_AT + sizeof(struct mr_event_fixed),
	UNIT_BYTES = 256,
};

struct lineage { // the part of an event record that says where it goes
	uint64_t gids[1 + MR_ANCESTORS_MAX]; // the object, then its ancestors
	uint8_t via[1 + MR_ANCESTORS_MAX]; // index into gids
	uint32_t count;
	uint32_t bytes; // of the record
};

static void read_lineage(
	const struct mr_stream *stream, uint64_t offset, struct lineage *ret_lineage)
{
	uint8_t bytes[ANCESTORS_AT + MR_ANCESTORS_MAX * (8 + 2)];
	struct mr_event_fixed fixed;
	const uint32_t length = (uint32_t)mr_stream_word_own(stream, offset);
	mr_assert(length >= ANCESTORS_AT);
	mr_stream_copy_own(stream, offset, bytes, length < sizeof(bytes) ? length : sizeof(bytes));
	memcpy(&fixed, bytes + EVENT_AT, sizeof(fixed));
	const uint32_t ancestors = fixed.ancestors;
	mr_assert(ancestors <= MR_ANCESTORS_MAX && ANCESTORS_AT + ancestors * 10 <= length);
	ret_lineage->count = 1 + ancestors;
	ret_lineage->bytes = length;
	ret_lineage->gids[0] = fixed.object;
	ret_lineage->via[0] = 0;
	memcpy(&ret_lineage->gids[1], bytes + ANCESTORS_AT, ancestors * sizeof(uint64_t));
	for (uint32_t i = 0; i < ancestors; i++) {
		const uint8_t via = bytes[ANCESTORS_AT + ancestors * 8 + i * 2];
		ret_lineage->via[1 + i] = via == MR_VIA_OBJECT ? 0 : (uint8_t)(1 + via);
		mr_assert(ret_lineage->via[1 + i] < ret_lineage->count);
	}
}

// Whether the ancestor stands on its own way from the object.
static bool is_cycle(const struct lineage *lineage, uint32_t at)
{
	const uint64_t gid = lineage->gids[at];
	uint32_t via = lineage->via[at];
	for (uint32_t steps = 0; steps < lineage->count; steps++) {
		if (lineage->gids[via] == gid)
			return true;
		if (via == 0)
			break;
		via = lineage->via[via];
	}
	return false;
}

// A resource hears once of an event: every later mention is cut, and counted by what made it.
static bool is_cut(struct mr_shard *shard, const struct lineage *lineage, uint32_t at)
{
	for (uint32_t before = 0; before < at; before++) {
		if (lineage->gids[before] != lineage->gids[at])
			continue;
		const bool cycle = is_cycle(lineage, at);
		mr_count(mr_shard_counter(
				 shard, cycle ? MR_SHARD_CYCLES_CUT : MR_SHARD_DIAMONDS_CUT),
			1);
		return true;
	}
	return false;
}

// False when the hop has no credit or room. Adds what it costs to *units.
static bool send_hop(
	struct mr_shard *shard, const struct mr_hop *hop, uint64_t resource, uint32_t *units)
{
	const uint32_t owner = mr_shard_owner(shard, resource);
	struct mr_shard_peer *peer = &shard->peers[owner];
	if (peer->hops_out == MR_HOP_CREDITS)
		return false;
	bool is_open = true;
	uint32_t matches = shard->matches_per_hop_x16 / 16; // what remote hops found lately
	if (owner == shard->config.index) {
		const enum mr_match_result result = mr_match_hop(shard, hop, resource, &matches);
		if (result == MR_MATCH_BLOCKED)
			return false;
		is_open = result == MR_MATCH_WRITTEN;
	} else if (!mr_ring_push(shard->config.to_shard[owner], mr_desc_of(*hop))) {
		return false;
	}
	if (is_open) {
		peer->hops_out++;
		mr_pin_hop(&shard->pin, hop->offset);
	}
	mr_count(mr_shard_counter(shard, MR_SHARD_HOPS), 1);
	*units += 1 + matches;
	return true;
}

// Distributes the first event of the object. False when it is stuck; otherwise the event has left
// the queue.
static bool distribute(struct mr_shard *shard, uint32_t index, uint8_t flags, uint32_t *ret_units)
{
	struct mr_object *object = &shard->objects.states[index];
	const uint64_t offset = mr_objects_front(&shard->objects, index);
	struct lineage lineage;
	read_lineage(shard->config.stream, offset, &lineage);
	mr_assert(lineage.gids[0] == object->id);
	uint32_t units = 1 + lineage.bytes / UNIT_BYTES;
	struct mr_hop hop = {
		.offset = offset,
		.stream = shard->config.stream->id,
		.flags = flags,
	};
	if (object->flags & MR_OBJECT_PENALISED)
		hop.flags |= MR_HOP_PENALISED;
	for (uint32_t at = object->ancestor_next; at < lineage.count; at++) {
		object->ancestor_next = (uint8_t)at;
		if (is_cut(shard, &lineage, at))
			continue;
		hop.ancestor = at == 0 ? MR_VIA_OBJECT : (uint8_t)(at - 1);
		if (!send_hop(shard, &hop, lineage.gids[at], &units)) {
			mr_count(mr_shard_counter(shard, MR_SHARD_HOP_WAITS), 1);
			return false;
		}
	}
	mr_objects_pop(&shard->objects, index, lineage.bytes);
	if (object->flags & MR_OBJECT_SHED)
		mr_admission_lift_shed(shard, object);
	if (mr_pin_sent(&shard->pin, offset))
		mr_fanout_finish(shard, offset);
	*ret_units = units;
	return true;
}

void mr_fanout_finish(struct mr_shard *shard, uint64_t offset)
{
	const struct mr_stream *stream = shard->config.stream;
	const uint64_t app = mr_stream_word_own(stream, offset + MR_RECORD_EVENT_APP_AT);
	const uint64_t workspace =
		mr_stream_word_own(stream, offset + MR_RECORD_EVENT_WORKSPACE_AT);
	const uint64_t database = mr_stream_word_own(stream, offset + MR_RECORD_EVENT_DATABASE_AT);
	const int64_t received_ns = (int64_t)mr_stream_word_own(
		stream, offset + offsetof(struct mr_record_event, received_at_ns));
	mr_ledger_distributed(
		&shard->ledger, mr_ledger_find(&shard->ledger, app, workspace, database));
	const int64_t took_ns = shard->now.wall_ns - received_ns;
	mr_histogram_record(&shard->config.stats->histograms[MR_HISTOGRAM_SHARD_DISTRIBUTE],
		took_ns > 0 ? (uint64_t)took_ns : 0);
	struct mr_shard_progress *progress = &shard->progress;
	if (progress->count == MR_SHARD_PROGRESS_MAX)
		mr_fanout_progress(shard);
	if (progress->count == MR_SHARD_PROGRESS_MAX)
		return; // no room: after a crash this event is distributed again
	if (progress->count == 0)
		progress->due_ns = shard->now.mono_ns + shard->limits.progress_interval_ns;
	progress->offsets[progress->count++] = offset;
}

void mr_fanout_progress(struct mr_shard *shard)
{
	struct mr_shard_progress *progress = &shard->progress;
	if (progress->count == 0
		|| (progress->count < MR_SHARD_PROGRESS_MAX
			&& shard->now.mono_ns < progress->due_ns))
		return;
	struct mr_record_distributed head = {.count = progress->count};
	const size_t bytes = progress->count * sizeof(progress->offsets[0]);
	if (shard->config.stream->size / 16 * 15 < mr_shard_used(shard) + sizeof(head) + bytes) {
		progress->due_ns = shard->now.mono_ns + shard->limits.progress_interval_ns;
		return;
	}
	mr_record_seal(&head, sizeof(head), progress->offsets, bytes, MR_RECORD_DISTRIBUTED, 0);
	(void)mr_stream_append(shard->config.stream, &head, sizeof(head), progress->offsets, bytes);
	progress->count = 0;
}

void mr_fanout_answered(struct mr_shard *shard, uint32_t peer, const struct mr_hop *answer)
{
	mr_assert(shard->peers[peer].hops_out > 0);
	mr_assert(answer->stream == shard->config.stream->id);
	shard->peers[peer].hops_out--;
	shard->matches_per_hop_x16 += answer->matches - shard->matches_per_hop_x16 / 16;
	if (mr_pin_answered(&shard->pin, answer->offset))
		mr_fanout_finish(shard, answer->offset);
}

static bool is_event(const struct mr_stream *stream, uint64_t offset)
{
	return (uint16_t)(mr_stream_word_own(stream, offset) >> 32) == MR_RECORD_EVENT;
}

// The object whose event holds up the whole buffer, when the buffer is short and the event can be
// distributed; 0: none.
static uint32_t find_urgent(struct mr_shard *shard)
{
	const struct mr_stream *stream = shard->config.stream;
	if (mr_shard_used(shard) <= stream->size / 8 * 7)
		return 0;
	const uint64_t limit = mr_shard_finished(shard);
	const uint64_t offset = mr_pin_advance(&shard->pin, limit, MR_BURST_MAX);
	// Where the pin stopped for its own sake may be another record in the cell of an event.
	if (offset == limit || !is_event(stream, offset) || !mr_pin_is_waiting(&shard->pin, offset))
		return 0;
	const uint32_t index = mr_objects_find(
		&shard->objects, mr_stream_word_own(stream, offset + MR_RECORD_EVENT_OBJECT_AT));
	mr_assert(index != 0);
	const struct mr_object *object = &shard->objects.states[index];
	if (object->holds > 0 || mr_objects_front(&shard->objects, index) != offset)
		return 0;
	return index;
}

uint32_t mr_fanout(struct mr_shard *shard, uint32_t units_max)
{
	uint32_t used = 0;
	uint32_t index;
	while (used < units_max && (index = find_urgent(shard)) != 0) {
		uint32_t units = 0;
		if (!distribute(shard, index, MR_HOP_URGENT, &units))
			return used + 1;
		mr_scheduler_debit(&shard->scheduler, index, units);
		used += units;
	}
	while (used < units_max && (index = mr_scheduler_pick(&shard->scheduler)) != 0) {
		uint32_t units = 0;
		if (distribute(shard, index, 0, &units)) {
			mr_scheduler_charge(&shard->scheduler, index, units);
		} else {
			mr_scheduler_yield(&shard->scheduler, index);
			units = 1;
		}
		used += units;
	}
	return used;
}
