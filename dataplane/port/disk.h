// The journal's directory: blocking operations, for the boot, the thread that makes segments ahead
// and the tools. disk_posix.c is the real one; tests bring one with faults. What must not block
// goes through net.h (mr_net_read, mr_net_write_durable).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum mr_disk_open {
	MR_DISK_READ = 1,
	MR_DISK_WRITE = 2, // and read; both O_DIRECT where the file system has it
	MR_DISK_CREATE = 4, // must not exist yet
};

struct mr_disk {
	void *state;
	// Calls `each` for every name in the directory. 0 or negative errno, like all of these.
	int (*list)(void *state, void (*each)(void *owner, const char *name), void *owner);
	int (*open)(void *state, const char *name, unsigned flags); // descriptor or negative errno
	void (*close)(void *state, int fd);
	int64_t (*size)(void *state, int fd);
	// Reads or writes the whole range; offsets, lengths and memory aligned to 4096. A write is
	// durable when it returns 0 (RWF_DSYNC). -ENODATA: the file ends before the range read.
	int (*read)(void *state, int fd, void *ret_bytes, size_t bytes, uint64_t offset);
	int (*write)(void *state, int fd, const void *bytes, size_t length, uint64_t offset);
	// Fills the file with zeros up to `bytes`, durably: later writes change no metadata. After
	// -ENOSPC and the like the file is there still, for the caller to remove.
	int (*make_zeroed)(void *state, int fd, uint64_t bytes);
	// Makes durable what was written to the file before, also by a process that was killed
	// meanwhile: its last writes may be seen and not kept.
	int (*sync)(void *state, int fd);
	// Names are durable after sync_directory. -EEXIST: `to` is there; nothing is replaced.
	int (*rename)(void *state, const char *from, const char *to);
	// The file's first 4096 bytes as memory, made as zeros when it is missing: what is stored
	// there is found again when this process crashes, not when the power goes.
	int (*map)(void *state, const char *name, void **ret_memory);
	void (*unmap)(void *state, void *memory);
	int (*remove)(void *state, const char *name);
	int (*sync_directory)(void *state);
	int (*space)(void *state, uint64_t *ret_free_bytes, uint64_t *ret_total_bytes);
	// Takes the journal for this process until mr_disk is closed. -EBUSY: another process has
	// it; ret_owner says which ("pid 4711"), where that is known.
	int (*lock)(void *state, char *ret_owner, size_t owner_size);
};

// The directory `path`, made (0700) when it is missing. 0 or negative errno.
int mr_disk_posix_open(const char *path, struct mr_disk *ret_disk);
void mr_disk_posix_close(struct mr_disk *disk); // accepts a zeroed one; lets the lock go
// O_DIRECT is in force; as the last file showed that was opened, false before the first.
bool mr_disk_posix_is_direct(const struct mr_disk *disk);
