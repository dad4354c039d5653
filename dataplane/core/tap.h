// The objects that an operator follows, and the ring in which a stage tells what becomes of their
// events (struct mr_stats_taps). Costs a test when nobody is followed.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/stats.h>

struct mr_tap {
	struct mr_stats_taps *ring; // NULL: nobody looks
	uint32_t count; // of objects
	uint64_t objects[MR_TAPS_MAX];
};

struct mr_tap_said {
	uint64_t webhook; // 0: none
	uint64_t detail; // see enum mr_tap_step
	uint8_t step; // enum mr_tap_step
	uint8_t reason; // enum mr_reason
};

struct mr_tap_entry { // as in struct mr_stats_tap
	uint64_t object;
	uint64_t app;
	uint64_t sequence;
	uint64_t position;
	struct mr_tap_said said;
};

void mr_tap_init(struct mr_tap *tap, struct mr_stats_taps *ring);
// All objects that are followed from now on.
void mr_tap_follow(struct mr_tap *tap, const uint64_t *objects, uint32_t count);

static inline bool mr_tap_any(const struct mr_tap *tap)
{
	return tap->count > 0;
}

static inline bool mr_tap_follows(const struct mr_tap *tap, uint64_t object)
{
	for (uint32_t i = 0; i < tap->count; i++)
		if (tap->objects[i] == object)
			return true;
	return false;
}

void mr_tap_tell(struct mr_tap *tap, const struct mr_tap_entry *entry, int64_t wall_ns);
