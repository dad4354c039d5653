// Which core runs which stages: as configured, or decided from the CPUs this process may run on.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <millrace/limits.h>
#include <millrace/stats.h>

#include "config.h"

struct mr_place {
	enum mr_stage_kind kind;
	uint32_t index;
};

struct mr_topology_lcore {
	uint32_t cpu;
	uint32_t places_count;
	struct mr_place places[MR_STAGES_MAX]; // in the order they are served
};

struct mr_topology {
	uint32_t sources, shards, deliveries; // stages of each kind; there is one journal
	uint32_t main_cpu; // the steward's: the first CPU
	uint32_t lcores_count;
	struct mr_topology_lcore lcores[MR_LCORES_MAX];
};

// `cpus`: those this process may use, ascending; 0 of them: unknown, then CPUs of configured lcores
// are taken as they are. Mistakes go to `report`. 0 or -EINVAL. With topology.lcores every stage
// must stand there exactly once. Without it:
//   1 or 2 CPUs: one lcore on the last CPU runs everything;
//   more: separate sets, in this order: ingest | shards | journal and deliveries.
int mr_topology_make(const struct mr_config *config, const uint32_t *cpus, uint32_t cpus_count,
	struct mr_config_report *report, struct mr_topology *ret_topology);
// "cpu 1: ingest0 shard0 journal delivery0; cpu 2: ..."
void mr_topology_format(const struct mr_topology *topology, char *ret_text, size_t size);
// "shard0"; "journal" has no number.
void mr_place_format(struct mr_place place, char *ret_text, size_t size);
// CPUs this process may run on, ascending; how many. Asked first before a thread is bound to its
// CPU: a reload is judged by what the start was judged by.
uint32_t mr_cpus_allowed(uint32_t *ret_cpus, uint32_t max);
