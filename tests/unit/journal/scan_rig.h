// A journal of three segments on the fake disk, and a walk over it: what the tests of scanning
// share.
#pragma once

#include "disk_fake.h"
#include "journal_build.h"
#include "scan.h"

enum {
	SCAN_RIG_SEGMENT_BYTES = 256 << 10,
	SCAN_RIG_STREAM = 8, // first of three
	SCAN_RIG_FRAMES_MAX = 64,
};

struct scan_rig_frame {
	uint64_t segment, offset;
	uint64_t check; // of the header
	uint32_t bytes; // of its blocks
};

struct scan_rig {
	struct disk_fake *fake;
	struct journal_build build;
	struct scan_rig_frame frames[SCAN_RIG_FRAMES_MAX]; // in order, sequence 1 first
	uint32_t frames_count;
};

// Segments 1 and 2 are closed, 3 is the newest. `frames`: commit frames in each.
void scan_rig_open(struct scan_rig *rig, uint32_t frames);
void scan_rig_close(struct scan_rig *rig);
// Writes the frame that is being put together, and notes it.
void scan_rig_frame(struct scan_rig *rig);
// Closes the segment and begins the next one.
void scan_rig_turn(struct scan_rig *rig);

struct scan_rig_walk {
	int err; // of the open or of the walk
	struct mr_scan_found found;
	struct mr_scan_error error;
	uint32_t frames; // walked from the oldest segment on
	uint32_t strange; // of which are not the rig's, or not in their place
};

// Opens, walks everything, closes.
struct scan_rig_walk scan_rig_walk(const struct scan_rig *rig, struct disk_fake *fake);
