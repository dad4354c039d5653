#include "stream.h"

#include <string.h>

#include "mr_assert.h"

bool mr_stream_init(struct mr_stream *stream, struct mr_arena *arena, uint16_t id, uint64_t size,
	uint64_t start)
{
	mr_assert(size >= 65536 && (size & (size - 1)) == 0);
	mr_assert(start % 8 == 0);
	stream->words = mr_arena_array(arena, "stream buffers", _Atomic uint64_t, size / 8);
	stream->size = size;
	stream->start = start;
	stream->id = id;
	atomic_init(&stream->reserved, start);
	atomic_init(&stream->tail, start);
	atomic_init(&stream->floor, start);
	atomic_init(&stream->watermark, start);
	return stream->words != NULL;
}

static void store_words(_Atomic uint64_t *into, const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t word;
		memcpy(&word, bytes + i * 8, 8);
		atomic_store_explicit(&into[i], word, memory_order_release);
	}
}

static void load_words(const _Atomic uint64_t *from, uint8_t *ret_bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t word = atomic_load_explicit(&from[i], memory_order_acquire);
		memcpy(ret_bytes + i * 8, &word, 8);
	}
}

static void store_at(struct mr_stream *stream, uint64_t offset, const uint8_t *bytes, size_t length)
{
	uint64_t at = offset & (stream->size - 1);
	size_t first = length < stream->size - at ? length : stream->size - at;
	store_words(&stream->words[at / 8], bytes, first / 8);
	store_words(stream->words, bytes + first, (length - first) / 8);
}

static void load_at(
	const struct mr_stream *stream, uint64_t offset, uint8_t *ret_bytes, size_t length)
{
	uint64_t at = offset & (stream->size - 1);
	size_t first = length < stream->size - at ? length : stream->size - at;
	load_words(&stream->words[at / 8], ret_bytes, first / 8);
	load_words(stream->words, ret_bytes + first, (length - first) / 8);
}

uint64_t mr_stream_append(struct mr_stream *stream, const void *head, size_t head_bytes,
	const void *body, size_t body_bytes)
{
	uint64_t offset = mr_stream_next(stream);
	mr_assert((head_bytes | body_bytes) % 8 == 0);
	mr_assert(head_bytes + body_bytes <= mr_stream_room(stream));
	// Before any word is overwritten; the release of each word orders it.
	atomic_store_explicit(
		&stream->reserved, offset + head_bytes + body_bytes, memory_order_relaxed);
	store_at(stream, offset, head, head_bytes);
	if (body_bytes > 0)
		store_at(stream, offset + head_bytes, body, body_bytes);
	return offset;
}

void mr_stream_retire(struct mr_stream *stream, uint64_t floor)
{
	mr_assert(floor <= mr_stream_next(stream));
	if (floor > atomic_load_explicit(&stream->floor, memory_order_relaxed))
		atomic_store_explicit(&stream->floor, floor, memory_order_release);
}

void mr_stream_copy_own(
	const struct mr_stream *stream, uint64_t offset, void *ret_bytes, size_t bytes)
{
	mr_assert((offset | bytes) % 8 == 0);
	mr_assert_hot(offset + bytes <= mr_stream_next(stream));
	load_at(stream, offset, ret_bytes, bytes);
}

bool mr_stream_read(const struct mr_stream *stream, uint64_t offset, void *ret_bytes, size_t bytes)
{
	mr_assert((offset | bytes) % 8 == 0);
	uint64_t tail = atomic_load_explicit(&stream->tail, memory_order_acquire);
	if (offset < stream->start || offset > tail || bytes > tail - offset
		|| bytes > stream->size)
		return false;
	if (atomic_load_explicit(&stream->reserved, memory_order_relaxed) - offset > stream->size)
		return false;
	load_at(stream, offset, ret_bytes, bytes);
	return atomic_load_explicit(&stream->reserved, memory_order_relaxed) - offset
		<= stream->size;
}
