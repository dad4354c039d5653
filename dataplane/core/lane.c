#include "lane.h"

#include <stddef.h>

#include "mr_assert.h"

enum {
	SLOTS_SPARE = 64,
	SUBLANES_PER_LANE = 4
}; // removed lanes that still finish; the default in_flight

static bool floors_init(
	struct mr_lanes *lanes, struct mr_arena *arena, const struct mr_lanes_config *config)
{
	lanes->first_stream = config->streams[0]->id;
	lanes->floors = mr_arena_array(arena, "lane floors", struct mr_lane_floor, config->shards);
	for (uint32_t i = 0; i < MR_STREAMS_MAX; i++)
		lanes->shard_of_stream[i] = UINT16_MAX;
	if (lanes->floors == NULL)
		return false;
	for (uint32_t shard = 0; shard < config->shards; shard++) {
		uint32_t stream = (uint32_t)config->shard_streams[shard] - lanes->first_stream;
		mr_assert(stream < MR_STREAMS_MAX);
		lanes->shard_of_stream[stream] = (uint16_t)shard;
		mr_lane_floor_init(&lanes->floors[shard], config->streams[stream]->size);
	}
	return true;
}

static void durable_init(struct mr_lanes *lanes, const struct mr_lanes_config *config)
{
	lanes->is_durable = true;
	lanes->own = config->own;
	lanes->spill = mr_spill_limits_of(config->entries_max, config->own->size);
	lanes->counted_end = mr_stream_next(config->own);
	lanes->named_end = lanes->counted_end;
	mr_lane_need_init(&lanes->need, config->map, config->needs);
}

bool mr_lanes_init(
	struct mr_lanes *lanes, struct mr_arena *arena, const struct mr_lanes_config *config)
{
	mr_assert(config->shards >= 1 && config->shards <= MR_SHARDS_MAX);
	mr_assert(config->lanes_max >= 1);
	uint32_t slots_max = config->lanes_max + SLOTS_SPARE;
	uint32_t sublanes = slots_max * SUBLANES_PER_LANE;
	*lanes = (struct mr_lanes){.streams = config->streams,
		.lanes_max = config->lanes_max,
		.slots_max = slots_max,
		.shards = config->shards,
		.penalised_max = UINT32_MAX};
	lanes->slots = mr_arena_array(arena, "lanes", struct mr_lane, slots_max + 1);
	lanes->by_number = mr_arena_array(arena, "lanes", uint32_t, config->lanes_max);
	lanes->sublanes = mr_arena_array(arena, "lanes", struct mr_sublane, sublanes);
	lanes->free_sublanes = mr_arena_array(arena, "lanes", uint32_t, sublanes);
	uint32_t entries_max = config->entries_max;
	if (config->is_durable) {
		durable_init(lanes, config);
		entries_max += 4 * MR_SPILL_READ_CHUNKS * MR_CHUNK_ENTRIES;
	}
	bool ok = mr_chunk_pool_init(&lanes->pool, arena, "lane entries", entries_max);
	ok = mr_penalised_init(&lanes->penalised, arena, config->seed) && ok;
	ok = mr_held_init(&lanes->held_objects, arena, config->entries_max, config->seed) && ok;
	ok = floors_init(lanes, arena, config) && ok;
	if (!ok || lanes->slots == NULL || lanes->by_number == NULL || lanes->sublanes == NULL
		|| lanes->free_sublanes == NULL)
		return false;
	for (uint32_t i = 0; i < sublanes; i++)
		lanes->free_sublanes[lanes->free_sublanes_count++] = sublanes - 1 - i;
	return true;
}

struct mr_lane *mr_lane_find(const struct mr_lanes *lanes, uint32_t number)
{
	uint32_t slot = number < lanes->lanes_max ? lanes->by_number[number] : 0;
	return slot != 0 ? &lanes->slots[slot] : NULL;
}

static uint32_t free_slot(struct mr_lanes *lanes)
{
	uint32_t slot = lanes->slots_free;
	if (slot == 0)
		return lanes->slots_used < lanes->slots_max ? ++lanes->slots_used : 0;
	mr_assert(!lanes->slots[slot].open);
	lanes->slots_free = lanes->slots[slot].next_free;
	return slot;
}

