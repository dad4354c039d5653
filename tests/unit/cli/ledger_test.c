// Sums over stages, both ledgers, and what `stats` makes of a segment.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli_commands.h"
#include "fake_stats.h"
#include "histogram.h"
#include "ledgers.h"

static struct fake_stats fake;

static int open_fake(void **state)
{
	(void)state;
	fake_stats_open(&fake);
	return 0;
}

static int close_fake(void **state)
{
	(void)state;
	fake_stats_close(&fake);
	return 0;
}

static void fill_balanced(void)
{
	mr_counter *shard = fake.stages[FAKE_SHARD].counters,
		   *delivery = fake.stages[FAKE_DELIVERY].counters;

	mr_gauge(&shard[MR_SHARD_OFFERED], 100);
	mr_gauge(&shard[MR_SHARD_ACCEPTED], 90);
	mr_gauge(&shard[MR_SHARD_REFUSED], 10);
	mr_gauge(&shard[MR_SHARD_RECOVERED], 7);
	mr_gauge(&shard[MR_SHARD_QUEUED], 5);
	mr_gauge(&shard[MR_SHARD_DISTRIBUTED], 91);
	mr_gauge(&shard[MR_SHARD_DROPPED], 1);
	mr_gauge(&shard[MR_SHARD_MATCHED], 200);
	mr_gauge(&delivery[MR_DELIVERY_MATCHED], 190);
	mr_gauge(&delivery[MR_DELIVERY_DELIVERED], 150);
	mr_gauge(&delivery[MR_DELIVERY_PENDING], 38);
	mr_gauge(&delivery[MR_DELIVERY_DROPPED], 2);
}

static void balanced_counters_give_balanced_ledgers(void **state)
{
	struct mr_ledgers ledgers;

	(void)state;
	fill_balanced();
	mr_ledgers_read(fake.stats, &ledgers);
	assert_int_equal(ledgers.offered, 100);
	assert_int_equal(ledgers.on_the_way, 10);
	assert_int_equal(ledgers.events_off_balance, 0);
	assert_int_equal(ledgers.deliveries_off_balance, 0);
}

static void one_missing_event_or_delivery_shows(void **state)
{
	struct mr_ledgers ledgers;

	(void)state;
	fill_balanced();
	mr_gauge(&fake.stages[FAKE_SHARD].counters[MR_SHARD_DISTRIBUTED], 90);
	mr_ledgers_read(fake.stats, &ledgers);
	assert_int_equal(ledgers.events_off_balance, 1);
	mr_gauge(&fake.stages[FAKE_DELIVERY].counters[MR_DELIVERY_DELIVERED], 152);
	mr_ledgers_read(fake.stats, &ledgers);
	assert_int_equal(ledgers.deliveries_off_balance, 2);
}

static void counters_of_other_stages_do_not_count(void **state)
{
	(void)state;
	mr_gauge(&fake.stages[FAKE_DELIVERY].counters[MR_SHARD_OFFERED], 7);
	assert_int_equal(mr_stats_sum(fake.stats, MR_SHARD_OFFERED), 0);
	mr_gauge(&fake.stages[FAKE_SHARD].reasons[MR_REASON_EXPIRED], 3);
	mr_gauge(&fake.stages[FAKE_DELIVERY].reasons[MR_REASON_EXPIRED], 4);
	assert_int_equal(mr_stats_sum_reason(fake.stats, MR_STAGE_SHARD, MR_REASON_EXPIRED), 3);
	assert_int_equal(mr_stats_sum_reason(fake.stats, MR_STAGE_NONE, MR_REASON_EXPIRED), 7);
	assert_int_equal(mr_stats_sum_reason(fake.stats, MR_STAGE_NONE, MR_REASON_LIMIT), 0);
	assert_int_equal(mr_stats_sum_discard(fake.stats, MR_DISCARD_COUNT), 0);
}

static char *stats_as(const struct mr_render *render, const char *topic, int expected)
{
	char *text = NULL, why[MR_DIRECT_WHY_BYTES] = "";
	size_t length = 0;
	struct mr_direct direct = {.stats = fake.stats};
	struct mr_document doc = {.out = open_memstream(&text, &length)};
	const struct mr_view view = {
		.direct = &direct, .render = render, .doc = &doc, .topic = topic};

	assert_int_equal(mr_command_stats(&view, why), expected);
	assert_true(expected == 0 || why[0] != 0);
	fclose(doc.out);
	return text;
}

