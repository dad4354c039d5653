#include "cost.h"

#include "mr_assert.h"

enum { SCALE = 16, REQUEST_UNITS = 8, COMMIT_BYTES_PER_UNIT = 4096 };

void sim_cost_init(struct sim_cost *cost, uint64_t unit_ns)
{
	*cost = (struct sim_cost){.unit_ns = unit_ns};
}

static uint64_t waiting(const struct sim_router *router, uint32_t stage)
{
	uint32_t shard = stage - router->wiring.numbers.shard;
	uint64_t used = 0;
	for (uint32_t source = 0; source < router->topology.sources; source++)
		used += mr_ring_used(router->wiring.source_shard[source][shard]);
	return used;
}

static bool is_shard(const struct sim_router *router, uint32_t stage)
{
	return router->wiring.stages[stage].kind == MR_STAGE_SHARD;
}

static uint64_t units_x16(
	const struct sim_router *router, const struct sim_cost *cost, uint32_t stage)
{
	const struct mr_stats_stage *stats = &router->segment.stages[stage];
#define COUNT(id) mr_read(&stats->counters[id])
	switch (router->wiring.stages[stage].kind) {
	case MR_STAGE_INGEST:
		return SCALE * COUNT(MR_INGEST_RX_PACKETS) + COUNT(MR_INGEST_DATA_EVENTS)
			+ COUNT(MR_INGEST_SHED_EVENTS);
	case MR_STAGE_SHARD:
		return SCALE
			* (cost->descriptors[stage] + COUNT(MR_SHARD_ACCEPTED)
				+ COUNT(MR_SHARD_DISTRIBUTED) + COUNT(MR_SHARD_HOPS)
				+ COUNT(MR_SHARD_MATCHED))
			+ cost->refused_there[stage];
	case MR_STAGE_JOURNAL:
		return SCALE
			* (COUNT(MR_JOURNAL_COMMITS)
				+ COUNT(MR_JOURNAL_COMMIT_BYTES) / COMMIT_BYTES_PER_UNIT);
	case MR_STAGE_DELIVERY:
		return SCALE
			* (REQUEST_UNITS * COUNT(MR_DELIVERY_REQUESTS) + COUNT(MR_DELIVERY_MATCHED)
				+ COUNT(MR_DELIVERY_DELIVERED));
	case MR_STAGE_NONE:
	case MR_STAGE_STEWARD:
	case MR_STAGE_KIND_COUNT:
		break;
	}
#undef COUNT
	return 0;
}

void sim_cost_before(struct sim_cost *cost, const struct sim_router *router, uint32_t stage)
{
	if (is_shard(router, stage))
		cost->descriptors[stage] += waiting(router, stage);
}

// New refusals of a shard are those of the door as far as the door has made any.
static void count_refusals(struct sim_cost *cost, const struct sim_router *router, uint32_t stage)
{
	uint64_t all = mr_read(&router->segment.stages[stage].counters[MR_SHARD_REFUSED]);
	uint64_t fresh = all - cost->refused[stage];
	uint64_t door = sim_sum(router, MR_INGEST_SHED_EVENTS) - cost->at_the_door;
	door = door < fresh ? door : fresh;
	cost->refused[stage] = all;
	cost->at_the_door += door;
	cost->refused_there[stage] += fresh - door;
}

void sim_cost_after(
	struct sim_cost *cost, const struct sim_router *router, uint32_t stage, uint64_t now_ns)
{
	if (is_shard(router, stage)) {
		cost->descriptors[stage] -= waiting(router, stage);
		count_refusals(cost, router, stage);
	}
	uint64_t units = units_x16(router, cost, stage);
	uint64_t spent = units - cost->counted_x16[stage];
	mr_assert(units >= cost->counted_x16[stage]);
	cost->counted_x16[stage] = units;
	cost->spent_x16[router->wiring.stages[stage].kind] += spent;
	cost->free_at_ns[stage] = now_ns + spent * cost->unit_ns / SCALE;
}
