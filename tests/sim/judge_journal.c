// What must hold when everything has come to rest after crashes. Counters are those of the last
// router; what counts is what producers were told and receivers got.
#include <inttypes.h>
#include <stdio.h>

#include "world.h"

uint64_t sim_world_lost(struct sim_world *world, uint32_t webhook, uint64_t *ret_first)
{
	const struct mr_ledger *ledger = &world->traffic.ledger;
	const struct mr_checker_path *path = &world->receivers.checker.paths[webhook];
	struct mr_ledger_view view;
	uint64_t lost = 0;
	for (uint64_t number = 1; mr_ledger_get(ledger, number, &view); number++) {
		if (view.state != MR_LEDGER_ACCEPTED || mr_checker_delivered(path, number)
			|| !mr_workload_reaches(
				&world->options.workload, view.object, path->resource)
			|| sim_receivers_rejected(&world->receivers, webhook, number)
			|| sim_world_may_purge(world, number, &view))
			continue;
		if (lost++ == 0)
			*ret_first = number;
	}
	return lost;
}

bool sim_world_judge_journal(struct sim_world *world)
{
	uint64_t first = 0;
	for (uint32_t i = 0; i < world->options.webhooks; i++) {
		uint64_t lost = sim_receivers_stays(&world->receivers, i)
			? sim_world_lost(world, i, &first)
			: 0;
		if (lost == 0)
			continue;
		snprintf(world->why, sizeof(world->why),
			"webhook %s: %" PRIu64 " accepted events are lost, the first is %" PRIu64,
			world->receivers.checker.paths[i].name, lost, first);
		return false;
	}
	if (world->receivers.late > 0)
		snprintf(world->why, sizeof(world->why),
			"%" PRIu64 " requests came again long after they were settled",
			world->receivers.late);
	return world->receivers.late == 0;
}
