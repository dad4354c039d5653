// What the tables of the most active scopes say of what a shard was offered.
#include "activity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <millrace/scope.h>

#include "rng.h"
#include "shard_rig.h"

enum { BOUND = 8 };
#define PERIOD_NS (MR_TOP_SECONDS * UINT64_C(1000000000))

static struct rig rig;

static const struct mr_stats_top *table_of(
	const struct mr_stats_top *tables, enum mr_scope_kind kind, uint32_t half)
{
	return &tables[(kind - 1) * MR_TOP_TABLES + half];
}

// A row of id 0: there is none.
static const struct mr_stats_top_row *find(
	const struct mr_stats_top *tables, enum mr_scope_kind kind, uint64_t id, uint32_t half)
{
	static const struct mr_stats_top_row none;
	const struct mr_stats_top *table = table_of(tables, kind, half);
	for (uint32_t i = 0; i < MR_TOP_ROWS; i++)
		if (mr_read(&table->rows[i].id) == id)
			return &table->rows[i];
	return &none;
}

static void open_rig(void)
{
	const struct rig_options options = {
		.shards = 1,
		.shows_activity = true,
		.limits = {.object_queue_events = BOUND},
	};
	rig_open(&rig, &options);
	rig_session(&rig, 0);
	rig.journal_stopped = true; // what is accepted stays in its queue
}

// Steps of 100 us until what was counted is shown.
static void wait_for_tables(void)
{
	rig_run(&rig, MR_ACTIVITY_SHOW_NS / 100000 + 2);
}

static void every_event_counts_for_each_of_its_scopes(void **state)
{
	(void)state;
	open_rig();
	const uint64_t object = rig_object_of(&rig, 0, 0);
	const struct rig_event event = {.object = object, .workspace = 31, .database = 32};
	rig_send(&rig, 1, &event, 3);
	wait_for_tables();
	const struct mr_stats_top_row *row = find(rig.tops, MR_SCOPE_OBJECT, object, 0);
	assert_int_equal(mr_read(&row->count), 3);
	assert_int_equal(mr_read(&row->error), 0);
	assert_int_equal(mr_read(&row->refused), 0);
	assert_int_equal(mr_read(&row->queued), 3);
	assert_int_equal(mr_read(&row->app), RIG_APP);
	assert_int_equal(mr_read(&row->workspace), 31);
	assert_int_equal(mr_read(&row->database), 32);
	assert_int_equal(mr_read(&find(rig.tops, MR_SCOPE_APP, RIG_APP, 0)->count), 3);
	assert_int_equal(mr_read(&find(rig.tops, MR_SCOPE_WORKSPACE, 31, 0)->count), 3);
	assert_int_equal(mr_read(&find(rig.tops, MR_SCOPE_DATABASE, 32, 0)->count), 3);
	rig_close(&rig);
}

static void refusals_count_whether_the_shard_saw_the_event_or_not(void **state)
{
	(void)state;
	open_rig();
	const uint64_t object = rig_object_of(&rig, 0, 0);
	const struct rig_event event = {.object = object, .workspace = 31, .database = 32};
	rig_send(&rig, 1, &event, BOUND + 2); // the last two find the queue full
	rig_step(&rig);
	assert_true(rig.sheds > 0);
	const struct mr_source_msg at_the_door = {
		.data = (BOUND + 3) | (uint64_t)rig.last_shed.slot << 56,
		.known_behind = BOUND + 2,
		.kind = MR_SOURCE_REFUSED,
		.reason = MR_REASON_OBJECT_FULL,
		.count = 20,
	};
	rig_push(&rig, 0, at_the_door);
	wait_for_tables();
	static const enum mr_scope_kind kinds[] = {
		MR_SCOPE_APP, MR_SCOPE_OBJECT, MR_SCOPE_WORKSPACE, MR_SCOPE_DATABASE};
	const uint64_t ids[] = {RIG_APP, object, 31, 32};
	for (uint32_t i = 0; i < 4; i++) {
		const struct mr_stats_top_row *row = find(rig.tops, kinds[i], ids[i], 0);
		assert_int_equal(mr_read(&row->count), BOUND + 22);
		assert_int_equal(mr_read(&row->refused), 22);
		assert_int_equal(mr_read(&table_of(rig.tops, kinds[i], 0)->total), BOUND + 22);
	}
	rig_close(&rig);
}

