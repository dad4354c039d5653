// What bans hold of an object, beside its queue: held events, older than those that were released
// and are to be looked at again, older than the queue. And the sieve, that takes events out of the
// middle of all three.
#include "mr_assert.h"
#include "object.h"

bool mr_objects_init_held(struct mr_objects *objects, struct mr_arena *arena)
{
	objects->held_capacity = objects->positions.capacity; // each has one position at least
	objects->held_fresh = 1;
	objects->held = mr_arena_array(arena, "held lists", struct mr_held, objects->held_capacity);
	return objects->held != NULL;
}

static struct mr_held *held_of(const struct mr_objects *objects, const struct mr_object *object)
{
	struct mr_held *held = &objects->held[object->held];
	mr_assert(object->held > 0 && object->held < objects->held_fresh);
	mr_assert(&objects->states[held->object] == object);
	return held;
}

static bool take_held(struct mr_objects *objects, uint32_t index)
{
	uint32_t at = objects->held_free;
	if (at != 0)
		objects->held_free = objects->held[at].next;
	else if (objects->held_fresh < objects->held_capacity)
		at = objects->held_fresh++;
	else
		return false;
	objects->held[at] = (struct mr_held){.object = index};
	objects->states[index].held = at;
	return true;
}

static void give_held(struct mr_objects *objects, struct mr_object *object)
{
	struct mr_held *held = held_of(objects, object);
	mr_assert(held->list.count == 0 && held->released.count == 0);
	*held = (struct mr_held){.next = objects->held_free};
	objects->held_free = object->held;
	object->held = 0;
}

// Held events are released as a whole, when those released before are done and no event of the
// object is half-way through its hops: then it stays the first one.
static void settle_held(struct mr_objects *objects, struct mr_object *object)
{
	struct mr_held *held = held_of(objects, object);
	if (held->again && held->released.count == 0 && object->ancestor_next == 0) {
		mr_assert(objects->ban_held >= held->list.count);
		objects->ban_held -= held->list.count;
		*held = (struct mr_held){.released = held->list, .object = held->object};
	}
	object->flags &= (uint16_t)~MR_OBJECT_RELEASED;
	if (held->released.count > 0)
		object->flags |= MR_OBJECT_RELEASED;
	else if (held->list.count == 0)
		give_held(objects, object);
}

uint64_t mr_objects_front(const struct mr_objects *objects, uint32_t index)
{
	const struct mr_object *object = &objects->states[index];
	mr_assert(index > 0 && mr_object_has_next(object));
	const struct mr_fifo *list = object->flags & MR_OBJECT_RELEASED
		? &held_of(objects, object)->released
		: &object->queue;
	return mr_fifo_front(list, &objects->positions);
}

void mr_objects_shift(struct mr_objects *objects, struct mr_object *object)
{
	mr_assert(mr_object_has_next(object) && !(object->flags & MR_OBJECT_SIEVED));
	if (object->flags & MR_OBJECT_RELEASED) {
		(void)mr_fifo_pop(&held_of(objects, object)->released, &objects->positions);
		object->aside--;
	} else {
		(void)mr_fifo_pop(&object->queue, &objects->positions);
	}
	object->ancestor_next = 0;
	if (object->held != 0)
		settle_held(objects, object);
}

bool mr_objects_set_aside(struct mr_objects *objects, uint32_t index, uint8_t app, uint32_t kind)
{
	struct mr_object *object = &objects->states[index];
	mr_assert(object->ancestor_next == 0 && kind <= MR_SCOPE_USER);
	if (object->held == 0 && !take_held(objects, index))
		return false;
	struct mr_held *held = held_of(objects, object);
	if (!mr_fifo_push(&held->list, &objects->positions, mr_objects_front(objects, index))) {
		settle_held(objects, object);
		return false;
	}
	held->apps[app / 64] |= UINT64_C(1) << app % 64;
	held->kinds |= (uint8_t)(1U << kind);
	object->aside++;
	objects->ban_held++;
	mr_objects_shift(objects, object);
	mr_objects_rest(objects, object);
	return true;
}

bool mr_objects_is_behind(const struct mr_objects *objects, uint32_t index, uint8_t app)
{
	const struct mr_object *object = &objects->states[index];
	if (object->held == 0)
		return false;
	return held_of(objects, object)->apps[app / 64] >> app % 64 & 1;
}

bool mr_objects_held_front(const struct mr_objects *objects, uint32_t index, uint64_t *ret_offset)
{
	const struct mr_object *object = &objects->states[index];
	if (object->held == 0 || object->flags & MR_OBJECT_SIEVED)
		return false;
	const struct mr_held *held = held_of(objects, object);
	if (held->list.count == 0)
		return false;
	*ret_offset = mr_fifo_front(&held->list, &objects->positions);
	return true;
}

void mr_objects_drop_held(struct mr_objects *objects, uint32_t index, uint32_t bytes)
{
	struct mr_object *object = &objects->states[index];
	mr_assert(!(object->flags & MR_OBJECT_SIEVED));
	mr_assert(object->aside > 0 && objects->ban_held > 0);
	(void)mr_fifo_pop(&held_of(objects, object)->list, &objects->positions);
	object->aside--;
	objects->ban_held--;
	mr_objects_left(objects, object, bytes);
	settle_held(objects, object);
}

