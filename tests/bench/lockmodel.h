// The lock-based distributor of June 2020, as the public account tells it: one queue per object
// behind a mutex; distributors take lists of recently modified objects, lock each (a locked one is
// skipped and retried), drain one event at a time until the queue is empty or the lock is about to
// expire; a list that could not be finished is taken again, with exponential backoff. Times are
// divided by 12,000.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mr_lockmodel;

struct mr_lockmodel_options {
	uint32_t objects; // object 0 is the hot one
	uint32_t distributors; // threads, all pinned to `cpu`
	unsigned cpu;
	uint32_t work_ns; // of distributing one event, calibrated by the caller
	uint32_t queue_events; // per object, 2^n
	double *ret_cold_us; // latencies of cold events
	size_t cold_max;
};

struct mr_lockmodel_result {
	uint64_t cold, hot; // events distributed
	uint64_t lost; // did not fit their queue
	uint64_t undelivered; // cold events that still waited at the end
	uint64_t given_up; // lists taken again after backoff
	size_t cold_samples;
	double cpu_s; // of the distributors
};

struct mr_lockmodel *mr_lockmodel_start(const struct mr_lockmodel_options *options);
void mr_lockmodel_offer(
	struct mr_lockmodel *model, uint32_t object, uint64_t now_ns); // producer thread
struct mr_lockmodel_result mr_lockmodel_stop(struct mr_lockmodel *model);
