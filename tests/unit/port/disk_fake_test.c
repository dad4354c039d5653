// The fake disk keeps its promises: what is durable survives, what is not may or may not, and each
// planned fault comes when it was planned.
#include "disk_fake.h"

#include <errno.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MS = 1000000, BLOCK = 4096 };

struct probe {
	struct mr_io io; // first
	int32_t result;
	uint32_t order; // of completion
};

static struct disk_fake *fake;
static struct mr_disk disk;
static struct mr_net *net;
static uint32_t completions;
static alignas(BLOCK) uint8_t ones[4 * BLOCK];
static alignas(BLOCK) uint8_t into[4 * BLOCK];

static void note(struct mr_io *io, int32_t result)
{
	struct probe *probe = (struct probe *)io;

	probe->result = result;
	probe->order = ++completions;
}

static int set_up(void **state)
{
	(void)state;
	fake = disk_fake_new(1);
	disk = disk_fake_disk(fake);
	completions = 0;
	memset(ones, 1, sizeof(ones));
	memset(into, 0xee, sizeof(into));
	mr_net_open(16, &net);
	mr_fake_set_files(net, disk_fake_files(fake));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	mr_net_close(net);
	disk_fake_free(fake);
	return 0;
}

static int make(const char *name, uint64_t bytes)
{
	int fd = disk.open(disk.state, name, MR_DISK_WRITE | MR_DISK_CREATE);

	assert_true(fd >= 0);
	assert_int_equal(disk.make_zeroed(disk.state, fd, bytes), 0);
	assert_int_equal(disk.sync_directory(disk.state), 0);
	return fd;
}

static void write_at(struct probe *probe, int fd, uint64_t offset, size_t length)
{
	probe->io.done = note;
	mr_net_write_durable(net, &probe->io, fd, ones, length, offset);
}

static void crash(uint64_t seed)
{
	mr_net_close(net);
	disk_fake_crash(fake, seed);
	mr_net_open(16, &net);
	mr_fake_set_files(net, disk_fake_files(fake));
}

// How many sectors of the range hold ones, the others being zeros.
static uint32_t sectors_written(const char *name, uint64_t offset, size_t length)
{
	uint64_t size;
	const uint8_t *bytes = disk_fake_look(fake, name, &size);
	uint32_t written = 0;

	assert_non_null(bytes);
	assert_true(offset + length <= size);
	for (size_t at = 0; at < length; at += 512) {
		uint8_t first = bytes[offset + at];
		assert_true(first <= 1);
		for (size_t i = 0; i < 512; i++)
			assert_int_equal(bytes[offset + at + i], first);
		written += first;
	}
	return written;
}

static void a_completed_write_survives_every_crash(void **state)
{
	(void)state;
	struct probe probe = {0};
	int fd = make("a", 4 * BLOCK);

	write_at(&probe, fd, BLOCK, 2 * BLOCK);
	assert_int_equal(mr_net_poll(net), 1);
	assert_int_equal(probe.result, 2 * BLOCK);
	for (uint64_t seed = 0; seed < 20; seed++)
		crash(seed);
	assert_int_equal(sectors_written("a", BLOCK, 2 * BLOCK), 16);
	assert_int_equal(sectors_written("a", 0, BLOCK), 0);
	assert_int_equal(sectors_written("a", 3 * BLOCK, BLOCK), 0);
}

static void a_write_under_way_survives_in_sectors(void **state)
{
	(void)state;
	bool none = false, some = false, all = false;

	for (uint64_t seed = 0; seed < 40; seed++) {
		struct probe probe = {0};
		int fd = make("a", 2 * BLOCK);
		disk_fake_delay(fake, (struct disk_fake_delays){.write_ns = MS});
		write_at(&probe, fd, 0, 2 * BLOCK);
		assert_int_equal(mr_net_poll(net), 0);
		crash(seed);
		uint32_t written = sectors_written("a", 0, 2 * BLOCK);
		none = none || written == 0;
		some = some || (written > 0 && written < 16);
		all = all || written == 16;
		assert_int_equal(disk.remove(disk.state, "a"), 0);
		assert_int_equal(disk.sync_directory(disk.state), 0);
	}
	assert_true(none && some && all);
}

