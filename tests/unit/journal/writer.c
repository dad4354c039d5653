#include "writer.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal.h"
#include "journal_frame.h"
#include "mr_assert.h"
#include "record_codec.h"
#include "segment_file.h"

enum { POSITIONS = (WRITER_RECORD_BYTES - sizeof(struct mr_record_batch)) / 8, STEP_NS = 100000 };

void writer_init(struct writer *writer, uint64_t seed)
{
	memset(writer, 0, sizeof(*writer));
	writer->fake = disk_fake_new(seed);
	writer->disk = disk_fake_disk(writer->fake);
	writer->now_ns = 1;
	writer->config = (struct mr_backend_disk_config){
		.disk = &writer->disk,
		.segment_bytes = WRITER_SEGMENT_BYTES,
		.commit_bytes_max = MR_JOURNAL_COMMIT_MAX,
		.commit_delay_ns = 300000,
		.retention_bytes = 64 * (uint64_t)WRITER_SEGMENT_BYTES,
		.retention_age_ns = UINT64_C(86400000000000),
		.checkpoint_bytes = UINT64_C(1) << 40,
		.flows = 16,
		.hash_seed = 11,
		.streams_count = WRITER_STREAMS,
		.needs = {&writer->needs},
		.board = &writer->board,
		.stats = &writer->stats,
		.place = {.journal_id = WRITER_JOURNAL_ID,
			.boot = 2,
			.segment = 1,
			.replay_frame = 1,
			.replay_segment = 1,
			.oldest_segment = 1,
			.first_stream = WRITER_FIRST_STREAM},
	};
	for (uint32_t i = 0; i < WRITER_STREAMS; i++) {
		writer->config.owners[i] = &writer->owners[i];
		atomic_init(&writer->owners[i].keep, UINT64_MAX);
	}
}

// Segment 1, with nothing in it.
static void make_first(struct writer *writer)
{
	alignas(MR_JOURNAL_BLOCK_BYTES) static uint8_t block[MR_JOURNAL_BLOCK_BYTES];
	struct mr_segment_header *header = (struct mr_segment_header *)(void *)block;
	memset(block, 0, sizeof(block));
	header->number = 1;
	header->journal_id = WRITER_JOURNAL_ID;
	header->boot = 2;
	header->first_frame = 1;
	header->begun_at_ns = WRITER_WALL_NS;
	header->segment_bytes = WRITER_SEGMENT_BYTES;
	header->first_stream = WRITER_FIRST_STREAM;
	header->streams = WRITER_STREAMS;
	for (uint32_t i = 0; i < WRITER_STREAMS; i++)
		header->starts[i] = MR_STREAM_START;
	mr_segment_seal(block);
	char name[MR_SEGMENT_NAME_BYTES];
	mr_segment_name(1, name);
	int fd = writer->disk.open(writer->disk.state, name, MR_DISK_WRITE | MR_DISK_CREATE);
	assert_true(fd >= 0);
	assert_int_equal(writer->disk.make_zeroed(writer->disk.state, fd, WRITER_SEGMENT_BYTES), 0);
	assert_int_equal(writer->disk.write(writer->disk.state, fd, block, sizeof(block), 0), 0);
	assert_int_equal(writer->disk.sync_directory(writer->disk.state), 0);
	mr_segment_map_begin(writer->map, fd, header);
}

void writer_open(struct writer *writer)
{
	const struct mr_segment_map_config map = {.segment_bytes = WRITER_SEGMENT_BYTES,
		.streams_max = WRITER_STREAMS,
		.segments_max = MR_SEGMENTS_MAX};
	writer->map = writer->config.map = mr_segment_map_new(&map);
	assert_non_null(writer->map);
	make_first(writer);
	assert_int_equal(mr_net_open(16, &writer->net), 0);
	mr_fake_set_files(writer->net, disk_fake_files(writer->fake));
	assert_int_equal(mr_arena_open(&writer->arena, 32 << 20, false), 0);
	for (uint16_t i = 0; i < WRITER_STREAMS; i++) {
		assert_true(mr_stream_init(&writer->streams[i], &writer->arena,
			(uint16_t)(WRITER_FIRST_STREAM + i), WRITER_STREAM_BYTES, MR_STREAM_START));
		writer->served[i] = &writer->streams[i];
	}
	writer->maker = writer->config.maker = mr_maker_new(&writer->arena, &writer->disk);
	struct mr_backend_disk *disk = mr_backend_disk_new(&writer->arena, &writer->config);
	assert_non_null(disk);
	const struct mr_journal_config journal = {
		.streams = writer->served,
		.streams_count = WRITER_STREAMS,
		.backend = mr_backend_disk(disk),
		.stats = &writer->stats,
	};
	writer->journal = mr_journal_new(&writer->arena, &journal);
	assert_non_null(writer->journal);
	mr_journal_attach(writer->journal, writer->net);
}

