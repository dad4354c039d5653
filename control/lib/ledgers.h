// Sums over the stages of a statistics segment, and the two ledgers.
#pragma once

#include <stdint.h>

#include <millrace/stats.h>

// Over all stages of the counter's kind.
uint64_t mr_stats_sum(const struct mr_stats *stats, enum mr_counter_id id);
// Over all stages of `kind`; `kind` MR_STAGE_NONE: of every kind.
uint64_t mr_stats_sum_reason(
	const struct mr_stats *stats, enum mr_stage_kind kind, uint32_t reason);
uint64_t mr_stats_sum_discard(const struct mr_stats *stats, uint32_t discard);
void mr_stats_sum_histogram(const struct mr_stats *stats, enum mr_stage_kind kind, uint32_t slot,
	struct mr_stats_histogram *ret_histogram);

struct mr_ledgers {
	// offered = accepted + refused; accepted + recovered = queued + distributed + dropped
	uint64_t offered, accepted, recovered, refused, queued, distributed, dropped;
	uint64_t events_off_balance;
	// matched + deliveries_recovered = on_the_way + delivered + pending + dropped. on_the_way:
	// in the rings between shards and lanes.
	uint64_t matched, deliveries_recovered, on_the_way, delivered, pending, deliveries_dropped;
	uint64_t deliveries_off_balance;
};

// The counters move while they are read: reads again, a bounded number of times, until both ledgers
// balance. What is still off then is a fault of the router, not of the moment.
void mr_ledgers_read(const struct mr_stats *stats, struct mr_ledgers *ret_ledgers);
