// The map of the segments that a start finds: it judges what is gone, and the stages go on with it.
#include <errno.h>

#include "recovery_state.h"
#include "segment_file.h"

static void add_mark(void *owner, uint32_t block, const uint64_t *offsets)
{
	mr_segment_map_frame(owner, block, offsets);
}

static int map_segment(struct recovery *recovery, const struct mr_segment_header *header)
{
	const struct mr_disk *disk = recovery->config->disk;
	char name[MR_SEGMENT_NAME_BYTES];
	mr_segment_name(header->number, name);
	// also for writing: the writer uses retired files again
	const int fd = disk->open(disk->state, name, MR_DISK_WRITE);
	if (fd < 0)
		return recovery_failed(recovery, fd, name);
	uint32_t end_block = 0;
	uint64_t ends[MR_STREAMS_MAX];
	mr_segment_map_begin(recovery->map, fd, header);
	const int error = mr_scan_marks(recovery->scan, header->number, add_mark, recovery->map,
		&end_block, ends, recovery->error);
	if (error == 0)
		mr_segment_map_durable(recovery->map, end_block, ends);
	return error;
}

int recovery_map_segments(struct recovery *recovery, uint32_t streams)
{
	const struct mr_scan_found *found = &recovery->found;
	const uint64_t from = found->empty ? 1 : found->oldest_needed;
	const uint64_t to = found->empty ? 0 : found->newest_segment;
	struct mr_segment_map_config config = {.segment_bytes = recovery->config->segment_bytes,
		.streams_max = streams,
		.segments_max = MR_SEGMENTS_MAX};
	if (to - from + 1 >= MR_SEGMENTS_MAX)
		return recovery_failed(recovery, -E2BIG, "more segments than can be live");
	for (uint64_t i = from; i <= to; i++) {
		const struct mr_segment_header *header = mr_scan_segment(recovery->scan, i);
		if (header->streams > config.streams_max)
			config.streams_max = header->streams;
		if (header->segment_bytes > config.segment_bytes)
			config.segment_bytes = header->segment_bytes;
	}
	recovery->map = mr_segment_map_new(&config);
	int error = recovery->map == NULL ? recovery_failed(recovery, -ENOMEM, "map") : 0;
	for (uint64_t i = from; i <= to && error == 0; i++) {
		error = map_segment(recovery, mr_scan_segment(recovery->scan, i));
		recovery_tell(recovery, "opening", i - from, to - from + 1);
	}
	return error;
}

void recovery_close_map(const struct recovery *recovery)
{
	const struct mr_disk *disk = recovery->config->disk;
	if (recovery->map == NULL)
		return;
	const uint64_t end = mr_segment_map_end(recovery->map);
	for (uint64_t i = mr_segment_map_oldest(recovery->map); i < end; i++)
		disk->close(disk->state, mr_segment_map_facts(recovery->map, i).fd);
	mr_segment_map_free(recovery->map);
}
