#include "sectors.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void *grown(void *memory, uint64_t from, uint64_t to)
{
	uint8_t *bytes = realloc(memory, to);

	if (bytes == NULL)
		abort();
	memset(bytes + from, 0, to - from);
	return bytes;
}

static void make_room(struct sectors *sectors, uint64_t size)
{
	uint64_t room = sectors->room == 0 ? 16384 : sectors->room;

	if (size <= sectors->room)
		return;
	while (room < size)
		room *= 2;
	sectors->now = grown(sectors->now, sectors->room, room);
	sectors->durable = grown(sectors->durable, sectors->room, room);
	sectors->dirty = grown(sectors->dirty, sectors->room / SECTOR_BYTES, room / SECTOR_BYTES);
	sectors->room = room;
}

void sectors_fini(struct sectors *sectors)
{
	free(sectors->now);
	free(sectors->durable);
	free(sectors->dirty);
	*sectors = (struct sectors){0};
}

void sectors_copy(struct sectors *into, const struct sectors *from)
{
	*into = (struct sectors){0};
	if (from->room == 0)
		return;
	make_room(into, from->room);
	memcpy(into->now, from->now, from->room);
	memcpy(into->durable, from->durable, from->room);
	memcpy(into->dirty, from->dirty, from->room / SECTOR_BYTES * sizeof(bool));
	into->size = from->size;
	into->durable_size = from->durable_size;
}

static void begin_write(struct sectors *sectors, uint64_t offset, uint64_t length)
{
	make_room(sectors, offset + length);
	if (sectors->size < offset + length)
		sectors->size = offset + length;
	for (uint64_t at = offset / SECTOR_BYTES; at * SECTOR_BYTES < offset + length; at++)
		sectors->dirty[at] = true;
}

void sectors_write(struct sectors *sectors, uint64_t offset, const void *bytes, uint64_t length)
{
	begin_write(sectors, offset, length);
	memcpy(sectors->now + offset, bytes, length);
}

void sectors_zero(struct sectors *sectors, uint64_t offset, uint64_t length)
{
	begin_write(sectors, offset, length);
	if (length > 0)
		memset(sectors->now + offset, 0, length);
}

void sectors_settle(struct sectors *sectors, uint64_t offset, uint64_t length)
{
	assert(offset % SECTOR_BYTES == 0 && offset + length <= sectors->size);
	if (length == 0)
		return;
	memcpy(sectors->durable + offset, sectors->now + offset, length);
	memset(sectors->dirty + offset / SECTOR_BYTES, 0,
		(length + SECTOR_BYTES - 1) / SECTOR_BYTES * sizeof(bool));
	if (sectors->durable_size < sectors->size)
		sectors->durable_size = sectors->size;
}

void sectors_crash(struct sectors *sectors, struct mr_rng *rng, uint32_t kept_percent)
{
	for (uint64_t at = 0; at < sectors->room / SECTOR_BYTES; at++) {
		if (!sectors->dirty[at])
			continue;
		uint8_t *now = sectors->now + at * SECTOR_BYTES;
		uint8_t *durable = sectors->durable + at * SECTOR_BYTES;
		if (mr_rng_chance(rng, kept_percent, 100))
			memcpy(durable, now, SECTOR_BYTES);
		else
			memcpy(now, durable, SECTOR_BYTES);
		sectors->dirty[at] = false;
	}
	if (sectors->size > sectors->durable_size) {
		if (mr_rng_chance(rng, kept_percent, 100))
			sectors->durable_size = sectors->size;
		// What lies beyond the end reads as zeros when the file grows again.
		sectors->size = sectors->durable_size;
		memset(sectors->now + sectors->size, 0, sectors->room - sectors->size);
		memset(sectors->durable + sectors->size, 0, sectors->room - sectors->size);
	}
}
