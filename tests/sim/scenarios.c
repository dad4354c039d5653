#include "scenarios.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "histogram.h"
#include "mr_assert.h"
#include "world.h"

#define US UINT64_C(1000)
#define MS (US * 1000)
#define S  (MS * 1000)

enum { PROJECTS = 16, OBJECTS = 256, WORKSPACES = 8, HUNG = 8 };

static struct sim_world *new_world(void)
{
	struct sim_world *world = malloc(sizeof(*world));
	mr_assert(world != NULL);
	return world;
}

static void free_world(struct sim_world *world)
{
	sim_world_close(world);
	free(world);
}

static bool claim(bool holds, const char *text)
{
	printf("  %s: %s\n", holds ? "holds" : "DOES NOT HOLD", text);
	return holds;
}

// The router ends balanced, and everything that was accepted has arrived or is counted.
static bool ends_well(struct sim_world *world)
{
	bool good = sim_world_calm(world) && sim_world_judge(world);
	if (!good)
		printf("  %s\n", world->why);
	return claim(good, "in the end every ledger balances and nothing is lost uncounted");
}

static void place_webhooks(struct sim_options *options, uint32_t endpoints)
{
	options->endpoints = endpoints;
	options->webhooks = PROJECTS;
	for (uint32_t i = 0; i < PROJECTS; i++)
		options->resources[i] = options->workload.project_base + i;
}

static struct sim_options calm_options(void)
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

static uint64_t p99_ns(const struct sim_world *world, enum mr_latency_class which)
{
	return mr_histogram_quantile(&world->receivers.latency.classes[which], 0.99);
}

static uint64_t count_of(const struct sim_world *world, enum mr_latency_class which)
{
	return mr_read(&world->receivers.latency.classes[which].count);
}

// A world that has run for a while under its traffic; the caller's to free.
static struct sim_world *run_for(const struct sim_options *options, uint64_t duration_ns)
{
	struct sim_world *world = new_world();
	sim_world_open(world, options);
	if (!sim_world_start(world) || !sim_world_run_for(world, duration_ns)) {
		printf("  %s\n", world->why);
		mr_assert(!"a scenario could not run");
	}
	return world;
}

// -- hot_object

// Shares a slot with one of the cold objects, and is none of them.
static uint64_t hot_neighbour(const struct sim_options *options)
{
	struct mr_config *config = sim_config(options);
	uint32_t slot = mr_slot_of(options->workload.first_object + 7, config->hash_seed);
	uint64_t hot = options->workload.first_object + OBJECTS;
	while (mr_slot_of(hot, config->hash_seed) != slot)
		hot++;
	mr_config_free(config);
	return hot;
}

// The highest rate, in steps of a tenth, at which deliveries keep up and nothing is refused.
static uint64_t capacity_of(const struct sim_options *options)
{
	struct sim_options tried = *options;
	uint64_t best = 0;
	for (uint64_t rate = 10000;; rate += rate / 10) {
		tried.cold_rate = rate;
		struct sim_world *world = run_for(&tried, 200 * MS);
		uint64_t offered = world->traffic.offered;
		bool keeps_up = world->traffic.refused == 0
			&& count_of(world, MR_LATENCY_ALL) >= offered / 100 * 90;
		free_world(world);
		if (!keeps_up)
			return best;
		best = rate;
	}
}

static uint64_t units_x16(const struct sim_world *world)
{
	return world->cost.spent_x16[MR_STAGE_INGEST] + world->cost.spent_x16[MR_STAGE_SHARD];
}

// What all acceptances and refusals have cost sources and shards, less what acceptances cost when
// nothing is refused.
static bool refusals_are_cheap(const struct sim_world *base, const struct sim_world *hot)
{
	double accepted = (double)units_x16(base) / 16 / (double)base->traffic.accepted;
	double refused = ((double)units_x16(hot) / 16 - accepted * (double)hot->traffic.accepted)
		/ (double)hot->traffic.refused;
	printf("  work units per event accepted %.2f, refused %.3f (%.1f %%)\n", accepted, refused,
		100 * refused / accepted);
	return claim(refused <= accepted / 20, "a refusal costs at most 5 % of an acceptance");
}