static void the_same_seed_is_the_same_crash(void **state)
{
	(void)state;
	struct probe probe = {0};
	struct disk_fake *runs[2];
	uint64_t size;

	for (int i = 0; i < 2; i++) {
		int fd = make("a", 4 * BLOCK);
		disk_fake_delay(fake, (struct disk_fake_delays){.write_ns = MS});
		write_at(&probe, fd, 0, 4 * BLOCK);
		crash(77);
		runs[i] = disk_fake_copy(fake, 1);
		probe.io.busy = false;
		tear_down(NULL);
		set_up(NULL);
	}
	assert_memory_equal(disk_fake_look(runs[0], "a", &size),
		disk_fake_look(runs[1], "a", &size), 4 * BLOCK);
	disk_fake_free(runs[0]);
	disk_fake_free(runs[1]);
}

static void names_are_durable_after_sync_directory(void **state)
{
	(void)state;
	bool old = false, fresh = false;
	uint64_t size;

	for (uint64_t seed = 0; seed < 20; seed++) {
		disk.close(disk.state, make("a", BLOCK));
		assert_int_equal(disk.rename(disk.state, "a", "b"), 0);
		crash(seed);
		bool is_a = disk_fake_look(fake, "a", &size) != NULL;
		assert_true(is_a != (disk_fake_look(fake, "b", &size) != NULL));
		old = old || is_a;
		fresh = fresh || !is_a;
		assert_int_equal(disk.remove(disk.state, is_a ? "a" : "b"), 0);
		assert_int_equal(disk.sync_directory(disk.state), 0);
		crash(seed);
		assert_null(disk_fake_look(fake, is_a ? "a" : "b", &size));
	}
	assert_true(old && fresh);
}

static void a_planned_error_comes_once_at_its_write(void **state)
{
	(void)state;
	static const int errors[] = {-EIO, -ENOSPC, -EFBIG, -EROFS, -ECANCELED, -EAGAIN, -EINTR};
	int fd = make("a", 4 * BLOCK);

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		struct probe probes[3] = {0};
		disk_fake_fail(fake, 2, errors[i]);
		for (int k = 0; k < 3; k++)
			write_at(&probes[k], fd, (uint64_t)k * BLOCK, BLOCK);
		assert_int_equal(mr_net_poll(net), 3);
		assert_int_equal(probes[0].result, BLOCK);
		assert_int_equal(probes[1].result, errors[i]);
		assert_int_equal(probes[2].result, BLOCK);
	}
}

static void a_failed_write_is_uncertain_or_nothing(void **state)
{
	(void)state;
	bool some = false;

	for (uint64_t seed = 0; seed < 20; seed++) {
		struct probe probes[2] = {0};
		int fd = make("a", 2 * BLOCK);
		disk_fake_fail(fake, 1, -ENOSPC);
		disk_fake_fail(fake, 2, -EIO);
		write_at(&probes[0], fd, 0, BLOCK);
		write_at(&probes[1], fd, BLOCK, BLOCK);
		assert_int_equal(mr_net_poll(net), 2);
		crash(seed);
		assert_int_equal(sectors_written("a", 0, BLOCK), 0);
		uint32_t written = sectors_written("a", BLOCK, BLOCK);
		some = some || (written > 0 && written < 8);
		assert_int_equal(disk.remove(disk.state, "a"), 0);
		assert_int_equal(disk.sync_directory(disk.state), 0);
	}
	assert_true(some);
}

static void a_short_write_says_how_much_is_durable(void **state)
{
	(void)state;
	struct probe probe = {0};
	int fd = make("a", 4 * BLOCK);

	disk_fake_shorten(fake, 1, BLOCK);
	write_at(&probe, fd, 0, 4 * BLOCK);
	assert_int_equal(mr_net_poll(net), 1);
	assert_int_equal(probe.result, BLOCK);
	crash(5);
	assert_int_equal(sectors_written("a", 0, 4 * BLOCK), 8);
}

