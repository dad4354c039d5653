// Where frames begin in a segment, without walking it: its closing index says so.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal_frame.h"
#include "mr_assert.h"
#include "scan_state.h"

enum { BLOCKS_PER_MIB = (1 << 20) / MR_JOURNAL_BLOCK_BYTES };

static int add(struct mr_marks *marks, uint32_t block, const uint64_t *offsets, size_t bytes)
{
	if (marks->count == marks->room) {
		const uint32_t room = marks->room ? 2 * marks->room : 16;
		struct mr_mark *grown = reallocarray(marks->all, room, sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		marks->all = grown;
		marks->room = room;
	}
	struct mr_mark *mark = &marks->all[marks->count++];
	*mark = (struct mr_mark){.block = block};
	memcpy(mark->offsets, offsets, bytes);
	return 0;
}

int mr_marks_note(struct mr_marks *marks, uint64_t offset, const uint64_t *offsets)
{
	const uint32_t block = (uint32_t)(offset / MR_JOURNAL_BLOCK_BYTES);

	if (marks->count > 0
		&& marks->all[marks->count - 1].block / BLOCKS_PER_MIB == block / BLOCKS_PER_MIB)
		return 0;
	return add(marks, block, offsets, MR_STREAMS_MAX * sizeof(*offsets));
}

// An index that contradicts itself is none: the segment is walked then.
static int take_index(
	struct mr_marks *marks, const struct mr_frame_header *header, uint32_t streams)
{
	const size_t entry_bytes = mr_index_entry_bytes(streams);
	const uint8_t *at = (const uint8_t *)(header + 1);

	if (header->bytes - sizeof(*header) != header->entries * entry_bytes)
		return 0;
	for (uint32_t i = 0; i < header->entries; i++, at += entry_bytes) {
		const struct mr_index_entry *entry = (const void *)at;
		const uint64_t *offsets = (const void *)(entry + 1);

		if (i + 1 == header->entries) {
			marks->end_block = entry->block;
			memcpy(marks->ends, offsets, streams * sizeof(*offsets));
		} else if (add(marks, entry->block, offsets, streams * sizeof(*offsets)) < 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

// The closing index stands where no further commit had room: within two frames of the file's end.
static int find_index(struct mr_scan *scan, struct mr_segment *segment, uint64_t limit)
{
	const uint64_t number = segment->header.number;
	const uint64_t back = 2 * (uint64_t)MR_FRAME_BYTES_MAX;
	const uint64_t from =
		segment->bytes > back ? segment->bytes - back : MR_JOURNAL_BLOCK_BYTES;
	const uint8_t *bytes;
	size_t got;
	int err = mr_window_span(
		&scan->marks_window, number, from, (size_t)(segment->bytes - from), &bytes, &got);

	for (size_t at = got; err == 0 && at >= MR_JOURNAL_BLOCK_BYTES;) {
		at -= MR_JOURNAL_BLOCK_BYTES;
		const struct mr_frame_header *header = (const void *)(bytes + at);

		if (header->kind == MR_FRAME_INDEX && header->sequence + 1 == limit
			&& mr_journal_frame_check(
				   header, got - at, scan->directory.journal_id, number)
				== 0)
			return take_index(&segment->marks, header, segment->header.streams);
	}
	return err;
}

// The last segment of a boot is not closed.
static int walk_marks(struct mr_scan *scan, struct mr_segment *segment, uint64_t limit,
	struct mr_scan_error *ret_error)
{
	struct mr_walk walk = {.directory = &scan->directory, .window = &scan->marks_window};
	struct mr_scan_frame frame;

	mr_walk_begin(&walk, segment);
	while (walk.sequence + 1 < limit) {
		uint64_t before[MR_STREAMS_MAX];

		memcpy(before, walk.ends, sizeof(before));
		int r = mr_walk_next(&walk, &frame, ret_error);
		if (r == MR_WALK_BAD)
			return mr_scan_corrupt(&walk, ret_error);
		if (r < 0)
			return r;
		if (mr_marks_note(&segment->marks, frame.offset, before) < 0)
			return mr_scan_fail(ret_error, -ENOMEM, 0, 0, "no memory");
	}
	segment->marks.end_block = (uint32_t)(walk.offset / MR_JOURNAL_BLOCK_BYTES);
	memcpy(segment->marks.ends, walk.ends, sizeof(walk.ends));
	return 0;
}

int mr_marks_load(struct mr_scan *scan, struct mr_segment *segment, struct mr_scan_error *ret_error)
{
	const uint64_t limit = mr_scan_limit(scan, segment);

	if (segment->marks.end_block != 0)
		return 0;
	segment->marks.count = 0;
	int err = find_index(scan, segment, limit);
	if (err < 0)
		return mr_scan_fail(ret_error, err, segment->header.number, 0,
			"its index cannot be read: %s", strerror(-err));
	return segment->marks.end_block != 0 ? 0 : walk_marks(scan, segment, limit, ret_error);
}

int mr_scan_marks(struct mr_scan *scan, uint64_t number, mr_scan_mark *each, void *owner,
	uint32_t *ret_end_block, uint64_t ret_ends[MR_STREAMS_MAX], struct mr_scan_error *ret_error)
{
	struct mr_segment *segment = mr_directory_find(&scan->directory, number);

	if (segment == NULL)
		return mr_scan_fail(ret_error, -ENOENT, number, 0, "is no live segment");
	int err = mr_marks_load(scan, segment, ret_error);
	if (err < 0)
		return err;
	for (uint32_t i = 0; i < segment->marks.count; i++)
		each(owner, segment->marks.all[i].block, segment->marks.all[i].offsets);
	*ret_end_block = segment->marks.end_block;
	memcpy(ret_ends, segment->marks.ends, sizeof(segment->marks.ends));
	return 0;
}