// A table by itself, with the ledger that its shard would have.
enum { IDS_MAX = 400, NOBODY = 0 };

static struct {
	struct mr_arena arena;
	struct mr_objects objects;
	struct mr_stats_stage stage;
	struct mr_stats_scope scopes[MR_LEDGER_TABLES * MR_LEDGER_SCOPES_MAX];
	struct mr_ledger ledger;
	struct mr_activity activity;
	struct mr_stats_top tables[MR_TOP_KINDS * MR_TOP_TABLES];
	uint64_t truth[MR_TOP_KINDS][IDS_MAX + 1]; // offered since the table began
	uint64_t refused[MR_TOP_KINDS][IDS_MAX + 1];
	uint64_t about[IDS_MAX + 1][3]; // of objects
} lone;

static void open_lone(void)
{
	memset(&lone, 0, sizeof(lone));
	assert_int_equal(mr_arena_open(&lone.arena, 1 << 22, false), 0);
	assert_true(mr_objects_init(&lone.objects, &lone.arena, 16, 16, 64, 1));
	assert_true(mr_ledger_init(&lone.ledger, &lone.arena, &lone.stage, lone.scopes, 5));
	mr_activity_init(&lone.activity, lone.tables, lone.scopes, 7);
}

static void offer(const uint64_t ids[MR_TOP_KINDS], uint32_t events, bool refused)
{
	const struct mr_ledger_rows rows = mr_ledger_find(&lone.ledger, ids[MR_SCOPE_APP - 1],
		ids[MR_SCOPE_WORKSPACE - 1], ids[MR_SCOPE_DATABASE - 1]);
	if (refused)
		mr_ledger_refused(&lone.ledger, rows, events, MR_REASON_BANNED);
	for (uint32_t i = 0; !refused && i < events; i++)
		mr_ledger_accepted(&lone.ledger, rows);
	mr_activity_offered(&lone.activity, ids, rows, events, refused);
	for (uint32_t kind = 0; kind < MR_TOP_KINDS; kind++) {
		lone.truth[kind][ids[kind]] += events;
		lone.refused[kind][ids[kind]] += refused ? events : 0;
	}
	uint64_t *about = lone.about[ids[MR_SCOPE_OBJECT - 1]];
	about[0] = ids[MR_SCOPE_APP - 1];
	about[1] = ids[MR_SCOPE_WORKSPACE - 1];
	about[2] = ids[MR_SCOPE_DATABASE - 1];
}

// What is said of `id` when it has no row.
static uint64_t absent_max(const struct mr_stats_top *table)
{
	uint64_t least = UINT64_MAX;
	for (uint32_t i = 0; i < MR_TOP_ROWS; i++)
		if (mr_read(&table->rows[i].count) < least)
			least = mr_read(&table->rows[i].count); // a free row: 0
	return least;
}

static void check_row(
	const struct mr_stats_top_row *row, enum mr_scope_kind kind, uint64_t id, bool is_exact)
{
	const uint64_t truth = lone.truth[kind - 1][id];
	const uint64_t count = mr_read(&row->count);
	assert_true(truth <= count && count - mr_read(&row->error) <= truth);
	assert_true(mr_read(&row->refused) <= lone.refused[kind - 1][id]);
	if (is_exact) {
		assert_int_equal(mr_read(&row->error), 0);
		assert_true(mr_read(&row->refused) == lone.refused[kind - 1][id]);
	}
	if (kind != MR_SCOPE_OBJECT)
		return;
	assert_true(mr_read(&row->app) == lone.about[id][0]);
	assert_true(mr_read(&row->workspace) == lone.about[id][1]);
	assert_true(mr_read(&row->database) == lone.about[id][2]);
}

