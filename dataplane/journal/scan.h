// Walking the journal's frames in the order they were written: what recovery and the tools are made
// of. Blocking; heap. Judges as PROMISES say: the journal ends at the first bad frame, unless a
// later valid frame says that it was durable, which is corruption.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <millrace/journal.h>
#include <millrace/record.h>

#include "disk.h"

struct mr_scan;

struct mr_scan_found {
	bool empty; // no segment at all
	// Numbers of the files that are there. Those below oldest_needed are left-overs of a crash
	// while they were retired: they may go. The newest may be unused.
	uint64_t oldest_segment, newest_segment;
	uint64_t last_frame; // sequence; 0: none
	uint64_t last_check;
	int64_t last_at_ns; // wall clock, as that frame says
	uint64_t replay_frame, replay_segment; // as the last frame says; 0: from the beginning
	uint64_t oldest_needed; // as the last frame says
	uint64_t tail_bytes_dropped; // torn, never acknowledged
	uint64_t bytes; // of all segments
	struct mr_segment_header newest; // header of the newest segment that has one
};

// What is wrong, for a message: "segment-00..02: offset 8192: ...".
struct mr_scan_error {
	char text[256];
	uint64_t segment; // 0: of the directory
	uint64_t offset;
};

// Opens every segment, reads headers and closing indexes, finds the end. 0; -EBADMSG: corrupt, or a
// segment is missing; -EPROTONOSUPPORT: written by a newer release; other negative errno. The error
// is filled for all of them.
int mr_scan_open(const struct mr_disk *disk, struct mr_scan **ret_scan,
	struct mr_scan_found *ret_found, struct mr_scan_error *ret_error);
void mr_scan_close(struct mr_scan *scan); // accepts NULL

// A frame whose check has been verified; pointers live until the next seek or next.
struct mr_scan_frame {
	const struct mr_frame_header *header;
	const struct mr_frame_run *runs;
	const uint8_t *payload; // of the first run; the others follow
	uint64_t segment;
	uint64_t offset; // in the segment's file
};

// Goes to the first frame of a segment; the next one is read from there.
int mr_scan_seek(struct mr_scan *scan, uint64_t segment);
// 1 and a frame, 0 at the end of the journal, or negative errno with the error filled. INDEX frames
// are among them.
int mr_scan_next(
	struct mr_scan *scan, struct mr_scan_frame *ret_frame, struct mr_scan_error *ret_error);
// How far a segment goes, and where its frames begin: `each` is called for one frame per MiB in
// rising order, with how far each of the segment's streams had come before it. Out of the closing
// index where there is one, else by walking the segment. `ret_ends`: how far each stream had come
// at `ret_end_block`. For mr_segment_map_frame and mr_segment_map_durable.
typedef void mr_scan_mark(void *owner, uint32_t block, const uint64_t *offsets);
int mr_scan_marks(struct mr_scan *scan, uint64_t segment, mr_scan_mark *each, void *owner,
	uint32_t *ret_end_block, uint64_t ret_ends[MR_STREAMS_MAX],
	struct mr_scan_error *ret_error);
// Header of a live segment; NULL: none (retired, or begun and never used).
const struct mr_segment_header *mr_scan_segment(const struct mr_scan *scan, uint64_t number);
// One record by its position, wherever it is: 0 and the record (until the next call), -ENOENT when
// it is in no live segment, other negative errno.
int mr_scan_record(struct mr_scan *scan, mr_position position, const struct mr_record **ret_record);
