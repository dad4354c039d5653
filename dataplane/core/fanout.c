// Distribution: one hop for the object and for each of its ancestors, to the shard that owns the
// resource. An event whose next hop has no room keeps its place; it is finished when all its hops
// are answered.
#include <stddef.h>
#include <string.h>

#include "mr_assert.h"
#include "shard_door.h"
#include "shard_state.h"

enum { UNIT_BYTES = 256 };

// An event that was evicted is read like anybody's.
enum mr_read mr_fanout_read(struct mr_shard *shard, uint64_t offset, struct mr_lineage *ret_lineage)
{
	const struct mr_stream *stream = shard->config.stream;
	if (mr_pin_is_evicted(&shard->pin, offset)) {
		const enum mr_read read =
			mr_match_read(shard, mr_position_make(stream->id, offset));
		if (read == MR_READ_HIT)
			mr_lineage_parse(shard->reader.bytes, ret_lineage);
		return read;
	}
	uint8_t bytes[MR_LINEAGE_BYTES];
	const uint32_t length = (uint32_t)mr_stream_word_own(stream, offset);
	mr_stream_copy_own(stream, offset, bytes, length < sizeof(bytes) ? length : sizeof(bytes));
	mr_lineage_parse(bytes, ret_lineage);
	return MR_READ_HIT;
}

static bool is_cut(struct mr_shard *shard, const struct mr_lineage *lineage, uint32_t at)
{
	const enum mr_lineage_cut cut = mr_lineage_cut(lineage, at);
	if (cut == MR_LINEAGE_GOES)
		return false;
	mr_count(mr_shard_counter(shard,
			 cut == MR_LINEAGE_CYCLE ? MR_SHARD_CYCLES_CUT : MR_SHARD_DIAMONDS_CUT),
		1);
	return true;
}

struct sending { // of the hops of one event
	struct mr_hop hop;
	const struct mr_lineage *lineage;
	uint32_t generation; // of checkpoints, for the first hop
	uint32_t units; // what it has cost
};

// False when the hop has no credit or room.
static bool send_hop(struct mr_shard *shard, struct sending *sending, uint32_t at)
{
	const struct mr_hop *hop = &sending->hop;
	const uint64_t resource = sending->lineage->gids[at];
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
		mr_pin_hop(
			&shard->pin, hop->offset, &sending->lineage->origin, sending->generation);
	}
	mr_count(mr_shard_counter(shard, MR_SHARD_HOPS), 1);
	sending->units += 1 + matches;
	return true;
}

// Goes on where it got stuck the last time. False: stuck again.
static bool send_hops(struct mr_shard *shard, struct mr_object *object, struct sending *sending)
{
	const struct mr_lineage *lineage = sending->lineage;
	mr_assert(lineage->gids[0] == object->id);
	if (!mr_pin_has_room(&shard->pin, sending->hop.offset))
		return false;
	for (uint32_t at = object->ancestor_next; at < lineage->count; at++) {
		object->ancestor_next = (uint8_t)at;
		if (lineage->done >> at & 1 || is_cut(shard, lineage, at))
			continue;
		sending->hop.ancestor = at == 0 ? MR_VIA_OBJECT : (uint8_t)(at - 1);
		if (!send_hop(shard, sending, at))
			return false;
	}
	return true;
}

// Nobody has the event any more, although the owner's board says that it is needed: given up. False
// when there is no room to record that.
static bool drop_gone(struct mr_shard *shard, uint32_t index, uint64_t offset)
{
	const struct mr_scope scope = {
		.id = shard->objects.states[index].id, .kind = MR_SCOPE_OBJECT};
	if (!mr_progress_drop(shard, offset, &scope, MR_REASON_EXPIRED))
		return false;
	const uint64_t ids[MR_TOP_KINDS] = {0, scope.id};
	if (mr_tap_any(&shard->tap))
		mr_shard_tap_offer(shard, ids, 0,
			mr_position_make(shard->config.stream->id, offset),
			&(struct mr_tap_said){.step = MR_TAP_DROPPED, .reason = MR_REASON_EXPIRED});
	mr_objects_drop(&shard->objects, index);
	if (mr_pin_sent(&shard->pin, offset))
		mr_ledger_lost(&shard->ledger, MR_REASON_EXPIRED);
	return true;
}

// The first event of an object has left the buffer and is being read: the object is asked again
// before any other read is begun, or what was read for it could be gone by then.
static void await_read(struct mr_shard *shard, uint32_t index)
{
	struct mr_shard_reading *reading = &shard->reading;
	mr_assert(reading->count < MR_SHARD_READS_MAX);
	reading->objects[reading->count++] = index;
	shard->objects.states[index].flags |= MR_OBJECT_READING;
	mr_count(mr_shard_counter(shard, MR_SHARD_READ_WAITS), 1);
}

static bool may_read(const struct mr_shard *shard, uint32_t index, uint64_t offset)
{
	if (!mr_pin_is_evicted(&shard->pin, offset))
		return true;
	return !(shard->objects.states[index].flags & MR_OBJECT_READING)
		&& shard->reading.count < MR_SHARD_READS_MAX;
}

