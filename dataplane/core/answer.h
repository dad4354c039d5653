// Hops whose match records are durable and pushed to lanes, and that are answered once every
// delivery stage has taken what it was sent: then the lanes' floors cover the event. A FIFO with a
// cut: before it waits one generation for the counts of its snapshot, behind it the next one
// gathers.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "message.h"

struct mr_answer {
	struct mr_hop hop; // to be sent back, flagged MR_HOP_ANSWER
	uint64_t match_offset; // of the match record, which is kept until then
};

struct mr_answers {
	struct mr_answer *ring;
	uint32_t mask;
	uint32_t deliveries;
	uint64_t head;
	uint64_t cut;
	uint64_t tail;
	const struct mr_delivery_board *const *boards;
	uint32_t shard; // index on the boards
	uint64_t pushed[MR_DELIVERIES_MAX]; // lane messages, ever
	uint64_t snapshot[MR_DELIVERIES_MAX];
};

bool mr_answers_init(struct mr_answers *answers, struct mr_arena *arena, uint32_t capacity,
	const struct mr_delivery_board *const *boards, uint32_t deliveries, uint32_t shard);
void mr_answers_add(struct mr_answers *answers, const struct mr_answer *answer);
// Takes the next hop that may be answered; false when there is none yet.
bool mr_answers_take(struct mr_answers *answers, struct mr_hop *ret_hop);
// Offset of the oldest match record that is still kept; UINT64_MAX: none.
uint64_t mr_answers_floor(const struct mr_answers *answers);
