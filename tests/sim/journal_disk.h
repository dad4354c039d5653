// The product's journal on a disk in memory: what lives on when a router dies, and what one boot
// has of it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "boot_journal.h"
#include "disk_fake.h"
#include "options.h"
#include "rng.h"

#define SIM_WALL_START_NS INT64_C(1600000000000000000)

struct sim_journal {
	const struct sim_journal_options *options;
	struct disk_fake *disk;
	struct mr_rng rng;
	struct mr_boot_journal boot; // of the router that runs
	// Faults that pass.
	uint64_t slow_until_ns, full_until_ns;
	bool is_cut; // the disk is gone at a change that comes, or that came
	uint64_t slowest_ns; // write so far, at most
	uint64_t slows, fulls, fails, shortened;
};

void sim_journal_init(struct sim_journal *journal, const struct sim_options *options);
void sim_journal_fini(struct sim_journal *journal);
// The clock that recovery looks at.
void sim_journal_clock(uint64_t now_ns);
// A boot takes the directory.
void sim_journal_open(struct sim_journal *journal, struct mr_config *config);
// What that boot had in memory is gone; its nets are closed.
void sim_journal_close(struct sim_journal *journal);
// The process is dead; unless it was only killed (and the disk is there), the disk has been without
// power for a moment, too.
void sim_journal_crash(struct sim_journal *journal, bool killed);
// The disk is gone from its n-th change on.
void sim_journal_cut_at(struct sim_journal *journal, uint64_t nth);
// Faults of a round.
void sim_journal_step(struct sim_journal *journal, uint64_t now_ns);
// Writes what is on the disk to the folder DIR/BOOT, for `millrace journal`.
void sim_journal_dump(const struct sim_journal *journal, const char *dir, uint64_t boot);
// No more faults, and the disk is quick.
void sim_journal_calm(struct sim_journal *journal);
