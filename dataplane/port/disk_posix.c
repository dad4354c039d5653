#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bytes.h"
#include "disk.h"
#include "mr_assert.h"

enum { ZEROS_BYTES = 1 << 20, OWNER_BYTES = 32, MAPPED_BYTES = 4096 };

struct posix_disk {
	int directory; // descriptor
	int owner; // descriptor of the locked file; -1: not locked
	_Atomic bool direct; // of the last file that was opened
};

static int list(void *state, void (*each)(void *owner, const char *name), void *owner)
{
	const struct posix_disk *disk = state;
	// Of its own: readdir moves the descriptor's place.
	int fd = openat(disk->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);

	if (entries == NULL) {
		int r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	errno = 0;
	const struct dirent *entry = readdir(entries);
	while (entry != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			each(owner, entry->d_name);
		errno = 0;
		entry = readdir(entries);
	}
	int r = -errno;
	closedir(entries);
	return r;
}

static int open_file(void *state, const char *name, unsigned flags)
{
	struct posix_disk *disk = state;
	int how = O_CLOEXEC | O_NOFOLLOW;
	struct stat about;

	mr_assert((flags & (MR_DISK_READ | MR_DISK_WRITE)) != 0);
	how |= (flags & MR_DISK_WRITE) != 0 ? O_RDWR : O_RDONLY;
	how |= (flags & MR_DISK_CREATE) != 0 ? O_CREAT | O_EXCL : 0;
	// To open a pipe is to wait for its other end.
	if (fstatat(disk->directory, name, &about, AT_SYMLINK_NOFOLLOW) == 0
		&& !S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode) && !S_ISLNK(about.st_mode))
		return -ENOTSUP;
	int fd = openat(disk->directory, name, how, 0600);
	if (fd < 0)
		return -errno;
	// Not asked of openat: where that is refused, the file has been created nevertheless.
	atomic_store(&disk->direct, fcntl(fd, F_SETFL, O_DIRECT) == 0);
	return fd;
}

static void close_file(void *state, int fd)
{
	(void)state;
	close(fd);
}

static int64_t size_of(void *state, int fd)
{
	struct stat about;

	(void)state;
	return fstat(fd, &about) < 0 ? -errno : about.st_size;
}

static int read_file(void *state, int fd, void *ret_bytes, size_t bytes, uint64_t offset)
{
	uint8_t *into = ret_bytes;

	(void)state;
	for (size_t done = 0; done < bytes;) {
		ssize_t r = pread(fd, into + done, bytes - done, (off_t)(offset + done));
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0)
			return -ENODATA;
		done += r > 0 ? (size_t)r : 0;
	}
	return 0;
}

static int write_with(int fd, const void *bytes, size_t length, uint64_t offset, int flags)
{
	struct iovec left = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};

	while (left.iov_len > 0) {
		ssize_t r = pwritev2(fd, &left, 1, (off_t)offset, flags);
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0)
			return -EIO;
		size_t written = r > 0 ? (size_t)r : 0;
		left.iov_base = (uint8_t *)left.iov_base + written;
		left.iov_len -= written;
		offset += written;
	}
	return 0;
}

static int write_file(void *state, int fd, const void *bytes, size_t length, uint64_t offset)
{
	(void)state;
	return write_with(fd, bytes, length, offset, RWF_DSYNC);
}

static int write_zeros(int fd, const void *zeros, uint64_t bytes)
{
	uint64_t done = 0;
	int r = 0;

	while (r == 0 && done < bytes) {
		uint64_t left = bytes - done;
		size_t length = left < ZEROS_BYTES ? (size_t)left : ZEROS_BYTES;
		r = write_with(fd, zeros, length, done, 0);
		done += length;
	}
	return r;
}

