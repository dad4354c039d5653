// Indices that need attention, first in first out. The owner puts an index in at most once until it
// comes out, so that it never overflows.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "mr_assert.h"

struct mr_todo {
	uint32_t *indices;
	uint32_t capacity;
	uint32_t head;
	uint32_t count;
};

static inline bool mr_todo_init(
	struct mr_todo *todo, struct mr_arena *arena, const char *name, uint32_t capacity)
{
	*todo = (struct mr_todo){
		.indices = mr_arena_array(arena, name, uint32_t, capacity), .capacity = capacity};
	return todo->indices != NULL;
}

static inline void mr_todo_put(struct mr_todo *todo, uint32_t index)
{
	mr_assert(todo->count < todo->capacity);
	todo->indices[(todo->head + todo->count++) % todo->capacity] = index;
}

static inline uint32_t mr_todo_take(struct mr_todo *todo)
{
	mr_assert(todo->count > 0);
	uint32_t index = todo->indices[todo->head];
	todo->head = (todo->head + 1) % todo->capacity;
	todo->count--;
	return index;
}
