// Reads the events of one delivery body (W1, W2) as a receiver must: the object, and the event
// number that the workload put into it (workload.h).
#pragma once

#include <stddef.h>
#include <stdint.h>

struct mr_delivered {
	uint64_t object;
	uint64_t number;
};

struct mr_delivered_sink {
	void *context;
	void (*event)(void *context, const struct mr_delivered *event);
};

// How many events the body has; each was told to the sink in order. -EBADMSG: not such a body; what
// was told before is part of a bad body. `sink` may be NULL: only check.
int mr_delivered_scan(const void *body, size_t length, const struct mr_delivered_sink *sink);
