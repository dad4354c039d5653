// Every alarm fires on its fact, does not fire just below it, and clears.
#include "alerts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

static struct mr_alerts alerts;
static struct mr_facts facts;

static int begin(void **state)
{
	(void)state;
	mr_alerts_init(&alerts);
	facts = (struct mr_facts){
		.now_ns = 1000 * SECOND,
		.wall_ns = INT64_C(1591192800000000000),
		.connected = true,
		.boot_id = 7,
		.link_up = 1,
		.sessions_max = 100,
		.silent = {.name = "shard0"},
	};
	return 0;
}

// One second on; what has changed.
static uint32_t tick(void)
{
	uint32_t changed;

	mr_alerts_evaluate(&alerts, &facts, &changed);
	facts.now_ns += SECOND;
	facts.wall_ns += (int64_t)SECOND;
	return changed;
}

// How an alarm's fact comes about, second by second: just below what it needs, or just enough.
struct fact {
	enum mr_alert_id id;
	void (*set)(bool enough);
	const char *evidence; // an item of it
	const char *value;
	const char *command;
};

static void drop_events(bool enough)
{
	// what an operator asks for is no loss
	facts.events_dropped[enough ? MR_REASON_EXPIRED : MR_REASON_PURGED] += 1;
	facts.deliveries_dropped[enough ? MR_REASON_EXPIRED : MR_REASON_BANNED_PENDING] += 1;
	facts.deliveries_dropped[MR_REASON_WEBHOOK_GONE] += 1;
}

static void fill_queue(bool enough)
{
	static uint32_t ticks;

	facts.full.row = (struct mr_hot_row){.id = 4711, .app = 42, .refused = 9};
	facts.refused[MR_REASON_BANNED] += 1000;
	facts.refused[MR_REASON_OBJECT_FULL] += enough ? 5 : ticks++ % 2; // 5 or 6 in 10 s
}

static void heat(bool enough)
{
	facts.objects_per_s = 20000;
	facts.hot.row = (struct mr_hot_row){.id = 4711,
		.app = 42,
		.workspace = 7,
		.database = 3,
		.now_per_s = enough ? 1000 : 999};
}

static void lag(bool enough)
{
	facts.lagging = (struct mr_facts_webhook){
		.id = 31, .pending = 5, .oldest_ns = (enough ? 60 : 59) * SECOND};
}

static void kill_endpoint(bool enough)
{
	facts.dead = (struct mr_facts_webhook){
		.id = 31, .origin = "http://x:1", .failing_ns = (enough ? 300 : 299) * SECOND};
	facts.dead_count = 2;
}

static void stall(bool enough)
{
	facts.silent.silent_ns = enough ? 2 * SECOND : 2 * SECOND - 1;
}

static void stall_journal(bool enough)
{
	facts.journal_alarms = enough ? 1 << MR_ALARM_STALLED : ~(1U << MR_ALARM_STALLED) & 15;
}

static void fill_journal(bool enough)
{
	facts.journal_alarms = enough ? 1 << MR_ALARM_FULL : ~(1U << MR_ALARM_FULL) & 15;
}

static void fail_journal(bool enough)
{
	facts.journal_alarms = enough ? 1 << MR_ALARM_FAILED : ~(1U << MR_ALARM_FAILED) & 15;
}

static void expire_journal(bool enough)
{
	facts.journal_alarms = enough ? 1 << MR_ALARM_RETENTION : ~(1U << MR_ALARM_RETENTION) & 15;
}

static void cut_link(bool enough)
{
	facts.link_up = !enough;
}

static void lose_packets(bool enough)
{
	facts.discards[MR_DISCARD_DUPLICATE] += 1000; // said again, not lost
	facts.discards[MR_DISCARD_NO_MBUF] += enough ? 50 : 9;
}

static void open_sessions(bool enough)
{
	facts.sessions = enough ? 90 : 89;
}

static void unbalance(bool enough)
{
	facts.ledgers.deliveries_off_balance = enough;
}