// Every bound that stats.h states, of every id; `exact_max`: the ledger has rows for ids up to it.
static void check_bounds(enum mr_scope_kind kind, uint32_t half, uint64_t exact_max)
{
	const struct mr_stats_top *table = table_of(lone.tables, kind, half);
	uint64_t total = 0;
	uint32_t named = 0;
	for (uint64_t id = 1; id <= IDS_MAX; id++) {
		const struct mr_stats_top_row *row = find(lone.tables, kind, id, half);
		total += lone.truth[kind - 1][id];
		if (mr_read(&row->id) == id)
			check_row(row, kind, id, id <= exact_max);
		else
			assert_true(lone.truth[kind - 1][id] <= absent_max(table));
		named += mr_read(&row->id) == id ? 1 : 0;
	}
	uint32_t used = 0;
	for (uint32_t i = 0; i < MR_TOP_ROWS; i++)
		used += mr_read(&table->rows[i].id) != 0 ? 1 : 0;
	assert_int_equal(named, used); // nobody twice, nobody else
	assert_true(mr_read(&table->total) == total);
}

// A skewed id from 1 to `max`.
static uint64_t draw(struct mr_rng *rng, uint64_t max)
{
	return 1 + mr_rng_below(rng, 1 + mr_rng_below(rng, max));
}

static void offer_some(struct mr_rng *rng, uint32_t events)
{
	uint64_t ids[MR_TOP_KINDS] = {0};
	for (uint32_t i = 0; i < events; i++) {
		if (mr_rng_below(rng, 3) == 0) { // else in a row
			ids[MR_SCOPE_OBJECT - 1] = draw(rng, IDS_MAX);
			ids[MR_SCOPE_USER - 1] = draw(rng, IDS_MAX) - 1;
		}
		ids[MR_SCOPE_APP - 1] = draw(rng, 9);
		ids[MR_SCOPE_WORKSPACE - 1] = draw(rng, IDS_MAX);
		ids[MR_SCOPE_DATABASE - 1] = mr_rng_below(rng, 200); // 0: none
		const bool refused = mr_rng_below(rng, 4) == 0;
		offer(ids, refused ? 1 + (uint32_t)mr_rng_below(rng, 50) : 1, refused);
	}
}

static void bounds_hold_for_all_kinds_in_table_after_table(void **state)
{
	(void)state;
	open_lone();
	struct mr_rng rng;
	mr_rng_seed(&rng, 11);
	uint64_t now_ns = PERIOD_NS;
	// The ledger has rows for the first ids alone, in their order.
	for (uint64_t id = 1; id <= IDS_MAX; id++)
		(void)mr_ledger_find(&lone.ledger, id, id, id);
	mr_activity_show(&lone.activity, &lone.objects, now_ns);
	for (uint32_t i = 0; i < 8; i++) {
		memset(lone.truth, 0, sizeof(lone.truth));
		memset(lone.refused, 0, sizeof(lone.refused));
		for (uint32_t part = 0; part < 4; part++) {
			offer_some(&rng, 1000);
			now_ns += PERIOD_NS / 4; // the last part: the table is turned
			mr_activity_show(&lone.activity, &lone.objects, now_ns);
			check_bounds(MR_SCOPE_APP, i % 2, MR_LEDGER_OTHER);
			check_bounds(MR_SCOPE_OBJECT, i % 2, NOBODY);
			check_bounds(MR_SCOPE_WORKSPACE, i % 2, MR_LEDGER_OTHER);
			check_bounds(MR_SCOPE_DATABASE, i % 2, MR_LEDGER_OTHER);
			check_bounds(MR_SCOPE_USER, i % 2, NOBODY);
		}
	}
	mr_arena_close(&lone.arena);
}

static void scope_that_found_the_ledger_full_is_named_all_the_same(void **state)
{
	(void)state;
	open_lone();
	uint64_t ids[MR_TOP_KINDS] = {1, 2, 0, 4, 0};
	mr_activity_show(&lone.activity, &lone.objects, PERIOD_NS);
	for (uint64_t id = 1; id <= IDS_MAX; id++) {
		ids[MR_SCOPE_WORKSPACE - 1] = id;
		offer(ids, 1, false);
	}
	for (uint32_t i = 0; i < 200; i++) {
		ids[MR_SCOPE_WORKSPACE - 1] = IDS_MAX - i % 2;
		offer(ids, 1, false);
	}
	ids[MR_SCOPE_WORKSPACE - 1] = 0;
	offer(ids, 1000, true); // of none: `other` counts it, and nobody is blamed
	mr_activity_show(&lone.activity, &lone.objects, PERIOD_NS + MR_ACTIVITY_SHOW_NS);
	check_bounds(MR_SCOPE_WORKSPACE, 0, MR_LEDGER_OTHER);
	for (uint64_t id = IDS_MAX - 1; id <= IDS_MAX; id++) {
		const struct mr_stats_top_row *row = find(lone.tables, MR_SCOPE_WORKSPACE, id, 0);
		assert_true(mr_read(&row->id) == id);
		assert_true(mr_read(&row->count) - mr_read(&row->error) >= 100);
	}
	mr_arena_close(&lone.arena);
}

