// The recovered lanes as records of a snapshot: what is known entry by entry is written anew, lane
// records that are whole are named. Every entry is counted in the segment that it needs; what is
// retired already is dropped here, because its stream id may be used again.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <millrace/reason.h>

#include "mr_assert.h"
#include "record_codec.h"
#include "recovery_state.h"
#include "replay_index.h"

// A lane while it is written.
struct writing {
	struct recovery *recovery;
	struct mr_replay_lane lane;
	uint32_t stream; // of its delivery stage, in the boot
	struct mr_needs *needs;
	struct mr_recovered_lane *ret;
	struct mr_recovered_sublane *sublane;
	uint32_t k; // its number
	uint16_t first; // MR_LANE_RECORD_FIRST until a record was written
	uint64_t first_entry; // of the next record
	uint32_t records_capacity, entries_capacity;
	mr_position *records;
	uint32_t *entries;
	// The record that is being filled.
	uint32_t count;
	bool is_index;
	mr_position *positions; // room for a batch
};

// False: the position's segment is retired.
static bool need(struct recovery *recovery, struct mr_needs *needs, mr_position position)
{
	const uint64_t segment = mr_segment_map_find(recovery->map, position);
	if (segment == 0)
		return false;
	atomic_fetch_add_explicit(
		&needs->segments[segment % MR_SEGMENTS_MAX], 1, memory_order_relaxed);
	return true;
}

static bool is_live(const struct recovery *recovery, mr_position position)
{
	return mr_segment_map_find(recovery->map, position) != 0;
}

static void expire(struct writing *writing, mr_position position)
{
	writing->recovery->recovered->entries_expired++;
	recovery_drop(writing->recovery, writing->stream, position, writing->lane.webhook,
		MR_REASON_EXPIRED);
}

// -- Lane records

static int list_record(struct writing *writing, mr_position position, uint32_t entries)
{
	struct mr_recovered_sublane *sublane = writing->sublane;
	int error = mr_grow((void **)&writing->records, &writing->records_capacity,
		(uint64_t)sublane->records_count + 1, sizeof(writing->records[0]));
	if (error == 0)
		error = mr_grow((void **)&writing->entries, &writing->entries_capacity,
			(uint64_t)sublane->records_count + 1, sizeof(writing->entries[0]));
	sublane->records = writing->records;
	sublane->records_entries = writing->entries;
	if (error != 0)
		return error;
	writing->records[sublane->records_count] = position;
	writing->entries[sublane->records_count] = entries;
	sublane->records_count++;
	sublane->entries += entries;
	return 0;
}

// Writes the record that is being filled; an empty one only to say that there is a lane.
static int write_record(struct writing *writing)
{
	struct mr_record_lane record = {.webhook = writing->lane.webhook,
		.first_entry = writing->first_entry,
		.last_number = writing->lane.last_number,
		.sublane = (uint16_t)writing->k,
		.sublanes = writing->lane.sublanes_count,
		.count = writing->count};
	const uint16_t index = writing->is_index ? MR_LANE_RECORD_INDEX : 0;
	const size_t bytes = writing->count * sizeof(writing->positions[0]);
	mr_record_seal(&record, sizeof(record), writing->positions, bytes, MR_RECORD_LANE,
		MR_LANE_RECORD_STATE | writing->first | index);
	const mr_position position = mr_snapshot_append(writing->recovery->snapshot,
		writing->stream, &record, sizeof(record), writing->positions, bytes);
	const uint32_t count = writing->count;
	writing->first = 0;
	writing->count = 0;
	if (writing->is_index || count == 0)
		return 0;
	writing->first_entry += count;
	return list_record(writing, position, count);
}

static int add(struct writing *writing, mr_position position, bool is_index)
{
	int error = 0;
	if (writing->count > 0
		&& (writing->is_index != is_index || writing->count == MR_LANE_RECORD_ENTRIES_MAX))
		error = write_record(writing);
	writing->is_index = is_index;
	writing->positions[writing->count++] = position;
	return error;
}

static int add_entry(struct writing *writing, mr_position position)
{
	if (need(writing->recovery, writing->needs, position))
		return add(writing, position, false);
	expire(writing, position);
	return 0;
}

// Lane records keep their place in the order of the entries.
static int keep_record(struct writing *writing, mr_position position, uint32_t entries)
{
	int error = 0;
	if (writing->count > 0 && !writing->is_index)
		error = write_record(writing);
	if (error == 0)
		error = add(writing, position, true);
	if (error == 0)
		error = list_record(writing, position, entries);
	writing->first_entry += entries;
	return error;
}