static void pause_delivery(bool enough)
{
	facts.paused = enough ? MR_PAUSE_DELIVERY : 0;
}

static void fail_reload(bool enough)
{
	if (enough)
		facts.reloads_failed += 1;
}

static void lose_data_plane(bool enough)
{
	facts.connected = !enough;
	facts.away_ns += SECOND;
}

static const struct fact all_facts[] = {
	{MR_ALERT_EVENTS_DROPPED, drop_events, "reason", "expired", "millrace webhooks lag"},
	{MR_ALERT_QUEUE_FULL, fill_queue, "object", "4711",
		"millrace ban object 4711 --mode drop --ttl 15m --reason \"its queue is full\""},
	{MR_ALERT_HOT_OBJECT, heat, "database", "3",
		"millrace ban object 4711 --mode drop --ttl 15m --reason \"hot object\""},
	{MR_ALERT_LAG_AGE, lag, "webhook", "31", "millrace webhooks show 31"},
	{MR_ALERT_ENDPOINTS_DEAD, kill_endpoint, "origin", "http://x:1",
		"millrace webhooks attempts 31"},
	{MR_ALERT_CORE_STALLED, stall, "stage", "shard0", "millrace --direct stats"},
	{MR_ALERT_JOURNAL_STALLED, stall_journal, "journal_alarms", "1", "millrace status"},
	{MR_ALERT_JOURNAL_FULL, fill_journal, "journal_alarms", "2", "millrace status"},
	{MR_ALERT_JOURNAL_FAILED, fail_journal, "journal_alarms", "4",
		"journalctl -u millraced -n 50"},
	{MR_ALERT_JOURNAL_EXPIRING, expire_journal, "journal_alarms", "8", "millrace webhooks lag"},
	{MR_ALERT_LINK_DOWN, cut_link, "link_up", "0", "millrace --direct status"},
	{MR_ALERT_PACKETS_LOST, lose_packets, "no_mbuf", NULL, "millrace stats counters"},
	{MR_ALERT_SESSIONS_FULL, open_sessions, "sessions", "90", "millrace status"},
	{MR_ALERT_LEDGER_IMBALANCE, unbalance, "deliveries", "1", "millrace ledgers"},
	{MR_ALERT_PAUSED, pause_delivery, "paused", "delivery", "millrace resume delivery"},
	{MR_ALERT_RELOAD_FAILED, fail_reload, "failed", NULL, "millrace --direct reload"},
	{MR_ALERT_DATA_PLANE_LOST, lose_data_plane, "away_s", NULL, "systemctl status millraced"},
};
enum { FACTS = sizeof(all_facts) / sizeof(all_facts[0]) };

static bool has_evidence(const struct mr_alert *alert, const char *name, const char *value)
{
	for (uint32_t i = 0; i < alert->evidence.count; i++) {
		if (strcmp(alert->evidence.items[i].name, name) == 0)
			return !value || strcmp(alert->evidence.items[i].text, value) == 0;
	}
	return false;
}

// Calm for the whole window, then the fact for as long as given: when the alarm fired, in seconds.
static int fires_after(const struct fact *fact, bool enough, int for_s)
{
	for (int i = 0; i < MR_ALERTS_WINDOW + 1; i++)
		assert_int_equal(tick(), 0);
	for (int i = 0; i <= for_s; i++) {
		fact->set(enough);
		if (tick() & UINT32_C(1) << fact->id)
			return i;
	}
	return -1;
}

static void every_alarm_has_its_fact(void **state)
{
	bool has[MR_ALERT_ID_COUNT] = {false};

	(void)state;
	for (size_t i = 0; i < FACTS; i++)
		has[all_facts[i].id] = true;
	for (int i = 0; i < MR_ALERT_ID_COUNT; i++)
		assert_true(has[i]);
}