static void a_broken_disk_changes_nothing_until_it_is_mended(void **state)
{
	(void)state;
	struct probe probe = {0};
	int fd = make("a", BLOCK);

	disk_fake_break(fake, -EROFS);
	write_at(&probe, fd, 0, BLOCK);
	assert_int_equal(mr_net_poll(net), 1);
	assert_int_equal(probe.result, -EROFS);
	assert_int_equal(disk.open(disk.state, "b", MR_DISK_WRITE | MR_DISK_CREATE), -EROFS);
	assert_int_equal(disk.rename(disk.state, "a", "b"), -EROFS);
	assert_int_equal(disk.remove(disk.state, "a"), -EROFS);
	assert_int_equal(disk.sync_directory(disk.state), -EROFS);
	assert_int_equal(disk.read(disk.state, fd, into, BLOCK, 0), 0);
	disk_fake_break_reads(fake, -EIO);
	assert_int_equal(disk.read(disk.state, fd, into, BLOCK, 0), -EIO);
	disk_fake_break(fake, 0);
	write_at(&probe, fd, 0, BLOCK);
	assert_int_equal(mr_net_poll(net), 1);
	assert_int_equal(probe.result, BLOCK);
}

static void the_capacity_counts_files_until_nobody_has_them(void **state)
{
	(void)state;
	uint64_t free_bytes, total_bytes;

	disk_fake_capacity(fake, 6 * BLOCK);
	int a = make("a", 4 * BLOCK);
	int b = disk.open(disk.state, "b", MR_DISK_WRITE | MR_DISK_CREATE);
	assert_int_equal(disk.make_zeroed(disk.state, b, 4 * BLOCK), -ENOSPC);
	assert_int_equal(disk.remove(disk.state, "b"), 0);
	disk.close(disk.state, b);
	assert_int_equal(disk.sync_directory(disk.state), 0);
	assert_int_equal(disk.space(disk.state, &free_bytes, &total_bytes), 0);
	assert_int_equal(free_bytes, 2 * BLOCK);
	assert_int_equal(total_bytes, 6 * BLOCK);

	assert_int_equal(disk.remove(disk.state, "a"), 0);
	assert_int_equal(disk.sync_directory(disk.state), 0);
	assert_int_equal(disk.space(disk.state, &free_bytes, &total_bytes), 0);
	assert_int_equal(free_bytes, 2 * BLOCK); // still open
	disk.close(disk.state, a);
	assert_int_equal(disk.space(disk.state, &free_bytes, &total_bytes), 0);
	assert_int_equal(free_bytes, 6 * BLOCK);
}

