// Reading records that have left memory: mr_backend_reader over the segment map and the lcore's
// io_uring. One per stage, used by its thread alone. A miss starts one read of a chunk and answers
// WAIT; chunks are kept and reused in the order of use, so a lane that drains its backlog reads
// each of them once. A chunk that was read and not asked for yet is the last to go: with fewer
// chunks than lanes, lanes wait for each other, and none of them reads in vain.
//
// Everything read is durable and does not change while its segment lives. What cannot be read, or
// is not what was written, is counted and read again; it is GONE only with its segment.
#pragma once

#include <stdint.h>

#include <millrace/stats.h>

#include "arena.h"
#include "net.h"
#include "reader.h"
#include "segment_map.h"

struct mr_journal_reader;

struct mr_journal_reader_config {
	const struct mr_segment_map *map;
	uint32_t chunks; // kept, of MR_JOURNAL_CHUNK_BYTES each; two or more
	mr_counter *reads; // of the stage that has the reader; NULL: nobody counts
	mr_counter *reads_failed;
};

enum {
	MR_JOURNAL_CHUNK_BYTES = 1 << 18,
	// Operations of the net that a reader has under way at most: one per chunk.
	MR_JOURNAL_READER_CHUNKS_MAX = 1024,
};

struct mr_journal_reader *mr_journal_reader_new(
	struct mr_arena *arena, const struct mr_journal_reader_config *config);
// By the thread that uses it, before its first fetch, and after its last one: reads under way are
// given up, and end at the latest when the net is closed. Without a net every miss answers WAIT.
void mr_journal_reader_attach(struct mr_journal_reader *reader, struct mr_net *net);
void mr_journal_reader_detach(struct mr_journal_reader *reader);
struct mr_backend_reader mr_journal_reader_backend(struct mr_journal_reader *reader);
