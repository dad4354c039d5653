#include "shard.h"

#include <stdio.h>

#include "bytes.h"
#include "mr_assert.h"
#include "shard_state.h"

enum {
	ACKS_PER_STEP = 64,
	HOPS_PER_PEER = 4 * MR_BURST_MAX,
	ANSWERS_PER_STEP = 4 * MR_BURST_MAX,
	PINS_PER_STEP = 4096,
	WALKS_PER_UNIT = 4, // records: a step walks more than it can admit
	POLL_NS = 50 * 1000, // how soon to look again at what nobody sends a message about
	LOOK_NS = 20 * 1000 * 1000, // ... whether the journal wants anything
};

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

// What of the buffer no lane of a volatile router needs any more.
static uint64_t lanes_floor(const struct mr_shard *shard)
{
	const uint32_t index = mr_shard_stream_index(shard, shard->config.stream->id);
	uint64_t floor = UINT64_MAX;
	for (uint32_t i = 0; i < shard->config.deliveries; i++) {
		const uint64_t needed = atomic_load_explicit(
			&shard->config.boards[i]->floor[index], memory_order_acquire);
		if (needed < floor)
			floor = needed;
	}
	return floor;
}

// The floor follows what is finished, walked and answered. Where a disk has all of it, nothing else
// holds it back, and at the half even what is not finished is left behind.
static void retire(struct mr_shard *shard)
{
	struct mr_stream *stream = shard->config.stream;
	const uint64_t limit = mr_shard_finished(shard);
	uint64_t floor = mr_pin_advance(&shard->pin, limit, PINS_PER_STEP);
	if (mr_shard_is_durable(shard)) {
		const uint64_t used = mr_stream_next(stream) - floor;
		if (used > stream->size / 2) {
			const uint64_t half = floor + used - stream->size / 2;
			mr_pin_evict(&shard->pin, limit < half ? limit : half, PINS_PER_STEP);
		}
		floor = shard->pin.at;
	} else {
		const uint64_t needed = lanes_floor(shard);
		floor = needed < floor ? needed : floor;
	}
	mr_stream_retire(stream, floor);
	mr_gauge(mr_shard_counter(shard, MR_SHARD_BUFFER_USED), mr_shard_used(shard));
}

static void show(struct mr_shard *shard)
{
	const struct mr_objects *objects = &shard->objects;
	const uint64_t queued = mr_shard_queued(shard);
	mr_gauge(mr_shard_counter(shard, MR_SHARD_QUEUED), queued);
	mr_gauge(mr_shard_counter(shard, MR_SHARD_OBJECTS), objects->used);
	mr_gauge(mr_shard_counter(shard, MR_SHARD_OBJECTS_PENALISED), objects->penalised);
	mr_gauge(mr_shard_counter(shard, MR_SHARD_OBJECTS_HELD), objects->on_hold);
	mr_gauge(mr_shard_counter(shard, MR_SHARD_BAN_HELD), objects->ban_held);
	mr_gauge(mr_shard_counter(shard, MR_SHARD_OBJECT_QUEUE_MAX), objects->queue_max);
	mr_expect(mr_read(mr_shard_counter(shard, MR_SHARD_ACCEPTED))
			+ mr_read(mr_shard_counter(shard, MR_SHARD_RECOVERED))
		== queued + mr_read(mr_shard_counter(shard, MR_SHARD_DISTRIBUTED))
			+ mr_read(mr_shard_counter(shard, MR_SHARD_DROPPED)));
}

static void look_at_journal(struct mr_shard *shard)
{
	shard->watermark = mr_stream_watermark(shard->config.stream);
	if (mr_shard_is_durable(shard))
		shard->journal_state = (enum mr_journal_state)atomic_load_explicit(
			&shard->config.journal->state, memory_order_acquire);
}

enum mr_poll mr_shard_step(void *state, struct mr_now now, struct mr_budget budget)
{
	struct mr_shard *shard = state;
	struct mr_stream *stream = shard->config.stream;
	const uint64_t appended_from = mr_stream_next(stream);
	const uint32_t share = budget.units / 2 + 1;
	mr_assert(now.mono_ns >= shard->now.mono_ns);
	shard->now = now;
	look_at_journal(shard);
	mr_activity_show(&shard->activity, &shard->objects, now.mono_ns);
	uint32_t work = mr_shard_obey(shard);
	const uint32_t admitted = mr_admission_take(shard, share);
	work += mr_match_take(shard, HOPS_PER_PEER);
	work += mr_shard_take_holds(shard);
	if (mr_stream_next(stream) != appended_from)
		mr_stream_publish(stream);
	const uint32_t walked = mr_walk(shard, share * WALKS_PER_UNIT);
	mr_walk_feed(shard);
	work += mr_match_answer(shard, ANSWERS_PER_STEP);
	// Admission and walk never take more than their half: what was accepted gets on under any
	// load.
	const uint32_t spent = min_u32(admitted + walked / WALKS_PER_UNIT, share);
	work += admitted + walked;
	if (!shard->awaits_go && !(shard->stopped & MR_PAUSE_DISTRIBUTION))
		work += mr_fanout(shard, budget.units + 1 - spent);
	work += mr_shard_release(shard);
	work += mr_shard_survey(shard);
	work += mr_checkpoint(shard);
	mr_progress_write(shard);
	mr_shard_make_way(shard);
	retire(shard);
	mr_checkpoint_keep(shard);
	work += mr_shard_send_acks(shard, ACKS_PER_STEP);
	if (mr_stream_next(stream) != appended_from)
		mr_stream_publish(stream);
	if (work > 0)
		show(shard);
	return work > 0 ? MR_POLL_BUSY : MR_POLL_IDLE;
}

// Durability, lanes and free rings come without a message: they are looked at again soon.
static bool waits_for_others(const struct mr_shard *shard)
{
	for (uint32_t i = 0; i < shard->config.shards; i++)
		if (shard->peers[i].waiting_head != shard->peers[i].waiting_tail)
			return true; // hops, for room or a read
	if (shard->checkpoint.epoch != shard->checkpoint.done || shard->survey.survey != NULL
		|| shard->release.kinds != 0)
		return true;
	if (shard->scheduler.runnable > 0 && !(shard->stopped & MR_PAUSE_DISTRIBUTION))
		return true;
	return shard->walked < mr_stream_next(shard->config.stream)
		|| shard->answers.head != shard->answers.tail;
}

uint64_t mr_shard_next_due(void *state)
{
	const struct mr_shard *shard = state;
	const uint64_t show_ns = mr_activity_next_due(&shard->activity);
	uint64_t due_ns = mr_acks_next_due(&shard->acks);
	if (show_ns < due_ns)
		due_ns = show_ns;
	if (shard->progress.count > 0 && shard->progress.due_ns < due_ns)
		due_ns = shard->progress.due_ns;
	if (waits_for_others(shard) && shard->now.mono_ns + POLL_NS < due_ns)
		due_ns = shard->now.mono_ns + POLL_NS;
	if (mr_shard_is_durable(shard) && shard->now.mono_ns + LOOK_NS < due_ns)
		due_ns = shard->now.mono_ns + LOOK_NS;
	return due_ns;
}