static int make_zeroed(void *state, int fd, uint64_t bytes)
{
	(void)state;
	// In one piece where that is possible, and a full disk shows before anything is written.
	// The zeros are written all the same: what is only allocated changes metadata when it is
	// written.
	if (fallocate(fd, 0, 0, (off_t)bytes) < 0 && errno != EOPNOTSUPP && errno != EINTR)
		return -errno;
	void *zeros = mmap(NULL, ZEROS_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (zeros == MAP_FAILED)
		return -errno;
	int r = write_zeros(fd, zeros, bytes);
	munmap(zeros, ZEROS_BYTES);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

static int sync_file(void *state, int fd)
{
	(void)state;
	return fdatasync(fd) == 0 ? 0 : -errno;
}

static int rename_file(void *state, const char *from, const char *to)
{
	const struct posix_disk *disk = state;

	// Nobody comes in between: the journal is this process's.
	if (faccessat(disk->directory, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	if (errno != ENOENT)
		return -errno;
	return renameat(disk->directory, from, disk->directory, to) < 0 ? -errno : 0;
}

static int map_file(void *state, const char *name, void **ret_memory)
{
	const struct posix_disk *disk = state;
	int fd = openat(disk->directory, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	void *memory = MAP_FAILED;
	// Allocated, not only made longer: a store into a hole of a full disk is fatal.
	int r = fallocate(fd, 0, 0, MAPPED_BYTES) < 0 && errno != EOPNOTSUPP ? -errno : 0;
	if (r == 0 && ftruncate(fd, MAPPED_BYTES) < 0)
		r = -errno;
	if (r == 0) {
		memory = mmap(NULL, MAPPED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		r = memory == MAP_FAILED ? -errno : 0;
	}
	close(fd);
	if (r == 0)
		*ret_memory = memory;
	return r;
}

static void unmap(void *state, void *memory)
{
	(void)state;
	munmap(memory, MAPPED_BYTES);
}

static int remove_file(void *state, const char *name)
{
	const struct posix_disk *disk = state;

	return unlinkat(disk->directory, name, 0) < 0 ? -errno : 0;
}

static int sync_directory(void *state)
{
	const struct posix_disk *disk = state;

	return fsync(disk->directory) < 0 ? -errno : 0;
}

static int space(void *state, uint64_t *ret_free_bytes, uint64_t *ret_total_bytes)
{
	const struct posix_disk *disk = state;
	struct statvfs about;

	if (fstatvfs(disk->directory, &about) < 0)
		return -errno;
	*ret_free_bytes = (uint64_t)about.f_bavail * about.f_frsize;
	*ret_total_bytes = (uint64_t)about.f_blocks * about.f_frsize;
	return 0;
}

// The first line of the owner's file.
static void read_owner(int fd, char *ret_owner, size_t owner_size)
{
	char text[OWNER_BYTES];
	ssize_t length = pread(fd, text, sizeof(text), 0);

	if (length <= 0)
		length = 0;
	const char *end = memchr(text, '\n', (size_t)length);
	(void)mr_copy_text(
		ret_owner, owner_size, text, end != NULL ? (size_t)(end - text) : (size_t)length);
}

// For people and for the message to the next one: the lock does not hang on it.
static void write_owner(int fd)
{
	char text[OWNER_BYTES];
	struct mr_out out = mr_out_make(text, sizeof(text));

	mr_out_literal(&out, "pid ");
	mr_out_u64(&out, (uint64_t)getpid());
	mr_out_literal(&out, "\n");
	size_t length = (size_t)(out.at - (uint8_t *)text);
	ssize_t written = ftruncate(fd, 0) == 0 ? pwrite(fd, text, length, 0) : 0;
	(void)written;
}

static int lock(void *state, char *ret_owner, size_t owner_size)
{
	struct posix_disk *disk = state;

	mr_assert(disk->owner < 0);
	int fd = openat(disk->directory, "owner", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int r = errno == EWOULDBLOCK ? -EBUSY : -errno;
		if (r == -EBUSY)
			read_owner(fd, ret_owner, owner_size);
		close(fd);
		return r;
	}
	write_owner(fd);
	disk->owner = fd;
	return 0;
}

// The directory itself, and its name durable when it is new.
static int open_directory(const char *path)
{
	bool made = mkdir(path, 0700) == 0;

	if (!made && errno != EEXIST)
		return -errno;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!made)
		return fd;
	int parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = parent < 0 || fsync(parent) < 0 ? -errno : 0;
	if (parent >= 0)
		close(parent);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

int mr_disk_posix_open(const char *path, struct mr_disk *ret_disk)
{
	int directory = open_directory(path);
	if (directory < 0)
		return directory;
	struct posix_disk *disk = malloc(sizeof(*disk));
	if (disk == NULL) {
		close(directory);
		return -ENOMEM;
	}
	disk->directory = directory;
	disk->owner = -1;
	atomic_init(&disk->direct, false);
	*ret_disk = (struct mr_disk){
		.state = disk,
		.list = list,
		.open = open_file,
		.close = close_file,
		.size = size_of,
		.read = read_file,
		.write = write_file,
		.make_zeroed = make_zeroed,
		.sync = sync_file,
		.rename = rename_file,
		.map = map_file,
		.unmap = unmap,
		.remove = remove_file,
		.sync_directory = sync_directory,
		.space = space,
		.lock = lock,
	};
	return 0;
}

void mr_disk_posix_close(struct mr_disk *disk)
{
	struct posix_disk *posix = disk->state;

	if (posix == NULL)
		return;
	if (posix->owner >= 0)
		close(posix->owner);
	close(posix->directory);
	free(posix);
	*disk = (struct mr_disk){0};
}

bool mr_disk_posix_is_direct(const struct mr_disk *disk)
{
	const struct posix_disk *posix = disk->state;

	return atomic_load(&posix->direct);
}
