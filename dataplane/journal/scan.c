#include "scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "journal_frame.h"
#include "mr_assert.h"
#include "scan_state.h"

// A segment is begun when all frames of the one before are durable: they end where it begins.
uint64_t mr_scan_limit(const struct mr_scan *scan, const struct mr_segment *segment)
{
	const struct mr_segment *end = scan->directory.segments + scan->directory.count;

	mr_assert(segment >= scan->directory.segments && segment < end);
	return segment + 1 < end ? segment[1].header.first_frame : scan->found.last_frame + 1;
}

int mr_scan_corrupt(const struct mr_walk *walk, struct mr_scan_error *ret_error)
{
	return mr_scan_fail(ret_error, -EBADMSG, walk->segment->header.number, walk->offset,
		"frame %" PRIu64 " is damaged or missing, though it was durable",
		walk->sequence + 1);
}

// -- The end
// What the last frame says, wherever it stands.
struct last {
	struct mr_frame_header header; // sequence 0: there is none
};

// Walks a segment to its limit, or to a bad frame, and takes its marks.
static int walk_segment(struct mr_scan *scan, struct mr_segment *segment, uint64_t limit,
	struct last *last, struct mr_scan_error *ret_error)
{
	struct mr_walk *walk = &scan->walk;
	struct mr_scan_frame frame;
	int r = MR_WALK_FRAME;

	mr_walk_begin(walk, segment);
	while (walk->sequence + 1 < limit) {
		uint64_t before[MR_STREAMS_MAX];

		memcpy(before, walk->ends, sizeof(before));
		r = mr_walk_next(walk, &frame, ret_error);
		if (r != MR_WALK_FRAME)
			break;
		if (mr_marks_note(&segment->marks, frame.offset, before) < 0)
			return mr_scan_fail(ret_error, -ENOMEM, 0, 0, "no memory");
		last->header = *frame.header;
	}
	segment->marks.end_block = (uint32_t)(walk->offset / MR_JOURNAL_BLOCK_BYTES);
	memcpy(segment->marks.ends, walk->ends, sizeof(walk->ends));
	return r < 0 ? r : 0;
}

// Looks at one block behind the end. 0, or -EBADMSG: it begins a frame that says that the first bad
// one was durable.
static int look_behind(struct mr_scan *scan, uint64_t place, struct mr_scan_error *ret_error)
{
	const struct mr_walk *walk = &scan->walk;
	const uint64_t number = walk->segment->header.number;
	const uint8_t *bytes;
	size_t got;
	int err =
		mr_window_span(&scan->window, number, place, MR_JOURNAL_BLOCK_BYTES, &bytes, &got);

	const struct mr_frame_header *header = (const void *)bytes;
	if (err == 0 && got > 0 && mr_journal_frame_sane(header, number)
		&& header->sequence > walk->sequence) {
		const uint64_t behind = place + mr_journal_frame_length(header) - walk->offset;

		if (behind > scan->found.tail_bytes_dropped)
			scan->found.tail_bytes_dropped = behind;
		if (header->durable_through <= walk->sequence)
			return 0;
		err = mr_window_span(&scan->window, number, place, mr_journal_frame_length(header),
			&bytes, &got);
		if (err == 0
			&& mr_journal_frame_check(bytes, got, scan->directory.journal_id, number)
				== 0)
			return mr_scan_corrupt(walk, ret_error);
	}
	if (err < 0)
		return mr_scan_fail(
			ret_error, err, number, place, "cannot be read: %s", strerror(-err));
	return 0;
}

// The walk stands at the first bad frame of the newest segment: the torn tail, unless something
// behind it knows better.
static int judge_tail(struct mr_scan *scan, struct mr_scan_error *ret_error)
{
	const uint64_t end = scan->walk.segment->bytes;
	int err = 0;

	for (uint64_t at = scan->walk.offset; at < end && err == 0; at += MR_JOURNAL_BLOCK_BYTES)
		err = look_behind(scan, at, ret_error);
	return err;
}

static int find_end(struct mr_scan *scan, struct last *last, struct mr_scan_error *ret_error)
{
	struct mr_segment *segments = scan->directory.segments;
	uint32_t index = scan->directory.count - 1;
	int err = walk_segment(scan, &segments[index], UINT64_MAX, last, ret_error);

	scan->found.last_frame = scan->walk.sequence;
	if (err == 0)
		err = judge_tail(scan, ret_error);
	// A segment without a frame: the last one stands before it.
	while (err == 0 && last->header.sequence == 0 && index > 0) {
		const uint64_t limit = segments[index--].header.first_frame;

		err = walk_segment(scan, &segments[index], limit, last, ret_error);
		if (err == 0 && scan->walk.sequence + 1 < limit)
			err = mr_scan_corrupt(&scan->walk, ret_error);
	}
	scan->found.last_check = last->header.check;
	scan->found.last_at_ns = last->header.at_ns;
	return err;
}

// -- Open
static int judge_order(const struct mr_directory *directory, struct mr_scan_error *ret_error)
{
	for (uint32_t i = 1; i < directory->count; i++) {
		const struct mr_segment_header *before = &directory->segments[i - 1].header;
		const struct mr_segment_header *header = &directory->segments[i].header;

		if (header->first_frame < before->first_frame)
			return mr_scan_fail(ret_error, -EBADMSG, header->number, 0,
				"begins with frame %" PRIu64 ", the one before with %" PRIu64,
				header->first_frame, before->first_frame);
	}
	return 0;
}

