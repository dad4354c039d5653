// One object changes as fast as nine times all that the router can do, beside ordinary traffic.
#include <inttypes.h>
#include <stdio.h>

#include "hash.h"
#include "scenario.h"

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
		struct sim_world *world = sim_scenario_run(&tried, 200 * MS);
		uint64_t offered = world->traffic.offered;
		bool keeps_up = world->traffic.refused == 0
			&& sim_latency_count(world, MR_LATENCY_ALL) >= offered / 100 * 90;
		sim_scenario_end(world);
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
	return sim_claim(refused <= accepted / 20, "a refusal costs at most 5 % of an acceptance");
}

static bool others_keep_their_latency(const struct sim_world *base, const struct sim_world *hot)
{
	static const enum mr_latency_class classes[] = {MR_LATENCY_COLD, MR_LATENCY_SAME_SLOT,
		MR_LATENCY_SAME_SHARD, MR_LATENCY_SAME_WORKSPACE, MR_LATENCY_OTHER_SHARDS};
	bool good = true;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		uint64_t before_ns = sim_p99_ns(base, classes[i]);
		uint64_t after_ns = sim_p99_ns(hot, classes[i]);
		uint64_t limit_ns =
			2 * before_ns > before_ns + 2 * MS ? 2 * before_ns : before_ns + 2 * MS;
		printf("  %-44s p99 %6" PRIu64 " us, beside the hot object %6" PRIu64
		       " us (%" PRIu64 " events)\n",
			mr_latency_class_text(classes[i]), before_ns / US, after_ns / US,
			sim_latency_count(hot, classes[i]));
		good &= after_ns <= limit_ns && sim_latency_count(hot, classes[i]) > 0;
	}
	return sim_claim(good, "others keep their p99 within max(2 x base, base + 2 ms)");
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
	struct sim_world *hot = sim_scenario_run(options, S);
	uint64_t before = sim_latency_count(base, MR_LATENCY_COLD);
	uint64_t after = sim_latency_count(hot, MR_LATENCY_COLD);
	uint64_t longest = longest_queue(hot);
	printf(" hot at %" PRIu64 "/s in %s session: %" PRIu64 " accepted, %" PRIu64
	       " refused, %" PRIu64 " of them of others; %" PRIu64 " delivered of the hot object\n",
		options->hot_rate, options->workload.hot_session ? "its own" : "the same",
		hot->traffic.accepted, hot->traffic.refused, hot->traffic.cold_refused,
		sim_latency_count(hot, MR_LATENCY_HOT));
	printf("  others delivered: %" PRIu64 " alone, %" PRIu64 " beside the hot object\n", before,
		after);
	bool good = sim_claim(after * 10 >= before * 9, "others keep 90 % of their throughput");
	good &= others_keep_their_latency(base, hot);
	good &= sim_claim(longest <= options->object_queue_events && hot->traffic.refused > 0
			&& sim_latency_count(hot, MR_LATENCY_HOT) > 0,
		"the hot queue stops at its bound, and still moves");
	good &= refusals_are_cheap(base, hot);
	good &= sim_claim_ends_well(hot);
	sim_scenario_end(hot);
	return good;
}

bool sim_scenario_hot_object(void)
{
	struct sim_options options = sim_scenario_options();
	options.workload.hot_object = hot_neighbour(&options);
	uint64_t capacity = capacity_of(&options);
	options.cold_rate = capacity / 2;
	struct sim_world *base = sim_scenario_run(&options, S);
	printf(" capacity %" PRIu64 "/s, background %" PRIu64 "/s\n", capacity, options.cold_rate);
	bool good = sim_claim(capacity > 0 && base->traffic.refused == 0,
		"the background alone is never refused");
	options.hot_rate = 9 * capacity;
	good &= beside_hot(&options, base);
	options.workload.hot_session = 1;
	good &= beside_hot(&options, base);
	sim_scenario_end(base);
	return good;
}
