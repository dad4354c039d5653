#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "disk_fake_state.h"

static bool overlaps(const struct under_way *a, const struct under_way *b)
{
	return a->fd == b->fd && a->offset < b->offset + b->length
		&& b->offset < a->offset + a->length;
}

// Delays of one kind pass in order, unless shuffled.
static uint64_t due_of(struct disk_fake *fake, bool is_write, uint64_t now_ns)
{
	uint64_t delay_ns = is_write ? fake->delays.write_ns : fake->delays.read_ns;

	if (fake->delays.shuffled)
		return now_ns + mr_rng_below(&fake->rng, 2 * delay_ns + 1);
	uint64_t *last_due_ns = &fake->last_due_ns[is_write];
	if (now_ns + delay_ns > *last_due_ns)
		*last_due_ns = now_ns + delay_ns;
	return *last_due_ns;
}

static void begin_write(struct disk_fake *fake, struct under_way *op, const void *bytes)
{
	struct sectors *file = disk_fake_file_of(fake, op->fd);

	assert(disk_fake_descriptor_of(fake, op->fd)->writable);
	for (uint32_t i = 0; i < fake->under_way_count; i++)
		assert(!fake->under_way[i].is_write || !overlaps(&fake->under_way[i], op));
	struct fate fate = disk_fake_fate_of_write(fake, file, op->offset, op->length);
	if (fate.bytes > 0)
		sectors_write(file, op->offset, bytes, fate.bytes);
	op->result = fate.error != 0 ? fate.error : (int32_t)fate.bytes;
	op->copy = disk_fake_checked(malloc(op->length));
	memcpy(op->copy, bytes, op->length);
}

static uint64_t begin(void *state, struct mr_fake_file_op *file_op, uint64_t now_ns)
{
	struct disk_fake *fake = state;
	struct under_way op = {
		.id = ++fake->ids,
		.fd = file_op->fd,
		.is_write = file_op->from != NULL,
		.offset = file_op->offset,
		.length = file_op->length,
	};

	assert(op.length > 0 && op.length <= INT32_MAX);
	assert(((op.offset | op.length | (uintptr_t)file_op->into | (uintptr_t)file_op->from)
		       & 4095)
		== 0);
	(void)disk_fake_descriptor_of(fake, op.fd);
	if (op.is_write)
		begin_write(fake, &op, file_op->from);
	fake->under_way = disk_fake_checked(
		realloc(fake->under_way, (fake->under_way_count + 1) * sizeof(*fake->under_way)));
	fake->under_way[fake->under_way_count++] = op;
	file_op->id = op.id;
	return due_of(fake, op.is_write, now_ns);
}

// False: a crash has taken it away.
static bool take(struct disk_fake *fake, uint64_t id, struct under_way *ret_op)
{
	for (uint32_t i = 0; i < fake->under_way_count; i++) {
		if (fake->under_way[i].id != id)
			continue;
		*ret_op = fake->under_way[i];
		fake->under_way[i] = fake->under_way[--fake->under_way_count];
		return true;
	}
	return false;
}

static int32_t read_now(struct disk_fake *fake, const struct under_way *op, void *ret_bytes)
{
	const struct sectors *file = disk_fake_file_of(fake, op->fd);
	size_t length = op->length;

	if (fake->dark || fake->reads_broken != 0)
		return fake->dark ? -EIO : fake->reads_broken;
	if (op->offset >= file->size)
		return 0;
	if (length > file->size - op->offset)
		length = file->size - op->offset;
	if (fake->read_limit > 0 && length > fake->read_limit)
		length = fake->read_limit;
	memcpy(ret_bytes, file->now + op->offset, length);
	return (int32_t)length;
}

static int32_t finish(void *state, const struct mr_fake_file_op *file_op)
{
	struct disk_fake *fake = state;
	struct under_way op;
	bool found = take(fake, file_op->id, &op);

	assert(found); // close the nets before the crash
	if (!op.is_write)
		return read_now(fake, &op, file_op->into);
	assert(memcmp(op.copy, file_op->from, op.length) == 0); // the buffer was the disk's
	free(op.copy);
	if (fake->dark)
		return -EIO;
	if (op.result > 0)
		sectors_settle(disk_fake_file_of(fake, op.fd), op.offset, (uint64_t)op.result);
	return op.result;
}

static void drop(void *state, const struct mr_fake_file_op *file_op)
{
	struct under_way op;

	if (take(state, file_op->id, &op))
		free(op.copy);
}

struct mr_fake_files disk_fake_files(struct disk_fake *fake)
{
	return (struct mr_fake_files){
		.state = fake, .begin = begin, .finish = finish, .drop = drop};
}
