// A journal of up to two small segments, whatever stands in them, scanned to its end: every frame
// that comes is sound, in sequence and inside its file, and the records of its runs can be asked
// for.
//
// Input: u16 blocks of the first segment, then its bytes; the rest is the second one.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <millrace/journal.h>

#include "fuzz.h"
#include "journal_frame.h"
#include "mr_assert.h"
#include "scan.h"
#include "segment_file.h"

enum { BLOCK = MR_JOURNAL_BLOCK_BYTES, FILES = 2 };

struct files {
	const uint8_t *bytes[FILES];
	size_t sizes[FILES];
};

static int list(void *state, void (*each)(void *owner, const char *name), void *owner)
{
	const struct files *files = state;
	char name[MR_SEGMENT_NAME_BYTES];

	each(owner, "owner");
	for (uint32_t i = 0; i < FILES && files->sizes[i] > 0; i++) {
		mr_segment_name(i + 1, name);
		each(owner, name);
	}
	return 0;
}

static int open_file(void *state, const char *name, unsigned flags)
{
	uint64_t number;

	(void)state;
	mr_assert(flags == MR_DISK_READ);
	return mr_segment_number(name, &number) ? (int)number - 1 : -ENOENT;
}

static void close_file(void *state, int fd)
{
	(void)state;
	(void)fd;
}

static int64_t size_of(void *state, int fd)
{
	return (int64_t)((const struct files *)state)->sizes[fd];
}

static int read_file(void *state, int fd, void *ret_bytes, size_t bytes, uint64_t offset)
{
	const struct files *files = state;

	mr_assert(offset % BLOCK == 0 && bytes % BLOCK == 0);
	mr_assert(offset + bytes <= files->sizes[fd]);
	memcpy(ret_bytes, files->bytes[fd] + offset, bytes);
	return 0;
}

static void note(void *owner, uint32_t block, const uint64_t *offsets)
{
	uint32_t *last = owner;

	(void)offsets;
	mr_assert(block > *last || *last == 0);
	*last = block;
}

static void look_up(struct mr_scan *scan, const struct mr_scan_frame *frame)
{
	const struct mr_record *record;
	struct mr_scan_error error;
	uint64_t ends[MR_STREAMS_MAX];
	uint32_t end_block, last = 0;

	for (uint32_t i = 0; i < frame->header->runs; i++) {
		mr_position position =
			mr_position_make(frame->runs[i].stream, frame->runs[i].offset);
		int err = mr_scan_record(scan, position, &record);

		mr_assert(err <= 0);
	}
	(void)mr_scan_marks(scan, frame->segment, note, &last, &end_block, ends, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct files files = {0};
	const struct mr_disk disk = {.state = &files,
		.list = list,
		.open = open_file,
		.close = close_file,
		.size = size_of,
		.read = read_file};
	struct mr_scan_frame frame;
	struct mr_scan_found found;
	struct mr_scan_error error = {0};
	struct mr_scan *scan;

	if (size < 2)
		return 0;
	size_t first = (size_t)(data[0] | data[1] << 8) * BLOCK;
	if (first > size - 2)
		first = size - 2;
	files = (struct files){
		.bytes = {data + 2, data + 2 + first}, .sizes = {first, size - 2 - first}};
	int r = mr_scan_open(&disk, &scan, &found, &error);
	mr_assert(r == 0 || error.text[0] != 0);
	if (r < 0)
		return 0;
	uint64_t sequence = 0;
	if (!found.empty && mr_scan_seek(scan, found.oldest_needed) == 0)
		sequence = mr_scan_segment(scan, found.oldest_needed)->first_frame - 1;
	while ((r = mr_scan_next(scan, &frame, &error)) > 0) {
		mr_assert(frame.header->sequence == ++sequence && sequence <= found.last_frame);
		mr_assert(frame.offset + mr_journal_frame_length(frame.header)
			<= files.sizes[frame.segment - 1]);
		if (sequence % 8 == 1) {
			const struct mr_frame_header header = *frame.header;

			look_up(scan, &frame);
			mr_assert(header.sequence == sequence);
		}
	}
	mr_assert(r < 0 || found.empty || sequence == found.last_frame);
	mr_scan_close(scan);
	return 0;
}
