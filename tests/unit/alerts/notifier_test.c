// Receivers are told what began, what goes on and what is over, whatever becomes of them meanwhile.
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "alerts_metrics.h"
#include "sink.h"

#define SECOND UINT64_C(1000000000)

static struct sink *sink;
static struct mr_notifier *notifier;
static struct mr_notifier_settings settings;
static struct mr_alerts alerts;
static struct mr_facts facts;

static int begin(void **state)
{
	(void)state;
	sink = sink_open();
	mr_alerts_init(&alerts);
	facts = (struct mr_facts){.now_ns = 5000 * SECOND, .wall_ns = INT64_C(1592314020250000000)};
	memset(&settings, 0, sizeof(settings));
	settings.receivers_count = 1;
	settings.repeat_ns = 3600 * SECOND;
	settings.heartbeat_ns = 60 * SECOND;
	settings.retry_ns = SECOND / 100;
	settings.retry_max_ns = SECOND / 50;
	settings.receivers[0].kind = MR_RECEIVER_HTTP;
	strncpy(settings.receivers[0].name, "oncall", sizeof(settings.receivers[0].name) - 1);
	snprintf(settings.receivers[0].url, sizeof(settings.receivers[0].url),
		"http://127.0.0.1:%u/secret-path", sink_port(sink));
	strncpy(settings.place.instance, "router-1", sizeof(settings.place.instance) - 1);
	strncpy(settings.place.runbook, "https://docs/runbook", sizeof(settings.place.runbook) - 1);
	return 0;
}

static int end(void **state)
{
	(void)state;
	mr_notifier_stop(notifier);
	notifier = NULL;
	sink_close(sink);
	return 0;
}

static void start(void)
{
	assert_int_equal(mr_notifier_start(&notifier, &settings), 0);
}

static void set_alarm(enum mr_alert_id id, bool firing)
{
	struct mr_alert *alert = &alerts.alerts[id];

	alert->state = firing ? MR_ALERT_FIRING : MR_ALERT_OK;
	alert->fired_wall_ns = facts.wall_ns;
	strncpy(alert->summary, "object 4711 takes all", sizeof(alert->summary) - 1);
	strncpy(alert->command, "millrace ban object 4711", sizeof(alert->command) - 1);
	alert->evidence.count = 1;
	alert->evidence.items[0].name = "object";
	strncpy(alert->evidence.items[0].text, "4711", 5);
	mr_notifier_look(notifier, &alerts, UINT32_C(1) << id, 0, &facts);
}

