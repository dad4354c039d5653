#include "journal_frame.h"

#include <errno.h>
#include <string.h>

#include "hash.h"
#include "mr_assert.h"

static_assert(
	(int)MR_FRAME_ROOM_MIN <= (int)MR_FRAME_BYTES_MAX, "the longest record fits any frame");

// The words before the check are no part of what is hashed: they are mixed into the seed, so that
// no bit of a frame is without a check.
enum { HASHED_FROM = 16 };
static_assert(offsetof(struct mr_frame_header, check) + 8 == HASHED_FROM, "journal format");

static uint64_t check_of(const struct mr_frame_header *header, uint64_t journal_id)
{
	uint64_t first;
	memcpy(&first, header, sizeof(first));
	return mr_hash_bytes((const uint8_t *)header + HASHED_FROM, header->bytes - HASHED_FROM,
		journal_id ^ first);
}

// -- Building

void mr_journal_frame_begin(
	struct mr_journal_frame *frame, void *buffer, uint64_t room, uint64_t payload_max)
{
	mr_assert((uintptr_t)buffer % MR_JOURNAL_BLOCK_BYTES == 0);
	mr_assert(room % MR_JOURNAL_BLOCK_BYTES == 0 && room <= MR_FRAME_BYTES_MAX);
	frame->buffer = buffer;
	frame->room = room;
	frame->payload = 0;
	frame->payload_max = payload_max;
	frame->runs_count = 0;
}

// Bytes that one more run may have.
static uint64_t room_for_run(const struct mr_journal_frame *frame)
{
	const uint64_t head = sizeof(struct mr_frame_header)
		+ (frame->runs_count + 1) * sizeof(struct mr_frame_run);
	if (frame->runs_count == MR_STREAMS_MAX || head + frame->payload >= frame->room)
		return 0;
	const uint64_t room = frame->room - head - frame->payload;
	const uint64_t rest = frame->payload_max - frame->payload;
	return room < rest ? room : rest;
}

static uint64_t word_at(struct mr_journal_frame_source source, uint64_t from, uint64_t offset)
{
	if (source.stream != NULL) // nobody writes below what is published and not durable
		return mr_stream_word_own(source.stream, offset);
	uint64_t word;
	memcpy(&word, (const uint8_t *)source.bytes + (offset - from), sizeof(word));
	return word;
}

// How much of [from, to) are whole records within `room` bytes. A record starts with its length.
static uint64_t whole_records(
	struct mr_journal_frame_source source, uint64_t from, uint64_t to, uint64_t room)
{
	if (to - from <= room)
		return to - from;
	uint64_t at = from;
	for (;;) {
		const uint32_t length = (uint32_t)word_at(source, from, at);
		mr_assert(length >= sizeof(struct mr_record) && length % 8 == 0);
		mr_assert(length <= to - at);
		if (at + length - from > room)
			return at - from;
		at += length;
	}
}

static uint32_t add_run(struct mr_journal_frame *frame, struct mr_journal_frame_source source,
	uint16_t stream, uint64_t from, uint64_t to)
{
	mr_assert(from <= to && (from | to) % 8 == 0);
	const uint64_t bytes = whole_records(source, from, to, room_for_run(frame));
	if (bytes == 0)
		return 0;
	frame->runs[frame->runs_count] =
		(struct mr_frame_run){.offset = from, .bytes = (uint32_t)bytes, .stream = stream};
	frame->sources[frame->runs_count++] = source;
	frame->payload += bytes;
	return (uint32_t)bytes;
}

uint32_t mr_journal_frame_add(
	struct mr_journal_frame *frame, const struct mr_stream *stream, uint64_t from, uint64_t to)
{
	return add_run(
		frame, (struct mr_journal_frame_source){.stream = stream}, stream->id, from, to);
}

uint32_t mr_journal_frame_add_bytes(struct mr_journal_frame *frame, uint16_t stream,
	uint64_t offset, const void *bytes, uint64_t length)
{
	return add_run(frame, (struct mr_journal_frame_source){.bytes = bytes}, stream, offset,
		offset + length);
}

