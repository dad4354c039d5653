#include "attempt_log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BURST = 64 };

struct log_of {
	uint64_t webhook; // 0: free
	uint64_t seen; // when it grew last: of the log's own count
	uint64_t count; // ever; the newest is at (count - 1) % MR_ATTEMPTS_KEPT
	struct mr_attempt_summary summary;
	struct mr_attempt_seen attempts[MR_ATTEMPTS_KEPT];
};

struct mr_attempt_log {
	pthread_mutex_t lock;
	uint64_t boot_id;
	uint64_t after[MR_DELIVERIES_MAX];
	uint64_t seen;
	struct log_of *logs[MR_ATTEMPT_LOGS_MAX]; // from the front, without gaps
};

int mr_attempt_log_new(struct mr_attempt_log **ret_log)
{
	struct mr_attempt_log *log = calloc(1, sizeof(*log));

	if (!log)
		return -ENOMEM;
	pthread_mutex_init(&log->lock, NULL);
	*ret_log = log;
	return 0;
}

void mr_attempt_log_free(struct mr_attempt_log *log)
{
	if (!log)
		return;
	for (uint32_t i = 0; i < MR_ATTEMPT_LOGS_MAX; i++)
		free(log->logs[i]);
	pthread_mutex_destroy(&log->lock);
	free(log);
}

static struct log_of *find(struct mr_attempt_log *log, uint64_t webhook)
{
	for (uint32_t i = 0; i < MR_ATTEMPT_LOGS_MAX && log->logs[i]; i++)
		if (log->logs[i]->webhook == webhook)
			return log->logs[i];
	return NULL;
}

// A log for a webhook that has none: a new one, or that of the webhook that was silent longest.
static struct log_of *begin(struct mr_attempt_log *log, uint64_t webhook)
{
	struct log_of *oldest = log->logs[0];

	for (uint32_t i = 0; i < MR_ATTEMPT_LOGS_MAX; i++) {
		if (!log->logs[i]) {
			oldest = log->logs[i] = calloc(1, sizeof(*oldest));
			break;
		}
		if (log->logs[i]->seen < oldest->seen)
			oldest = log->logs[i];
	}
	if (!oldest)
		return NULL;
	memset(oldest, 0, sizeof(*oldest));
	oldest->webhook = webhook;
	return oldest;
}

static void sum(struct mr_attempt_summary *summary, const struct mr_attempt_seen *attempt)
{
	const int64_t at_ns = (int64_t)(attempt->at_ns + attempt->took_ns);

	if (attempt->outcome == MR_OUTCOME_OK) {
		summary->last_success_at_ns = at_ns;
		summary->retries = 0;
		return;
	}
	summary->last_failure_at_ns = at_ns;
	summary->last_failure_status = attempt->status;
	summary->retries++;
	summary->last_failure_bytes = attempt->body_bytes;
	memcpy(summary->last_failure, attempt->body, attempt->body_bytes);
}

static void add(struct mr_attempt_log *log, const struct mr_attempt_seen *attempt)
{
	struct log_of *of = find(log, attempt->webhook);

	if (!of)
		of = begin(log, attempt->webhook);
	if (!of)
		return; // no memory: the counters in the segment stand
	of->seen = ++log->seen;
	of->attempts[of->count++ % MR_ATTEMPTS_KEPT] = *attempt;
	sum(&of->summary, attempt);
}

void mr_attempt_log_tick(struct mr_attempt_log *log, const struct mr_direct *direct)
{
	static struct mr_attempt_seen burst[BURST]; // the ticker's own

	if (log->boot_id != direct->welcome.boot_id)
		memset(log->after, 0, sizeof(log->after));
	log->boot_id = direct->welcome.boot_id;
	for (uint32_t i = 0; i < direct->stats->deliveries && i < MR_DELIVERIES_MAX; i++) {
		uint32_t count;
		uint32_t all = 0;

		do {
			count = mr_attempts_read(
				direct->stats, i, &log->after[i], BURST, burst, NULL);
			pthread_mutex_lock(&log->lock);
			for (uint32_t k = 0; k < count; k++)
				add(log, &burst[k]);
			pthread_mutex_unlock(&log->lock);
			all += count;
		} while (count == BURST && all < MR_ATTEMPT_ROWS);
	}
}

uint32_t mr_attempt_log_read(struct mr_attempt_log *log, uint64_t webhook, uint32_t max,
	struct mr_attempt_seen *ret_attempts)
{
	uint32_t count = 0;

	pthread_mutex_lock(&log->lock);
	const struct log_of *of = find(log, webhook);

	for (; of && count < max && count < MR_ATTEMPTS_KEPT && count < of->count; count++)
		ret_attempts[count] = of->attempts[(of->count - 1 - count) % MR_ATTEMPTS_KEPT];
	pthread_mutex_unlock(&log->lock);
	return count;
}

void mr_attempt_log_sum(
	struct mr_attempt_log *log, uint64_t webhook, struct mr_attempt_summary *ret_summary)
{
	pthread_mutex_lock(&log->lock);
	const struct log_of *of = find(log, webhook);

	*ret_summary = of ? of->summary : (struct mr_attempt_summary){0};
	pthread_mutex_unlock(&log->lock);
}