static json_t *body_of(uint32_t index)
{
	const char *body = strstr(sink_request(sink, index), "\r\n\r\n");
	json_t *json = json_loads(body ? body + 4 : "", JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(json);
	return json;
}

static void assert_text(json_t *json, const char *key, const char *expected)
{
	assert_string_equal(json_string_value(json_object_get(json, key)), expected);
}

static void a_firing_alarm_is_posted_in_alertmanagers_form(void **state)
{
	(void)state;
	strncpy(settings.receivers[0].token, "t0ken", sizeof(settings.receivers[0].token) - 1);
	start();
	set_alarm(MR_ALERT_HOT_OBJECT, true);
	assert_true(sink_wait(sink, 1));
	json_t *message = body_of(0);
	json_t *alert = json_array_get(json_object_get(message, "alerts"), 0);
	json_t *annotations = json_object_get(alert, "annotations");

	assert_text(message, "version", "4");
	assert_text(message, "status", "firing");
	assert_text(json_object_get(message, "groupLabels"), "alertname", "hot_object");
	assert_text(json_object_get(alert, "labels"), "severity", "critical");
	assert_text(json_object_get(alert, "labels"), "instance", "router-1");
	assert_text(annotations, "evidence_object", "4711");
	assert_text(annotations, "command", "millrace ban object 4711");
	assert_text(annotations, "runbook_url", "https://docs/runbook/hot_object.md");
	assert_text(alert, "startsAt", "2020-06-16T13:27:00.250Z");
	assert_text(alert, "endsAt", "0001-01-01T00:00:00Z");
	json_decref(message);
	assert_non_null(strstr(sink_request(sink, 0), "Content-Type: application/json\r\n"));
	assert_non_null(strstr(sink_request(sink, 0), "Authorization: Bearer t0ken\r\n"));
	assert_int_equal(mr_notifier_reached(notifier, MR_ALERT_PAUSED), 0);
}

static void what_is_over_is_told_with_its_end(void **state)
{
	(void)state;
	start();
	set_alarm(MR_ALERT_HOT_OBJECT, true);
	assert_true(sink_wait(sink, 1));
	facts.wall_ns += 9000000000;
	alerts.alerts[MR_ALERT_HOT_OBJECT].state = MR_ALERT_OK;
	mr_notifier_look(notifier, &alerts, 1 << MR_ALERT_HOT_OBJECT, 0, &facts);
	assert_true(sink_wait(sink, 2));
	json_t *first = body_of(0), *second = body_of(1);
	json_t *fired = json_array_get(json_object_get(first, "alerts"), 0);
	json_t *alert = json_array_get(json_object_get(second, "alerts"), 0);

	assert_text(second, "status", "resolved");
	assert_text(alert, "startsAt", "2020-06-16T13:27:00.250Z");
	assert_text(alert, "endsAt", "2020-06-16T13:27:09.250Z");
	assert_text(alert, "fingerprint",
		json_string_value(json_object_get(fired, "fingerprint"))); // the same alarm
	json_decref(first);
	json_decref(second);
}

static void a_receiver_that_fails_is_told_again_until_it_takes_it(void **state)
{
	struct mr_receiver_report report;

	(void)state;
	sink_answer(sink, 503);
	start();
	set_alarm(MR_ALERT_HOT_OBJECT, true);
	assert_true(sink_wait(sink, 3));
	assert_int_equal(mr_notifier_reached(notifier, MR_ALERT_HOT_OBJECT), 0);
	assert_true(mr_notifier_report(notifier, 0, &report));
	assert_int_equal(report.waiting, 1);
	assert_string_equal(report.why, "answered with status 503");
	sink_answer(sink, 204);
	for (int i = 0; i < 2000 && mr_notifier_reached(notifier, MR_ALERT_HOT_OBJECT) == 0; i++)
		usleep(1000);
	assert_int_equal(mr_notifier_reached(notifier, MR_ALERT_HOT_OBJECT), 1);
	const uint32_t count = sink_count(sink);

	usleep(60000);
	assert_int_equal(sink_count(sink), count); // once it is taken, that is all
}

static void a_receiver_that_was_away_hears_the_last_state_only(void **state)
{
	(void)state;
	sink_answer(sink, 0);
	start();
	set_alarm(MR_ALERT_PAUSED, true); // under way, unanswered
	usleep(50000);
	for (int i = 0; i < 100; i++) {
		set_alarm(MR_ALERT_HOT_OBJECT, true);
		set_alarm(MR_ALERT_HOT_OBJECT, false);
	}
	sink_answer(sink, 200);
	assert_true(sink_wait(sink, 2));
	usleep(60000);
	assert_int_equal(sink_count(sink), 2);
	assert_non_null(strstr(sink_request(sink, 1), "\"status\":\"resolved\""));
}

static void what_goes_on_firing_is_told_again_at_the_interval(void **state)
{
	(void)state;
	start();
	set_alarm(MR_ALERT_HOT_OBJECT, true);
	assert_true(sink_wait(sink, 1));
	facts.now_ns += 3599 * SECOND;
	mr_notifier_look(notifier, &alerts, 0, 0, &facts);
	usleep(30000);
	assert_int_equal(sink_count(sink), 1);
	facts.now_ns += SECOND;
	mr_notifier_look(notifier, &alerts, 0, 0, &facts);
	assert_true(sink_wait(sink, 2));
}

static void the_watchdog_comes_at_its_interval_to_who_wants_it(void **state)
{
	(void)state;
	settings.receivers[0].heartbeat = true;
	start();
	mr_notifier_look(notifier, &alerts, 0, 0, &facts);
	assert_true(sink_wait(sink, 1));
	assert_non_null(strstr(sink_request(sink, 0), "\"alertname\":\"watchdog\""));
	facts.now_ns += 59 * SECOND;
	mr_notifier_look(notifier, &alerts, 0, 0, &facts);
	usleep(30000);
	assert_int_equal(sink_count(sink), 1);
	facts.now_ns += SECOND;
	mr_notifier_look(notifier, &alerts, 0, 0, &facts);
	assert_true(sink_wait(sink, 2));
}

static void a_drill_says_that_it_is_one(void **state)
{
	(void)state;
	start();
	alerts.alerts[MR_ALERT_PAUSED].state = MR_ALERT_FIRING;
	mr_notifier_look(notifier, &alerts, 1 << MR_ALERT_PAUSED, 1 << MR_ALERT_PAUSED, &facts);
	assert_true(sink_wait(sink, 1));
	assert_non_null(strstr(sink_request(sink, 0), "\"drill\":\"true\""));
}

static void a_hung_receiver_holds_up_nobody(void **state)
{
	(void)state;
	struct sink *other = sink_open();

	sink_answer(sink, 0);
	settings.receivers_count = 2;
	settings.receivers[1] = settings.receivers[0];
	snprintf(settings.receivers[1].url, sizeof(settings.receivers[1].url),
		"http://127.0.0.1:%u/", sink_port(other));
	start();
	set_alarm(MR_ALERT_HOT_OBJECT, true);
	assert_true(sink_wait(other, 1));
	mr_notifier_stop(notifier); // and ends at once
	notifier = NULL;
	sink_close(other);
}

static void run_program(const char *script, const char *argument, int expected, const char *why)
{
	char why_text[MR_RECEIVER_WHY_BYTES] = "", shell[] = "/bin/sh", option[] = "-c";
	char *text = strdup(script), *last = strdup(argument);
	struct mr_receiver receiver = {
		.kind = MR_RECEIVER_EXEC, .argv = {shell, option, text, last, NULL}};
	struct mr_notice notice;
	atomic_bool stop = false;

	assert_int_equal(mr_notice_watchdog(&settings.place, facts.wall_ns, &notice), 0);
	assert_int_equal(mr_receiver_tell(&receiver, &notice, &stop, why_text), expected);
	assert_string_equal(why_text, why);
	mr_notice_free(&notice);
	free(text);
	free(last);
}

static void a_program_gets_the_message_on_its_standard_input(void **state)
{
	char path[] = "/tmp/millrace-notice-XXXXXX", text[2048] = "";
	const int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	run_program("cat >\"$0\"; env >>\"$0\"", path, 0, "");
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "{\"version\":\"4\""));
	assert_null(strstr(text, "HOME=")); // and nothing of the daemon's environment
	close(fd);
	unlink(path);
}