// A lane record of an earlier boot: stays as it is unless something in it is retired.
static int add_record(struct writing *writing, mr_position position)
{
	struct recovery *recovery = writing->recovery;
	const struct mr_record *record = NULL;
	int error = recovery_read(recovery, position, &record);
	if (error == -ENOENT || (error == 0 && record->kind != MR_RECORD_LANE)) {
		expire(writing, position); // how many entries it had is not known
		return 0;
	}
	if (error != 0)
		return error;
	const struct mr_record_lane *lane = (const void *)record;
	const mr_position *positions = (const void *)(lane + 1);
	bool is_whole = is_live(recovery, position);
	for (uint32_t i = 0; i < lane->count; i++)
		is_whole = is_whole && is_live(recovery, positions[i]);
	for (uint32_t i = 0; i < lane->count && error == 0; i++) {
		if (is_whole)
			(void)need(recovery, writing->needs, positions[i]);
		else
			error = add_entry(writing, positions[i]);
	}
	return is_whole ? keep_record(writing, position, lane->count) : error;
}

// -- Sub-lanes

// Whether every entry of the unsettled batch can still be read.
static bool batch_is_live(const struct writing *writing, const struct mr_replay_sublane *from)
{
	for (uint32_t i = 0; i < from->batch_count; i++)
		if (!is_live(writing->recovery, from->items[i].position))
			return false;
	return true;
}

static void write_batch(struct writing *writing, const struct mr_replay_sublane *from)
{
	struct mr_record_batch record = {.webhook = writing->lane.webhook,
		.number = from->batch_number,
		.sublane = (uint16_t)writing->k,
		.count = (uint16_t)from->batch_count};
	mr_assert(from->batch_count <= MR_BATCH_EVENTS_MAX);
	for (uint32_t i = 0; i < from->batch_count; i++)
		writing->positions[i] = from->items[i].position;
	const size_t bytes = from->batch_count * sizeof(writing->positions[0]);
	mr_record_seal(&record, sizeof(record), writing->positions, bytes, MR_RECORD_BATCH,
		MR_BATCH_AGAIN);
	(void)mr_snapshot_append(writing->recovery->snapshot, writing->stream, &record,
		sizeof(record), writing->positions, bytes);
}

static void write_progress(struct writing *writing)
{
	const struct mr_replay_lane *lane = &writing->lane;
	struct mr_record_progress record = {.webhook = lane->webhook,
		.settled_number = writing->sublane->settled_number,
		.failing_since_ns = lane->failing_since_ns,
		.next_attempt_ns = lane->next_attempt_ns,
		.attempts = lane->attempts,
		.sublane = (uint16_t)writing->k,
		.status = lane->status};
	mr_record_seal(&record, sizeof(record), NULL, 0, MR_RECORD_PROGRESS, 0);
	(void)mr_snapshot_append(
		writing->recovery->snapshot, writing->stream, &record, sizeof(record), NULL, 0);
}

static int write_entries(struct writing *writing)
{
	const struct mr_replay_sublane *from = &writing->lane.sublanes[writing->k];
	int error = 0;
	for (uint32_t i = 0; i < from->count && error == 0; i++)
		error = from->items[i].is_record ? add_record(writing, from->items[i].position)
						 : add_entry(writing, from->items[i].position);
	if (error == 0 && writing->count > 0)
		error = write_record(writing);
	return error;
}

// The entries of all sub-lanes come before batches and progress: the first record empties the lane.
static int write_sublanes(struct writing *writing)
{
	int error = 0;
	for (writing->k = 0; writing->k < writing->lane.sublanes_count && error == 0;
		writing->k++) {
		const struct mr_replay_sublane *from = &writing->lane.sublanes[writing->k];
		writing->sublane = &writing->ret->sublanes[writing->k];
		writing->sublane->first_entry = from->left;
		writing->first_entry = from->left;
		writing->records = NULL;
		writing->entries = NULL;
		writing->records_capacity = 0;
		writing->entries_capacity = 0;
		error = write_entries(writing);
	}
	writing->k = 0;
	if (error == 0 && writing->first != 0) // owes nothing: its numbers and failures go on
		error = write_record(writing);
	for (; writing->k < writing->lane.sublanes_count && error == 0; writing->k++) {
		const struct mr_replay_sublane *from = &writing->lane.sublanes[writing->k];
		writing->sublane = &writing->ret->sublanes[writing->k];
		writing->sublane->settled_number = from->settled_number;
		if (from->batch_count > 0 && batch_is_live(writing, from)) {
			writing->sublane->batch_number = from->batch_number;
			writing->sublane->batch_count = from->batch_count;
			write_batch(writing, from);
		} else if (from->batch_count > 0) {
			writing->sublane->settled_number = from->batch_number;
		}
		write_progress(writing);
	}
	return error;
}

