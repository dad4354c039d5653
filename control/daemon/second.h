// What happened in the last second: rates, and how busy each stage was.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/limits.h>

struct mr_snapshot;

struct mr_second {
	int64_t at_ns; // wall clock: its end
	bool connected; // else everything below is 0
	double offered, accepted, refused; // events per second
	double delivered; // deliveries per second
	uint64_t queued, pending; // at its end
	// Of first attempts that ended in it: received until answered with 2xx; 0: none did.
	uint64_t delivered_p50_ns, delivered_p99_ns;
	struct {
		double busy; // share of the time, 0 .. 1
		uint64_t step_p99_ns; // of busy steps; 0: there were none
	} stages[MR_STAGES_MAX]; // as in the statistics segment
};

// From two snapshots that follow each other; a router that was started anew in between, or is not
// there, has no rates.
void mr_second_make(const struct mr_snapshot *before, const struct mr_snapshot *after,
	struct mr_second *ret_second);
