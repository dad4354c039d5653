// What a scope has waiting, counted or dropped on the way, at every stage at once. A stage walks
// its queues a bounded piece per step; the survey stands in the steward's memory until all are
// done, and there is one at a time.
#pragma once

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <millrace/ban.h>
#include <millrace/limits.h>

struct mr_survey_part { // of one stage
	alignas(64) _Atomic uint32_t done; // stored last, with release
	uint32_t webhooks; // delivery: with deliveries of the scope
	uint64_t events; // shard: in object queues
	uint64_t deliveries; // delivery: in lanes
};

struct mr_survey {
	struct mr_scope scope;
	bool with_descendants;
	uint8_t drop_reason; // enum mr_reason: PURGED, BANNED_PENDING; OK: only counts
	struct mr_survey_part parts[MR_STAGES_MAX]; // by number of the stage
};
