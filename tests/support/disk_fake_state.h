// What disk_fake is made of: disk_fake.c is the directory, disk_fake_faults.c what goes wrong,
// disk_fake_io.c what is under way.
#pragma once

#include "disk_fake.h"
#include "rng.h"
#include "sectors.h"

enum {
	FIRST_FD = 100000,
	NAME_BYTES = 64,
	FILES_MAX = 1024,
	FAULTS_MAX = 128,
	CHANGES_MAX = 256,
	MAPPED_BYTES = 4096
};

struct name {
	char text[NAME_BYTES];
	uint32_t file;
};

struct names {
	struct name at[FILES_MAX];
	uint32_t count;
};

// What happened to the directory: from "" a file appears, to "" it goes.
struct name_change {
	char from[NAME_BYTES];
	char to[NAME_BYTES];
	uint32_t file;
};

struct descriptor {
	uint32_t file;
	bool open;
	bool writable;
};

struct fault {
	uint64_t write; // number of the write; 0: free
	int error; // 0: a short write
	size_t bytes;
};

// An operation under way.
struct under_way {
	uint64_t id;
	int fd;
	bool is_write;
	int32_t result; // as planned
	uint64_t offset;
	size_t length;
	uint8_t *copy; // of what is written
};

struct disk_fake {
	struct sectors *files[FILES_MAX]; // NULL: no such file any more
	uint32_t files_count;
	struct names names, durable_names;
	struct name_change changes[CHANGES_MAX]; // from durable_names to names
	uint32_t changes_count;
	struct descriptor *descriptors; // never used again
	uint32_t descriptors_count;
	struct under_way *under_way;
	uint32_t under_way_count;
	uint64_t ids;
	struct mr_rng rng;
	// Faults.
	struct fault faults[FAULTS_MAX];
	uint64_t writes;
	uint64_t changes_made;
	uint64_t cut_at;
	bool dark;
	int broken, reads_broken;
	size_t read_limit;
	uint64_t capacity;
	struct disk_fake_delays delays;
	uint64_t last_due_ns[2]; // of reads, of writes
	bool locked;
	char owner[NAME_BYTES];
};

void *disk_fake_checked(void *memory); // aborts on NULL
void disk_fake_copy_name(char *into, const char *text); // into NAME_BYTES
struct sectors *disk_fake_file_of(struct disk_fake *fake, int fd);
struct descriptor *disk_fake_descriptor_of(struct disk_fake *fake, int fd);
void disk_fake_apply(struct names *names, const struct name_change *change);
void disk_fake_sweep(struct disk_fake *fake);
bool disk_fake_takes_room(const struct disk_fake *fake, uint32_t file);
const struct name *disk_fake_find(const struct names *names, const char *text);

// -- disk_fake_faults.c
// A change begins. Negative errno: it does not take place. Otherwise disk_fake_end_change says
// whether the power went at it.
int disk_fake_begin_change(struct disk_fake *fake);
int disk_fake_end_change(const struct disk_fake *fake);

// What comes of a write: so many bytes reach the file, and they are durable in the end when there
// is no error.
struct fate {
	int error;
	size_t bytes;
};
struct fate disk_fake_fate_of_write(
	struct disk_fake *fake, const struct sectors *file, uint64_t offset, size_t length);
// Of this range of a file.
uint64_t disk_fake_bytes_that_fit(
	const struct disk_fake *fake, const struct sectors *file, uint64_t offset, uint64_t length);