static void writes_take_their_time_in_order(void **state)
{
	(void)state;
	struct probe probes[4] = {0};
	int fd = make("a", 4 * BLOCK);

	disk_fake_delay(fake, (struct disk_fake_delays){.write_ns = 5000ULL * MS});
	for (int i = 0; i < 4; i++)
		write_at(&probes[i], fd, (uint64_t)i * BLOCK, BLOCK);
	mr_fake_advance(net, 5000ULL * MS - 1);
	assert_int_equal(mr_net_poll(net), 0);
	mr_fake_advance(net, 5000ULL * MS);
	assert_int_equal(mr_net_poll(net), 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(probes[i].order, i + 1);
}

static void shuffled_writes_overtake_each_other(void **state)
{
	(void)state;
	bool overtaken = false;
	int fd = make("a", 4 * BLOCK);

	disk_fake_delay(fake, (struct disk_fake_delays){.write_ns = MS, .shuffled = true});
	for (uint64_t round = 1; round <= 10; round++) {
		struct probe probes[4] = {0};
		for (int i = 0; i < 4; i++)
			write_at(&probes[i], fd, (uint64_t)i * BLOCK, BLOCK);
		mr_fake_advance(net, round * 2 * MS);
		assert_int_equal(mr_net_poll(net), 4);
		for (int i = 0; i + 1 < 4; i++)
			overtaken = overtaken || probes[i].order > probes[i + 1].order;
	}
	assert_true(overtaken);
}

static void reads_are_whole_unless_limited_or_at_the_end(void **state)
{
	(void)state;
	struct probe probe = {.io.done = note};
	int fd = make("a", 2 * BLOCK);

	assert_int_equal(disk.write(disk.state, fd, ones, BLOCK, BLOCK), 0);
	mr_net_read(net, &probe.io, fd, into, 4 * BLOCK, BLOCK);
	assert_int_equal(mr_net_poll(net), 1);
	assert_int_equal(probe.result, BLOCK);
	assert_memory_equal(into, ones, BLOCK);
	mr_net_read(net, &probe.io, fd, into, BLOCK, 2 * BLOCK);
	assert_int_equal(mr_net_poll(net), 1);
	assert_int_equal(probe.result, 0);
	disk_fake_limit_reads(fake, BLOCK);
	mr_net_read(net, &probe.io, fd, into, 2 * BLOCK, 0);
	assert_int_equal(mr_net_poll(net), 1);
	assert_int_equal(probe.result, BLOCK);
	assert_int_equal(disk.read(disk.state, fd, into, 2 * BLOCK, BLOCK), -ENODATA);
}

// Each change in turn is the last one; what was durable before survives.
static void the_power_can_go_at_every_change(void **state)
{
	(void)state;
	disk.close(disk.state, make("a", BLOCK));
	uint64_t before = disk_fake_changes(fake);
	disk.close(disk.state, make("b", BLOCK)); // create, zeros, sync
	uint64_t changes = disk_fake_changes(fake) - before;
	assert_int_equal(changes, 3);
	assert_int_equal(disk.remove(disk.state, "b"), 0);
	assert_int_equal(disk.sync_directory(disk.state), 0);

	for (uint64_t nth = 1; nth <= changes; nth++) {
		uint64_t size;
		disk_fake_cut_at(fake, nth);
		int fd = disk.open(disk.state, "b", MR_DISK_WRITE | MR_DISK_CREATE);
		assert_int_equal(fd < 0, nth == 1);
		if (fd >= 0)
			assert_int_equal(disk.make_zeroed(disk.state, fd, BLOCK) < 0, nth <= 2);
		assert_int_equal(disk.sync_directory(disk.state), -EIO);
		crash(nth);
		assert_non_null(disk_fake_look(fake, "a", &size));
		if (disk.remove(disk.state, "b") == 0)
			assert_int_equal(disk.sync_directory(disk.state), 0);
	}
}

static void one_process_has_the_lock_until_it_is_gone(void **state)
{
	(void)state;
	char owner[32] = "";

	disk_fake_owned_by(fake, "pid 4711");
	assert_int_equal(disk.lock(disk.state, owner, sizeof(owner)), -EBUSY);
	assert_string_equal(owner, "pid 4711");
	disk_fake_owned_by(fake, NULL);
	assert_int_equal(disk.lock(disk.state, owner, sizeof(owner)), 0);
	assert_int_equal(disk.lock(disk.state, owner, sizeof(owner)), -EBUSY);
	disk_fake_exit(fake);
	assert_int_equal(disk.lock(disk.state, owner, sizeof(owner)), 0);
	crash(1);
	assert_int_equal(disk.lock(disk.state, owner, sizeof(owner)), 0);
}

static void a_name_is_taken_once(void **state)
{
	(void)state;
	disk.close(disk.state, make("a", BLOCK));
	disk.close(disk.state, make("b", BLOCK));
	assert_int_equal(disk.open(disk.state, "a", MR_DISK_WRITE | MR_DISK_CREATE), -EEXIST);
	assert_int_equal(disk.rename(disk.state, "a", "b"), -EEXIST);
	assert_int_equal(disk.open(disk.state, "c", MR_DISK_READ), -ENOENT);
	assert_int_equal(disk.remove(disk.state, "c"), -ENOENT);
}

static void tampering_is_durable(void **state)
{
	(void)state;
	disk.close(disk.state, make("a", BLOCK));
	disk_fake_tamper(fake, "a", 511, ones, 2);
	crash(3);
	uint64_t size;
	const uint8_t *bytes = disk_fake_look(fake, "a", &size);
	assert_int_equal(bytes[510] + bytes[511] + bytes[512] + bytes[513], 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_completed_write_survives_every_crash),
		TEST(a_write_under_way_survives_in_sectors),
		TEST(the_same_seed_is_the_same_crash),
		TEST(names_are_durable_after_sync_directory),
		TEST(a_planned_error_comes_once_at_its_write),
		TEST(a_failed_write_is_uncertain_or_nothing),
		TEST(a_short_write_says_how_much_is_durable),
		TEST(a_broken_disk_changes_nothing_until_it_is_mended),
		TEST(the_capacity_counts_files_until_nobody_has_them),
		TEST(writes_take_their_time_in_order),
		TEST(shuffled_writes_overtake_each_other),
		TEST(reads_are_whole_unless_limited_or_at_the_end),
		TEST(the_power_can_go_at_every_change),
		TEST(one_process_has_the_lock_until_it_is_gone),
		TEST(a_name_is_taken_once),
		TEST(tampering_is_durable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
