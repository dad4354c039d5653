#include "ledger.h"

#include <stddef.h>

#include <millrace/scope.h>

#include "bytes.h"
#include "mr_assert.h"

static const uint8_t table_kinds[MR_LEDGER_TABLES] = {
	MR_SCOPE_APP,
	MR_SCOPE_WORKSPACE,
	MR_SCOPE_DATABASE,
};

static struct mr_stats_scope *row_of(const struct mr_ledger *ledger, uint32_t table, uint32_t row)
{
	mr_assert_hot(table < MR_LEDGER_TABLES && row < MR_LEDGER_SCOPES_MAX);
	return &ledger->scopes[table * MR_LEDGER_SCOPES_MAX + row];
}

bool mr_ledger_init(struct mr_ledger *ledger, struct mr_arena *arena, struct mr_stats_stage *stats,
	struct mr_stats_scope *scopes, uint64_t seed)
{
	bool has_tables = true;
	*ledger = (struct mr_ledger){.stats = stats, .scopes = scopes};
	for (uint32_t table = 0; table < MR_LEDGER_TABLES; table++) {
		has_tables &= mr_table_init(
			&ledger->rows[table], arena, "ledger tables", MR_LEDGER_OTHER, seed);
		ledger->last_row[table] = MR_LEDGER_OTHER; // of id 0
		if (scopes != NULL)
			mr_gauge(&row_of(ledger, table, MR_LEDGER_OTHER)->kind, table_kinds[table]);
	}
	return has_tables;
}

static uint8_t find_row(struct mr_ledger *ledger, uint32_t table, uint64_t id)
{
	if (id == ledger->last_id[table])
		return ledger->last_row[table];
	uint32_t row = MR_LEDGER_OTHER;
	struct mr_table *rows = &ledger->rows[table];
	if (id != 0 && !mr_table_find(rows, id, &row) && rows->count < MR_LEDGER_OTHER) {
		row = rows->count;
		const bool done = mr_table_add(rows, id, row) == 0;
		mr_assert(done); // the table has room for every row
		mr_gauge(&row_of(ledger, table, row)->id, id);
		mr_gauge(&row_of(ledger, table, row)->kind, table_kinds[table]);
	}
	mr_assert(row <= MR_LEDGER_OTHER);
	ledger->last_id[table] = id;
	ledger->last_row[table] = (uint8_t)row;
	return (uint8_t)row;
}

struct mr_ledger_rows mr_ledger_find(
	struct mr_ledger *ledger, uint64_t app, uint64_t workspace, uint64_t database)
{
	struct mr_ledger_rows rows;
	rows.row[0] = find_row(ledger, 0, app);
	rows.row[1] = find_row(ledger, 1, workspace);
	rows.row[2] = find_row(ledger, 2, database);
	return rows;
}

void mr_ledger_accepted(struct mr_ledger *ledger, struct mr_ledger_rows rows)
{
	mr_count(&ledger->stats->counters[MR_SHARD_OFFERED], 1);
	mr_count(&ledger->stats->counters[MR_SHARD_ACCEPTED], 1);
	for (uint32_t table = 0; table < MR_LEDGER_TABLES; table++) {
		struct mr_stats_scope *scope = row_of(ledger, table, rows.row[table]);
		mr_count(&scope->accepted, 1);
		mr_count(&scope->queued, 1);
	}
}

void mr_ledger_recovered(struct mr_ledger *ledger, struct mr_ledger_rows rows)
{
	mr_count(&ledger->stats->counters[MR_SHARD_RECOVERED], 1);
	for (uint32_t table = 0; table < MR_LEDGER_TABLES; table++) {
		struct mr_stats_scope *scope = row_of(ledger, table, rows.row[table]);
		mr_count(&scope->recovered, 1);
		mr_count(&scope->queued, 1);
	}
}

void mr_ledger_refused(
	struct mr_ledger *ledger, struct mr_ledger_rows rows, uint32_t events, uint8_t reason)
{
	mr_assert(reason > MR_REASON_OK && reason < MR_REASON_LIMIT);
	mr_count(&ledger->stats->counters[MR_SHARD_OFFERED], events);
	mr_count(&ledger->stats->counters[MR_SHARD_REFUSED], events);
	mr_count(&ledger->stats->reasons[reason], events);
	for (uint32_t table = 0; table < MR_LEDGER_TABLES; table++)
		mr_count(&row_of(ledger, table, rows.row[table])->refused, events);
}

