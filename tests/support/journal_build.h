// A journal written by a test, frame by frame, as the writer would: for readers, recovery and
// tools. Everything is durable when the call returns.
#pragma once

#include <stdint.h>

#include <millrace/journal.h>
#include <millrace/record.h>

#include "disk.h"
#include "journal_frame.h"

enum { JOURNAL_BUILD_RUNS_MAX = 16, JOURNAL_BUILD_MARKS_MAX = 64 };

struct journal_build {
	struct mr_disk disk;
	uint64_t segment_bytes;
	// What the next frame says; a test may change it.
	struct mr_journal_frame_carry carry;
	struct mr_segment_header header; // of the segment that was begun last
	int fd;
	uint64_t offset; // where the next frame will stand
	uint64_t ends[MR_STREAMS_MAX];
	// The frame that is being put together.
	struct mr_frame_run runs[JOURNAL_BUILD_RUNS_MAX];
	uint32_t runs_count;
	uint8_t *payload;
	uint64_t payload_bytes;
	uint8_t *buffer; // the last frame that was written
	// Marks of the segment, for its index.
	uint32_t marks[JOURNAL_BUILD_MARKS_MAX];
	uint64_t mark_offsets[JOURNAL_BUILD_MARKS_MAX][MR_STREAMS_MAX];
	uint32_t marks_count;
};

void journal_build_open(struct journal_build *build, struct mr_disk disk, uint64_t journal_id,
	uint64_t segment_bytes);
void journal_build_close(struct journal_build *build);
// The next boot: its streams are [first_stream, first_stream + streams), which begin at
// MR_STREAM_START. Begins a segment.
void journal_build_boot(struct journal_build *build, uint16_t first_stream, uint16_t streams);
// Closes the segment with its index, and begins the next one.
void journal_build_turn(struct journal_build *build);
void journal_build_index(struct journal_build *build);
void journal_build_begin(struct journal_build *build); // the next segment, without an index before
// Adds a record, sealed already, to the frame; runs stand in the order in which streams are named
// first. Where it will stand.
mr_position journal_build_add(struct journal_build *build, uint16_t stream, const void *record);
// Writes the frame (may be empty), and says that everything before is durable. Where it stands.
uint64_t journal_build_frame(struct journal_build *build);

// Wall clock of what is written now: a minute per segment, a millisecond per frame.
int64_t journal_build_time(const struct journal_build *build);
// An event record of `object` with `payload_bytes` of payload; into the frame.
mr_position journal_build_event(
	struct journal_build *build, uint16_t stream, uint64_t object, uint16_t payload_bytes);
