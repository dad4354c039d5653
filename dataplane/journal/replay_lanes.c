// What lanes owe, while records come in: matched entries, checkpoints, batches and what they
// settle.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mr_assert.h"
#include "replay_state.h"

bool replay_entry_is(const void *thing, const void *key)
{
	const struct replay_entry *entry = thing;
	const struct replay_entry_key *wanted = key;
	return entry->position == wanted->position && entry->lane == wanted->lane;
}

static bool lane_is(const void *thing, const void *key)
{
	return ((const struct replay_lane *)thing)->webhook == *(const uint64_t *)key;
}

uint32_t replay_lane_find(const struct mr_replay *replay, uint64_t webhook)
{
	return mr_replay_index_find(&replay->lane_by_webhook, replay_hash(replay, webhook, 0),
		lane_is, &replay->lanes, &webhook);
}

// MR_REPLAY_NONE: no memory.
static uint32_t lane_at(struct mr_replay *replay, uint64_t webhook)
{
	uint32_t number = replay_lane_find(replay, webhook);
	if (number != MR_REPLAY_NONE)
		return number;
	if (replay->lanes.used == REPLAY_LANES_MAX)
		return MR_REPLAY_NONE;
	number = mr_replay_pool_take(&replay->lanes);
	if (number == MR_REPLAY_NONE
		|| mr_replay_index_add(
			   &replay->lane_by_webhook, replay_hash(replay, webhook, 0), number)
			!= 0)
		return MR_REPLAY_NONE;
	replay_lane(replay, number)->webhook = webhook;
	return number;
}

static bool is_listed(const struct replay_entry *entry) // lane records are not looked up
{
	return entry->position != 0 && entry->match != REPLAY_RECORD;
}

static void drop_first(struct mr_replay *replay, struct replay_list *list)
{
	const uint32_t number = list->head - 1;
	const struct replay_entry *entry = replay_entry(replay, number);
	if (is_listed(entry))
		mr_replay_index_remove(&replay->entry_by_position,
			replay_hash(replay, entry->position, entry->lane), number);
	list->head = entry->next;
	if (list->head == 0)
		list->tail = 0;
	mr_replay_pool_give(&replay->entries, number);
}

static int append(
	struct mr_replay *replay, struct replay_list *list, const struct replay_entry *entry)
{
	const uint32_t number = mr_replay_pool_take(&replay->entries);
	if (number == MR_REPLAY_NONE)
		return -ENOMEM;
	*replay_entry(replay, number) = *entry;
	if (is_listed(entry)
		&& mr_replay_index_add(&replay->entry_by_position,
			   replay_hash(replay, entry->position, entry->lane), number)
			!= 0)
		return -ENOMEM;
	if (list->tail != 0)
		replay_entry(replay, list->tail - 1)->next = number + 1;
	else
		list->head = number + 1;
	list->tail = number + 1;
	return 0;
}

// What has left already goes when it comes first.
static void drop_left(struct mr_replay *replay, struct replay_list *list)
{
	while (list->head != 0 && replay_entry(replay, list->head - 1)->position == 0)
		drop_first(replay, list);
}

int replay_match(
	struct mr_replay *replay, mr_position position, const struct mr_record_match *match)
{
	const uint64_t *webhooks = (const void *)(match + 1);
	for (uint32_t i = 0; i < match->count; i++) {
		if (webhooks[i] == 0)
			continue;
		const uint32_t number = lane_at(replay, webhooks[i]);
		if (number == MR_REPLAY_NONE)
			return -ENOMEM;
		const struct replay_entry entry = {.position = match->origin,
			.match = position,
			.lane = number & (REPLAY_LANES_MAX - 1),
			.tag = match->object_hash};
		const int error = append(replay, &replay_lane(replay, number)->matched, &entry);
		if (error != 0)
			return error;
	}
	return 0;
}

// -- Checkpoints

// A checkpoint holds every match record of the lane's shard below `taken`; of another shard's, from
// before its resource changed, all.
static bool is_taken(const struct replay_entry *entry, mr_position taken)
{
	if (mr_position_stream(entry->match) != mr_position_stream(taken))
		return true;
	return entry->match < taken;
}

static void begin_state(struct mr_replay *replay, struct replay_lane *lane, mr_position taken)
{
	while (lane->state.head != 0)
		drop_first(replay, &lane->state);
	drop_left(replay, &lane->matched);
	while (lane->matched.head != 0 && taken != 0
		&& is_taken(replay_entry(replay, lane->matched.head - 1), taken)) {
		drop_first(replay, &lane->matched);
		drop_left(replay, &lane->matched);
	}
	lane->records = 0;
	lane->absent_count = 0;
	for (uint32_t k = 0; k < MR_IN_FLIGHT_MAX; k++) {
		struct replay_sublane *sublane = &lane->sublanes[k];
		sublane->batch_number = 0;
		sublane->batch_count = 0;
		sublane->left = 0;
		sublane->is_counted = false;
	}
}