// Sub-lanes that the next lane may take: each slot that is still free has a claim on one.
static uint32_t unclaimed_sublanes(const struct mr_lanes *lanes)
{
	uint32_t claimed = lanes->slots_max - lanes->open_lanes - 1;
	mr_assert(lanes->open_lanes == lanes->slots_max || lanes->free_sublanes_count > claimed);
	return lanes->free_sublanes_count - claimed;
}

static struct mr_lane *open_slot(struct mr_lanes *lanes, uint32_t in_flight)
{
	uint32_t slot = free_slot(lanes);
	if (slot == 0)
		return NULL;
	struct mr_lane *lane = &lanes->slots[slot];
	*lane = (struct mr_lane){.slot = slot,
		.number = MR_LANE_UNNUMBERED,
		.in_flight = (uint8_t)in_flight,
		.allowed = (uint8_t)in_flight,
		.lag = MR_LAG_NONE,
		.open = true,
		.counting = true};
	for (uint32_t i = 0; i < in_flight; i++) {
		lane->sublanes[i] = lanes->free_sublanes[--lanes->free_sublanes_count];
		lanes->sublanes[lane->sublanes[i]] =
			(struct mr_sublane){.lane = slot, .index = (uint8_t)i};
	}
	lanes->open_lanes++;
	return lane;
}

struct mr_lane *mr_lane_unpark(struct mr_lanes *lanes, struct mr_lane *lane, uint32_t number)
{
	mr_assert(lane->open && lane->number == MR_LANE_UNNUMBERED);
	if (number >= lanes->lanes_max || lanes->by_number[number] != 0)
		return NULL;
	lane->number = number;
	lanes->by_number[number] = lane->slot;
	return lane;
}

struct mr_lane *mr_lane_open(struct mr_lanes *lanes, uint32_t number, uint32_t in_flight)
{
	mr_assert(in_flight >= 1 && in_flight <= MR_IN_FLIGHT_MAX);
	if (number >= lanes->lanes_max || lanes->by_number[number] != 0)
		return NULL;
	if (lanes->open_lanes == lanes->slots_max)
		return NULL;
	uint32_t free = unclaimed_sublanes(lanes);
	struct mr_lane *lane = open_slot(lanes, in_flight < free ? in_flight : free);
	return lane != NULL ? mr_lane_unpark(lanes, lane, number) : NULL;
}

struct mr_lane *mr_lane_park(struct mr_lanes *lanes, uint32_t in_flight)
{
	mr_assert(in_flight >= 1 && in_flight <= MR_IN_FLIGHT_MAX);
	if (lanes->open_lanes == lanes->slots_max || in_flight > unclaimed_sublanes(lanes))
		return NULL;
	return open_slot(lanes, in_flight);
}

void mr_lane_forget(struct mr_lanes *lanes, struct mr_lane *lane)
{
	mr_assert(lane->open);
	if (lane->number < lanes->lanes_max && lanes->by_number[lane->number] == lane->slot)
		lanes->by_number[lane->number] = 0;
}

void mr_lane_close(struct mr_lanes *lanes, struct mr_lane *lane)
{
	mr_assert(lane->open && lane->pending == 0);
	mr_assert(lane->active == 0 && !lane->loosening && lane->penalised == 0);
	mr_assert(lane->held == 0);
	mr_lane_forget(lanes, lane);
	mr_lag_move(&lanes->lags, &lane->lag, MR_LAG_NONE);
	for (uint32_t i = 0; i < lane->in_flight; i++) {
		mr_assert(!mr_timer_is_set(&mr_lane_sublane(lanes, lane, i)->timer));
		lanes->free_sublanes[lanes->free_sublanes_count++] = lane->sublanes[i];
	}
	lanes->open_lanes--;
	lane->open = false;
	lane->next_free = lanes->slots_free;
	lanes->slots_free = lane->slot;
}

static struct mr_lane_floor *floor_of(struct mr_lanes *lanes, mr_position position)
{
	uint32_t shard = mr_lane_shard_of(lanes, position);
	mr_assert(shard < lanes->shards);
	return &lanes->floors[shard];
}

