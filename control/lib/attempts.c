#include "attempts.h"

#include <string.h>

#include "direct.h"
#include "ring_reader.h"

static const struct mr_stats_attempts *ring_of(const struct mr_stats *stats, uint32_t delivery)
{
	const struct mr_stats_attempts *rings =
		(const void *)((const uint8_t *)stats + stats->attempts_at);

	return &rings[delivery];
}

static void copy_row(const struct mr_stats_attempt *row, struct mr_attempt_seen *ret_attempt)
{
	const uint64_t what = mr_read(&row->what);
	uint64_t body[MR_ATTEMPT_BODY_BYTES / 8];

	*ret_attempt = (struct mr_attempt_seen){
		.number = mr_read(&row->number),
		.webhook = mr_read(&row->webhook),
		.at_ns = mr_read(&row->at_ns),
		.took_ns = mr_read(&row->took_ns),
		.batch = mr_read(&row->batch),
		.status = (uint16_t)what,
		.kind = (uint8_t)(what >> 16),
		.outcome = (uint8_t)(what >> 24),
		.events = (uint32_t)mr_read(&row->events),
		.body_bytes = (uint32_t)(what >> 32),
	};
	for (uint32_t i = 0; i < MR_ATTEMPT_BODY_BYTES / 8; i++)
		body[i] = mr_read(&row->body[i]);
	memcpy(ret_attempt->body, body, sizeof(body));
	if (ret_attempt->body_bytes > sizeof(body))
		ret_attempt->body_bytes = sizeof(body);
}

uint32_t mr_attempts_read(const struct mr_stats *stats, uint32_t delivery, uint64_t *after,
	uint32_t max, struct mr_attempt_seen *ret_attempts, uint64_t *ret_lost)
{
	uint32_t count = 0;

	if (ret_lost)
		*ret_lost = 0;
	if (delivery >= stats->deliveries)
		return 0;
	const struct mr_stats_attempts *ring = ring_of(stats, delivery);
	struct mr_ring_reader reader = mr_ring_reader_make(&ring->next, *after, MR_ATTEMPT_ROWS);

	for (; reader.number < reader.end && count < max; reader.number++) {
		const struct mr_stats_attempt *row = &ring->rows[reader.number % MR_ATTEMPT_ROWS];

		if (mr_ring_reader_before(&reader, &row->number)) {
			copy_row(row, &ret_attempts[count]);
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
