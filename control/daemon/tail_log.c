#include "tail_log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum { STAGES_MAX = MR_SHARDS_MAX + MR_DELIVERIES_MAX, STEPS_AT_ONCE = 64 };

struct mr_tail_log {
	pthread_mutex_t lock; // of `last` and `rows`
	uint64_t last;
	uint64_t boot_id; // of the ticker
	uint64_t after[STAGES_MAX]; // of the ticker
	struct mr_tail_row rows[MR_TAIL_ROWS]; // by number % MR_TAIL_ROWS
};

int mr_tail_log_new(struct mr_tail_log **ret_log)
{
	struct mr_tail_log *log = calloc(1, sizeof(*log));

	if (!log)
		return -ENOMEM;
	pthread_mutex_init(&log->lock, NULL);
	*ret_log = log;
	return 0;
}

void mr_tail_log_free(struct mr_tail_log *log)
{
	if (!log)
		return;
	pthread_mutex_destroy(&log->lock);
	free(log);
}

static uint32_t read_some(struct mr_tail_log *log, const struct mr_stats *stats, uint32_t stage)
{
	struct mr_tap_seen steps[STEPS_AT_ONCE];
	const uint32_t count =
		mr_taps_read(stats, stage, &log->after[stage], STEPS_AT_ONCE, steps, NULL);

	pthread_mutex_lock(&log->lock);
	for (uint32_t i = 0; i < count; i++) {
		log->last++;
		log->rows[log->last % MR_TAIL_ROWS] =
			(struct mr_tail_row){.number = log->last, .step = steps[i]};
	}
	pthread_mutex_unlock(&log->lock);
	return count;
}

void mr_tail_log_tick(struct mr_tail_log *log, const struct mr_stats *stats)
{
	const uint32_t stages = stats->shards + stats->deliveries;

	if (log->boot_id != stats->boot_id) {
		for (uint32_t i = 0; i < STAGES_MAX; i++)
			log->after[i] = 0;
		log->boot_id = stats->boot_id;
	}
	for (uint32_t stage = 0; stage < stages && stage < STAGES_MAX; stage++) {
		uint32_t turns = MR_TAP_ROWS / STEPS_AT_ONCE;

		while (turns-- > 0 && read_some(log, stats, stage) == STEPS_AT_ONCE)
			;
	}
}

bool mr_tail_log_next(
	struct mr_tail_log *log, uint64_t object, uint64_t after, struct mr_tail_row *ret_row)
{
	bool found = false;

	pthread_mutex_lock(&log->lock);
	const uint64_t oldest = log->last > MR_TAIL_ROWS ? log->last - MR_TAIL_ROWS + 1 : 1;

	for (uint64_t number = after + 1 > oldest ? after + 1 : oldest;
		number <= log->last && !found; number++) {
		const struct mr_tail_row *row = &log->rows[number % MR_TAIL_ROWS];

		found = row->step.object == object;
		if (found)
			*ret_row = *row;
	}
	pthread_mutex_unlock(&log->lock);
	return found;
}

uint64_t mr_tail_log_last(struct mr_tail_log *log)
{
	pthread_mutex_lock(&log->lock);
	const uint64_t last = log->last;

	pthread_mutex_unlock(&log->lock);
	return last;
}