void writer_close(struct writer *writer)
{
	mr_journal_detach(writer->journal);
	mr_net_close(writer->net);
	mr_arena_close(&writer->arena);
	mr_segment_map_free(writer->map);
	disk_fake_free(writer->fake);
	assert_int_equal(mr_expect_failures(), 0);
}

uint32_t writer_append(struct writer *writer, uint32_t stream, uint32_t records)
{
	struct mr_stream *at = &writer->streams[stream];
	uint64_t positions[POSITIONS];
	uint32_t i = 0;
	mr_stream_retire(at, mr_stream_watermark(at));
	for (; i < records && mr_stream_room(at) >= WRITER_RECORD_BYTES; i++) {
		struct mr_record_batch batch = {.webhook = 1 + stream,
			.number = writer->records[stream]++,
			.count = POSITIONS};
		memset(positions, (int)(batch.number & 0x7f), sizeof(positions));
		mr_record_seal(
			&batch, sizeof(batch), positions, sizeof(positions), MR_RECORD_BATCH, 0);
		mr_stream_append(at, &batch, sizeof(batch), positions, sizeof(positions));
	}
	mr_stream_publish(at);
	return i;
}

void writer_step(struct writer *writer, uint64_t later_ns)
{
	writer->now_ns += later_ns;
	mr_fake_advance(writer->net, writer->now_ns);
	if (!writer->is_maker_away)
		(void)mr_maker_serve(writer->maker);
	(void)mr_net_poll(writer->net);
	const struct mr_now now = {
		.mono_ns = writer->now_ns, .wall_ns = WRITER_WALL_NS + (int64_t)writer->now_ns};
	(void)mr_journal_step(writer->journal, now, (struct mr_budget){.units = 100});
	(void)mr_net_poll(writer->net); // what was prepared is submitted
}

void writer_run(struct writer *writer, uint64_t ns)
{
	for (uint64_t end = writer->now_ns + ns; writer->now_ns < end;)
		writer_step(writer, STEP_NS);
}

bool writer_is_durable(const struct writer *writer)
{
	for (uint32_t i = 0; i < WRITER_STREAMS; i++)
		if (mr_stream_watermark(&writer->streams[i]) != mr_stream_next(&writer->streams[i]))
			return false;
	return true;
}

void writer_fill(struct writer *writer, uint64_t bytes)
{
	uint64_t done = 0;
	for (uint32_t i = 0; done < bytes; i++) {
		done += (uint64_t)writer_append(writer, i % WRITER_STREAMS, 7)
			* WRITER_RECORD_BYTES;
		writer_step(writer, STEP_NS);
	}
	for (uint32_t i = 0; i < 1000 && !writer_is_durable(writer); i++)
		writer_step(writer, STEP_NS);
	assert_true(writer_is_durable(writer));
}

void writer_checkpoint(struct writer *writer)
{
	const uint64_t epoch = atomic_load(&writer->board.epoch);
	for (uint32_t i = 0; i < WRITER_STREAMS; i++) {
		assert_int_equal(writer_append(writer, i, 1), 1);
		atomic_store(&writer->owners[i].epoch_end, mr_stream_next(&writer->streams[i]));
		atomic_store(&writer->owners[i].epoch, epoch);
	}
}

uint64_t writer_counter(const struct writer *writer, enum mr_counter_id counter)
{
	return mr_read(&writer->stats.counters[counter]);
}

uint32_t writer_state(const struct writer *writer)
{
	return atomic_load(&writer->board.state);
}

// -- Reading

struct walk {
	struct writer *writer;
	struct writer_files files;
	uint64_t sequence, check;
	bool is_over; // the tail: nothing may follow
};

static void note_name(void *owner, const char *name)
{
	struct walk *walk = owner;
	uint64_t number = 0;
	uint64_t size = 0;
	if (!mr_segment_number(name, &number))
		return;
	const uint8_t *bytes = disk_fake_look(walk->writer->fake, name, &size);
	if (size < MR_JOURNAL_BLOCK_BYTES || mr_segment_check(bytes, number) != 0) {
		walk->files.spares++;
		return;
	}
	if (walk->files.oldest == 0 || number < walk->files.oldest)
		walk->files.oldest = number;
	if (number > walk->files.newest)
		walk->files.newest = number;
}

static void read_run(struct walk *walk, const struct mr_frame_run *run, const uint8_t *bytes)
{
	const uint32_t stream = run->stream - WRITER_FIRST_STREAM;
	assert_true(stream < WRITER_STREAMS);
	if (walk->files.ends[stream] != 0) // else the first of it that is left
		assert_int_equal(run->offset, walk->files.ends[stream]);
	assert_int_equal((run->offset - MR_STREAM_START) % WRITER_RECORD_BYTES, 0);
	uint64_t number = (run->offset - MR_STREAM_START) / WRITER_RECORD_BYTES;
	for (uint32_t at = 0; at < run->bytes; at += WRITER_RECORD_BYTES, number++) {
		const struct mr_record_batch *batch =
			(const struct mr_record_batch *)(const void *)(bytes + at);
		assert_int_equal(mr_record_check(batch, run->bytes - at), 0);
		assert_int_equal(batch->number, number);
		assert_int_equal(batch->webhook, 1 + stream);
	}
	walk->files.ends[stream] = run->offset + run->bytes;
}

