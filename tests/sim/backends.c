#include "backends.h"

#include <stdlib.h>
#include <string.h>

#include "mr_assert.h"

void sim_disk_init(struct sim_disk *disk, const struct sim_options *options)
{
	*disk = (struct sim_disk){.kind = options->disk, .lag_ns = options->disk_lag_ns};
	mr_rng_seed(&disk->rng, options->seed ^ 0xd15c);
}

void sim_disk_fini(struct sim_disk *disk)
{
	for (uint32_t i = 0; i < MR_STREAMS_MAX; i++)
		free(disk->files[i].bytes);
}

// What becomes durable goes to the file: nobody may have overwritten it.
static void keep(struct sim_disk *disk, const struct mr_stream *stream, uint64_t from, uint64_t to)
{
	struct sim_file *file = &disk->files[stream->id];
	if (to > file->size) {
		file->size = 2 * to;
		file->bytes = realloc(file->bytes, file->size);
		mr_assert(file->bytes != NULL);
	}
	bool whole = mr_stream_read(stream, from, file->bytes + from, to - from);
	mr_assert(whole);
	file->length = to;
}

static uint64_t make_durable(struct sim_disk *disk, struct mr_stream *stream, uint64_t to)
{
	uint64_t from = atomic_load_explicit(&stream->watermark, memory_order_relaxed);
	mr_assert(from <= to);
	if (from == to)
		return 0;
	if (disk->kind == SIM_DISK_KEEPS)
		keep(disk, stream, from, to);
	atomic_store_explicit(&stream->watermark, to, memory_order_release);
	return to - from;
}

// One commit is under way at a time: it covers what was there when it began.
static uint64_t commit(
	void *state, struct mr_stream *const *streams, uint32_t count, struct mr_now now)
{
	struct sim_disk *disk = state;
	uint64_t bytes = 0;
	if (now.mono_ns < disk->due_ns)
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t tail = atomic_load_explicit(&streams[i]->tail, memory_order_acquire);
		uint64_t ready = disk->written[i] != 0 ? disk->written[i] : MR_STREAM_START;
		bytes += make_durable(disk, streams[i], disk->lag_ns > 0 ? ready : tail);
		disk->written[i] = tail;
	}
	if (disk->lag_ns > 0)
		disk->due_ns = now.mono_ns + mr_rng_below(&disk->rng, disk->lag_ns);
	return bytes;
}

static enum mr_read fetch(void *state, mr_position position, void *ret_bytes, uint32_t *ret_length)
{
	struct sim_disk *disk = state;
	const struct sim_file *file = &disk->files[mr_position_stream(position)];
	uint64_t offset = mr_position_offset(position);
	struct mr_record head;
	if (mr_rng_chance(&disk->rng, 2, 3)) {
		disk->waits++;
		return MR_READ_WAIT;
	}
	if (disk->kind == SIM_DISK_LAGS) {
		disk->gones++;
		return MR_READ_GONE;
	}
	mr_assert(offset + sizeof(head) <= file->length);
	memcpy(&head, file->bytes + offset, sizeof(head));
	mr_assert(head.length <= MR_RECORD_BYTES_MAX && offset + head.length <= file->length);
	memcpy(ret_bytes, file->bytes + offset, head.length);
	*ret_length = head.length;
	disk->hits++;
	return MR_READ_HIT;
}

struct mr_backend sim_disk_backend(struct sim_disk *disk)
{
	if (disk->kind == SIM_DISK_MEMORY)
		return mr_backend_volatile();
	return (struct mr_backend){
		.name = "simulated",
		.state = disk,
		.commit = commit,
		.reader = {.state = disk, .fetch = fetch},
		.is_volatile = disk->kind == SIM_DISK_LAGS,
	};
}
