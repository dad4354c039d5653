// What is sound of a damaged journal, up to the first damage, into a new directory: a journal that
// a router takes. What lies behind is looked through and reported, not copied: streams have no
// gaps.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "journal_frame.h"
#include "journal_tool.h"
#include "record_codec.h"
#include "segment_file.h"
#include "window.h"

enum { COPY_BYTES = 4 << 20, CUTS_MAX = 64 };

// The directory as if it ended at a place: later segments are not there, that one is shorter.
struct cut {
	struct mr_disk disk;
	uint64_t segment; // UINT64_MAX: nothing is cut
	uint64_t offset; // zeros from here on
	uint64_t bytes; // of the segment when it was made
	int fd; // of that segment; -1: not open
};

struct lister {
	const struct cut *cut;
	void (*each)(void *owner, const char *name);
	void *owner;
};

static void list_one(void *owner, const char *name)
{
	const struct lister *lister = owner;
	const struct cut *cut = lister->cut;
	uint64_t number;

	if (mr_segment_number(name, &number)
		&& (number > cut->segment || (number == cut->segment && cut->offset == 0)))
		return;
	lister->each(lister->owner, name);
}

static int cut_list(void *state, void (*each)(void *owner, const char *name), void *owner)
{
	const struct cut *cut = state;
	struct lister lister = {.cut = cut, .each = each, .owner = owner};

	return cut->disk.list(cut->disk.state, list_one, &lister);
}

static int cut_open(void *state, const char *name, unsigned flags)
{
	struct cut *cut = state;
	uint64_t number;
	int fd = cut->disk.open(cut->disk.state, name, flags);

	if (fd >= 0 && mr_segment_number(name, &number) && number == cut->segment)
		cut->fd = fd;
	return fd;
}

static void cut_close(void *state, int fd)
{
	struct cut *cut = state;

	if (fd == cut->fd)
		cut->fd = -1;
	cut->disk.close(cut->disk.state, fd);
}

static int64_t cut_size(void *state, int fd)
{
	struct cut *cut = state;

	return fd == cut->fd ? (int64_t)cut->bytes : cut->disk.size(cut->disk.state, fd);
}

static int cut_read(void *state, int fd, void *ret_bytes, size_t bytes, uint64_t offset)
{
	const struct cut *cut = state;
	size_t sound = bytes;

	if (fd == cut->fd && offset + bytes > cut->offset) {
		sound = offset < cut->offset ? (size_t)(cut->offset - offset) : 0;
		memset((uint8_t *)ret_bytes + sound, 0, bytes - sound);
	}
	return sound == 0 ? 0 : cut->disk.read(cut->disk.state, fd, ret_bytes, sound, offset);
}

// How long the segment is by its header, or else its file.
static int cut_at(struct cut *cut, const struct mr_scan_error *damage)
{
	static _Alignas(MR_JOURNAL_BLOCK_BYTES) uint8_t block[MR_JOURNAL_BLOCK_BYTES];
	const struct mr_segment_header *header = (const void *)block;
	char name[MR_SEGMENT_NAME_BYTES];

	cut->segment = damage->segment;
	cut->offset = damage->offset;
	cut->bytes = damage->offset;
	mr_segment_name(cut->segment, name);
	if (cut->offset == 0) // it is not listed any more
		return 0;
	int fd = cut->disk.open(cut->disk.state, name, MR_DISK_READ);
	if (fd < 0)
		return fd;
	int err = cut->disk.read(cut->disk.state, fd, block, sizeof(block), 0);
	cut->disk.close(cut->disk.state, fd);
	if (err == 0 && mr_segment_check(block, cut->segment) == 0)
		cut->bytes = header->segment_bytes;
	return err;
}

static int accept(void *owner, const struct mr_tool_record *record)
{
	(void)owner;
	(void)record;
	return 0;
}

