// Commit frames (<millrace/journal.h>): building one in a commit buffer, and judging one that was
// read back.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <millrace/journal.h>
#include <millrace/record.h>

#include "stream.h"

enum {
	// What a frame of one record needs at most: less room than that in a segment is none.
	MR_FRAME_ROOM_MIN =
		(sizeof(struct mr_frame_header) + MR_STREAMS_MAX * sizeof(struct mr_frame_run)
			+ MR_RECORD_BYTES_MAX + MR_JOURNAL_BLOCK_BYTES - 1)
		/ MR_JOURNAL_BLOCK_BYTES * MR_JOURNAL_BLOCK_BYTES,
};

static inline uint64_t mr_blocks_up(uint64_t bytes)
{
	return (bytes + MR_JOURNAL_BLOCK_BYTES - 1) & ~(uint64_t)(MR_JOURNAL_BLOCK_BYTES - 1);
}

// -- Building

// Where a run's bytes are taken from.
struct mr_journal_frame_source {
	const struct mr_stream *stream; // NULL: `bytes`
	const void *bytes;
};

struct mr_journal_frame {
	uint8_t *buffer;
	uint64_t room; // bytes of the frame, padding included
	uint64_t payload; // bytes of the runs so far
	uint64_t payload_max;
	uint32_t runs_count;
	struct mr_frame_run runs[MR_STREAMS_MAX];
	struct mr_journal_frame_source sources[MR_STREAMS_MAX];
};

// What a frame says besides its runs: the fields of the same names.
struct mr_journal_frame_carry {
	enum mr_journal_frame_kind kind;
	uint64_t journal_id; // seeds the check
	uint64_t sequence;
	uint64_t segment;
	uint64_t previous;
	uint64_t durable_through;
	uint64_t replay_frame;
	uint64_t replay_segment;
	uint64_t oldest_segment;
	int64_t at_ns;
};

// `buffer` is aligned to 4096 and has `room` bytes, a multiple of that, at most MR_FRAME_BYTES_MAX;
// the runs have at most `payload_max` bytes.
void mr_journal_frame_begin(
	struct mr_journal_frame *frame, void *buffer, uint64_t room, uint64_t payload_max);
// Adds as many whole records of [from, to) as fit; returns their bytes. The range consists of whole
// records, is published, and stays in the stream's buffer until mr_journal_frame_finish.
uint32_t mr_journal_frame_add(
	struct mr_journal_frame *frame, const struct mr_stream *stream, uint64_t from, uint64_t to);
// The same out of memory: whole records, which will stand at `offset` of the stream.
uint32_t mr_journal_frame_add_bytes(struct mr_journal_frame *frame, uint16_t stream,
	uint64_t offset, const void *bytes, uint64_t length);
// Copies the runs, fills the header, pads. Returns the length to write, a multiple of 4096.
uint32_t mr_journal_frame_finish(
	struct mr_journal_frame *frame, const struct mr_journal_frame_carry *carry);
// The closing frame of a segment instead: `entries` of mr_index_entry with the offsets of `streams`
// streams each stand in `index`.
uint32_t mr_journal_frame_finish_index(struct mr_journal_frame *frame,
	const struct mr_journal_frame_carry *carry, const void *index, uint32_t entries,
	uint32_t streams);

static inline uint32_t mr_index_entry_bytes(uint32_t streams)
{
	return (uint32_t)(sizeof(struct mr_index_entry) + 8 * streams);
}

static inline const struct mr_frame_header *mr_journal_frame_header_of(
	const struct mr_journal_frame *frame)
{
	return (const struct mr_frame_header *)(const void *)frame->buffer;
}

// -- Judging

// Could this be a frame of the segment with that number? By its header alone (sizeof *header bytes
// must be readable): enough to know how much to read for mr_journal_frame_check.
bool mr_journal_frame_sane(const struct mr_frame_header *header, uint64_t segment);

// What the frame takes in the segment, padding included. The header is sane.
static inline uint32_t mr_journal_frame_length(const struct mr_frame_header *header)
{
	return (uint32_t)mr_blocks_up(header->bytes);
}

// A whole frame of this journal and segment, every byte as it was written: header sane, runs and
// bytes agree, check right. 0 or -EBADMSG. The chain is mr_journal_frame_follows. (How many offsets
// an entry of an index has, the segment's header says.)
int mr_journal_frame_check(
	const void *bytes, size_t available, uint64_t journal_id, uint64_t segment);

// The frame comes right behind that one (sequence and `check`).
static inline bool mr_journal_frame_follows(
	const struct mr_frame_header *header, uint64_t sequence, uint64_t check)
{
	return header->sequence == sequence + 1 && header->previous == check;
}

static inline const struct mr_frame_run *mr_journal_frame_runs(const struct mr_frame_header *header)
{
	return (const struct mr_frame_run *)(header + 1);
}

static inline const uint8_t *mr_journal_frame_payload(const struct mr_frame_header *header)
{
	return (const uint8_t *)(mr_journal_frame_runs(header) + header->runs);
}
