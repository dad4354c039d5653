// Who is most active at a shard: for each kind of scope the ids that most events were offered for,
// accepted or not, shown in the statistics segment as two tables in turn (struct mr_stats_top). A
// packet that ingest has refused whole counts for the object that it names.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/stats.h>

#include "object.h"
#include "top_k.h"

enum { MR_ACTIVITY_SHOW_NS = 100 * 1000 * 1000 }; // how old what is shown gets

struct mr_activity {
	struct mr_stats_top *tables; // [MR_TOP_KINDS][MR_TOP_TABLES]; NULL: nobody looks
	uint64_t since_ns; // the table that counts
	uint64_t ends_ns; // ... counts until then; 0: it has not begun
	uint64_t show_ns; // shown again at the earliest
	uint32_t half; // its place
	bool changed; // since it was shown
	bool shown; // the two tables tell of something
	struct mr_top_k kinds[MR_TOP_KINDS]; // what it counts
};

void mr_activity_init(struct mr_activity *activity, struct mr_stats_top *tables, uint64_t seed);
// Events offered, with their ids by enum mr_scope_kind - 1; 0: has none.
void mr_activity_offered(struct mr_activity *activity, const uint64_t ids[MR_TOP_KINDS],
	uint32_t events, bool refused);
// Shows what has changed, when it is time; `objects` know how long queues are.
void mr_activity_show(
	struct mr_activity *activity, const struct mr_objects *objects, uint64_t now_ns);
// When to show again although nothing happens; UINT64_MAX: never.
uint64_t mr_activity_next_due(const struct mr_activity *activity);
