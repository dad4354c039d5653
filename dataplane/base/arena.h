// All memory of the data plane is taken here before the first packet, then the arena is sealed:
// nothing can grow at run time. An arena is one anonymous mapping (hugepages where there are any)
// with a log of who took how much: the memory plan. Single-threaded until sealed; read-only
// afterwards.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MR_ARENA_PARTS_MAX = 256 };

struct mr_arena_part {
	const char *name; // static string: what the memory is for
	size_t bytes;
};

struct mr_arena {
	uint8_t *base; // NULL: a planning arena that only counts
	size_t size;
	size_t used;
	bool sealed;
	bool huge; // backed by hugepages
	uint32_t parts_count;
	struct mr_arena_part parts[MR_ARENA_PARTS_MAX]; // same names are added up
};

// An arena that counts and hands out nothing real: run the same takes on it to learn the plan.
void mr_arena_plan(struct mr_arena *arena);
// Maps `size` bytes, zeroed. 0, or -ENOMEM.
int mr_arena_open(struct mr_arena *arena, size_t size, bool try_huge);
void mr_arena_close(struct mr_arena *arena); // accepts a zeroed arena
// Zeroed memory, aligned to `align` (power of two). NULL when the arena is exhausted or only plans.
// Asserts that the arena is not sealed.
void *mr_arena_take(struct mr_arena *arena, const char *name, size_t bytes, size_t align);
// Nothing more can be taken. The pages are made present now, so that no packet waits for one.
void mr_arena_seal(struct mr_arena *arena);

#define mr_arena_array(arena, name, type, count)                                \
	((type *)mr_arena_take((arena), (name), sizeof(type) * (size_t)(count), \
		_Alignof(type) > 64 ? _Alignof(type) : 64))
