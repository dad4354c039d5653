#include "taps.h"

#include "direct.h"
#include "ring_reader.h"

static const struct mr_stats_taps *ring_of(const struct mr_stats *stats, uint32_t stage)
{
	const struct mr_stats_taps *rings = (const void *)((const uint8_t *)stats + stats->taps_at);

	return &rings[stage];
}

static void copy_row(const struct mr_stats_tap *row, struct mr_tap_seen *ret_step)
{
	const uint64_t what = mr_read(&row->what);

	*ret_step = (struct mr_tap_seen){
		.number = mr_read(&row->number),
		.at_ns = mr_read(&row->at_ns),
		.object = mr_read(&row->object),
		.app = mr_read(&row->app),
		.sequence = mr_read(&row->sequence),
		.position = mr_read(&row->position),
		.webhook = mr_read(&row->webhook),
		.detail = mr_read(&row->detail),
		.step = (uint8_t)what,
		.reason = (uint8_t)(what >> 16),
	};
}

uint32_t mr_taps_read(const struct mr_stats *stats, uint32_t stage, uint64_t *after, uint32_t max,
	struct mr_tap_seen *ret_steps, uint64_t *ret_lost)
{
	uint32_t count = 0;

	if (ret_lost)
		*ret_lost = 0;
	if (stage >= stats->shards + stats->deliveries)
		return 0;
	const struct mr_stats_taps *ring = ring_of(stats, stage);
	struct mr_ring_reader reader = mr_ring_reader_make(&ring->next, *after, MR_TAP_ROWS);

	for (; reader.number < reader.end && count < max; reader.number++) {
		const struct mr_stats_tap *row = &ring->rows[reader.number % MR_TAP_ROWS];

		if (mr_ring_reader_before(&reader, &row->number)) {
			copy_row(row, &ret_steps[count]);
			if (mr_ring_reader_after(&reader, &row->number)) {
				count++;
				continue;
			}
		}
		reader.lost++;
	}
	*after = reader.number - 1;
	if (ret_lost)
		*ret_lost = reader.lost;
	return count;
}