static int take_lane(struct mr_replay *replay, uint32_t number, const struct mr_record_lane *record)
{
	const mr_position *positions = (const void *)(record + 1);
	struct replay_lane *lane = replay_lane(replay, number);
	if (lane->last_number < record->last_number)
		lane->last_number = record->last_number;
	lane->sublanes_count = record->sublanes;
	if ((record->record.flags & MR_LANE_RECORD_STATE) == 0)
		return 0;
	if (record->record.flags & MR_LANE_RECORD_FIRST)
		begin_state(replay, lane, record->taken);
	struct replay_sublane *sublane = &lane->sublanes[record->sublane];
	if (!sublane->is_counted)
		sublane->left = record->first_entry;
	sublane->is_counted = true;
	const bool is_index = (record->record.flags & MR_LANE_RECORD_INDEX) != 0;
	for (uint32_t i = 0; i < record->count; i++) {
		const struct replay_entry entry = {.position = positions[i],
			.match = is_index ? REPLAY_RECORD : 0,
			.lane = number & (REPLAY_LANES_MAX - 1),
			.tag = (uint8_t)record->sublane};
		const int error = positions[i] == 0 ? 0 : append(replay, &lane->state, &entry);
		if (error != 0)
			return error;
	}
	lane->records += is_index ? record->count : 0;
	return 0;
}

// -- Batches

static int add_absent(struct replay_lane *lane, mr_position position, uint32_t sublane)
{
	const int error = mr_grow((void **)&lane->absent, &lane->absent_capacity,
		(uint64_t)lane->absent_count + 1, sizeof(lane->absent[0]));
	if (error == 0)
		lane->absent[lane->absent_count++] =
			(struct replay_absent){.position = position, .sublane = sublane};
	return error;
}

int replay_leave(
	struct mr_replay *replay, uint32_t lane_number, mr_position position, uint32_t sublane)
{
	const struct replay_entry_key key = {position, lane_number};
	const uint32_t hash = replay_hash(replay, position, lane_number);
	const uint32_t number = mr_replay_index_find(
		&replay->entry_by_position, hash, replay_entry_is, &replay->entries, &key);
	struct replay_lane *lane = replay_lane(replay, lane_number);
	if (number == MR_REPLAY_NONE)
		return lane->records > 0 ? add_absent(lane, position, sublane) : 0;
	struct replay_entry *entry = replay_entry(replay, number);
	mr_replay_index_remove(&replay->entry_by_position, hash, number);
	entry->position = 0;
	drop_left(replay, entry->match == 0 ? &lane->state : &lane->matched);
	return 0;
}

// The batch of a sub-lane is settled: exactly what it names leaves.
static int settle(struct mr_replay *replay, uint32_t number, uint32_t k)
{
	struct replay_sublane *sublane = &replay_lane(replay, number)->sublanes[k];
	for (uint32_t i = 0; i < sublane->batch_count; i++) {
		const int error = replay_leave(replay, number, sublane->batch[i], k);
		if (error != 0)
			return error;
	}
	sublane->left += sublane->batch_count;
	sublane->batch_number = 0;
	sublane->batch_count = 0;
	return 0;
}

static int take_batch(
	struct mr_replay *replay, uint32_t number, const struct mr_record_batch *record)
{
	const mr_position *positions = (const void *)(record + 1);
	struct replay_lane *lane = replay_lane(replay, number);
	struct replay_sublane *sublane = &lane->sublanes[record->sublane];
	// One batch of a sub-lane at a time: this one says that the one before is settled.
	int error = 0;
	if (sublane->batch_number != 0 && sublane->batch_number != record->number) {
		sublane->settled_number = sublane->batch_number;
		error = settle(replay, number, record->sublane);
	}
	if (error == 0)
		error = mr_grow((void **)&sublane->batch, &sublane->batch_capacity, record->count,
			sizeof(positions[0]));
	if (error != 0)
		return error;
	memcpy(sublane->batch, positions, record->count * sizeof(positions[0]));
	sublane->batch_count = record->count;
	sublane->batch_number = record->count > 0 ? record->number : 0;
	if (lane->last_number < record->number)
		lane->last_number = record->number;
	return 0;
}

