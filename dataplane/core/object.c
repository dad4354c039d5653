#include "object.h"

#include "mr_assert.h"

bool mr_objects_init(struct mr_objects *objects, struct mr_arena *arena, uint32_t objects_max,
	uint32_t holds_max, uint32_t positions_max, uint64_t seed)
{
	mr_assert(objects_max > 0 && positions_max > 0);
	mr_assert(holds_max < UINT32_MAX - objects_max);
	const uint32_t states = objects_max + holds_max;
	*objects = (struct mr_objects){.capacity = objects_max, .reserve = holds_max, .fresh = 1};
	objects->states = mr_arena_array(arena, "objects", struct mr_object, (size_t)states + 1);
	const bool has_table = mr_table_init(&objects->by_id, arena, "object table", states, seed);
	const bool has_chunks =
		mr_chunk_pool_init(&objects->positions, arena, "positions", positions_max);
	const bool has_held = mr_objects_init_held(objects, arena);
	return objects->states != NULL && has_table && has_chunks && has_held;
}

static struct mr_object *state_of(struct mr_objects *objects, uint32_t index)
{
	mr_assert(index > 0 && index < objects->fresh);
	struct mr_object *object = &objects->states[index];
	mr_assert(object->id != 0);
	return object;
}

uint32_t mr_objects_find(const struct mr_objects *objects, uint64_t id)
{
	uint32_t index = 0;
	mr_assert(id != 0);
	return mr_table_find(&objects->by_id, id, &index) ? index : 0;
}

static uint32_t make(struct mr_objects *objects, uint64_t id)
{
	uint32_t index = mr_objects_find(objects, id);
	if (index != 0)
		return index;
	index = objects->free;
	if (index == 0)
		index = objects->fresh;
	else
		objects->free = objects->states[index].next;
	const bool done = mr_table_add(&objects->by_id, id, index) == 0;
	mr_assert(done); // a table with room takes a new key
	if (index == objects->fresh)
		objects->fresh++;
	objects->used++;
	mr_assert(index <= objects->capacity + objects->reserve); // as many as events and holds
	objects->states[index] = (struct mr_object){.id = id};
	return index;
}

uint32_t mr_objects_make(struct mr_objects *objects, uint64_t id)
{
	uint32_t index = mr_objects_find(objects, id);
	if (index != 0 && objects->states[index].flags & MR_OBJECT_CHARGED)
		return index;
	if (objects->charged == objects->capacity)
		return 0;
	index = make(objects, id);
	objects->states[index].flags |= MR_OBJECT_CHARGED;
	objects->charged++;
	return index;
}

bool mr_objects_have_room(const struct mr_objects *objects)
{
	// An event that starts a queue takes a chunk of its own: reckon with that for all that are
	// on the way. One more is for the sieve.
	return (uint64_t)objects->positions.used + objects->unwalked + 2
		< objects->positions.capacity;
}

void mr_objects_append(struct mr_objects *objects, uint32_t index, uint32_t bytes)
{
	struct mr_object *object = state_of(objects, index);
	object->unwalked++;
	object->bytes += bytes;
	objects->unwalked++;
}

void mr_objects_enqueue(struct mr_objects *objects, uint32_t index, uint64_t offset)
{
	struct mr_object *object = state_of(objects, index);
	mr_assert(object->unwalked > 0 && objects->unwalked > 0);
	const bool done = mr_fifo_push(&object->queue, &objects->positions, offset);
	mr_assert(done); // admission left room for every position
	object->unwalked--;
	objects->unwalked--;
	objects->queued++;
	if (mr_object_waiting(object) > objects->queue_max)
		objects->queue_max = mr_object_waiting(object);
}

void mr_objects_left(struct mr_objects *objects, struct mr_object *object, uint32_t bytes)
{
	mr_assert(object->bytes >= bytes && objects->queued > 0);
	object->bytes -= bytes;
	objects->queued--;
	if (object->flags & MR_OBJECT_INEXACT && mr_object_events(object) == 0) {
		object->flags &= (uint16_t)~MR_OBJECT_INEXACT;
		object->bytes = 0;
	}
}

void mr_objects_rest(struct mr_objects *objects, struct mr_object *object)
{
	if (mr_object_has_next(object))
		return;
	object->full_quanta = 0;
	if (object->flags & MR_OBJECT_PENALISED) {
		object->flags &= (uint16_t)~MR_OBJECT_PENALISED;
		objects->penalised--;
	}
}

void mr_objects_pop(struct mr_objects *objects, uint32_t index, uint32_t bytes)
{
	struct mr_object *object = state_of(objects, index);
	mr_assert(!(object->flags & MR_OBJECT_READING));
	mr_objects_shift(objects, object);
	mr_objects_left(objects, object, bytes);
	mr_objects_rest(objects, object);
}

void mr_objects_drop(struct mr_objects *objects, uint32_t index)
{
	state_of(objects, index)->flags |= MR_OBJECT_INEXACT;
	mr_objects_pop(objects, index, 0);
}

void mr_objects_forget(struct mr_objects *objects, uint32_t index, uint32_t bytes)
{
	struct mr_object *object = state_of(objects, index);
	mr_assert(object->unwalked > 0 && object->bytes >= bytes);
	object->unwalked--;
	object->bytes -= bytes;
	objects->unwalked--;
}

void mr_objects_hold(struct mr_objects *objects, uint64_t id)
{
	const uint32_t index = make(objects, id);
	struct mr_object *object = state_of(objects, index);
	mr_assert(object->holds < UINT16_MAX);
	if (object->holds++ == 0)
		objects->on_hold++;
}

void mr_objects_release(struct mr_objects *objects, uint32_t index)
{
	struct mr_object *object = state_of(objects, index);
	mr_assert(object->holds > 0);
	if (--object->holds == 0)
		objects->on_hold--;
}

void mr_objects_penalise(struct mr_objects *objects, uint32_t index)
{
	struct mr_object *object = state_of(objects, index);
	mr_assert(mr_object_has_next(object));
	if (object->flags & MR_OBJECT_PENALISED)
		return;
	object->flags |= MR_OBJECT_PENALISED;
	objects->penalised++;
}

bool mr_objects_reclaim(struct mr_objects *objects, uint32_t index)
{
	struct mr_object *object = state_of(objects, index);
	if (mr_object_events(object) > 0 || object->flags & MR_OBJECT_SIEVED)
		return false;
	if (object->flags & MR_OBJECT_CHARGED) {
		object->flags &= (uint16_t)~MR_OBJECT_CHARGED;
		objects->charged--;
	}
	if (object->holds > 0)
		return false;
	mr_assert(object->bytes == 0 && !(object->flags & MR_OBJECT_RUNNABLE));
	mr_assert(object->held == 0);
	const bool done = mr_table_remove(&objects->by_id, object->id);
	mr_assert(done); // an object with a state is in the table
	object->id = 0;
	object->next = objects->free;
	objects->free = index;
	objects->used--;
	return true;
}
