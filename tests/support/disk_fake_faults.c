#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "disk_fake_state.h"

int disk_fake_begin_change(struct disk_fake *fake)
{
	if (fake->dark)
		return -EIO;
	fake->changes_made++;
	if (fake->broken != 0)
		return fake->broken;
	fake->dark = fake->cut_at != 0 && fake->changes_made >= fake->cut_at;
	return 0;
}

int disk_fake_end_change(const struct disk_fake *fake)
{
	return fake->dark ? -EIO : 0;
}

// What is planned for the write that begins; NULL: nothing.
static const struct fault *next_fault(struct disk_fake *fake)
{
	fake->writes++;
	for (uint32_t i = 0; i < FAULTS_MAX; i++) {
		if (fake->faults[i].write == fake->writes)
			return &fake->faults[i];
	}
	return NULL;
}

uint64_t disk_fake_bytes_that_fit(
	const struct disk_fake *fake, const struct sectors *file, uint64_t offset, uint64_t length)
{
	uint64_t used = 0;

	if (fake->capacity == 0 || offset + length <= file->size)
		return length;
	for (uint32_t i = 0; i < fake->files_count; i++)
		used += disk_fake_takes_room(fake, i) ? fake->files[i]->size : 0;
	uint64_t end = file->size + (used < fake->capacity ? fake->capacity - used : 0);
	if (end <= offset)
		return 0;
	return end - offset < length ? end - offset : length;
}

struct fate disk_fake_fate_of_write(
	struct disk_fake *fake, const struct sectors *file, uint64_t offset, size_t length)
{
	const struct fault *fault = next_fault(fake);
	if (fake->dark)
		return (struct fate){-EIO, 0};

	int error = disk_fake_begin_change(fake);
	if (error == 0 && fault != NULL)
		error = fault->error;
	if (error == -EIO || error == -ECANCELED)
		return (struct fate){error, length};
	if (error == 0 && disk_fake_bytes_that_fit(fake, file, offset, length) < length)
		error = -ENOSPC;
	if (error != 0)
		return (struct fate){error, 0};
	return (struct fate){0, fault != NULL && fault->bytes < length ? fault->bytes : length};
}

static void plan(struct disk_fake *fake, uint64_t nth, struct fault fault)
{
	uint32_t i = 0;

	assert(nth > 0);
	while (i < FAULTS_MAX && fake->faults[i].write > fake->writes)
		i++;
	assert(i < FAULTS_MAX);
	fault.write = fake->writes + nth;
	fake->faults[i] = fault;
}

void disk_fake_fail(struct disk_fake *fake, uint64_t nth, int error)
{
	assert(error < 0);
	plan(fake, nth, (struct fault){.error = error});
}

void disk_fake_shorten(struct disk_fake *fake, uint64_t nth, size_t bytes)
{
	assert(bytes % 4096 == 0);
	plan(fake, nth, (struct fault){.bytes = bytes});
}

void disk_fake_break(struct disk_fake *fake, int error)
{
	assert(error <= 0);
	fake->broken = error;
}

void disk_fake_break_reads(struct disk_fake *fake, int error)
{
	assert(error <= 0);
	fake->reads_broken = error;
}

void disk_fake_limit_reads(struct disk_fake *fake, size_t bytes)
{
	assert(bytes % 4096 == 0);
	fake->read_limit = bytes;
}

void disk_fake_capacity(struct disk_fake *fake, uint64_t bytes)
{
	fake->capacity = bytes;
}

void disk_fake_owned_by(struct disk_fake *fake, const char *owner)
{
	fake->locked = owner != NULL;
	if (owner != NULL)
		disk_fake_copy_name(fake->owner, owner);
}

void disk_fake_delay(struct disk_fake *fake, struct disk_fake_delays delays)
{
	fake->delays = delays;
}

void disk_fake_cut_at(struct disk_fake *fake, uint64_t nth)
{
	fake->cut_at = nth == 0 ? 0 : fake->changes_made + nth;
}

uint64_t disk_fake_changes(const struct disk_fake *fake)
{
	return fake->changes_made;
}

uint64_t disk_fake_writes(const struct disk_fake *fake)
{
	return fake->writes;
}

// The process is gone, and what was planned for it.
static void forget_process(struct disk_fake *fake)
{
	for (uint32_t i = 0; i < fake->under_way_count; i++)
		free(fake->under_way[i].copy);
	fake->under_way_count = 0;
	for (uint32_t i = 0; i < fake->descriptors_count; i++)
		fake->descriptors[i].open = false;
	memset(fake->faults, 0, sizeof(fake->faults));
	fake->cut_at = 0;
	fake->dark = false;
	fake->broken = 0;
	fake->reads_broken = 0;
	fake->read_limit = 0;
	memset(fake->last_due_ns, 0, sizeof(fake->last_due_ns));
	fake->locked = false;
	disk_fake_sweep(fake);
}

void disk_fake_crash(struct disk_fake *fake, uint64_t seed)
{
	static const uint32_t kept_percents[] = {0, 25, 50, 75, 100};
	struct mr_rng rng;

	mr_rng_seed(&rng, seed);
	uint32_t kept_percent = kept_percents[mr_rng_below(&rng, 5)];
	for (uint32_t i = 0; i < fake->files_count; i++) {
		if (fake->files[i] != NULL)
			sectors_crash(fake->files[i], &rng, kept_percent);
	}
	uint64_t kept_changes = mr_rng_below(&rng, fake->changes_count + 1);
	for (uint32_t i = 0; i < kept_changes; i++)
		disk_fake_apply(&fake->durable_names, &fake->changes[i]);
	fake->names = fake->durable_names;
	fake->changes_count = 0;
	forget_process(fake);
}

void disk_fake_exit(struct disk_fake *fake)
{
	assert(!fake->dark && fake->under_way_count == 0);
	forget_process(fake);
}

static struct sectors *named(const struct disk_fake *fake, const char *name)
{
	const struct name *found = disk_fake_find(&fake->names, name);

	return found == NULL ? NULL : fake->files[found->file];
}

const uint8_t *disk_fake_look(const struct disk_fake *fake, const char *name, uint64_t *ret_size)
{
	const struct sectors *file = named(fake, name);

	if (file == NULL)
		return NULL;
	*ret_size = file->size;
	return file->now;
}

void disk_fake_tamper(
	struct disk_fake *fake, const char *name, uint64_t offset, const void *bytes, size_t length)
{
	struct sectors *file = named(fake, name);

	assert(file != NULL && offset + length <= file->size);
	memcpy(file->now + offset, bytes, length);
	memcpy(file->durable + offset, bytes, length);
}