void mr_objects_release_held(struct mr_objects *objects, uint32_t index)
{
	struct mr_object *object = &objects->states[index];
	if (object->held == 0)
		return;
	held_of(objects, object)->again = true;
	if (!(object->flags & MR_OBJECT_SIEVED))
		settle_held(objects, object);
}

// -- The sieve

void mr_sieve_begin(struct mr_objects *objects, uint32_t index)
{
	struct mr_object *object = &objects->states[index];
	mr_assert(objects->sieve.object == 0 && object->id != 0);
	object->flags |= MR_OBJECT_SIEVED;
	object->flags &= (uint16_t)~MR_OBJECT_READING; // what it waits for may leave
	objects->sieve = (struct mr_sieve){.object = index};
	if (object->held != 0)
		for (uint32_t i = 0; i < MR_HELD_APPS / 64; i++)
			held_of(objects, object)->apps[i] = 0; // anew, of those that stay
}

// NULL: the object has none of the kind.
static struct mr_fifo *part_of(struct mr_objects *objects)
{
	struct mr_object *object = &objects->states[objects->sieve.object];
	mr_assert(object->flags & MR_OBJECT_SIEVED);
	if (objects->sieve.part == MR_SIEVE_QUEUE)
		return &object->queue;
	if (object->held == 0)
		return NULL;
	struct mr_held *held = held_of(objects, object);
	return objects->sieve.part == MR_SIEVE_HELD ? &held->list : &held->released;
}

bool mr_sieve_front(struct mr_objects *objects, uint64_t *ret_offset)
{
	struct mr_sieve *sieve = &objects->sieve;
	struct mr_object *object = &objects->states[sieve->object];
	for (;; sieve->part++) {
		struct mr_fifo *list = part_of(objects);
		if (list != NULL && list->count > 0) {
			*ret_offset = mr_fifo_front(list, &objects->positions);
			return true;
		}
		if (list != NULL)
			*list = sieve->kept;
		if (sieve->part == MR_SIEVE_QUEUE)
			break;
		sieve->kept = (struct mr_fifo){0};
	}
	object->aside -= sieve->kept.count;
	object->flags &= (uint16_t)~MR_OBJECT_SIEVED;
	if (object->held != 0)
		settle_held(objects, object);
	mr_objects_rest(objects, object);
	*sieve = (struct mr_sieve){0};
	return false;
}

bool mr_sieve_keep(struct mr_objects *objects, uint8_t app)
{
	struct mr_sieve *sieve = &objects->sieve;
	struct mr_object *object = &objects->states[sieve->object];
	struct mr_fifo *list = part_of(objects);
	mr_assert(list != NULL && list->count > 0);
	if (!mr_fifo_push(
		    &sieve->kept, &objects->positions, mr_fifo_front(list, &objects->positions)))
		return false;
	(void)mr_fifo_pop(list, &objects->positions);
	if (sieve->part == MR_SIEVE_QUEUE)
		object->aside++;
	else if (sieve->part == MR_SIEVE_HELD)
		held_of(objects, object)->apps[app / 64] |= UINT64_C(1) << app % 64;
	return true;
}

void mr_sieve_drop(struct mr_objects *objects, uint32_t bytes)
{
	struct mr_object *object = &objects->states[objects->sieve.object];
	struct mr_fifo *list = part_of(objects);
	mr_assert(list != NULL && list->count > 0);
	(void)mr_fifo_pop(list, &objects->positions);
	if (objects->sieve.part != MR_SIEVE_QUEUE) {
		mr_assert(object->aside > 0);
		object->aside--;
	}
	if (objects->sieve.part == MR_SIEVE_HELD) {
		mr_assert(objects->ban_held > 0);
		objects->ban_held--;
		// What waits for no other reason than to stay behind it waits no more.
		held_of(objects, object)->again = true;
	}
	mr_objects_left(objects, object, bytes);
}

// -- All of them

struct mr_object_iter mr_object_begin(const struct mr_objects *objects, uint32_t index)
{
	const struct mr_object *object = &objects->states[index];
	const struct mr_sieve *sieve = &objects->sieve;
	struct mr_object_iter iter = {.count = 0};
	for (uint32_t part = MR_SIEVE_HELD; part <= MR_SIEVE_QUEUE; part++) {
		if (sieve->object == index && (uint32_t)sieve->part == part)
			iter.lists[iter.count++] = mr_fifo_begin(&sieve->kept);
		if (part == MR_SIEVE_QUEUE) {
			iter.lists[iter.count++] = mr_fifo_begin(&object->queue);
		} else if (object->held != 0) {
			const struct mr_held *held = held_of(objects, object);
			iter.lists[iter.count++] = mr_fifo_begin(
				part == MR_SIEVE_HELD ? &held->list : &held->released);
		}
	}
	return iter;
}

bool mr_object_next(
	struct mr_object_iter *iter, const struct mr_objects *objects, uint64_t *ret_offset)
{
	for (; iter->at < iter->count; iter->at++)
		if (mr_fifo_next(&iter->lists[iter->at], &objects->positions, ret_offset))
			return true;
	return false;
}
