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
};

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

// The floor follows what is finished, walked and answered, and no lane needs any more.
static void retire(struct mr_shard *shard)
{
	struct mr_stream *stream = shard->config.stream;
	uint64_t floor = mr_pin_advance(&shard->pin, mr_shard_finished(shard), PINS_PER_STEP);
	for (uint32_t i = 0; i < shard->config.deliveries; i++) {
		const uint64_t needed = atomic_load_explicit(
			&shard->config.boards[i]->floor[stream->id], memory_order_acquire);
		if (needed < floor)
			floor = needed;
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
	mr_gauge(mr_shard_counter(shard, MR_SHARD_OBJECTS_HELD), objects->held);
	mr_gauge(mr_shard_counter(shard, MR_SHARD_OBJECT_QUEUE_MAX), objects->queue_max);
	mr_expect(mr_read(mr_shard_counter(shard, MR_SHARD_ACCEPTED))
		== queued + mr_read(mr_shard_counter(shard, MR_SHARD_DISTRIBUTED)));
}

enum mr_poll mr_shard_step(void *state, struct mr_now now, struct mr_budget budget)
{
	struct mr_shard *shard = state;
	struct mr_stream *stream = shard->config.stream;
	const uint64_t appended_from = mr_stream_next(stream);
	const uint32_t share = budget.units / 2 + 1;
	mr_assert(now.mono_ns >= shard->now.mono_ns);
	shard->now = now;
	uint32_t work = mr_shard_obey(shard);
	const uint32_t admitted = mr_admission_take(shard, share);
	work += mr_match_take(shard, HOPS_PER_PEER);
	work += mr_shard_take_holds(shard);
	if (mr_stream_next(stream) != appended_from)
		mr_stream_publish(stream);
	const uint32_t walked = mr_walk(shard, share * WALKS_PER_UNIT);
	work += mr_match_answer(shard, ANSWERS_PER_STEP);
	// Admission and walk never take more than their half: what was accepted gets on under any
	// load.
	const uint32_t spent = min_u32(admitted + walked / WALKS_PER_UNIT, share);
	work += admitted + walked;
	if (!shard->awaits_go)
		work += mr_fanout(shard, budget.units + 1 - spent);
	mr_fanout_progress(shard);
	retire(shard);
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
	return shard->walked < mr_stream_next(shard->config.stream) || shard->scheduler.runnable > 0
		|| shard->answers.head != shard->answers.tail;
}

uint64_t mr_shard_next_due(void *state)
{
	const struct mr_shard *shard = state;
	uint64_t due_ns = mr_acks_next_due(&shard->acks);
	if (shard->progress.count > 0 && shard->progress.due_ns < due_ns)
		due_ns = shard->progress.due_ns;
	if (waits_for_others(shard) && shard->now.mono_ns + POLL_NS < due_ns)
		due_ns = shard->now.mono_ns + POLL_NS;
	return due_ns;
}
