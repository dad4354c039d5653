#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <millrace/journal.h>

#include "failpoint.h"
#include "journal_frame.h"
#include "mr_assert.h"
#include "replay_index.h"
#include "segment_file.h"

enum { MARK_BYTES = 1 << 20 };

struct staged { // of one stream: what the next frames take
	uint8_t *bytes;
	uint32_t count, capacity;
	uint64_t offset; // of the first byte, in the stream
};

struct mr_snapshot {
	struct mr_snapshot_config config;
	struct mr_journal_place place; // as it goes on
	uint64_t first_frame, first_segment;
	int error;
	int fd; // of the segment
	uint64_t at; // bytes of the segment so far
	uint8_t *buffer; // of a frame
	uint8_t *index; // of the segment
	uint32_t index_entries;
	uint64_t index_bytes_max;
	uint64_t durable[MR_STREAMS_MAX];
	uint64_t staged_bytes;
	struct staged staged[MR_STREAMS_MAX];
	struct mr_journal_frame frame;
};

static uint64_t index_frame_bytes(const struct mr_snapshot *snapshot, uint32_t entries)
{
	return mr_blocks_up(sizeof(struct mr_frame_header)
		+ (uint64_t)entries * mr_index_entry_bytes(snapshot->config.streams));
}

// What frames may still take of the segment: its index comes last.
static uint64_t room(const struct mr_snapshot *snapshot)
{
	const uint64_t end = snapshot->config.segment_bytes - snapshot->index_bytes_max;
	return end > snapshot->at ? end - snapshot->at : 0;
}

// -- Segments

static int write_header(struct mr_snapshot *snapshot, uint64_t number)
{
	const struct mr_snapshot_config *config = &snapshot->config;
	struct mr_segment_header *header = (void *)snapshot->buffer;
	memset(header, 0, MR_JOURNAL_BLOCK_BYTES);
	*header = (struct mr_segment_header){
		.streams = (uint16_t)config->streams,
		.number = number,
		.journal_id = config->place.journal_id,
		.boot = config->place.boot,
		.first_frame = snapshot->place.frame + 1,
		.begun_at_ns = config->wall_ns,
		.segment_bytes = config->segment_bytes,
		.flows = config->flows,
		.slots = MR_SLOTS,
		.hash_seed = config->hash_seed,
		.first_stream = config->place.first_stream,
	};
	memcpy(header->starts, snapshot->durable, config->streams * sizeof(header->starts[0]));
	mr_segment_seal(header);
	const struct mr_disk *disk = config->disk;
	const int error = disk->write(disk->state, snapshot->fd, header, MR_JOURNAL_BLOCK_BYTES, 0);
	if (error == 0)
		mr_segment_map_begin(config->map, snapshot->fd, header);
	return error;
}

static int begin_segment(struct mr_snapshot *snapshot)
{
	const struct mr_disk *disk = snapshot->config.disk;
	const uint64_t number = snapshot->place.segment + 1;
	char name[MR_SEGMENT_NAME_BYTES];
	mr_segment_name(number, name);
	const int fd = disk->open(disk->state, name, MR_DISK_WRITE | MR_DISK_CREATE);
	if (fd < 0)
		return fd;
	snapshot->fd = fd;
	int error = disk->make_zeroed(disk->state, fd, snapshot->config.segment_bytes);
	if (error == 0)
		error = disk->sync_directory(disk->state);
	if (error == 0)
		error = write_header(snapshot, number);
	if (error != 0) {
		disk->close(disk->state, fd);
		(void)disk->remove(disk->state, name);
		return error;
	}
	if (snapshot->place.oldest_segment == 0)
		snapshot->place.oldest_segment = number;
	snapshot->place.segment = number;
	snapshot->at = MR_JOURNAL_BLOCK_BYTES;
	snapshot->index_entries = 0;
	return 0;
}

// -- Frames

static struct mr_journal_frame_carry carry_of(
	const struct mr_snapshot *snapshot, enum mr_journal_frame_kind kind)
{
	const struct mr_journal_place *place = &snapshot->place;
	return (struct mr_journal_frame_carry){.kind = kind,
		.journal_id = place->journal_id,
		.sequence = place->frame + 1,
		.segment = place->segment,
		.previous = place->previous,
		.durable_through = place->frame,
		.replay_frame = place->replay_frame,
		.replay_segment = place->replay_segment,
		.oldest_segment = place->oldest_segment,
		.at_ns = snapshot->config.wall_ns};
}

