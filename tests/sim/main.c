// The simulator's program: sim [--seed N | --seeds FROM-TO | --scenario NAME] [--steps N]
// [--journal disk [--dump DIR]] [--bans]. The seeds of the list in SIM_SEEDS come first; without a
// range a few others follow, or with MILLRACE_FULL=1 many.
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "scenarios.h"
#include "sim_log.h"
#include "world.h"

enum { SEEDS = 40, SEEDS_FULL = 1000 };

struct run {
	uint64_t first, last; // seeds
	uint32_t steps; // rounds; 0: as drawn
	bool verbose;
	bool journal; // on disk
	bool bans;
	const char *dump;
	uint32_t runs, failures;
	uint64_t accepted, delivered, dropped, refused;
};

static void report(const struct sim_world *world, const char *why)
{
	const struct sim_router *router = &world->router;
	printf("  %" PRIu64 " rounds, %.3f s: offered %" PRIu64 " accepted %" PRIu64
	       " refused %" PRIu64 " unsent %" PRIu64 "; matched %" PRIu64 " delivered %" PRIu64
	       " dropped %" PRIu64 "; requests %" PRIu64 " failed %" PRIu64 "; digest %016" PRIx64
	       "\n",
		world->rounds, (double)world->now_ns / 1e9, world->traffic.offered,
		world->traffic.accepted, world->traffic.refused, world->traffic.unsent,
		sim_sum(router, MR_SHARD_MATCHED), sim_sum(router, MR_DELIVERY_DELIVERED),
		sim_sum(router, MR_DELIVERY_DROPPED), sim_sum(router, MR_DELIVERY_REQUESTS),
		sim_sum(router, MR_DELIVERY_REQUESTS_FAILED), sim_world_digest(world));
	if (why != NULL)
		printf("FAILED seed=%" PRIu64 ": %s\n  again: sim --seed %" PRIu64 "%s%s\n",
			world->options.seed, why, world->options.seed,
			world->options.journal.on ? " --journal disk" : "",
			world->options.bans ? " --bans" : "");
}

// Returns the digest.
static uint64_t run_seed(struct run *run, uint64_t seed)
{
	struct sim_options options;
	struct sim_world *world = malloc(sizeof(*world));
	if (world == NULL)
		abort();
	sim_options_draw(&options, seed, run->steps);
	if (run->journal)
		sim_options_draw_journal(&options);
	if (run->bans)
		sim_options_draw_bans(&options);
	options.journal.dump = run->dump;
	if (run->verbose) {
		printf("seed=%" PRIu64 "\n", seed);
		sim_options_print(&options);
		fflush(stdout);
	}
	const char *why = sim_world_run(world, &options);
	if (why != NULL && !run->verbose) {
		printf("seed=%" PRIu64 "\n", seed);
		sim_options_print(&options);
	}
	if (run->dump != NULL)
		sim_journal_dump(&world->journal, run->dump, world->boot + 1);
	if (run->verbose || why != NULL)
		report(world, why);
	run->runs++;
	run->failures += why != NULL;
	run->accepted += world->traffic.accepted;
	run->refused += world->traffic.refused;
	run->delivered += sim_sum(&world->router, MR_DELIVERY_DELIVERED);
	run->dropped += sim_sum(&world->router, MR_DELIVERY_DROPPED);
	uint64_t digest = sim_world_digest(world);
	sim_world_close(world);
	free(world);
	return digest;
}

static void run_list(struct run *run, const char *path)
{
	char line[128];
	FILE *file = fopen(path, "r");
	uint64_t seed;
	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL)
		if (mr_parse_u64(line, strspn(line, "0123456789"), &seed) == 0)
			(void)run_seed(run, seed);
	fclose(file);
}

static void run_range(struct run *run)
{
	for (uint64_t seed = run->first; seed <= run->last; seed++)
		(void)run_seed(run, seed);
}

static void run_default(struct run *run)
{
	const char *full = getenv("MILLRACE_FULL");
	run->first = 1;
	run->last = full != NULL && strcmp(full, "1") == 0 ? SEEDS_FULL : SEEDS;
	if (run_seed(run, run->first) != run_seed(run, run->first)) {
		printf("FAILED: seed=%" PRIu64 " gave two different runs\n", run->first);
		run->failures++;
	}
	run_range(run);
}

static bool parse_range(const char *text, struct run *run)
{
	size_t length = strcspn(text, "-");
	const char *last = text[length] == '-' ? text + length + 1 : text;
	return mr_parse_u64(text, length, &run->first) == 0
		&& mr_parse_u64(last, strlen(last), &run->last) == 0;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: sim [--seed N | --seeds FROM-TO | --scenario NAME|all] [--steps ROUNDS] [--journal none|disk [--dump DIR]] [--bans]\nscenarios:");
	sim_scenarios_list();
	fprintf(stderr, "\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{"seed", required_argument, NULL, 's'},
		{"seeds", required_argument, NULL, 'r'},
		{"scenario", required_argument, NULL, 'c'},
		{"steps", required_argument, NULL, 'n'},
		{"journal", required_argument, NULL, 'j'},
		{"dump", required_argument, NULL, 'd'},
		{"bans", no_argument, NULL, 'b'},
		{0},
	};
	struct run run = {0};
	uint64_t steps = 0;
	int option;
	const char *scenario = NULL;
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == 'c') {
			scenario = optarg;
			continue;
		}
		if (option == 'j') {
			run.journal = strcmp(optarg, "disk") == 0;
			if (!run.journal && strcmp(optarg, "none") != 0)
				return usage();
			continue;
		}
		if (option == 'b') {
			run.bans = true;
			continue;
		}
		if (option == 'd') {
			run.dump = optarg;
			continue;
		}
		bool good = option == 'n' ? mr_parse_u64(optarg, strlen(optarg), &steps) == 0
					  : option != '?' && parse_range(optarg, &run);
		if (!good || steps > UINT32_MAX)
			return usage();
		run.verbose |= option == 's';
	}
	run.steps = (uint32_t)steps;
	sim_log_speaks = run.verbose;
	if (scenario != NULL)
		return sim_scenarios(strcmp(scenario, "all") == 0 ? NULL : scenario) ? 0 : 1;
	const char *list = getenv("SIM_SEEDS");
	if (list != NULL && !run.verbose)
		run_list(&run, list);
	if (run.last > 0)
		run_range(&run);
	else
		run_default(&run);
	printf("%u runs, %u failed: seeds %" PRIu64 " to %" PRIu64 "; accepted %" PRIu64
	       " refused %" PRIu64 " delivered %" PRIu64 " dropped %" PRIu64 "\n",
		run.runs, run.failures, run.first, run.last, run.accepted, run.refused,
		run.delivered, run.dropped);
	return run.failures == 0 ? 0 : 1;
}
