#include "rates.h"

#include <stdbool.h>

#include "direct.h"

void mr_rates_read(const struct mr_stats *stats, uint64_t now_ns, struct mr_rates *ret_rates)
{
	const struct mr_stats_stage *stages = mr_stats_stages(stats);

	*ret_rates = (struct mr_rates){
		.boot_id = stats->boot_id,
		.started_ns = stats->started_mono_ns,
		.at_ns = now_ns,
	};
	for (uint32_t i = 0; i < stats->stages_count; i++) {
		const uint32_t kind = stages[i].kind;

		if (kind >= MR_STAGE_KIND_COUNT)
			continue;
		for (uint32_t id = 0; id < MR_COUNTER_COUNT; id++) {
			if (mr_counter_info(id)->kind == kind)
				ret_rates->counters[id] += mr_read(&stages[i].counters[id]);
		}
		for (uint32_t reason = 0; reason < MR_REASON_LIMIT; reason++)
			ret_rates->reasons[kind][reason] += mr_read(&stages[i].reasons[reason]);
	}
}

// Of a router that was started anew: what it has counted since its start.
static uint64_t grown(
	const struct mr_rates *before, const struct mr_rates *after, uint64_t then, uint64_t now)
{
	if (before->boot_id != after->boot_id)
		return now;
	return now > then ? now - then : 0;
}

static double per_second(
	const struct mr_rates *before, const struct mr_rates *after, uint64_t then, uint64_t now)
{
	const bool is_same = before->boot_id == after->boot_id;
	const uint64_t from_ns = is_same ? before->at_ns : after->started_ns;

	if (after->at_ns <= from_ns)
		return 0;
	return (double)grown(before, after, then, now) * 1e9 / (double)(after->at_ns - from_ns);
}

uint64_t mr_rate_grown(
	const struct mr_rates *before, const struct mr_rates *after, enum mr_counter_id counter)
{
	return grown(before, after, before->counters[counter], after->counters[counter]);
}

double mr_rate(
	const struct mr_rates *before, const struct mr_rates *after, enum mr_counter_id counter)
{
	return per_second(before, after, before->counters[counter], after->counters[counter]);
}

double mr_rate_of_reason(const struct mr_rates *before, const struct mr_rates *after,
	enum mr_stage_kind kind, enum mr_reason reason)
{
	return per_second(
		before, after, before->reasons[kind][reason], after->reasons[kind][reason]);
}