// The slot of the penalised set when the entry belongs to the penalty side: it is marked, or an
// earlier one of its object is still there. 0: normal side.
static uint32_t enter_penalty(struct mr_lanes *lanes, struct mr_lane *lane,
	const struct mr_sublane *sublane, const struct mr_lane_msg *msg, uint64_t object)
{
	if (!mr_lane_needs_object(lane, msg))
		return 0;
	mr_assert(object != 0);
	uint32_t slot = mr_penalised_find(&lanes->penalised, lane->slot, object);
	bool waits = slot != 0 && lanes->penalised.slots[slot].undelivered > 0;
	if (!waits && (msg->flags & MR_LANE_PENALISED) == 0)
		return 0;
	const struct mr_lane_queue *normal = &sublane->sides[MR_LANE_NORMAL];
	struct mr_penalised fresh = {.object = object,
		.barrier = normal->left + normal->fifo.count,
		.lane = lane->slot,
		.number = lane->number,
		.shard = (uint16_t)mr_lane_shard_of(lanes, msg->position)};
	return mr_penalised_enter(&lanes->penalised, &lane->penalised, slot, &fresh);
}

// A volatile buffer waits for the entry, or passes it; a segment is needed.
static void count_entry(struct mr_lanes *lanes, const struct mr_lane *lane,
	struct mr_lane_queue *queue, mr_position position)
{
	if (lanes->is_durable) {
		mr_lane_need_add(&lanes->need, position);
	} else if (lane->counting) {
		mr_lane_floor_add(floor_of(lanes, position), mr_position_offset(position));
		queue->counted++;
	} else if (queue->counted == 0) {
		queue->loose++;
	}
}

struct mr_sublane *mr_lane_take(struct mr_lanes *lanes, struct mr_lane *lane,
	const struct mr_lane_msg *msg, uint64_t object, uint64_t now_ns)
{
	mr_assert(lane->open && msg->position != 0);
	if (lanes->pool.capacity - lanes->pool.used <= 2)
		return NULL; // an entry of the penalty side may need two chunks
	struct mr_sublane *sublane =
		mr_lane_sublane(lanes, lane, msg->object_hash % lane->in_flight);
	bool spills = lanes->is_durable && mr_spill_takes(lanes, lane, sublane);
	uint32_t slot = spills ? 0 : enter_penalty(lanes, lane, sublane, msg, object);
	enum mr_lane_side side = slot != 0 ? MR_LANE_PENALTY : MR_LANE_NORMAL;
	struct mr_lane_queue *queue = &sublane->sides[side];

	if (mr_lane_waiting(sublane) == 0)
		sublane->since_ns = now_ns;
	bool pushed = mr_fifo_push(
		spills ? &sublane->spill.tail : &queue->fifo, &lanes->pool, msg->position);
	if (slot != 0)
		pushed = mr_fifo_push(&queue->fifo, &lanes->pool, slot) && pushed;
	mr_assert(pushed);
	count_entry(lanes, lane, queue, msg->position);
	if (lane->pending++ == 0)
		lane->progress_ns = mr_lanes_attended_ns(lanes, now_ns);
	lane->took = true;
	lanes->pending++;
	if (slot != 0 && lanes->penalised.slots[slot].undelivered >= lanes->penalised_max
		&& lane->failures == 0 && !mr_lane_is_behind(lanes, lane))
		mr_penalised_want(&lanes->penalised, slot, true);
	return sublane;
}

// The walk that loosens a lane may stand in the chunk that the entry leaves.
static void walk_follows(struct mr_lanes *lanes, const struct mr_lane *lane,
	const struct mr_sublane *sublane, enum mr_lane_side side)
{
	if (lanes->loosen_head != lane->slot || !lanes->walk.started)
		return;
	if (lanes->walk.sublane != sublane->index || lanes->walk.side != side)
		return;
	if (lanes->walk.passed > 1)
		lanes->walk.passed--;
	else
		lanes->walk.started = false; // begins again at the front
}

// The first place of a side goes; a hole's entry was taken out of the floors when it left.
static void uncount_place(struct mr_lanes *lanes, const struct mr_lane *lane,
	struct mr_sublane *sublane, enum mr_lane_side side, mr_position position)
{
	struct mr_lane_queue *queue = &sublane->sides[side];
	walk_follows(lanes, lane, sublane, side);
	if (queue->loose > 0) {
		queue->loose--;
		return;
	}
	mr_assert(queue->counted > 0);
	if (position != 0)
		mr_lane_floor_remove(floor_of(lanes, position), mr_position_offset(position));
	if (--queue->counted == 0)
		queue->loose = mr_lane_places(sublane, side);
}

