#include "lockmodel.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "clock.h"

enum {
	LIST_MAX = 32,
	RECENT = 1 << 16, // modified objects not yet handed to a distributor
	RETRIES = 5,
	DISTRIBUTORS_MAX = 16,
};
static const uint64_t LOCK_NS = 5000000, RETRY_NS = 400000, BACKOFF_NS = 1200000,
		      BACKOFF_MAX_NS = 300000000;

struct object {
	pthread_mutex_t lock; // the distributor's timed lock
	pthread_mutex_t queue_lock;
	uint32_t head, tail;
	bool listed; // stands in `recent` or in a list
	uint64_t *arrived_ns;
};

struct distributor {
	struct mr_lockmodel *model;
	pthread_t thread;
	uint32_t list[LIST_MAX];
	uint32_t listed;
	uint32_t failures;
	struct mr_lockmodel_result result;
	double *cold_us;
	size_t cold_max;
};

struct mr_lockmodel {
	struct mr_lockmodel_options options;
	struct object *objects;
	pthread_mutex_t recent_lock;
	uint32_t recent[RECENT];
	uint32_t recent_head, recent_tail;
	atomic_bool stop;
	uint64_t lost;
	struct distributor distributors[DISTRIBUTORS_MAX];
};

static void nap(uint64_t ns)
{
	struct timespec t = {
		.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
	nanosleep(&t, NULL);
}

static void work(uint32_t ns)
{
	uint64_t until = mr_clock_mono_ns() + ns;
	while (mr_clock_mono_ns() < until)
		;
}

static bool take_one(struct mr_lockmodel *model, struct object *object, uint64_t *ret_arrived_ns)
{
	pthread_mutex_lock(&object->queue_lock);
	bool found = object->head != object->tail;
	if (found)
		*ret_arrived_ns =
			object->arrived_ns[object->tail++ & (model->options.queue_events - 1)];
	else
		object->listed = false;
	pthread_mutex_unlock(&object->queue_lock);
	return found;
}

// True when the queue is empty; false when the lock was about to expire first.
static bool drain(struct distributor *self, uint32_t index)
{
	struct mr_lockmodel *model = self->model;
	struct object *object = &model->objects[index];
	uint64_t expires = mr_clock_mono_ns() + LOCK_NS, arrived_ns;
	while (take_one(model, object, &arrived_ns)) {
		work(model->options.work_ns);
		uint64_t now = mr_clock_mono_ns();
		if (index == 0)
			self->result.hot++;
		else if (++self->result.cold && self->result.cold_samples < self->cold_max)
			self->cold_us[self->result.cold_samples++] =
				(double)(now - arrived_ns) * 1e-3;
		if (now > expires || atomic_load_explicit(&model->stop, memory_order_relaxed))
			return false;
	}
	return true;
}

// One pass over the list; what stays is what was locked by others or not drained.
static void pass(struct distributor *self)
{
	uint32_t left = 0;
	for (uint32_t i = 0; i < self->listed; i++) {
		struct object *object = &self->model->objects[self->list[i]];
		bool finished = false;
		if (pthread_mutex_trylock(&object->lock) == 0) {
			finished = drain(self, self->list[i]);
			pthread_mutex_unlock(&object->lock);
		}
		if (!finished)
			self->list[left++] = self->list[i];
	}
	self->listed = left;
}

static void take_list(struct distributor *self)
{
	struct mr_lockmodel *model = self->model;
	pthread_mutex_lock(&model->recent_lock);
	while (self->listed < LIST_MAX && model->recent_head != model->recent_tail)
		self->list[self->listed++] = model->recent[model->recent_tail++ & (RECENT - 1)];
	// The hot object was modified just now, whatever the list: every distributor of its
	// database meets it.
	if (self->listed > 0 && self->listed < LIST_MAX)
		self->list[self->listed++] = 0;
	pthread_mutex_unlock(&model->recent_lock);
}

static void *distribute(void *arg)
{
	struct distributor *self = arg;
	mr_bench_pin(self->model->options.cpu);
	while (!atomic_load_explicit(&self->model->stop, memory_order_relaxed)) {
		if (self->listed == 0)
			take_list(self);
		if (self->listed == 0) {
			nap(50000);
			continue;
		}
		for (int i = 0; i < RETRIES && self->listed > 0; i++) {
			pass(self);
			if (self->listed > 0)
				nap(RETRY_NS);
		}
		if (self->listed == 0) {
			self->failures = 0;
			continue;
		}
		uint64_t backoff = BACKOFF_NS << (self->failures < 8 ? self->failures : 8);
		self->failures++;
		self->result.given_up++;
		nap(backoff < BACKOFF_MAX_NS ? backoff : BACKOFF_MAX_NS);
	}
	self->result.cpu_s = (double)mr_clock_cpu_ns() * 1e-9;
	return NULL;
}

void mr_lockmodel_offer(struct mr_lockmodel *model, uint32_t index, uint64_t now_ns)
{
	struct object *object = &model->objects[index];
	pthread_mutex_lock(&object->queue_lock);
	bool list = !object->listed;
	if (object->head - object->tail < model->options.queue_events)
		object->arrived_ns[object->head++ & (model->options.queue_events - 1)] = now_ns;
	else
		model->lost++;
	object->listed = true;
	pthread_mutex_unlock(&object->queue_lock);
	if (!list)
		return;
	pthread_mutex_lock(&model->recent_lock);
	if (model->recent_head - model->recent_tail < RECENT)
		model->recent[model->recent_head++ & (RECENT - 1)] = index;
	pthread_mutex_unlock(&model->recent_lock);
}

struct mr_lockmodel *mr_lockmodel_start(const struct mr_lockmodel_options *options)
{
	struct mr_lockmodel *model = calloc(1, sizeof(*model));
	if (model == NULL)
		return NULL;
	model->options = *options;
	model->objects = calloc(options->objects, sizeof(*model->objects));
	uint64_t *times = calloc((size_t)options->objects * options->queue_events, sizeof(*times));
	if (model->objects == NULL || times == NULL)
		return NULL;
	pthread_mutex_init(&model->recent_lock, NULL);
	for (uint32_t i = 0; i < options->objects; i++) {
		pthread_mutex_init(&model->objects[i].lock, NULL);
		pthread_mutex_init(&model->objects[i].queue_lock, NULL);
		model->objects[i].arrived_ns = times + (size_t)i * options->queue_events;
	}
	size_t share = options->cold_max / options->distributors;
	for (uint32_t i = 0; i < options->distributors; i++) {
		struct distributor *self = &model->distributors[i];
		*self = (struct distributor){.model = model,
			.cold_max = share,
			.cold_us = options->ret_cold_us + share * i};
		if (pthread_create(&self->thread, NULL, distribute, self) != 0)
			return NULL;
	}
	return model;
}

// What still waits counts with the age it has reached: otherwise a standstill would look fast.
static void add_undelivered(const struct mr_lockmodel *model, struct mr_lockmodel_result *sum)
{
	uint64_t now = mr_clock_mono_ns();
	for (uint32_t i = 1; i < model->options.objects; i++) {
		const struct object *object = &model->objects[i];
		for (uint32_t at = object->tail; at != object->head; at++) {
			if (sum->cold_samples == model->options.cold_max)
				return;
			uint64_t arrived =
				object->arrived_ns[at & (model->options.queue_events - 1)];
			model->options.ret_cold_us[sum->cold_samples++] =
				(double)(now - arrived) * 1e-3;
			sum->undelivered++;
		}
	}
}

struct mr_lockmodel_result mr_lockmodel_stop(struct mr_lockmodel *model)
{
	struct mr_lockmodel_result sum = {.lost = model->lost};
	atomic_store(&model->stop, true);
	for (uint32_t i = 0; i < model->options.distributors; i++) {
		struct distributor *self = &model->distributors[i];
		pthread_join(self->thread, NULL);
		sum.cold += self->result.cold;
		sum.hot += self->result.hot;
		sum.given_up += self->result.given_up;
		sum.cpu_s += self->result.cpu_s;
		memmove(model->options.ret_cold_us + sum.cold_samples, self->cold_us,
			self->result.cold_samples * sizeof(double));
		sum.cold_samples += self->result.cold_samples;
	}
	add_undelivered(model, &sum);
	free(model->objects[0].arrived_ns);
	free(model->objects);
	free(model);
	return sum;
}
