// The segments of a journal's directory: names, sizes and headers, judged together. Blocking; heap.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/journal.h>

#include "disk.h"
#include "scan.h"
#include "window.h"

// Where a frame begins, and how far each stream of the segment had come before it.
struct mr_mark {
	uint32_t block;
	uint64_t offsets[MR_STREAMS_MAX];
};

struct mr_marks {
	struct mr_mark *all; // one per MiB; heap
	uint32_t count, room;
	uint32_t end_block; // of the segment's frames; 0: the marks are not known yet
	uint64_t ends[MR_STREAMS_MAX];
};

// A segment that was begun: its header is its own.
struct mr_segment {
	uint64_t bytes; // of the file
	struct mr_segment_header header;
	struct mr_marks marks;
};

struct mr_directory {
	struct mr_segment *segments; // rising numbers; without a gap from `first` on
	uint32_t count;
	uint64_t journal_id;
};

// Reads the headers through `window`. 0; -EPROTONOSUPPORT: one was written by a newer release;
// -EBADMSG: of another journal, out of order, or damaged though frames stand behind it; other
// negative errno. The error is filled for all of them.
int mr_directory_open(struct mr_directory *directory, const struct mr_disk *disk,
	struct mr_window *window, struct mr_scan_error *ret_error);
void mr_directory_close(struct mr_directory *directory); // accepts a zeroed one
// NULL: no such segment was begun.
struct mr_segment *mr_directory_find(const struct mr_directory *directory, uint64_t number);
// 0, or -EBADMSG: one of [from, to] is not there.
int mr_directory_whole(const struct mr_directory *directory, uint64_t from, uint64_t to,
	struct mr_scan_error *ret_error);

// Fills the error, "segment-...: offset N: what"; returns `err`.
int mr_scan_fail(struct mr_scan_error *ret_error, int err, uint64_t segment, uint64_t offset,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