// Distributes the first event of the object, or a ban holds it. False when it is stuck; otherwise
// it is the first one no more.
static bool distribute(struct mr_shard *shard, uint32_t index, uint8_t flags, uint32_t *ret_units)
{
	struct mr_object *object = &shard->objects.states[index];
	const uint64_t offset = mr_objects_front(&shard->objects, index);
	struct mr_lineage lineage;
	if (!may_read(shard, index, offset))
		return false;
	const enum mr_read read = mr_fanout_read(shard, offset, &lineage);
	if (read == MR_READ_WAIT) {
		await_read(shard, index);
		return false;
	}
	mr_expect(read == MR_READ_HIT);
	if (read == MR_READ_GONE)
		return drop_gone(shard, index, offset);
	if (object->ancestor_next == 0 && mr_shard_may_hold(shard, object)) {
		const enum mr_ban_hold hold = mr_shard_hold(shard, index, &lineage);
		*ret_units = 1;
		if (hold == MR_BAN_HELD && mr_tap_any(&shard->tap))
			mr_shard_tap_event(shard, &lineage, offset,
				&(struct mr_tap_said){.step = MR_TAP_HELD});
		if (hold != MR_BAN_PASSES)
			return hold == MR_BAN_HELD;
	}
	if (object->flags & MR_OBJECT_PENALISED)
		flags |= MR_HOP_PENALISED;
	struct sending sending = {
		.hop = {.offset = offset, .stream = shard->config.stream->id, .flags = flags},
		.lineage = &lineage,
		.generation = mr_checkpoint_generation(shard, index, offset),
		.units = 1 + lineage.bytes / UNIT_BYTES,
	};
	if (!send_hops(shard, object, &sending)) {
		mr_count(mr_shard_counter(shard, MR_SHARD_HOP_WAITS), 1);
		return false;
	}
	mr_objects_pop(&shard->objects, index, lineage.bytes);
	if (object->flags & MR_OBJECT_SHED)
		mr_door_lift_shed(shard, object);
	if (mr_tap_any(&shard->tap))
		mr_shard_tap_event(
			shard, &lineage, offset, &(struct mr_tap_said){.step = MR_TAP_DISTRIBUTED});
	if (mr_pin_sent(&shard->pin, offset))
		mr_fanout_finish(shard, offset, &lineage.origin);
	*ret_units = sending.units;
	return true;
}

void mr_fanout_finish(struct mr_shard *shard, uint64_t offset, const struct mr_origin *origin)
{
	mr_ledger_distributed(&shard->ledger, mr_shard_rows(shard, origin));
	mr_shard_took(shard, MR_HISTOGRAM_SHARD_DISTRIBUTE, origin->received_at_ns);
	mr_progress_add(shard, offset);
}

void mr_fanout_answered(struct mr_shard *shard, uint32_t peer, const struct mr_hop *answer)
{
	mr_assert(shard->peers[peer].hops_out > 0);
	mr_assert(answer->stream == shard->config.stream->id);
	shard->peers[peer].hops_out--;
	shard->matches_per_hop_x16 += answer->matches - shard->matches_per_hop_x16 / 16;
	struct mr_origin origin;
	if (mr_pin_answered(&shard->pin, answer->offset, &origin))
		mr_fanout_finish(shard, answer->offset, &origin);
}

static bool is_event(const struct mr_stream *stream, uint64_t offset)
{
	return (uint16_t)(mr_stream_word_own(stream, offset) >> 32) == MR_RECORD_EVENT;
}

uint32_t mr_fanout_pinning(struct mr_shard *shard, uint64_t *ret_offset)
{
	const struct mr_stream *stream = shard->config.stream;
	const uint64_t limit = mr_shard_finished(shard);
	const uint64_t offset = mr_pin_advance(&shard->pin, limit, MR_BURST_MAX);
	// Where the pin stopped for its own sake may be another record in the cell of an event.
	if (offset == limit || !is_event(stream, offset) || !mr_pin_is_waiting(&shard->pin, offset))
		return 0;
	const uint32_t index = mr_objects_find(
		&shard->objects, mr_stream_word_own(stream, offset + MR_RECORD_EVENT_OBJECT_AT));
	mr_assert(index != 0);
	*ret_offset = offset;
	return index;
}

// The object whose event holds up the whole buffer, when the buffer is short and the event can be
// distributed; 0: none.
static uint32_t find_urgent(struct mr_shard *shard)
{
	const struct mr_stream *stream = shard->config.stream;
	uint64_t offset;
	if (mr_shard_is_durable(shard) || mr_shard_used(shard) <= stream->size / 8 * 7)
		return 0;
	const uint32_t index = mr_fanout_pinning(shard, &offset);
	const struct mr_object *object = &shard->objects.states[index];
	if (index == 0 || !mr_object_can_run(object)
		|| mr_objects_front(&shard->objects, index) != offset)
		return 0;
	return index;
}

static uint32_t resume_reads(struct mr_shard *shard)
{
	const struct mr_shard_reading before = shard->reading;
	uint32_t used = 0;
	shard->reading.count = 0;
	for (uint32_t i = 0; i < before.count; i++) {
		const uint32_t index = before.objects[i];
		struct mr_object *object = &shard->objects.states[index];
		uint32_t units = 1;
		if (!(object->flags & MR_OBJECT_READING))
			continue; // what it waited for has left
		object->flags &= (uint16_t)~MR_OBJECT_READING;
		if (mr_object_can_run(object) && distribute(shard, index, 0, &units))
			mr_scheduler_debit(&shard->scheduler, index, units);
		used += units;
	}
	return used;
}

uint32_t mr_fanout(struct mr_shard *shard, uint32_t units_max)
{
	uint32_t used = resume_reads(shard);
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
