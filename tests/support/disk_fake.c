#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "disk_fake_state.h"

void *disk_fake_checked(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

// -- Names and files
void disk_fake_copy_name(char *into, const char *text)
{
	bool whole = mr_copy_text(into, NAME_BYTES, text, strlen(text));

	assert(whole);
}

const struct name *disk_fake_find(const struct names *names, const char *text)
{
	for (uint32_t i = 0; i < names->count; i++) {
		if (strcmp(names->at[i].text, text) == 0)
			return &names->at[i];
	}
	return NULL;
}

void disk_fake_apply(struct names *names, const struct name_change *change)
{
	uint32_t at = names->count;

	if (change->from[0] != '\0') {
		const struct name *from = disk_fake_find(names, change->from);
		assert(from != NULL);
		at = (uint32_t)(from - names->at);
	} else {
		assert(names->count < FILES_MAX);
		names->count++;
	}
	if (change->to[0] == '\0') {
		names->at[at] = names->at[--names->count];
		return;
	}
	names->at[at].file = change->file;
	disk_fake_copy_name(names->at[at].text, change->to);
}

static void change_name(struct disk_fake *fake, const char *from, const char *to, uint32_t file)
{
	assert(fake->changes_count < CHANGES_MAX);
	struct name_change *change = &fake->changes[fake->changes_count++];
	*change = (struct name_change){.file = file};
	disk_fake_copy_name(change->from, from);
	disk_fake_copy_name(change->to, to);
	disk_fake_apply(&fake->names, change);
}

static bool names_file(const struct names *names, uint32_t file)
{
	for (uint32_t i = 0; i < names->count; i++) {
		if (names->at[i].file == file)
			return true;
	}
	return false;
}

bool disk_fake_takes_room(const struct disk_fake *fake, uint32_t file)
{
	for (uint32_t i = 0; i < fake->descriptors_count; i++) {
		if (fake->descriptors[i].open && fake->descriptors[i].file == file)
			return true;
	}
	return names_file(&fake->names, file);
}

// A crash may bring it back.
static bool is_remembered(const struct disk_fake *fake, uint32_t file)
{
	for (uint32_t i = 0; i < fake->changes_count; i++) {
		if (fake->changes[i].file == file)
			return true;
	}
	return names_file(&fake->durable_names, file);
}

// Files that nothing leads to any more are gone, and their bytes are free.
void disk_fake_sweep(struct disk_fake *fake)
{
	for (uint32_t i = 0; i < fake->files_count; i++) {
		if (fake->files[i] == NULL || disk_fake_takes_room(fake, i)
			|| is_remembered(fake, i))
			continue;
		sectors_fini(fake->files[i]);
		free(fake->files[i]);
		fake->files[i] = NULL;
	}
}

static uint32_t new_file(struct disk_fake *fake)
{
	uint32_t i = 0;

	while (i < fake->files_count && fake->files[i] != NULL)
		i++;
	assert(i < FILES_MAX);
	if (i == fake->files_count)
		fake->files_count++;
	fake->files[i] = disk_fake_checked(calloc(1, sizeof(*fake->files[i])));
	return i;
}

struct descriptor *disk_fake_descriptor_of(struct disk_fake *fake, int fd)
{
	assert(fd >= FIRST_FD && (uint32_t)(fd - FIRST_FD) < fake->descriptors_count);
	struct descriptor *descriptor = &fake->descriptors[fd - FIRST_FD];
	assert(descriptor->open);
	return descriptor;
}

struct sectors *disk_fake_file_of(struct disk_fake *fake, int fd)
{
	return fake->files[disk_fake_descriptor_of(fake, fd)->file];
}

// -- struct mr_disk
static bool is_aligned(uint64_t a, uint64_t b, const void *bytes)
{
	return ((a | b | (uintptr_t)bytes) & 4095) == 0;
}

static int list(void *state, void (*each)(void *owner, const char *name), void *owner)
{
	struct disk_fake *fake = state;
	struct names *names = disk_fake_checked(malloc(sizeof(*names)));

	*names = fake->names; // `each` may remove what it is told
	for (uint32_t i = 0; i < names->count; i++)
		each(owner, names->at[i].text);
	free(names);
	return 0;
}

static int open_file(void *state, const char *name, unsigned flags)
{
	struct disk_fake *fake = state;
	const struct name *found = disk_fake_find(&fake->names, name);
	uint32_t file;

	if ((flags & MR_DISK_CREATE) != 0) {
		if (found != NULL)
			return -EEXIST;
		int r = disk_fake_begin_change(fake);
		if (r < 0)
			return r;
		file = new_file(fake);
		change_name(fake, "", name, file);
		r = disk_fake_end_change(fake);
		if (r < 0)
			return r;
	} else {
		if (found == NULL)
			return -ENOENT;
		file = found->file;
	}
	fake->descriptors = disk_fake_checked(realloc(
		fake->descriptors, (fake->descriptors_count + 1) * sizeof(*fake->descriptors)));
	fake->descriptors[fake->descriptors_count] = (struct descriptor){
		.file = file, .open = true, .writable = (flags & MR_DISK_WRITE) != 0};
	return FIRST_FD + (int)fake->descriptors_count++;
}

static void close_file(void *state, int fd)
{
	struct disk_fake *fake = state;

	for (uint32_t i = 0; i < fake->under_way_count; i++)
		assert(fake->under_way[i].fd != fd);
	disk_fake_descriptor_of(fake, fd)->open = false;
	disk_fake_sweep(fake);
}

static int64_t size_of(void *state, int fd)
{
	return (int64_t)disk_fake_file_of(state, fd)->size;
}

static int read_file(void *state, int fd, void *ret_bytes, size_t bytes, uint64_t offset)
{
	struct disk_fake *fake = state;
	const struct sectors *file = disk_fake_file_of(fake, fd);

	assert(is_aligned(offset, bytes, ret_bytes));
	if (fake->dark || fake->reads_broken != 0)
		return fake->dark ? -EIO : fake->reads_broken;
	if (offset + bytes > file->size)
		return -ENODATA;
	memcpy(ret_bytes, file->now + offset, bytes);
	return 0;
}

static int write_file(void *state, int fd, const void *bytes, size_t length, uint64_t offset)
{
	struct disk_fake *fake = state;
	struct sectors *file = disk_fake_file_of(fake, fd);

	assert(is_aligned(offset, length, bytes) && disk_fake_descriptor_of(fake, fd)->writable);
	struct fate fate = disk_fake_fate_of_write(fake, file, offset, length);
	if (fate.bytes > 0) // a blocking write goes on after a short one
		sectors_write(file, offset, bytes, length);
	if (fate.error != 0 || fake->dark)
		return fate.error != 0 ? fate.error : -EIO;
	sectors_settle(file, offset, length);
	return 0;
}

static int make_zeroed(void *state, int fd, uint64_t bytes)
{
	struct disk_fake *fake = state;
	struct sectors *file = disk_fake_file_of(fake, fd);

	assert(bytes % 4096 == 0 && disk_fake_descriptor_of(fake, fd)->writable);
	uint64_t fits = disk_fake_bytes_that_fit(fake, file, 0, bytes);
	struct fate fate = disk_fake_fate_of_write(fake, file, 0, bytes);
	if (fate.error == -ENOSPC)
		fate.bytes = fits; // as far as it goes
	sectors_zero(file, 0, fate.error == 0 ? bytes : fate.bytes); // blocking: never short
	if (fate.error != 0 || fake->dark)
		return fate.error != 0 ? fate.error : -EIO;
	sectors_settle(file, 0, bytes);
	return 0;
}

static int sync_file(void *state, int fd)
{
	struct disk_fake *fake = state;
	struct sectors *file = disk_fake_file_of(fake, fd);
	int r = disk_fake_begin_change(fake);

	if (r < 0 || fake->dark)
		return r < 0 ? r : -EIO;
	sectors_settle(file, 0, file->size);
	return 0;
}

static int rename_file(void *state, const char *from, const char *to)
{
	struct disk_fake *fake = state;
	const struct name *found = disk_fake_find(&fake->names, from);

	if (found == NULL)
		return -ENOENT;
	if (disk_fake_find(&fake->names, to) != NULL)
		return -EEXIST;
	int r = disk_fake_begin_change(fake);
	if (r < 0)
		return r;
	change_name(fake, from, to, found->file);
	return disk_fake_end_change(fake);
}

// What is stored in the memory is never durable; the file must not grow while it is mapped.
static int map_file(void *state, const char *name, void **ret_memory)
{
	struct disk_fake *fake = state;

	if (disk_fake_find(&fake->names, name) == NULL) {
		int fd = open_file(state, name, MR_DISK_WRITE | MR_DISK_CREATE);
		if (fd < 0)
			return fd;
		close_file(state, fd);
	}
	const struct name *found = disk_fake_find(&fake->names, name);
	if (found == NULL)
		return -ENOENT;
	struct sectors *file = fake->files[found->file];
	if (file->size == 0)
		sectors_zero(file, 0, MAPPED_BYTES);
	*ret_memory = file->now;
	return 0;
}

static void unmap(void *state, void *memory)
{
	(void)state;
	(void)memory;
}

static int remove_file(void *state, const char *name)
{
	struct disk_fake *fake = state;
	const struct name *found = disk_fake_find(&fake->names, name);

	if (found == NULL)
		return -ENOENT;
	int r = disk_fake_begin_change(fake);
	if (r < 0)
		return r;
	change_name(fake, name, "", found->file);
	return disk_fake_end_change(fake);
}

static int sync_directory(void *state)
{
	struct disk_fake *fake = state;

	int r = disk_fake_begin_change(fake);
	if (r < 0 || fake->dark)
		return r < 0 ? r : -EIO;
	fake->durable_names = fake->names;
	fake->changes_count = 0;
	disk_fake_sweep(fake);
	return 0;
}

static int space(void *state, uint64_t *ret_free_bytes, uint64_t *ret_total_bytes)
{
	const struct disk_fake *fake = state;
	const struct sectors none = {0};

	*ret_total_bytes = fake->capacity == 0 ? 1ULL << 40 : fake->capacity;
	*ret_free_bytes = disk_fake_bytes_that_fit(fake, &none, 0, *ret_total_bytes);
	return 0;
}

static int lock(void *state, char *ret_owner, size_t owner_size)
{
	struct disk_fake *fake = state;
	static const struct name_change made = {.to = "owner"};

	if (fake->locked) {
		(void)mr_copy_text(ret_owner, owner_size, fake->owner, strlen(fake->owner));
		return -EBUSY;
	}
	if (fake->broken != 0)
		return fake->broken;
	if (disk_fake_find(&fake->names, made.to) == NULL) {
		struct name_change change = made;
		change.file = new_file(fake);
		disk_fake_apply(&fake->names, &change);
		disk_fake_apply(&fake->durable_names, &change);
	}
	disk_fake_copy_name(fake->owner, "pid 1");
	fake->locked = true;
	return 0;
}

struct mr_disk disk_fake_disk(struct disk_fake *fake)
{
	return (struct mr_disk){
		.state = fake,
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
}

struct disk_fake *disk_fake_new(uint64_t seed)
{
	struct disk_fake *fake = disk_fake_checked(calloc(1, sizeof(*fake)));

	mr_rng_seed(&fake->rng, seed);
	return fake;
}

void disk_fake_free(struct disk_fake *fake)
{
	if (fake == NULL)
		return;
	for (uint32_t i = 0; i < fake->under_way_count; i++)
		free(fake->under_way[i].copy);
	free(fake->under_way);
	free(fake->descriptors);
	for (uint32_t i = 0; i < fake->files_count; i++) {
		if (fake->files[i] != NULL)
			sectors_fini(fake->files[i]);
		free(fake->files[i]);
	}
	free(fake);
}

struct disk_fake *disk_fake_copy(const struct disk_fake *fake, uint64_t seed)
{
	struct disk_fake *copy = disk_fake_new(seed);

	copy->names = fake->names;
	copy->durable_names = fake->names;
	copy->files_count = fake->files_count;
	for (uint32_t i = 0; i < fake->files_count; i++) {
		if (fake->files[i] == NULL)
			continue;
		copy->files[i] = disk_fake_checked(calloc(1, sizeof(*copy->files[i])));
		sectors_copy(copy->files[i], fake->files[i]);
		sectors_settle(copy->files[i], 0, copy->files[i]->size);
	}
	disk_fake_sweep(copy);
	copy->capacity = fake->capacity;
	copy->delays = fake->delays;
	return copy;
}
