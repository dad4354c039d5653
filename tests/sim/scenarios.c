#include "scenarios.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "scenario.h"

enum { HUNG = 8 };

// -- hung_endpoints

static uint64_t dropped_of(const struct sim_world *world, uint32_t first, uint32_t end)
{
	uint64_t dropped = 0;
	for (uint32_t i = first; i < end; i++)
		dropped += sim_world_dropped(world, i);
	return dropped;
}

static bool hung_endpoints(void)
{
	struct sim_options options = sim_scenario_options();
	struct sim_world *base = sim_scenario_run(&options, 3 * S);
	options.hung_endpoints = HUNG;
	struct sim_world *hung = sim_scenario_run(&options, 3 * S);
	uint64_t before_ns = sim_p99_ns(base, MR_LATENCY_ALL);
	uint64_t after_ns = sim_p99_ns(hung, MR_LATENCY_ALL);
	uint64_t limit_ns =
		before_ns * 11 / 10 > before_ns + 2 * MS ? before_ns * 11 / 10 : before_ns + 2 * MS;
	printf("  p99 of the others %" PRIu64 " us, beside %d hung endpoints %" PRIu64 " us\n",
		before_ns / US, HUNG, after_ns / US);
	bool good = sim_claim(after_ns <= limit_ns,
		"the others keep their p99 within max(1.1 x base, base + 2 ms)");
	good &= sim_claim(hung->traffic.refused == 0, "nobody is refused because endpoints hang");
	for (uint32_t i = 0; i < options.endpoints; i++)
		hung->receivers.endpoints[i].hangs = false;
	good &= sim_claim_ends_well(hung);
	good &= sim_claim(dropped_of(hung, 0, PROJECTS - HUNG) == 0, "the others lose nothing");
	sim_scenario_end(base);
	sim_scenario_end(hung);
	return good;
}

// -- lanes behind, and lanes that are merely slow

static bool one_lane_behind(void)
{
	struct sim_options options = sim_scenario_options();
	options.shard_stream_bytes = 1 << 18;
	options.cold_rate = 10000;
	options.hung_endpoints = 1;
	struct sim_world *world = sim_scenario_run(&options, 4 * S);
	bool good = sim_claim(world->traffic.refused == 0 && world->traffic.unsent == 0,
		"nobody is refused because of a lane that is behind");
	world->receivers.endpoints[PROJECTS - 1].hangs = false;
	good &= sim_claim_ends_well(world);
	uint64_t lost = sim_world_dropped(world, PROJECTS - 1);
	printf("  dropped: %" PRIu64 " of the lane behind, %" PRIu64 " of all others\n", lost,
		dropped_of(world, 0, PROJECTS - 1));
	good &= sim_claim(lost > 0, "the lane behind loses what was overwritten, counted");
	good &= sim_claim(dropped_of(world, 0, PROJECTS - 1) == 0, "no other lane loses anything");
	sim_scenario_end(world);
	return good;
}

// Every lane gets on, slowly: none is behind, all pin the buffer together, and the producers are
// held back by credit.
static bool slow_lanes(void)
{
	struct sim_options options = sim_scenario_options();
	options.shards = 1;
	options.flows = 4;
	options.workload.sessions = 1;
	options.shard_stream_bytes = 1 << 19;
	options.object_queue_events = 4096;
	options.cold_rate = 4000;
	options.in_flight = 1;
	options.batch_events_max = 20;
	options.answer_min_ns = 400 * MS;
	options.answer_ns = 500 * MS;
	struct sim_world *world = sim_scenario_run(&options, 4 * S);
	uint64_t used = sim_sum(&world->router, MR_SHARD_BUFFER_USED);
	uint64_t waiting = sim_traffic_unsettled(&world->traffic);
	printf("  offered %" PRIu64 ", accepted %" PRIu64 ", refused %" PRIu64
	       ", waiting at the producers %" PRIu64 "; buffer used %" PRIu64 " of %" PRIu64
	       " KiB\n",
		world->traffic.offered, world->traffic.accepted, world->traffic.refused, waiting,
		used >> 10, options.shard_stream_bytes >> 10);
	bool good = sim_claim(waiting > 0 && used >= options.shard_stream_bytes / 2,
		"credit closes when lanes that are not behind pin the buffer");
	good &= sim_claim(
		sim_sum(&world->router, MR_DELIVERY_LANES_BEHIND) == 0, "no lane is behind");
	good &= sim_claim_ends_well(world);
	good &= sim_claim(world->traffic.by_reason[MR_REASON_OBJECT_FULL] == 0,
		"no object is refused: it is the buffer that is short");
	good &= sim_claim(dropped_of(world, 0, PROJECTS) == 0, "nothing that was accepted is lost");
	sim_scenario_end(world);
	return good;
}

