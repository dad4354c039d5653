// Journal back ends for the simulator: durability that comes late, reads that take a while, and
// files that keep everything.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/limits.h>

#include "journal.h"
#include "options.h"
#include "rng.h"

struct sim_file { // of one stream, from its start
	uint8_t *bytes;
	uint64_t length;
	uint64_t size;
};

struct sim_disk {
	enum sim_disk_kind kind;
	uint64_t lag_ns; // at most; 0: every commit is at once
	struct mr_rng rng;
	uint64_t due_ns; // when `written` is durable
	uint64_t written[MR_STREAMS_MAX]; // tails of the commit under way
	struct sim_file files[MR_STREAMS_MAX]; // of the kind that keeps
	uint64_t hits, waits, gones;
};

void sim_disk_init(struct sim_disk *disk, const struct sim_options *options);
void sim_disk_fini(struct sim_disk *disk);
struct mr_backend sim_disk_backend(struct sim_disk *disk);
