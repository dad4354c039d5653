// The event ledger of one shard: offered = accepted + refused, accepted + recovered = queued +
// distributed + dropped, in all and by app, workspace and database. Rows of a scope table are
// claimed once and never move; when they run out, `other` counts.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/stats.h>

#include "arena.h"
#include "table.h"

struct mr_ledger_rows { // one row per scope table, for one event
	uint8_t row[MR_LEDGER_TABLES]; // app, workspace, database
};

enum { MR_LEDGER_OTHER = MR_LEDGER_SCOPES_MAX - 1 };

struct mr_ledger {
	struct mr_stats_stage *stats;
	struct mr_stats_scope *scopes; // [MR_LEDGER_TABLES][MR_LEDGER_SCOPES_MAX]
	struct mr_table rows[MR_LEDGER_TABLES];
	uint64_t last_id[MR_LEDGER_TABLES]; // most events have the ids of the one before
	uint8_t last_row[MR_LEDGER_TABLES];
};

bool mr_ledger_init(struct mr_ledger *ledger, struct mr_arena *arena, struct mr_stats_stage *stats,
	struct mr_stats_scope *scopes, uint64_t seed);
struct mr_ledger_rows mr_ledger_find(
	struct mr_ledger *ledger, uint64_t app, uint64_t workspace, uint64_t database);
void mr_ledger_accepted(struct mr_ledger *ledger, struct mr_ledger_rows rows);
void mr_ledger_refused(
	struct mr_ledger *ledger, struct mr_ledger_rows rows, uint32_t events, uint8_t reason);
// An event that an earlier boot accepted waits for distribution.
void mr_ledger_recovered(struct mr_ledger *ledger, struct mr_ledger_rows rows);
void mr_ledger_distributed(struct mr_ledger *ledger, struct mr_ledger_rows rows);
// An event that waits is given up.
void mr_ledger_dropped(struct mr_ledger *ledger, struct mr_ledger_rows rows, uint8_t reason);
// An event is given up that nobody can read any more: it counts where most events wait.
void mr_ledger_lost(struct mr_ledger *ledger, uint8_t reason);
// offered, the reasons and every scope table agree with the totals, with `queued` counted by the
// caller.
bool mr_ledger_balances(
	const struct mr_ledger *ledger, uint64_t queued, char *ret_why, size_t why_size);