static void assert_shows(const char *topic, const char *part)
{
	char *text = stats_as(&mr_render_json, topic, 0);

	if (!strstr(text, part))
		fail_msg("%s is not in %s", part, text);
	free(text);
}

static void stats_show_counters_reasons_and_latencies(void **state)
{
	(void)state;
	fill_balanced();
	mr_gauge(&fake.stages[FAKE_SHARD].reasons[MR_REASON_OBJECT_FULL], 10);
	mr_gauge(&fake.stages[0].discards[MR_DISCARD_SHORT], 6);
	mr_histogram_record(&fake.stages[FAKE_SHARD].histograms[MR_HISTOGRAM_SHARD_DISTRIBUTE], 5);
	assert_shows(NULL,
		"{\"stage\":\"shard0\",\"counter\":\"offered\",\"value\":100,\"unit\":\"events\"}");
	assert_shows("counters", "{\"reason\":\"object_full\",\"count\":10,\"meaning\":");
	assert_shows(NULL, "{\"reason\":\"short\",\"count\":6,\"meaning\":");
	assert_shows(NULL,
		"\"count\":1,\"p50_ns\":5,\"p90_ns\":5,\"p99_ns\":5,\"p999_ns\":5,\"max_ns\":5,");
	assert_shows(NULL, "\"dropped_deliveries\":[]");
}

static void stats_of_webhooks_leave_free_rows_out_and_stop_at_the_name(void **state)
{
	char *text;

	(void)state;
	text = stats_as(&mr_render_json, "webhooks", 0);
	assert_string_equal(text, "{\"webhooks\":[]}\n");
	free(text);
	mr_gauge(&fake.webhooks[1].webhook, 77);
	mr_gauge(&fake.webhooks[1].flags, 3);
	memset(fake.webhooks[1].name, 'n', sizeof(fake.webhooks[1].name)); // not terminated
	assert_shows("webhooks", "nn\",\"origin\":\"\",\"resource\":\"0\",\"state\":\"behind\"");
}

static void stats_of_scopes_name_the_other_row(void **state)
{
	struct mr_stats_scope *apps = (void *)((uint8_t *)fake.stats + fake.stats->scopes_at);

	(void)state;
	mr_gauge(&apps[0].kind, 1);
	mr_gauge(&apps[0].id, 42);
	mr_gauge(&apps[0].accepted, 9);
	mr_gauge(&apps[MR_LEDGER_SCOPES_MAX - 1].kind, 1);
	char *text = stats_as(&mr_render_json, "scopes", 0);

	assert_null(strstr(text, "other")); // it holds nothing yet
	free(text);
	mr_gauge(&apps[MR_LEDGER_SCOPES_MAX - 1].refused, 1);
	assert_shows("scopes", "{\"kind\":\"app\",\"id\":\"42\",\"shard\":0,\"accepted\":9,");
	assert_shows("scopes", "{\"kind\":\"app\",\"id\":\"other\",");
}

static void stats_of_nonsense_are_refused(void **state)
{
	(void)state;
	free(stats_as(&mr_render_text, "webhook", -22));
	free(stats_as(&mr_render_text, "", -22));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			balanced_counters_give_balanced_ledgers, open_fake, close_fake),
		cmocka_unit_test_setup_teardown(
			one_missing_event_or_delivery_shows, open_fake, close_fake),
		cmocka_unit_test_setup_teardown(
			counters_of_other_stages_do_not_count, open_fake, close_fake),
		cmocka_unit_test_setup_teardown(
			stats_show_counters_reasons_and_latencies, open_fake, close_fake),
		cmocka_unit_test_setup_teardown(
			stats_of_webhooks_leave_free_rows_out_and_stop_at_the_name, open_fake,
			close_fake),
		cmocka_unit_test_setup_teardown(
			stats_of_scopes_name_the_other_row, open_fake, close_fake),
		cmocka_unit_test_setup_teardown(
			stats_of_nonsense_are_refused, open_fake, close_fake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
