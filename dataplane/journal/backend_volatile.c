// `durability: memory`: what is complete counts as durable, and a restart forgets it.
#include <stddef.h>

#include "journal.h"
#include "mr_assert.h"

static uint64_t volatile_commit(
	void *state, struct mr_stream *const *streams, uint32_t count, struct mr_now now)
{
	(void)state;
	(void)now;
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct mr_stream *stream = streams[i];
		uint64_t tail = atomic_load_explicit(&stream->tail, memory_order_acquire);
		uint64_t mark = atomic_load_explicit(&stream->watermark, memory_order_relaxed);
		mr_assert(mark <= tail); // this stage is the watermark's only writer
		if (mark == tail)
			continue;
		bytes += tail - mark;
		atomic_store_explicit(&stream->watermark, tail, memory_order_release);
	}
	return bytes;
}

// Whoever asks has found the buffer overwritten, and there is no second copy. Without state: any
// thread.
static enum mr_read volatile_fetch(
	void *state, mr_position position, void *ret_bytes, uint32_t *ret_length)
{
	(void)state;
	(void)position;
	(void)ret_bytes;
	(void)ret_length;
	return MR_READ_GONE;
}

struct mr_backend mr_backend_volatile(void)
{
	return (struct mr_backend){
		.name = "memory",
		.commit = volatile_commit,
		.reader = {.state = NULL, .fetch = volatile_fetch},
		.is_volatile = true,
	};
}
