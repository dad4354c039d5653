// Commits: frames of what is new in the streams, several under way, counted in order.
#include <errno.h>
#include <string.h>

#include "disk_state.h"
#include "failpoint.h"
#include "histogram.h"
#include "mr_assert.h"
#include "plant.h"

enum { EAGER_PART = 16 }; // of the largest commit: worth a write of its own

// -- Writes

static void send_rest(struct disk_write *write)
{
	struct mr_backend_disk *disk = write->disk;
	mr_net_write_durable(disk->net, &write->io, disk->fd, write->buffer + write->done,
		write->length - write->done, write->offset + write->done);
}

// A short write goes on at the border of the last block that it has not filled. Nothing counts
// before the whole frame is written.
static void write_done(struct mr_io *io, int32_t result)
{
	struct disk_write *write = (struct disk_write *)io;
	struct mr_backend_disk *disk = write->disk;
	if (disk->error != 0 || disk->is_failed)
		return;
	if (result >= 0 && (uint32_t)result == write->length - write->done) {
		write->written = true;
		return;
	}
	if (result < 0 || ++write->resubmits > DISK_RESUBMITS_MAX) {
		disk->error = result < 0 ? result : -EIO;
		disk->error_offset = write->offset + write->done;
		return;
	}
	mr_assert((uint32_t)result < write->length - write->done);
	disk_count(disk, MR_JOURNAL_SHORT_WRITES);
	write->done += (uint32_t)result & ~(uint32_t)(MR_JOURNAL_BLOCK_BYTES - 1);
	send_rest(write);
}

static struct disk_write *write_at(struct mr_backend_disk *disk, uint32_t index)
{
	return &disk->writes[(disk->oldest_write + index) % MR_JOURNAL_COMMITS_MAX];
}

struct disk_write *disk_next_write(struct mr_backend_disk *disk)
{
	mr_assert(disk->writes_count < MR_JOURNAL_COMMITS_MAX);
	return write_at(disk, disk->writes_count);
}

void disk_submit(struct mr_backend_disk *disk, struct disk_write *write, uint64_t now_ns)
{
	mr_assert(!write->io.busy && disk->error == 0 && !disk->is_failed);
	mr_assert(write->length > 0 && write->length % MR_JOURNAL_BLOCK_BYTES == 0);
	write->io.done = write_done;
	write->done = 0;
	write->resubmits = 0;
	write->written = false;
	write->counted_stall = false;
	write->begun_ns = now_ns;
	disk->writes_count++;
	send_rest(write);
}

// -- Building

struct mr_journal_frame_carry disk_carry(
	const struct mr_backend_disk *disk, enum mr_journal_frame_kind kind)
{
	return (struct mr_journal_frame_carry){
		.kind = kind,
		.journal_id = disk->config.place.journal_id,
		.sequence = disk->sequence + 1,
		.segment = disk->segment,
		.previous = disk->previous,
		.durable_through = disk->durable_sequence,
		.replay_frame = disk->replay_frame,
		.replay_segment = disk->replay_segment,
		.oldest_segment = mr_segment_map_oldest(disk->config.map),
		.at_ns = disk->wall_ns,
	};
}

void disk_submit_frame(struct mr_backend_disk *disk, struct disk_write *write, uint32_t length,
	uint64_t payload, uint64_t now_ns)
{
	const struct mr_frame_header *header =
		(const struct mr_frame_header *)(const void *)write->buffer;
	mr_assert(header->sequence == disk->sequence + 1);
	write->kind = DISK_FRAME;
	write->length = length;
	write->offset = disk->at;
	write->sequence = header->sequence;
	write->payload = payload;
	write->oldest_segment = header->oldest_segment;
	memcpy(write->ends, disk->built, sizeof(write->ends));
	disk->sequence = header->sequence;
	disk->previous = header->check;
	disk->oldest_built = header->oldest_segment;
	disk->at += length;
	disk->bytes += length;
	MR_FAILPOINT(commit_before_submit);
	disk_submit(disk, write, now_ns);
}

// A frame that one stream alone fills does not make the others wait: the one behind it begins the
// next frame.
static void add_runs(struct mr_backend_disk *disk, struct mr_stream *const *streams,
	const uint64_t *tails, struct mr_journal_frame *frame)
{
	const uint32_t count = disk->config.streams_count;
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t at = (disk->turn + i) % count;
		if (tails[at] == disk->built[at])
			continue;
		disk->built[at] +=
			mr_journal_frame_add(frame, streams[at], disk->built[at], tails[at]);
		if (disk->built[at] < tails[at]) {
			disk->turn = (at + 1) % count;
			return;
		}
	}
}

// What the streams hold below counts now.
static void publish(
	const struct mr_backend_disk *disk, struct mr_stream *const *streams, const uint64_t *ends)
{
	for (uint32_t i = 0; i < disk->config.streams_count; i++)
		if (ends[i] != mr_stream_watermark(streams[i]))
			atomic_store_explicit(
				&streams[i]->watermark, ends[i], memory_order_release);
}

