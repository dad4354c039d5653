#include "walk.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "journal_frame.h"
#include "mr_assert.h"

void mr_walk_begin(struct mr_walk *walk, const struct mr_segment *segment)
{
	walk->segment = segment;
	walk->offset = MR_JOURNAL_BLOCK_BYTES;
	walk->sequence = segment->header.first_frame - 1;
	walk->chained = false;
	memcpy(walk->ends, segment->header.starts, sizeof(walk->ends));
}

int mr_walk_turn(
	struct mr_walk *walk, const struct mr_segment *segment, struct mr_scan_error *ret_error)
{
	const struct mr_segment_header *from = &walk->segment->header, *to = &segment->header;

	mr_assert(walk->sequence + 1 == to->first_frame);
	if (to->boot < from->boot)
		return mr_scan_fail(ret_error, -EBADMSG, to->number, 0,
			"is of boot %" PRIu64 ", the segment before of %" PRIu64, to->boot,
			from->boot);
	if (to->boot == from->boot
		&& (to->streams != from->streams || to->first_stream != from->first_stream
			|| memcmp(to->starts, walk->ends, to->streams * sizeof(to->starts[0]))
				!= 0))
		return mr_scan_fail(ret_error, -EBADMSG, to->number, 0,
			"its streams do not begin where those of the segment before end");
	walk->segment = segment;
	walk->offset = MR_JOURNAL_BLOCK_BYTES;
	memcpy(walk->ends, to->starts, sizeof(walk->ends));
	return 0;
}

// The streams go on without a gap.
static int follow_runs(
	struct mr_walk *walk, const struct mr_frame_header *header, struct mr_scan_error *ret_error)
{
	const struct mr_segment_header *segment = &walk->segment->header;
	const struct mr_frame_run *runs = mr_journal_frame_runs(header);

	for (uint32_t i = 0; i < header->runs; i++) {
		const uint32_t index = (uint32_t)runs[i].stream - segment->first_stream;

		if (index >= segment->streams)
			return mr_scan_fail(ret_error, -EBADMSG, segment->number, walk->offset,
				"a frame names stream %u, which is none of the segment's",
				runs[i].stream);
		if (runs[i].offset != walk->ends[index])
			return mr_scan_fail(ret_error, -EBADMSG, segment->number, walk->offset,
				"stream %u goes on at %" PRIu64 ", it has come to %" PRIu64,
				runs[i].stream, runs[i].offset, walk->ends[index]);
		walk->ends[index] += runs[i].bytes;
	}
	return 0;
}

// 1, 0: no sound frame of this segment there, or negative errno.
static int look(struct mr_walk *walk, const struct mr_frame_header **ret_header)
{
	const uint64_t number = walk->segment->header.number;
	const uint8_t *bytes;
	size_t got;
	int err = mr_window_span(
		walk->window, number, walk->offset, MR_JOURNAL_BLOCK_BYTES, &bytes, &got);

	if (err < 0)
		return err;
	if (got == 0 || !mr_journal_frame_sane((const void *)bytes, number))
		return 0;
	const uint32_t length = mr_journal_frame_length((const void *)bytes);

	err = mr_window_span(walk->window, number, walk->offset, length, &bytes, &got);
	if (err < 0)
		return err;
	*ret_header = (const void *)bytes;
	return got == length
		&& mr_journal_frame_check(bytes, got, walk->directory->journal_id, number) == 0;
}

int mr_walk_next(
	struct mr_walk *walk, struct mr_scan_frame *ret_frame, struct mr_scan_error *ret_error)
{
	const uint64_t number = walk->segment->header.number;
	const struct mr_frame_header *header;
	int r = look(walk, &header);

	if (r < 0)
		return mr_scan_fail(
			ret_error, r, number, walk->offset, "cannot be read: %s", strerror(-r));
	if (r == 0 || header->sequence != walk->sequence + 1
		|| (walk->chained && header->previous != walk->check))
		return MR_WALK_BAD;
	r = follow_runs(walk, header, ret_error);
	if (r < 0)
		return r;
	*ret_frame = (struct mr_scan_frame){
		.header = header,
		.runs = mr_journal_frame_runs(header),
		.payload = mr_journal_frame_payload(header),
		.segment = number,
		.offset = walk->offset,
	};
	walk->offset += mr_journal_frame_length(header);
	walk->sequence = header->sequence;
	walk->check = header->check;
	walk->chained = true;
	return MR_WALK_FRAME;
}
