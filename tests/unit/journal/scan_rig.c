#include "scan_rig.h"

#include <assert.h>
#include <string.h>

void scan_rig_frame(struct scan_rig *rig)
{
	struct scan_rig_frame *frame = &rig->frames[rig->frames_count++];

	assert(rig->frames_count <= SCAN_RIG_FRAMES_MAX);
	frame->segment = rig->build.carry.segment;
	frame->offset = journal_build_frame(&rig->build);
	frame->check = rig->build.carry.previous;
	frame->bytes = (uint32_t)(rig->build.offset - frame->offset);
}

void scan_rig_turn(struct scan_rig *rig)
{
	struct scan_rig_frame *frame = &rig->frames[rig->frames_count++];

	assert(rig->frames_count <= SCAN_RIG_FRAMES_MAX);
	frame->segment = rig->build.carry.segment;
	frame->offset = rig->build.offset;
	journal_build_index(&rig->build);
	frame->check = rig->build.carry.previous;
	frame->bytes = (uint32_t)(rig->build.offset - frame->offset);
	journal_build_begin(&rig->build);
}

static void put_frame(struct scan_rig *rig, uint32_t n)
{
	for (uint32_t i = 0; i <= n % 3; i++)
		journal_build_event(&rig->build, (uint16_t)(SCAN_RIG_STREAM + i), 100 + n,
			(uint16_t)(n * 911 % 5000));
	scan_rig_frame(rig);
}

void scan_rig_open(struct scan_rig *rig, uint32_t frames)
{
	*rig = (struct scan_rig){.fake = disk_fake_new(1)};
	journal_build_open(
		&rig->build, disk_fake_disk(rig->fake), 0x1d1d1d1d, SCAN_RIG_SEGMENT_BYTES);
	journal_build_boot(&rig->build, SCAN_RIG_STREAM, 3);
	for (uint32_t segment = 0; segment < 3; segment++) {
		if (segment > 0)
			scan_rig_turn(rig);
		for (uint32_t i = 0; i < frames; i++)
			put_frame(rig, segment * frames + i);
	}
}

void scan_rig_close(struct scan_rig *rig)
{
	journal_build_close(&rig->build);
	disk_fake_free(rig->fake);
}

struct scan_rig_walk scan_rig_walk(const struct scan_rig *rig, struct disk_fake *fake)
{
	const struct mr_disk disk = disk_fake_disk(fake);
	struct scan_rig_walk walk = {0};
	struct mr_scan_frame frame;
	struct mr_scan *scan;

	walk.err = mr_scan_open(&disk, &scan, &walk.found, &walk.error);
	if (walk.err < 0)
		return walk;
	if (!walk.found.empty)
		mr_scan_seek(scan, walk.found.oldest_needed);
	while ((walk.err = mr_scan_next(scan, &frame, &walk.error)) > 0) {
		const struct scan_rig_frame *known = &rig->frames[walk.frames++];

		if (walk.frames > rig->frames_count || frame.header->check != known->check
			|| frame.segment != known->segment || frame.offset != known->offset)
			walk.strange++;
	}
	mr_scan_close(scan);
	return walk;
}