// -- Lanes

static bool is_nothing(const struct mr_replay_lane *lane)
{
	bool is_empty = lane->last_number == 0 && lane->failing_since_ns == 0;
	for (uint32_t k = 0; k < lane->sublanes_count; k++)
		is_empty = is_empty && lane->sublanes[k].count == 0;
	return is_empty;
}

static int write_lane(
	struct recovery *recovery, const struct mr_replay_lane *lane, uint32_t delivery)
{
	struct mr_recovered *recovered = recovery->recovered;
	int error = mr_grow((void **)&recovered->lanes, &recovery->lanes_capacity,
		(uint64_t)recovered->lanes_count + 1, sizeof(recovered->lanes[0]));
	if (error != 0)
		return error;
	struct mr_recovered_lane *ret = &recovered->lanes[recovered->lanes_count++];
	*ret = (struct mr_recovered_lane){.webhook = lane->webhook,
		.delivery = delivery,
		.last_number = lane->last_number,
		.failing_since_ns = lane->failing_since_ns,
		.next_attempt_ns = lane->next_attempt_ns,
		.attempts = lane->attempts,
		.last_status = lane->status,
		.sublanes_count = lane->sublanes_count};
	struct writing writing = {.recovery = recovery,
		.lane = *lane,
		.stream = recovery->config->shards + delivery,
		.needs = recovery->needs[delivery],
		.ret = ret,
		.positions = recovery->positions,
		.first = MR_LANE_RECORD_FIRST};
	return write_sublanes(&writing);
}

static void drop_entry(struct recovery *recovery, uint64_t webhook, mr_position position)
{
	recovery->recovered->entries_dropped++;
	recovery_drop(
		recovery, recovery->config->shards, position, webhook, MR_REASON_WEBHOOK_GONE);
}

// Nobody is left to whom the lane could be owed.
static int drop_lane(struct recovery *recovery, const struct mr_replay_lane *lane)
{
	for (uint32_t k = 0; k < lane->sublanes_count; k++) {
		for (uint32_t i = 0; i < lane->sublanes[k].count; i++) {
			const struct mr_replay_item *item = &lane->sublanes[k].items[i];
			const struct mr_record *record = NULL;
			if (!item->is_record) {
				drop_entry(recovery, lane->webhook, item->position);
				continue;
			}
			const int error = recovery_read(recovery, item->position, &record);
			if (error == -ENOENT || (error == 0 && record->kind != MR_RECORD_LANE))
				continue;
			if (error != 0)
				return error;
			const struct mr_record_lane *full = (const void *)record;
			const mr_position *positions = (const void *)(full + 1);
			for (uint32_t j = 0; j < full->count; j++)
				drop_entry(recovery, lane->webhook, positions[j]);
		}
	}
	return 0;
}

int recovery_write_lanes(struct recovery *recovery)
{
	const struct mr_recovery_homes *homes = &recovery->config->homes;
	const struct mr_replay_source source = recovery_source(recovery);
	const uint32_t count = mr_replay_lanes(recovery->replay);
	int error = 0;
	for (uint32_t i = 0; i < count && error == 0; i++) {
		const uint64_t webhook = mr_replay_lane_webhook(recovery->replay, i);
		uint32_t delivery = 0;
		uint16_t in_flight = 1;
		struct mr_replay_lane lane;
		const bool has_home = homes->find(homes->owner, webhook,
			mr_replay_expired(recovery->replay, webhook), &delivery, &in_flight);
		mr_assert(delivery < recovery->config->deliveries);
		error = mr_replay_lane(recovery->replay, i, in_flight, &source, &lane);
		if (error == 0 && !is_nothing(&lane))
			error = has_home ? write_lane(recovery, &lane, delivery)
					 : drop_lane(recovery, &lane);
		recovery_tell(recovery, "writing lanes", i, count);
	}
	return error;
}

void recovery_need_records(struct recovery *recovery)
{
	const struct mr_recovered *recovered = recovery->recovered;
	for (uint32_t i = 0; i < recovered->lanes_count; i++) {
		const struct mr_recovered_lane *lane = &recovered->lanes[i];
		for (uint32_t k = 0; k < lane->sublanes_count; k++)
			for (uint32_t j = 0; j < lane->sublanes[k].records_count; j++)
				(void)need(recovery, recovery->needs[lane->delivery],
					lane->sublanes[k].records[j]);
	}
}
