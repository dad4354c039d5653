// What every benchmark needs: threads pinned to CPUs, interleaved pairs of a contestant and its
// baseline, medians, and a ping-pong that tells whether two CPUs are near or far right now. On
// shared machines only ratios inside one run mean anything.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum { MR_BENCH_SAMPLES_MAX = 64 };

// One measured stretch: how much was done, in which wall time and at which CPU time.
struct mr_sample {
	double units; // events, requests, elements
	double wall_s;
	double cpu_s; // of the threads that did the work
};

typedef struct mr_sample (*mr_bench_run)(void *state);

struct mr_bench_pair {
	const char *name; // contestant
	const char *baseline; // what it is measured beside
	const char *unit; // "events"
	const char *target; // "F1 0.65"; may be NULL
	mr_bench_run run;
	mr_bench_run run_baseline;
	void *state;
	bool two_cpus; // calibrate by ping-pong and compare samples of one mode only
};

// Runs baseline and contestant in turn, `pairs` times, and prints medians, CPU time per unit and
// the median of the ratios pair by pair.
void mr_bench_pair(const struct mr_bench_pair *pair, unsigned pairs);

double mr_bench_median(double *values, size_t count); // sorts
double mr_bench_quantile(double *values, size_t count, double q); // sorts
int mr_bench_pin(unsigned cpu); // 0 or negative errno
unsigned mr_bench_cpus(void); // CPUs this process may run on
double mr_bench_pingpong_ns(void); // one-way latency between CPU 0 and CPU 1
void mr_bench_header(const char *title, const char *not_in_the_path);
// CPU time of a process with one thread, and the time in which it could have run but something else
// had its CPU; 0 where unknown.
void mr_bench_schedstat(pid_t pid, double *ret_cpu_s, double *ret_queued_s);
double mr_bench_seconds(double usual); // scaled by MILLRACE_BENCH_SCALE
// Runs in a process of its own (one EAL per process) and waits; what it returned, or 1 when it
// crashed.
int mr_bench_apart(int (*run)(void *state), void *state);
void *mr_bench_shared(size_t bytes); // zeroed memory that those processes share; NULL: none
