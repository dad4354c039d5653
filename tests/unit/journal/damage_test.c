// Every way in which the end of a journal, or a frame in it, can be damaged: no frame is accepted
// that was not written there, and what was durable is never dropped in silence.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rng.h"
#include "scan_rig.h"

enum { BLOCK = MR_JOURNAL_BLOCK_BYTES, SECTOR = 512, FRAMES = 4 };

static const char *const names[] = {
	"", "segment-0000000000000001", "segment-0000000000000002", "segment-0000000000000003"};

static struct scan_rig rig;
static uint8_t pristine[4][SCAN_RIG_SEGMENT_BYTES];

static int open_rig(void **state)
{
	(void)state;
	scan_rig_open(&rig, FRAMES);
	for (uint32_t i = 1; i <= 3; i++) {
		uint64_t size;

		memcpy(pristine[i], disk_fake_look(rig.fake, names[i], &size),
			SCAN_RIG_SEGMENT_BYTES);
		assert_int_equal(size, SCAN_RIG_SEGMENT_BYTES);
	}
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	scan_rig_close(&rig);
	return 0;
}

static void spoil(uint64_t segment, uint64_t offset, const void *bytes, size_t length)
{
	disk_fake_tamper(rig.fake, names[segment], offset, bytes, length);
}

static void heal(uint64_t segment, uint64_t offset, size_t length)
{
	spoil(segment, offset, pristine[segment] + offset, length);
}

// The journal ends before frame `n` (from 0) or later: everything that is found is the rig's.
static void expect_end_at(const struct scan_rig_walk *walk, uint32_t n)
{
	assert_int_equal(walk->err, 0);
	assert_int_equal(walk->strange, 0);
	assert_int_equal(walk->frames, n);
	assert_int_equal(walk->found.last_frame, n);
}

static void expect_corrupt(const struct scan_rig_walk *walk, const struct scan_rig_frame *frame)
{
	assert_int_equal(walk->err, -EBADMSG);
	assert_int_equal(walk->error.segment, frame->segment);
	assert_int_equal(walk->error.offset, frame->offset);
	assert_non_null(strstr(walk->error.text, names[frame->segment]));
	assert_int_equal(walk->strange, 0);
}

// Frame `n` is bad: the tail when it is the last one, corruption when another one follows. Its
// durable_through is the frame before: each frame covers all before it.
static void expect_bad(const struct scan_rig_walk *walk, uint32_t n)
{
	if (n + 1 == rig.frames_count)
		expect_end_at(walk, n);
	else
		expect_corrupt(walk, &rig.frames[n]);
}

static void scan_bad(uint32_t n)
{
	const struct scan_rig_walk walk = scan_rig_walk(&rig, rig.fake);

	expect_bad(&walk, n);
}

static void every_bit_of_every_header(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < rig.frames_count; n++) {
		const struct scan_rig_frame *frame = &rig.frames[n];

		// all bits of the last three frames, some of the others
		const uint32_t step = n + 3 >= rig.frames_count ? 1 : 13;
		for (uint32_t bit = n; bit < 8 * sizeof(struct mr_frame_header); bit += step) {
			const uint64_t at = frame->offset + bit / 8;
			const uint8_t byte = (uint8_t)(pristine[frame->segment][at] ^ 1 << bit % 8);

			spoil(frame->segment, at, &byte, 1);
			scan_bad(n);
			heal(frame->segment, at, 1);
		}
	}
}

static void every_sector_of_every_frame_torn(void **state)
{
	(void)state;
	static const uint8_t zeros[SECTOR];

	for (uint32_t n = 0; n < rig.frames_count; n++) {
		const struct scan_rig_frame *frame = &rig.frames[n];

		for (uint32_t at = 0; at < frame->bytes; at += SECTOR) {
			const uint8_t *was = pristine[frame->segment] + frame->offset + at;

			if (memcmp(was, zeros, SECTOR) == 0)
				continue; // padding: nothing is lost
			spoil(frame->segment, frame->offset + at, zeros, SECTOR);
			scan_bad(n);
			heal(frame->segment, frame->offset + at, SECTOR);
		}
	}
}

// A write that came to an end in the middle, at every byte of the last frames.
static void every_length_of_the_last_frames(void **state)
{
	(void)state;
	const uint32_t last = rig.frames_count - 1;

	for (uint32_t n = last - 1; n <= last; n++) {
		const struct scan_rig_frame *frame = &rig.frames[n];
		static uint8_t zeros[SCAN_RIG_SEGMENT_BYTES];
		const uint64_t tail = SCAN_RIG_SEGMENT_BYTES - frame->offset;
		uint32_t used = frame->bytes; // without its padding

		while (pristine[3][frame->offset + used - 1] == 0)
			used--;
		for (uint32_t length = 0; length <= used; length += length < 200 ? 1 : 61) {
			spoil(3, frame->offset + length, zeros, (size_t)(tail - length));
			const struct scan_rig_walk walk = scan_rig_walk(&rig, rig.fake);

			expect_end_at(&walk, length < used ? n : n + 1);
			heal(3, frame->offset, (size_t)tail);
		}
	}
}

