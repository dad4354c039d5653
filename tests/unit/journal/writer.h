// The writer on a fake disk in virtual time, and a reader of its own that walks the files and
// compares them with what was appended.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "backend_disk.h"
#include "disk_fake.h"
#include "net_fake.h"

enum {
	WRITER_STREAMS = 3,
	WRITER_STREAM_BYTES = 4 << 20,
	WRITER_SEGMENT_BYTES = 1 << 20,
	WRITER_FIRST_STREAM = 20,
	WRITER_RECORD_BYTES = 4040, // a batch record of 500 positions
};
#define WRITER_JOURNAL_ID UINT64_C(0x7777)
#define WRITER_WALL_NS    INT64_C(1700000000000000000)

struct writer {
	struct disk_fake *fake;
	struct mr_disk disk;
	struct mr_net *net;
	struct mr_arena arena;
	struct mr_segment_map *map;
	struct mr_stream streams[WRITER_STREAMS];
	struct mr_stream *served[WRITER_STREAMS];
	uint64_t records[WRITER_STREAMS]; // appended
	struct mr_owner_board owners[WRITER_STREAMS];
	struct mr_needs needs;
	struct mr_journal_board board;
	struct mr_stats_stage stats;
	struct mr_maker *maker;
	struct mr_backend_disk_config config;
	struct mr_journal *journal;
	uint64_t now_ns;
	bool is_maker_away; // requests wait
};

// Defaults of the configuration; tests change what they are about before writer_open.
void writer_init(struct writer *writer, uint64_t seed);
// Makes segment 1 as a start leaves it, and the writer behind it.
void writer_open(struct writer *writer);
void writer_close(struct writer *writer);

// Appends and publishes; fewer when the stream has no room. Returns how many.
uint32_t writer_append(struct writer *writer, uint32_t stream, uint32_t records);
void writer_step(struct writer *writer, uint64_t later_ns); // one step, so much later
void writer_run(struct writer *writer, uint64_t ns); // steps of 100 us
bool writer_is_durable(const struct writer *writer); // everything
// Appends to all streams in turn and runs until that is durable.
void writer_fill(struct writer *writer, uint64_t bytes);
// Owners do what they are asked: their state is appended.
void writer_checkpoint(struct writer *writer);
uint64_t writer_counter(const struct writer *writer, enum mr_counter_id counter);
uint32_t writer_state(const struct writer *writer); // enum mr_journal_state

// What the files hold.
struct writer_files {
	uint64_t oldest, newest; // segments that have a header
	uint64_t frames, commits, indexes;
	uint64_t last_frame;
	uint64_t oldest_said; // by the last frame
	uint64_t replay_frame, replay_segment;
	uint64_t commit_bytes_most; // of a frame's runs
	uint64_t spares; // files without a header of their own
	uint64_t ends[WRITER_STREAMS];
};
// Fails the test when a frame within the journal is bad, does not follow, or says something that is
// not so; when a record is not the one that was appended; or when anything up to the watermarks is
// missing.
struct writer_files writer_read(struct writer *writer);
