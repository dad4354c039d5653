#include "scope_rows.h"

#include <errno.h>
#include <stdlib.h>

#include "direct.h"

static int by_id(const void *a, const void *b)
{
	const struct mr_scope_row *x = a;
	const struct mr_scope_row *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int by_offered(const void *a, const void *b)
{
	const struct mr_scope_row *x = a;
	const struct mr_scope_row *y = b;
	const uint64_t of_x = x->accepted + x->refused;
	const uint64_t of_y = y->accepted + y->refused;

	return of_x != of_y ? (of_x < of_y) - (of_x > of_y) : by_id(a, b);
}

static void add(struct mr_scope_row *to, const struct mr_scope_row *from)
{
	to->accepted += from->accepted;
	to->refused += from->refused;
	to->distributed += from->distributed;
	to->dropped += from->dropped;
	to->queued += from->queued;
	to->recovered += from->recovered;
}

static uint32_t collect(const struct mr_stats *stats, uint32_t table, struct mr_scope_row *rows)
{
	uint32_t count = 0;

	for (uint32_t shard = 0; shard < stats->shards; shard++) {
		const struct mr_stats_scope *scopes = mr_stats_scopes(stats, shard, table);

		for (uint32_t i = 0; i < MR_LEDGER_SCOPES_MAX; i++) {
			const struct mr_scope_row row = {
				.id = i == MR_LEDGER_SCOPES_MAX - 1 ? 0 : mr_read(&scopes[i].id),
				.accepted = mr_read(&scopes[i].accepted),
				.refused = mr_read(&scopes[i].refused),
				.distributed = mr_read(&scopes[i].distributed),
				.dropped = mr_read(&scopes[i].dropped),
				.queued = mr_read(&scopes[i].queued),
				.recovered = mr_read(&scopes[i].recovered)};

			if (row.accepted + row.refused + row.recovered > 0)
				rows[count++] = row;
		}
	}
	return count;
}

int mr_scope_rows_read(const struct mr_stats *stats, uint32_t table, struct mr_scope_row **ret_rows)
{
	struct mr_scope_row *rows = malloc(MR_SCOPE_ROWS_MAX * sizeof(*rows));
	int merged = 0;

	if (!rows)
		return -ENOMEM;
	const uint32_t count = collect(stats, table, rows);

	qsort(rows, count, sizeof(*rows), by_id);
	for (uint32_t i = 0; i < count; i++) {
		if (merged > 0 && rows[merged - 1].id == rows[i].id)
			add(&rows[merged - 1], &rows[i]);
		else
			rows[merged++] = rows[i];
	}
	qsort(rows, (size_t)merged, sizeof(*rows), by_offered);
	*ret_rows = rows;
	return merged;
}
