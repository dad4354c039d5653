#include "journal_tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "journal_frame.h"
#include "record_codec.h"
#include "segment_file.h"

int mr_tool_fail(struct mr_tool *tool, int err, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(tool->error.text, sizeof(tool->error.text), format, arguments);
	va_end(arguments);
	return err;
}

// Whether somebody holds the lock: asked of the kernel's list, because even a try would be in the
// way of a router that starts at that moment.
static bool is_locked(const char *directory)
{
	char path[4096], line[256];
	struct stat about;
	bool found = false;

	snprintf(path, sizeof(path), "%s/owner", directory);
	FILE *locks = stat(path, &about) == 0 ? fopen("/proc/locks", "re") : NULL;
	while (locks && !found && fgets(line, sizeof(line), locks)) {
		unsigned major_number, minor_number;
		unsigned long inode;

		found = strstr(line, "FLOCK")
			&& sscanf(line, "%*s %*s %*s %*s %*d %x:%x:%lu", &major_number,
				   &minor_number, &inode)
				== 3
			&& inode == about.st_ino && major_number == major(about.st_dev)
			&& minor_number == minor(about.st_dev);
	}
	if (locks)
		fclose(locks);
	return found;
}

int mr_tool_open_disk(struct mr_tool *tool, const struct mr_tool_options *options)
{
	struct stat about;

	tool->options = options;
	if (stat(options->directory, &about) < 0)
		return mr_tool_fail(tool, -errno, "%s: %s: name the journal's directory with --dir",
			options->directory, strerror(errno));
	if (!S_ISDIR(about.st_mode))
		return mr_tool_fail(tool, -ENOTDIR, "%s is no directory", options->directory);
	int err = mr_disk_posix_open(options->directory, &tool->disk);
	if (err < 0)
		return mr_tool_fail(tool, err, "%s: %s", options->directory, strerror(-err));
	tool->is_live = is_locked(options->directory);
	return 0;
}

int mr_tool_open(struct mr_tool *tool, const struct mr_tool_options *options)
{
	int err = mr_tool_open_disk(tool, options);

	if (err < 0)
		return err;
	return mr_scan_open(&tool->disk, &tool->scan, &tool->found, &tool->error);
}

void mr_tool_close(struct mr_tool *tool)
{
	mr_scan_close(tool->scan);
	tool->scan = NULL;
	mr_disk_posix_close(&tool->disk);
}

// -- Walking
static int walk_run(struct mr_tool *tool, const struct mr_scan_frame *frame,
	const struct mr_frame_run *run, const uint8_t *payload, const struct mr_tool_walker *walker)
{
	for (uint32_t at = 0; at < run->bytes;) {
		struct mr_tool_record record = {
			.record = (const void *)(payload + at),
			.frame = frame->header,
			.position = mr_position_make(run->stream, run->offset + at),
			.segment = frame->segment,
		};

		if (mr_record_check(record.record, run->bytes - at) < 0) {
			char name[MR_SEGMENT_NAME_BYTES];
			const uint64_t offset = frame->offset
				+ (uint64_t)(payload + at - (const uint8_t *)frame->header);

			mr_segment_name(frame->segment, name);
			tool->error.segment = frame->segment;
			tool->error.offset = frame->offset;
			return mr_tool_fail(tool, -EBADMSG,
				"%s: offset %llu: a record is damaged inside a sound frame", name,
				(unsigned long long)offset);
		}
		int r = walker->record(walker->owner, &record);
		if (r != 0)
			return r;
		at += record.record->length;
	}
	return 0;
}

static int walk_frame(struct mr_tool *tool, const struct mr_scan_frame *frame,
	const struct mr_tool_walker *walker)
{
	const uint8_t *payload = frame->payload;
	int r = walker->frame ? walker->frame(walker->owner, frame) : 0;

	for (uint32_t i = 0; i < frame->header->runs && r == 0 && walker->record; i++) {
		r = walk_run(tool, frame, &frame->runs[i], payload, walker);
		payload += frame->runs[i].bytes;
	}
	return r;
}

static uint64_t first_segment(const struct mr_tool *tool)
{
	uint64_t number = tool->found.oldest_needed;

	while (number < tool->found.newest_segment
		&& mr_scan_segment(tool->scan, number + 1)->begun_at_ns <= tool->options->since_ns)
		number++;
	return number;
}

int mr_tool_walk(struct mr_tool *tool, const struct mr_tool_walker *walker)
{
	struct mr_scan_frame frame;
	int r = 0;

	if (tool->found.empty)
		return 0;
	mr_scan_seek(tool->scan, first_segment(tool));
	while (r == 0) {
		r = mr_scan_next(tool->scan, &frame, &tool->error);
		if (r <= 0)
			return r;
		const struct mr_segment_header *segment =
			mr_scan_segment(tool->scan, frame.segment);
		if (segment->begun_at_ns >= tool->options->until_ns)
			return 0;
		r = walk_frame(tool, &frame, walker);
	}
	return r;
}
