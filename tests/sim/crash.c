// Routers die without a word; what is left is the disk.
#include <inttypes.h>
#include <stdio.h>

#include "log.h"
#include "mr_assert.h"
#include "world.h"

enum { STARTS = 4, START_CHANGES = 60 };
#define DOWN_NS   UINT64_C(100000000)
#define SETTLE_NS UINT64_C(20000000) // until what is recorded is with the disk

static void bury(struct sim_world *world)
{
	const struct sim_journal_options *options = &world->options.journal;
	bool killed = mr_rng_chance(&world->rng, options->kill, SIM_CHANCE_ONE);
	mr_log(MR_LOG_INFO, "-- %s after round %" PRIu64 ", at %.3f s",
		world->journal.is_cut ? "disk is cut"
			: killed      ? "killed"
				      : "power cut",
		world->rounds, (double)world->now_ns / 1e9);
	sim_receivers_crashed(&world->receivers, world->now_ns);
	sim_router_close(&world->router);
	sim_journal_crash(&world->journal, killed);
	world->receivers.settle_ns =
		options->progress_ns + 4 * world->journal.slowest_ns + SETTLE_NS;
	world->now_ns += mr_rng_below(&world->rng, DOWN_NS);
	world->boot++;
	sim_options_reshape(&world->options, world->boot);
}

bool sim_world_restart(struct sim_world *world)
{
	const struct sim_journal_options *options = &world->options.journal;
	char why[sizeof(world->journal.boot.why)];
	mr_assert(options->on);
	world->delivered += sim_sum(&world->router, MR_DELIVERY_DELIVERED);
	world->dropped += sim_sum(&world->router, MR_DELIVERY_DROPPED);
	for (uint32_t start = 1;; start++) {
		bury(world);
		bool cut = !world->is_calm && start < STARTS
			&& mr_rng_chance(&world->rng, options->cut, SIM_CHANCE_ONE);
		if (cut)
			sim_journal_cut_at(
				&world->journal, 1 + mr_rng_below(&world->rng, START_CHANGES));
		if (world->options.journal.dump != NULL)
			sim_journal_dump(&world->journal, world->options.journal.dump, world->boot);
		if (sim_world_boot(world))
			return true;
		snprintf(why, sizeof(why), "%s", world->journal.boot.why);
		mr_log(MR_LOG_INFO, "-- no start: %s", why);
		if (!cut)
			return sim_world_fails(world, why);
		world->starts_failed++;
	}
}
