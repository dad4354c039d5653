#include "ledgers.h"

#include <string.h>

#include "direct.h"
#include "histogram.h"

enum { READS_MAX = 10000 };

uint64_t mr_stats_sum(const struct mr_stats *stats, enum mr_counter_id id)
{
	const struct mr_stats_stage *stages = mr_stats_stages(stats);
	const enum mr_stage_kind kind = mr_counter_info(id)->kind;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < stats->stages_count; i++) {
		if (stages[i].kind == kind)
			sum += mr_read(&stages[i].counters[id]);
	}
	return sum;
}

uint64_t mr_stats_sum_reason(const struct mr_stats *stats, enum mr_stage_kind kind, uint32_t reason)
{
	const struct mr_stats_stage *stages = mr_stats_stages(stats);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < stats->stages_count && reason < MR_REASON_LIMIT; i++) {
		if (kind == MR_STAGE_NONE || stages[i].kind == kind)
			sum += mr_read(&stages[i].reasons[reason]);
	}
	return sum;
}

uint64_t mr_stats_sum_discard(const struct mr_stats *stats, uint32_t discard)
{
	const struct mr_stats_stage *stages = mr_stats_stages(stats);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < stats->stages_count && discard < MR_DISCARD_COUNT; i++)
		sum += mr_read(&stages[i].discards[discard]);
	return sum;
}

void mr_stats_sum_histogram(const struct mr_stats *stats, enum mr_stage_kind kind, uint32_t slot,
	struct mr_stats_histogram *ret_histogram)
{
	const struct mr_stats_stage *stages = mr_stats_stages(stats);

	memset(ret_histogram, 0, sizeof(*ret_histogram));
	for (uint32_t i = 0; i < stats->stages_count && slot < MR_STAGE_HISTOGRAMS; i++) {
		if (stages[i].kind == kind)
			mr_histogram_add(ret_histogram, &stages[i].histograms[slot]);
	}
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

static void read_once(const struct mr_stats *stats, struct mr_ledgers *ret)
{
	ret->offered = mr_stats_sum(stats, MR_SHARD_OFFERED);
	ret->accepted = mr_stats_sum(stats, MR_SHARD_ACCEPTED);
	ret->refused = mr_stats_sum(stats, MR_SHARD_REFUSED);
	ret->recovered = mr_stats_sum(stats, MR_SHARD_RECOVERED);
	ret->queued = mr_stats_sum(stats, MR_SHARD_QUEUED);
	ret->distributed = mr_stats_sum(stats, MR_SHARD_DISTRIBUTED);
	ret->dropped = mr_stats_sum(stats, MR_SHARD_DROPPED);
	ret->events_off_balance = distance(ret->offered, ret->accepted + ret->refused)
		+ distance(ret->accepted + ret->recovered,
			ret->queued + ret->distributed + ret->dropped);

	const uint64_t taken = mr_stats_sum(stats, MR_DELIVERY_MATCHED);

	ret->matched = mr_stats_sum(stats, MR_SHARD_MATCHED);
	ret->on_the_way = ret->matched > taken ? ret->matched - taken : 0;
	ret->delivered = mr_stats_sum(stats, MR_DELIVERY_DELIVERED);
	ret->pending = mr_stats_sum(stats, MR_DELIVERY_PENDING);
	ret->deliveries_dropped = mr_stats_sum(stats, MR_DELIVERY_DROPPED);
	ret->deliveries_recovered = mr_stats_sum(stats, MR_DELIVERY_RECOVERED);
	ret->deliveries_off_balance = distance(ret->matched + ret->deliveries_recovered,
		ret->on_the_way + ret->delivered + ret->pending + ret->deliveries_dropped);
}

void mr_ledgers_read(const struct mr_stats *stats, struct mr_ledgers *ret_ledgers)
{
	for (uint32_t i = 0; i < READS_MAX; i++) {
		read_once(stats, ret_ledgers);
		if (ret_ledgers->events_off_balance == 0
			&& ret_ledgers->deliveries_off_balance == 0)
			return;
	}
}
