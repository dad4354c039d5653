// Reads and durable writes of a file through io_uring, with and without registered memory.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "disk.h"
#include "net.h"

enum { BLOCK = 4096, WRITES = 4, WRITE_BYTES = 1 << 18, FILE_BYTES = WRITES * WRITE_BYTES };

struct probe {
	struct mr_io io; // first
	int32_t result;
};

static char path[] = "/tmp/net_file.XXXXXX";
static struct mr_disk disk;
static struct mr_net *net;
static uint8_t *memory; // FILE_BYTES to write, as many to read into
static int fd;

static void note(struct mr_io *io, int32_t result)
{
	((struct probe *)io)->result = result;
}

static int32_t finish(struct probe *probe)
{
	uint64_t deadline = mr_clock_mono_ns() + 60000000000ULL; // no claim about time

	while (probe->io.busy && mr_clock_mono_ns() < deadline) {
		mr_net_poll(net);
		if (probe->io.busy)
			mr_net_wait(net, 10000000);
	}
	assert_false(probe->io.busy);
	return probe->result;
}

static int set_up(void **state)
{
	(void)state;
	memory = mmap(
		NULL, 2 * FILE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(memory != MAP_FAILED);
	for (size_t i = 0; i < FILE_BYTES; i++)
		memory[i] = (uint8_t)(i / 512);
	fd = disk.open(disk.state, "file", MR_DISK_WRITE | MR_DISK_CREATE);
	assert_true(fd >= 0);
	assert_int_equal(disk.make_zeroed(disk.state, fd, FILE_BYTES), 0);
	return mr_net_open(64, &net);
}

static int tear_down(void **state)
{
	(void)state;
	mr_net_close(net);
	disk.close(disk.state, fd);
	munmap(memory, 2 * FILE_BYTES);
	return disk.remove(disk.state, "file");
}

static void write_all_and_compare(void)
{
	struct probe writes[WRITES] = {0};
	struct probe read = {.io.done = note};

	for (size_t i = 0; i < WRITES; i++) {
		writes[i].io.done = note;
		mr_net_write_durable(net, &writes[i].io, fd, memory + i * WRITE_BYTES, WRITE_BYTES,
			i * WRITE_BYTES);
	}
	for (size_t i = 0; i < WRITES; i++)
		assert_int_equal(finish(&writes[i]), WRITE_BYTES);
	mr_net_read(net, &read.io, fd, memory + FILE_BYTES, FILE_BYTES, 0);
	assert_int_equal(finish(&read), FILE_BYTES);
	assert_memory_equal(memory, memory + FILE_BYTES, FILE_BYTES);
}

static void writes_under_way_at_once_are_all_there(void **state)
{
	(void)state;
	write_all_and_compare();
}

static void registered_memory_writes_the_same(void **state)
{
	(void)state;
	bool took = mr_net_register(net, memory, FILE_BYTES);

	print_message("# %s\n", mr_net_features(net));
	assert_int_equal(took, strstr(mr_net_features(net), "registered") != NULL);
	write_all_and_compare();
	// What is not registered is written as ever.
	struct probe probe = {.io.done = note};
	memset(memory + FILE_BYTES, 0xaa, BLOCK);
	mr_net_write_durable(net, &probe.io, fd, memory + FILE_BYTES, BLOCK, 0);
	assert_int_equal(finish(&probe), BLOCK);
	mr_net_read(net, &probe.io, fd, memory + FILE_BYTES + BLOCK, BLOCK, 0);
	assert_int_equal(finish(&probe), BLOCK);
	assert_memory_equal(memory + FILE_BYTES, memory + FILE_BYTES + BLOCK, BLOCK);
}

static void a_read_stops_at_the_end(void **state)
{
	(void)state;
	struct probe probe = {.io.done = note};

	mr_net_read(net, &probe.io, fd, memory, 2 * BLOCK, FILE_BYTES - BLOCK);
	assert_int_equal(finish(&probe), BLOCK);
	mr_net_read(net, &probe.io, fd, memory, BLOCK, FILE_BYTES);
	assert_int_equal(finish(&probe), 0);
}

static void errors_are_the_result(void **state)
{
	(void)state;
	struct probe probe = {.io.done = note};
	int reader = disk.open(disk.state, "file", MR_DISK_READ);

	assert_true(reader >= 0);
	mr_net_write_durable(net, &probe.io, reader, memory, BLOCK, 0);
	assert_int_equal(finish(&probe), -EBADF);
	disk.close(disk.state, reader);
	mr_net_read(net, &probe.io, reader, memory, BLOCK, 0);
	assert_int_equal(finish(&probe), -EBADF);
}

static void a_cancelled_operation_completes_once(void **state)
{
	(void)state;
	struct probe probe = {.io.done = note};

	mr_net_write_durable(net, &probe.io, fd, memory, WRITE_BYTES, 0);
	mr_net_cancel(net, &probe.io);
	int32_t result = finish(&probe);
	assert_true(result == WRITE_BYTES || result == -ECANCELED || result == -EINTR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(writes_under_way_at_once_are_all_there),
		TEST(registered_memory_writes_the_same),
		TEST(a_read_stops_at_the_end),
		TEST(errors_are_the_result),
		TEST(a_cancelled_operation_completes_once),
	};

	if (mr_net_open(64, &net) < 0) {
		printf("1..0 # SKIP io_uring is not permitted here\n");
		return 0;
	}
	mr_net_close(net);
	if (mkdtemp(path) == NULL || mr_disk_posix_open(path, &disk) < 0)
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	mr_disk_posix_close(&disk);
	(void)rmdir(path);
	return failed;
}
