// A stream buffer: the newest bytes of one append-only sequence of records, written by one core and
// read by others without a lock. Offsets are absolute and never reused; byte x lives at x mod size
// (a power of two).
//
// Writer: stores the new `reserved` before it overwrites, then the words with release, then `tail`
// with release.
//
// Reader: loads `tail` with acquire, copies the words with acquire, loads `reserved` and discards
// the copy when the writer may have come round (reserved - offset > size). It parses only its
// private copy. A reader that loaded one new word has synchronised with its store, so it also sees
// the `reserved` that was stored before. (A seqlock whose sequence is the position; Boehm, "Can
// seqlocks get along with programming language memory models?", MSPC 2012.)
//
// Nobody but the owner writes; `watermark` is written by the journal stage alone; `floor` is the
// owner's business.
#pragma once

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

struct mr_stream {
	// Constant after start.
	_Atomic uint64_t *words;
	uint64_t size; // bytes, power of two
	uint64_t start; // nothing below was ever in the buffer
	uint16_t id; // stream number within the topology
	// Written by the owner.
	// end of what is appended: no byte below reserved - size can be read
	alignas(64) _Atomic uint64_t reserved;
	_Atomic uint64_t tail; // end of what is complete
	_Atomic uint64_t floor; // owner: everything below may be overwritten
	// Written by the journal stage.
	alignas(64) _Atomic uint64_t watermark; // end of what is durable
};

// `size` must be a power of two of at least 64 KiB. False when the arena has no room (or plans).
bool mr_stream_init(struct mr_stream *stream, struct mr_arena *arena, uint16_t id, uint64_t size,
	uint64_t start);

// -- Owner
// Where the next record will stand.
static inline uint64_t mr_stream_next(const struct mr_stream *stream)
{
	return atomic_load_explicit(&stream->reserved, memory_order_relaxed);
}

// Bytes that may be appended now: floor + size - next.
static inline uint64_t mr_stream_room(const struct mr_stream *stream)
{
	return atomic_load_explicit(&stream->floor, memory_order_relaxed) + stream->size
		- mr_stream_next(stream);
}

// Appends a whole record gathered from two parts (head, body), each a multiple of 8 bytes. The
// caller has checked the room. Returns the offset. The bytes are visible to readers at the next
// mr_stream_publish.
uint64_t mr_stream_append(struct mr_stream *stream, const void *head, size_t head_bytes,
	const void *body, size_t body_bytes);

#ifndef MR_STREAM_PLANT_RELAXED
enum { MR_STREAM_PUBLISH_ORDER = memory_order_release };
#else // test hook: the weakened publication that ThreadSanitizer must report
enum { MR_STREAM_PUBLISH_ORDER = memory_order_relaxed };
#endif

// Makes everything appended so far visible, and whatever else the owner wrote before; once per
// burst.
static inline void mr_stream_publish(struct mr_stream *stream)
{
	atomic_store_explicit(
		&stream->tail, mr_stream_next(stream), (memory_order)MR_STREAM_PUBLISH_ORDER);
}

// Moves the floor up (never down).
void mr_stream_retire(struct mr_stream *stream, uint64_t floor);
// The owner's own view of bytes it wrote: copies without checks. offset + bytes <= next.
void mr_stream_copy_own(
	const struct mr_stream *stream, uint64_t offset, void *ret_bytes, size_t bytes);

// Owner: one word without a copy (record headers, scope ids at fixed offsets).
static inline uint64_t mr_stream_word_own(const struct mr_stream *stream, uint64_t offset)
{
	return atomic_load_explicit(
		&stream->words[(offset & (stream->size - 1)) / 8], memory_order_relaxed);
}

// -- Readers on any core
// Copies `bytes` (a multiple of 8, like the offset) from `offset`. True when the copy is what was
// written there and the range is below `tail`; false when the writer has come round (or the range
// was never written): the copy is garbage.
bool mr_stream_read(const struct mr_stream *stream, uint64_t offset, void *ret_bytes, size_t bytes);

static inline uint64_t mr_stream_watermark(const struct mr_stream *stream)
{
	return atomic_load_explicit(&stream->watermark, memory_order_acquire);
}
