// What the tables of the most active scopes say of what a shard was offered.
#include "activity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <millrace/scope.h>

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

static void a_table_counts_for_its_time_and_then_stands_still(void **state)
{
	(void)state;
	static struct mr_stats_top tables[MR_TOP_KINDS * MR_TOP_TABLES];
	static struct mr_activity activity;
	static struct mr_objects objects;
	static struct mr_arena arena;
	const uint64_t ids[MR_TOP_KINDS] = {1, 2, 3, 4, 0};
	assert_int_equal(mr_arena_open(&arena, 1 << 22, false), 0);
	assert_true(mr_objects_init(&objects, &arena, 16, 16, 64, 1));
	mr_activity_init(&activity, tables, 7);
	assert_true(mr_activity_next_due(&activity) == UINT64_MAX);
	const uint64_t start_ns = 7 * PERIOD_NS + 1000;
	mr_activity_show(&activity, &objects, start_ns);
	mr_activity_offered(&activity, ids, 5, false);
	assert_true(mr_activity_next_due(&activity) <= start_ns + MR_ACTIVITY_SHOW_NS);
	mr_activity_show(&activity, &objects, start_ns + MR_ACTIVITY_SHOW_NS);
	assert_true(mr_read(&tables[0].since_ns) == start_ns);
	assert_true(mr_read(&tables[0].until_ns) == 0);
	assert_int_equal(mr_read(&find(tables, MR_SCOPE_OBJECT, 2, 0)->count), 5);
	assert_int_equal(
		mr_read(&find(tables, MR_SCOPE_USER, 2, 0)->id), 0); // the event had no user
	assert_true(mr_activity_next_due(&activity) == 8 * PERIOD_NS);
	mr_activity_show(&activity, &objects, 8 * PERIOD_NS); // at the same time in every shard
	mr_activity_offered(&activity, ids, 7, true);
	mr_activity_show(&activity, &objects, 8 * PERIOD_NS + MR_ACTIVITY_SHOW_NS);
	assert_true(mr_read(&tables[0].until_ns) == 8 * PERIOD_NS);
	assert_int_equal(mr_read(&find(tables, MR_SCOPE_OBJECT, 2, 0)->count), 5);
	assert_int_equal(mr_read(&find(tables, MR_SCOPE_OBJECT, 2, 1)->count), 7);
	// When nothing comes any more, both are emptied, and then nobody is woken for them.
	mr_activity_show(&activity, &objects, 9 * PERIOD_NS);
	assert_int_equal(mr_read(&find(tables, MR_SCOPE_OBJECT, 2, 0)->id), 0);
	assert_int_equal(mr_read(&find(tables, MR_SCOPE_OBJECT, 2, 1)->id), 2);
	mr_activity_show(&activity, &objects, 10 * PERIOD_NS);
	assert_int_equal(mr_read(&find(tables, MR_SCOPE_OBJECT, 2, 1)->id), 0);
	assert_true(mr_activity_next_due(&activity) == UINT64_MAX);
	mr_arena_close(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_counts_for_each_of_its_scopes),
		cmocka_unit_test(refusals_count_whether_the_shard_saw_the_event_or_not),
		cmocka_unit_test(a_table_counts_for_its_time_and_then_stands_still),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
