#include "quarantine.h"

#include <assert.h>
#include <stdatomic.h>

static const char file_name[] = "replaying";
static const uint64_t magic = UINT64_C(0x31595250454c524d); // "MRLEPRY1"

// Stores of one thread, in program order: a crash of the process finds them all.
struct mr_quarantine_file {
	uint64_t magic;
	_Atomic uint64_t position; // of the record that is being replayed; 0: between two
	_Atomic uint32_t crashes; // of starts there, this one included when it crashes now
	uint32_t count;
	uint64_t positions[MR_QUARANTINED_MAX];
};
static_assert(sizeof(struct mr_quarantine_file) <= 4096, "what mr_disk maps");

void mr_quarantine_open(struct mr_quarantine *quarantine, const struct mr_disk *disk)
{
	*quarantine = (struct mr_quarantine){.disk = disk};
	void *memory = NULL;
	if (disk->map == NULL || disk->map(disk->state, file_name, &memory) != 0)
		return;
	struct mr_quarantine_file *file = memory;
	quarantine->file = file;
	if (file->magic != magic || file->count > MR_QUARANTINED_MAX)
		*file = (struct mr_quarantine_file){.magic = magic};
	quarantine->suspect = atomic_load_explicit(&file->position, memory_order_relaxed);
	quarantine->crashes = atomic_load_explicit(&file->crashes, memory_order_relaxed);
	atomic_store_explicit(&file->position, 0, memory_order_relaxed);
	if (quarantine->suspect != 0 && quarantine->crashes >= MR_QUARANTINE_CRASHES)
		mr_quarantine_add(quarantine, quarantine->suspect);
}

static bool is_quarantined(const struct mr_quarantine_file *file, mr_position position)
{
	for (uint32_t i = 0; i < file->count; i++)
		if (file->positions[i] == position)
			return true;
	return false;
}

bool mr_quarantine_enter(struct mr_quarantine *quarantine, mr_position position)
{
	struct mr_quarantine_file *file = quarantine->file;
	if (file == NULL)
		return true;
	if (file->count > 0 && is_quarantined(file, position))
		return false;
	const uint32_t before = position == quarantine->suspect ? quarantine->crashes : 0;
	atomic_store_explicit(&file->crashes, before + 1, memory_order_relaxed);
	atomic_store_explicit(&file->position, position, memory_order_release);
	atomic_signal_fence(memory_order_seq_cst);
	return true;
}

void mr_quarantine_leave(struct mr_quarantine *quarantine)
{
	atomic_signal_fence(memory_order_seq_cst);
	if (quarantine->file != NULL)
		atomic_store_explicit(&quarantine->file->position, 0, memory_order_release);
}

void mr_quarantine_add(struct mr_quarantine *quarantine, mr_position position)
{
	struct mr_quarantine_file *file = quarantine->file;
	if (file != NULL && file->count < MR_QUARANTINED_MAX && !is_quarantined(file, position))
		file->positions[file->count++] = position;
}

uint32_t mr_quarantine_count(const struct mr_quarantine *quarantine)
{
	return quarantine->file != NULL ? quarantine->file->count : 0;
}

mr_position mr_quarantine_at(const struct mr_quarantine *quarantine, uint32_t index)
{
	return quarantine->file->positions[index];
}

void mr_quarantine_close(struct mr_quarantine *quarantine, bool has_succeeded)
{
	if (quarantine->file == NULL)
		return;
	if (has_succeeded)
		*quarantine->file = (struct mr_quarantine_file){0};
	quarantine->disk->unmap(quarantine->disk->state, quarantine->file);
	quarantine->file = NULL;
	// When it stays nevertheless, it says nothing.
	if (has_succeeded)
		(void)quarantine->disk->remove(quarantine->disk->state, file_name);
}
