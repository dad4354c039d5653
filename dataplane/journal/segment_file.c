#include "segment_file.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "hash.h"
#include "mr_assert.h"

static const char prefix[] = "segment-";
enum { PREFIX_LENGTH = sizeof(prefix) - 1, DIGITS = 16 };
static_assert(PREFIX_LENGTH + DIGITS + 1 == MR_SEGMENT_NAME_BYTES, "a name and its end");

void mr_segment_name(uint64_t number, char ret_name[MR_SEGMENT_NAME_BYTES])
{
	memcpy(ret_name, prefix, PREFIX_LENGTH);
	for (int i = 0; i < DIGITS; i++)
		ret_name[PREFIX_LENGTH + i] = "0123456789abcdef"[number >> (60 - 4 * i) & 15];
	ret_name[PREFIX_LENGTH + DIGITS] = '\0';
}

bool mr_segment_number(const char *name, uint64_t *ret_number)
{
	if (strncmp(name, prefix, PREFIX_LENGTH) != 0 || strlen(name) != PREFIX_LENGTH + DIGITS)
		return false;
	uint64_t number = 0;
	for (const char *at = name + PREFIX_LENGTH; *at != '\0'; at++) {
		if (*at >= '0' && *at <= '9')
			number = number << 4 | (uint64_t)(*at - '0');
		else if (*at >= 'a' && *at <= 'f')
			number = number << 4 | (uint64_t)(*at - 'a' + 10);
		else
			return false;
	}
	*ret_number = number;
	return number != 0;
}

// Of the whole block as if the check were zero.
static uint64_t check_of(const void *block)
{
	_Alignas(8) uint8_t copy[MR_JOURNAL_BLOCK_BYTES];
	memcpy(copy, block, sizeof(copy));
	memset(copy + offsetof(struct mr_segment_header, check), 0, sizeof(uint64_t));
	return mr_hash_bytes(copy, sizeof(copy), 0);
}

void mr_segment_seal(void *block)
{
	struct mr_segment_header *header = block;
	mr_assert((uintptr_t)block % MR_JOURNAL_BLOCK_BYTES == 0);
	mr_assert(header->number != 0 && header->streams <= MR_STREAMS_MAX);
	header->magic = MR_SEGMENT_MAGIC;
	header->version = MR_JOURNAL_VERSION;
	header->check = check_of(block);
}

int mr_segment_check(const void *block, uint64_t number)
{
	const struct mr_segment_header *header = block;
	if (header->magic != MR_SEGMENT_MAGIC || header->check != check_of(block))
		return -EBADMSG;
	if (header->version > MR_JOURNAL_VERSION)
		return -EPROTONOSUPPORT;
	if (header->number != number || number == 0 || header->streams > MR_STREAMS_MAX
		|| header->segment_bytes % MR_JOURNAL_BLOCK_BYTES != 0)
		return -EBADMSG;
	return 0;
}

struct sweep {
	uint64_t oldest, newest;
	uint64_t last; // highest number outside of them; 0: none
};

static void find_last(void *owner, const char *name)
{
	struct sweep *sweep = owner;
	uint64_t number;
	if (mr_segment_number(name, &number) && number > sweep->last
		&& (number < sweep->oldest || number > sweep->newest))
		sweep->last = number;
}

int mr_segment_sweep(const struct mr_disk *disk, uint64_t oldest, uint64_t newest)
{
	bool removed = false;
	for (;;) {
		struct sweep sweep = {.oldest = oldest, .newest = newest};
		int err = disk->list(disk->state, find_last, &sweep);
		if (err != 0)
			return err;
		if (sweep.last == 0)
			return removed ? disk->sync_directory(disk->state) : 0;
		char name[MR_SEGMENT_NAME_BYTES];
		mr_segment_name(sweep.last, name);
		err = disk->remove(disk->state, name);
		if (err == 0 && sweep.last > newest) // none goes for good before those above it
			err = disk->sync_directory(disk->state);
		if (err != 0)
			return err;
		removed = true;
	}
}
