// The last hour, second by second, in memory.
#pragma once

#include <stdint.h>

#include "second.h"

enum { MR_HISTORY_SECONDS = 3600 };

// What is kept of a second.
struct mr_history_row {
	int64_t at_ns;
	float offered, accepted, refused, delivered;
	uint64_t queued, pending;
	uint32_t p50_us, p99_us;
	uint32_t busiest_permille; // of the busiest stage
	uint32_t connected;
};

struct mr_history;

int mr_history_new(struct mr_history **ret_history);
void mr_history_free(struct mr_history *history); // accepts NULL
void mr_history_add(struct mr_history *history, const struct mr_second *second);
// The last `seconds` rows at most, oldest first; how many.
uint32_t mr_history_read(
	struct mr_history *history, uint32_t seconds, struct mr_history_row *ret_rows);
