// The journal's directory on real file systems: everything runs on the one of /tmp, and once more
// in shared memory, where O_DIRECT may be refused.
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "disk.h"

enum { BLOCK = 4096, FILE_BYTES = 3 << 19, SKIPPED = 77 };

struct place {
	char root[64];
	char path[80];
	struct mr_disk disk;
};

static alignas(BLOCK) uint8_t ones[2 * BLOCK];
static alignas(BLOCK) uint8_t into[FILE_BYTES];
static const char *root_template;

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	memset(ones, 1, sizeof(ones));
	snprintf(place->root, sizeof(place->root), "%s", root_template);
	assert_non_null(mkdtemp(place->root));
	snprintf(place->path, sizeof(place->path), "%s/journal", place->root);
	assert_int_equal(mr_disk_posix_open(place->path, &place->disk), 0);
	*state = place;
	return 0;
}

static void remove_each(void *owner, const char *name)
{
	const struct mr_disk *disk = owner;

	assert_int_equal(disk->remove(disk->state, name), 0);
}

static int tear_down(void **state)
{
	struct place *place = *state;

	assert_int_equal(place->disk.list(place->disk.state, remove_each, &place->disk), 0);
	mr_disk_posix_close(&place->disk);
	mr_disk_posix_close(&place->disk); // a closed one is a zeroed one
	assert_int_equal(rmdir(place->path), 0);
	assert_int_equal(rmdir(place->root), 0);
	free(place);
	return 0;
}

static int make(const struct mr_disk *disk, const char *name, uint64_t bytes)
{
	int fd = disk->open(disk->state, name, MR_DISK_WRITE | MR_DISK_CREATE);

	assert_true(fd >= 0);
	assert_int_equal(disk->make_zeroed(disk->state, fd, bytes), 0);
	return fd;
}

static void the_directory_is_for_its_owner_alone(void **state)
{
	const struct place *place = *state;
	struct stat about;

	assert_int_equal(stat(place->path, &about), 0);
	assert_int_equal(about.st_mode & 07777, 0700);
	int fd = make(&place->disk, "a", BLOCK);
	assert_int_equal(fstat(fd, &about), 0);
	assert_int_equal(about.st_mode & 07777, 0600);
	place->disk.close(place->disk.state, fd);
}

static void what_is_no_directory_is_refused(void **state)
{
	const struct place *place = *state;
	struct mr_disk other;
	char path[96];

	place->disk.close(place->disk.state, make(&place->disk, "a", BLOCK));
	snprintf(path, sizeof(path), "%s/a", place->path);
	assert_int_equal(mr_disk_posix_open(path, &other), -ENOTDIR);
	snprintf(path, sizeof(path), "%s/b/c", place->path);
	assert_int_equal(mr_disk_posix_open(path, &other), -ENOENT);
}

static void a_made_file_is_whole(void **state)
{
	const struct mr_disk *disk = &((struct place *)*state)->disk;
	struct stat about;
	int fd = make(disk, "a", FILE_BYTES);

	assert_int_equal(disk->size(disk->state, fd), FILE_BYTES);
	assert_int_equal(fstat(fd, &about), 0);
	assert_true(about.st_blocks * 512 >= FILE_BYTES); // no hole
	memset(into, 0xee, sizeof(into));
	assert_int_equal(disk->read(disk->state, fd, into, FILE_BYTES, 0), 0);
	for (size_t i = 0; i < FILE_BYTES; i++)
		assert_int_equal(into[i], 0);
	disk->close(disk->state, fd);
}

static void what_is_written_is_read_by_another_descriptor(void **state)
{
	const struct mr_disk *disk = &((struct place *)*state)->disk;
	int fd = make(disk, "a", 4 * BLOCK);
	int reader = disk->open(disk->state, "a", MR_DISK_READ);

	assert_true(reader >= 0);
	assert_int_equal(disk->write(disk->state, fd, ones, 2 * BLOCK, BLOCK), 0);
	assert_int_equal(disk->read(disk->state, reader, into, 3 * BLOCK, BLOCK), 0);
	assert_memory_equal(into, ones, 2 * BLOCK);
	assert_int_equal(into[2 * BLOCK], 0);
	assert_int_equal(disk->read(disk->state, reader, into, 2 * BLOCK, 3 * BLOCK), -ENODATA);
	assert_int_equal(disk->write(disk->state, reader, ones, BLOCK, 0), -EBADF);
	disk->close(disk->state, reader);
	disk->close(disk->state, fd);
}

