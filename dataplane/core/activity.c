#include "activity.h"

#include <stddef.h>

#include <millrace/scope.h>

#include "mr_assert.h"

static const uint64_t period_ns = UINT64_C(1000000000) * MR_TOP_SECONDS;

void mr_activity_init(struct mr_activity *activity, struct mr_stats_top *tables, uint64_t seed)
{
	*activity = (struct mr_activity){.tables = tables};
	for (uint32_t kind = 0; kind < MR_TOP_KINDS; kind++)
		mr_top_k_init(&activity->kinds[kind], seed);
}

void mr_activity_offered(struct mr_activity *activity, const uint64_t ids[MR_TOP_KINDS],
	uint32_t events, bool refused)
{
	if (activity->tables == NULL)
		return;
	activity->changed = true;
	for (uint32_t kind = 0; kind < MR_TOP_KINDS; kind++) {
		if (ids[kind] == 0)
			continue;
		struct mr_top_k_row *row =
			mr_top_k_count(&activity->kinds[kind], ids[kind], events);
		row->refused += refused ? events : 0;
		if (kind != MR_SCOPE_OBJECT - 1)
			continue;
		row->about[0] = ids[MR_SCOPE_APP - 1];
		row->about[1] = ids[MR_SCOPE_WORKSPACE - 1];
		row->about[2] = ids[MR_SCOPE_DATABASE - 1];
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

// A seqlock: the version is odd before any word is overwritten.
static void show_table(struct mr_activity *activity, const struct mr_objects *objects,
	uint32_t kind, uint64_t until_ns)
{
	const struct mr_top_k *top = &activity->kinds[kind];
	struct mr_stats_top *table = &activity->tables[kind * MR_TOP_TABLES + activity->half];
	const uint64_t version = mr_read(&table->version);
	mr_assert(version % 2 == 0);
	mr_gauge(&table->version, version + 1);
	atomic_thread_fence(memory_order_release);
	mr_gauge(&table->since_ns, activity->since_ns);
	mr_gauge(&table->until_ns, until_ns);
	mr_gauge(&table->total, top->total);
	for (uint32_t i = 0; i < MR_TOP_ROWS; i++) {
		const struct mr_top_k_row *row = &top->rows[i];
		const bool has_queue = kind == MR_SCOPE_OBJECT - 1 && row->id != 0;
		show_row(&table->rows[i], row, has_queue ? queued_of(objects, row->id) : 0);
	}
	atomic_store_explicit(&table->version, version + 2, memory_order_release);
}

static void show_all(
	struct mr_activity *activity, const struct mr_objects *objects, uint64_t until_ns)
{
	for (uint32_t kind = 0; kind < MR_TOP_KINDS; kind++)
		show_table(activity, objects, kind, until_ns);
	activity->changed = false;
}

// Tables of all shards begin at the same times, or nearly.
static void begin(struct mr_activity *activity, uint64_t now_ns)
{
	for (uint32_t kind = 0; kind < MR_TOP_KINDS; kind++)
		mr_top_k_clear(&activity->kinds[kind]);
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
		const bool had_events = activity->kinds[MR_SCOPE_APP - 1].total > 0;
		show_all(activity, objects, now_ns);
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