static int take_progress(
	struct mr_replay *replay, uint32_t number, const struct mr_record_progress *record)
{
	struct replay_lane *lane = replay_lane(replay, number);
	struct replay_sublane *sublane = &lane->sublanes[record->sublane];
	sublane->settled_number = record->settled_number;
	lane->failing_since_ns = record->failing_since_ns;
	lane->next_attempt_ns = record->next_attempt_ns;
	lane->attempts = record->attempts;
	lane->status = record->status;
	if (lane->last_number < record->settled_number)
		lane->last_number = record->settled_number;
	if (sublane->batch_number == 0 || sublane->batch_number > record->settled_number)
		return 0;
	if ((record->record.flags & MR_PROGRESS_VOID) == 0)
		return settle(replay, number, record->sublane);
	sublane->batch_number = 0; // its entries stand where they stood
	sublane->batch_count = 0;
	return 0;
}

// -- Whole checkpoints

static int take_record(struct mr_replay *replay, uint32_t number, const struct mr_record *record)
{
	const void *bytes = record;
	if (record->kind == MR_RECORD_LANE)
		return take_lane(replay, number, bytes);
	if (record->kind == MR_RECORD_BATCH)
		return take_batch(replay, number, bytes);
	return take_progress(replay, number, bytes);
}

// A lane's checkpoint ends with the progress of its last sub-lane. Until that has come, what was
// known before stands: the rest may have been lost with the crash.
static int take_dump(struct mr_replay *replay, uint32_t number, const struct mr_record *record)
{
	struct replay_lane *lane = replay_lane(replay, number);
	int error = mr_grow((void **)&lane->dump, &lane->dump_capacity,
		(uint64_t)lane->dump_bytes + record->length, 1);
	if (error != 0)
		return error;
	memcpy(lane->dump + lane->dump_bytes, record, record->length);
	lane->dump_bytes += record->length;
	const struct mr_record_lane *first = (const void *)lane->dump;
	const struct mr_record_progress *last = (const void *)record;
	if (record->kind != MR_RECORD_PROGRESS || last->sublane + 1 != first->sublanes)
		return 0;
	for (uint32_t done = 0; done < lane->dump_bytes && error == 0;) {
		const struct mr_record *next = (const void *)(lane->dump + done);
		error = take_record(replay, number, next);
		done += next->length;
	}
	free(lane->dump);
	lane->dump = NULL;
	lane->dump_bytes = 0;
	lane->dump_capacity = 0;
	return error;
}

// The webhook that the record is about; 0: it cannot be.
static uint64_t webhook_of(const struct mr_record *record)
{
	const void *bytes = record;
	if (record->kind == MR_RECORD_LANE) {
		const struct mr_record_lane *lane = bytes;
		return lane->sublanes <= MR_IN_FLIGHT_MAX && lane->sublane < lane->sublanes
			? lane->webhook
			: 0;
	}
	if (record->kind == MR_RECORD_BATCH) {
		const struct mr_record_batch *batch = bytes;
		return batch->number != 0 && batch->sublane < MR_IN_FLIGHT_MAX ? batch->webhook : 0;
	}
	const struct mr_record_progress *progress = bytes;
	return progress->sublane < MR_IN_FLIGHT_MAX ? progress->webhook : 0;
}

int replay_lane_says(struct mr_replay *replay, const struct mr_record *record)
{
	const uint64_t webhook = webhook_of(record);
	if (webhook == 0)
		return -EBADMSG;
	const uint32_t number = lane_at(replay, webhook);
	if (number == MR_REPLAY_NONE)
		return -ENOMEM;
	struct replay_lane *lane = replay_lane(replay, number);
	if (record->kind == MR_RECORD_LANE && (record->flags & MR_LANE_RECORD_FIRST))
		lane->dump_bytes = 0;
	else if (lane->dump_bytes == 0)
		return take_record(replay, number, record);
	return take_dump(replay, number, record);
}

// -- What is given up

// A batch of which one entry was given up is not sent under its number again: what is left of it
// waits once more.
static void void_batch_of(struct replay_lane *lane, mr_position position)
{
	for (uint32_t k = 0; k < MR_IN_FLIGHT_MAX; k++) {
		struct replay_sublane *sublane = &lane->sublanes[k];
		for (uint32_t i = 0; i < sublane->batch_count; i++) {
			if (sublane->batch[i] != position)
				continue;
			sublane->settled_number = sublane->batch_number;
			sublane->batch_number = 0;
			sublane->batch_count = 0;
			return;
		}
	}
}

int replay_delivery_dropped(struct mr_replay *replay, const struct mr_record_dropped *record)
{
	const uint32_t number = replay_lane_find(replay, record->webhook);
	if (number == MR_REPLAY_NONE || record->origin == 0)
		return 0;
	void_batch_of(replay_lane(replay, number), record->origin);
	return replay_leave(replay, number, record->origin, UINT32_MAX);
}
