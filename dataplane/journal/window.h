// A part of a segment's file in memory: large aligned reads, one behind the other. Whole blocks
// only: what a file has beyond its last whole block is nothing. Blocking; heap.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "disk.h"

struct mr_window {
	struct mr_disk disk;
	uint8_t *bytes; // aligned to a block; `room` of them, as much as a file needed
	size_t size, room;
	int fd; // of `segment`; -1: none is open
	uint64_t segment;
	uint64_t file_bytes; // whole blocks
	uint64_t begin, end; // what `bytes` holds, in the file
	uint64_t used_at; // when it was used last: the owner's count
};

// `size`: bytes of one read at most, whole blocks.
void mr_window_init(struct mr_window *window, const struct mr_disk *disk, size_t size);
void mr_window_fini(struct mr_window *window); // accepts a zeroed one
// [offset, offset + bytes) of a segment's file, as much of it as there is: 0 and where it stands
// until the next call, or negative errno. The offset is a multiple of a block; bytes are at most
// `size`.
int mr_window_span(struct mr_window *window, uint64_t segment, uint64_t offset, size_t bytes,
	const uint8_t **ret_bytes, size_t *ret_got);
// Does it hold all of it already?
static inline _Bool mr_window_holds(
	const struct mr_window *window, uint64_t segment, uint64_t offset, size_t bytes)
{
	return window->segment == segment && offset >= window->begin
		&& offset + bytes <= window->end;
}
