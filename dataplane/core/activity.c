#include "activity.h"

#include <stddef.h>
#include <string.h>

#include <millrace/scope.h>

#include "mr_assert.h"

enum { NO_TABLE = MR_LEDGER_TABLES };

static const uint64_t period_ns = UINT64_C(1000000000) * MR_TOP_SECONDS;

static const uint8_t ledger_tables[MR_TOP_KINDS] = {
	[MR_SCOPE_APP - 1] = 0,
	[MR_SCOPE_OBJECT - 1] = NO_TABLE,
	[MR_SCOPE_WORKSPACE - 1] = 1,
	[MR_SCOPE_DATABASE - 1] = 2,
	[MR_SCOPE_USER - 1] = NO_TABLE,
};

void mr_activity_init(struct mr_activity *activity, struct mr_stats_top *tables,
	const struct mr_stats_scope *scopes, uint64_t seed)
{
	*activity = (struct mr_activity){.tables = tables, .scopes = scopes};
	for (uint32_t kind = 0; kind < MR_TOP_KINDS; kind++)
		mr_top_k_init(&activity->kinds[kind], seed);
}

static void end_run(struct mr_activity *activity, uint32_t kind)
{
	struct mr_activity_run *run = &activity->runs[kind];
	if (run->events == 0)
		return;
	struct mr_top_k_row *row = mr_top_k_count(&activity->kinds[kind], run->id, run->events);
	row->refused += run->refused;
	memcpy(row->about, run->about, sizeof(row->about));
	run->events = 0;
	run->refused = 0;
}

static void count(
	struct mr_activity *activity, uint32_t kind, uint64_t id, uint32_t events, bool refused)
{
	struct mr_activity_run *run = &activity->runs[kind];
	if (run->id != id)
		end_run(activity, kind);
	run->id = id;
	run->events += events;
	run->refused += refused ? events : 0;
}

void mr_activity_offered(struct mr_activity *activity, const uint64_t ids[MR_TOP_KINDS],
	struct mr_ledger_rows rows, uint32_t events, bool refused)
{
	if (activity->tables == NULL)
		return;
	activity->changed = true;
	for (uint32_t kind = 0; kind < MR_TOP_KINDS; kind++) {
		const uint32_t table = ledger_tables[kind];
		const bool has_row = table != NO_TABLE && rows.row[table] != MR_LEDGER_OTHER;
		if (ids[kind] != 0 && !has_row)
			count(activity, kind, ids[kind], events, refused);
	}
	uint64_t *about = activity->runs[MR_SCOPE_OBJECT - 1].about;
	if (ids[MR_SCOPE_OBJECT - 1] != 0) {
		about[0] = ids[MR_SCOPE_APP - 1];
		about[1] = ids[MR_SCOPE_WORKSPACE - 1];
		about[2] = ids[MR_SCOPE_DATABASE - 1];
	}
}

static uint64_t queued_of(const struct mr_objects *objects, uint64_t id)
{
	const uint32_t index = mr_objects_find(objects, id);
	return index != 0 ? mr_object_events(&objects->states[index]) : 0;
}

static void show_row(struct mr_stats_top_row *to, const struct mr_top_k_row *from, uint64_t queued)
{
	mr_gauge(&to->id, from->id);
	mr_gauge(&to->count, from->count);
	mr_gauge(&to->error, from->error);
	mr_gauge(&to->app, from->about[0]);
	mr_gauge(&to->workspace, from->about[1]);
	mr_gauge(&to->database, from->about[2]);
	mr_gauge(&to->refused, from->refused);
	mr_gauge(&to->queued, queued);
}

static struct mr_activity_base sum_of(const struct mr_stats_scope *scope)
{
	const uint64_t refused = mr_read(&scope->refused);
	return (struct mr_activity_base){mr_read(&scope->accepted) + refused, refused};
}

struct best { // rows of the highest counts, in their order
	uint32_t count;
	uint64_t total; // over all rows
	struct mr_top_k_row rows[MR_TOP_ROWS];
};

static void add_row(struct best *best, const struct mr_top_k_row *row)
{
	uint32_t at = best->count;
	while (at > 0 && best->rows[at - 1].count < row->count)
		at--;
	if (at == MR_TOP_ROWS)
		return;
	if (best->count < MR_TOP_ROWS)
		best->count++;
	memmove(&best->rows[at + 1], &best->rows[at],
		(best->count - at - 1) * sizeof(best->rows[0]));
	best->rows[at] = *row;
}