// A segment has its whole length before its header is written: nothing but damage makes it shorter.
static int judge_length(const struct mr_scan *scan, struct mr_scan_error *ret_error)
{
	const struct mr_directory *directory = &scan->directory;
	const struct mr_segment *newest = &directory->segments[directory->count - 1];

	if (newest->bytes >= newest->header.segment_bytes)
		return 0;
	return mr_scan_fail(ret_error, -EBADMSG, newest->header.number, newest->bytes,
		"the file ends here, and had %" PRIu64
		" bytes: what was acknowledged last may be missing",
		newest->header.segment_bytes);
}

// What the last frame names must be there.
static int judge_last(
	struct mr_scan *scan, const struct last *last, struct mr_scan_error *ret_error)
{
	struct mr_scan_found *found = &scan->found;

	if (last->header.sequence == 0) { // made, never written
		found->oldest_needed = found->oldest_segment;
		return mr_directory_whole(
			&scan->directory, found->oldest_needed, found->newest_segment, ret_error);
	}
	found->oldest_needed = last->header.oldest_segment;
	found->replay_segment = last->header.replay_segment;
	found->replay_frame = last->header.replay_frame;
	if (found->oldest_needed == 0 || found->oldest_needed > last->header.segment
		|| found->replay_segment > last->header.segment
		|| (found->replay_segment != 0 && found->replay_segment < found->oldest_needed))
		return mr_scan_fail(ret_error, -EBADMSG, last->header.segment, 0,
			"its last frame replays from segment %016" PRIx64
			" and needs those from %016" PRIx64,
			found->replay_segment, found->oldest_needed);
	return mr_directory_whole(
		&scan->directory, found->oldest_needed, found->newest_segment, ret_error);
}

static void describe(struct mr_scan *scan)
{
	const struct mr_directory *directory = &scan->directory;
	struct mr_scan_found *found = &scan->found;

	found->oldest_segment = directory->segments[0].header.number;
	found->newest = directory->segments[directory->count - 1].header;
	found->newest_segment = found->newest.number;
	for (uint32_t i = 0; i < directory->count; i++)
		found->bytes += directory->segments[i].bytes;
}

static int load(struct mr_scan *scan, const struct mr_disk *disk, struct mr_scan_error *ret_error)
{
	struct last last = {0};

	mr_window_init(&scan->window, disk, MR_SCAN_READ_BYTES);
	mr_window_init(&scan->marks_window, disk, MR_SCAN_READ_BYTES);
	for (uint32_t i = 0; i < MR_LOOKUP_WINDOWS; i++)
		mr_window_init(&scan->lookup.windows[i], disk, MR_LOOKUP_READ_BYTES);
	int err = mr_directory_open(&scan->directory, disk, &scan->window, ret_error);
	scan->found.empty = scan->directory.count == 0;
	if (err < 0 || scan->found.empty)
		return err;
	describe(scan);
	err = judge_order(&scan->directory, ret_error);
	if (err == 0)
		err = judge_length(scan, ret_error);
	if (err == 0)
		err = find_end(scan, &last, ret_error);
	if (err == 0)
		err = judge_last(scan, &last, ret_error);
	scan->walk.segment = NULL;
	return err;
}

int mr_scan_open(const struct mr_disk *disk, struct mr_scan **ret_scan,
	struct mr_scan_found *ret_found, struct mr_scan_error *ret_error)
{
	struct mr_scan *scan = calloc(1, sizeof(*scan));

	if (scan == NULL)
		return mr_scan_fail(ret_error, -ENOMEM, 0, 0, "no memory");
	scan->walk.directory = &scan->directory;
	scan->walk.window = &scan->window;
	int err = load(scan, disk, ret_error);
	if (err < 0) {
		mr_scan_close(scan);
		return err;
	}
	*ret_scan = scan;
	*ret_found = scan->found;
	return 0;
}

void mr_scan_close(struct mr_scan *scan)
{
	if (scan == NULL)
		return;
	mr_directory_close(&scan->directory);
	mr_window_fini(&scan->window);
	mr_window_fini(&scan->marks_window);
	for (uint32_t i = 0; i < MR_LOOKUP_WINDOWS; i++)
		mr_window_fini(&scan->lookup.windows[i]);
	free(scan);
}

// -- Walking
int mr_scan_seek(struct mr_scan *scan, uint64_t number)
{
	const struct mr_segment *segment = mr_directory_find(&scan->directory, number);

	if (segment == NULL)
		return -ENOENT;
	mr_walk_begin(&scan->walk, segment);
	return 0;
}

int mr_scan_next(
	struct mr_scan *scan, struct mr_scan_frame *ret_frame, struct mr_scan_error *ret_error)
{
	struct mr_walk *walk = &scan->walk;

	if (walk->segment == NULL)
		return 0;
	while (walk->sequence < scan->found.last_frame) {
		if (walk->sequence + 1 < mr_scan_limit(scan, walk->segment)) {
			int r = mr_walk_next(walk, ret_frame, ret_error);

			return r == MR_WALK_BAD ? mr_scan_corrupt(walk, ret_error) : r;
		}
		int err = mr_walk_turn(walk, walk->segment + 1, ret_error);
		if (err < 0)
			return err;
	}
	return 0;
}

const struct mr_segment_header *mr_scan_segment(const struct mr_scan *scan, uint64_t number)
{
	const struct mr_segment *segment = mr_directory_find(&scan->directory, number);

	return segment ? &segment->header : NULL;
}
