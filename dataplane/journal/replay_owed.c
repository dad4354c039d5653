// What a lane owes in the end, by sub-lane.
#include <errno.h>
#include <stdlib.h>

#include "mr_assert.h"
#include "replay_state.h"

// A lane while its items are listed.
struct listing {
	struct mr_replay *replay;
	const struct mr_replay_source *source;
	const struct replay_lane *lane;
	uint32_t number;
	struct mr_replay_lane *ret;
	uint32_t absent_left[MR_IN_FLIGHT_MAX + 1]; // by sub-lane; the last: of any
};

// Whether the lane may have had so many sub-lanes: every entry of a batch is in the sub-lane that
// its object's hash says.
static bool may_have(const struct mr_replay *replay, const struct replay_lane *lane,
	uint32_t number, uint32_t count)
{
	for (uint32_t k = 0; k < MR_IN_FLIGHT_MAX; k++) {
		const struct replay_sublane *sublane = &lane->sublanes[k];
		if (sublane->batch_count > 0 && k >= count)
			return false;
		for (uint32_t i = 0; i < sublane->batch_count; i++) {
			const struct replay_entry_key key = {sublane->batch[i], number};
			const uint32_t at = mr_replay_index_find(&replay->entry_by_position,
				replay_hash(replay, key.position, number), replay_entry_is,
				&replay->entries, &key);
			if (at == MR_REPLAY_NONE)
				continue;
			const struct replay_entry *entry = replay_entry(replay, at);
			if (entry->match != 0 && entry->tag % count != k)
				return false;
		}
	}
	return true;
}

// How many sub-lanes the lane goes on with: what its records say, else any number that fits them,
// today's if possible.
static uint32_t sublanes_of(const struct mr_replay *replay, const struct replay_lane *lane,
	uint32_t number, uint32_t in_flight)
{
	if (lane->sublanes_count != 0 && may_have(replay, lane, number, lane->sublanes_count))
		return lane->sublanes_count;
	if (may_have(replay, lane, number, in_flight))
		return in_flight;
	for (uint32_t count = 1; count <= MR_IN_FLIGHT_MAX; count++)
		if (may_have(replay, lane, number, count))
			return count;
	return MR_IN_FLIGHT_MAX; // its records contradict each other: nothing is lost
}

static int add_item(struct listing *listing, uint32_t k, mr_position position, bool is_record)
{
	struct mr_replay *replay = listing->replay;
	struct mr_replay_sublane *sublane = &listing->ret->sublanes[k];
	const int error = mr_grow((void **)&replay->items[k], &replay->items_capacity[k],
		(uint64_t)sublane->count + 1, sizeof(replay->items[0][0]));
	if (error == 0)
		replay->items[k][sublane->count++] =
			(struct mr_replay_item){.position = position, .is_record = is_record};
	return error;
}

static int compare_absent(const void *a, const void *b)
{
	const mr_position left = ((const struct replay_absent *)a)->position;
	const mr_position right = ((const struct replay_absent *)b)->position;
	return (left > right) - (left < right);
}

static void sort_absent(struct listing *listing)
{
	const struct replay_lane *lane = listing->lane;
	if (lane->absent_count > 0)
		qsort(lane->absent, lane->absent_count, sizeof(lane->absent[0]), compare_absent);
	for (uint32_t i = 0; i < lane->absent_count; i++) {
		const uint32_t k = lane->absent[i].sublane;
		listing->absent_left[k < MR_IN_FLIGHT_MAX ? k : MR_IN_FLIGHT_MAX]++;
	}
}

static bool take_absent(struct listing *listing, mr_position position)
{
	const struct replay_lane *lane = listing->lane;
	const struct replay_absent key = {.position = position};
	if (lane->absent_count == 0)
		return false;
	const struct replay_absent *found = bsearch(
		&key, lane->absent, lane->absent_count, sizeof(lane->absent[0]), compare_absent);
	if (found == NULL)
		return false;
	listing->absent_left[found->sublane < MR_IN_FLIGHT_MAX ? found->sublane
							       : MR_IN_FLIGHT_MAX]--;
	return true;
}