static void a_program_that_fails_is_known(void **state)
{
	char path[] = "/nonexistent/pager", why[MR_RECEIVER_WHY_BYTES];
	struct mr_receiver receiver = {.kind = MR_RECEIVER_EXEC, .argv = {path, NULL}};
	struct mr_notice notice;
	atomic_bool stop = false;

	(void)state;
	run_program("exit 3", "", -71, "ended with exit code 3");
	run_program("kill -9 $$", "", -71, "ended by signal 9");
	assert_int_equal(mr_notice_watchdog(&settings.place, facts.wall_ns, &notice), 0);
	assert_int_equal(mr_receiver_tell(&receiver, &notice, &stop, why), -2);
	assert_string_equal(why, "cannot be started: No such file or directory");
	mr_notice_free(&notice);
}

static void reports_hold_no_secret_of_the_address(void **state)
{
	static const char *const table[][2] = {
		{"https://hooks.example/T0/secret?token=x", "https://hooks.example"},
		{"http://user:secret@host:80/x", "host:80"},
		{"http://host?secret", "http://host"},
	};
	struct mr_receiver receiver = {.kind = MR_RECEIVER_HTTP};
	char place[128];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		strncpy(receiver.url, table[i][0], sizeof(receiver.url) - 1);
		mr_receiver_place(&receiver, place, sizeof(place));
		assert_string_equal(place, table[i][1]);
		memset(receiver.url, 0, sizeof(receiver.url));
	}
}

static void hostile_text_stays_text(void **state)
{
	struct mr_notice notice;
	struct mr_alert *alert = &alerts.alerts[MR_ALERT_ENDPOINTS_DEAD];

	(void)state;
	strncpy(alert->summary, "name \"}]\n\x1b[2J", sizeof(alert->summary) - 1);
	alert->evidence.count = 1;
	alert->evidence.items[0].name = "name";
	memcpy(alert->evidence.items[0].text, "\xff\xfe", 3);
	assert_int_equal(mr_notice_new(&settings.place, MR_ALERT_ENDPOINTS_DEAD, alert, false,
				 facts.wall_ns, &notice),
		0);
	json_t *json = json_loads(notice.body, 0, NULL);

	assert_non_null(json);
	assert_null(strpbrk(notice.line, "\n\x1b"));
	json_decref(json);
	mr_notice_free(&notice);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
		CASE(a_firing_alarm_is_posted_in_alertmanagers_form),
		CASE(what_is_over_is_told_with_its_end),
		CASE(a_receiver_that_fails_is_told_again_until_it_takes_it),
		CASE(a_receiver_that_was_away_hears_the_last_state_only),
		CASE(what_goes_on_firing_is_told_again_at_the_interval),
		CASE(the_watchdog_comes_at_its_interval_to_who_wants_it),
		CASE(a_drill_says_that_it_is_one),
		CASE(a_hung_receiver_holds_up_nobody),
		CASE(a_program_gets_the_message_on_its_standard_input),
		CASE(a_program_that_fails_is_known),
		CASE(reports_hold_no_secret_of_the_address),
		CASE(hostile_text_stays_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
