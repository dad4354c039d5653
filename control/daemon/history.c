#include "history.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct mr_history {
	pthread_mutex_t lock;
	uint64_t count; // ever added
	struct mr_history_row rows[MR_HISTORY_SECONDS];
};

int mr_history_new(struct mr_history **ret_history)
{
	struct mr_history *history = calloc(1, sizeof(*history));

	if (!history)
		return -ENOMEM;
	pthread_mutex_init(&history->lock, NULL);
	*ret_history = history;
	return 0;
}

void mr_history_free(struct mr_history *history)
{
	if (!history)
		return;
	pthread_mutex_destroy(&history->lock);
	free(history);
}

void mr_history_add(struct mr_history *history, const struct mr_second *second)
{
	double busiest = 0;

	for (uint32_t i = 0; i < MR_STAGES_MAX; i++)
		busiest = second->stages[i].busy > busiest ? second->stages[i].busy : busiest;
	pthread_mutex_lock(&history->lock);
	history->rows[history->count++ % MR_HISTORY_SECONDS] =
		(struct mr_history_row){.at_ns = second->at_ns,
			.offered = (float)second->offered,
			.accepted = (float)second->accepted,
			.refused = (float)second->refused,
			.delivered = (float)second->delivered,
			.queued = second->queued,
			.pending = second->pending,
			.p50_us = (uint32_t)(second->delivered_p50_ns / 1000),
			.p99_us = (uint32_t)(second->delivered_p99_ns / 1000),
			.busiest_permille = (uint32_t)(busiest * 1000),
			.connected = second->connected};
	pthread_mutex_unlock(&history->lock);
}

uint32_t mr_history_read(
	struct mr_history *history, uint32_t seconds, struct mr_history_row *ret_rows)
{
	pthread_mutex_lock(&history->lock);
	const uint64_t kept =
		history->count < MR_HISTORY_SECONDS ? history->count : MR_HISTORY_SECONDS;
	const uint64_t count = kept < seconds ? kept : seconds;

	for (uint64_t i = 0; i < count; i++)
		ret_rows[i] = history->rows[(history->count - count + i) % MR_HISTORY_SECONDS];
	pthread_mutex_unlock(&history->lock);
	return (uint32_t)count;
}
