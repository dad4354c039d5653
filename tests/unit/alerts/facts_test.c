// What is taken out of a segment: who lags, who is dead, who is silent, who is hot.
#include "facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../cli/fake_stats.h"

#define SECOND UINT64_C(1000000000)

static struct fake_stats fake;
static struct mr_facts facts;
static struct mr_scope banned;

static int open_fake(void **state)
{
	(void)state;
	fake_stats_open(&fake);
	facts = (struct mr_facts){.now_ns = 100 * SECOND, .wall_ns = 1000 * (int64_t)SECOND};
	banned = (struct mr_scope){0};
	return 0;
}

static int close_fake(void **state)
{
	(void)state;
	fake_stats_close(&fake);
	return 0;
}

static bool has(void *context, const struct mr_scope *scope)
{
	(void)context;
	return scope->kind == banned.kind && scope->id == banned.id;
}

static void read_facts(void)
{
	const struct mr_facts_bans bans = {.has = has};
	struct mr_ledgers ledgers;

	mr_ledgers_read(fake.stats, &ledgers);
	mr_facts_read(fake.stats, &ledgers, &bans, &facts);
}

static void set_webhook(
	uint32_t row, uint64_t id, uint64_t oldest_ns, uint64_t failing_since_ns, uint64_t flags)
{
	mr_gauge(&fake.webhooks[row].webhook, id);
	mr_gauge(&fake.webhooks[row].oldest_ns, oldest_ns);
	mr_gauge(&fake.webhooks[row].failing_since_ns, failing_since_ns);
	mr_gauge(&fake.webhooks[row].flags, flags);
	mr_gauge(&fake.webhooks[row].pending, 10);
}

static void a_webhook_lags_or_is_dead_and_a_gone_one_is_neither(void **state)
{
	(void)state;
	set_webhook(0, 31, 9 * SECOND, 0, 1);
	set_webhook(1, 32, 99 * SECOND, 995 * SECOND, 1);
	memset(fake.webhooks[1].name, 'n', sizeof(fake.webhooks[1].name)); // not terminated
	read_facts();
	assert_int_equal(facts.lagging.id, 31);
	assert_int_equal(facts.dead.id, 32);
	assert_int_equal(facts.dead.failing_ns, 5 * SECOND);
	assert_int_equal(facts.dead_count, 1);
	assert_int_equal(facts.dead_pending, 10);
	assert_int_equal(strlen(facts.dead.name), MR_NAME_BYTES_MAX);
	set_webhook(0, 31, 9 * SECOND, 0, 4);
	set_webhook(1, 32, 99 * SECOND, 995 * SECOND, 4);
	read_facts();
	assert_int_equal(facts.lagging.id, 0);
	assert_int_equal(facts.dead_count, 0);
}

static void the_stage_that_is_silent_longest_is_named(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FAKE_STAGES; i++)
		mr_gauge(&fake.stages[i].heartbeat_ns, 100 * SECOND);
	mr_gauge(&fake.stages[FAKE_SHARD].heartbeat_ns, 97 * SECOND);
	mr_gauge(&fake.stages[FAKE_DELIVERY].heartbeat_ns, 0); // has not begun
	mr_gauge(&fake.stages[0].heartbeat_ns, 200 * SECOND); // after the clock was read
	read_facts();
	assert_string_equal(facts.silent.name, "shard0");
	assert_int_equal(facts.silent.silent_ns, 3 * SECOND);
}

static void set_hot(uint64_t id, uint64_t count)
{
	struct mr_stats_top *table = (void *)((uint8_t *)fake.stats + fake.stats->tops_at
		+ (MR_SCOPE_OBJECT - 1) * MR_TOP_TABLES * sizeof(struct mr_stats_top));

	mr_gauge(&table->since_ns, 98 * SECOND);
	mr_gauge(&table->total, count + 100);
	mr_gauge(&table->rows[0].id, id);
	mr_gauge(&table->rows[0].count, count);
	mr_gauge(&table->rows[0].app, 42);
	mr_gauge(&table->rows[0].refused, 10);
	mr_gauge(&table->rows[1].id, 8);
	mr_gauge(&table->rows[1].count, 100);
}

static void the_hot_object_is_named_with_whose_it_is(void **state)
{
	(void)state;
	set_hot(4711, 4000);
	read_facts();
	assert_int_equal(facts.hot.row.id, 4711);
	assert_int_equal(facts.hot.row.app, 42);
	assert_true(facts.hot.row.now_per_s > 1500 && facts.hot.row.now_per_s < 2500);
	assert_int_equal(facts.full.row.id, 4711);
	assert_false(facts.hot.banned);
	banned = (struct mr_scope){.kind = MR_SCOPE_APP, .id = 42};
	read_facts();
	assert_true(facts.hot.banned);
	banned.id = 43;
	read_facts();
	assert_false(facts.hot.banned);
}

static void reasons_stand_where_they_belong(void **state)
{
	(void)state;
	mr_gauge(&fake.stages[FAKE_SHARD].reasons[MR_REASON_OBJECT_FULL], 3);
	mr_gauge(&fake.stages[FAKE_SHARD].reasons[MR_REASON_EXPIRED], 4);
	mr_gauge(&fake.stages[FAKE_DELIVERY].reasons[MR_REASON_EXPIRED], 5);
	read_facts();
	assert_int_equal(facts.refused[MR_REASON_OBJECT_FULL], 3);
	assert_int_equal(facts.refused[MR_REASON_EXPIRED], 0);
	assert_int_equal(facts.events_dropped[MR_REASON_EXPIRED], 4);
	assert_int_equal(facts.deliveries_dropped[MR_REASON_EXPIRED], 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_fake, close_fake)
		CASE(a_webhook_lags_or_is_dead_and_a_gone_one_is_neither),
		CASE(the_stage_that_is_silent_longest_is_named),
		CASE(the_hot_object_is_named_with_whose_it_is),
		CASE(reasons_stand_where_they_belong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
