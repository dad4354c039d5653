#include "tap.h"

#include <stddef.h>
#include <string.h>

#include "mr_assert.h"

void mr_tap_init(struct mr_tap *tap, struct mr_stats_taps *ring)
{
	*tap = (struct mr_tap){.ring = ring};
	if (ring != NULL)
		mr_gauge(&ring->next, 1);
}

void mr_tap_follow(struct mr_tap *tap, const uint64_t *objects, uint32_t count)
{
	mr_assert(count <= MR_TAPS_MAX);
	if (tap->ring == NULL)
		return;
	memcpy(tap->objects, objects, count * sizeof(objects[0]));
	tap->count = count;
}

// The row has no number while it is written, and readers look at the number before and after.
void mr_tap_tell(struct mr_tap *tap, const struct mr_tap_entry *entry, int64_t wall_ns)
{
	mr_assert(tap->ring != NULL && entry->said.step != 0);
	const uint64_t number = mr_read(&tap->ring->next);
	struct mr_stats_tap *row = &tap->ring->rows[number % MR_TAP_ROWS];
	mr_gauge(&row->number, 0);
	atomic_thread_fence(memory_order_release);
	mr_gauge(&row->at_ns, (uint64_t)wall_ns);
	mr_gauge(&row->object, entry->object);
	mr_gauge(&row->app, entry->app);
	mr_gauge(&row->sequence, entry->sequence);
	mr_gauge(&row->position, entry->position);
	mr_gauge(&row->what, entry->said.step | (uint64_t)entry->said.reason << 16);
	mr_gauge(&row->webhook, entry->said.webhook);
	mr_gauge(&row->detail, entry->said.detail);
	atomic_store_explicit(&row->number, number, memory_order_release);
	atomic_store_explicit(&tap->ring->next, number + 1, memory_order_release);
}
