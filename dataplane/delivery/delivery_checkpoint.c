// What the journal wants and how it fares: checkpoints, and what may still be attempted when it has
// failed.
//
// A checkpoint says everything that lanes owe. Its first record, TAKEN, and each lane's records are
// appended in steps in which the stage's place in the shards' streams is at the border of a match
// record; all records of one lane in one step, so they are of one moment.
#include "delivery_parts.h"
#include "mr_assert.h"
#include "record_codec.h"

// After the journal has failed, batches whose records are durable are attempted for so long.
static const uint64_t LAST_ATTEMPTS_NS = 10000000000;
enum { SHORT_NS = 1000000000 }; // without memory for lanes until long lists give up

static void follow_memory(struct mr_delivery *delivery)
{
	uint64_t now_ns = delivery->now.mono_ns;
	if (!mr_spill_is_short(&delivery->lanes))
		delivery->short_ns = 0;
	else if (delivery->short_ns == 0)
		delivery->short_ns = now_ns;
	delivery->lanes.gives_up =
		delivery->short_ns != 0 && now_ns - delivery->short_ns >= SHORT_NS;
}

// Match records up to here may stand in frames that a start will not replay.
static void note_ends(struct mr_delivery *delivery)
{
	const struct mr_delivery_config *config = &delivery->config;
	for (uint32_t shard = 0; shard < config->shards; shard++) {
		uint32_t index =
			(uint32_t)config->shard_streams[shard] - delivery->lanes.first_stream;
		mr_assert(index < config->streams_count);
		delivery->checkpoint.ends[shard] =
			atomic_load_explicit(&config->streams[index]->tail, memory_order_acquire);
	}
}

// So all of them are taken before the first lane tells its state.
static bool has_taken_all(const struct mr_delivery *delivery)
{
	for (uint32_t shard = 0; shard < delivery->config.shards; shard++)
		if (delivery->inbound[shard].offset < delivery->checkpoint.ends[shard])
			return false;
	return true;
}

void mr_delivery_follow_journal(struct mr_delivery *delivery)
{
	const struct mr_journal_board *journal = delivery->config.journal;
	struct mr_delivery_checkpoint *checkpoint = &delivery->checkpoint;
	mr_assert(journal != NULL && checkpoint->epoch >= checkpoint->done);
	if (checkpoint->epoch == checkpoint->done) {
		checkpoint->epoch = atomic_load_explicit(&journal->epoch, memory_order_acquire);
		if (checkpoint->epoch != checkpoint->done) {
			mr_spill_checkpoint_holds(&delivery->lanes); // the one that is done
			note_ends(delivery);
		}
	}
	if (checkpoint->epoch != checkpoint->done && checkpoint->slot == 0)
		delivery->progress_due_ns = delivery->now.mono_ns; // what has settled is said first
	// After the epoch: lane records in frames before it are counted as needed from here on,
	// hence before this checkpoint lets any of those frames go.
	mr_spill_follow(&delivery->lanes);
	follow_memory(delivery);
	uint32_t state = atomic_load_explicit(&journal->state, memory_order_acquire);
	if (state != MR_JOURNAL_FAILED || delivery->failed_ns != 0)
		return;
	delivery->failed_ns = atomic_load_explicit(&journal->failed_ns, memory_order_acquire);
	if (delivery->failed_ns == 0)
		delivery->failed_ns = delivery->now.mono_ns;
}

bool mr_delivery_may_attempt(const struct mr_delivery *delivery, const struct mr_sublane *sublane)
{
	if (delivery->failed_ns == 0)
		return true;
	return sublane->number != 0
		&& sublane->recorded_end <= mr_stream_watermark(delivery->config.stream)
		&& delivery->now.mono_ns < delivery->failed_ns + LAST_ATTEMPTS_NS;
}

// False: it is not the moment.
static bool write_taken(struct mr_delivery *delivery)
{
	struct mr_stream *stream = delivery->config.stream;
	uint32_t shards = delivery->config.shards;
	mr_position positions[MR_SHARDS_MAX];
	struct mr_record_taken head = {.epoch = delivery->checkpoint.epoch, .count = shards};
	size_t body_bytes = shards * sizeof(positions[0]);
	if (!has_taken_all(delivery) || delivery->changed.head != NULL
		|| mr_stream_room(stream) < sizeof(head) + body_bytes)
		return false;
	for (uint32_t shard = 0; shard < shards; shard++)
		positions[shard] = mr_position_make(
			delivery->config.shard_streams[shard], delivery->inbound[shard].offset);
	mr_record_seal(&head, sizeof(head), positions, body_bytes, MR_RECORD_TAKEN, 0);
	mr_stream_append(stream, &head, sizeof(head), positions, body_bytes);
	delivery->checkpoint.slot = 1;
	mr_spill_checkpoint_begin(&delivery->lanes);
	return true;
}

// One lane's records while they are written.
struct dump {
	struct mr_delivery *delivery;
	const struct mr_recipient *recipient;
	uint64_t first_entry; // of the next record
	uint32_t sublane;
	uint32_t flags; // of the next record
	uint32_t count; // positions gathered for it
	uint32_t entries; // that they stand for
	bool is_empty; // the lane owes nothing: one record says so
	mr_position positions[MR_LANE_RECORD_ENTRIES_MAX];
};

