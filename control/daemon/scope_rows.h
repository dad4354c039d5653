// Both ledgers by app, workspace and database: the shards' tables as one.
#pragma once

#include <stdint.h>

#include <millrace/stats.h>

struct mr_scope_row {
	uint64_t id; // 0: all that found no row of their own
	uint64_t accepted, refused, distributed, dropped, queued, recovered;
};

enum { MR_SCOPE_ROWS_MAX = MR_LEDGER_SCOPES_MAX * MR_SHARDS_MAX };

// Table `table` (app, workspace, database: 0, 1, 2), the busiest first; how many rows, or -ENOMEM.
int mr_scope_rows_read(
	const struct mr_stats *stats, uint32_t table, struct mr_scope_row **ret_rows);
