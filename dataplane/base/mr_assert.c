#include "mr_assert.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PLACES_MAX = 64 };

static _Atomic uint64_t expect_failures;
static _Atomic uint64_t places_seen[PLACES_MAX]; // 0: free

_Noreturn void mr_assert_failed(const char *file, int line, const char *expression)
{
	(void)dprintf(STDERR_FILENO, "%s:%d: assertion failed: %s\n", file, line, expression);
	abort();
}

// True for the caller that puts the place into the set; a full set knows every place.
static bool first_time(uint64_t place)
{
	for (uint32_t i = 0; i < PLACES_MAX; i++) {
		uint64_t seen = 0;
		if (atomic_compare_exchange_strong(&places_seen[i], &seen, place))
			return true;
		if (seen == place)
			return false;
	}
	return false;
}

void mr_expect_failed(const char *file, int line, const char *expression)
{
	atomic_fetch_add_explicit(&expect_failures, 1, memory_order_relaxed);
	// __FILE__ is a literal, so its address and the line name the place.
	uint64_t place = (uint64_t)(uintptr_t)file << 16 ^ (uint64_t)(uint32_t)line;
	if (first_time(place | UINT64_C(1) << 63))
		(void)dprintf(STDERR_FILENO, "%s:%d: not expected: %s\n", file, line, expression);
}

uint64_t mr_expect_failures(void)
{
	return atomic_load_explicit(&expect_failures, memory_order_relaxed);
}
