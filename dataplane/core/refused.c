#include "refused.h"

#include "mr_assert.h"

bool mr_refused_pool_init(struct mr_refused_pool *pool, struct mr_arena *arena, uint32_t runs_max)
{
	mr_assert(runs_max > 0 && runs_max < UINT32_MAX);
	*pool = (struct mr_refused_pool){.capacity = runs_max, .fresh = 1};
	pool->runs = mr_arena_array(arena, "refused runs", struct mr_refused_run, runs_max + 1);
	return pool->runs != NULL;
}

static bool same_refusal(const struct mr_refusal *a, const struct mr_refusal *b)
{
	return a->reason == b->reason && a->scope_kind == b->scope_kind
		&& a->scope_id == b->scope_id && a->retry_after_ms == b->retry_after_ms;
}

static uint32_t take_run(struct mr_refused_pool *pool)
{
	if (pool->used == pool->capacity)
		return 0;
	pool->used++;
	uint32_t index = pool->free;
	if (index != 0)
		pool->free = pool->runs[index].next;
	else
		index = pool->fresh++;
	mr_assert(index > 0 && index <= pool->capacity);
	return index;
}

bool mr_refused_add(struct mr_refused_list *list, struct mr_refused_pool *pool, uint64_t first,
	uint32_t count, const struct mr_refusal *refusal)
{
	mr_assert(count > 0);
	if (list->tail != 0) {
		struct mr_refused_run *last = &pool->runs[list->tail];
		mr_assert(last->first + last->count <= first);
		if (last->first + last->count == first && same_refusal(&last->refusal, refusal)) {
			last->count += count;
			return true;
		}
	}
	const uint32_t index = take_run(pool);
	if (index == 0)
		return false;
	pool->runs[index] =
		(struct mr_refused_run){.first = first, .refusal = *refusal, .count = count};
	if (list->tail != 0)
		pool->runs[list->tail].next = index;
	else
		list->head = index;
	list->tail = index;
	return true;
}

void mr_refused_forget(struct mr_refused_list *list, struct mr_refused_pool *pool, uint64_t known)
{
	while (list->head != 0) {
		const uint32_t index = list->head;
		struct mr_refused_run *run = &pool->runs[index];
		if (run->first + run->count > known) {
			// What is known leaves a run that goes on growing: no run outgrows the
			// window.
			if (run->first < known) {
				run->count -= (uint32_t)(known - run->first);
				run->first = known;
			}
			break;
		}
		mr_assert(pool->used > 0);
		list->head = run->next;
		run->next = pool->free;
		pool->free = index;
		pool->used--;
	}
	if (list->head == 0)
		list->tail = 0;
}
