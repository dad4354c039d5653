// A checkpoint: what a start must know of this shard that stands in front of what it replays. The
// windows of open sessions' flows, and the events that wait with no hop sent, as they are found,
// while everything goes on. An event with hops under way cannot be listed, because some of its
// matches may stand in front too: the checkpoint is complete when all those have finished.
#include <string.h>

#include "mr_assert.h"
#include "record_codec.h"
#include "shard_state.h"

enum {
	WINDOWS_PER_STEP = 8, // records of 1 KiB
	FLOWS_PER_STEP = 512,
	OBJECTS_PER_STEP = 512,
};

struct listing { // the queued record that is being filled
	uint32_t count;
	uint64_t offsets[MR_QUEUED_RECORD_EVENTS_MAX];
};

static bool is_under_way(const struct mr_shard_checkpoint *checkpoint)
{
	return checkpoint->epoch != checkpoint->done;
}

static void begin(struct mr_shard *shard, uint64_t epoch)
{
	struct mr_shard_checkpoint *checkpoint = &shard->checkpoint;
	mr_assert(epoch > checkpoint->done);
	checkpoint->epoch = epoch;
	checkpoint->end = mr_stream_next(shard->config.stream);
	checkpoint->oldest = UINT64_MAX;
	mr_pin_begin_search(&shard->pin);
	mr_progress_begin(&shard->progress);
	checkpoint->flow = 0;
	checkpoint->object = 1;
	checkpoint->listed = 0;
	checkpoint->generation ^= 1;
	mr_assert(shard->pin.started[checkpoint->generation] == 0); // the last one waited for them
}

static void append_window(struct mr_shard *shard, const struct mr_shard_session *session,
	uint32_t number, const struct mr_flow *flow)
{
	struct mr_record_checkpoint record = {
		.app = session->app,
		.session_id = session->session_id,
		.session_epoch = session->epoch,
		.flow = (uint16_t)number,
		.next = flow->next,
	};
	mr_flow_window(flow, &shard->refused, record.accepted);
	mr_record_seal(&record, sizeof(record), NULL, 0, MR_RECORD_CHECKPOINT, 0);
	(void)mr_stream_append(shard->config.stream, &record, sizeof(record), NULL, 0);
}

// False: not all of them yet. A flow that never sent anything has nothing to tell.
static bool append_windows(struct mr_shard *shard)
{
	struct mr_shard_checkpoint *checkpoint = &shard->checkpoint;
	const uint32_t flows = shard->limits.sessions_max * shard->own_flows;
	uint32_t appended = 0;
	for (uint32_t i = 0; i < FLOWS_PER_STEP && checkpoint->flow < flows; i++) {
		const uint32_t index = checkpoint->flow;
		const struct mr_shard_session *session = &shard->sessions[index / shard->own_flows];
		const uint32_t number =
			index % shard->own_flows * shard->config.shards + shard->config.index;
		if (session->is_open && number < shard->config.flows
			&& shard->flows[index].next > 1) {
			if (appended == WINDOWS_PER_STEP
				|| !mr_shard_has_room(shard, sizeof(struct mr_record_checkpoint)))
				break;
			append_window(shard, session, number, &shard->flows[index]);
			appended++;
		}
		checkpoint->flow++;
	}
	return checkpoint->flow == flows;
}

// False when the listing is full.
static bool list_object(struct mr_shard *shard, struct listing *listing)
{
	struct mr_shard_checkpoint *checkpoint = &shard->checkpoint;
	const struct mr_objects *objects = &shard->objects;
	const struct mr_object *object = &objects->states[checkpoint->object];
	struct mr_object_iter iter = mr_object_begin(objects, checkpoint->object);
	const bool is_half_way = object->id != 0 && object->ancestor_next > 0;
	uint64_t offset;
	while (object->id != 0 && mr_object_next(&iter, objects, &offset)) {
		if (offset >= checkpoint->end)
			break;
		if (offset < checkpoint->oldest)
			checkpoint->oldest = offset;
		if (offset <= checkpoint->listed
			|| (is_half_way && mr_pin_is_started(&shard->pin, offset)))
			continue;
		if (listing->count == MR_QUEUED_RECORD_EVENTS_MAX)
			return false;
		listing->offsets[listing->count++] = offset;
		checkpoint->listed = offset;
	}
	checkpoint->object++;
	checkpoint->listed = 0;
	return true;
}

