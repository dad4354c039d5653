#include "clock.h"

#include <stdio.h>
#include <time.h>

static int64_t now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

int64_t mr_now_wall_ns(void)
{
	return now(CLOCK_REALTIME);
}

uint64_t mr_now_mono_ns(void)
{
	return (uint64_t)now(CLOCK_MONOTONIC);
}

void mr_time_text(int64_t wall_ns, char ret_text[MR_TIME_TEXT_BYTES])
{
	const time_t seconds = wall_ns > 0 ? wall_ns / 1000000000 : 0;
	const int milliseconds = wall_ns > 0 ? (int)(wall_ns % 1000000000 / 1000000) : 0;
	struct tm parts;
	char text[MR_TIME_TEXT_BYTES - 8];

	gmtime_r(&seconds, &parts);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
	snprintf(ret_text, MR_TIME_TEXT_BYTES, "%s.%03dZ", text, milliseconds);
}
