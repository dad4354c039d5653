// From a configuration to a running router and back: EAL, port, memory, stages, cores; each step is
// undone when a later one fails.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "config.h"
#include "eal.h"
#include "topology.h"

struct mr_boot {
	const struct mr_config_sources *sources;
	int signals; // of mr_steward_signals
	uint64_t exec_ns;
};

// Options of the EAL that follow from the configuration. Texts point into it.
struct mr_eal_options mr_boot_eal_options(
	const struct mr_config *config, const struct mr_topology *topology);
// Runs the router until it is told to stop. Takes the configuration. enum mr_exit_code; says on
// stderr what went wrong.
int mr_boot_run(
	const struct mr_boot *boot, struct mr_config *config, const struct mr_topology *topology);
