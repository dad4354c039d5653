#include "directory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal_frame.h"
#include "segment_file.h"

int mr_scan_fail(struct mr_scan_error *ret_error, int err, uint64_t segment, uint64_t offset,
	const char *format, ...)
{
	char name[MR_SEGMENT_NAME_BYTES] = "journal";
	char what[sizeof(ret_error->text) - MR_SEGMENT_NAME_BYTES - 32];
	va_list arguments;

	if (segment > 0)
		mr_segment_name(segment, name);
	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	ret_error->segment = segment;
	ret_error->offset = offset;
	if (segment > 0)
		snprintf(ret_error->text, sizeof(ret_error->text), "%s: offset %" PRIu64 ": %s",
			name, offset, what);
	else
		snprintf(ret_error->text, sizeof(ret_error->text), "%s: %s", name, what);
	return err;
}

// -- Names
struct listing {
	uint64_t *numbers;
	uint32_t count, room;
	bool no_memory;
};

static void take_name(void *owner, const char *name)
{
	struct listing *listing = owner;
	uint64_t number;

	if (!mr_segment_number(name, &number) || listing->no_memory)
		return;
	if (listing->count == listing->room) {
		uint32_t room = listing->room ? 2 * listing->room : 64;
		uint64_t *grown = reallocarray(listing->numbers, room, sizeof(*grown));

		listing->no_memory = grown == NULL;
		if (grown == NULL)
			return;
		listing->numbers = grown;
		listing->room = room;
	}
	listing->numbers[listing->count++] = number;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

// -- Headers
enum header_state { HEADER_OWN, HEADER_OTHER, HEADER_NONE };

// What stands in the first block of segment `number`; a header of another number counts when it is
// sound.
static int read_header(struct mr_window *window, uint64_t number,
	struct mr_segment_header *ret_header, enum header_state *ret_state,
	struct mr_scan_error *ret_error)
{
	const uint8_t *bytes;
	size_t got;
	int err = mr_window_span(window, number, 0, MR_JOURNAL_BLOCK_BYTES, &bytes, &got);

	if (err < 0)
		return mr_scan_fail(
			ret_error, err, number, 0, "cannot be read: %s", strerror(-err));
	*ret_state = HEADER_NONE;
	if (got < MR_JOURNAL_BLOCK_BYTES)
		return 0;
	memcpy(ret_header, bytes, sizeof(*ret_header));
	err = mr_segment_check(bytes, ret_header->number);
	if (err == -EPROTONOSUPPORT)
		return mr_scan_fail(ret_error, err, number, 0,
			"is of format %u, written by a newer release; this one reads up to %u",
			ret_header->version, (unsigned)MR_JOURNAL_VERSION);
	if (err == 0)
		*ret_state = ret_header->number == number ? HEADER_OWN : HEADER_OTHER;
	return 0;
}

// With no segment begun the journal's id is not known: then what looks like a frame is one.
static bool is_frame(const struct mr_directory *directory, uint64_t number, const uint8_t *bytes,
	size_t available)
{
	if (directory->count == 0)
		return mr_journal_frame_sane((const void *)bytes, number);
	return mr_journal_frame_check(bytes, available, directory->journal_id, number) == 0;
}

// A segment that was never begun has no frame of its number. What lies behind the first read is not
// looked at: damage so large in a segment that is needed shows as a gap.
static int expect_unused(const struct mr_directory *directory, struct mr_window *window,
	uint64_t number, struct mr_scan_error *ret_error)
{
	const uint8_t *bytes;
	size_t got;
	int err = mr_window_span(window, number, 0, window->size, &bytes, &got);

	if (err < 0)
		return mr_scan_fail(
			ret_error, err, number, 0, "cannot be read: %s", strerror(-err));
	for (size_t at = 0; at < got; at += MR_JOURNAL_BLOCK_BYTES) {
		if (is_frame(directory, number, bytes + at, got - at))
			return mr_scan_fail(ret_error, -EBADMSG, number, 0,
				"the header is damaged, and frames stand behind it");
	}
	return 0;
}

static int judge_header(struct mr_directory *directory, const struct mr_segment_header *header,
	uint64_t number, uint64_t oldest, enum header_state state, struct mr_scan_error *ret_error)
{
	if (state == HEADER_NONE)
		return 0;
	if (directory->journal_id == 0)
		directory->journal_id = header->journal_id;
	if (header->journal_id != directory->journal_id)
		return mr_scan_fail(ret_error, -EBADMSG, number, 0,
			"belongs to another journal (%016" PRIx64 ", not %016" PRIx64 ")",
			header->journal_id, directory->journal_id);
	if (state == HEADER_OTHER && header->number >= oldest)
		return mr_scan_fail(ret_error, -EBADMSG, number, 0,
			"holds segment %016" PRIx64 ": files have been renamed", header->number);
	return 0;
}

// What is begun goes to the directory; `listing` keeps the numbers of the others.
static int load(struct mr_directory *directory, struct listing *listing, struct mr_window *window,
	struct mr_scan_error *ret_error)
{
	uint32_t others = 0;
	const uint64_t oldest = listing->numbers[0];

	for (uint32_t i = 0; i < listing->count; i++) {
		const uint64_t number = listing->numbers[i];
		struct mr_segment *segment = &directory->segments[directory->count];
		enum header_state state = HEADER_NONE;
		int err = read_header(window, number, &segment->header, &state, ret_error);

		if (err == 0)
			err = judge_header(
				directory, &segment->header, number, oldest, state, ret_error);
		if (err < 0)
			return err;
		segment->bytes = window->file_bytes;
		if (state == HEADER_OWN)
			directory->count++;
		else
			listing->numbers[others++] = number;
	}
	listing->count = others;
	return 0;
}

// Files that were never begun are made one after the other, and go from the last one back: one
// that is missing before another was begun, and so was one that has shrunk.
static int judge_unused(const struct mr_directory *directory, const struct listing *listing,
	struct mr_window *window, struct mr_scan_error *ret_error)
{
	const struct mr_segment *newest =
		directory->count > 0 ? &directory->segments[directory->count - 1] : NULL;
	uint64_t next = newest != NULL ? newest->header.number + 1 : 0;
	uint64_t bytes = UINT64_MAX; // of the file before

	for (uint32_t i = 0; i < listing->count; i++) {
		const uint64_t number = listing->numbers[i];
		if (newest != NULL && number < next)
			continue;
		int err = expect_unused(directory, window, number, ret_error);

		if (err == 0 && newest != NULL && number != next)
			err = mr_scan_fail(ret_error, -EBADMSG, next, 0,
				"is missing, though %016" PRIx64 " was made after it", number);
		if (err == 0 && newest != NULL && bytes < newest->header.segment_bytes)
			err = mr_scan_fail(ret_error, -EBADMSG, number - 1, bytes,
				"ends here, though %016" PRIx64 " was made after it", number);
		if (err < 0)
			return err;
		bytes = window->file_bytes;
		next = number + 1;
	}
	return 0;
}

int mr_directory_open(struct mr_directory *directory, const struct mr_disk *disk,
	struct mr_window *window, struct mr_scan_error *ret_error)
{
	struct listing listing = {0};
	int err = disk->list(disk->state, take_name, &listing);

	*directory = (struct mr_directory){0};
	if (err == 0 && listing.no_memory)
		err = -ENOMEM;
	if (err == 0 && listing.count > 0) {
		directory->segments = calloc(listing.count, sizeof(*directory->segments));
		err = directory->segments ? 0 : -ENOMEM;
	}
	if (err < 0) {
		free(listing.numbers);
		return mr_scan_fail(ret_error, err, 0, 0, "cannot be listed: %s", strerror(-err));
	}
	if (listing.count > 0) {
		qsort(listing.numbers, listing.count, sizeof(*listing.numbers), by_number);
		err = load(directory, &listing, window, ret_error);
	}
	// One that lacks its header among the others is missed where it is needed.
	if (err == 0)
		err = judge_unused(directory, &listing, window, ret_error);
	free(listing.numbers);
	if (err < 0)
		mr_directory_close(directory);
	return err;
}

void mr_directory_close(struct mr_directory *directory)
{
	for (uint32_t i = 0; i < directory->count; i++)
		free(directory->segments[i].marks.all);
	free(directory->segments);
	*directory = (struct mr_directory){0};
}

struct mr_segment *mr_directory_find(const struct mr_directory *directory, uint64_t number)
{
	uint32_t low = 0, high = directory->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (directory->segments[middle].header.number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < directory->count && directory->segments[low].header.number == number
		? &directory->segments[low]
		: NULL;
}

int mr_directory_whole(const struct mr_directory *directory, uint64_t from, uint64_t to,
	struct mr_scan_error *ret_error)
{
	for (uint64_t number = from; number <= to; number++) {
		if (mr_directory_find(directory, number) == NULL)
			return mr_scan_fail(ret_error, -EBADMSG, number, 0,
				"is missing, or has no header; the journal needs %016" PRIx64
				" to %016" PRIx64,
				from, to);
	}
	return 0;
}