void mr_ledger_distributed(struct mr_ledger *ledger, struct mr_ledger_rows rows)
{
	mr_count(&ledger->stats->counters[MR_SHARD_DISTRIBUTED], 1);
	for (uint32_t table = 0; table < MR_LEDGER_TABLES; table++) {
		struct mr_stats_scope *scope = row_of(ledger, table, rows.row[table]);
		mr_assert(mr_read(&scope->queued) > 0);
		mr_gauge(&scope->queued, mr_read(&scope->queued) - 1);
		mr_count(&scope->distributed, 1);
	}
}

void mr_ledger_dropped(struct mr_ledger *ledger, struct mr_ledger_rows rows, uint8_t reason)
{
	mr_assert(reason > MR_REASON_OK && reason < MR_REASON_LIMIT);
	mr_count(&ledger->stats->counters[MR_SHARD_DROPPED], 1);
	mr_count(&ledger->stats->reasons[reason], 1);
	for (uint32_t table = 0; table < MR_LEDGER_TABLES; table++) {
		struct mr_stats_scope *scope = row_of(ledger, table, rows.row[table]);
		mr_assert(mr_read(&scope->queued) > 0);
		mr_gauge(&scope->queued, mr_read(&scope->queued) - 1);
		mr_count(&scope->dropped, 1);
	}
}

void mr_ledger_lost(struct mr_ledger *ledger, uint8_t reason)
{
	struct mr_ledger_rows rows = {{0}};
	for (uint32_t table = 0; table < MR_LEDGER_TABLES; table++) {
		for (uint32_t row = 1; row < MR_LEDGER_SCOPES_MAX; row++)
			if (mr_read(&row_of(ledger, table, row)->queued)
				> mr_read(&row_of(ledger, table, rows.row[table])->queued))
				rows.row[table] = (uint8_t)row;
	}
	mr_ledger_dropped(ledger, rows, reason);
}

static bool tables_agree(const struct mr_ledger *ledger, uint64_t queued)
{
	const mr_counter *totals = ledger->stats->counters;
	for (uint32_t table = 0; table < MR_LEDGER_TABLES; table++) {
		uint64_t accepted = 0;
		uint64_t refused = 0;
		uint64_t recovered = 0;
		uint64_t distributed = 0;
		uint64_t dropped = 0;
		uint64_t waiting = 0;
		for (uint32_t row = 0; row < MR_LEDGER_SCOPES_MAX; row++) {
			const struct mr_stats_scope *scope = row_of(ledger, table, row);
			accepted += mr_read(&scope->accepted);
			refused += mr_read(&scope->refused);
			recovered += mr_read(&scope->recovered);
			distributed += mr_read(&scope->distributed);
			dropped += mr_read(&scope->dropped);
			waiting += mr_read(&scope->queued);
		}
		if (accepted != mr_read(&totals[MR_SHARD_ACCEPTED])
			|| refused != mr_read(&totals[MR_SHARD_REFUSED])
			|| recovered != mr_read(&totals[MR_SHARD_RECOVERED])
			|| distributed != mr_read(&totals[MR_SHARD_DISTRIBUTED])
			|| dropped != mr_read(&totals[MR_SHARD_DROPPED]) || waiting != queued)
			return false;
	}
	return true;
}

bool mr_ledger_balances(
	const struct mr_ledger *ledger, uint64_t queued, char *ret_why, size_t why_size)
{
	const mr_counter *totals = ledger->stats->counters;
	const char *why = NULL;
	uint64_t reasons = 0;
	for (uint32_t reason = 0; reason < MR_REASON_LIMIT; reason++)
		reasons += mr_read(&ledger->stats->reasons[reason]);
	const uint64_t refused = mr_read(&totals[MR_SHARD_REFUSED]);
	const uint64_t accepted = mr_read(&totals[MR_SHARD_ACCEPTED]);
	if (mr_read(&totals[MR_SHARD_OFFERED]) != accepted + refused)
		why = "offered is not accepted + refused";
	else if (reasons != refused + mr_read(&totals[MR_SHARD_DROPPED]))
		why = "the reasons do not add up";
	else if (accepted + mr_read(&totals[MR_SHARD_RECOVERED])
		!= queued + mr_read(&totals[MR_SHARD_DISTRIBUTED])
			+ mr_read(&totals[MR_SHARD_DROPPED]))
		why = "accepted + recovered is not queued + distributed + dropped";
	else if (!tables_agree(ledger, queued))
		why = "a scope table disagrees with the totals";
	if (why == NULL)
		return true;
	(void)mr_copy_text(ret_why, why_size, why, __builtin_strlen(why));
	return false;
}