// The file itself is shorter: no crash does that, of any segment.
static void a_file_cut_short(void **state)
{
	(void)state;
	for (uint64_t size = 0; size < SCAN_RIG_SEGMENT_BYTES; size += BLOCK) {
		for (uint64_t segment = 2; segment <= 3; segment++) {
			struct disk_fake *copy = disk_fake_copy(rig.fake, 1);
			const struct mr_disk cut = disk_fake_disk(copy);
			uint32_t whole = 0;

			cut.remove(cut.state, names[segment]);
			int fd = cut.open(cut.state, names[segment],
				MR_DISK_READ | MR_DISK_WRITE | MR_DISK_CREATE);
			assert_int_equal(cut.make_zeroed(cut.state, fd, size), 0);
			cut.close(cut.state, fd);
			if (size > 0)
				disk_fake_tamper(
					copy, names[segment], 0, pristine[segment], (size_t)size);
			const struct scan_rig_walk walk = scan_rig_walk(&rig, copy);

			while (whole < rig.frames_count
				&& (rig.frames[whole].segment < segment
					|| rig.frames[whole].offset + rig.frames[whole].bytes
						<= size))
				whole++;
			if (segment == 3 && size > 0) {
				assert_int_equal(walk.err, -EBADMSG);
				assert_int_equal(walk.error.segment, 3);
				assert_int_equal(walk.error.offset, size);
			} else if (segment == 3) // as if it had never been begun
				expect_end_at(&walk, 2 * FRAMES + 2);
			else if (size == 0) // no header, no segment
				assert_int_equal(walk.err, -EBADMSG);
			else if (whole < rig.frames_count && rig.frames[whole].segment == 2)
				expect_corrupt(&walk, &rig.frames[whole]);
			disk_fake_free(copy);
		}
	}
}

static void sectors_swapped_and_doubled(void **state)
{
	(void)state;
	const struct scan_rig_frame *last = &rig.frames[rig.frames_count - 1];
	const uint64_t sectors = (last->offset + last->bytes - BLOCK) / SECTOR;
	struct mr_rng rng;

	mr_rng_seed(&rng, 11);
	for (uint32_t i = 0; i < 1500; i++) {
		const uint64_t a = BLOCK + SECTOR * mr_rng_below(&rng, sectors);
		const uint64_t b = BLOCK + SECTOR * mr_rng_below(&rng, sectors);
		const bool doubled = mr_rng_chance(&rng, 1, 2);

		spoil(3, b, pristine[3] + a, SECTOR);
		if (!doubled)
			spoil(3, a, pristine[3] + b, SECTOR);
		const struct scan_rig_walk walk = scan_rig_walk(&rig, rig.fake);
		const uint64_t first = !doubled && a < b ? a : b;
		uint32_t n = 0;

		while (rig.frames[n].segment < 3
			|| rig.frames[n].offset + rig.frames[n].bytes <= first)
			n++;
		assert_int_equal(walk.strange, 0);
		if (memcmp(pristine[3] + a, pristine[3] + b, SECTOR) == 0)
			expect_end_at(&walk, rig.frames_count);
		else if (walk.err == 0) // padding, or nothing but the last frames was hit
			assert_true(walk.frames + (doubled ? 1 : 2) >= rig.frames_count);
		else
			assert_true(walk.error.segment == 3
				&& walk.error.offset >= rig.frames[n].offset);
		heal(3, a, SECTOR);
		heal(3, b, SECTOR);
	}
}

// Whole frames in the wrong place: of this segment, of another one, of an earlier life of the file.
static void frames_in_the_wrong_place(void **state)
{
	(void)state;
	const struct scan_rig_frame *last = &rig.frames[rig.frames_count - 1];
	const uint64_t end = last->offset + last->bytes;

	for (uint32_t n = 0; n < rig.frames_count; n++) {
		const struct scan_rig_frame *frame = &rig.frames[n];

		spoil(3, end, pristine[frame->segment] + frame->offset, frame->bytes);
		const struct scan_rig_walk behind = scan_rig_walk(&rig, rig.fake);
		expect_end_at(&behind, rig.frames_count);
		assert_int_equal(behind.found.tail_bytes_dropped, 0);
		heal(3, end, frame->bytes);

		if (n + 1 == rig.frames_count)
			break;
		spoil(3, last->offset, pristine[frame->segment] + frame->offset, frame->bytes);
		const struct scan_rig_walk instead = scan_rig_walk(&rig, rig.fake);
		expect_end_at(&instead, rig.frames_count - 1);
		heal(3, last->offset, frame->bytes);
	}
}

