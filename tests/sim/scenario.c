#include "scenario.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "histogram.h"
#include "mr_assert.h"

static struct sim_world *new_world(void)
{
	struct sim_world *world = malloc(sizeof(*world));
	mr_assert(world != NULL);
	return world;
}

void sim_scenario_end(struct sim_world *world)
{
	sim_world_close(world);
	free(world);
}

bool sim_claim(bool holds, const char *text)
{
	printf("  %s: %s\n", holds ? "holds" : "DOES NOT HOLD", text);
	return holds;
}

bool sim_claim_ends_well(struct sim_world *world)
{
	bool good = sim_world_calm(world) && sim_world_judge(world);
	if (!good)
		printf("  %s\n", world->why);
	return sim_claim(good, "in the end every ledger balances and nothing is lost uncounted");
}

static void place_webhooks(struct sim_options *options, uint32_t endpoints)
{
	options->endpoints = endpoints;
	options->webhooks = PROJECTS;
	for (uint32_t i = 0; i < PROJECTS; i++)
		options->resources[i] = options->workload.project_base + i;
}

struct sim_options sim_scenario_options(void)
{
	struct sim_options options = {
		.seed = 1,
		.shards = 2,
		.sources = 1,
		.deliveries = 1,
		.flows = 16,
		.shard_stream_bytes = 1 << 22,
		.delivery_stream_bytes = 1 << 20,
		.mbufs = 1024,
		.object_queue_events = 256,
		.lane_entries = 1 << 18,
		.penalised_max = 64,
		.penalty_after = 8,
		.connections = 128,
		.connections_per_endpoint = 16,
		.batch_events_max = 100,
		.in_flight = 4,
		.batch_age_ns = 2 * MS,
		.request_timeout_ns = S,
		.retry_cap_ns = 500 * MS,
		.workload = {.seed = 1,
			.objects = OBJECTS,
			.first_object = 1000,
			.hot_object = 1,
			.workspaces = WORKSPACES,
			.workspace_base = 5000,
			.databases = 2,
			.database_base = 9000,
			.projects = PROJECTS,
			.project_base = 300000,
			.sessions = 2},
		.cold_rate = 20000,
		.events_per_packet = 128,
		.linger_ns = 200 * US,
		.answer_ns = 400 * US,
		.answer_min_ns = 200 * US,
		.costs = true,
	};
	place_webhooks(&options, PROJECTS);
	return options;
}

uint64_t sim_p99_ns(const struct sim_world *world, enum mr_latency_class which)
{
	return mr_histogram_quantile(&world->receivers.latency.classes[which], 0.99);
}

uint64_t sim_latency_count(const struct sim_world *world, enum mr_latency_class which)
{
	return mr_read(&world->receivers.latency.classes[which].count);
}

struct sim_world *sim_scenario_run(const struct sim_options *options, uint64_t duration_ns)
{
	struct sim_world *world = new_world();
	sim_world_open(world, options);
	bool good = sim_world_start(world) && sim_world_run_for(world, duration_ns);
	if (!good)
		printf("  %s\n", world->why);
	mr_assert(good); // nothing to measure otherwise
	return world;
}
