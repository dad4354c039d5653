// The clock that sender and receiver share: CLOCK_MONOTONIC of one host, read directly, so that
// times of two processes may be subtracted from each other.
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t mr_load_clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static inline int64_t mr_load_wall_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * INT64_C(1000000000) + (int64_t)now.tv_nsec;
}
