#include "answer.h"

#include <stddef.h>
#include <string.h>

#include "mr_assert.h"

bool mr_answers_init(struct mr_answers *answers, struct mr_arena *arena, uint32_t capacity,
	const struct mr_delivery_board *const *boards, uint32_t deliveries, uint32_t shard)
{
	uint32_t slots = 1;
	while (slots < capacity)
		slots *= 2;
	mr_assert(deliveries <= MR_DELIVERIES_MAX && shard < MR_SHARDS_MAX);
	*answers = (struct mr_answers){
		.mask = slots - 1,
		.deliveries = deliveries,
		.boards = boards,
		.shard = shard,
	};
	answers->ring = mr_arena_array(arena, "pending answers", struct mr_answer, slots);
	return answers->ring != NULL;
}

void mr_answers_add(struct mr_answers *answers, const struct mr_answer *answer)
{
	mr_assert(answers->tail - answers->head <= answers->mask); // bounded by hop credits
	answers->ring[answers->tail++ & answers->mask] = *answer;
}

static bool all_taken(const struct mr_answers *answers)
{
	for (uint32_t i = 0; i < answers->deliveries; i++) {
		const uint64_t taken = atomic_load_explicit(
			&answers->boards[i]->taken[answers->shard], memory_order_acquire);
		if (taken < answers->snapshot[i])
			return false;
	}
	return true;
}

bool mr_answers_take(struct mr_answers *answers, struct mr_hop *ret_hop)
{
	if (answers->head == answers->tail)
		return false;
	if (answers->head == answers->cut) { // nobody waits: the gathered ones do from now on
		memcpy(answers->snapshot, answers->pushed, sizeof(answers->snapshot));
		answers->cut = answers->tail;
	}
	mr_assert(answers->head < answers->cut && answers->cut <= answers->tail);
	if (!all_taken(answers))
		return false;
	*ret_hop = answers->ring[answers->head++ & answers->mask].hop;
	return true;
}

uint64_t mr_answers_floor(const struct mr_answers *answers)
{
	if (answers->head == answers->tail)
		return UINT64_MAX;
	return answers->ring[answers->head & answers->mask].match_offset;
}
