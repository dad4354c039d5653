// Counters now and then, as rates. A router that was started anew meanwhile counts from its start.
#pragma once

#include <stdint.h>

#include <millrace/stats.h>

struct mr_rates { // all counters at one moment, summed over the stages of their kind
	uint64_t boot_id; // 0: nothing was read yet
	uint64_t started_ns; // CLOCK_MONOTONIC, as `at_ns`
	uint64_t at_ns;
	uint64_t counters[MR_COUNTER_COUNT];
	uint64_t reasons[MR_STAGE_KIND_COUNT][MR_REASON_LIMIT];
};

void mr_rates_read(const struct mr_stats *stats, uint64_t now_ns, struct mr_rates *ret_rates);
// Per second between the two moments; 0 when there is no time between them.
double mr_rate(
	const struct mr_rates *before, const struct mr_rates *after, enum mr_counter_id counter);
double mr_rate_of_reason(const struct mr_rates *before, const struct mr_rates *after,
	enum mr_stage_kind kind, enum mr_reason reason);
// How much was counted between them.
uint64_t mr_rate_grown(
	const struct mr_rates *before, const struct mr_rates *after, enum mr_counter_id counter);
