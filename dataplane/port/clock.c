#include "clock.h"

#include <time.h>

#include "mr_assert.h"

static int64_t read_ns(clockid_t clock)
{
	struct timespec now;

	int r = clock_gettime(clock, &now);
	mr_assert(r == 0);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

uint64_t mr_clock_mono_ns(void)
{
	return (uint64_t)read_ns(CLOCK_MONOTONIC);
}

int64_t mr_clock_wall_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

uint64_t mr_clock_cpu_ns(void)
{
	return (uint64_t)read_ns(CLOCK_THREAD_CPUTIME_ID);
}