static void a_table_counts_for_its_time_and_then_stands_still(void **state)
{
	(void)state;
	const uint64_t ids[MR_TOP_KINDS] = {1, 2, 3, 4, 0};
	const struct mr_stats_top *tables = lone.tables;
	struct mr_activity *activity = &lone.activity;
	open_lone();
	assert_true(mr_activity_next_due(activity) == UINT64_MAX);
	const uint64_t start_ns = 7 * PERIOD_NS + 1000;
	mr_activity_show(activity, &lone.objects, start_ns);
	offer(ids, 5, false);
	assert_true(mr_activity_next_due(activity) <= start_ns + MR_ACTIVITY_SHOW_NS);
	mr_activity_show(activity, &lone.objects, start_ns + MR_ACTIVITY_SHOW_NS);
	assert_true(mr_read(&tables[0].since_ns) == start_ns);
	assert_true(mr_read(&tables[0].until_ns) == 0);
	assert_int_equal(mr_read(&find(tables, MR_SCOPE_OBJECT, 2, 0)->count), 5);
	assert_int_equal(mr_read(&find(tables, MR_SCOPE_WORKSPACE, 3, 0)->count), 5);
	assert_int_equal(
		mr_read(&find(tables, MR_SCOPE_USER, 2, 0)->id), 0); // the event had no user
	assert_true(mr_activity_next_due(activity) == 8 * PERIOD_NS);
	mr_activity_show(activity, &lone.objects, 8 * PERIOD_NS); // as every shard does
	offer(ids, 7, true);
	mr_activity_show(activity, &lone.objects, 8 * PERIOD_NS + MR_ACTIVITY_SHOW_NS);
	assert_true(mr_read(&tables[0].until_ns) == 8 * PERIOD_NS);
	assert_int_equal(mr_read(&find(tables, MR_SCOPE_OBJECT, 2, 0)->count), 5);
	assert_int_equal(mr_read(&find(tables, MR_SCOPE_OBJECT, 2, 1)->count), 7);
	assert_int_equal(mr_read(&find(tables, MR_SCOPE_WORKSPACE, 3, 0)->count), 5);
	assert_int_equal(mr_read(&find(tables, MR_SCOPE_WORKSPACE, 3, 1)->count), 7);
	assert_int_equal(mr_read(&find(tables, MR_SCOPE_WORKSPACE, 3, 1)->refused), 7);
	// When nothing comes any more, both are emptied, and then nobody is woken for them.
	mr_activity_show(activity, &lone.objects, 9 * PERIOD_NS);
	assert_int_equal(mr_read(&find(tables, MR_SCOPE_OBJECT, 2, 0)->id), 0);
	assert_int_equal(mr_read(&find(tables, MR_SCOPE_OBJECT, 2, 1)->id), 2);
	mr_activity_show(activity, &lone.objects, 10 * PERIOD_NS);
	assert_int_equal(mr_read(&find(tables, MR_SCOPE_OBJECT, 2, 1)->id), 0);
	assert_int_equal(mr_read(&find(tables, MR_SCOPE_WORKSPACE, 3, 1)->id), 0);
	assert_true(mr_activity_next_due(activity) == UINT64_MAX);
	mr_arena_close(&lone.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_counts_for_each_of_its_scopes),
		cmocka_unit_test(refusals_count_whether_the_shard_saw_the_event_or_not),
		cmocka_unit_test(bounds_hold_for_all_kinds_in_table_after_table),
		cmocka_unit_test(scope_that_found_the_ledger_full_is_named_all_the_same),
		cmocka_unit_test(a_table_counts_for_its_time_and_then_stands_still),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
