#include "journal_reader.h"

#include <errno.h>
#include <string.h>

#include <millrace/journal.h>

#include "chunk.h"
#include "damage.h"
#include "mr_assert.h"
#include "record_codec.h"

enum {
	BLOCK = MR_JOURNAL_BLOCK_BYTES,
	CHUNK_BLOCKS = MR_JOURNAL_CHUNK_BYTES / MR_JOURNAL_BLOCK_BYTES,
	// Fetches after which a chunk may go all the same: one that nobody has come for, and, per
	// chunk of the reader, one that somebody is in the middle of.
	PATIENCE = 1 << 16,
	PATIENCE_IN_USE = 8,
	// After failures in a row nothing is read for so many fetches at most.
	PAUSE_SHIFT_MAX = 16,
};
static_assert(MR_JOURNAL_CHUNK_BYTES >= 2 * (MR_RECORD_BYTES_MAX + MR_JOURNAL_BLOCK_BYTES),
	"a chunk that begins with a record's block holds the record");

struct mr_journal_reader {
	const struct mr_segment_map *map;
	struct mr_net *net; // NULL: not attached
	struct mr_chunk *chunks;
	uint32_t chunks_count;
	mr_counter *reads, *reads_failed;
	uint64_t fetches;
	uint32_t failures; // in a row
	uint64_t paused_until; // count of fetches
	struct mr_damage damage;
};

static void read_done(struct mr_io *io, int32_t result);

struct mr_journal_reader *mr_journal_reader_new(
	struct mr_arena *arena, const struct mr_journal_reader_config *config)
{
	const uint32_t count = config->chunks;
	struct mr_journal_reader *reader =
		mr_arena_array(arena, "journal readers", struct mr_journal_reader, 1);
	struct mr_chunk *chunks = mr_arena_array(arena, "journal readers", struct mr_chunk, count);
	struct mr_extent *extents = mr_arena_array(
		arena, "journal readers", struct mr_extent, (size_t)count * MR_CHUNK_EXTENTS_MAX);
	uint8_t *bytes = mr_arena_take(arena, "journal chunks",
		(size_t)count * MR_JOURNAL_CHUNK_BYTES, MR_JOURNAL_BLOCK_BYTES);

	mr_assert(count >= 2 && count <= MR_JOURNAL_READER_CHUNKS_MAX);
	if (reader == NULL || chunks == NULL || extents == NULL || bytes == NULL)
		return NULL;
	*reader = (struct mr_journal_reader){
		.map = config->map,
		.chunks = chunks,
		.chunks_count = count,
		.reads = config->reads,
		.reads_failed = config->reads_failed,
	};
	for (uint32_t i = 0; i < count; i++)
		chunks[i] = (struct mr_chunk){
			.io.done = read_done,
			.reader = reader,
			.bytes = bytes + (size_t)i * MR_JOURNAL_CHUNK_BYTES,
			.extents = extents + (size_t)i * MR_CHUNK_EXTENTS_MAX,
		};
	return reader;
}

void mr_journal_reader_attach(struct mr_journal_reader *reader, struct mr_net *net)
{
	mr_assert(reader->net == NULL);
	reader->net = net;
}

void mr_journal_reader_detach(struct mr_journal_reader *reader)
{
	struct mr_net *net = reader->net;

	reader->net = NULL;
	for (uint32_t i = 0; i < reader->chunks_count && net != NULL; i++) {
		if (reader->chunks[i].io.busy)
			mr_net_cancel(net, &reader->chunks[i].io);
	}
}

static bool is_ready(const struct mr_chunk *chunk, uint64_t segment)
{
	return chunk->state == MR_CHUNK_READY && chunk->segment == segment;
}

static void use(struct mr_journal_reader *reader, struct mr_chunk *chunk)
{
	chunk->unused = false;
	chunk->spent = false;
	chunk->used_at = reader->fetches;
}

// The record after it is to be found elsewhere.
static void leave(struct mr_journal_reader *reader, struct mr_chunk *chunk)
{
	use(reader, chunk);
	chunk->spent = true;
}

// -- Reading
// Once a record is given up, who waits for others shall not pay for it.
static void fail(struct mr_journal_reader *reader, struct mr_chunk *chunk, mr_position position,
	enum mr_damage_kind kind)
{
	chunk->state = MR_CHUNK_EMPTY;
	chunk->used_at = 0;
	if (reader->net == NULL || chunk->segment < mr_segment_map_oldest(reader->map))
		return; // given up, or retired meanwhile
	if (reader->reads_failed != NULL)
		mr_count(reader->reads_failed, 1);
	if (mr_damage_note(&reader->damage, position, kind))
		reader->failures = 0;
	else if (reader->failures < PAUSE_SHIFT_MAX)
		reader->failures++;
	reader->paused_until = reader->fetches + (UINT64_C(1) << reader->failures);
}