static void flush(struct dump *dump)
{
	if (dump->count == 0 && !dump->is_empty)
		return;
	struct mr_delivery *delivery = dump->delivery;
	const struct mr_recipient *recipient = dump->recipient;
	struct mr_record_lane head = {.webhook = recipient->webhook,
		.first_entry = dump->first_entry,
		.last_number = recipient->last_number,
		.sublane = (uint16_t)dump->sublane,
		.sublanes = recipient->lane->in_flight,
		.count = dump->count};
	if (recipient->state != MR_RECIPIENT_PARKED) // which no match of this boot has reached
		head.taken = mr_position_make(delivery->config.shard_streams[recipient->shard],
			delivery->inbound[recipient->shard].offset);
	size_t body_bytes = dump->count * sizeof(dump->positions[0]);
	mr_record_seal(&head, sizeof(head), dump->positions, body_bytes, MR_RECORD_LANE,
		(uint16_t)dump->flags);
	mr_stream_append(delivery->config.stream, &head, sizeof(head), dump->positions, body_bytes);
	dump->first_entry += dump->entries;
	dump->flags &= ~(uint32_t)MR_LANE_RECORD_FIRST;
	dump->count = 0;
	dump->entries = 0;
}

static void gather(struct dump *dump, mr_position position, uint32_t entries)
{
	mr_assert(dump->count < MR_LANE_RECORD_ENTRIES_MAX);
	dump->positions[dump->count++] = position;
	dump->entries += entries;
	if (dump->count == MR_LANE_RECORD_ENTRIES_MAX)
		flush(dump);
}

static void gather_side(
	struct dump *dump, struct mr_lane_cursor *cursor, enum mr_lane_side side, uint32_t entries)
{
	struct mr_lane_entry entry;
	while (entries-- > 0 && mr_lane_next(&dump->delivery->lanes, cursor, side, &entry))
		gather(dump, entry.position, 1);
}

static void gather_held(struct dump *dump, const struct mr_fifo *held)
{
	struct mr_fifo_iter iter = mr_fifo_begin(held);
	mr_position position;
	uint64_t object;
	while (mr_fifo_next(&iter, &dump->delivery->lanes.pool, &position)
		&& mr_fifo_next(&iter, &dump->delivery->lanes.pool, &object))
		gather(dump, position, 1);
}

// Entries in memory: those of the batch first. Of each object, the ones that are released are older
// than those that are held, and these than those on the normal side, and these than those on the
// penalty side.
static void gather_sides(struct dump *dump, const struct mr_sublane *sublane)
{
	struct mr_lane_cursor cursor = mr_lane_begin(sublane);
	for (uint32_t side = 0; side < MR_LANE_SIDES; side++)
		gather_side(dump, &cursor, side, sublane->batch[side]);
	gather_side(dump, &cursor, MR_LANE_RELEASED, UINT32_MAX);
	gather_held(dump, &sublane->held.kept);
	for (uint32_t side = 0; side < MR_LANE_SIDES; side++)
		gather_side(dump, &cursor, side, sublane->older[side]);
	gather_held(dump, &sublane->held.list);
	gather_side(dump, &cursor, MR_LANE_NORMAL, UINT32_MAX);
	gather_side(dump, &cursor, MR_LANE_PENALTY, UINT32_MAX);
	flush(dump);
}

// Entries beyond memory: the records that hold them, then those of the next one.
static void gather_spill(struct dump *dump, const struct mr_lane_spill *spill)
{
	const struct mr_lanes *lanes = &dump->delivery->lanes;
	struct mr_spill_iter records = mr_spill_begin(spill);
	struct mr_fifo_iter tail = mr_fifo_begin(&spill->tail);
	mr_position position;
	uint32_t entries;
	dump->flags |= MR_LANE_RECORD_INDEX;
	while (mr_spill_next(lanes, spill, &records, &position, &entries))
		if (entries > 0)
			gather(dump, position, entries);
	flush(dump);
	dump->flags &= ~(uint32_t)MR_LANE_RECORD_INDEX;
	while (mr_fifo_next(&tail, &lanes->pool, &position))
		gather(dump, position, 1);
	flush(dump);
}

// The unsettled batch again.
static void repeat_batch(struct dump *dump, const struct mr_sublane *sublane)
{
	struct mr_delivery *delivery = dump->delivery;
	uint32_t count = mr_lane_sum(sublane->batch);
	size_t body_bytes = count * sizeof(mr_position);
	struct mr_record_batch head = {.webhook = dump->recipient->webhook,
		.number = sublane->number,
		.sublane = sublane->index,
		.count = (uint16_t)count,
		.penalised = (uint16_t)sublane->batch[MR_LANE_PENALTY]};
	mr_lane_batch(&delivery->lanes, sublane, sublane->batch, delivery->positions);
	mr_record_seal(&head, sizeof(head), delivery->positions, body_bytes, MR_RECORD_BATCH,
		MR_BATCH_AGAIN);
	mr_stream_append(
		delivery->config.stream, &head, sizeof(head), delivery->positions, body_bytes);
}

