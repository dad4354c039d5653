#include "backend_disk.h"

#include <stddef.h>
#include <string.h>

#include "disk_state.h"
#include "mr_assert.h"

// -- What others see

void disk_fail(struct mr_backend_disk *disk, int32_t error, uint64_t segment, uint64_t offset,
	uint64_t now_ns)
{
	struct mr_journal_board *board = disk->config.board;
	mr_assert(error < 0 && !disk->is_failed);
	disk->is_failed = true;
	atomic_store_explicit(&board->failed_error, error, memory_order_release);
	atomic_store_explicit(&board->failed_segment, segment, memory_order_release);
	atomic_store_explicit(&board->failed_offset, offset, memory_order_release);
	atomic_store_explicit(&board->failed_ns, now_ns, memory_order_release);
	atomic_store_explicit(&board->state, MR_JOURNAL_FAILED, memory_order_release);
	disk_show(disk);
}

void disk_set_full(struct mr_backend_disk *disk, bool is_full)
{
	_Atomic uint32_t *state = &disk->config.board->state;
	const uint32_t next = is_full ? MR_JOURNAL_FULL : MR_JOURNAL_OK;
	mr_assert(!disk->is_failed);
	if (atomic_load_explicit(state, memory_order_relaxed) == next)
		return;
	atomic_store_explicit(state, next, memory_order_release);
	disk_show(disk);
}

void disk_show(struct mr_backend_disk *disk)
{
	mr_counter *counters = disk->config.stats->counters;
	const struct mr_segment_map *map = disk->config.map;
	mr_gauge(&counters[MR_JOURNAL_SEGMENTS],
		mr_segment_map_end(map) - mr_segment_map_oldest(map));
	mr_gauge(&counters[MR_JOURNAL_SPARES], disk->spares_count);
	mr_gauge(&counters[MR_JOURNAL_DISK_BYTES], disk_files(disk) * disk->config.segment_bytes);
	mr_gauge(&counters[MR_JOURNAL_STATE],
		atomic_load_explicit(&disk->config.board->state, memory_order_relaxed));
}

// -- The back end

// The streams go on where the start has left them.
static void start(struct mr_backend_disk *disk, struct mr_stream *const *streams, uint32_t count)
{
	mr_assert(count == disk->config.streams_count);
	for (uint32_t i = 0; i < count; i++) {
		mr_assert(streams[i]->id == disk->config.place.first_stream + i);
		disk->built[i] = disk->durable[i] = mr_stream_watermark(streams[i]);
	}
	disk->is_started = true;
}

static uint64_t disk_commit(
	void *state, struct mr_stream *const *streams, uint32_t count, struct mr_now now)
{
	struct mr_backend_disk *disk = state;
	disk->wall_ns = now.wall_ns;
	if (disk->is_failed || disk->net == NULL)
		return 0;
	if (!disk->is_started)
		start(disk, streams, count);
	if (disk->error != 0) {
		disk_fail(disk, disk->error, disk->segment, disk->error_offset, now.mono_ns);
		return 0;
	}
	const uint64_t bytes = disk_take_written(disk, streams, now);
	disk_checkpoint_step(disk);
	disk_retire_step(disk, now);
	disk_spares_step(disk, now);
	if (disk->is_failed)
		return bytes;
	disk_segment_begin(disk, now);
	disk_write_more(disk, streams, now);
	mr_gauge(&disk->config.stats->counters[MR_JOURNAL_WRITES], disk->writes_count);
	mr_gauge(&disk->config.stats->counters[MR_JOURNAL_REPLAY_BYTES],
		disk->bytes - disk->replay_bytes);
	return bytes;
}

static uint64_t disk_next_due(void *state)
{
	const struct mr_backend_disk *disk = state;
	if (disk->is_failed || disk->pending_since_ns == 0
		|| disk->writes_count == MR_JOURNAL_COMMITS_MAX
		|| disk->segment_state != DISK_SEGMENT_OPEN)
		return UINT64_MAX;
	return disk->pending_since_ns + disk->config.commit_delay_ns;
}

static void disk_attach(void *state, struct mr_net *net)
{
	struct mr_backend_disk *disk = state;
	mr_assert(disk->net == NULL);
	disk->net = net;
	// Where the memlock limit forbids it, writes take the pages one by one.
	(void)mr_net_register(
		net, disk->writes[0].buffer, (size_t)MR_JOURNAL_COMMITS_MAX * MR_FRAME_BYTES_MAX);
}

