// Checkpoints: owners are asked for their state, and when all of it is durable a start replays from
// the frame at which they were asked.
#include "disk_state.h"
#include "failpoint.h"
#include "mr_assert.h"

static void ask(struct mr_backend_disk *disk)
{
	disk->epoch++;
	disk->is_epoch_open = true;
	disk->epoch_frame = disk->sequence + 1;
	disk->epoch_segment = 0;
	disk->epoch_bytes = disk->bytes;
	// What an owner has appended before it sees the number is in its state or in a later frame.
	atomic_store_explicit(&disk->config.board->epoch, disk->epoch, memory_order_release);
	MR_FAILPOINT(checkpoint_begin);
}

void disk_checkpoint_note(struct mr_backend_disk *disk)
{
	if (disk->is_epoch_open && disk->epoch_frame == disk->sequence + 1)
		disk->epoch_segment = disk->segment;
}

static bool is_done(const struct mr_backend_disk *disk)
{
	if (disk->epoch_segment == 0 || disk->durable_sequence < disk->epoch_frame)
		return false;
	for (uint32_t i = 0; i < disk->config.streams_count; i++) {
		const struct mr_owner_board *owner = disk->config.owners[i];
		if (owner == NULL)
			continue;
		if (atomic_load_explicit(&owner->epoch, memory_order_acquire) < disk->epoch
			|| atomic_load_explicit(&owner->epoch_end, memory_order_acquire)
				> disk->durable[i])
			return false;
	}
	return true;
}

// After so many bytes, or as many as the last one took: one that is long must not bring on the
// next, or the journal would hold little else, and what is owed would expire.
static bool is_due(const struct mr_backend_disk *disk)
{
	const uint64_t took = disk->checkpoint_end_bytes - disk->epoch_bytes;
	return disk->bytes - disk->checkpoint_end_bytes
		>= (took > disk->config.checkpoint_bytes ? took : disk->config.checkpoint_bytes);
}

void disk_checkpoint_step(struct mr_backend_disk *disk)
{
	if (disk->is_epoch_open) {
		if (!is_done(disk))
			return;
		MR_FAILPOINT(checkpoint_end);
		disk->is_epoch_open = false;
		disk->replay_frame = disk->epoch_frame;
		disk->replay_segment = disk->epoch_segment;
		disk->replay_bytes = disk->epoch_bytes;
		disk->checkpoint_end_bytes = disk->bytes;
		disk->look_ns = 0; // segments may retire
		disk->is_checkpoint_wanted = false; // until that look
		disk_count(disk, MR_JOURNAL_CHECKPOINTS);
	}
	// One that is wanted to free segments frees none in the segment that it stands in.
	if (is_due(disk) || (disk->is_checkpoint_wanted && disk->replay_segment < disk->segment))
		ask(disk);
}