static void ask_rest(struct mr_journal_reader *reader, struct mr_chunk *chunk)
{
	mr_net_read(reader->net, &chunk->io, chunk->fd, chunk->bytes + chunk->got_bytes,
		(size_t)chunk->blocks * BLOCK - chunk->got_bytes,
		(uint64_t)chunk->first_block * BLOCK + chunk->got_bytes);
}

static void read_done(struct mr_io *io, int32_t result)
{
	struct mr_chunk *chunk = (struct mr_chunk *)(void *)io;
	struct mr_journal_reader *reader = chunk->reader;

	mr_assert(chunk->state == MR_CHUNK_READING);
	if (result < BLOCK || reader->net == NULL
		|| chunk->segment < mr_segment_map_oldest(reader->map)) {
		fail(reader, chunk, chunk->wanted, MR_DAMAGE_READ);
		return;
	}
	chunk->got_bytes += (uint32_t)result / BLOCK * BLOCK;
	if (chunk->got_bytes < chunk->blocks * BLOCK) {
		ask_rest(reader, chunk);
		return;
	}
	chunk->state = MR_CHUNK_READY;
	chunk->unused = true;
	chunk->spent = false;
	chunk->used_at = reader->fetches;
	// What stands in front of a bad frame is as good as ever.
	if (!mr_chunk_walk(chunk) && chunk->extents_count == 0)
		fail(reader, chunk, chunk->wanted, MR_DAMAGE_BYTES);
}
static_assert(offsetof(struct mr_chunk, io) == 0, "an operation is the chunk's first member");

// Fetches that must have passed since a chunk was used before it may go.
static uint64_t patience_with(const struct mr_journal_reader *reader, const struct mr_chunk *chunk)
{
	if (chunk->state == MR_CHUNK_EMPTY || chunk->spent)
		return 0;
	return chunk->unused ? PATIENCE : PATIENCE_IN_USE * (uint64_t)reader->chunks_count;
}

// The one whose patience ended longest ago. NULL: all are under way, in use, or waited for.
static struct mr_chunk *choose(struct mr_journal_reader *reader)
{
	struct mr_chunk *best = NULL;
	uint64_t best_due = reader->fetches + 1;

	for (uint32_t i = 0; i < reader->chunks_count; i++) {
		struct mr_chunk *chunk = &reader->chunks[i];
		const uint64_t due = chunk->used_at + patience_with(reader, chunk);

		if (!chunk->io.busy && due < best_due) {
			best = chunk;
			best_due = due;
		}
	}
	return best;
}

// A chunk from `block` on, unless it is being read already. `from`: knows the frame that the block
// is in the middle of, and may have to go itself; NULL: a frame begins there.
static void want(struct mr_journal_reader *reader, const struct mr_segment_place *place,
	uint32_t block, mr_position position, const struct mr_chunk *from)
{
	mr_assert(block < place->end_block);
	for (uint32_t i = 0; i < reader->chunks_count; i++) {
		const struct mr_chunk *chunk = &reader->chunks[i];

		if (chunk->state == MR_CHUNK_READING && chunk->segment == place->segment
			&& (chunk->wanted == position || mr_chunk_has_block(chunk, block)))
			return;
	}
	struct mr_chunk *chunk = choose(reader);
	if (chunk == NULL || reader->net == NULL || reader->fetches < reader->paused_until)
		return;
	const uint32_t left = place->end_block - block;

	chunk->state = MR_CHUNK_READING;
	chunk->wanted = position;
	chunk->segment = place->segment;
	chunk->fd = place->fd;
	chunk->first_block = block;
	chunk->blocks = left < CHUNK_BLOCKS ? left : CHUNK_BLOCKS;
	chunk->got_bytes = 0;
	if (from != NULL) {
		mr_chunk_inherit(chunk, from);
	} else {
		chunk->extents_count = 0;
		chunk->walk_begin = chunk->walk_end = block;
	}
	if (reader->reads != NULL)
		mr_count(reader->reads, 1);
	ask_rest(reader, chunk);
}

// -- Finding
struct found {
	struct mr_chunk *chunk; // that knows where; NULL: none does
	struct mr_extent extent;
};

static struct found find_extent(
	struct mr_journal_reader *reader, uint64_t segment, mr_position position)
{
	for (uint32_t i = 0; i < reader->chunks_count; i++) {
		struct mr_chunk *chunk = &reader->chunks[i];
		const struct mr_extent *extent =
			is_ready(chunk, segment) ? mr_chunk_find(chunk, position) : NULL;

		if (extent != NULL)
			return (struct found){.chunk = chunk, .extent = *extent};
	}
	return (struct found){0};
}

