#include "maker_thread.h"

#include <time.h>

// Spares are ready ahead: a request may wait so long.
enum { NAP_NS = 10000000 };

static void *serve(void *argument)
{
	struct mr_maker_thread *thread = argument;
	const struct timespec nap = {.tv_nsec = NAP_NS};
	while (!atomic_load_explicit(&thread->stop, memory_order_acquire))
		if (!mr_maker_serve(thread->maker))
			nanosleep(&nap, NULL);
	return NULL;
}

int mr_maker_thread_start(struct mr_maker_thread *thread, struct mr_maker *maker)
{
	*thread = (struct mr_maker_thread){.maker = maker};
	int err = -pthread_create(&thread->thread, NULL, serve, thread);
	thread->runs = err == 0;
	return err;
}

void mr_maker_thread_stop(struct mr_maker_thread *thread)
{
	if (!thread->runs)
		return;
	atomic_store_explicit(&thread->stop, true, memory_order_release);
	pthread_join(thread->thread, NULL);
	thread->runs = false;
}
