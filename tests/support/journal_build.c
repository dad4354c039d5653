#include "journal_build.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "record_codec.h"
#include "segment_file.h"

enum { BLOCK = MR_JOURNAL_BLOCK_BYTES, BLOCKS_PER_MIB = (1 << 20) / MR_JOURNAL_BLOCK_BYTES };

void journal_build_open(struct journal_build *build, struct mr_disk disk, uint64_t journal_id,
	uint64_t segment_bytes)
{
	*build = (struct journal_build){.disk = disk, .segment_bytes = segment_bytes, .fd = -1};
	build->carry = (struct mr_journal_frame_carry){
		.kind = MR_FRAME_COMMIT, .journal_id = journal_id, .oldest_segment = 1};
	build->payload = malloc(MR_JOURNAL_COMMIT_MAX);
	build->buffer = aligned_alloc(BLOCK, MR_FRAME_BYTES_MAX);
	assert(build->payload && build->buffer);
}

void journal_build_close(struct journal_build *build)
{
	if (build->fd >= 0)
		build->disk.close(build->disk.state, build->fd);
	free(build->payload);
	free(build->buffer);
	*build = (struct journal_build){.fd = -1};
}

int64_t journal_build_time(const struct journal_build *build)
{
	return build->header.begun_at_ns + (int64_t)build->carry.sequence * 1000000;
}

void journal_build_begin(struct journal_build *build)
{
	static _Alignas(BLOCK) uint8_t block[BLOCK];
	struct mr_segment_header *header = &build->header;
	char name[MR_SEGMENT_NAME_BYTES];

	if (build->fd >= 0)
		build->disk.close(build->disk.state, build->fd);
	header->number = ++build->carry.segment;
	header->journal_id = build->carry.journal_id;
	header->first_frame = build->carry.sequence + 1;
	header->begun_at_ns = INT64_C(1700000000000000000) + (int64_t)header->number * 60000000000;
	header->segment_bytes = build->segment_bytes;
	header->flows = MR_FLOWS_DEFAULT;
	header->slots = MR_SLOTS;
	memcpy(header->starts, build->ends, sizeof(header->starts));
	memset(block, 0, sizeof(block));
	memcpy(block, header, sizeof(*header));
	mr_segment_seal(block);
	mr_segment_name(header->number, name);
	build->fd = build->disk.open(
		build->disk.state, name, MR_DISK_READ | MR_DISK_WRITE | MR_DISK_CREATE);
	assert(build->fd >= 0);
	int err = build->disk.make_zeroed(build->disk.state, build->fd, build->segment_bytes);
	assert(err == 0);
	err = build->disk.write(build->disk.state, build->fd, block, sizeof(block), 0);
	assert(err == 0);
	err = build->disk.sync_directory(build->disk.state);
	assert(err == 0);
	build->offset = BLOCK;
	build->marks_count = 0;
}

void journal_build_boot(struct journal_build *build, uint16_t first_stream, uint16_t streams)
{
	build->header.boot++;
	build->header.first_stream = first_stream;
	build->header.streams = streams;
	for (uint32_t i = 0; i < MR_STREAMS_MAX; i++)
		build->ends[i] = i < streams ? MR_STREAM_START : 0;
	journal_build_begin(build);
}

mr_position journal_build_add(struct journal_build *build, uint16_t stream, const void *record)
{
	const struct mr_record *header = record;
	const uint32_t index = (uint32_t)stream - build->header.first_stream;
	struct mr_frame_run *run =
		build->runs_count > 0 ? &build->runs[build->runs_count - 1] : NULL;

	assert(index < build->header.streams);
	if (run == NULL || run->stream != stream) {
		assert(build->runs_count < JOURNAL_BUILD_RUNS_MAX);
		run = &build->runs[build->runs_count++];
		*run = (struct mr_frame_run){.stream = stream, .offset = build->ends[index]};
	}
	assert(build->payload_bytes + header->length <= MR_JOURNAL_COMMIT_MAX);
	memcpy(build->payload + build->payload_bytes, record, header->length);
	build->payload_bytes += header->length;
	run->bytes += header->length;
	build->ends[index] += header->length;
	return mr_position_make(stream, build->ends[index] - header->length);
}

static uint64_t write_frame(struct journal_build *build, uint32_t length)
{
	const uint64_t at = build->offset;

	assert(at + length <= build->segment_bytes);
	int err = build->disk.write(build->disk.state, build->fd, build->buffer, length, at);
	assert(err == 0);
	build->carry.durable_through = build->carry.sequence;
	build->carry.previous =
		((const struct mr_frame_header *)(const void *)build->buffer)->check;
	build->offset += length;
	return at;
}

