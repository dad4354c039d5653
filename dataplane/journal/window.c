#include "window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mr_assert.h"
#include "segment_file.h"

static const uint64_t BLOCK = MR_JOURNAL_BLOCK_BYTES;

void mr_window_init(struct mr_window *window, const struct mr_disk *disk, size_t size)
{
	mr_assert(size > 0 && size % BLOCK == 0);
	*window = (struct mr_window){.disk = *disk, .size = size, .fd = -1};
}

static void forget(struct mr_window *window)
{
	if (window->fd >= 0)
		window->disk.close(window->disk.state, window->fd);
	window->fd = -1;
	window->segment = 0;
	window->begin = window->end = 0;
}

void mr_window_fini(struct mr_window *window)
{
	if (window->size > 0)
		forget(window);
	free(window->bytes);
	*window = (struct mr_window){.fd = -1};
}

// As much memory as the file has use for.
static int make_room(struct mr_window *window)
{
	const size_t wanted =
		window->file_bytes < window->size ? (size_t)window->file_bytes : window->size;

	if (wanted <= window->room)
		return 0;
	free(window->bytes);
	window->bytes = aligned_alloc(BLOCK, wanted);
	window->room = window->bytes ? wanted : 0;
	return window->bytes ? 0 : -ENOMEM;
}

static int turn_to(struct mr_window *window, uint64_t segment)
{
	char name[MR_SEGMENT_NAME_BYTES];

	if (window->segment == segment && window->fd >= 0)
		return 0;
	forget(window);
	mr_segment_name(segment, name);
	int fd = window->disk.open(window->disk.state, name, MR_DISK_READ);
	if (fd < 0)
		return fd;
	int64_t bytes = window->disk.size(window->disk.state, fd);
	window->fd = fd;
	if (bytes < 0) {
		forget(window);
		return (int)bytes;
	}
	window->segment = segment;
	window->file_bytes = (uint64_t)bytes / BLOCK * BLOCK;
	int err = make_room(window);
	if (err < 0)
		forget(window);
	return err;
}

// Reads on from `offset`; what is there of it already is kept.
static int fill_from(struct mr_window *window, uint64_t offset)
{
	size_t kept = 0;

	if (offset >= window->begin && offset < window->end) {
		kept = (size_t)(window->end - offset);
		memmove(window->bytes, window->bytes + (offset - window->begin), kept);
	}
	window->begin = offset;
	window->end = offset + kept;
	uint64_t left = window->file_bytes - window->end;
	size_t wanted = window->room - kept;
	if (wanted > left)
		wanted = (size_t)left;
	int err = wanted > 0 ? window->disk.read(
			  window->disk.state, window->fd, window->bytes + kept, wanted, window->end)
			     : 0;
	if (err == 0)
		window->end += wanted;
	return err;
}

int mr_window_span(struct mr_window *window, uint64_t segment, uint64_t offset, size_t bytes,
	const uint8_t **ret_bytes, size_t *ret_got)
{
	mr_assert(offset % BLOCK == 0 && bytes <= window->size);
	int err = turn_to(window, segment);
	if (err < 0)
		return err;
	uint64_t there = offset < window->file_bytes ? window->file_bytes - offset : 0;
	if (bytes > there)
		bytes = (size_t)there;
	if (bytes > 0 && !mr_window_holds(window, segment, offset, bytes)) {
		err = fill_from(window, offset);
		if (err < 0)
			return err;
	}
	*ret_bytes = bytes > 0 ? window->bytes + (offset - window->begin) : NULL;
	*ret_got = bytes;
	return 0;
}