static void an_alarm_fires_on_its_fact_and_says_what_to_do(void **state)
{
	for (size_t i = 0; i < FACTS; i++) {
		const struct mr_alert_info *info = mr_alert_info(all_facts[i].id);
		const struct mr_alert *alert = &alerts.alerts[all_facts[i].id];

		begin(state);
		const int after = fires_after(&all_facts[i], true, 10);

		// Counts over ten seconds need a moment; all are told within ten seconds.
		if (after < (int)info->for_s || after > 10)
			fail_msg("%s fired after %d s", info->name, after);
		assert_int_equal(alert->state, MR_ALERT_FIRING);
		if (!has_evidence(alert, all_facts[i].evidence, all_facts[i].value))
			fail_msg("%s: no evidence of %s", info->name, all_facts[i].evidence);
		assert_string_equal(alert->command, all_facts[i].command);
		assert_true(alert->summary[0] != 0);
	}
}

static void an_alarm_is_silent_just_below_its_threshold(void **state)
{
	for (size_t i = 0; i < FACTS; i++) {
		begin(state);
		const int after = fires_after(&all_facts[i], false, 60);

		if (after >= 0)
			fail_msg("%s fired", mr_alert_info(all_facts[i].id)->name);
		assert_int_equal(alerts.alerts[all_facts[i].id].state, MR_ALERT_OK);
	}
}

// Everything calm again, counters as they are.
static void calm(void)
{
	const struct mr_facts was = facts;

	begin(NULL);
	struct mr_facts now = facts;

	facts = was;
	facts.connected = true;
	facts.link_up = 1;
	facts.silent = now.silent;
	facts.hot = now.hot;
	facts.lagging = facts.dead = now.dead;
	facts.journal_alarms = facts.paused = facts.sessions = 0;
	facts.ledgers = now.ledgers;
	facts.reloads += 1;
}

static void an_alarm_clears_once_its_fact_is_gone_for_long_enough(void **state)
{
	for (size_t i = 0; i < FACTS; i++) {
		const struct mr_alert_info *info = mr_alert_info(all_facts[i].id);
		static struct mr_alerts kept;
		uint32_t seconds = 0;

		begin(state);
		assert_true(fires_after(&all_facts[i], true, 10) >= 0);
		kept = alerts;
		calm();
		alerts = kept;
		while (!(tick() & UINT32_C(1) << all_facts[i].id))
			assert_true(++seconds <= info->clear_s + MR_ALERTS_WINDOW + 1);
		assert_int_equal(alerts.alerts[all_facts[i].id].state, MR_ALERT_OK);
		if (seconds < info->clear_s)
			fail_msg("%s cleared after %u s", info->name, seconds);
	}
}

static void what_wavers_at_its_threshold_goes_on_firing(void **state)
{
	(void)state;
	assert_true(fires_after(&all_facts[3], true, 20) >= 0);
	for (int i = 0; i < 100; i++) {
		facts.lagging.oldest_ns = (i % 2 ? 65 : 49) * SECOND; // 80 % of 60 s is 48 s
		assert_int_equal(tick(), 0);
	}
	assert_int_equal(alerts.alerts[MR_ALERT_LAG_AGE].state, MR_ALERT_FIRING);
}

static void a_pending_alarm_that_was_nothing_is_forgotten(void **state)
{
	(void)state;
	unbalance(true);
	for (int i = 0; i < 5; i++)
		assert_int_equal(tick(), 0);
	assert_int_equal(alerts.alerts[MR_ALERT_LEDGER_IMBALANCE].state, MR_ALERT_PENDING);
	unbalance(false);
	assert_int_equal(tick(), 0);
	assert_int_equal(alerts.alerts[MR_ALERT_LEDGER_IMBALANCE].state, MR_ALERT_OK);
}

static void a_share_of_the_work_makes_an_object_hot_below_the_rate(void **state)
{
	static const struct {
		double rate, all;
		bool hot;
	} table[] = {
		{22, 182, true}, // June 2020
		{19, 19, false}, // too slow to matter
		{22, 1000, false},
		{100, 1000, true},
		{99, 1000, false},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		begin(state);
		facts.hot.row = (struct mr_hot_row){.id = 1, .now_per_s = table[i].rate};
		facts.objects_per_s = table[i].all;
		for (int k = 0; k < 5; k++)
			tick();
		assert_int_equal(
			alerts.alerts[MR_ALERT_HOT_OBJECT].state == MR_ALERT_FIRING, table[i].hot);
	}
}

