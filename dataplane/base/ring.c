#include "ring.h"

#include <string.h>

#include <rte_ring.h>
#include <rte_ring_peek_zc.h>

#include "mr_assert.h"

enum { CAPACITY_MAX = 1 << 26 };

static struct rte_ring *rte_of(struct mr_ring *ring)
{
	return (struct rte_ring *)ring;
}

// The few fields that rte_ring_init() would set: doing it here keeps librte_ring, and EAL with it,
// out of every program that links base. All that runs later is inline and compiled with our own
// flags.
struct mr_ring *mr_ring_new(struct mr_arena *arena, const char *name, uint32_t capacity)
{
	mr_assert(capacity > 0 && capacity <= CAPACITY_MAX);
	uint32_t size = 2;
	while (size - 1 < capacity)
		size *= 2;
	struct rte_ring *rte = mr_arena_take(arena, name,
		sizeof(struct rte_ring) + (size_t)size * sizeof(struct mr_desc),
		RTE_CACHE_LINE_SIZE);
	if (rte == NULL)
		return NULL;
	rte->flags = RING_F_SP_ENQ | RING_F_SC_DEQ;
	rte->size = size;
	rte->mask = size - 1;
	rte->capacity = size - 1;
	rte->prod.sync_type = RTE_RING_SYNC_ST;
	rte->cons.sync_type = RTE_RING_SYNC_ST;
	return (struct mr_ring *)rte;
}

uint32_t mr_ring_push_burst(struct mr_ring *ring, const struct mr_desc *descs, uint32_t count)
{
	struct rte_ring_zc_data room;
	uint32_t taken = rte_ring_enqueue_zc_burst_elem_start(
		rte_of(ring), sizeof(*descs), count, &room, NULL);
	if (taken == 0)
		return 0;
	memcpy(room.ptr1, descs, room.n1 * sizeof(*descs));
	if (taken > room.n1)
		memcpy(room.ptr2, descs + room.n1, (taken - room.n1) * sizeof(*descs));
	rte_ring_enqueue_zc_elem_finish(rte_of(ring), taken);
	return taken;
}

bool mr_ring_push(struct mr_ring *ring, struct mr_desc desc)
{
	struct rte_ring_zc_data room;
	if (rte_ring_enqueue_zc_burst_elem_start(rte_of(ring), sizeof(desc), 1, &room, NULL) == 0)
		return false;
	memcpy(room.ptr1, &desc, sizeof(desc));
	rte_ring_enqueue_zc_elem_finish(rte_of(ring), 1);
	return true;
}

uint32_t mr_ring_pop_burst(struct mr_ring *ring, struct mr_desc *ret_descs, uint32_t max)
{
	struct rte_ring_zc_data ready;
	uint32_t taken = rte_ring_dequeue_zc_burst_elem_start(
		rte_of(ring), sizeof(*ret_descs), max, &ready, NULL);
	if (taken == 0)
		return 0;
	memcpy(ret_descs, ready.ptr1, ready.n1 * sizeof(*ret_descs));
	if (taken > ready.n1)
		memcpy(ret_descs + ready.n1, ready.ptr2, (taken - ready.n1) * sizeof(*ret_descs));
	rte_ring_dequeue_zc_elem_finish(rte_of(ring), taken);
	return taken;
}

uint32_t mr_ring_used(const struct mr_ring *ring)
{
	const struct rte_ring *rte = (const struct rte_ring *)ring;
	uint32_t produced = __atomic_load_n(&rte->prod.tail, __ATOMIC_ACQUIRE);
	return produced - __atomic_load_n(&rte->cons.tail, __ATOMIC_ACQUIRE);
}

uint32_t mr_ring_free(const struct mr_ring *ring)
{
	const struct rte_ring *rte = (const struct rte_ring *)ring;
	return rte->capacity - mr_ring_used(ring);
}