// A lane record: itself, unless it was given up as a whole, or entries of it may have left.
static int list_record(struct listing *listing, uint32_t k, mr_position position)
{
	if (take_absent(listing, position))
		return 0;
	if (listing->absent_left[k] + listing->absent_left[MR_IN_FLIGHT_MAX] == 0)
		return add_item(listing, k, position, true);
	const struct mr_record *record = NULL;
	int error = listing->source->read(listing->source->owner, position, &record);
	if (error == -ENOENT)
		return add_item(listing, k, position, true);
	if (error != 0)
		return error;
	const struct mr_record_lane *lane = (const void *)record;
	const mr_position *positions = (const void *)(lane + 1);
	if (record->kind != MR_RECORD_LANE)
		return -EBADMSG;
	for (uint32_t i = 0; i < lane->count && error == 0; i++)
		if (!take_absent(listing, positions[i]))
			error = add_item(listing, k, positions[i], false);
	return error;
}

static int list_entries(struct listing *listing, const struct replay_list *list)
{
	const uint32_t count = listing->ret->sublanes_count;
	int error = 0;
	for (uint32_t at = list->head; at != 0 && error == 0;) {
		const struct replay_entry entry = *replay_entry(listing->replay, at - 1);
		at = entry.next;
		const uint32_t k = entry.tag % count;
		if (entry.position == 0)
			continue;
		if (entry.match == REPLAY_RECORD)
			error = list_record(listing, k, entry.position);
		else
			error = add_item(listing, k, entry.position, false);
	}
	return error;
}

// The unsettled batches come first; their entries leave the lists.
static int list_batches(struct listing *listing)
{
	for (uint32_t k = 0; k < listing->ret->sublanes_count; k++) {
		const struct replay_sublane *sublane = &listing->lane->sublanes[k];
		struct mr_replay_sublane *ret = &listing->ret->sublanes[k];
		ret->settled_number = sublane->settled_number;
		ret->left = sublane->left;
		ret->batch_number = sublane->batch_number;
		ret->batch_count = sublane->batch_count;
		for (uint32_t i = 0; i < sublane->batch_count; i++) {
			int error = replay_leave(
				listing->replay, listing->number, sublane->batch[i], k);
			if (error == 0)
				error = add_item(listing, k, sublane->batch[i], false);
			if (error != 0)
				return error;
		}
	}
	return 0;
}

uint32_t mr_replay_lanes(const struct mr_replay *replay)
{
	return replay->lanes.used;
}

uint64_t mr_replay_lane_webhook(const struct mr_replay *replay, uint32_t number)
{
	return replay_lane(replay, number)->webhook;
}

int mr_replay_lane(struct mr_replay *replay, uint32_t number, uint32_t in_flight,
	const struct mr_replay_source *source, struct mr_replay_lane *ret_lane)
{
	const struct replay_lane *lane = replay_lane(replay, number);
	mr_assert(in_flight > 0 && in_flight <= MR_IN_FLIGHT_MAX);
	struct listing listing = {.replay = replay,
		.source = source,
		.lane = lane,
		.number = number,
		.ret = ret_lane};
	*ret_lane = (struct mr_replay_lane){.webhook = lane->webhook,
		.last_number = lane->last_number,
		.failing_since_ns = lane->failing_since_ns,
		.next_attempt_ns = lane->next_attempt_ns,
		.attempts = lane->attempts,
		.status = lane->status,
		.sublanes_count = (uint16_t)sublanes_of(replay, lane, number, in_flight)};
	int error = list_batches(&listing);
	if (error == 0) {
		sort_absent(&listing);
		error = list_entries(&listing, &lane->state);
	}
	if (error == 0)
		error = list_entries(&listing, &lane->matched);
	for (uint32_t k = 0; k < MR_IN_FLIGHT_MAX; k++)
		ret_lane->sublanes[k].items = replay->items[k];
	return error;
}
