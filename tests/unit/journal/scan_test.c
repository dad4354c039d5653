// Scanning a sound journal, and one whose directory is wrong.
#include "scan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hash.h"
#include "record_codec.h"
#include "scan_rig.h"
#include "segment_file.h"

enum { BLOCK = MR_JOURNAL_BLOCK_BYTES };

static void every_frame_comes_in_its_order(void **state)
{
	(void)state;
	static struct scan_rig rig;

	scan_rig_open(&rig, 5);
	const struct scan_rig_walk walk = scan_rig_walk(&rig, rig.fake);

	assert_int_equal(walk.err, 0);
	assert_int_equal(walk.frames, 5 + 1 + 5 + 1 + 5);
	assert_int_equal(walk.strange, 0);
	assert_false(walk.found.empty);
	assert_int_equal(walk.found.last_frame, rig.build.carry.sequence);
	assert_int_equal(walk.found.last_check, rig.build.carry.previous);
	assert_int_equal(walk.found.oldest_segment, 1);
	assert_int_equal(walk.found.oldest_needed, 1);
	assert_int_equal(walk.found.newest_segment, 3);
	assert_int_equal(walk.found.newest.first_frame, 13);
	assert_int_equal(walk.found.tail_bytes_dropped, 0);
	assert_int_equal(walk.found.bytes, 3 * SCAN_RIG_SEGMENT_BYTES);
	scan_rig_close(&rig);
}

static void an_empty_directory_is_empty(void **state)
{
	(void)state;
	static const struct scan_rig none;
	struct disk_fake *fake = disk_fake_new(1);
	const struct scan_rig_walk walk = scan_rig_walk(&none, fake);

	assert_int_equal(walk.err, 0);
	assert_true(walk.found.empty);
	assert_int_equal(walk.frames, 0);
	disk_fake_free(fake);
}

static void a_segment_without_frames_ends_where_the_one_before_ends(void **state)
{
	(void)state;
	static struct scan_rig rig;

	scan_rig_open(&rig, 4);
	scan_rig_turn(&rig);
	const struct scan_rig_walk walk = scan_rig_walk(&rig, rig.fake);

	assert_int_equal(walk.err, 0);
	assert_int_equal(walk.frames, rig.frames_count);
	assert_int_equal(walk.strange, 0);
	assert_int_equal(walk.found.newest_segment, 4);
	assert_int_equal(walk.found.last_frame, rig.build.carry.sequence);
	assert_int_equal(walk.found.last_check, rig.build.carry.previous);
	scan_rig_close(&rig);
}

static void a_journal_goes_on_behind_a_torn_tail_in_the_next_boot(void **state)
{
	(void)state;
	static struct scan_rig rig;

	scan_rig_open(&rig, 4);
	const uint64_t end = rig.build.offset;
	const struct mr_journal_frame_carry carry = rig.build.carry;
	// never finished: its last block keeps zeros
	journal_build_event(&rig.build, SCAN_RIG_STREAM, 1, 6000);
	journal_build_frame(&rig.build);
	static const uint8_t zeros[BLOCK];
	disk_fake_tamper(rig.fake, "segment-0000000000000003", end + BLOCK, zeros, BLOCK);
	rig.build.carry = carry;
	struct scan_rig_walk walk = scan_rig_walk(&rig, rig.fake);
	assert_int_equal(walk.err, 0);
	assert_int_equal(walk.found.last_frame, carry.sequence);
	assert_int_equal(walk.found.tail_bytes_dropped, 2 * BLOCK);

	journal_build_boot(&rig.build, SCAN_RIG_STREAM + 3, 2);
	journal_build_event(&rig.build, SCAN_RIG_STREAM + 4, 5, 10);
	scan_rig_frame(&rig);
	journal_build_event(&rig.build, SCAN_RIG_STREAM + 4, 5, 10);
	scan_rig_frame(&rig);
	walk = scan_rig_walk(&rig, rig.fake);
	assert_int_equal(walk.err, 0);
	assert_int_equal(walk.frames, rig.frames_count);
	assert_int_equal(walk.strange, 0);
	assert_int_equal(walk.found.newest.boot, 2);
	scan_rig_close(&rig);
}