// Offsets before the frame that is being put together.
static void mark(struct journal_build *build)
{
	const uint32_t block = (uint32_t)(build->offset / BLOCK);

	if (build->marks_count > 0
		&& build->marks[build->marks_count - 1] / BLOCKS_PER_MIB == block / BLOCKS_PER_MIB)
		return;
	assert(build->marks_count < JOURNAL_BUILD_MARKS_MAX);
	build->marks[build->marks_count] = block;
	uint64_t *offsets = build->mark_offsets[build->marks_count++];
	memcpy(offsets, build->ends, sizeof(build->ends));
	for (uint32_t i = build->runs_count; i-- > 0;)
		offsets[build->runs[i].stream - build->header.first_stream] = build->runs[i].offset;
}

uint64_t journal_build_frame(struct journal_build *build)
{
	struct mr_journal_frame frame;
	const uint8_t *at = build->payload;

	mark(build);
	mr_journal_frame_begin(&frame, build->buffer, MR_FRAME_BYTES_MAX, MR_JOURNAL_COMMIT_MAX);
	for (uint32_t i = 0; i < build->runs_count; i++) {
		const struct mr_frame_run *run = &build->runs[i];
		uint32_t taken = mr_journal_frame_add_bytes(
			&frame, run->stream, run->offset, at, run->bytes);

		assert(taken == run->bytes);
		at += taken;
	}
	build->carry.sequence++;
	build->carry.at_ns = journal_build_time(build);
	uint32_t length = mr_journal_frame_finish(&frame, &build->carry);
	build->runs_count = 0;
	build->payload_bytes = 0;
	return write_frame(build, length);
}

void journal_build_index(struct journal_build *build)
{
	static uint8_t index[(JOURNAL_BUILD_MARKS_MAX + 1)
		* (sizeof(struct mr_index_entry) + 8 * MR_STREAMS_MAX)];
	const uint32_t streams = build->header.streams;
	const uint32_t entry_bytes = mr_index_entry_bytes(streams);
	struct mr_journal_frame frame;

	assert(build->runs_count == 0);
	for (uint32_t i = 0; i <= build->marks_count; i++) {
		const bool is_last = i == build->marks_count;
		const struct mr_index_entry entry = {
			.block = is_last ? (uint32_t)(build->offset / BLOCK) : build->marks[i]};

		memcpy(index + i * entry_bytes, &entry, sizeof(entry));
		memcpy(index + i * entry_bytes + sizeof(entry),
			is_last ? build->ends : build->mark_offsets[i], 8 * streams);
	}
	build->carry.sequence++;
	struct mr_journal_frame_carry carry = build->carry;
	carry.kind = MR_FRAME_INDEX;
	mr_journal_frame_begin(&frame, build->buffer, MR_FRAME_BYTES_MAX, MR_JOURNAL_COMMIT_MAX);
	write_frame(build,
		mr_journal_frame_finish_index(
			&frame, &carry, index, build->marks_count + 1, streams));
}

void journal_build_turn(struct journal_build *build)
{
	journal_build_index(build);
	journal_build_begin(build);
}

mr_position journal_build_event(
	struct journal_build *build, uint16_t stream, uint64_t object, uint16_t payload_bytes)
{
	static _Alignas(8) uint8_t bytes[MR_RECORD_BYTES_MAX];
	struct mr_record_event *event = (void *)bytes;
	struct mr_event_fixed *fixed = (void *)(event + 1);
	const uint32_t length = (uint32_t)(sizeof(*fixed) + payload_bytes + 7) / 8 * 8;

	memset(bytes, 0, sizeof(bytes));
	event->app = 7;
	event->session_id = 77;
	event->sequence = build->ends[stream - build->header.first_stream];
	event->received_at_ns =
		build->header.begun_at_ns + (int64_t)build->carry.sequence * 1000000;
	fixed->length = length;
	fixed->action = MR_ACTION_ADDED;
	fixed->object = object;
	fixed->workspace = 70;
	fixed->database = 700;
	fixed->payload_length = payload_bytes;
	memset(fixed + 1, (int)('a' + object % 26), payload_bytes);
	mr_record_seal(bytes, sizeof(*event) + length, NULL, 0, MR_RECORD_EVENT, 0);
	return journal_build_add(build, stream, bytes);
}
