// DPDK's environment: start-up from our own options only (never EAL's usage text), threads per
// lcore, and what this host lacks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <millrace/limits.h>

struct mr_eal_options {
	bool hugepages; // false: --no-huge
	uint32_t memory_mib;
	const char *file_prefix;
	const char *devices[8]; // vdev ("net_memif0,...") or PCI address
	uint32_t devices_count;
	uint32_t main_cpu; // CPU of the main lcore (steward; sleeps)
	uint32_t lcores_count; // worker lcores 1..n
	uint32_t cpus[MR_LCORES_MAX]; // CPU of each
};

// 0, or negative errno with a text that says what is lacking and how to mend it.
int mr_eal_start(const struct mr_eal_options *options, char *ret_why, size_t why_size);
void mr_eal_stop(void);
// Runs fn(arg) on worker lcore `lcore` (1..n); returns at once.
int mr_eal_launch(uint32_t lcore, int (*fn)(void *), void *arg);
int mr_eal_wait(uint32_t lcore); // until fn returns
// Prints what the host has and lacks for these options: CPUs, hugepages, memory, permissions, NUMA
// distances. Returns how many things would keep millraced from starting.
uint32_t mr_host_check(const struct mr_eal_options *options, uint64_t memory_bytes, FILE *out);