static void files_that_were_never_begun_hold_nothing(void **state)
{
	(void)state;
	static struct scan_rig rig;

	scan_rig_open(&rig, 4);
	const struct mr_disk disk = disk_fake_disk(rig.fake);
	int fd = disk.open(disk.state, "segment-0000000000000004", MR_DISK_WRITE | MR_DISK_CREATE);
	assert_int_equal(disk.make_zeroed(disk.state, fd, SCAN_RIG_SEGMENT_BYTES), 0);
	disk.close(disk.state, fd);
	// recycled: its life before has left a header and frames
	rig.build.carry.oldest_segment = 2;
	journal_build_frame(&rig.build);
	assert_int_equal(
		disk.rename(disk.state, "segment-0000000000000001", "segment-0000000000000005"), 0);
	const struct scan_rig_walk walk = scan_rig_walk(&rig, rig.fake);

	assert_int_equal(walk.err, 0);
	assert_int_equal(walk.found.newest_segment, 3);
	assert_int_equal(walk.found.oldest_needed, 2);
	scan_rig_close(&rig);
}

static void what_is_not_needed_may_be_missing_in_part(void **state)
{
	(void)state;
	static struct scan_rig rig;

	scan_rig_open(&rig, 4);
	const struct mr_disk disk = disk_fake_disk(rig.fake);
	rig.build.carry.oldest_segment = 3;
	journal_build_frame(&rig.build);
	disk.remove(disk.state, "segment-0000000000000002");
	const struct scan_rig_walk walk = scan_rig_walk(&rig, rig.fake);

	assert_int_equal(walk.err, 0);
	assert_int_equal(walk.found.oldest_segment, 1);
	assert_int_equal(walk.found.oldest_needed, 3);
	scan_rig_close(&rig);
}

static void what_is_not_needed_may_be_damaged(void **state)
{
	(void)state;
	static struct scan_rig rig;
	static const uint8_t byte = 0x55;

	scan_rig_open(&rig, 4);
	rig.build.carry.oldest_segment = 3;
	journal_build_frame(&rig.build);
	disk_fake_tamper(rig.fake, "segment-0000000000000002", 40, &byte, 1);
	const struct scan_rig_walk walk = scan_rig_walk(&rig, rig.fake);

	assert_int_equal(walk.err, 0);
	assert_int_equal(walk.found.oldest_needed, 3);
	scan_rig_close(&rig);
}

// -- A directory that is wrong
static void remove_the_second(const struct mr_disk *disk, struct disk_fake *fake)
{
	(void)fake;
	disk->remove(disk->state, "segment-0000000000000002");
}

static void remove_the_first(const struct mr_disk *disk, struct disk_fake *fake)
{
	(void)fake;
	disk->remove(disk->state, "segment-0000000000000001");
}

static void make_spares(const struct mr_disk *disk)
{
	static const char *const names[] = {"segment-0000000000000004", "segment-0000000000000005"};

	for (size_t i = 0; i < 2; i++) {
		int fd = disk->open(disk->state, names[i], MR_DISK_WRITE | MR_DISK_CREATE);

		assert_int_equal(disk->make_zeroed(disk->state, fd, SCAN_RIG_SEGMENT_BYTES), 0);
		disk->close(disk->state, fd);
	}
}

static void remove_the_newest(const struct mr_disk *disk, struct disk_fake *fake)
{
	(void)fake;
	make_spares(disk);
	disk->remove(disk->state, "segment-0000000000000003");
}

static void empty_the_newest(const struct mr_disk *disk, struct disk_fake *fake)
{
	remove_the_newest(disk, fake);
	disk->close(disk->state,
		disk->open(
			disk->state, "segment-0000000000000003", MR_DISK_WRITE | MR_DISK_CREATE));
}

static void swap_two(const struct mr_disk *disk, struct disk_fake *fake)
{
	(void)fake;
	disk->rename(disk->state, "segment-0000000000000001", "x");
	disk->rename(disk->state, "segment-0000000000000002", "segment-0000000000000001");
	disk->rename(disk->state, "x", "segment-0000000000000002");
}

static void change_header(
	struct disk_fake *fake, const char *name, void (*change)(struct mr_segment_header *header))
{
	alignas(BLOCK) static uint8_t block[BLOCK];
	uint64_t size;

	memcpy(block, disk_fake_look(fake, name, &size), BLOCK);
	change((void *)block);
	struct mr_segment_header *header = (void *)block;
	const uint16_t version = header->version;
	header->check = 0;
	mr_segment_seal(block);
	if (version != MR_JOURNAL_VERSION) { // which the seal does not know
		header->version = version;
		header->check = 0;
		header->check = mr_hash_bytes(block, BLOCK, 0);
	}
	disk_fake_tamper(fake, name, 0, block, BLOCK);
}

static void other_journal(struct mr_segment_header *header)
{
	header->journal_id++;
}

static void newer(struct mr_segment_header *header)
{
	header->version = MR_JOURNAL_VERSION + 1;
}