static void disk_detach(void *state)
{
	struct mr_backend_disk *disk = state;
	disk->net = NULL; // nothing is written any more
}

struct mr_backend mr_backend_disk(struct mr_backend_disk *disk)
{
	return (struct mr_backend){
		.name = "disk",
		.state = disk,
		.commit = disk_commit,
		.next_due = disk_next_due,
		.attach = disk_attach,
		.detach = disk_detach,
	};
}

enum {
	// Two spares, the segment that is written, and one that can retire.
	FILES_MIN = MR_SEGMENT_SPARES + 2,
	// What a full journal still writes may go a little beyond the limit.
	FILES_MAX = MR_SEGMENTS_MAX - 64,
};

static uint64_t files_max(const struct mr_backend_disk_config *config)
{
	const uint64_t files = config->retention_bytes / config->segment_bytes;
	if (files < FILES_MIN)
		return FILES_MIN;
	return files < FILES_MAX ? files : FILES_MAX;
}

// In the segment where the snapshot ends.
static void go_on(struct mr_backend_disk *disk)
{
	const struct mr_journal_place *place = &disk->config.place;
	const uint32_t entry_bytes = mr_index_entry_bytes(disk->config.streams_count);
	if (place->at == 0)
		return;
	const struct mr_segment_facts facts =
		mr_segment_map_facts(disk->config.map, place->segment);
	struct mr_index_entry last;
	mr_assert(place->index_count > 0 && facts.fd >= 0);
	mr_assert((uint64_t)place->index_count * entry_bytes <= disk->index_room);
	memcpy(disk->index, place->index, (size_t)place->index_count * entry_bytes);
	memcpy(&last, disk->index + (size_t)(place->index_count - 1) * entry_bytes, sizeof(last));
	disk->index_count = place->index_count;
	disk->index_mark = (uint64_t)last.block * MR_JOURNAL_BLOCK_BYTES / DISK_MARK_BYTES;
	disk->fd = facts.fd;
	disk->at = place->at;
	disk->begun_at_ns = facts.begun_at_ns;
	disk->segment_state = DISK_SEGMENT_OPEN;
}

struct mr_backend_disk *mr_backend_disk_new(
	struct mr_arena *arena, const struct mr_backend_disk_config *config)
{
	const uint64_t index_room = disk_index_room(config);
	mr_assert(config->streams_count >= 1 && config->streams_count <= MR_STREAMS_MAX);
	mr_assert(config->segment_bytes >= MR_SEGMENT_BYTES_MIN);
	mr_assert(config->segment_bytes % MR_JOURNAL_BLOCK_BYTES == 0);
	mr_assert(index_room <= MR_FRAME_BYTES_MAX);
	mr_assert(config->commit_bytes_max >= MR_RECORD_BYTES_MAX
		&& config->commit_bytes_max <= MR_JOURNAL_COMMIT_MAX);
	struct mr_backend_disk *disk =
		mr_arena_array(arena, "journal commits", struct mr_backend_disk, 1);
	uint8_t *index = mr_arena_take(arena, "journal commits", index_room, 64);
	uint8_t *buffers = mr_arena_take(arena, "journal commits",
		(size_t)MR_JOURNAL_COMMITS_MAX * MR_FRAME_BYTES_MAX, MR_JOURNAL_BLOCK_BYTES);
	if (disk == NULL || index == NULL || buffers == NULL)
		return NULL;
	for (uint32_t i = 0; i < MR_JOURNAL_COMMITS_MAX; i++) {
		disk->writes[i].disk = disk;
		disk->writes[i].buffer = buffers + (size_t)i * MR_FRAME_BYTES_MAX;
	}
	disk->config = *config;
	disk->files_max = files_max(config);
	disk->index_room = index_room;
	disk->index = index;
	disk->sequence = disk->durable_sequence = config->place.frame;
	disk->previous = config->place.previous;
	disk->segment = config->place.segment;
	disk->replay_frame = config->place.replay_frame;
	disk->replay_segment = config->place.replay_segment;
	disk->oldest_built = disk->oldest_durable = config->place.oldest_segment;
	go_on(disk);
	// What an earlier run made ahead or retired. What stays is in the way, and reported then.
	(void)mr_segment_sweep(
		config->disk, mr_segment_map_oldest(config->map), config->place.segment);
	return disk;
}
