// Threads for requests that ask the data plane, so that the listener never waits for it. Each has
// its own connection; quick acts never queue behind slow ones.
#pragma once

#include "route.h"

struct mr_line;

struct mr_job { // embedded in what is to be done
	struct mr_job *next;
	void (*run)(struct mr_job *job, struct mr_line *line);
};

struct mr_workers;

int mr_workers_start(struct mr_workers **ret_workers, const char *direct_socket);
// Finishes what waits, takes no more. Accepts NULL, as does mr_workers_free, which comes after it.
void mr_workers_stop(struct mr_workers *workers);
void mr_workers_free(struct mr_workers *workers);
// 0, or -EAGAIN: too many wait already, or they have stopped.
int mr_workers_give(struct mr_workers *workers, enum mr_route_place place, struct mr_job *job);