// What the rows of the ledger have gained, and what had no row there. An id is never in both.
static void collect(const struct mr_activity *activity, uint32_t kind, struct best *ret_best)
{
	const struct mr_top_k *top = &activity->kinds[kind];
	const uint32_t table = ledger_tables[kind];
	ret_best->count = 0;
	ret_best->total = top->total;
	for (uint32_t i = 0; i < top->rows_count; i++)
		add_row(ret_best, &top->rows[i]);
	for (uint32_t i = 0; table != NO_TABLE && i < MR_LEDGER_OTHER; i++) {
		const struct mr_stats_scope *scope =
			&activity->scopes[table * MR_LEDGER_SCOPES_MAX + i];
		const struct mr_activity_base *base = &activity->bases[table][i];
		const struct mr_activity_base sum = sum_of(scope);
		const struct mr_top_k_row row = {
			.id = mr_read(&scope->id),
			.count = sum.events - base->events,
			.refused = sum.refused - base->refused,
		};
		if (row.id == 0)
			break; // rows are claimed in order
		ret_best->total += row.count;
		if (row.count > 0)
			add_row(ret_best, &row);
	}
	mr_assert(ret_best->count <= MR_TOP_ROWS);
}

// A seqlock: the version is odd before any word is overwritten.
static void show_table(struct mr_activity *activity, const struct mr_objects *objects,
	uint32_t kind, uint64_t until_ns)
{
	static const struct mr_top_k_row none;
	struct best best;
	collect(activity, kind, &best);
	struct mr_stats_top *table = &activity->tables[kind * MR_TOP_TABLES + activity->half];
	const uint64_t version = mr_read(&table->version);
	mr_assert(version % 2 == 0);
	mr_gauge(&table->version, version + 1);
	atomic_thread_fence(memory_order_release);
	mr_gauge(&table->since_ns, activity->since_ns);
	mr_gauge(&table->until_ns, until_ns);
	mr_gauge(&table->total, best.total);
	for (uint32_t i = 0; i < MR_TOP_ROWS; i++) {
		const struct mr_top_k_row *row = i < best.count ? &best.rows[i] : &none;
		const bool has_queue = kind == MR_SCOPE_OBJECT - 1 && row->id != 0;
		show_row(&table->rows[i], row, has_queue ? queued_of(objects, row->id) : 0);
	}
	atomic_store_explicit(&table->version, version + 2, memory_order_release);
}

static void show_all(
	struct mr_activity *activity, const struct mr_objects *objects, uint64_t until_ns)
{
	for (uint32_t kind = 0; kind < MR_TOP_KINDS; kind++) {
		end_run(activity, kind);
		show_table(activity, objects, kind, until_ns);
	}
	activity->counted |= activity->changed;
	activity->changed = false;
}

// Tables of all shards begin at the same times, or nearly.
static void begin(struct mr_activity *activity, uint64_t now_ns)
{
	for (uint32_t kind = 0; kind < MR_TOP_KINDS; kind++)
		mr_top_k_clear(&activity->kinds[kind]);
	for (uint32_t table = 0; table < MR_LEDGER_TABLES; table++) {
		const struct mr_stats_scope *scopes =
			&activity->scopes[table * MR_LEDGER_SCOPES_MAX];
		for (uint32_t i = 0; i < MR_LEDGER_OTHER; i++)
			activity->bases[table][i] = sum_of(&scopes[i]);
	}
	activity->counted = false;
	activity->since_ns = now_ns;
	activity->ends_ns = now_ns - now_ns % period_ns + period_ns;
}

void mr_activity_show(
	struct mr_activity *activity, const struct mr_objects *objects, uint64_t now_ns)
{
	if (activity->tables == NULL || now_ns < activity->show_ns)
		return;
	if (activity->ends_ns == 0)
		begin(activity, now_ns); // the first step: nothing is counted before
	if (now_ns >= activity->ends_ns) {
		show_all(activity, objects, now_ns);
		const bool had_events = activity->counted;
		begin(activity, now_ns);
		activity->half = (activity->half + 1) % MR_TOP_TABLES;
		show_all(activity, objects, 0);
		activity->shown = had_events;
	} else if (activity->changed) {
		show_all(activity, objects, 0);
		activity->shown = true;
	}
	activity->show_ns = now_ns + MR_ACTIVITY_SHOW_NS;
	if (activity->show_ns > activity->ends_ns)
		activity->show_ns = activity->ends_ns;
}

uint64_t mr_activity_next_due(const struct mr_activity *activity)
{
	if (activity->changed)
		return activity->show_ns;
	return activity->shown ? activity->ends_ns : UINT64_MAX;
}
