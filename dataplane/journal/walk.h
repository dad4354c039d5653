// One frame after the other through the segments of a directory, each judged: its check, the chain,
// and that every stream goes on where it stood. What a bad frame means is the caller's business.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "directory.h"
#include "scan.h"
#include "window.h"

struct mr_walk {
	const struct mr_directory *directory;
	struct mr_window *window;
	const struct mr_segment *segment; // where it stands; NULL: nowhere
	uint64_t offset; // of the next frame
	uint64_t sequence; // of the last frame
	uint64_t check; // of the last frame
	bool chained; // `check` is known
	uint64_t ends[MR_STREAMS_MAX]; // how far each stream of the segment has come
};

enum mr_walk_step { MR_WALK_BAD, MR_WALK_FRAME }; // or negative errno

// Before the first frame of a segment that was begun; the chain starts there.
void mr_walk_begin(struct mr_walk *walk, const struct mr_segment *segment);
// On to the next segment, which must follow in sequence and, within a boot, in its streams. 0 or
// -EBADMSG.
int mr_walk_turn(
	struct mr_walk *walk, const struct mr_segment *segment, struct mr_scan_error *ret_error);
// The frame at `offset`, when it is the next one; BAD leaves the walk where it is. -EBADMSG: the
// frame is sound and in its place, and contradicts its streams.
int mr_walk_next(
	struct mr_walk *walk, struct mr_scan_frame *ret_frame, struct mr_scan_error *ret_error);
