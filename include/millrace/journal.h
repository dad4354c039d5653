// The journal on disk: segments of commit frames. Little-endian. docs/JOURNAL.md has the tables and
// says how a reader finds the end.
//
// A directory holds one journal: `owner` (locked by the process that writes), and segments
// `segment-<number, 16 hex digits>`. Segments are numbered from 1 without gaps; the oldest ones are
// recycled under new numbers. A segment is MR_JOURNAL_BLOCK_BYTES of header, then frames back to
// back, each a whole number of blocks. No block is written twice in a segment's life; what an
// earlier life left behind is told by the segment number that every frame carries.
//
// Segments are made ahead under the name that they will have: a file without a header of its own
// number was never begun and holds nothing. A segment is begun when all frames of the one before
// are durable, so only the last segment of a boot can have a torn tail.
#pragma once

#include <assert.h>
#include <stdint.h>

#include <millrace/limits.h>

enum {
	// 1: records of bans, pauses, posted webhooks and keys stand in the node stream. A reader
	// takes older versions.
	MR_JOURNAL_VERSION = 1,
	MR_JOURNAL_BLOCK_BYTES = 4096,
	MR_SEGMENT_MAGIC = 0x4753524d, // "MRSG"
	MR_FRAME_MAGIC = 0x5246524d, // "MRFR"
	MR_FRAME_BYTES_MAX = MR_JOURNAL_COMMIT_MAX + 2 * MR_JOURNAL_BLOCK_BYTES,
};

// First block of a segment, written (durably) before its first frame. Where a segment's streams
// begin: segments belong to one boot, whose streams have the ids
// [first_stream, first_stream + streams). Magic, version and check keep their places in every
// version.
struct mr_segment_header {
	uint32_t magic; // MR_SEGMENT_MAGIC
	uint16_t version; // MR_JOURNAL_VERSION
	uint16_t streams;
	uint64_t check; // XXH3-64 of the block with this field zero
	uint64_t number; // of the segment
	uint64_t journal_id; // random, made with the directory: one installation
	uint64_t boot; // rises by one per start
	uint64_t first_frame; // sequence of the frame behind the header
	int64_t begun_at_ns; // wall clock: retention by age
	uint64_t segment_bytes;
	// The same for the life of the installation: another value in the configuration is refused.
	uint32_t flows;
	uint32_t slots;
	uint64_t hash_seed;
	uint16_t first_stream;
	uint16_t reserved[3];
	uint64_t starts[MR_STREAMS_MAX]; // offset of each stream at the segment's begin
};
static_assert(sizeof(struct mr_segment_header) == 88 + 8 * MR_STREAMS_MAX, "journal format");
static_assert(sizeof(struct mr_segment_header) <= MR_JOURNAL_BLOCK_BYTES, "one block");

enum mr_journal_frame_kind {
	MR_FRAME_COMMIT = 1, // new bytes of streams; none when only the header has something to say
	// the same, written while a start rebuilds the state: counts only when a later frame's
	// `replay_segment` and `replay_frame` name the first frame of this snapshot
	MR_FRAME_SNAPSHOT = 2,
	MR_FRAME_INDEX = 3, // closes a segment: struct mr_index_entry[entries], no runs
};

// A run: new bytes of one stream, whole records. Runs stand behind the frame header, their bytes
// behind all runs, in the same order, without gaps.
struct mr_frame_run {
	uint64_t offset; // in the stream
	uint32_t bytes;
	uint16_t stream;
	uint16_t reserved;
};
static_assert(sizeof(struct mr_frame_run) == 16, "journal format");

struct mr_frame_header {
	uint32_t magic; // MR_FRAME_MAGIC
	uint16_t kind; // enum mr_journal_frame_kind
	uint16_t runs;
	// XXH3-64 of [16, bytes) of the frame, padding not included, seeded with the journal's id
	// XOR the first 8 bytes: a frame of another journal, and bytes that a producer made look
	// like a frame, are none
	uint64_t check;
	uint64_t sequence; // rises by one per frame, in the whole journal
	uint64_t segment; // number: the segment's generation
	uint64_t previous; // `check` of the frame before: the chain
	// Every frame up to this sequence was durable when this one was written. A bad frame up to
	// here is corruption; beyond it is the torn tail.
	uint64_t durable_through;
	// A start replays the journal from this frame on (0: from the first there is).
	uint64_t replay_frame;
	uint64_t replay_segment;
	uint64_t oldest_segment; // all from here to `segment` exist
	int64_t at_ns; // wall clock: when it was put together, and with it when its records were
	uint32_t bytes; // header, runs and payload; the frame ends at the next block
	uint32_t entries; // INDEX
};
static_assert(sizeof(struct mr_frame_header) == 88, "journal format");

// For each MiB of a segment: the first frame that begins in it, and how far each stream had come
// before it. Followed by one u64 offset per stream. The last entry is the index frame itself.
struct mr_index_entry {
	uint32_t block; // of the frame, in the segment
	uint32_t reserved;
	// uint64_t offsets[streams]
};