static uint32_t seal(struct mr_journal_frame *frame, const struct mr_journal_frame_carry *carry,
	uint64_t bytes, uint32_t entries)
{
	struct mr_frame_header *header = (struct mr_frame_header *)(void *)frame->buffer;
	const uint64_t length = mr_blocks_up(bytes);
	mr_assert(length <= frame->room);
	*header = (struct mr_frame_header){
		.magic = MR_FRAME_MAGIC,
		.kind = (uint16_t)carry->kind,
		.runs = (uint16_t)frame->runs_count,
		.sequence = carry->sequence,
		.segment = carry->segment,
		.previous = carry->previous,
		.durable_through = carry->durable_through,
		.replay_frame = carry->replay_frame,
		.replay_segment = carry->replay_segment,
		.oldest_segment = carry->oldest_segment,
		.at_ns = carry->at_ns,
		.bytes = (uint32_t)bytes,
		.entries = entries,
	};
	header->check = check_of(header, carry->journal_id);
	memset(frame->buffer + bytes, 0, length - bytes);
	return (uint32_t)length;
}

uint32_t mr_journal_frame_finish(
	struct mr_journal_frame *frame, const struct mr_journal_frame_carry *carry)
{
	mr_assert(carry->kind == MR_FRAME_COMMIT || carry->kind == MR_FRAME_SNAPSHOT);
	uint8_t *at = frame->buffer + sizeof(struct mr_frame_header);
	const size_t runs_bytes = frame->runs_count * sizeof(struct mr_frame_run);
	memcpy(at, frame->runs, runs_bytes);
	at += runs_bytes;
	for (uint32_t i = 0; i < frame->runs_count; i++) {
		const struct mr_frame_run *run = &frame->runs[i];
		if (frame->sources[i].stream != NULL) {
			bool whole = mr_stream_read(
				frame->sources[i].stream, run->offset, at, run->bytes);
			mr_assert(whole); // the writer does not pass its watermark
		} else {
			memcpy(at, frame->sources[i].bytes, run->bytes);
		}
		at += run->bytes;
	}
	return seal(frame, carry, (uint64_t)(at - frame->buffer), 0);
}

uint32_t mr_journal_frame_finish_index(struct mr_journal_frame *frame,
	const struct mr_journal_frame_carry *carry, const void *index, uint32_t entries,
	uint32_t streams)
{
	const size_t index_bytes = (size_t)entries * mr_index_entry_bytes(streams);
	const size_t bytes = sizeof(struct mr_frame_header) + index_bytes;
	mr_assert(carry->kind == MR_FRAME_INDEX && frame->runs_count == 0 && entries > 0);
	mr_assert(bytes <= frame->room);
	memcpy(frame->buffer + sizeof(struct mr_frame_header), index, index_bytes);
	return seal(frame, carry, bytes, entries);
}

// -- Judging

bool mr_journal_frame_sane(const struct mr_frame_header *header, uint64_t segment)
{
	if (header->magic != MR_FRAME_MAGIC || header->segment != segment)
		return false;
	if (header->bytes < sizeof(*header) || header->bytes > MR_FRAME_BYTES_MAX
		|| header->bytes % 8 != 0 || header->durable_through >= header->sequence)
		return false;
	const uint64_t behind = header->bytes - sizeof(*header);
	switch (header->kind) {
	case MR_FRAME_COMMIT:
	case MR_FRAME_SNAPSHOT:
		return header->entries == 0 && header->runs <= MR_STREAMS_MAX
			&& header->runs * sizeof(struct mr_frame_run) <= behind;
	case MR_FRAME_INDEX:
		return header->entries > 0 && header->runs == 0
			&& header->entries <= behind / sizeof(struct mr_index_entry);
	default:
		return false;
	}
}

static bool runs_agree(const struct mr_frame_header *header)
{
	uint64_t bytes = sizeof(*header) + header->runs * sizeof(struct mr_frame_run);
	const struct mr_frame_run *runs = mr_journal_frame_runs(header);
	for (uint32_t i = 0; i < header->runs; i++) {
		if (runs[i].bytes == 0 || (runs[i].offset | runs[i].bytes) % 8 != 0)
			return false;
		bytes += runs[i].bytes;
	}
	return bytes == header->bytes;
}

int mr_journal_frame_check(
	const void *bytes, size_t available, uint64_t journal_id, uint64_t segment)
{
	const struct mr_frame_header *header = bytes;
	if (available < sizeof(*header) || !mr_journal_frame_sane(header, segment)
		|| header->bytes > available || header->check != check_of(header, journal_id))
		return -EBADMSG;
	if (header->kind != MR_FRAME_INDEX && !runs_agree(header))
		return -EBADMSG;
	return 0;
}
