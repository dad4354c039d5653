#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mr_assert.h"

enum { STATE_SHIFT = 56 };
static const uint64_t object_mask = (UINT64_C(1) << STATE_SHIFT) - 1;

static int map_file(struct mr_ledger *ledger, int fd, uint64_t bytes, int protection)
{
	void *base = mmap(NULL, bytes, protection, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		return -errno;
	ledger->header = base;
	ledger->entries = (void *)((uint8_t *)base + MR_LEDGER_HEADER_BYTES);
	ledger->bytes = bytes;
	return 0;
}

int mr_ledger_create(struct mr_ledger *ledger, const char *path, uint64_t capacity,
	const struct mr_workload_options *workload, uint64_t hash_seed, uint32_t flows)
{
	*ledger = (struct mr_ledger){0};
	char *half = NULL;
	if (asprintf(&half, "%s.new", path) < 0)
		return -ENOMEM;
	uint64_t bytes = MR_LEDGER_HEADER_BYTES + capacity * sizeof(struct mr_ledger_entry);
	int fd = open(half, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r = fd < 0 || ftruncate(fd, (off_t)bytes) < 0 ? -errno : 0;
	if (r == 0)
		r = map_file(ledger, fd, bytes, PROT_READ | PROT_WRITE);
	if (r == 0) {
		ledger->header->magic = MR_LEDGER_MAGIC;
		ledger->header->version = MR_LEDGER_VERSION;
		ledger->header->capacity = capacity;
		ledger->header->workload = *workload;
		ledger->header->hash_seed = hash_seed;
		ledger->header->flows = flows;
		if (rename(half, path) < 0)
			r = -errno;
	}
	if (fd >= 0)
		close(fd);
	if (r < 0) {
		unlink(half);
		mr_ledger_close(ledger);
	}
	free(half);
	return r;
}

int mr_ledger_open(struct mr_ledger *ledger, const char *path)
{
	*ledger = (struct mr_ledger){0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	struct stat stat;
	int r = fstat(fd, &stat) < 0 ? -errno : 0;
	if (r == 0 && stat.st_size < MR_LEDGER_HEADER_BYTES)
		r = -EBADMSG;
	if (r == 0)
		r = map_file(ledger, fd, (uint64_t)stat.st_size, PROT_READ);
	close(fd);
	if (r < 0)
		return r;
	const struct mr_ledger_header *header = ledger->header;
	uint64_t room = (ledger->bytes - MR_LEDGER_HEADER_BYTES) / sizeof(struct mr_ledger_entry);
	const struct mr_workload_options *workload = &header->workload;
	if (header->magic != MR_LEDGER_MAGIC || header->version != MR_LEDGER_VERSION
		|| header->capacity > room || workload->projects == 0
		|| workload->workspaces == 0) {
		mr_ledger_close(ledger);
		return -EBADMSG;
	}
	return 0;
}

void mr_ledger_close(struct mr_ledger *ledger)
{
	if (ledger->header != NULL)
		munmap(ledger->header, ledger->bytes);
	*ledger = (struct mr_ledger){0};
}

int mr_ledger_offer(
	struct mr_ledger *ledger, uint64_t number, uint64_t object, uint64_t intended_ns)
{
	struct mr_ledger_header *header = ledger->header;
	mr_assert(object <= object_mask);
	mr_assert(number == atomic_load_explicit(&header->offered, memory_order_relaxed) + 1);
	if (number > header->capacity)
		return -ENOSPC;
	struct mr_ledger_entry *entry = &ledger->entries[number - 1];
	entry->intended_ns = intended_ns;
	atomic_store_explicit(&entry->object_state,
		object | (uint64_t)MR_LEDGER_OFFERED << STATE_SHIFT, memory_order_release);
	atomic_store_explicit(&header->offered, number, memory_order_release);
	return 0;
}

void mr_ledger_settle(
	struct mr_ledger *ledger, uint64_t number, enum mr_ledger_state state, unsigned reason)
{
	struct mr_ledger_header *header = ledger->header;
	mr_assert(number > 0
		&& number <= atomic_load_explicit(&header->offered, memory_order_relaxed));
	mr_assert(state == MR_LEDGER_REFUSED ? reason > 0 && reason < 48 : reason == 0);
	struct mr_ledger_entry *entry = &ledger->entries[number - 1];
	uint64_t word = atomic_load_explicit(&entry->object_state, memory_order_relaxed);
	mr_assert(word >> STATE_SHIFT == MR_LEDGER_OFFERED); // one fate per event
	atomic_store_explicit(&entry->object_state,
		(word & object_mask) | (uint64_t)(state + reason) << STATE_SHIFT,
		memory_order_release);
	uint64_t settled = atomic_load_explicit(&header->settled, memory_order_relaxed);
	atomic_store_explicit(&header->settled, settled + 1, memory_order_release);
}

void mr_ledger_finish(struct mr_ledger *ledger)
{
	atomic_store_explicit(&ledger->header->finished, 1, memory_order_release);
}

bool mr_ledger_get(const struct mr_ledger *ledger, uint64_t number, struct mr_ledger_view *ret_view)
{
	if (number == 0 || number > mr_ledger_offered(ledger))
		return false;
	const struct mr_ledger_entry *entry = &ledger->entries[number - 1];
	uint64_t word = atomic_load_explicit(&entry->object_state, memory_order_acquire);
	*ret_view = (struct mr_ledger_view){.intended_ns = entry->intended_ns,
		.object = word & object_mask,
		.state = (uint8_t)(word >> STATE_SHIFT)};
	return true;
}

uint64_t mr_ledger_offered(const struct mr_ledger *ledger)
{
	uint64_t offered = atomic_load_explicit(&ledger->header->offered, memory_order_acquire);
	return offered < ledger->header->capacity ? offered : ledger->header->capacity;
}

bool mr_ledger_finished(const struct mr_ledger *ledger)
{
	return atomic_load_explicit(&ledger->header->finished, memory_order_acquire) != 0;
}
