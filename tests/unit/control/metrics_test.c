// The exposition holds every metric of the list once, in the text format.
#include "metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../cli/fake_stats.h"
#include "histogram.h"

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

static char *expose(uint64_t now_ns)
{
	static char *text;
	static size_t length;
	FILE *out = open_memstream(&text, &length);
	struct mr_ledgers ledgers;

	mr_ledgers_read(fake.stats, &ledgers);
	mr_metrics_releases(out, "1.2.3");
	mr_metrics_stats(out, fake.stats, &ledgers, now_ns, now_ns);
	fclose(out);
	return text;
}

static void assert_exposed(const char *text, const char *line)
{
	char whole[256];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	if (!strstr(text, whole))
		fail_msg("the line %s is missing", line);
}

static uint32_t occurrences(const char *text, const char *part)
{
	uint32_t count = 0;

	for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
		count++;
	return count;
}

static void every_metric_of_the_segment_is_declared_once(void **state)
{
	struct mr_metric_info info;
	char line[160];

	(void)state;
	char *text = expose(0);

	for (uint32_t i = 0; mr_metric_info(i, &info); i++) {
		snprintf(line, sizeof(line), "# TYPE %s %s\n", info.name, info.type);
		// What the control plane itself measures is written by those who do.
		const bool of_the_segment = i < MR_METRIC_ALARM || i >= MR_METRIC_COUNT;

		if (occurrences(text, line) != of_the_segment)
			fail_msg("%s stands there %u times", info.name, occurrences(text, line));
	}
	free(text);
}

static void names_are_unique_and_of_the_form_that_scrapers_expect(void **state)
{
	struct mr_metric_info one, other;

	(void)state;
	for (uint32_t i = 0; mr_metric_info(i, &one); i++) {
		const size_t length = strlen(one.name);
		const bool total = length > 6 && strcmp(&one.name[length - 6], "_total") == 0;

		assert_int_equal(strncmp(one.name, "millrace_", 9), 0);
		assert_int_equal(strspn(one.name, "abcdefghijklmnopqrstuvwxyz_0123456789"), length);
		assert_true(one.help[0] != 0);
		assert_int_equal(total, strcmp(one.type, "counter") == 0);
		for (uint32_t k = i + 1; mr_metric_info(k, &other); k++)
			assert_string_not_equal(one.name, other.name);
	}
}

static void counters_and_reasons_carry_their_stage(void **state)
{
	(void)state;
	mr_gauge(&fake.stages[FAKE_SHARD].counters[MR_SHARD_OFFERED], 1000000007);
	mr_gauge(&fake.stages[FAKE_SHARD].reasons[MR_REASON_OBJECT_FULL], 3);
	mr_gauge(&fake.stages[FAKE_DELIVERY].reasons[MR_REASON_EXPIRED], 4);
	mr_gauge(&fake.stages[0].discards[MR_DISCARD_SHORT], 5);
	mr_gauge(&fake.stages[0].heartbeat_ns, 1000000000);
	mr_gauge(&fake.stages[1].heartbeat_ns, 9000000000); // after the clock was read
	char *text = expose(2500000000);

	assert_exposed(text, "millrace_shard_offered_total{stage=\"shard0\"} 1000000007");
	assert_exposed(
		text, "millrace_events_refused_total{stage=\"shard0\",reason=\"object_full\"} 3");
	assert_exposed(text,
		"millrace_deliveries_dropped_total{stage=\"delivery0\",reason=\"expired\"} 4");
	assert_exposed(
		text, "millrace_packets_discarded_total{stage=\"ingest0\",cause=\"short\"} 5");
	assert_exposed(text, "millrace_stage_heartbeat_age_seconds{stage=\"ingest0\"} 1.5");
	assert_exposed(text, "millrace_stage_heartbeat_age_seconds{stage=\"shard0\"} 0");
	assert_exposed(text, "millrace_data_plane_up 1");
	assert_exposed(text, "millrace_build_info{program=\"millraced\",release=\"1.2.3\"} 1");
	free(text);
}

static void classic_buckets_count_the_fine_ones_exactly(void **state)
{
	struct mr_stats_histogram *histogram =
		&fake.stages[FAKE_DELIVERY].histograms[MR_HISTOGRAM_DELIVERY_REQUEST];

	(void)state;
	mr_histogram_record(histogram, 1);
	mr_histogram_record(histogram, 1023);
	mr_histogram_record(histogram, 1024);
	mr_histogram_record(histogram, UINT64_C(1) << 39);
	char *text = expose(0);

	assert_exposed(text,
		"millrace_delivery_request_seconds_bucket{stage=\"delivery0\",le=\"1.024e-06\"} 2");
	assert_exposed(text,
		"millrace_delivery_request_seconds_bucket{stage=\"delivery0\",le=\"2.048e-06\"} 3");
	assert_exposed(text,
		"millrace_delivery_request_seconds_bucket{stage=\"delivery0\",le=\"137.438953\"} 3");
	assert_exposed(text,
		"millrace_delivery_request_seconds_bucket{stage=\"delivery0\",le=\"+Inf\"} 4");
	assert_exposed(text, "millrace_delivery_request_seconds_count{stage=\"delivery0\"} 4");
	assert_exposed(
		text, "millrace_delivery_request_seconds_sum{stage=\"delivery0\"} 549.755815936");
	free(text);
}

static void label_values_are_escaped(void **state)
{
	(void)state;
	mr_gauge(&fake.webhooks[0].webhook, UINT64_MAX);
	mr_gauge(&fake.webhooks[0].oldest_ns, 250000000);
	memcpy(fake.webhooks[0].name, "a\"b\\c\nd", 8);
	memset(fake.webhooks[0].origin, 'o', sizeof(fake.webhooks[0].origin)); // not terminated
	char *text = expose(0);

	if (!strstr(text,
		    "millrace_webhook_lag_seconds{webhook=\"18446744073709551615\",name=\"a\\\"b\\\\c\\nd\",origin=\"ooo"))
		fail_msg("not escaped");
	assert_non_null(strstr(text, "oo\"} 0.25\n"));
	free(text);
}

static void a_data_plane_that_is_away_is_down(void **state)
{
	static char *text;
	static size_t length;
	FILE *out = open_memstream(&text, &length);

	(void)state;
	mr_metrics_releases(out, NULL);
	fclose(out);
	assert_exposed(text, "millrace_data_plane_up 0");
	assert_null(strstr(text, "program=\"millraced\""));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			every_metric_of_the_segment_is_declared_once, open_fake, close_fake),
		cmocka_unit_test(names_are_unique_and_of_the_form_that_scrapers_expect),
		cmocka_unit_test_setup_teardown(
			counters_and_reasons_carry_their_stage, open_fake, close_fake),
		cmocka_unit_test_setup_teardown(
			classic_buckets_count_the_fine_ones_exactly, open_fake, close_fake),
		cmocka_unit_test_setup_teardown(label_values_are_escaped, open_fake, close_fake),
		cmocka_unit_test(a_data_plane_that_is_away_is_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