// Opens as far as it is sound: each damage that is met cuts the journal there.
static int open_sound(struct mr_tool *tool, struct cut *cut, struct mr_scan_error *ret_damage)
{
	const struct mr_disk view = {.state = cut,
		.list = cut_list,
		.open = cut_open,
		.close = cut_close,
		.size = cut_size,
		.read = cut_read};

	for (uint32_t i = 0; i < CUTS_MAX; i++) {
		int err = mr_scan_open(&view, &tool->scan, &tool->found, &tool->error);

		if (err == 0 && !tool->found.empty)
			err = mr_tool_walk(tool, &(struct mr_tool_walker){.record = accept});
		if (err != -EBADMSG)
			return err;
		mr_scan_close(tool->scan);
		tool->scan = NULL;
		if (tool->error.segment == 0 || tool->error.segment > cut->segment
			|| (tool->error.segment == cut->segment
				&& tool->error.offset >= cut->offset))
			break; // it is damaged where nothing can be cut off
		if (ret_damage->text[0] == 0)
			*ret_damage = tool->error;
		err = cut_at(cut, &tool->error);
		if (err < 0)
			return mr_tool_fail(tool, err, "%s", tool->error.text);
	}
	return mr_tool_fail(tool, -EBADMSG,
		"nothing can be salvaged: what is sound does not hold the journal's state (%.160s)",
		ret_damage->text);
}

// -- Copying
// As much of a segment as the cut leaves, in a file as long as it was.
static int copy_blocks(struct mr_window *window, const struct cut *cut, const struct mr_disk *to,
	int fd, uint64_t number)
{
	const uint8_t *bytes;
	size_t got;
	int err = mr_window_span(window, number, 0, MR_JOURNAL_BLOCK_BYTES, &bytes, &got);
	const uint64_t end = number == cut->segment ? cut->offset : window->file_bytes;
	const uint64_t whole = number == cut->segment ? cut->bytes : window->file_bytes;

	if (err == 0)
		err = to->make_zeroed(to->state, fd, whole);
	for (uint64_t at = 0; at < end && err == 0; at += got) {
		const size_t wanted = end - at < COPY_BYTES ? (size_t)(end - at) : COPY_BYTES;

		err = mr_window_span(window, number, at, wanted, &bytes, &got);
		if (err == 0)
			err = to->write(to->state, fd, bytes, got, at);
	}
	return err;
}

static int copy_segment(struct mr_tool *tool, const struct cut *cut, struct mr_window *window,
	const struct mr_disk *to, uint64_t number)
{
	char name[MR_SEGMENT_NAME_BYTES];

	mr_segment_name(number, name);
	int fd = to->open(to->state, name, MR_DISK_READ | MR_DISK_WRITE | MR_DISK_CREATE);
	int err = fd < 0 ? fd : copy_blocks(window, cut, to, fd, number);

	if (fd >= 0)
		to->close(to->state, fd);
	return err < 0
		? mr_tool_fail(tool, err, "%s/%s: %s", tool->options->to, name, strerror(-err))
		: 0;
}

static int copy_all(struct mr_tool *tool, const struct cut *cut)
{
	const char *to_path = tool->options->to;
	struct mr_window window;
	struct stat about;
	struct mr_disk to;

	if (stat(to_path, &about) == 0)
		return mr_tool_fail(tool, -EEXIST,
			"%s exists: salvage writes to a new directory only", to_path);
	int err = mr_disk_posix_open(to_path, &to);
	if (err < 0)
		return mr_tool_fail(tool, err, "%s: %s", to_path, strerror(-err));
	mr_window_init(&window, &tool->disk, COPY_BYTES);
	for (uint64_t number = tool->found.oldest_needed;
		err == 0 && number <= tool->found.newest_segment; number++)
		err = copy_segment(tool, cut, &window, &to, number);
	if (err == 0)
		err = to.sync_directory(to.state);
	mr_window_fini(&window);
	mr_disk_posix_close(&to);
	return err;
}

// -- What is left behind
struct rest {
	struct mr_tool *tool;
	struct cut *cut;
	struct mr_window window;
	int err;
	uint64_t frames, bytes, records[MR_RECORD_KIND_COUNT];
	uint64_t last_frame; // the highest sequence that was seen
};

static void count_records(struct rest *rest, const struct mr_frame_header *header)
{
	const uint8_t *at = mr_journal_frame_payload(header);
	const uint8_t *end = (const uint8_t *)header + header->bytes;

	rest->frames++;
	if (header->sequence > rest->last_frame)
		rest->last_frame = header->sequence;
	rest->bytes += mr_journal_frame_length(header);
	while (header->kind != MR_FRAME_INDEX && at < end
		&& mr_record_sane((const void *)at, (size_t)(end - at))) {
		rest->records[((const struct mr_record *)(const void *)at)->kind]++;
		at += ((const struct mr_record *)(const void *)at)->length;
	}
}

