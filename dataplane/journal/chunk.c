#include "chunk.h"

#include <string.h>

#include <millrace/journal.h>

#include "journal_frame.h"
#include "mr_assert.h"

enum { BLOCK = MR_JOURNAL_BLOCK_BYTES, BLOCK_WORDS = MR_JOURNAL_BLOCK_BYTES / 8 };
static_assert(MR_CHUNK_EXTENTS_MAX >= 2 * MR_STREAMS_MAX, "a frame fits behind an inherited one");
static_assert(
	sizeof(struct mr_frame_header) + MR_STREAMS_MAX * sizeof(struct mr_frame_run) <= BLOCK,
	"the runs of a frame stand in its first block");

// How many extents begin at or before the position.
static uint32_t count_until(const struct mr_chunk *chunk, mr_position position)
{
	uint32_t low = 0, high = chunk->extents_count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (chunk->extents[middle].begin <= position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct mr_extent *mr_chunk_find(const struct mr_chunk *chunk, mr_position position)
{
	const uint32_t until = count_until(chunk, position);

	if (until == 0)
		return NULL;
	const struct mr_extent *extent = &chunk->extents[until - 1];

	return position - extent->begin < extent->words ? extent : NULL;
}

bool mr_chunk_knows_earlier(const struct mr_chunk *chunk, mr_position position)
{
	const uint32_t until = count_until(chunk, position);

	return until > 0
		&& mr_position_stream(chunk->extents[until - 1].begin)
		== mr_position_stream(position);
}

static void add(struct mr_chunk *chunk, struct mr_extent extent)
{
	const uint32_t at = count_until(chunk, extent.begin);

	mr_assert(chunk->extents_count < MR_CHUNK_EXTENTS_MAX);
	memmove(chunk->extents + at + 1, chunk->extents + at,
		(chunk->extents_count - at) * sizeof(extent));
	chunk->extents[at] = extent;
	chunk->extents_count++;
}

void mr_chunk_inherit(struct mr_chunk *chunk, const struct mr_chunk *from)
{
	const uint64_t begin = (uint64_t)chunk->first_block * BLOCK_WORDS;

	uint32_t count = 0;

	mr_assert(from->segment == chunk->segment);
	for (uint32_t i = 0; i < from->extents_count; i++) {
		const struct mr_extent extent = from->extents[i];

		if ((uint64_t)extent.at + extent.words > begin)
			chunk->extents[count++] = extent;
	}
	chunk->extents_count = count;
	chunk->walk_begin = chunk->walk_end = from->walk_end;
}

// False: there is no room for all of them.
static bool take_runs(struct mr_chunk *chunk, const struct mr_frame_header *header)
{
	const struct mr_frame_run *runs = mr_journal_frame_runs(header);
	const uint8_t *file = chunk->bytes - (uint64_t)chunk->first_block * BLOCK;
	uint64_t at = (uint64_t)(mr_journal_frame_payload(header) - file);

	if (chunk->extents_count + header->runs > MR_CHUNK_EXTENTS_MAX)
		return false;
	for (uint32_t i = 0; i < header->runs; i++) {
		add(chunk,
			(struct mr_extent){
				.begin = mr_position_make(runs[i].stream, runs[i].offset),
				.words = runs[i].bytes / 8,
				.at = (uint32_t)(at / 8),
			});
		at += runs[i].bytes;
	}
	return true;
}

bool mr_chunk_walk(struct mr_chunk *chunk)
{
	while (mr_chunk_has_block(chunk, chunk->walk_end)) {
		const struct mr_frame_header *header = (const void *)(chunk->bytes
			+ (uint64_t)(chunk->walk_end - chunk->first_block) * BLOCK);

		if (!mr_journal_frame_sane(header, chunk->segment))
			return false;
		if (!take_runs(chunk, header))
			return true;
		chunk->walk_end += mr_journal_frame_length(header) / BLOCK;
	}
	return true;
}
