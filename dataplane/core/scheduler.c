#include "scheduler.h"

#include <stddef.h>

#include "mr_assert.h"
#include "plant.h"

enum { SHARED_ROW = 1 };

bool mr_scheduler_init(struct mr_scheduler *scheduler, struct mr_arena *arena,
	struct mr_objects *objects, uint32_t quantum_units, uint32_t penalty_after, uint64_t seed)
{
	mr_assert(quantum_units > 0 && quantum_units <= INT32_MAX / 4);
	const uint32_t rows = objects->capacity < MR_SCHEDULER_WORKSPACES_MAX
		? objects->capacity
		: MR_SCHEDULER_WORKSPACES_MAX;
	*scheduler = (struct mr_scheduler){
		.objects = objects,
		.capacity = rows,
		.fresh = SHARED_ROW + 1,
		.quantum_units = quantum_units,
		.penalty_after = penalty_after,
	};
	scheduler->workspaces =
		mr_arena_array(arena, "workspaces", struct mr_workspace, rows + SHARED_ROW + 1);
	const bool has_table =
		mr_table_init(&scheduler->by_id, arena, "workspace table", rows, seed);
	return scheduler->workspaces != NULL && has_table;
}

static struct mr_object *object_of(const struct mr_scheduler *scheduler, uint32_t index)
{
	mr_assert(index > 0 && scheduler->objects->states[index].id != 0);
	return &scheduler->objects->states[index];
}

static uint32_t make_workspace(struct mr_scheduler *scheduler, uint64_t id)
{
	uint32_t row = 0;
	if (id == 0)
		return SHARED_ROW;
	if (mr_table_find(&scheduler->by_id, id, &row))
		return row;
	if (scheduler->free != 0) {
		row = scheduler->free;
		scheduler->free = scheduler->workspaces[row].next;
	} else if (scheduler->fresh <= scheduler->capacity + SHARED_ROW) {
		row = scheduler->fresh++;
	} else {
		return SHARED_ROW;
	}
	const bool done = mr_table_add(&scheduler->by_id, id, row) == 0;
	mr_assert(done); // the table has room for every row
	scheduler->workspaces[row] = (struct mr_workspace){.id = id};
	return row;
}

// A row that no object names and no list holds is free.
static void release_row(struct mr_scheduler *scheduler, uint32_t row)
{
	struct mr_workspace *workspace = &scheduler->workspaces[row];
	if (workspace->objects > 0 || workspace->is_runnable || row == SHARED_ROW)
		return;
	const bool done = mr_table_remove(&scheduler->by_id, workspace->id);
	mr_assert(done); // a workspace with a row is in the table
	workspace->next = scheduler->free;
	scheduler->free = row;
}

static void unbind(struct mr_scheduler *scheduler, uint32_t object)
{
	struct mr_object *state = object_of(scheduler, object);
	mr_assert(!(state->flags & MR_OBJECT_RUNNABLE));
	const uint32_t row = state->workspace;
	if (row == 0)
		return;
	mr_assert(scheduler->workspaces[row].objects > 0);
	scheduler->workspaces[row].objects--;
	state->workspace = 0;
	release_row(scheduler, row);
}

void mr_scheduler_bind(struct mr_scheduler *scheduler, uint32_t object, uint64_t workspace)
{
	struct mr_object *state = object_of(scheduler, object);
	mr_assert(!(state->flags & MR_OBJECT_RUNNABLE));
	const uint32_t row = state->workspace;
	if (row > SHARED_ROW && scheduler->workspaces[row].id == workspace)
		return;
	unbind(scheduler, object);
	state->workspace = make_workspace(scheduler, workspace);
	scheduler->workspaces[state->workspace].objects++;
}

static void append_workspace(struct mr_scheduler *scheduler, uint32_t row)
{
	struct mr_workspace *workspace = &scheduler->workspaces[row];
	workspace->next = 0;
	workspace->is_runnable = true;
	if (scheduler->head == 0)
		scheduler->head = row;
	else
		scheduler->workspaces[scheduler->tail].next = row;
	scheduler->tail = row;
}

static void append_object(struct mr_scheduler *scheduler, uint32_t object)
{
	struct mr_object *state = object_of(scheduler, object);
	struct mr_workspace *workspace = &scheduler->workspaces[state->workspace];
	state->next = 0;
	if (workspace->head == 0)
		workspace->head = object;
	else
		scheduler->objects->states[workspace->tail].next = object;
	workspace->tail = object;
}

