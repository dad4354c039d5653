// Reading records that have left memory: mr_backend_reader over the segment map and the lcore's
// io_uring. One per stage, used by its thread alone. A miss starts one read of a chunk and answers
// WAIT; chunks are kept and reused in the order of use, so a lane that drains its backlog reads
// each of them once.
#pragma once

#include <stdint.h>

#include "arena.h"
#include "net.h"
#include "reader.h"
#include "segment_map.h"

struct mr_journal_reader;

struct mr_journal_reader_config {
	const struct mr_segment_map *map;
	uint32_t chunks; // kept, of MR_JOURNAL_CHUNK_BYTES each
};

enum { MR_JOURNAL_CHUNK_BYTES = 1 << 18 };

struct mr_journal_reader *mr_journal_reader_new(
	struct mr_arena *arena, const struct mr_journal_reader_config *config);
// By the thread that uses it, before its first fetch, and after its last one.
void mr_journal_reader_attach(struct mr_journal_reader *reader, struct mr_net *net);
void mr_journal_reader_detach(struct mr_journal_reader *reader);
struct mr_backend_reader mr_journal_reader_backend(struct mr_journal_reader *reader);
