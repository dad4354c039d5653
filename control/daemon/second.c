#include "second.h"

#include <string.h>

#include "histogram.h"
#include "snapshot.h"

static void subtract(struct mr_stats_histogram *from, const struct mr_stats_histogram *histogram)
{
	mr_gauge(&from->count, mr_read(&from->count) - mr_read(&histogram->count));
	for (uint32_t i = 0; i < MR_HISTOGRAM_BUCKETS; i++)
		mr_gauge(&from->buckets[i],
			mr_read(&from->buckets[i]) - mr_read(&histogram->buckets[i]));
}

static void delivered_in(
	const struct mr_stats *before, const struct mr_stats *after, struct mr_second *second)
{
	const struct mr_stats_stage *stages = mr_stats_stages(before);
	const uint32_t slot = MR_HISTOGRAM_DELIVERY_ACCEPT_TO_DELIVERED;
	struct mr_stats_histogram grown;

	mr_stats_sum_histogram(after, MR_STAGE_DELIVERY, slot, &grown);
	for (uint32_t i = 0; i < before->stages_count; i++)
		if (stages[i].kind == MR_STAGE_DELIVERY)
			subtract(&grown, &stages[i].histograms[slot]);
	second->delivered_p50_ns = mr_histogram_quantile(&grown, 0.5);
	second->delivered_p99_ns = mr_histogram_quantile(&grown, 0.99);
}

static void steps_in(const struct mr_stats *before, const struct mr_stats *after, double ns,
	struct mr_second *second)
{
	const struct mr_stats_stage *was = mr_stats_stages(before);
	const struct mr_stats_stage *is = mr_stats_stages(after);
	struct mr_stats_histogram grown;

	for (uint32_t i = 0; i < after->stages_count && i < before->stages_count; i++) {
		const double busy =
			(double)(mr_read(&is[i].busy_ns) - mr_read(&was[i].busy_ns)) / ns;

		second->stages[i].busy = busy > 1 ? 1 : busy;
		memset(&grown, 0, sizeof(grown));
		mr_histogram_add(&grown, &is[i].step_ns);
		subtract(&grown, &was[i].step_ns);
		second->stages[i].step_p99_ns = mr_histogram_quantile(&grown, 0.99);
	}
}

void mr_second_make(const struct mr_snapshot *before, const struct mr_snapshot *after,
	struct mr_second *ret_second)
{
	const struct mr_ledgers *was = &before->ledgers;
	const struct mr_ledgers *is = &after->ledgers;

	*ret_second = (struct mr_second){.at_ns = after->at_ns, .connected = after->connected};
	if (!after->connected)
		return;
	ret_second->queued = is->queued;
	ret_second->pending = is->pending;
	if (!before->connected || !before->stats || !after->stats
		|| before->stats->boot_id != after->stats->boot_id)
		return;
	const double ns = (double)(after->at_mono_ns - before->at_mono_ns);

	if (ns <= 0)
		return;
	ret_second->offered = (double)(is->offered - was->offered) * 1e9 / ns;
	ret_second->accepted = (double)(is->accepted - was->accepted) * 1e9 / ns;
	ret_second->refused = (double)(is->refused - was->refused) * 1e9 / ns;
	ret_second->delivered = (double)(is->delivered - was->delivered) * 1e9 / ns;
	delivered_in(before->stats, after->stats, ret_second);
	steps_in(before->stats, after->stats, ns, ret_second);
}
