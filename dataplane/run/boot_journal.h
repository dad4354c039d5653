// The journal on disk in the life of a router: its directory is taken before anything else starts,
// recovered before the stages are built, and given back at the end.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "disk.h"
#include "maker_thread.h"
#include "recovery.h"
#include "steward.h"
#include "wiring.h"

struct mr_boot_journal {
	struct mr_disk disk;
	uint64_t (*now_ns)(void); // monotonic
	int64_t (*wall_ns)(void);
	struct mr_wiring_disk wiring; // what the stages get of it
	struct mr_recovered *recovered;
	struct mr_maker_thread maker;
	char why[512]; // after an error: what went wrong
};

// All: 0, or an enum mr_exit_code with a sentence in journal->why.
// Makes the directory where it is missing and locks it.
int mr_boot_journal_open(struct mr_boot_journal *journal, const struct mr_config *config,
	const struct mr_journal_plan *plan);
// Replays the journal and writes the snapshot. The steward answers meanwhile.
int mr_boot_journal_recover(struct mr_boot_journal *journal, const struct mr_wiring *wiring,
	struct mr_steward *steward);
// Says what is wrong with the directory's file system; known since recovery opened the first file.
void mr_boot_journal_judge_disk(
	const struct mr_boot_journal *journal, const struct mr_config *config);
// Hands the stages what was recovered, before their first step; then the maker is to be served.
int mr_boot_journal_hand_over(struct mr_boot_journal *journal, const struct mr_wiring *wiring,
	struct mr_steward *steward);
// Accepts one that was never opened. Behind the last step of every stage.
void mr_boot_journal_close(struct mr_boot_journal *journal);