static void a_frame_that_was_lost_shows_by_the_next_one(void **state)
{
	(void)state;
	const struct scan_rig_frame *lost = &rig.frames[rig.frames_count - 2];
	const struct scan_rig_frame *last = &rig.frames[rig.frames_count - 1];
	static uint8_t zeros[SCAN_RIG_SEGMENT_BYTES];

	// the write went to nowhere
	spoil(3, lost->offset, zeros, lost->bytes);
	struct scan_rig_walk walk = scan_rig_walk(&rig, rig.fake);
	expect_corrupt(&walk, lost);
	// the next one was written over it
	spoil(3, lost->offset, pristine[3] + last->offset, last->bytes);
	walk = scan_rig_walk(&rig, rig.fake);
	expect_corrupt(&walk, lost);
	heal(3, lost->offset, SCAN_RIG_SEGMENT_BYTES - (size_t)lost->offset);
}

// Two writes were under way: the later one arrived. It does not say that the other one was durable.
static void a_later_frame_under_way_does_not_make_a_torn_one_corrupt(void **state)
{
	(void)state;
	static struct scan_rig under_way;
	static const uint8_t zeros[SECTOR];

	scan_rig_open(&under_way, FRAMES);
	const uint64_t durable = under_way.build.carry.durable_through;
	for (uint32_t i = 0; i < MR_JOURNAL_COMMITS_MAX; i++) {
		under_way.build.carry.durable_through = durable;
		journal_build_event(&under_way.build, SCAN_RIG_STREAM, i, 100);
		scan_rig_frame(&under_way);
	}
	for (uint32_t torn = 0; torn < MR_JOURNAL_COMMITS_MAX; torn++) {
		const uint32_t n = under_way.frames_count - MR_JOURNAL_COMMITS_MAX + torn;
		const struct scan_rig_frame *frame = &under_way.frames[n];
		uint64_t size;
		uint8_t was[SECTOR];

		memcpy(was, disk_fake_look(under_way.fake, names[3], &size) + frame->offset,
			SECTOR);
		disk_fake_tamper(under_way.fake, names[3], frame->offset, zeros, SECTOR);
		const struct scan_rig_walk walk = scan_rig_walk(&under_way, under_way.fake);
		expect_end_at(&walk, n);
		const uint64_t behind = torn + 1 < MR_JOURNAL_COMMITS_MAX
			? under_way.build.offset - frame->offset
			: 0;
		assert_int_equal(walk.found.tail_bytes_dropped, behind);
		disk_fake_tamper(under_way.fake, names[3], frame->offset, was, SECTOR);
	}
	scan_rig_close(&under_way);
}

static void garbage_behind_the_end_is_nothing(void **state)
{
	(void)state;
	const struct scan_rig_frame *last = &rig.frames[rig.frames_count - 1];
	const uint64_t end = last->offset + last->bytes;
	static uint8_t garbage[SCAN_RIG_SEGMENT_BYTES];
	struct mr_rng rng;

	mr_rng_seed(&rng, 17);
	for (uint32_t round = 0; round < 50; round++) {
		const size_t length = (size_t)mr_rng_below(&rng, SCAN_RIG_SEGMENT_BYTES - end) + 1;

		for (size_t i = 0; i < length; i++)
			garbage[i] = (uint8_t)mr_rng_next(&rng);
		// frames' looks, with anything in them
		for (size_t at = 0; at + BLOCK <= length && round % 2 == 0; at += BLOCK) {
			struct mr_frame_header *header = (void *)(garbage + at);

			memcpy(header, pristine[3] + last->offset, sizeof(*header));
			header->sequence += 1 + mr_rng_below(&rng, 9);
			header->durable_through = header->sequence - 1;
			header->bytes = (uint32_t)mr_rng_below(&rng, MR_FRAME_BYTES_MAX) & ~7U;
		}
		spoil(3, end, garbage, length);
		const struct scan_rig_walk walk = scan_rig_walk(&rig, rig.fake);
		expect_end_at(&walk, rig.frames_count);
		heal(3, end, length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bit_of_every_header),
		cmocka_unit_test(every_sector_of_every_frame_torn),
		cmocka_unit_test(every_length_of_the_last_frames),
		cmocka_unit_test(a_file_cut_short),
		cmocka_unit_test(sectors_swapped_and_doubled),
		cmocka_unit_test(frames_in_the_wrong_place),
		cmocka_unit_test(a_frame_that_was_lost_shows_by_the_next_one),
		cmocka_unit_test(a_later_frame_under_way_does_not_make_a_torn_one_corrupt),
		cmocka_unit_test(garbage_behind_the_end_is_nothing),
	};

	return cmocka_run_group_tests(tests, open_rig, close_rig);
}