static void earlier_frames(struct mr_segment_header *header)
{
	header->first_frame = 1;
}

static void earlier_boot(struct mr_segment_header *header)
{
	header->boot = 0;
}

static void other_starts(struct mr_segment_header *header)
{
	header->starts[1] += 8;
}

static void bring_in_another(const struct mr_disk *disk, struct disk_fake *fake)
{
	(void)disk;
	change_header(fake, "segment-0000000000000002", other_journal);
}

static void make_newer(const struct mr_disk *disk, struct disk_fake *fake)
{
	(void)disk;
	change_header(fake, "segment-0000000000000002", newer);
}

static void begin_earlier(const struct mr_disk *disk, struct disk_fake *fake)
{
	(void)disk;
	change_header(fake, "segment-0000000000000003", earlier_frames);
}

static void go_back_to_an_earlier_boot(const struct mr_disk *disk, struct disk_fake *fake)
{
	(void)disk;
	change_header(fake, "segment-0000000000000003", earlier_boot);
}

static void move_starts(const struct mr_disk *disk, struct disk_fake *fake)
{
	(void)disk;
	change_header(fake, "segment-0000000000000003", other_starts);
}

static void damage_header(const struct mr_disk *disk, struct disk_fake *fake)
{
	static const uint8_t byte = 0x55;

	(void)disk;
	disk_fake_tamper(fake, "segment-0000000000000003", 40, &byte, 1);
}

static void damage_all_headers(const struct mr_disk *disk, struct disk_fake *fake)
{
	static const uint8_t byte = 0x55;

	(void)disk;
	disk_fake_tamper(fake, "segment-0000000000000001", 40, &byte, 1);
	disk_fake_tamper(fake, "segment-0000000000000002", 40, &byte, 1);
	disk_fake_tamper(fake, "segment-0000000000000003", 40, &byte, 1);
}

static void damage_reads(const struct mr_disk *disk, struct disk_fake *fake)
{
	(void)disk;
	disk_fake_break_reads(fake, -EIO);
}