static void read_frame(struct walk *walk, const struct mr_frame_header *header)
{
	struct writer_files *files = &walk->files;
	if (walk->sequence != 0)
		assert_true(mr_journal_frame_follows(header, walk->sequence, walk->check));
	walk->sequence = header->sequence;
	walk->check = header->check;
	files->frames++;
	files->last_frame = header->sequence;
	files->oldest_said = header->oldest_segment;
	files->replay_frame = header->replay_frame;
	files->replay_segment = header->replay_segment;
	assert_true(header->replay_segment >= header->oldest_segment);
	if (header->kind == MR_FRAME_INDEX) {
		files->indexes++;
		return;
	}
	assert_int_equal(header->kind, MR_FRAME_COMMIT);
	files->commits++;
	const struct mr_frame_run *runs = mr_journal_frame_runs(header);
	const uint8_t *payload = mr_journal_frame_payload(header);
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < header->runs; i++) {
		read_run(walk, &runs[i], payload + bytes);
		bytes += runs[i].bytes;
	}
	if (bytes > files->commit_bytes_most)
		files->commit_bytes_most = bytes;
}

// Each entry names a frame that begins there, and how far the streams had come.
static void read_index(const uint8_t *bytes, const struct mr_frame_header *header)
{
	const uint32_t entry_bytes = mr_index_entry_bytes(WRITER_STREAMS);
	assert_int_equal(header->bytes, sizeof(*header) + header->entries * entry_bytes);
	for (uint32_t i = 0; i < header->entries; i++) {
		const uint8_t *at = (const uint8_t *)(header + 1) + (size_t)i * entry_bytes;
		const struct mr_index_entry *entry =
			(const struct mr_index_entry *)(const void *)at;
		const uint64_t *offsets = (const uint64_t *)(const void *)(at + sizeof(*entry));
		const struct mr_frame_header *frame =
			(const struct mr_frame_header *)(const void *)(bytes
				+ (size_t)entry->block * MR_JOURNAL_BLOCK_BYTES);
		assert_int_equal(frame->magic, MR_FRAME_MAGIC);
		assert_int_equal(frame->segment, header->segment);
		const struct mr_frame_run *runs = mr_journal_frame_runs(frame);
		for (uint32_t run = 0; run < frame->runs; run++)
			assert_int_equal(
				offsets[runs[run].stream - WRITER_FIRST_STREAM], runs[run].offset);
		if (i + 1 == header->entries)
			assert_ptr_equal(frame, header);
	}
}

static void read_segment(struct walk *walk, uint64_t number)
{
	char name[MR_SEGMENT_NAME_BYTES];
	uint64_t size = 0;
	mr_segment_name(number, name);
	const uint8_t *bytes = disk_fake_look(walk->writer->fake, name, &size);
	assert_non_null(bytes);
	assert_int_equal(mr_segment_check(bytes, number), 0);
	const struct mr_segment_header *header =
		(const struct mr_segment_header *)(const void *)bytes;
	assert_false(walk->is_over); // begun before all of the one before was durable
	if (walk->sequence != 0)
		assert_int_equal(header->first_frame, walk->sequence + 1);
	for (uint32_t i = 0; i < WRITER_STREAMS; i++)
		if (walk->files.ends[i] != 0)
			assert_int_equal(header->starts[i], walk->files.ends[i]);
	bool is_closed = false;
	uint64_t at = MR_JOURNAL_BLOCK_BYTES;
	while (at < size
		&& mr_journal_frame_check(bytes + at, size - at, WRITER_JOURNAL_ID, number) == 0) {
		const struct mr_frame_header *frame =
			(const struct mr_frame_header *)(const void *)(bytes + at);
		assert_false(is_closed);
		read_frame(walk, frame);
		is_closed = frame->kind == MR_FRAME_INDEX;
		if (is_closed)
			read_index(bytes, frame);
		at += mr_journal_frame_length(frame);
	}
	walk->is_over = !is_closed && number > 1; // segment 1 is the start's
}

struct writer_files writer_read(struct writer *writer)
{
	struct walk walk = {.writer = writer};
	assert_int_equal(writer->disk.list(writer->disk.state, note_name, &walk), 0);
	uint64_t first = walk.files.oldest;
	// Files below what the last frame says are left-overs.
	const uint64_t oldest = mr_segment_map_oldest(writer->map);
	if (first < oldest)
		first = oldest;
	for (uint64_t number = first; number <= walk.files.newest; number++)
		read_segment(&walk, number);
	for (uint32_t i = 0; i < WRITER_STREAMS; i++)
		if (mr_stream_watermark(&writer->streams[i]) > MR_STREAM_START
			&& walk.files.ends[i] != 0)
			assert_true(walk.files.ends[i] >= mr_stream_watermark(&writer->streams[i]));
	return walk.files;
}
