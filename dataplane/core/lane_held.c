#include "lane_held.h"

#include "hash.h"
#include "lane.h"
#include "lane_serve.h"
#include "mr_assert.h"

enum {
	OBJECTS_MIN = 1024,
	OBJECTS_MAX = 65536,
	CHUNKS_KEPT = 4, // for a step of a sift
	HELD_MAX = 8192, // of a volatile sub-lane; of a durable one what a checkpoint has room for
};

bool mr_held_init(struct mr_held_objects *objects, struct mr_arena *arena, uint32_t entries_max,
	uint64_t seed)
{
	uint32_t count = entries_max / 16;
	count = count < OBJECTS_MIN ? OBJECTS_MIN : count;
	count = count > OBJECTS_MAX ? OBJECTS_MAX : count;
	*objects =
		(struct mr_held_objects){.seed = seed, .fresh = 1, .entries_max = entries_max / 4};
	objects->slots = mr_arena_array(arena, "held objects", struct mr_held_object, count + 1);
	bool has_table = mr_table_init(&objects->table, arena, "held objects", count, seed);
	return has_table && objects->slots != NULL;
}

static uint32_t index_of(const struct mr_lanes *lanes, const struct mr_sublane *sublane)
{
	return (uint32_t)(sublane - lanes->sublanes);
}

static uint64_t key_of(const struct mr_held_objects *objects, uint32_t sublane, uint64_t object)
{
	uint64_t key = mr_hash_u64(object, mr_hash_u64(sublane, objects->seed));
	return key != 0 ? key : 1;
}

// Slot of the object, 0: none.
static uint32_t find(
	const struct mr_lanes *lanes, const struct mr_sublane *sublane, uint64_t object)
{
	const struct mr_held_objects *objects = &lanes->held_objects;
	uint32_t index = index_of(lanes, sublane);
	uint32_t slot = 0;
	if (!mr_table_find(&objects->table, key_of(objects, index, object), &slot))
		return 0;
	const struct mr_held_object *held = &objects->slots[slot];
	return held->sublane == index && held->object == object ? slot : 0;
}

// The same, or a new one. 0: no room, or another one has the same 64-bit key.
static uint32_t enter(struct mr_lanes *lanes, const struct mr_sublane *sublane, uint64_t object)
{
	struct mr_held_objects *objects = &lanes->held_objects;
	uint32_t index = index_of(lanes, sublane);
	uint32_t slot = find(lanes, sublane, object);
	if (slot != 0)
		return slot;
	slot = objects->free != 0 ? objects->free : objects->fresh;
	if (slot > objects->table.capacity
		|| mr_table_add(&objects->table, key_of(objects, index, object), slot) != 0)
		return 0;
	if (slot == objects->free)
		objects->free = objects->slots[slot].next_free;
	else
		objects->fresh++;
	objects->slots[slot] = (struct mr_held_object){.object = object, .sublane = index};
	return slot;
}

static void leave(
	struct mr_lanes *lanes, const struct mr_sublane *sublane, uint64_t object, uint32_t count)
{
	struct mr_held_objects *objects = &lanes->held_objects;
	uint32_t slot = find(lanes, sublane, object);
	struct mr_held_object *held = &objects->slots[slot];
	mr_assert(slot != 0 && held->counts[count] > 0);
	held->counts[count]--;
	if (held->counts[0] + held->counts[1] > 0)
		return;
	bool removed = mr_table_remove(&objects->table, key_of(objects, held->sublane, object));
	mr_assert(removed);
	*held = (struct mr_held_object){.next_free = objects->free};
	objects->free = slot;
}

static bool has_chunks(const struct mr_lanes *lanes)
{
	return lanes->pool.capacity - lanes->pool.used >= CHUNKS_KEPT;
}

static void push(struct mr_lanes *lanes, struct mr_fifo *fifo, uint64_t position, uint64_t object)
{
	bool pushed = mr_fifo_push(fifo, &lanes->pool, position);
	pushed = mr_fifo_push(fifo, &lanes->pool, object) && pushed;
	mr_assert(pushed);
}

bool mr_held_has(const struct mr_lanes *lanes, const struct mr_sublane *sublane, uint64_t object)
{
	const struct mr_lane_held *held = &sublane->held;
	if (held->list.count + held->kept.count == 0)
		return false;
	uint32_t slot = find(lanes, sublane, object);
	if (slot == 0)
		return false;
	return !held->sifting || lanes->held_objects.slots[slot].counts[held->phase] > 0;
}

bool mr_lane_hold(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane,
	uint32_t side, const struct mr_lane_entry *entry, uint64_t object)
{
	struct mr_lane_held *held = &sublane->held;
	uint32_t most = lanes->is_durable ? lanes->spill.share : HELD_MAX;
	mr_assert(side != MR_LANE_RELEASED && !held->sifting && !held->walked);
	if (mr_held_entries(held) >= most || lanes->held >= lanes->held_objects.entries_max
		|| !has_chunks(lanes))
		return false;
	uint32_t slot = enter(lanes, sublane, object);
	if (slot == 0)
		return false;
	lanes->held_objects.slots[slot].counts[!held->phase]++;
	push(lanes, &held->list, entry->position, object);
	mr_lane_pluck(lanes, lane, sublane, side, entry);
	lane->held++;
	lanes->held++;
	return true;
}

bool mr_held_wants_sift(const struct mr_sublane *sublane, uint32_t epoch)
{
	const struct mr_lane_held *held = &sublane->held;
	bool any = held->list.count > 0 || mr_lane_entries(sublane, MR_LANE_RELEASED) > 0;
	return held->sifting || (any && held->epoch != epoch) || mr_lane_sum(sublane->older) > 0;
}