static uint64_t bytes_of(uint64_t positions)
{
	uint64_t records = positions / MR_LANE_RECORD_ENTRIES_MAX + 1;
	return records * sizeof(struct mr_record_lane) + positions * sizeof(mr_position);
}

// At most.
static uint64_t dump_bytes(const struct mr_delivery *delivery, const struct mr_lane *lane)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < lane->in_flight; i++) {
		const struct mr_sublane *sublane = mr_lane_sublane(&delivery->lanes, lane, i);
		uint32_t batch = mr_lane_sum(sublane->batch);
		bytes += bytes_of((uint64_t)mr_lane_in_memory(sublane)
				 + mr_held_entries(&sublane->held))
			+ bytes_of(mr_spill_records(&sublane->spill))
			+ bytes_of(sublane->spill.tail.count);
		bytes += sizeof(struct mr_record_batch) + batch * sizeof(mr_position)
			+ sizeof(struct mr_record_progress);
	}
	return bytes;
}

// A recovered batch can be repeated when its entries are here. False: they are not.
static bool batches_are_here(struct mr_delivery *delivery, struct mr_recipient *recipient)
{
	const struct mr_lane *lane = recipient->lane;
	for (uint32_t i = 0; i < lane->in_flight; i++) {
		if (mr_lane_sublane(&delivery->lanes, lane, i)->spill.batch_number == 0)
			continue;
		if (!recipient->refills) // a parked lane is not looked at otherwise
			mr_list_push(&delivery->refill, &recipient->refill_link);
		recipient->refills = true;
		return false;
	}
	return true;
}

// False: there is no room for it yet, or something must be read back first.
static bool dump_lane(struct mr_delivery *delivery, struct mr_recipient *recipient, uint32_t *work)
{
	const struct mr_lane *lane = recipient->lane;
	uint64_t bytes = dump_bytes(delivery, lane);
	mr_expect(bytes <= delivery->config.stream->size);
	if (!batches_are_here(delivery, recipient)
		|| mr_stream_room(delivery->config.stream) < bytes)
		return false;
	struct mr_record_progress progress = mr_progress_of(delivery, recipient);
	struct dump dump = {.delivery = delivery,
		.recipient = recipient,
		.flags = MR_LANE_RECORD_STATE | MR_LANE_RECORD_FIRST};
	for (uint32_t i = 0; i < lane->in_flight; i++) {
		const struct mr_sublane *sublane = mr_lane_sublane(&delivery->lanes, lane, i);
		dump.sublane = i;
		dump.first_entry = mr_lane_left(sublane);
		gather_sides(&dump, sublane);
		gather_spill(&dump, &sublane->spill);
	}
	dump.is_empty = lane->pending == 0;
	if (dump.is_empty)
		flush(&dump);
	// The first record replaces what was known of batches and progress, too.
	for (uint32_t i = 0; i < lane->in_flight; i++) {
		const struct mr_sublane *sublane = mr_lane_sublane(&delivery->lanes, lane, i);
		if (sublane->number != 0)
			repeat_batch(&dump, sublane);
		mr_progress_append(delivery, progress, sublane, 0);
	}
	*work += (uint32_t)(bytes / 256);
	return true;
}

static bool owes(const struct mr_recipient *recipient)
{
	const struct mr_lane *lane = recipient->lane;
	bool wanted =
		recipient->state < MR_RECIPIENT_GONE || recipient->state == MR_RECIPIENT_PARKED;
	return lane->open && wanted && (lane->pending > 0 || lane->failures > 0);
}

static void finish(struct mr_delivery *delivery)
{
	struct mr_delivery_checkpoint *checkpoint = &delivery->checkpoint;
	struct mr_owner_board *owner = delivery->config.owner;
	atomic_store_explicit(
		&owner->epoch_end, mr_stream_next(delivery->config.stream), memory_order_release);
	atomic_store_explicit(&owner->epoch, checkpoint->epoch, memory_order_release);
	checkpoint->done = checkpoint->epoch;
	checkpoint->slot = 0;
	mr_spill_checkpoint_end(&delivery->lanes);
}

uint32_t mr_delivery_checkpoint(struct mr_delivery *delivery, uint32_t units)
{
	struct mr_delivery_checkpoint *checkpoint = &delivery->checkpoint;
	uint32_t work = 0;
	if (checkpoint->epoch == checkpoint->done || delivery->failed_ns != 0
		|| !mr_delivery_at_borders(delivery))
		return 0;
	if (checkpoint->slot == 0 && !write_taken(delivery))
		return 0;
	for (; checkpoint->slot <= delivery->lanes.slots_used; checkpoint->slot++, work++) {
		if (work >= units)
			return work;
		struct mr_recipient *recipient = &delivery->recipients[checkpoint->slot];
		if (recipient->lane != NULL && owes(recipient)
			&& !dump_lane(delivery, recipient, &work))
			return work;
	}
	finish(delivery);
	return work + 1;
}