// An entry of the segment's index: the first frame of each MiB, and the index itself.
static void note_frame(struct mr_snapshot *snapshot)
{
	const uint32_t entry_bytes = mr_index_entry_bytes(snapshot->config.streams);
	uint8_t *entry = snapshot->index + (uint64_t)snapshot->index_entries * entry_bytes;
	const struct mr_index_entry head = {
		.block = (uint32_t)(snapshot->at / MR_JOURNAL_BLOCK_BYTES)};
	memcpy(entry, &head, sizeof(head));
	memcpy(entry + sizeof(head), snapshot->durable,
		snapshot->config.streams * sizeof(snapshot->durable[0]));
	snapshot->index_entries++;
}

static bool is_first_of_its_mark(const struct mr_snapshot *snapshot)
{
	if (snapshot->index_entries == 0)
		return true;
	struct mr_index_entry last;
	memcpy(&last,
		snapshot->index
			+ (uint64_t)(snapshot->index_entries - 1)
				* mr_index_entry_bytes(snapshot->config.streams),
		sizeof(last));
	return snapshot->at / MARK_BYTES
		!= (uint64_t)last.block * MR_JOURNAL_BLOCK_BYTES / MARK_BYTES;
}

// Writes the frame that stands in the buffer.
static int write_frame(struct mr_snapshot *snapshot, uint32_t length)
{
	const struct mr_disk *disk = snapshot->config.disk;
	const struct mr_frame_header *header = mr_journal_frame_header_of(&snapshot->frame);
	const int error =
		disk->write(disk->state, snapshot->fd, snapshot->buffer, length, snapshot->at);
	if (error != 0)
		return error;
	snapshot->place.frame = header->sequence;
	snapshot->place.previous = header->check;
	mr_segment_map_frame(snapshot->config.map,
		(uint32_t)(snapshot->at / MR_JOURNAL_BLOCK_BYTES), snapshot->durable);
	snapshot->at += length;
	return 0;
}

static void note_durable(struct mr_snapshot *snapshot)
{
	mr_segment_map_durable(snapshot->config.map,
		(uint32_t)(snapshot->at / MR_JOURNAL_BLOCK_BYTES), snapshot->durable);
}

static int close_segment(struct mr_snapshot *snapshot)
{
	const struct mr_journal_frame_carry carry = carry_of(snapshot, MR_FRAME_INDEX);
	note_frame(snapshot);
	mr_journal_frame_begin(&snapshot->frame, snapshot->buffer,
		index_frame_bytes(snapshot, snapshot->index_entries), 0);
	const uint32_t length = mr_journal_frame_finish_index(&snapshot->frame, &carry,
		snapshot->index, snapshot->index_entries, snapshot->config.streams);
	const int error = write_frame(snapshot, length);
	if (error == 0)
		note_durable(snapshot);
	return error;
}

static void take_run(struct mr_snapshot *snapshot, uint32_t stream, uint32_t bytes)
{
	struct staged *staged = &snapshot->staged[stream];
	if (bytes == 0)
		return;
	memmove(staged->bytes, staged->bytes + bytes, staged->count - bytes);
	staged->count -= bytes;
	staged->offset += bytes;
	snapshot->durable[stream] += bytes;
	snapshot->staged_bytes -= bytes;
}

// Room for a frame, in this segment or the next one.
static int make_room(struct mr_snapshot *snapshot)
{
	int error = 0;
	if (room(snapshot) < MR_FRAME_ROOM_MIN) {
		error = close_segment(snapshot);
		if (error == 0)
			error = begin_segment(snapshot);
	}
	if (error == 0 && snapshot->first_frame == 0) {
		snapshot->first_frame = snapshot->place.frame + 1;
		snapshot->first_segment = snapshot->place.segment;
	}
	return error;
}

// Into the frame as much of what is staged as fits. Returns the bytes of all streams.
static uint64_t add_runs(struct mr_snapshot *snapshot, uint32_t ret_taken[MR_STREAMS_MAX])
{
	const uint64_t left = room(snapshot);
	uint64_t bytes = 0;
	mr_journal_frame_begin(&snapshot->frame, snapshot->buffer,
		left < MR_FRAME_BYTES_MAX ? left : MR_FRAME_BYTES_MAX, MR_JOURNAL_COMMIT_MAX);
	for (uint32_t i = 0; i < snapshot->config.streams; i++) {
		const struct staged *staged = &snapshot->staged[i];
		ret_taken[i] = mr_journal_frame_add_bytes(&snapshot->frame,
			(uint16_t)(snapshot->config.place.first_stream + i), staged->offset,
			staged->bytes, staged->count);
		bytes += ret_taken[i];
	}
	return bytes;
}

