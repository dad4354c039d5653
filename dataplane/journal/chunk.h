// A chunk: consecutive blocks of a segment in memory, and where in it the records of which stream
// stand. It knows that by itself, whatever other chunks are dropped: by the frames that begin in
// it, and by what it was told of the frame that it begins in the middle of.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/record.h>

#include "net.h"

// A part of a stream, or a whole run, and its place.
struct mr_extent {
	mr_position begin;
	uint32_t words; // of 8 bytes
	uint32_t at; // word of the segment's file
};

enum mr_chunk_state { MR_CHUNK_EMPTY, MR_CHUNK_READING, MR_CHUNK_READY };

struct mr_chunk {
	struct mr_io io;
	struct mr_journal_reader *reader;
	uint8_t *bytes; // aligned to a block
	struct mr_extent *extents; // by `begin`
	uint32_t extents_count;
	enum mr_chunk_state state;
	bool unused; // nobody has taken anything out of it since it was read
	bool spent; // who used it last has come to its end
	uint64_t used_at; // count of fetches
	mr_position wanted; // for whose sake it was read
	uint64_t segment;
	int fd;
	uint32_t first_block, blocks;
	uint32_t got_bytes; // while it is read
	// Blocks whose frames are known here. Frames begin at both of them.
	uint32_t walk_begin, walk_end;
};

enum { MR_CHUNK_EXTENTS_MAX = 512 };

// The extent that has the position; NULL: not known here.
const struct mr_extent *mr_chunk_find(const struct mr_chunk *chunk, mr_position position);
// Does it know a part of the position's stream that lies before it?
bool mr_chunk_knows_earlier(const struct mr_chunk *chunk, mr_position position);
// A chunk begins in the middle of a frame that `from` knows, or that it knew itself.
void mr_chunk_inherit(struct mr_chunk *chunk, const struct mr_chunk *from);
// Takes in the frames that begin in the chunk, from walk_end on. False: something else stands
// there.
bool mr_chunk_walk(struct mr_chunk *chunk);

static inline bool mr_chunk_has_block(const struct mr_chunk *chunk, uint32_t block)
{
	return block >= chunk->first_block && block - chunk->first_block < chunk->blocks;
}