static bool others_keep_their_latency(const struct sim_world *base, const struct sim_world *hot)
{
	static const enum mr_latency_class classes[] = {MR_LATENCY_COLD, MR_LATENCY_SAME_SLOT,
		MR_LATENCY_SAME_SHARD, MR_LATENCY_SAME_WORKSPACE, MR_LATENCY_OTHER_SHARDS};
	bool good = true;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		uint64_t before_ns = p99_ns(base, classes[i]);
		uint64_t after_ns = p99_ns(hot, classes[i]);
		uint64_t limit_ns =
			2 * before_ns > before_ns + 2 * MS ? 2 * before_ns : before_ns + 2 * MS;
		printf("  %-44s p99 %6" PRIu64 " us, beside the hot object %6" PRIu64
		       " us (%" PRIu64 " events)\n",
			mr_latency_class_text(classes[i]), before_ns / US, after_ns / US,
			count_of(hot, classes[i]));
		good &= after_ns <= limit_ns && count_of(hot, classes[i]) > 0;
	}
	return claim(good, "others keep their p99 within max(2 x base, base + 2 ms)");
}

static uint64_t longest_queue(const struct sim_world *world)
{
	uint64_t longest = 0;
	for (uint32_t i = 0; i < world->options.shards; i++) {
		uint32_t stage = world->router.wiring.numbers.shard + i;
		uint64_t most = mr_read(
			&world->router.segment.stages[stage].counters[MR_SHARD_OBJECT_QUEUE_MAX]);
		longest = most > longest ? most : longest;
	}
	return longest;
}

static bool beside_hot(const struct sim_options *options, const struct sim_world *base)
{
	struct sim_world *hot = run_for(options, S);
	uint64_t before = count_of(base, MR_LATENCY_COLD);
	uint64_t after = count_of(hot, MR_LATENCY_COLD);
	uint64_t longest = longest_queue(hot);
	printf(" hot at %" PRIu64 "/s in %s session: %" PRIu64 " accepted, %" PRIu64
	       " refused, %" PRIu64 " of them of others; %" PRIu64 " delivered of the hot object\n",
		options->hot_rate, options->workload.hot_session ? "its own" : "the same",
		hot->traffic.accepted, hot->traffic.refused, hot->traffic.cold_refused,
		count_of(hot, MR_LATENCY_HOT));
	printf("  others delivered: %" PRIu64 " alone, %" PRIu64 " beside the hot object\n", before,
		after);
	bool good = claim(after * 10 >= before * 9, "others keep 90 % of their throughput");
	good &= others_keep_their_latency(base, hot);
	good &= claim(longest <= options->object_queue_events && hot->traffic.refused > 0
			&& count_of(hot, MR_LATENCY_HOT) > 0,
		"the hot queue stops at its bound, and still moves");
	good &= refusals_are_cheap(base, hot);
	good &= ends_well(hot);
	free_world(hot);
	return good;
}

static bool hot_object(void)
{
	struct sim_options options = calm_options();
	options.workload.hot_object = hot_neighbour(&options);
	uint64_t capacity = capacity_of(&options);
	options.cold_rate = capacity / 2;
	struct sim_world *base = run_for(&options, S);
	printf(" capacity %" PRIu64 "/s, background %" PRIu64 "/s\n", capacity, options.cold_rate);
	bool good = claim(capacity > 0 && base->traffic.refused == 0,
		"the background alone is never refused");
	options.hot_rate = 9 * capacity;
	good &= beside_hot(&options, base);
	options.workload.hot_session = 1;
	good &= beside_hot(&options, base);
	free_world(base);
	return good;
}

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
	struct sim_options options = calm_options();
	struct sim_world *base = run_for(&options, 3 * S);
	options.hung_endpoints = HUNG;
	struct sim_world *hung = run_for(&options, 3 * S);
	uint64_t before_ns = p99_ns(base, MR_LATENCY_ALL);
	uint64_t after_ns = p99_ns(hung, MR_LATENCY_ALL);
	uint64_t limit_ns =
		before_ns * 11 / 10 > before_ns + 2 * MS ? before_ns * 11 / 10 : before_ns + 2 * MS;
	printf("  p99 of the others %" PRIu64 " us, beside %d hung endpoints %" PRIu64 " us\n",
		before_ns / US, HUNG, after_ns / US);
	bool good = claim(after_ns <= limit_ns,
		"the others keep their p99 within max(1.1 x base, base + 2 ms)");
	good &= claim(hung->traffic.refused == 0, "nobody is refused because endpoints hang");
	for (uint32_t i = 0; i < options.endpoints; i++)
		hung->receivers.endpoints[i].hangs = false;
	good &= ends_well(hung);
	good &= claim(dropped_of(hung, 0, PROJECTS - HUNG) == 0, "the others lose nothing");
	free_world(base);
	free_world(hung);
	return good;
}

