#include "arena.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "mr_assert.h"

static const size_t huge_page_bytes = (size_t)2 << 20;

void mr_arena_plan(struct mr_arena *arena)
{
	memset(arena, 0, sizeof(*arena));
	arena->size = SIZE_MAX;
}

static void *map_anonymous(size_t size, int extra_flags)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | extra_flags, -1, 0);
	return base == MAP_FAILED ? NULL : base;
}

int mr_arena_open(struct mr_arena *arena, size_t size, bool try_huge)
{
	memset(arena, 0, sizeof(*arena));
	if (size == 0 || size > SIZE_MAX - huge_page_bytes)
		return -ENOMEM;
	size_t rounded = (size + huge_page_bytes - 1) & ~(huge_page_bytes - 1);
	if (try_huge) {
		arena->base = map_anonymous(rounded, MAP_HUGETLB);
		arena->huge = arena->base != NULL;
	}
	if (arena->base == NULL)
		arena->base = map_anonymous(rounded, 0);
	if (arena->base == NULL)
		return -ENOMEM;
	arena->size = rounded;
	return 0;
}

void mr_arena_close(struct mr_arena *arena)
{
	if (arena->base != NULL)
		(void)munmap(arena->base, arena->size);
	memset(arena, 0, sizeof(*arena));
}

static void log_part(struct mr_arena *arena, const char *name, size_t bytes)
{
	for (uint32_t i = 0; i < arena->parts_count; i++) {
		if (strcmp(arena->parts[i].name, name) == 0) {
			arena->parts[i].bytes += bytes;
			return;
		}
	}
	mr_assert(arena->parts_count < MR_ARENA_PARTS_MAX);
	arena->parts[arena->parts_count++] = (struct mr_arena_part){.name = name, .bytes = bytes};
}

void *mr_arena_take(struct mr_arena *arena, const char *name, size_t bytes, size_t align)
{
	mr_assert(!arena->sealed); // after start nothing may grow
	mr_assert(align != 0 && (align & (align - 1)) == 0);
	size_t at = (arena->used + align - 1) & ~(align - 1);
	if (at > arena->size || bytes > arena->size - at)
		return NULL;
	log_part(arena, name, at + bytes - arena->used);
	arena->used = at + bytes;
	return arena->base == NULL ? NULL : arena->base + at;
}

void mr_arena_seal(struct mr_arena *arena)
{
	arena->sealed = true;
	// Advice: large pages where there are some, for tables that are read at random.
	if (arena->base != NULL && !arena->huge)
		(void)madvise(arena->base, arena->size, MADV_HUGEPAGE);
	// Best effort, for kernels before 5.14: there the first use of each page pays.
	if (arena->base != NULL)
		(void)madvise(arena->base, arena->size, MADV_POPULATE_WRITE);
}
