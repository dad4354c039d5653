// A world: producers, network, router, receivers, and the clock that moves them all.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cost.h"
#include "network.h"
#include "options.h"
#include "receivers.h"
#include "router.h"
#include "traffic.h"
#include "watch.h"

struct sim_world {
	struct sim_options options;
	struct sim_faults faults; // in force now
	struct mr_rng rng;
	uint64_t now_ns;
	uint64_t rounds;
	struct sim_network network;
	struct sim_router router;
	struct sim_journal journal; // outlives routers
	uint64_t boot;
	uint32_t starts_failed; // for a disk that was gone
	bool is_calm;
	uint64_t delivered, dropped, recovered; // of the routers that are dead
	struct sim_traffic traffic;
	struct sim_operator op; // with bans
	struct sim_watch watch; // the same
	struct sim_receivers receivers;
	struct sim_cost cost;
	uint64_t stalled_until_ns[MR_STAGES_MAX];
	uint64_t expectations; // that had failed before
	char why[512]; // what is wrong; empty: nothing
};

// The whole of a random run: faults, calm, audit. NULL, or what is wrong (in the world's memory).
const char *sim_world_run(struct sim_world *world, const struct sim_options *options);

// The router is thrown away, and another one started on its disk. False: it does not start.
bool sim_world_restart(struct sim_world *world);
// Everything accepted was delivered, through all crashes.
bool sim_world_judge_journal(struct sim_world *world);
// Accepted events that the webhook was owed and did not get, although it took whatever came and no
// purge may have dropped them. The first one, if any.
uint64_t sim_world_lost(struct sim_world *world, uint32_t webhook, uint64_t *ret_first);
bool sim_world_fails(struct sim_world *world, const char *what); // false
// Makes the router of the next boot.
bool sim_world_boot(struct sim_world *world);
// Its parts, for scenarios.
void sim_world_open(struct sim_world *world, const struct sim_options *options);
bool sim_world_start(struct sim_world *world); // configuration in force, sessions open
bool sim_world_round(struct sim_world *world); // false: something does not balance
bool sim_world_run_for(struct sim_world *world, uint64_t duration_ns);
bool sim_world_calm(
	struct sim_world *world); // no traffic, no faults, until everything is delivered
bool sim_world_judge(
	struct sim_world *world); // everything accepted was delivered or counted as dropped
// Whether an op may have had the event dropped.
bool sim_world_may_purge(
	const struct sim_world *world, uint64_t number, const struct mr_ledger_view *view);
uint64_t sim_world_dropped(const struct sim_world *world, uint32_t webhook); // of what it was owed
void sim_world_close(struct sim_world *world);
uint64_t sim_world_digest(
	const struct sim_world *world); // of everything counted: the same seed gives the same
