// Steps of followed objects: readers of struct mr_stats_taps. A reader keeps a number per stage,
// and asks for what came after it.
#pragma once

#include <stdint.h>

#include <millrace/stats.h>

struct mr_tap_seen {
	uint64_t number; // of the stage, from 1
	uint64_t at_ns; // wall clock
	uint64_t object;
	uint64_t app;
	uint64_t sequence; // 0: not known there
	uint64_t position; // 0: was not accepted
	uint64_t webhook; // 0: none
	uint64_t detail;
	uint8_t step; // enum mr_tap_step
	uint8_t reason; // enum mr_reason; MR_REASON_OK: none
};

// Steps of stage `stage` (shards first, then delivery stages: 0 .. shards + deliveries - 1) with
// numbers above `*after`, oldest first, at most `max`; how many. `*after` and `*ret_lost` as in
// attempts.h.
uint32_t mr_taps_read(const struct mr_stats *stats, uint32_t stage, uint64_t *after, uint32_t max,
	struct mr_tap_seen *ret_steps, uint64_t *ret_lost);
