// What scenarios are made of: a calm world with the cost model, run for a while, and claims about
// it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "world.h"

enum {
	PROJECTS = 16, // each with a webhook at an endpoint of its own
	OBJECTS = 256,
	WORKSPACES = 8,
};
#define US UINT64_C(1000)
#define MS (US * 1000)
#define S  (MS * 1000)

struct sim_options sim_scenario_options(void);
// A world that has run for so long under its traffic.
struct sim_world *sim_scenario_run(const struct sim_options *options, uint64_t duration_ns);
void sim_scenario_end(struct sim_world *world);

bool sim_claim(bool holds, const char *text); // prints it; what holds
// The router ends balanced, and everything that was accepted has arrived or is counted.
bool sim_claim_ends_well(struct sim_world *world);
uint64_t sim_p99_ns(const struct sim_world *world, enum mr_latency_class which);
uint64_t sim_latency_count(const struct sim_world *world, enum mr_latency_class which);

bool sim_scenario_hot_object(void);
