// The thread that makes segments ahead of the journal's writer (maker.h), beside the steward.
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "backend_disk.h"

struct mr_maker_thread {
	struct mr_maker *maker;
	pthread_t thread;
	_Atomic bool stop;
	bool runs;
};

// 0 or negative errno.
int mr_maker_thread_start(struct mr_maker_thread *thread, struct mr_maker *maker);
// Ends it behind what it is doing; accepts one that does not run.
void mr_maker_thread_stop(struct mr_maker_thread *thread);