// The first workspace's turn is over: to the end of the list, or off it when none of its objects is
// runnable.
static void rotate_workspaces(struct mr_scheduler *scheduler)
{
	const uint32_t row = scheduler->head;
	struct mr_workspace *workspace = &scheduler->workspaces[row];
	mr_assert(row != 0 && workspace->is_runnable);
	scheduler->head = workspace->next;
	workspace->in_turn = false;
	workspace->is_runnable = false;
	if (workspace->head != 0) {
		append_workspace(scheduler, row);
		return;
	}
	if (scheduler->head == 0)
		scheduler->tail = 0;
	if (workspace->deficit > 0)
		workspace->deficit = 0;
	release_row(scheduler, row);
}

// Takes the first object of the first workspace off its run list.
static uint32_t shift_object(struct mr_scheduler *scheduler)
{
	struct mr_workspace *workspace = &scheduler->workspaces[scheduler->head];
	const uint32_t object = workspace->head;
	workspace->head = object_of(scheduler, object)->next;
	if (workspace->head == 0)
		workspace->tail = 0;
	return object;
}

static void end_turn(struct mr_scheduler *scheduler)
{
	const uint32_t object = shift_object(scheduler);
	object_of(scheduler, object)->flags &= (uint16_t)~MR_OBJECT_IN_TURN;
	append_object(scheduler, object);
}

static void drop_object(struct mr_scheduler *scheduler)
{
	const uint32_t object = shift_object(scheduler);
	struct mr_object *state = object_of(scheduler, object);
	state->flags &= (uint16_t) ~(MR_OBJECT_IN_TURN | MR_OBJECT_RUNNABLE);
	if (state->deficit > 0)
		state->deficit = 0;
	mr_assert(scheduler->runnable > 0);
	scheduler->runnable--;
	mr_scheduler_settle(scheduler, object);
}

void mr_scheduler_settle(struct mr_scheduler *scheduler, uint32_t object)
{
	struct mr_object *state = object_of(scheduler, object);
	if (state->flags & MR_OBJECT_RUNNABLE)
		return; // found out when its turn comes
	if (mr_object_can_run(state)) {
		mr_assert(state->workspace != 0);
		state->flags |= MR_OBJECT_RUNNABLE;
		scheduler->runnable++;
		append_object(scheduler, object);
		if (!scheduler->workspaces[state->workspace].is_runnable)
			append_workspace(scheduler, state->workspace);
	} else if (mr_object_events(state) == 0) {
		if (state->holds == 0)
			unbind(scheduler, object);
		(void)mr_objects_reclaim(scheduler->objects, object);
	}
}

uint32_t mr_scheduler_pick(struct mr_scheduler *scheduler)
{
	const int32_t quantum = (int32_t)scheduler->quantum_units;
	while (scheduler->head != 0) {
		struct mr_workspace *workspace = &scheduler->workspaces[scheduler->head];
		if (!workspace->in_turn) {
			workspace->in_turn = true;
			workspace->deficit += quantum;
		}
		if (workspace->head == 0 || workspace->deficit <= 0) {
			rotate_workspaces(scheduler);
			continue;
		}
		struct mr_object *object = object_of(scheduler, workspace->head);
		if (!mr_object_can_run(object)) {
			drop_object(scheduler);
			continue;
		}
		if (!(object->flags & MR_OBJECT_IN_TURN)) {
			object->flags |= MR_OBJECT_IN_TURN;
			object->deficit += quantum;
		}
		if (object->deficit > 0)
			return workspace->head;
		end_turn(scheduler);
	}
	return 0;
}

void mr_scheduler_debit(struct mr_scheduler *scheduler, uint32_t object, uint32_t units)
{
	struct mr_object *state = object_of(scheduler, object);
	mr_assert(units <= INT32_MAX / 4);
	state->deficit -= (int32_t)units;
	if (state->workspace != 0)
		scheduler->workspaces[state->workspace].deficit -= (int32_t)units;
}

void mr_scheduler_charge(struct mr_scheduler *scheduler, uint32_t object, uint32_t units)
{
	struct mr_object *state = object_of(scheduler, object);
	mr_assert(scheduler->workspaces[scheduler->head].head == object);
	if (mr_plant_drains() && mr_object_has_next(state))
		return;
	mr_scheduler_debit(scheduler, object, units);
	if (!mr_object_has_next(state)) {
		drop_object(scheduler);
	} else if (state->deficit <= 0) {
		if (state->full_quanta < UINT8_MAX)
			state->full_quanta++;
		if (state->full_quanta >= scheduler->penalty_after)
			mr_objects_penalise(scheduler->objects, object);
		end_turn(scheduler);
	}
}

void mr_scheduler_yield(struct mr_scheduler *scheduler, uint32_t object)
{
	struct mr_object *state = object_of(scheduler, object);
	mr_assert(scheduler->workspaces[scheduler->head].head == object);
	if (mr_plant_drains())
		return;
	if (state->deficit > 0)
		state->deficit = 0;
	scheduler->workspaces[scheduler->head].deficit--;
	end_turn(scheduler);
}
