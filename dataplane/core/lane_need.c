#include "lane_need.h"

#include <stddef.h>
#include <string.h>

#include "mr_assert.h"

void mr_lane_need_init(
	struct mr_lane_need *need, const struct mr_segment_map *map, struct mr_needs *needs)
{
	mr_assert((map == NULL) == (needs == NULL));
	*need = (struct mr_lane_need){.map = map, .needs = needs};
	if (map != NULL)
		need->oldest = mr_segment_map_oldest(map);
}

static _Atomic uint32_t *count_of(struct mr_lane_need *need, uint64_t segment)
{
	return &need->needs->segments[segment % MR_SEGMENTS_MAX];
}

void mr_lane_need_follow(struct mr_lane_need *need)
{
	uint64_t oldest = mr_segment_map_oldest(need->map);
	mr_assert(oldest >= need->oldest);
	if (need->oldest == 0) // there was no segment: none has retired
		need->oldest = oldest;
	for (; need->oldest < oldest; need->oldest++) {
		atomic_store_explicit(count_of(need, need->oldest), 0, memory_order_release);
		need->cut[need->oldest % MR_SEGMENTS_MAX] = 0;
		need->left[need->oldest % MR_SEGMENTS_MAX] = 0;
	}
}

void mr_lane_need_add(struct mr_lane_need *need, mr_position position)
{
	if (need->map == NULL)
		return;
	uint64_t segment = mr_segment_map_find(need->map, position);
	if (segment == 0)
		return; // retired: nobody can read it any more, whoever counts it
	if (segment - need->oldest >= MR_SEGMENTS_MAX)
		mr_lane_need_follow(need);
	mr_assert(segment >= need->oldest && segment - need->oldest < MR_SEGMENTS_MAX);
	_Atomic uint32_t *count = count_of(need, segment);
	uint32_t value = atomic_load_explicit(count, memory_order_relaxed);
	atomic_store_explicit(count, value + 1, memory_order_release);
}

void mr_lane_need_remove(struct mr_lane_need *need, mr_position position)
{
	if (need->map == NULL)
		return;
	uint64_t segment = mr_segment_map_find(need->map, position);
	if (segment < need->oldest || segment == 0)
		return;
	mr_assert(segment - need->oldest < MR_SEGMENTS_MAX);
	need->left[segment % MR_SEGMENTS_MAX]++;
	need->left_total++;
}

void mr_lane_need_recorded(struct mr_lane_need *need, uint64_t end)
{
	if (need->left_total == 0 || need->cut_end != 0)
		return;
	mr_assert(end > 0);
	memcpy(need->cut, need->left, sizeof(need->cut));
	memset(need->left, 0, sizeof(need->left));
	need->left_total = 0;
	need->cut_end = end;
}

void mr_lane_need_durable(struct mr_lane_need *need, uint64_t watermark)
{
	if (need->cut_end == 0 || watermark < need->cut_end)
		return;
	mr_lane_need_follow(need);
	const uint64_t newest = mr_segment_map_end(need->map);
	for (uint64_t segment = need->oldest; segment < newest; segment++) {
		const uint32_t left = need->cut[segment % MR_SEGMENTS_MAX];
		if (left == 0)
			continue;
		_Atomic uint32_t *count = count_of(need, segment);
		const uint32_t value = atomic_load_explicit(count, memory_order_relaxed);
		mr_expect(value >= left);
		atomic_store_explicit(
			count, value >= left ? value - left : 0, memory_order_release);
		need->cut[segment % MR_SEGMENTS_MAX] = 0;
	}
	need->cut_end = 0;
}

bool mr_lane_need_gone(const struct mr_lane_need *need, mr_position position)
{
	return need->map != NULL && mr_segment_map_find(need->map, position) == 0;
}
