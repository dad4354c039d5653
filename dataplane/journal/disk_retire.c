// Retirement: the oldest segment goes when nobody needs it, or when age or bytes say so. A retired
// file waits until a durable frame says that it is gone; then it is used again, or removed when its
// descriptor can be closed (segment_map.h).
#include <stddef.h>

#include "disk_state.h"
#include "failpoint.h"
#include "mr_assert.h"

static uint64_t retired_count(const struct mr_backend_disk *disk)
{
	return disk->retired_end - disk->retired_first;
}

uint64_t disk_files(const struct mr_backend_disk *disk)
{
	const struct mr_segment_map *map = disk->config.map;
	return mr_segment_map_end(map) - mr_segment_map_oldest(map) + disk->spares_count
		+ retired_count(disk) + (disk->asked != 0)
		+ (disk->segment_state == DISK_SEGMENT_BEGINS);
}

static struct disk_file *retired_at(struct mr_backend_disk *disk, uint64_t index)
{
	return &disk->retired[index % DISK_RETIRED_MAX];
}

bool disk_retired_is_coming(struct mr_backend_disk *disk)
{
	return retired_count(disk) > 0
		&& retired_at(disk, disk->retired_first)->bytes == disk->config.segment_bytes;
}

// In order, so that the number that a spare had is below those of all files: to the scanner, a
// header of another number is of a renamed segment otherwise. One whose size is not that of today
// has to be removed first.
bool disk_retired_take(struct mr_backend_disk *disk, struct disk_file *ret_file)
{
	const struct disk_file *file = retired_at(disk, disk->retired_first);
	if (!disk_retired_is_coming(disk) || file->number >= disk->oldest_durable)
		return false;
	*ret_file = *file;
	disk->retired_first++;
	return true;
}

void disk_retired_put_back(struct mr_backend_disk *disk, struct disk_file file)
{
	mr_assert(retired_count(disk) < DISK_RETIRED_MAX);
	*retired_at(disk, --disk->retired_first) = file;
}

// -- May the oldest one go?

// An owner still reads its own stream there.
static bool is_kept(const struct mr_backend_disk *disk, uint64_t number)
{
	for (uint32_t i = 0; i < disk->config.streams_count; i++) {
		const struct mr_owner_board *owner = disk->config.owners[i];
		if (owner == NULL)
			continue;
		const uint64_t keep = atomic_load_explicit(&owner->keep, memory_order_acquire);
		const uint64_t next = mr_segment_map_start(disk->config.map, number + 1,
			(uint16_t)(disk->config.place.first_stream + i));
		if (keep != 0 && keep < next)
			return true;
	}
	return false;
}

static bool is_needed(const struct mr_backend_disk *disk, uint64_t number)
{
	for (uint32_t i = 0; i < MR_DELIVERIES_MAX && disk->config.needs[i] != NULL; i++)
		if (atomic_load_explicit(&disk->config.needs[i]->segments[number % MR_SEGMENTS_MAX],
			    memory_order_acquire)
			> 0)
			return true;
	return false;
}

// Everything in it is older than the begin of the next one.
static bool is_aged(const struct mr_backend_disk *disk, uint64_t number, struct mr_now now)
{
	const struct mr_segment_facts next = mr_segment_map_facts(disk->config.map, number + 1);
	return now.wall_ns > next.begun_at_ns
		&& (uint64_t)(now.wall_ns - next.begun_at_ns) > disk->config.retention_age_ns;
}

// A spare is wanted, and only a retired file could be one; or there are too many files.
static bool is_pressed(struct mr_backend_disk *disk)
{
	const uint64_t files = disk_files(disk) - retired_count(disk); // those go, or come back
	return files > disk->files_max
		|| (files == disk->files_max && disk->spares_count < MR_SEGMENT_SPARES
			&& disk->asked == 0 && retired_count(disk) == 0);
}

static void retire(struct mr_backend_disk *disk, uint64_t number, uint64_t now_ns)
{
	const struct mr_segment_facts facts = mr_segment_map_facts(disk->config.map, number);
	*retired_at(disk, disk->retired_end++) = (struct disk_file){
		.number = number,
		.bytes = facts.bytes,
		.retired_ns = now_ns,
		.fd = facts.fd,
	};
	mr_segment_map_retire(disk->config.map);
	MR_FAILPOINT(retire_before_recycle);
	disk_show(disk);
}

// True when the oldest segment went.
static bool retire_oldest(struct mr_backend_disk *disk, struct mr_now now)
{
	const uint64_t oldest = mr_segment_map_oldest(disk->config.map);
	if (retired_count(disk) + 1 >= DISK_RETIRED_MAX // one may be put back
		|| oldest + 1 >= mr_segment_map_end(disk->config.map))
		return false;
	const bool must = is_pressed(disk) || is_aged(disk, oldest, now);
	if (oldest >= disk->replay_segment) {
		disk->is_checkpoint_wanted |= must || disk->is_spare_denied;
		return false;
	}
	// keep before need: a shard lets go of an event after the lanes have counted it
	if (is_kept(disk, oldest))
		return false;
	if (is_needed(disk, oldest)) {
		if (!must)
			return false;
		disk_count(disk, MR_JOURNAL_EXPIRED_SEGMENTS);
	}
	retire(disk, oldest, now.mono_ns);
	return true;
}

// -- What becomes of the files

// Left over: nobody has needed it as a spare, and no reader can still have its descriptor.
static void remove_oldest(struct mr_backend_disk *disk, uint64_t now_ns)
{
	if (retired_count(disk) == 0)
		return;
	const struct disk_file *file = retired_at(disk, disk->retired_first);
	if (file->number >= disk->oldest_durable || now_ns - file->retired_ns < MR_SEGMENT_CLOSE_NS)
		return;
	struct mr_maker_request request = {.kind = MR_MAKER_REMOVE, .fd = file->fd};
	mr_segment_name(file->number, request.name);
	if (!mr_maker_ask(disk->config.maker, &request))
		return;
	disk->retired_first++;
	disk_show(disk);
}

void disk_retire_step(struct mr_backend_disk *disk, struct mr_now now)
{
	if (now.mono_ns < disk->look_ns && !is_pressed(disk))
		return;
	disk->is_checkpoint_wanted = false;
	if (!retire_oldest(disk, now))
		disk->look_ns = now.mono_ns + DISK_LOOK_NS;
	remove_oldest(disk, now.mono_ns);
}
