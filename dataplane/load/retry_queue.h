// Refused events that may be submitted again later, by the time they may: a bounded binary heap.
// Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mr_retry_event {
	uint64_t due_ns;
	uint64_t object;
};

struct mr_retry_queue {
	struct mr_retry_event *events; // NULL: nothing is ever kept
	uint32_t capacity;
	uint32_t count;
};

int mr_retry_queue_init(struct mr_retry_queue *queue, uint32_t capacity); // 0 or -ENOMEM
void mr_retry_queue_fini(struct mr_retry_queue *queue); // accepts a zeroed one
bool mr_retry_queue_push(struct mr_retry_queue *queue, struct mr_retry_event event); // false: full
bool mr_retry_queue_pop(struct mr_retry_queue *queue, uint64_t now_ns,
	struct mr_retry_event *ret_event); // false: none is due