static mr_position pop_place(struct mr_lanes *lanes, const struct mr_lane *lane,
	struct mr_sublane *sublane, enum mr_lane_side side, uint64_t *ret_second)
{
	struct mr_lane_queue *queue = &sublane->sides[side];
	mr_position position = mr_fifo_pop(&queue->fifo, &lanes->pool);
	*ret_second = side != MR_LANE_NORMAL ? mr_fifo_pop(&queue->fifo, &lanes->pool) : 0;
	queue->left++;
	if (!lanes->is_durable)
		uncount_place(lanes, lane, sublane, side, position);
	return position;
}

static void pop_holes(struct mr_lanes *lanes, const struct mr_lane *lane,
	struct mr_sublane *sublane, enum mr_lane_side side)
{
	struct mr_lane_queue *queue = &sublane->sides[side];
	while (queue->holes > 0 && mr_fifo_front(&queue->fifo, &lanes->pool) == 0) {
		uint64_t second;
		mr_position hole = pop_place(lanes, lane, sublane, side, &second);
		mr_assert(hole == 0);
		queue->holes--;
	}
}

void mr_lane_trim(struct mr_lanes *lanes, const struct mr_lane *lane, struct mr_sublane *sublane)
{
	for (uint32_t side = 0; side < MR_LANE_SIDES && !sublane->held.walked; side++)
		pop_holes(lanes, lane, sublane, side);
}

void mr_lane_entry_leaves(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane)
{
	mr_assert(lane->pending > 0 && lanes->pending > 0);
	mr_assert(sublane->lane == lane->slot);
	sublane->left++;
	lane->pending--;
	lanes->pending--;
}

// The penalised set loses an entry.
static void leave_penalty(struct mr_lanes *lanes, struct mr_lane *lane, uint32_t slot)
{
	if (lanes->penalised.slots[slot].undelivered - 1 <= lanes->penalised_max / 2)
		mr_penalised_want(&lanes->penalised, slot, false);
	mr_penalised_leave(&lanes->penalised, &lane->penalised, slot);
}

mr_position mr_lane_leave(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane,
	enum mr_lane_side side)
{
	mr_assert(mr_lane_entries(sublane, side) > 0);
	pop_holes(lanes, lane, sublane, side);
	uint64_t second;
	mr_position position = pop_place(lanes, lane, sublane, side, &second);
	if (side == MR_LANE_PENALTY)
		leave_penalty(lanes, lane, (uint32_t)second);
	sublane->older[side] -= sublane->older[side] > 0;
	mr_lane_need_remove(&lanes->need, position);
	mr_lane_entry_leaves(lanes, lane, sublane);
	if (!sublane->held.walked)
		pop_holes(lanes, lane, sublane, side);
	return position;
}

void mr_lane_pluck(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane,
	enum mr_lane_side side, const struct mr_lane_entry *entry)
{
	struct mr_lane_queue *queue = &sublane->sides[side];
	mr_assert(entry->position != 0 && *entry->words[0] == entry->position);
	mr_assert(entry->number >= queue->left + sublane->batch[side]);
	uint64_t at = entry->number - queue->left;
	if (!lanes->is_durable && at >= queue->loose && at < queue->loose + queue->counted)
		mr_lane_floor_remove(
			floor_of(lanes, entry->position), mr_position_offset(entry->position));
	if (side == MR_LANE_PENALTY)
		leave_penalty(lanes, lane, entry->penalised);
	*entry->words[0] = 0;
	if (side != MR_LANE_NORMAL)
		*entry->words[1] = 0;
	queue->holes++;
}

void mr_lane_drop(struct mr_lanes *lanes, struct mr_lane *lane, struct mr_sublane *sublane,
	enum mr_lane_side side, const struct mr_lane_entry *entry)
{
	mr_lane_pluck(lanes, lane, sublane, side, entry);
	mr_lane_need_remove(&lanes->need, entry->position);
	mr_lane_entry_leaves(lanes, lane, sublane);
}