static void look_through(void *owner, const char *name)
{
	struct rest *rest = owner;
	uint64_t number, at = 0;

	if (!mr_segment_number(name, &number) || number < rest->cut->segment || rest->err < 0)
		return;
	if (number == rest->cut->segment)
		at = rest->cut->offset;
	for (size_t got = 1; got > 0 && rest->err == 0; at += MR_JOURNAL_BLOCK_BYTES) {
		const uint8_t *bytes;

		rest->err = mr_window_span(
			&rest->window, number, at, MR_JOURNAL_BLOCK_BYTES, &bytes, &got);
		const struct mr_frame_header *header = (const void *)bytes;
		if (rest->err < 0 || got == 0 || !mr_journal_frame_sane(header, number))
			continue;
		const uint32_t length = mr_journal_frame_length(header);
		rest->err = mr_window_span(&rest->window, number, at, length, &bytes, &got);
		if (rest->err < 0
			|| mr_journal_frame_check(
				   bytes, got, rest->tool->found.newest.journal_id, number)
				< 0)
			continue;
		count_records(rest, (const void *)bytes);
		at += length - MR_JOURNAL_BLOCK_BYTES;
	}
}

static void show(struct mr_tool *tool, const struct mr_scan_error *damage, const struct rest *rest)
{
	const struct mr_render *render = tool->options->render;
	const uint64_t lost = rest->last_frame > tool->found.last_frame
		? rest->last_frame - tool->found.last_frame
		: 0;
	char last[40];

	mr_time_text(tool->found.last_at_ns, last, sizeof(last));
	const struct mr_cell fields[] = {
		mr_cell_text("from", tool->options->directory),
		mr_cell_text("to", tool->options->to),
		mr_cell_text("damage", damage->text[0] ? damage->text : "none"),
		mr_cell_count("segments_copied",
			tool->found.newest_segment - tool->found.oldest_needed + 1),
		mr_cell_count("last_frame", tool->found.last_frame),
		mr_cell_text("last_frame_at", last),
		mr_cell_count("frames_dropped", rest->frames),
		mr_cell_count("frames_unreadable", lost > rest->frames ? lost - rest->frames : 0),
		mr_cell_count("bytes_dropped", rest->bytes),
	};

	render->begin(&tool->doc);
	render->group(&tool->doc, "salvage", fields, sizeof(fields) / sizeof(fields[0]));
	render->table(&tool->doc, "records_dropped");
	for (unsigned kind = 1; kind < MR_RECORD_KIND_COUNT; kind++) {
		const struct mr_cell cells[] = {
			mr_cell_text("kind", mr_record_kind_name(kind)),
			mr_cell_count("records", rest->records[kind]),
		};

		if (rest->records[kind] > 0)
			render->row(&tool->doc, cells, sizeof(cells) / sizeof(cells[0]));
	}
	render->table_end(&tool->doc);
	render->end(&tool->doc);
}

int mr_tool_salvage(struct mr_tool *tool)
{
	static struct cut cut;
	struct rest rest = {.tool = tool, .cut = &cut};
	struct mr_scan_error damage = {0};

	cut = (struct cut){.disk = tool->disk, .segment = UINT64_MAX, .fd = -1};
	if (tool->options->to == NULL)
		return mr_tool_fail(tool, -EINVAL, "salvage wants --to DIR: a new directory");
	if (tool->is_live)
		return mr_tool_fail(tool, -EBUSY, "a router has %s open: stop it, then salvage",
			tool->options->directory);
	int err = open_sound(tool, &cut, &damage);
	if (err == 0 && tool->found.empty)
		err = mr_tool_fail(
			tool, -ENOENT, "%s holds no sound segment", tool->options->directory);
	if (err == 0)
		err = copy_all(tool, &cut);
	if (err < 0)
		return err;
	mr_window_init(&rest.window, &tool->disk, COPY_BYTES);
	if (cut.segment != UINT64_MAX)
		err = tool->disk.list(tool->disk.state, look_through, &rest);
	mr_window_fini(&rest.window);
	if (err < 0 || rest.err < 0)
		return mr_tool_fail(tool, err < 0 ? err : rest.err,
			"%s: what is left behind cannot be read", tool->options->directory);
	show(tool, &damage, &rest);
	return 0;
}
