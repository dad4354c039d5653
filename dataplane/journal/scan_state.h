// What the parts of a scan share.
#pragma once

#include "directory.h"
#include "scan.h"
#include "walk.h"
#include "window.h"

enum {
	MR_SCAN_READ_BYTES = 4 << 20, // at once, by the walk
	MR_LOOKUP_READ_BYTES = 256 << 10, // by a look at one record
	MR_LOOKUP_WINDOWS = 8,
};

// Records by position: a few places of the journal are kept at hand.
struct mr_lookup {
	struct mr_window windows[MR_LOOKUP_WINDOWS];
	uint64_t uses;
	// The run found last: the next record often stands in it.
	uint64_t segment;
	struct mr_frame_run run;
	uint64_t run_at; // of its bytes, in the file
};

struct mr_scan {
	struct mr_directory directory;
	struct mr_scan_found found;
	struct mr_window window; // of the walk: what a frame points into
	struct mr_window marks_window;
	struct mr_walk walk;
	struct mr_lookup lookup;
};

// The first sequence that is not of this segment.
uint64_t mr_scan_limit(const struct mr_scan *scan, const struct mr_segment *segment);
// A bad frame where one was durable; -EBADMSG.
int mr_scan_corrupt(const struct mr_walk *walk, struct mr_scan_error *ret_error);
// Remembers a frame when it is the first of its MiB. 0 or -ENOMEM.
int mr_marks_note(struct mr_marks *marks, uint64_t offset, const uint64_t *offsets);
// Fills the segment's marks if they are not known yet. 0 or negative errno.
int mr_marks_load(
	struct mr_scan *scan, struct mr_segment *segment, struct mr_scan_error *ret_error);