// Where to look on for a position that no chunk knows: behind the frames that cannot have it.
static uint32_t walk_from(struct mr_journal_reader *reader, const struct mr_segment_place *place,
	mr_position position)
{
	uint32_t at = place->first_block;

	for (bool moved = true; moved;) {
		moved = false;
		for (uint32_t i = 0; i < reader->chunks_count; i++) {
			struct mr_chunk *chunk = &reader->chunks[i];

			if (!is_ready(chunk, place->segment) || chunk->walk_end <= at)
				continue;
			if (chunk->walk_begin <= at || chunk->wanted == position
				|| mr_chunk_knows_earlier(chunk, position)) {
				if (chunk->wanted == position)
					leave(reader,
						chunk); // others may be in the middle of theirs
				at = chunk->walk_end;
				moved = true;
			}
		}
	}
	return at;
}

// The map says that it is in this part of the segment, and the frames say that it is not.
static void forget_part(struct mr_journal_reader *reader, const struct mr_segment_place *place,
	mr_position position)
{
	for (uint32_t i = 0; i < reader->chunks_count; i++) {
		struct mr_chunk *chunk = &reader->chunks[i];

		if (is_ready(chunk, place->segment) && chunk->first_block < place->end_block
			&& chunk->first_block + chunk->blocks > place->first_block)
			fail(reader, chunk, position, MR_DAMAGE_READ);
	}
}

// Bytes of the chunk from a word of the file on; 0: it does not have it.
static uint32_t bytes_at(const struct mr_chunk *chunk, uint64_t at, const uint8_t **ret_bytes)
{
	const uint64_t begin = (uint64_t)chunk->first_block * BLOCK;
	const uint64_t end = begin + (uint64_t)chunk->blocks * BLOCK;

	if (at < begin || at >= end)
		return 0;
	*ret_bytes = chunk->bytes + (at - begin);
	return (uint32_t)(end - at);
}

enum copied { COPIED, CUT, BAD };

static enum copied copy_record(const uint8_t *bytes, uint32_t available, uint64_t left,
	void *ret_bytes, uint32_t *ret_length)
{
	struct mr_record record;

	if (left < sizeof(record))
		return BAD;
	if (available < sizeof(record))
		return CUT;
	memcpy(&record, bytes, sizeof(record));
	if (record.length > left || record.length > MR_RECORD_BYTES_MAX)
		return BAD;
	if (record.length > available)
		return CUT;
	if (mr_record_check(bytes, record.length) < 0)
		return BAD;
	memcpy(ret_bytes, bytes, record.length);
	*ret_length = record.length;
	return COPIED;
}

// It is known where the record stands.
static enum mr_read read_record(struct mr_journal_reader *reader,
	const struct mr_segment_place *place, mr_position position, const struct found *found,
	void *ret_bytes, uint32_t *ret_length)
{
	const uint64_t skip = position - found->extent.begin;
	const uint64_t at = (found->extent.at + skip) * 8;
	const uint64_t left = (found->extent.words - skip) * 8;
	const uint32_t block = (uint32_t)(at / BLOCK);

	for (uint32_t i = 0; i < reader->chunks_count; i++) {
		struct mr_chunk *chunk = &reader->chunks[i];
		const uint8_t *bytes;
		const uint32_t available =
			is_ready(chunk, place->segment) ? bytes_at(chunk, at, &bytes) : 0;

		if (available == 0)
			continue;
		enum copied copied = copy_record(bytes, available, left, ret_bytes, ret_length);
		if (copied == COPIED) {
			use(reader, chunk);
			reader->failures = 0;
			mr_damage_forget(&reader->damage, position);
			return MR_READ_HIT;
		}
		if (copied == BAD || chunk->first_block == block) {
			fail(reader, chunk, position,
				copied == BAD ? MR_DAMAGE_BYTES : MR_DAMAGE_READ);
			return MR_READ_WAIT;
		}
	}
	leave(reader, found->chunk);
	if (block < place->end_block)
		want(reader, place, block, position, found->chunk);
	else
		fail(reader, found->chunk, position, MR_DAMAGE_READ);
	return MR_READ_WAIT;
}

static enum mr_read fetch(void *state, mr_position position, void *ret_bytes, uint32_t *ret_length)
{
	struct mr_journal_reader *reader = state;
	struct mr_segment_place place;

	reader->fetches++;
	if (!mr_segment_map_place(reader->map, position, &place)
		|| mr_damage_is_lost(&reader->damage, position))
		return MR_READ_GONE;
	struct found found = find_extent(reader, place.segment, position);
	if (found.chunk != NULL)
		return read_record(reader, &place, position, &found, ret_bytes, ret_length);
	const uint32_t at = walk_from(reader, &place, position);
	if (at < place.end_block)
		want(reader, &place, at, position, NULL);
	else
		forget_part(reader, &place, position);
	return MR_READ_WAIT;
}

struct mr_backend_reader mr_journal_reader_backend(struct mr_journal_reader *reader)
{
	return (struct mr_backend_reader){.state = reader, .fetch = fetch};
}
