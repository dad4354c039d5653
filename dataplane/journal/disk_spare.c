// Spares: the next segments' files, made ahead by the maker, or retired ones under a new name.
#include <errno.h>

#include "disk_state.h"
#include "failpoint.h"
#include "mr_assert.h"

// There is no room now, though there may be later; anything else is a broken disk.
static bool is_no_room(int32_t error)
{
	return error == -ENOSPC || error == -EDQUOT || error == -EFBIG || error == -EMFILE
		|| error == -ENFILE || error == -ENOMEM;
}

static void add_spare(struct mr_backend_disk *disk, int fd)
{
	mr_assert(disk->spares_count < MR_SEGMENT_SPARES && fd >= 0);
	disk->spares[disk->spares_count] = (struct disk_file){
		.number = disk->segment + disk->spares_count + 1,
		.bytes = disk->config.segment_bytes,
		.fd = fd,
	};
	disk->spares_count++;
	disk->is_spare_denied = false;
	disk->retry_ns = 0;
}

static void take_answer(
	struct mr_backend_disk *disk, const struct mr_maker_answer *answer, uint64_t now_ns)
{
	if (answer->kind == MR_MAKER_REMOVE) {
		if (answer->result < 0 && answer->result != -ENOENT)
			disk_fail(disk, answer->result, 0, 0, now_ns);
		return;
	}
	mr_assert(answer->kind == disk->asked);
	if (answer->kind == MR_MAKER_RENAME)
		MR_FAILPOINT(retire_after_recycle);
	else
		MR_FAILPOINT(spare_made);
	disk->asked = 0;
	if (answer->result >= 0) {
		add_spare(
			disk, answer->kind == MR_MAKER_MAKE ? answer->result : disk->recycling.fd);
		return;
	}
	if (answer->kind == MR_MAKER_RENAME)
		disk_retired_put_back(disk, disk->recycling);
	if (!is_no_room(answer->result)) {
		disk_fail(disk, answer->result, 0, 0, now_ns);
		return;
	}
	disk->is_spare_denied = true;
	disk->retry_ns = now_ns + DISK_RETRY_NS;
}

// The limit leaves out one spare, which then is kept for what lets segments retire. That never
// waits: a checkpoint without room would be the end of all retirement.
static bool is_at_limit(const struct mr_backend_disk *disk)
{
	const uint64_t files = disk_files(disk);
	return files >= (disk->spares_count > 0 ? disk->files_max : MR_SEGMENTS_MAX);
}

// Only frames set a retired file free: a start that retires all it has found must not wait for them
// before its own first segment.
static bool is_writing(const struct mr_backend_disk *disk)
{
	return disk->segment_state == DISK_SEGMENT_OPEN || disk->spares_count > 0;
}

static void ask(struct mr_backend_disk *disk, uint64_t now_ns)
{
	struct mr_maker_request request = {
		.kind = MR_MAKER_MAKE, .fd = -1, .bytes = disk->config.segment_bytes};
	if (disk_retired_take(disk, &disk->recycling)) {
		request.kind = MR_MAKER_RENAME;
		mr_segment_name(disk->recycling.number, request.name);
		mr_segment_name(disk->segment + disk->spares_count + 1, request.to);
	} else if (now_ns < disk->retry_ns) {
		return;
	} else if (disk_retired_is_coming(disk) && is_writing(disk)) {
		return;
	} else if (is_at_limit(disk)) {
		disk->is_spare_denied = true;
		return;
	} else {
		mr_segment_name(disk->segment + disk->spares_count + 1, request.name);
	}
	disk->asked = request.kind;
	if (mr_maker_ask(disk->config.maker, &request))
		return;
	disk->asked = 0;
	if (request.kind == MR_MAKER_RENAME)
		disk_retired_put_back(disk, disk->recycling);
}

void disk_spares_step(struct mr_backend_disk *disk, struct mr_now now)
{
	struct mr_maker_answer answer;
	while (!disk->is_failed && mr_maker_answered(disk->config.maker, &answer)) {
		take_answer(disk, &answer, now.mono_ns);
		disk_show(disk);
	}
	if (disk->is_failed)
		return;
	if (disk->asked == 0 && disk->spares_count < MR_SEGMENT_SPARES)
		ask(disk, now.mono_ns);
	// The last spare is kept for what lets segments retire; full until there are two again.
	if (disk->is_spare_denied && disk->spares_count <= 1)
		disk_set_full(disk, true);
	else if (disk->spares_count == MR_SEGMENT_SPARES)
		disk_set_full(disk, false);
}