// One frame of what is staged. The last frame of the snapshot makes it count.
static int flush(struct mr_snapshot *snapshot, bool is_last)
{
	uint32_t taken[MR_STREAMS_MAX];
	int error = make_room(snapshot);
	if (error != 0)
		return error;
	if (add_runs(snapshot, taken) == snapshot->staged_bytes && is_last) {
		snapshot->place.replay_frame = snapshot->first_frame;
		snapshot->place.replay_segment = snapshot->first_segment;
	}
	const struct mr_journal_frame_carry carry = carry_of(snapshot, MR_FRAME_SNAPSHOT);
	const uint32_t length = mr_journal_frame_finish(&snapshot->frame, &carry);
	if (is_first_of_its_mark(snapshot))
		note_frame(snapshot);
	MR_FAILPOINT(snapshot_before_frame);
	error = write_frame(snapshot, length);
	if (error != 0)
		return error;
	for (uint32_t i = 0; i < snapshot->config.streams; i++)
		take_run(snapshot, i, taken[i]);
	note_durable(snapshot);
	return 0;
}

// -- Public

int mr_snapshot_begin(const struct mr_snapshot_config *config, struct mr_snapshot **ret_snapshot)
{
	mr_assert(config->streams > 0 && config->streams <= MR_STREAMS_MAX);
	mr_assert(config->segment_bytes % MR_JOURNAL_BLOCK_BYTES == 0);
	mr_assert(config->segment_bytes >= MR_SEGMENT_BYTES_MIN);
	struct mr_snapshot *snapshot = calloc(1, sizeof(*snapshot));
	if (snapshot == NULL)
		return -ENOMEM;
	const uint32_t marks = (uint32_t)((config->segment_bytes + MARK_BYTES - 1) / MARK_BYTES);
	snapshot->config = *config;
	snapshot->place = config->place;
	snapshot->index_bytes_max = index_frame_bytes(snapshot, marks + 1);
	for (uint32_t i = 0; i < config->streams; i++) {
		snapshot->durable[i] = MR_STREAM_START;
		snapshot->staged[i].offset = MR_STREAM_START;
	}
	snapshot->buffer = aligned_alloc(MR_JOURNAL_BLOCK_BYTES, MR_FRAME_BYTES_MAX);
	snapshot->index = malloc(snapshot->index_bytes_max);
	int error = snapshot->buffer == NULL || snapshot->index == NULL ? -ENOMEM : 0;
	if (error == 0)
		error = begin_segment(snapshot);
	if (error != 0) {
		mr_snapshot_free(snapshot);
		return error;
	}
	*ret_snapshot = snapshot;
	return 0;
}

void mr_snapshot_free(struct mr_snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	for (uint32_t i = 0; i < MR_STREAMS_MAX; i++)
		free(snapshot->staged[i].bytes);
	free(snapshot->buffer);
	free(snapshot->index);
	free(snapshot);
}

mr_position mr_snapshot_append(struct mr_snapshot *snapshot, uint32_t stream, const void *head,
	size_t head_bytes, const void *body, size_t body_bytes)
{
	const size_t bytes = head_bytes + body_bytes;
	mr_assert(stream < snapshot->config.streams && bytes % 8 == 0);
	while (snapshot->error == 0 && snapshot->staged_bytes + bytes > MR_JOURNAL_COMMIT_MAX)
		snapshot->error = flush(snapshot, false);
	struct staged *staged = &snapshot->staged[stream];
	if (snapshot->error == 0)
		snapshot->error = mr_grow((void **)&staged->bytes, &staged->capacity,
			(uint64_t)staged->count + bytes, 1);
	if (snapshot->error != 0)
		return 0;
	const uint64_t offset = staged->offset + staged->count;
	memcpy(staged->bytes + staged->count, head, head_bytes);
	if (body_bytes > 0)
		memcpy(staged->bytes + staged->count + head_bytes, body, body_bytes);
	staged->count += (uint32_t)bytes;
	snapshot->staged_bytes += bytes;
	return mr_position_make((uint16_t)(snapshot->config.place.first_stream + stream), offset);
}

int mr_snapshot_finish(struct mr_snapshot *snapshot, struct mr_journal_place *ret_place,
	uint64_t ret_ends[MR_STREAMS_MAX])
{
	do {
		if (snapshot->error == 0)
			snapshot->error = flush(snapshot, true);
	} while (snapshot->error == 0 && snapshot->place.replay_frame != snapshot->first_frame);
	if (snapshot->error != 0)
		return snapshot->error;
	MR_FAILPOINT(snapshot_counts);
	*ret_place = snapshot->place;
	ret_place->at = snapshot->at;
	ret_place->index = snapshot->index; // the caller's from now on
	ret_place->index_count = snapshot->index_entries;
	snapshot->index = NULL;
	memcpy(ret_ends, snapshot->durable, sizeof(snapshot->durable));
	return 0;
}
