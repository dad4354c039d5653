// Steps of followed objects, gathered each second from the data plane's rings: who follows asks for
// what came after a number.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "direct.h"
#include "taps.h"

enum { MR_TAIL_ROWS = 4096 };

struct mr_tail_row {
	uint64_t number; // from 1, over all objects
	struct mr_tap_seen step;
};

struct mr_tail_log;

int mr_tail_log_new(struct mr_tail_log **ret_log);
void mr_tail_log_free(struct mr_tail_log *log); // accepts NULL
void mr_tail_log_tick(struct mr_tail_log *log, const struct mr_stats *stats); // of the ticker
// The first step of `object` with a number above `after`; false: there is none.
bool mr_tail_log_next(
	struct mr_tail_log *log, uint64_t object, uint64_t after, struct mr_tail_row *ret_row);
uint64_t mr_tail_log_last(struct mr_tail_log *log); // number of the newest step; 0: none
