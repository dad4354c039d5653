// The settings of alarms: what is right is taken, what is wrong is told with its place.
#include "alert_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/millrace-alarms-XXXXXX";
static char secret_path[] = "/tmp/millrace-secret-XXXXXX";
static struct mr_alert_settings settings;
static char why[MR_ALERT_SETTINGS_WHY_BYTES];

static int begin(void **state)
{
	static const char url[] = "https://hooks.example/T0/secret\nsecond line\n";

	(void)state;
	close(mkstemp(path));
	const int fd = mkstemp(secret_path);
	const bool written = write(fd, url, strlen(url)) == (ssize_t)strlen(url);

	close(fd);
	return written ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	unlink(path);
	unlink(secret_path);
	return 0;
}

static int load(const char *text)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
	mr_alert_settings_free(&settings);
	return mr_alert_settings_load(path, &settings, why);
}

static void everything_can_be_set(void **state)
{
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text),
		"receivers:\n"
		"  - {name: oncall, url_file: %s, token_file: %s, heartbeat: true}\n"
		"  - {name: pager, exec: [/usr/local/bin/page, \"--now\"]}\n"
		"  - {name: log, syslog: true}\n"
		"thresholds: {hot_object: 500, lag_age: 0.5}\n"
		"repeat: 30m\nheartbeat: 10s\nretry: 250ms\n"
		"instance: router-1\nrunbook: https://docs.example/runbook\n",
		secret_path, secret_path);
	if (load(text) != 0)
		fail_msg("%s", why);
	const struct mr_notifier_settings *notifier = &settings.notifier;

	assert_int_equal(notifier->receivers_count, 3);
	assert_string_equal(notifier->receivers[0].url, "https://hooks.example/T0/secret");
	assert_true(notifier->receivers[0].heartbeat);
	assert_string_equal(notifier->receivers[1].argv[1], "--now");
	assert_null(notifier->receivers[1].argv[2]);
	assert_int_equal(notifier->receivers[2].kind, MR_RECEIVER_SYSLOG);
	assert_true(settings.thresholds[MR_ALERT_HOT_OBJECT] == 500.0);
	assert_true(settings.thresholds[MR_ALERT_LAG_AGE] == 0.5);
	assert_true(settings.thresholds[MR_ALERT_CORE_STALLED]
		== mr_alert_info(MR_ALERT_CORE_STALLED)->threshold);
	assert_int_equal(notifier->repeat_ns, UINT64_C(1800000000000));
	assert_int_equal(notifier->heartbeat_ns, UINT64_C(10000000000));
	assert_int_equal(notifier->retry_ns, 250000000);
	assert_string_equal(notifier->place.instance, "router-1");
}

static void an_empty_file_is_the_defaults(void **state)
{
	(void)state;
	assert_int_equal(load(""), 0);
	assert_int_equal(load("# nobody\n"), 0);
	assert_int_equal(settings.notifier.receivers_count, 0);
}

static void mistakes_are_told_with_their_place(void **state)
{
	static const char *const table[][2] = {
		{"[1, 2]", "wants keys and values"},
		{"recievers: []\n", ":1:1: unknown key \"recievers\": did you mean receivers?"},
		{"repeat: 1h\nrepeat: 2h\n", ":2:1: repeat stands here twice"},
		{"repeat: 5\n", ":1:9: repeat: wants a duration"},
		{"repeat: -5s\n", "wants a duration"},
		{"repeat: 1e9d\n", "wants a duration"},
		{"repeat: nan s\n", "wants a duration"},
		{"repeat: [1h]\n", "repeat: wants a text"},
		{"repeat:\n", "repeat: wants a text"},
		{"thresholds: {hot_object: 0}\n", ":1:26: hot_object: wants a number above 0"},
		{"thresholds: {hot_object: x}\n", "hot_object: wants a number above 0"},
		{"thresholds: {hot_objekt: 1}\n", "did you mean hot_object?"},
		{"receivers: {name: x}\n", "receivers: wants a list of at most 8"},
		{"receivers: [1]\n", "wants keys and values: name"},
		{"receivers: [{name: x}]\n", "receiver \"x\" has none of url"},
		{"receivers: [{syslog: true}]\n", "receiver 1 has no name"},
		{"receivers: [{name: x, syslog: false}]\n", "has none of url"},
		{"receivers: [{name: x, syslog: yes}]\n", "syslog: wants true or false"},
		{"receivers: [{name: x, syslog: true, url: \"http://a\"}]\n", "one of url"},
		{"receivers: [{name: x, url: \"ftp://a\"}]\n", "wants http:// or https://"},
		{"receivers: [{name: x, url_file: /nonexistent/u}]\n",
			"/nonexistent/u: No such file or directory"},
		{"receivers: [{name: x, exec: page}]\n", "exec: wants a list"},
		{"receivers: [{name: x, exec: []}]\n", "exec: wants a list"},
		{"receivers: [{name: x, exec: [page]}]\n", "wants an absolute path"},
		{"receivers: [{name: x, exec: [/p, [a]]}]\n", "exec: wants a text"},
		{"instance: \"\"\n", "instance: wants a text"},
		{"instance: \"a\\0b\"\n", "instance: wants a text"},
		{"a: b: c\n", ":1:"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (load(table[i][0]) != -22)
			fail_msg("%s was taken", table[i][0]);
		if (!strstr(why, table[i][1]) || strncmp(why, path, strlen(path)) != 0)
			fail_msg("%s: said \"%s\"", table[i][0], why);
	}
}

static void a_file_that_is_not_there_is_named(void **state)
{
	(void)state;
	mr_alert_settings_free(&settings);
	assert_int_equal(mr_alert_settings_load("/nonexistent/alarms.yaml", &settings, why), -2);
	assert_string_equal(why, "/nonexistent/alarms.yaml: No such file or directory");
}

static void no_mistake_shows_a_secret(void **state)
{
	char text[256];

	(void)state;
	FILE *file = fopen(secret_path, "w");

	fputs("ftp://secret\n", file);
	fclose(file);
	snprintf(text, sizeof(text), "receivers: [{name: x, url_file: %s}]\n", secret_path);
	assert_int_equal(load(text), -22);
	assert_null(strstr(why, "//secret"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_can_be_set),
		cmocka_unit_test(an_empty_file_is_the_defaults),
		cmocka_unit_test(mistakes_are_told_with_their_place),
		cmocka_unit_test(a_file_that_is_not_there_is_named),
		cmocka_unit_test(no_mistake_shows_a_secret),
	};
	const int failed = cmocka_run_group_tests(tests, begin, end);

	mr_alert_settings_free(&settings);
	return failed;
}
