// One record by its position: segment, mark, frame, run.
#include <errno.h>
#include <string.h>

#include "journal_frame.h"
#include "mr_assert.h"
#include "record_codec.h"
#include "scan_state.h"

enum { BLOCK = MR_JOURNAL_BLOCK_BYTES };

// Blocks of a segment, out of the window that has them or the one that was not used for longest.
static int span(struct mr_lookup *lookup, uint64_t segment, uint64_t offset, size_t bytes,
	const uint8_t **ret_bytes, size_t *ret_got)
{
	struct mr_window *chosen = &lookup->windows[0];

	for (uint32_t i = 0; i < MR_LOOKUP_WINDOWS; i++) {
		struct mr_window *window = &lookup->windows[i];

		if (mr_window_holds(window, segment, offset, bytes)) {
			chosen = window;
			break;
		}
		if (window->used_at < chosen->used_at)
			chosen = window;
	}
	chosen->used_at = ++lookup->uses;
	return mr_window_span(chosen, segment, offset, bytes, ret_bytes, ret_got);
}

static bool run_holds(const struct mr_frame_run *run, uint16_t stream, uint64_t offset)
{
	return run->stream == stream && offset >= run->offset && offset - run->offset < run->bytes;
}

// The newest segment whose streams include this one and begin at or before the offset. What is not
// needed any more may have had a stream of the same id.
static struct mr_segment *find_segment(const struct mr_scan *scan, uint16_t stream, uint64_t offset)
{
	for (uint32_t i = scan->directory.count; i-- > 0;) {
		struct mr_segment *segment = &scan->directory.segments[i];
		const uint32_t index = (uint32_t)stream - segment->header.first_stream;

		if (segment->header.number < scan->found.oldest_needed)
			break;
		if (index < segment->header.streams && segment->header.starts[index] <= offset)
			return segment;
	}
	return NULL;
}

// Block of the last mark at or before the offset.
static uint32_t find_mark(const struct mr_segment *segment, uint32_t stream_index, uint64_t offset)
{
	const struct mr_marks *marks = &segment->marks;
	uint32_t low = 0, high = marks->count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (marks->all[middle].offsets[stream_index] <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? marks->all[low - 1].block : marks->end_block;
}

// Walks frame headers from the mark on. 0 and the lookup's run, -ENOENT, or negative errno.
static int find_run(struct mr_lookup *lookup, const struct mr_segment *segment, uint16_t stream,
	uint64_t offset)
{
	const uint64_t number = segment->header.number;
	const uint64_t end = (uint64_t)segment->marks.end_block * BLOCK;
	uint64_t at = (uint64_t)BLOCK
		* find_mark(segment, (uint32_t)stream - segment->header.first_stream, offset);

	while (at < end) {
		const uint8_t *bytes;
		size_t got;
		int err = span(lookup, number, at, BLOCK, &bytes, &got);
		const struct mr_frame_header *header = (const void *)bytes;

		if (err < 0)
			return err;
		if (got == 0 || !mr_journal_frame_sane(header, number))
			return -EBADMSG;
		const struct mr_frame_run *runs = mr_journal_frame_runs(header);
		uint64_t run_at = at + (uint64_t)(mr_journal_frame_payload(header) - bytes);

		for (uint32_t i = 0; i < header->runs; run_at += runs[i++].bytes) {
			if (!run_holds(&runs[i], stream, offset))
				continue;
			lookup->segment = number;
			lookup->run = runs[i];
			lookup->run_at = run_at;
			return 0;
		}
		at += mr_journal_frame_length(header);
	}
	return -ENOENT;
}

static int read_record(
	struct mr_lookup *lookup, uint64_t offset, const struct mr_record **ret_record)
{
	const uint64_t at = lookup->run_at + (offset - lookup->run.offset);
	const uint64_t left = lookup->run.bytes - (offset - lookup->run.offset);
	const uint64_t block = at / BLOCK * BLOCK;
	const size_t available = left < MR_RECORD_BYTES_MAX ? (size_t)left : MR_RECORD_BYTES_MAX;
	const uint8_t *bytes;
	size_t got;
	int err = span(
		lookup, lookup->segment, block, (size_t)(at - block) + available, &bytes, &got);

	if (err < 0)
		return err;
	if (got < (size_t)(at - block) + available)
		return -EBADMSG;
	err = mr_record_check(bytes + (at - block), available);
	if (err == 0)
		*ret_record = (const void *)(bytes + (at - block));
	return err;
}

int mr_scan_record(struct mr_scan *scan, mr_position position, const struct mr_record **ret_record)
{
	struct mr_lookup *lookup = &scan->lookup;
	const uint16_t stream = mr_position_stream(position);
	const uint64_t offset = mr_position_offset(position);

	if (lookup->segment == 0 || !run_holds(&lookup->run, stream, offset)) {
		struct mr_segment *segment = find_segment(scan, stream, offset);
		struct mr_scan_error error;

		if (segment == NULL)
			return -ENOENT;
		int err = mr_marks_load(scan, segment, &error);
		if (err == 0)
			err = find_run(lookup, segment, stream, offset);
		if (err < 0)
			return err;
	}
	return read_record(lookup, offset, ret_record);
}