static void a_wrong_directory_is_refused_by_name(void **state)
{
	(void)state;
	static const struct {
		void (*spoil)(const struct mr_disk *disk, struct disk_fake *fake);
		int err;
		uint64_t segment;
		const char *says;
	} rows[] = {
		{remove_the_second, -EBADMSG, 2, "segment-0000000000000002: offset 0: is missing"},
		{remove_the_first, -EBADMSG, 1, "is missing"},
		{remove_the_newest, -EBADMSG, 3, "is missing, though 0000000000000004 was made"},
		{empty_the_newest, -EBADMSG, 3, "ends here, though 0000000000000004 was made"},
		{swap_two, -EBADMSG, 1, "holds segment 0000000000000002: files have been renamed"},
		{bring_in_another, -EBADMSG, 2, "belongs to another journal"},
		{make_newer, -EPROTONOSUPPORT, 2, "newer release"},
		{begin_earlier, -EBADMSG, 3, "begins with frame 1"},
		{go_back_to_an_earlier_boot, -EBADMSG, 3, "is of boot 0"},
		{move_starts, -EBADMSG, 3, "stream 9 goes on at"},
		{damage_header, -EBADMSG, 3, "the header is damaged, and frames stand behind it"},
		{damage_all_headers, -EBADMSG, 1, "the header is damaged"},
		{damage_reads, -EIO, 1, "cannot be read"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static struct scan_rig rig;

		scan_rig_open(&rig, 4);
		const struct mr_disk disk = disk_fake_disk(rig.fake);
		rows[i].spoil(&disk, rig.fake);
		const struct scan_rig_walk walk = scan_rig_walk(&rig, rig.fake);

		assert_int_equal(walk.err, rows[i].err);
		assert_int_equal(walk.error.segment, rows[i].segment);
		assert_non_null(strstr(walk.error.text, rows[i].says));
		scan_rig_close(&rig);
	}
}

// -- Records and marks
static void every_record_is_found_by_its_position(void **state)
{
	(void)state;
	static struct scan_rig rig;
	mr_position positions[60];
	uint32_t count = 0;

	scan_rig_open(&rig, 2);
	for (uint32_t i = 0; i < 60; i++) {
		positions[count++] = journal_build_event(&rig.build,
			(uint16_t)(SCAN_RIG_STREAM + i % 3), 1000 + i, (uint16_t)(i * 100));
		if (i % 7 == 0)
			journal_build_frame(&rig.build);
		if (i % 20 == 19) {
			journal_build_frame(&rig.build);
			journal_build_turn(&rig.build);
		}
	}
	journal_build_boot(&rig.build, SCAN_RIG_STREAM + 3, 1);
	journal_build_frame(&rig.build);
	const struct mr_disk disk = disk_fake_disk(rig.fake);
	const struct mr_record *record;
	struct mr_scan_found found;
	struct mr_scan_error error;
	struct mr_scan *scan;
	assert_int_equal(mr_scan_open(&disk, &scan, &found, &error), 0);
	for (uint32_t i = 0; i < 2 * count; i++) {
		const uint32_t n =
			i < count ? i : i * 37 % count; // in order, then hither and thither
		assert_int_equal(mr_scan_record(scan, positions[n], &record), 0);
		assert_int_equal(record->kind, MR_RECORD_EVENT);
		const struct mr_event_fixed *event =
			(const void *)((const struct mr_record_event *)(const void *)record + 1);
		assert_int_equal(event->object, 1000 + n);
	}
	assert_int_equal(mr_scan_record(scan, mr_position_make(SCAN_RIG_STREAM + 9, 4096), &record),
		-ENOENT);
	assert_int_equal(
		mr_scan_record(scan, mr_position_make(SCAN_RIG_STREAM, 8), &record), -ENOENT);
	assert_int_equal(
		mr_scan_record(scan, mr_position_make(SCAN_RIG_STREAM, 1 << 30), &record), -ENOENT);
	mr_scan_close(scan);
	scan_rig_close(&rig);
}

struct marks {
	uint32_t count;
	uint32_t blocks[8];
	uint64_t offsets[8][3];
};

static void note(void *owner, uint32_t block, const uint64_t *offsets)
{
	struct marks *marks = owner;

	assert_true(marks->count < 8);
	marks->blocks[marks->count] = block;
	memcpy(marks->offsets[marks->count++], offsets, sizeof(marks->offsets[0]));
}

// Segments of three MiB: closed, left behind by a boot, and newest.
static void marks_of_an_index_are_those_of_a_walk(void **state)
{
	(void)state;
	static struct journal_build build;
	struct disk_fake *fake = disk_fake_new(1);
	const struct mr_disk disk = disk_fake_disk(fake);
	struct marks marks[3] = {0};
	uint64_t ends[3][MR_STREAMS_MAX];
	uint32_t end_blocks[3];

	journal_build_open(&build, disk, 5, 3 << 20);
	for (uint16_t segment = 0; segment < 3; segment++) {
		journal_build_boot(&build, (uint16_t)(3 * segment), 3);
		for (uint32_t i = 0; i < 40; i++) {
			for (uint32_t n = 0; n < 8; n++)
				journal_build_event(
					&build, (uint16_t)(3 * segment + i % 3), i, 7000);
			journal_build_frame(&build);
		}
		if (segment == 0)
			journal_build_index(&build);
	}
	struct mr_scan_found found;
	struct mr_scan_error error;
	struct mr_scan *scan;
	assert_int_equal(mr_scan_open(&disk, &scan, &found, &error), 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(mr_scan_marks(scan, i + 1, note, &marks[i], &end_blocks[i],
					 ends[i], &error),
			0);
	assert_int_equal(marks[0].count, 3);
	for (uint32_t i = 1; i < 3; i++) {
		assert_memory_equal(&marks[i], &marks[0], sizeof(marks[0]));
		assert_memory_equal(ends[i], build.ends, 3 * sizeof(build.ends[0]));
		assert_int_equal(end_blocks[i], end_blocks[0]);
	}
	assert_memory_equal(ends[0], ends[1], 3 * sizeof(ends[0][0]));
	assert_int_equal(
		mr_scan_marks(scan, 4, note, &marks[0], &end_blocks[0], ends[0], &error), -ENOENT);
	mr_scan_close(scan);
	journal_build_close(&build);
	disk_fake_free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_comes_in_its_order),
		cmocka_unit_test(an_empty_directory_is_empty),
		cmocka_unit_test(a_segment_without_frames_ends_where_the_one_before_ends),
		cmocka_unit_test(a_journal_goes_on_behind_a_torn_tail_in_the_next_boot),
		cmocka_unit_test(files_that_were_never_begun_hold_nothing),
		cmocka_unit_test(what_is_not_needed_may_be_missing_in_part),
		cmocka_unit_test(what_is_not_needed_may_be_damaged),
		cmocka_unit_test(a_wrong_directory_is_refused_by_name),
		cmocka_unit_test(every_record_is_found_by_its_position),
		cmocka_unit_test(marks_of_an_index_are_those_of_a_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