// What was found is appended at once: nothing of it can be finished before it is listed. False: not
// all of them yet.
static bool append_queues(struct mr_shard *shard)
{
	struct mr_shard_checkpoint *checkpoint = &shard->checkpoint;
	struct mr_record_queued head = {.count = 0};
	struct listing listing = {.count = 0};
	if (shard->walked < checkpoint->end
		|| !mr_shard_has_room(shard, sizeof(head) + sizeof(listing.offsets)))
		return false;
	for (uint32_t i = 0; i < OBJECTS_PER_STEP && checkpoint->object < shard->objects.fresh; i++)
		if (!list_object(shard, &listing))
			break;
	if (listing.count > 0) {
		const size_t bytes = listing.count * sizeof(listing.offsets[0]);
		head.count = listing.count;
		mr_record_seal(&head, sizeof(head), listing.offsets, bytes, MR_RECORD_QUEUED, 0);
		(void)mr_stream_append(
			shard->config.stream, &head, sizeof(head), listing.offsets, bytes);
	}
	return checkpoint->object >= shard->objects.fresh;
}

static void complete(struct mr_shard *shard)
{
	struct mr_shard_checkpoint *checkpoint = &shard->checkpoint;
	struct mr_owner_board *owner = shard->config.owner;
	mr_pin_end_search(&shard->pin, checkpoint->oldest);
	mr_progress_complete(&shard->progress);
	checkpoint->done = checkpoint->epoch;
	atomic_store_explicit(
		&owner->epoch_end, mr_stream_next(shard->config.stream), memory_order_release);
	atomic_store_explicit(&owner->epoch, checkpoint->done, memory_order_release);
}

uint32_t mr_checkpoint(struct mr_shard *shard)
{
	struct mr_shard_checkpoint *checkpoint = &shard->checkpoint;
	if (!mr_shard_is_durable(shard))
		return 0;
	const uint64_t wanted =
		atomic_load_explicit(&shard->config.journal->epoch, memory_order_acquire);
	if (!is_under_way(checkpoint)) {
		if (wanted <= checkpoint->done)
			return 0;
		begin(shard, wanted);
	}
	const uint32_t earlier = checkpoint->generation ^ 1;
	const struct mr_shard_checkpoint before = *checkpoint;
	if (append_windows(shard) && append_queues(shard) && shard->pin.started[earlier] == 0)
		complete(shard);
	return checkpoint->flow - before.flow + checkpoint->object - before.object
		+ (checkpoint->listed != before.listed);
}

uint32_t mr_checkpoint_generation(const struct mr_shard *shard, uint32_t object, uint64_t offset)
{
	const struct mr_shard_checkpoint *checkpoint = &shard->checkpoint;
	const bool is_listed = object < checkpoint->object
		|| (object == checkpoint->object && offset <= checkpoint->listed);
	if (!is_under_way(checkpoint) || offset >= checkpoint->end || is_listed)
		return checkpoint->generation;
	return checkpoint->generation ^ 1;
}

void mr_checkpoint_keep(struct mr_shard *shard)
{
	if (!mr_shard_is_durable(shard))
		return;
	uint64_t keep = mr_progress_oldest(shard);
	if (shard->pin.evicted_oldest < keep)
		keep = shard->pin.evicted_oldest;
	if (mr_shard_queued(shard) > shard->pin.evicted && shard->pin.at < keep)
		keep = shard->pin.at;
	if (keep == shard->kept)
		return;
	shard->kept = keep;
	atomic_store_explicit(&shard->config.owner->keep, keep, memory_order_release);
}
