// Which segment of the journal holds a position, and where in it to look. One writer (the journal
// stage; before it starts, the boot), readers on any core without a lock: entries are written
// before `end` moves past them, and a reader that finds `oldest` beyond what it has read answers
// "gone". Segments are numbered from 1; those in [oldest, end) are live.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <millrace/limits.h>
#include <millrace/record.h>

struct mr_segment_header; // <millrace/journal.h>
struct mr_segment_map;

struct mr_segment_map_config {
	uint64_t segment_bytes; // of the largest
	uint32_t streams_max; // of any boot that has live segments
	uint32_t segments_max; // live at once, at most MR_SEGMENTS_MAX
};

struct mr_segment_place {
	uint64_t segment;
	int fd; // open for reading, O_DIRECT
	uint32_t first_block; // the frame that holds the byte begins at or after it ...
	uint32_t end_block; // ... and before this one
};

struct mr_segment_facts {
	int fd;
	uint64_t bytes; // of the file
	int64_t begun_at_ns; // wall clock
};

// On the heap, before the arenas are sealed: its size comes from what the directory holds. NULL: no
// memory.
struct mr_segment_map *mr_segment_map_new(const struct mr_segment_map_config *config);
void mr_segment_map_free(struct mr_segment_map *map); // closes nothing; accepts NULL
uint64_t mr_segment_map_bytes(const struct mr_segment_map_config *config); // for the memory plan

// -- Writer
// The next segment begins, as its header says: its number is the end of the live ones (any number
// when there are none). Nothing in it is durable yet.
void mr_segment_map_begin(
	struct mr_segment_map *map, int fd, const struct mr_segment_header *header);
// A frame was made durable at `block` of the newest segment; `offsets`: how far each stream had
// come before it. Remembered when it is the first of its MiB.
void mr_segment_map_frame(struct mr_segment_map *map, uint32_t block, const uint64_t *offsets);
// ... and how far each stream has come now, up to which positions are found.
void mr_segment_map_durable(struct mr_segment_map *map, uint32_t end_block, const uint64_t *ends);
// The oldest segment is retired: readers find it gone from now on. One that has found it before may
// still begin a read on its descriptor, and one may be under way. Therefore:
// - its file may be overwritten under another number at once, because a reader looks once more when
//   its read is done: bytes count only when the segment is not below mr_segment_map_oldest then;
// - its descriptor is closed MR_SEGMENT_CLOSE_NS later. A reader hands a read to the kernel, which
//   holds the file from then on, in the step in which it asked for the place.
void mr_segment_map_retire(struct mr_segment_map *map);
#define MR_SEGMENT_CLOSE_NS UINT64_C(60000000000)
// Of a live segment.
struct mr_segment_facts mr_segment_map_facts(const struct mr_segment_map *map, uint64_t number);
// Offset of a stream at the segment's begin; 0: the segment's boot has no such stream.
uint64_t mr_segment_map_start(const struct mr_segment_map *map, uint64_t number, uint16_t stream);

// -- Readers on any core
uint64_t mr_segment_map_oldest(const struct mr_segment_map *map);
uint64_t mr_segment_map_end(const struct mr_segment_map *map);
// Number of the live segment that has the position; 0: retired, or not durable yet.
uint64_t mr_segment_map_find(const struct mr_segment_map *map, mr_position position);
// The same, and where to look. False: retired, or not durable yet.
bool mr_segment_map_place(
	const struct mr_segment_map *map, mr_position position, struct mr_segment_place *ret_place);