static void write_frame(struct mr_backend_disk *disk, struct mr_stream *const *streams,
	const uint64_t *tails, uint64_t now_ns)
{
	struct disk_write *write = disk_next_write(disk);
	const uint64_t room = disk_segment_room(disk);
	struct mr_journal_frame frame;
	mr_journal_frame_begin(&frame, write->buffer,
		room < MR_FRAME_BYTES_MAX ? room : MR_FRAME_BYTES_MAX,
		disk->config.commit_bytes_max);
	disk_index_note(disk);
	disk_checkpoint_note(disk);
	add_runs(disk, streams, tails, &frame);
	const struct mr_journal_frame_carry carry = disk_carry(disk, MR_FRAME_COMMIT);
	const uint32_t length = mr_journal_frame_finish(&frame, &carry);
	disk_submit_frame(disk, write, length, frame.payload, now_ns);
	if (mr_plant_acks_early())
		publish(disk, streams, disk->built);
}

// How much is new; `ret_tails`: up to where.
static uint64_t look_for_new(const struct mr_backend_disk *disk, struct mr_stream *const *streams,
	uint64_t ret_tails[MR_STREAMS_MAX])
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < disk->config.streams_count; i++) {
		ret_tails[i] = atomic_load_explicit(&streams[i]->tail, memory_order_acquire);
		mr_assert(ret_tails[i] >= disk->built[i]);
		bytes += ret_tails[i] - disk->built[i];
	}
	return bytes;
}

// A frame has something to say: new bytes, which wait for company, so that a trickle does not cost
// a block for every record; or that a segment is retired.
static bool is_frame_due(struct mr_backend_disk *disk, uint64_t bytes, uint64_t now_ns)
{
	if (mr_segment_map_oldest(disk->config.map) != disk->oldest_built)
		return true;
	if (bytes == 0)
		return false;
	if (disk->pending_since_ns == 0)
		disk->pending_since_ns = now_ns;
	return bytes >= disk->config.commit_bytes_max / EAGER_PART
		|| now_ns - disk->pending_since_ns >= disk->config.commit_delay_ns;
}

void disk_write_more(
	struct mr_backend_disk *disk, struct mr_stream *const *streams, struct mr_now now)
{
	uint64_t tails[MR_STREAMS_MAX];
	uint64_t bytes = look_for_new(disk, streams, tails);
	while (disk->writes_count < MR_JOURNAL_COMMITS_MAX) {
		const bool is_due = is_frame_due(disk, bytes, now.mono_ns);
		if (disk->segment_state != DISK_SEGMENT_OPEN)
			return;
		if ((disk_segment_is_old(disk) && disk->spares_count > 0)
			|| (is_due && disk_segment_room(disk) < MR_FRAME_ROOM_MIN)) {
			disk_segment_close(disk, now.mono_ns);
			return;
		}
		if (!is_due)
			return;
		write_frame(disk, streams, tails, now.mono_ns);
		bytes = look_for_new(disk, streams, tails);
		disk->pending_since_ns = bytes > 0 ? now.mono_ns : 0;
	}
}

// -- Counting

static uint64_t take_frame(struct mr_backend_disk *disk, struct mr_stream *const *streams,
	const struct disk_write *write)
{
	mr_assert(write->sequence == disk->durable_sequence + 1);
	MR_FAILPOINT(commit_after_completion);
	mr_segment_map_frame(disk->config.map, (uint32_t)(write->offset / MR_JOURNAL_BLOCK_BYTES),
		disk->durable);
	memcpy(disk->durable, write->ends, sizeof(disk->durable));
	mr_segment_map_durable(disk->config.map,
		(uint32_t)((write->offset + write->length) / MR_JOURNAL_BLOCK_BYTES),
		disk->durable);
	disk->durable_sequence = write->sequence;
	disk->oldest_durable = write->oldest_segment;
	if (!mr_plant_acks_early())
		publish(disk, streams, disk->durable);
	disk_count(disk, MR_JOURNAL_FRAMES);
	return write->payload;
}

static void look_for_stall(struct mr_backend_disk *disk, uint64_t now_ns)
{
	struct disk_write *oldest = disk->writes_count > 0 ? write_at(disk, 0) : NULL;
	atomic_store_explicit(&disk->config.board->stalled_since_ns,
		oldest == NULL ? 0 : oldest->begun_ns, memory_order_release);
	if (oldest == NULL || oldest->counted_stall || now_ns - oldest->begun_ns < DISK_STALL_NS)
		return;
	oldest->counted_stall = true;
	disk_count(disk, MR_JOURNAL_STALLS);
}

uint64_t disk_take_written(
	struct mr_backend_disk *disk, struct mr_stream *const *streams, struct mr_now now)
{
	uint64_t bytes = 0;
	while (disk->writes_count > 0 && write_at(disk, 0)->written) {
		const struct disk_write *write = write_at(disk, 0);
		mr_histogram_record(&disk->config.stats->histograms[MR_HISTOGRAM_JOURNAL_WRITE],
			now.mono_ns - write->begun_ns);
		if (write->kind == DISK_HEADER)
			disk_segment_begun(disk, write);
		else
			bytes += take_frame(disk, streams, write);
		disk->oldest_write = (disk->oldest_write + 1) % MR_JOURNAL_COMMITS_MAX;
		disk->writes_count--;
	}
	if (disk->writes_count > 0)
		MR_FAILPOINT(commit_under_way);
	look_for_stall(disk, now.mono_ns);
	return bytes;
}
