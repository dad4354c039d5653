#include "retry_queue.h"

#include <errno.h>
#include <stdlib.h>

int mr_retry_queue_init(struct mr_retry_queue *queue, uint32_t capacity)
{
	*queue = (struct mr_retry_queue){
		.events = calloc(capacity, sizeof(*queue->events)), .capacity = capacity};
	return queue->events == NULL ? -ENOMEM : 0;
}

void mr_retry_queue_fini(struct mr_retry_queue *queue)
{
	free(queue->events);
	*queue = (struct mr_retry_queue){0};
}

bool mr_retry_queue_push(struct mr_retry_queue *queue, struct mr_retry_event event)
{
	if (queue->count == queue->capacity)
		return false;
	uint32_t at = queue->count++;
	while (at > 0 && queue->events[(at - 1) / 2].due_ns > event.due_ns) {
		queue->events[at] = queue->events[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	queue->events[at] = event;
	return true;
}

bool mr_retry_queue_pop(
	struct mr_retry_queue *queue, uint64_t now_ns, struct mr_retry_event *ret_event)
{
	if (queue->count == 0 || queue->events[0].due_ns > now_ns)
		return false;
	*ret_event = queue->events[0];
	struct mr_retry_event last = queue->events[--queue->count];
	uint32_t at = 0;
	for (;;) {
		uint32_t child = 2 * at + 1;
		if (child >= queue->count)
			break;
		if (child + 1 < queue->count
			&& queue->events[child + 1].due_ns < queue->events[child].due_ns)
			child++;
		if (queue->events[child].due_ns >= last.due_ns)
			break;
		queue->events[at] = queue->events[child];
		at = child;
	}
	queue->events[at] = last;
	return true;
}
