// The segment that is written: header, frames, closing index. The next one begins when everything
// in this one is durable, so that only a boot's last segment can have a torn tail.
#include <string.h>

#include "disk_state.h"
#include "failpoint.h"
#include "mr_assert.h"

// One entry per MiB, and the index frame's own.
static uint32_t index_max(const struct mr_backend_disk_config *config)
{
	return (uint32_t)((config->segment_bytes + DISK_MARK_BYTES - 1) / DISK_MARK_BYTES + 1);
}

uint64_t disk_index_room(const struct mr_backend_disk_config *config)
{
	return mr_blocks_up(sizeof(struct mr_frame_header)
		+ (uint64_t)index_max(config) * mr_index_entry_bytes(config->streams_count));
}

uint64_t disk_segment_room(const struct mr_backend_disk *disk)
{
	return disk->config.segment_bytes - disk->index_room - disk->at;
}

bool disk_segment_is_old(const struct mr_backend_disk *disk)
{
	return disk->index_count > 0 && disk->wall_ns > disk->begun_at_ns
		&& (uint64_t)(disk->wall_ns - disk->begun_at_ns)
		> disk->config.retention_age_ns / DISK_AGE_PARTS;
}

static void index_add(struct mr_backend_disk *disk)
{
	const uint32_t streams = disk->config.streams_count;
	uint8_t *entry = disk->index + (size_t)disk->index_count * mr_index_entry_bytes(streams);
	const struct mr_index_entry head = {.block = (uint32_t)(disk->at / MR_JOURNAL_BLOCK_BYTES)};
	mr_assert(disk->index_count < index_max(&disk->config));
	memcpy(entry, &head, sizeof(head));
	memcpy(entry + sizeof(head), disk->built, streams * sizeof(uint64_t));
	disk->index_mark = disk->at / DISK_MARK_BYTES;
	disk->index_count++;
}

void disk_index_note(struct mr_backend_disk *disk)
{
	if (disk->index_count == 0 || disk->at / DISK_MARK_BYTES != disk->index_mark)
		index_add(disk);
}

void disk_segment_close(struct mr_backend_disk *disk, uint64_t now_ns)
{
	mr_assert(disk->segment_state == DISK_SEGMENT_OPEN);
	MR_FAILPOINT(segment_before_index);
	struct disk_write *write = disk_next_write(disk);
	struct mr_journal_frame frame;
	index_add(disk);
	disk_checkpoint_note(disk);
	mr_journal_frame_begin(&frame, write->buffer, disk->index_room, 0);
	const struct mr_journal_frame_carry carry = disk_carry(disk, MR_FRAME_INDEX);
	const uint32_t length = mr_journal_frame_finish_index(
		&frame, &carry, disk->index, disk->index_count, disk->config.streams_count);
	disk_submit_frame(disk, write, length, 0, now_ns);
	disk->segment_state = DISK_SEGMENT_NONE;
}

static void fill_header(const struct mr_backend_disk *disk, struct mr_now now, void *block)
{
	struct mr_segment_header *header = block;
	memset(block, 0, MR_JOURNAL_BLOCK_BYTES);
	header->number = disk->segment;
	header->journal_id = disk->config.place.journal_id;
	header->boot = disk->config.place.boot;
	header->first_frame = disk->sequence + 1;
	header->begun_at_ns = now.wall_ns;
	header->segment_bytes = disk->config.segment_bytes;
	header->flows = disk->config.flows;
	header->slots = MR_SLOTS;
	header->hash_seed = disk->config.hash_seed;
	header->first_stream = disk->config.place.first_stream;
	header->streams = (uint16_t)disk->config.streams_count;
	memcpy(header->starts, disk->durable,
		disk->config.streams_count * sizeof(header->starts[0]));
	mr_segment_seal(block);
}

void disk_segment_begin(struct mr_backend_disk *disk, struct mr_now now)
{
	if (disk->segment_state != DISK_SEGMENT_NONE || disk->writes_count > 0
		|| disk->spares_count == 0)
		return;
	const struct disk_file spare = disk->spares[0];
	mr_assert(spare.number == disk->segment + 1);
	disk->spares_count--;
	memmove(&disk->spares[0], &disk->spares[1], disk->spares_count * sizeof(spare));
	disk->segment = spare.number;
	disk->fd = spare.fd;
	disk->at = MR_JOURNAL_BLOCK_BYTES;
	disk->begun_at_ns = now.wall_ns;
	disk->index_count = 0;
	struct disk_write *write = disk_next_write(disk);
	write->kind = DISK_HEADER;
	write->length = MR_JOURNAL_BLOCK_BYTES;
	write->offset = 0;
	fill_header(disk, now, write->buffer);
	MR_FAILPOINT(segment_before_header);
	disk->segment_state = DISK_SEGMENT_BEGINS;
	disk_submit(disk, write, now.mono_ns);
}

void disk_segment_begun(struct mr_backend_disk *disk, const struct disk_write *write)
{
	mr_assert(disk->segment_state == DISK_SEGMENT_BEGINS);
	MR_FAILPOINT(segment_after_header);
	mr_segment_map_begin(disk->config.map, disk->fd,
		(const struct mr_segment_header *)(const void *)write->buffer);
	disk->segment_state = DISK_SEGMENT_OPEN;
	disk_show(disk);
}
