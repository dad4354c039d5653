#include "workers.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "line.h"

enum { QUICK_THREADS = 4, SLOW_THREADS = 4, THREADS = QUICK_THREADS + SLOW_THREADS };
enum { WAITING_MAX = 256, QUICK_TIMEOUT_MS = 2000, SLOW_TIMEOUT_MS = 30000 };

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct mr_job *first, *last;
	unsigned waiting;
	bool ends;
};

struct worker {
	struct queue *queue;
	struct mr_line line;
	pthread_t thread;
};

struct mr_workers {
	struct queue quick, slow;
	struct worker workers[THREADS];
	unsigned running;
};

static struct mr_job *take(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	while (!queue->first && !queue->ends)
		pthread_cond_wait(&queue->wake, &queue->lock);
	struct mr_job *job = queue->first;

	if (job) {
		queue->first = job->next;
		queue->waiting--;
	}
	pthread_mutex_unlock(&queue->lock);
	return job;
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct mr_job *job;

	while ((job = take(worker->queue)) != NULL)
		job->run(job, &worker->line);
	mr_line_close(&worker->line);
	return NULL;
}

static void queue_init(struct queue *queue)
{
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->wake, NULL);
}

static void queue_end(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->ends = true;
	pthread_cond_broadcast(&queue->wake);
	pthread_mutex_unlock(&queue->lock);
}

int mr_workers_start(struct mr_workers **ret_workers, const char *direct_socket)
{
	struct mr_workers *workers = calloc(1, sizeof(*workers));

	if (!workers)
		return -ENOMEM;
	queue_init(&workers->quick);
	queue_init(&workers->slow);
	for (unsigned i = 0; i < THREADS; i++) {
		struct worker *worker = &workers->workers[i];
		const bool is_quick = i < QUICK_THREADS;

		worker->queue = is_quick ? &workers->quick : &workers->slow;
		mr_line_init(&worker->line, direct_socket,
			is_quick ? QUICK_TIMEOUT_MS : SLOW_TIMEOUT_MS);
		const int r = pthread_create(&worker->thread, NULL, work, worker);

		if (r != 0) {
			mr_workers_stop(workers);
			mr_workers_free(workers);
			return -r;
		}
		workers->running++;
	}
	*ret_workers = workers;
	return 0;
}

void mr_workers_stop(struct mr_workers *workers)
{
	if (!workers)
		return;
	queue_end(&workers->quick);
	queue_end(&workers->slow);
	for (unsigned i = 0; i < workers->running; i++)
		pthread_join(workers->workers[i].thread, NULL);
	workers->running = 0;
}

void mr_workers_free(struct mr_workers *workers)
{
	free(workers);
}

int mr_workers_give(struct mr_workers *workers, enum mr_route_place place, struct mr_job *job)
{
	struct queue *queue = place == MR_ROUTE_SLOW ? &workers->slow : &workers->quick;
	int r = 0;

	job->next = NULL;
	pthread_mutex_lock(&queue->lock);
	if (queue->waiting == WAITING_MAX || queue->ends) {
		r = -EAGAIN;
	} else {
		if (queue->first)
			queue->last->next = job;
		else
			queue->first = job;
		queue->last = job;
		queue->waiting++;
		pthread_cond_signal(&queue->wake);
	}
	pthread_mutex_unlock(&queue->lock);
	return r;
}