// -- lineages

static bool one_lineage(enum mr_lineage lineage, const char *name)
{
	struct sim_options options = sim_scenario_options();
	struct mr_workload_options *workload = &options.workload;
	uint64_t object = workload->first_object + 3;
	uint64_t index = object / MR_WORKLOAD_STORIES_PER_TASK;
	const uint64_t resources[] = {object, MR_WORKLOAD_TASK_BASE + index,
		workload->project_base + index % PROJECTS,
		workload->project_base + index % PROJECTS,
		workload->project_base + (index + 1) % PROJECTS,
		MR_WORKLOAD_INITIATIVE_BASE + index % MR_WORKLOAD_INITIATIVES,
		MR_WORKLOAD_PORTFOLIO};
	workload->lineage = lineage;
	options.shards = 4;
	options.cold_rate = 10000;
	options.webhooks = sizeof(resources) / sizeof(resources[0]);
	memcpy(options.resources, resources, sizeof(resources));
	struct sim_world *world = sim_scenario_run(&options, 500 * MS);
	uint64_t heard = 0;
	printf(" %s\n", name);
	bool good = sim_claim_ends_well(world);
	for (uint32_t i = 0; i < options.webhooks; i++)
		heard += world->receivers.checker.paths[i].events;
	good &= sim_claim(heard > 0 && heard == sim_sum(&world->router, MR_SHARD_MATCHED)
			&& dropped_of(world, 0, options.webhooks) == 0,
		"each webhook hears each event of its resource once");
	good &= (lineage != MR_LINEAGE_DIAMOND
		|| sim_sum(&world->router, MR_SHARD_DIAMONDS_CUT) > 0);
	good &= (lineage != MR_LINEAGE_CYCLE || sim_sum(&world->router, MR_SHARD_CYCLES_CUT) > 0);
	sim_scenario_end(world);
	return good;
}

static bool lineages(void)
{
	bool good = one_lineage(MR_LINEAGE_FLAT, "task -> project");
	good &= one_lineage(MR_LINEAGE_STORY, "story -> task -> project");
	good &= one_lineage(MR_LINEAGE_DIAMOND, "two projects -> one initiative -> portfolio");
	good &= one_lineage(MR_LINEAGE_CYCLE, "task -> project -> the same task");
	return good;
}

static const struct scenario {
	const char *name;
	bool (*run)(void);
} scenarios[] = {
	{"hot_object", sim_scenario_hot_object},
	{"hung_endpoints", hung_endpoints},
	{"one_lane_behind", one_lane_behind},
	{"slow_lanes", slow_lanes},
	{"lineages", lineages},
};
enum { SCENARIOS = sizeof(scenarios) / sizeof(scenarios[0]) };

void sim_scenarios_list(void)
{
	for (uint32_t i = 0; i < SCENARIOS; i++)
		fprintf(stderr, " %s", scenarios[i].name);
}

bool sim_scenarios(const char *name)
{
	uint32_t ran = 0;
	bool good = true;
	for (uint32_t i = 0; i < SCENARIOS; i++) {
		if (name != NULL && strcmp(name, scenarios[i].name) != 0)
			continue;
		printf("%s\n", scenarios[i].name);
		fflush(stdout);
		good &= scenarios[i].run();
		ran++;
	}
	return good && ran > 0;
}