bool mr_held_older(struct mr_lanes *lanes, const struct mr_sublane *sublane, uint32_t *ret_side,
	struct mr_lane_entry *ret_entry)
{
	struct mr_lane_cursor cursor = mr_lane_begin(sublane);
	for (uint32_t side = 0; side < MR_LANE_SIDES; side++) {
		*ret_side = side;
		if (sublane->older[side] > 0)
			return mr_lane_next(lanes, &cursor, side, ret_entry);
	}
	return false;
}

bool mr_held_take_older(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane,
	uint32_t side, const struct mr_lane_entry *entry, uint64_t object)
{
	mr_assert(sublane->older[side] > 0 && !sublane->held.sifting && !sublane->held.walked);
	mr_assert(mr_lane_entries(sublane, MR_LANE_RELEASED) == 0);
	uint32_t slot = has_chunks(lanes) ? enter(lanes, sublane, object) : 0;
	if (slot == 0)
		return false;
	lanes->held_objects.slots[slot].counts[sublane->held.phase]++;
	push(lanes, &sublane->held.kept, entry->position, object);
	mr_lane_pluck(lanes, lane, sublane, side, entry);
	mr_lane_trim(lanes, lane, sublane);
	sublane->older[side]--;
	lane->held++;
	lanes->held++;
	return true;
}

// What was released goes to the end of what is kept.
static void take_released(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane)
{
	struct mr_lane_held *held = &sublane->held;
	struct mr_lane_cursor cursor = mr_lane_begin(sublane);
	struct mr_lane_entry entry;
	while (mr_lane_next(lanes, &cursor, MR_LANE_RELEASED, &entry)) {
		uint32_t slot = enter(lanes, sublane, entry.object);
		mr_assert(slot != 0);
		lanes->held_objects.slots[slot].counts[held->phase]++;
		push(lanes, &held->kept, entry.position, entry.object);
		mr_lane_pluck(lanes, lane, sublane, MR_LANE_RELEASED, &entry);
		lane->held++;
		lanes->held++;
	}
	mr_lane_trim(lanes, lane, sublane);
}

bool mr_held_sift(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane)
{
	struct mr_lane_held *held = &sublane->held;
	const struct mr_table *table = &lanes->held_objects.table;
	uint32_t released = mr_lane_entries(sublane, MR_LANE_RELEASED);
	uint32_t chunks = 2 * released / MR_CHUNK_ENTRIES + 2 * CHUNKS_KEPT;
	mr_assert(sublane->number == 0 && !sublane->busy && !held->walked && !held->sifting);
	if (lanes->pool.capacity - lanes->pool.used < chunks
		|| table->capacity - table->count < released)
		return false;
	take_released(lanes, lane, sublane);
	while (held->kept.count > 0 && held->list.count > 0) {
		bool kept = mr_held_keep(lanes, lane, sublane);
		mr_assert(kept);
	}
	mr_held_end(sublane);
	held->sifting = true;
	held->stuck = false;
	return true;
}

bool mr_held_front(const struct mr_lanes *lanes, const struct mr_sublane *sublane,
	uint64_t *ret_position, uint64_t *ret_object)
{
	struct mr_fifo_iter iter = mr_fifo_begin(&sublane->held.list);
	if (!mr_fifo_next(&iter, &lanes->pool, ret_position))
		return false;
	bool paired = mr_fifo_next(&iter, &lanes->pool, ret_object);
	mr_assert(paired);
	return true;
}

// The first one of the list goes, and is held no more.
static void pop(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane,
	uint64_t *ret_position, uint64_t *ret_object)
{
	struct mr_lane_held *held = &sublane->held;
	mr_assert(lane->held > 0 && lanes->held > 0);
	*ret_position = mr_fifo_pop(&held->list, &lanes->pool);
	*ret_object = mr_fifo_pop(&held->list, &lanes->pool);
	leave(lanes, sublane, *ret_object, !held->phase);
	lane->held--;
	lanes->held--;
}

bool mr_held_release(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane)
{
	struct mr_lane_queue *queue = &sublane->sides[MR_LANE_RELEASED];
	uint64_t position, object;
	mr_assert(sublane->held.sifting);
	if (!has_chunks(lanes))
		return false;
	pop(lanes, lane, sublane, &position, &object);
	push(lanes, &queue->fifo, position, object);
	if (!lanes->is_durable) {
		mr_assert(queue->counted == 0);
		queue->loose++; // it has not held its stream back for long
	}
	return true;
}

bool mr_held_keep(struct mr_lanes *lanes, const struct mr_lane *lane, struct mr_sublane *sublane)
{
	struct mr_lane_held *held = &sublane->held;
	mr_assert(sublane->lane == lane->slot);
	if (!has_chunks(lanes))
		return false;
	uint64_t position = mr_fifo_pop(&held->list, &lanes->pool);
	uint64_t object = mr_fifo_pop(&held->list, &lanes->pool);
	uint32_t slot = find(lanes, sublane, object);
	mr_assert(slot != 0);
	lanes->held_objects.slots[slot].counts[held->phase]++;
	leave(lanes, sublane, object, !held->phase);
	push(lanes, &held->kept, position, object);
	return true;
}

void mr_held_drop(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane)
{
	uint64_t position, object;
	pop(lanes, lane, sublane, &position, &object);
	mr_lane_need_remove(&lanes->need, position);
	mr_lane_entry_leaves(lanes, lane, sublane);
}

void mr_held_end(struct mr_sublane *sublane)
{
	struct mr_lane_held *held = &sublane->held;
	mr_assert(held->list.count == 0 || held->kept.count == 0);
	held->sifting = false;
	if (held->kept.count == 0)
		return;
	held->list = held->kept;
	held->kept = (struct mr_fifo){0};
	held->phase = !held->phase;
}