static void direct_means_that_the_descriptor_is(void **state)
{
	const struct mr_disk *disk = &((struct place *)*state)->disk;

	assert_false(mr_disk_posix_is_direct(disk)); // nobody knows yet
	int fd = make(disk, "a", BLOCK);
	assert_int_equal(mr_disk_posix_is_direct(disk), (fcntl(fd, F_GETFL) & O_DIRECT) != 0);
	print_message("# O_DIRECT on %s: %s\n", root_template,
		mr_disk_posix_is_direct(disk) ? "yes" : "no");
	disk->close(disk->state, fd);
}

static void a_pipe_is_no_segment_and_nobody_waits_for_its_other_end(void **state)
{
	struct place *place = *state;
	const struct mr_disk *disk = &place->disk;
	char path[128];

	snprintf(path, sizeof(path), "%s/segment", place->path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(disk->open(disk->state, "segment", MR_DISK_READ), -ENOTSUP);
}

static void a_name_is_taken_once(void **state)
{
	const struct mr_disk *disk = &((struct place *)*state)->disk;

	disk->close(disk->state, make(disk, "a", BLOCK));
	disk->close(disk->state, make(disk, "b", 2 * BLOCK));
	assert_int_equal(disk->open(disk->state, "a", MR_DISK_WRITE | MR_DISK_CREATE), -EEXIST);
	assert_int_equal(disk->rename(disk->state, "a", "b"), -EEXIST);
	assert_int_equal(disk->rename(disk->state, "c", "d"), -ENOENT);
	assert_int_equal(disk->open(disk->state, "c", MR_DISK_READ), -ENOENT);
	assert_int_equal(disk->remove(disk->state, "c"), -ENOENT);
}

static void note_name(void *owner, const char *name)
{
	char *names = owner;

	snprintf(names + strlen(names), 64 - strlen(names), "%s ", name);
}

static void a_renamed_file_keeps_its_descriptor(void **state)
{
	const struct mr_disk *disk = &((struct place *)*state)->disk;
	char names[64] = "";
	int fd = make(disk, "a", BLOCK);

	assert_int_equal(disk->rename(disk->state, "a", "b"), 0);
	assert_int_equal(disk->sync_directory(disk->state), 0);
	assert_int_equal(disk->write(disk->state, fd, ones, BLOCK, 0), 0);
	for (int i = 0; i < 2; i++) { // a list does not use itself up
		names[0] = '\0';
		assert_int_equal(disk->list(disk->state, note_name, names), 0);
		assert_string_equal(names, "b ");
	}
	disk->close(disk->state, fd);
}

static void space_is_that_of_the_file_system(void **state)
{
	const struct mr_disk *disk = &((struct place *)*state)->disk;
	uint64_t free_bytes = 0, total_bytes = 0;

	assert_int_equal(disk->space(disk->state, &free_bytes, &total_bytes), 0);
	assert_true(free_bytes > 0 && free_bytes <= total_bytes);
}

// A process that takes the journal, says so, and stays until it is killed.
static pid_t other_owner(const char *path)
{
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct mr_disk disk;
		char owner[32];
		if (mr_disk_posix_open(path, &disk) == 0
			&& disk.lock(disk.state, owner, sizeof(owner)) == 0
			&& write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void the_second_process_is_told_who_has_the_journal(void **state)
{
	const struct place *place = *state;
	const struct mr_disk *disk = &place->disk;
	char owner[32] = "", expected[32];
	int status;
	pid_t pid = other_owner(place->path);

	snprintf(expected, sizeof(expected), "pid %d", (int)pid);
	assert_int_equal(disk->lock(disk->state, owner, sizeof(owner)), -EBUSY);
	assert_string_equal(owner, expected);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(disk->lock(disk->state, owner, sizeof(owner)), 0);
	struct mr_disk second;
	assert_int_equal(mr_disk_posix_open(place->path, &second), 0);
	assert_int_equal(second.lock(second.state, owner, sizeof(owner)), -EBUSY);
	snprintf(expected, sizeof(expected), "pid %d", (int)getpid());
	assert_string_equal(owner, expected);
	mr_disk_posix_close(&second);
}

// Runs `part` in a process of its own; 0, or SKIPPED.
static int apart(int (*part)(const struct place *place), const struct place *place)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(part(place));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int make_beyond_the_limit(const struct place *place)
{
	const struct mr_disk *disk = &place->disk;
	struct rlimit limit = {.rlim_cur = 2 * BLOCK, .rlim_max = 2 * BLOCK};

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return SKIPPED;
	int fd = disk->open(disk->state, "a", MR_DISK_WRITE | MR_DISK_CREATE);
	if (disk->make_zeroed(disk->state, fd, FILE_BYTES) != -EFBIG)
		return 1;
	return disk->write(disk->state, fd, ones, BLOCK, 2 * BLOCK) != -EFBIG;
}

static void a_file_too_big_is_an_error_and_stays_for_the_caller(void **state)
{
	const struct place *place = *state;
	int r = apart(make_beyond_the_limit, place);

	if (r == SKIPPED)
		skip();
	assert_int_equal(r, 0);
	assert_int_equal(place->disk.remove(place->disk.state, "a"), 0);
}

// On a file system of 1 MiB, in a mount namespace of this process.
static int fill_up(const struct place *place)
{
	struct mr_disk disk;
	uint64_t free_bytes, total_bytes;

	if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return SKIPPED;
	if (mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0
		|| mount("tmpfs", place->path, "tmpfs", 0, "size=1m") < 0)
		return SKIPPED;
	if (mr_disk_posix_open(place->path, &disk) != 0)
		return 1;
	int fd = disk.open(disk.state, "a", MR_DISK_WRITE | MR_DISK_CREATE);
	if (disk.make_zeroed(disk.state, fd, FILE_BYTES) != -ENOSPC)
		return 2;
	if (disk.remove(disk.state, "a") != 0)
		return 3;
	disk.close(disk.state, fd);
	if (disk.space(disk.state, &free_bytes, &total_bytes) != 0 || total_bytes != 1 << 20)
		return 4;
	fd = disk.open(disk.state, "b", MR_DISK_WRITE | MR_DISK_CREATE);
	int r = disk.make_zeroed(disk.state, fd, 1 << 19);
	mr_disk_posix_close(&disk);
	return r == 0 ? 0 : 5;
}

static void a_full_disk_is_an_error_until_there_is_room(void **state)
{
	int r = apart(fill_up, *state);

	if (r == SKIPPED)
		skip();
	assert_int_equal(r, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_directory_is_for_its_owner_alone),
		TEST(what_is_no_directory_is_refused),
		TEST(a_made_file_is_whole),
		TEST(what_is_written_is_read_by_another_descriptor),
		TEST(direct_means_that_the_descriptor_is),
		TEST(a_pipe_is_no_segment_and_nobody_waits_for_its_other_end),
		TEST(a_name_is_taken_once),
		TEST(a_renamed_file_keeps_its_descriptor),
		TEST(space_is_that_of_the_file_system),
		TEST(the_second_process_is_told_who_has_the_journal),
		TEST(a_file_too_big_is_an_error_and_stays_for_the_caller),
		TEST(a_full_disk_is_an_error_until_there_is_room),
	};

	const char *asked = getenv("DISK_POSIX_ROOT");
	const char *parent = asked != NULL ? asked : "/tmp";
	static char root[64];
	if (access(parent, W_OK) < 0) {
		printf("1..0 # SKIP no %s here\n", parent);
		return 0;
	}
	snprintf(root, sizeof(root), "%s/disk_posix.XXXXXX", parent);
	root_template = root;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