static void an_object_that_is_banned_is_dealt_with(void **state)
{
	(void)state;
	heat(true);
	facts.hot.banned = true;
	for (int i = 0; i < 10; i++)
		assert_int_equal(tick(), 0);
}

static void a_router_that_started_again_has_dropped_nothing(void **state)
{
	(void)state;
	facts.events_dropped[MR_REASON_EXPIRED] = 5;
	assert_int_equal(tick(), 0); // before our time
	facts.boot_id = 8;
	facts.events_dropped[MR_REASON_EXPIRED] = 3;
	assert_int_equal(tick(), 0);
	facts.events_dropped[MR_REASON_EXPIRED] = 4;
	assert_int_equal(tick(), 1 << MR_ALERT_EVENTS_DROPPED);
}

static void a_failed_reload_is_over_when_one_succeeds(void **state)
{
	(void)state;
	facts.reloads_failed = 3; // before our time
	assert_int_equal(tick(), 0);
	facts.reloads_failed = 4;
	assert_int_equal(tick(), 1 << MR_ALERT_RELOAD_FAILED);
	facts.reloads = 1;
	assert_int_equal(tick(), 1 << MR_ALERT_RELOAD_FAILED);
	assert_int_equal(alerts.alerts[MR_ALERT_RELOAD_FAILED].state, MR_ALERT_OK);
}

static void what_is_not_seen_stays_as_it_was(void **state)
{
	(void)state;
	pause_delivery(true);
	assert_int_equal(tick(), 1 << MR_ALERT_PAUSED);
	facts.connected = false;
	facts.paused = 0;
	for (int i = 0; i < 3; i++)
		assert_int_equal(tick(), 0);
	assert_int_equal(tick(), 1 << MR_ALERT_DATA_PLANE_LOST);
	assert_int_equal(alerts.alerts[MR_ALERT_PAUSED].state, MR_ALERT_FIRING);
	facts.connected = true;
	assert_int_equal(tick(), 1 << MR_ALERT_PAUSED);
}

static void names_are_found(void **state)
{
	(void)state;
	for (int i = 0; i < MR_ALERT_ID_COUNT; i++)
		assert_int_equal(mr_alert_find(mr_alert_info((enum mr_alert_id)i)->name), i);
	assert_true(mr_alert_find("") < 0);
	assert_true(mr_alert_find("hot_objects") < 0);
}

// For the test of the runbook: what every alarm says is to be typed.
static int print_commands(void)
{
	for (size_t i = 0; i < FACTS; i++) {
		begin(NULL);
		fires_after(&all_facts[i], true, 10);
		printf("%s\t%s\n", mr_alert_info(all_facts[i].id)->name,
			alerts.alerts[all_facts[i].id].command);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--commands") == 0)
		return print_commands();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_alarm_has_its_fact),
		cmocka_unit_test(an_alarm_fires_on_its_fact_and_says_what_to_do),
		cmocka_unit_test(an_alarm_is_silent_just_below_its_threshold),
		cmocka_unit_test(an_alarm_clears_once_its_fact_is_gone_for_long_enough),
		cmocka_unit_test_setup(what_wavers_at_its_threshold_goes_on_firing, begin),
		cmocka_unit_test_setup(a_pending_alarm_that_was_nothing_is_forgotten, begin),
		cmocka_unit_test(a_share_of_the_work_makes_an_object_hot_below_the_rate),
		cmocka_unit_test_setup(an_object_that_is_banned_is_dealt_with, begin),
		cmocka_unit_test_setup(a_router_that_started_again_has_dropped_nothing, begin),
		cmocka_unit_test_setup(a_failed_reload_is_over_when_one_succeeds, begin),
		cmocka_unit_test_setup(what_is_not_seen_stays_as_it_was, begin),
		cmocka_unit_test(names_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
