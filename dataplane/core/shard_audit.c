// Both sides of the ledger, counted again from the structures.
#include <stddef.h>
#include <string.h>

#include "bytes.h"
#include "mr_assert.h"
#include "shard_state.h"

struct recount {
	uint64_t events; // records from the pin on that are not finished, and evicted ones
	uint64_t evicted; // in queues
	uint64_t queued;
	uint64_t unwalked;
	uint64_t bytes;
	uint64_t on_hold;
	uint64_t ban_held;
	uint64_t penalised;
	uint64_t objects;
	uint64_t charged;
};

static void count_records(const struct mr_shard *shard, struct recount *recount)
{
	const struct mr_stream *stream = shard->config.stream;
	const uint64_t end = mr_stream_next(stream);
	struct mr_pin pin = shard->pin;
	recount->events = pin.evicted;
	while ((pin.at = mr_pin_advance(&pin, end, UINT32_MAX)) < end) {
		recount->events++;
		pin.at += (uint32_t)mr_stream_word_own(stream, pin.at);
	}
}

static void count_objects(const struct mr_shard *shard, struct recount *recount)
{
	const struct mr_objects *objects = &shard->objects;
	for (uint32_t i = 1; i < objects->fresh; i++) {
		const struct mr_object *object = &objects->states[i];
		if (object->id == 0)
			continue;
		struct mr_object_iter iter = mr_object_begin(objects, i);
		const uint64_t queued = recount->queued;
		uint64_t offset;
		uint64_t before = 0;
		while (mr_object_next(&iter, objects, &offset)) {
			mr_assert(offset > before && offset < shard->walked);
			mr_assert(mr_pin_is_waiting(&shard->pin, offset));
			before = offset;
			recount->evicted += mr_pin_is_evicted(&shard->pin, offset);
			recount->queued++;
		}
		mr_assert(recount->queued - queued == mr_object_waiting(object));
		recount->objects++;
		recount->charged += (object->flags & MR_OBJECT_CHARGED) != 0;
		recount->unwalked += object->unwalked;
		recount->on_hold += object->holds > 0;
		recount->penalised += (object->flags & MR_OBJECT_PENALISED) != 0;
	}
}

static void count_held(const struct mr_shard *shard, struct recount *recount)
{
	const struct mr_objects *objects = &shard->objects;
	const struct mr_sieve *sieve = &objects->sieve;
	for (uint32_t i = 1; i < objects->held_fresh; i++)
		recount->ban_held += objects->held[i].list.count;
	if (sieve->object != 0 && sieve->part == MR_SIEVE_HELD)
		recount->ban_held += sieve->kept.count;
}

static uint64_t count_granted(const struct mr_shard *shard)
{
	uint64_t granted = 0;
	for (uint32_t i = 0; i < shard->limits.sessions_max * shard->own_flows; i++)
		if (shard->sessions[i / shard->own_flows].is_open)
			granted += mr_credit_of(&shard->flows[i]);
	return granted;
}

static const char *judge(const struct mr_shard *shard, const struct recount *recount)
{
	const struct mr_objects *objects = &shard->objects;
	if (recount->queued != objects->queued || recount->unwalked != objects->unwalked)
		return "the objects' queues disagree with their counts";
	if (recount->objects != objects->used || recount->charged != objects->charged
		|| recount->on_hold != objects->on_hold || recount->ban_held != objects->ban_held
		|| recount->penalised != objects->penalised)
		return "objects, holds or penalties disagree with their counts";
	if (recount->events != mr_shard_queued(shard))
		return "unfinished records in the stream are not queued + outstanding";
	if (count_granted(shard) != shard->credit.granted)
		return "what flows may send is not what was granted";
	if (recount->evicted > shard->pin.evicted
		|| recount->evicted + shard->pin.away_by_offset.count < shard->pin.evicted)
		return "evicted events are neither queued nor under way";
	return NULL;
}

bool mr_shard_audit(const struct mr_shard *shard, char *ret_why, size_t why_size)
{
	struct recount recount = {0};
	count_records(shard, &recount);
	count_objects(shard, &recount);
	count_held(shard, &recount);
	const char *why = judge(shard, &recount);
	if (why != NULL) {
		(void)mr_copy_text(ret_why, why_size, why, strlen(why));
		return false;
	}
	return mr_ledger_balances(&shard->ledger, recount.events, ret_why, why_size);
}