// -- lanes behind, and lanes that are merely slow

static bool one_lane_behind(void)
{
	struct sim_options options = calm_options();
	options.shard_stream_bytes = 1 << 18;
	options.cold_rate = 10000;
	options.hung_endpoints = 1;
	struct sim_world *world = run_for(&options, 4 * S);
	bool good = claim(world->traffic.refused == 0 && world->traffic.unsent == 0,
		"nobody is refused because of a lane that is behind");
	world->receivers.endpoints[PROJECTS - 1].hangs = false;
	good &= ends_well(world);
	uint64_t lost = sim_world_dropped(world, PROJECTS - 1);
	printf("  dropped: %" PRIu64 " of the lane behind, %" PRIu64 " of all others\n", lost,
		dropped_of(world, 0, PROJECTS - 1));
	good &= claim(lost > 0, "the lane behind loses what was overwritten, counted");
	good &= claim(dropped_of(world, 0, PROJECTS - 1) == 0, "no other lane loses anything");
	free_world(world);
	return good;
}

// Every lane gets on, slowly: none is behind, all pin the buffer together, and the producers are
// held back by credit.
static bool slow_lanes(void)
{
	struct sim_options options = calm_options();
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
	struct sim_world *world = run_for(&options, 4 * S);
	uint64_t used = sim_sum(&world->router, MR_SHARD_BUFFER_USED);
	uint64_t waiting = sim_traffic_unsettled(&world->traffic);
	printf("  offered %" PRIu64 ", accepted %" PRIu64 ", refused %" PRIu64
	       ", waiting at the producers %" PRIu64 "; buffer used %" PRIu64 " of %" PRIu64
	       " KiB\n",
		world->traffic.offered, world->traffic.accepted, world->traffic.refused, waiting,
		used >> 10, options.shard_stream_bytes >> 10);
	bool good = claim(waiting > 0 && used >= options.shard_stream_bytes / 2,
		"credit closes when lanes that are not behind pin the buffer");
	good &= claim(sim_sum(&world->router, MR_DELIVERY_LANES_BEHIND) == 0, "no lane is behind");
	good &= ends_well(world);
	good &= claim(world->traffic.by_reason[MR_REASON_OBJECT_FULL] == 0,
		"no object is refused: it is the buffer that is short");
	good &= claim(dropped_of(world, 0, PROJECTS) == 0, "nothing that was accepted is lost");
	free_world(world);
	return good;
}

// -- lineages

static bool one_lineage(enum mr_lineage lineage, const char *name)
{
	struct sim_options options = calm_options();
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
	struct sim_world *world = run_for(&options, 500 * MS);
	uint64_t heard = 0;
	printf(" %s\n", name);
	bool good = ends_well(world);
	for (uint32_t i = 0; i < options.webhooks; i++)
		heard += world->receivers.checker.paths[i].events;
	good &= claim(heard > 0 && heard == sim_sum(&world->router, MR_SHARD_MATCHED)
			&& dropped_of(world, 0, options.webhooks) == 0,
		"each webhook hears each event of its resource once");
	good &= (lineage != MR_LINEAGE_DIAMOND
		|| sim_sum(&world->router, MR_SHARD_DIAMONDS_CUT) > 0);
	good &= (lineage != MR_LINEAGE_CYCLE || sim_sum(&world->router, MR_SHARD_CYCLES_CUT) > 0);
	free_world(world);
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
	{"hot_object", hot_object},
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
