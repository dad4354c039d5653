// Who is most active at a shard: for each kind of scope the ids that most events were offered for,
// accepted or not, shown in the statistics segment as two tables in turn (struct mr_stats_top). A
// packet that ingest has refused whole counts for the object that it names. Scopes that have a row
// in the ledger are counted there: their tables are what the rows have gained. Objects, users and
// what finds no room in the ledger are counted here.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/stats.h>

#include "ledger.h"
#include "object.h"
#include "top_k.h"

enum { MR_ACTIVITY_SHOW_NS = 100 * 1000 * 1000 }; // how old what is shown gets

// Events of one id in a row: they are counted together when another id comes.
struct mr_activity_run {
	uint64_t id;
	uint64_t events; // 0: none
	uint64_t refused; // of which
	uint64_t about[3]; // app, workspace, database of the last one
};

struct mr_activity_base { // of a ledger row, when the table began
	uint64_t events; // offered
	uint64_t refused; // of which
};

struct mr_activity {
	struct mr_stats_top *tables; // [MR_TOP_KINDS][MR_TOP_TABLES]; NULL: nobody looks
	const struct mr_stats_scope *scopes; // the ledger's
	uint64_t since_ns; // the table that counts
	uint64_t ends_ns; // ... counts until then; 0: it has not begun
	uint64_t show_ns; // shown again at the earliest
	uint32_t half; // its place
	bool changed; // since it was shown
	bool counted; // since the table began
	bool shown; // the two tables tell of something
	struct mr_activity_run runs[MR_TOP_KINDS];
	struct mr_top_k kinds[MR_TOP_KINDS]; // what has no row in the ledger
	struct mr_activity_base bases[MR_LEDGER_TABLES][MR_LEDGER_SCOPES_MAX];
};

void mr_activity_init(struct mr_activity *activity, struct mr_stats_top *tables,
	const struct mr_stats_scope *scopes, uint64_t seed);
// Events offered that the ledger has counted in `rows`, with their ids by enum mr_scope_kind - 1;
// 0: has none.
void mr_activity_offered(struct mr_activity *activity, const uint64_t ids[MR_TOP_KINDS],
	struct mr_ledger_rows rows, uint32_t events, bool refused);
// Shows what has changed, when it is time; `objects` know how long queues are.
void mr_activity_show(
	struct mr_activity *activity, const struct mr_objects *objects, uint64_t now_ns);
// When to show again although nothing happens; UINT64_MAX: never.
uint64_t mr_activity_next_due(const struct mr_activity *activity);
