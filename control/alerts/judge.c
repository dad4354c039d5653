#include "judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// A hot object below the threshold: this share of all events, from this rate on.
#define HOT_SHARE          0.1
#define HOT_SHARE_RATE_MIN 20.0

__attribute__((format(printf, 3, 4))) static void note(
	struct mr_alert *alert, const char *name, const char *format, ...)
{
	struct mr_evidence *evidence = &alert->evidence;
	va_list arguments;

	if (evidence->count == MR_EVIDENCE_MAX)
		return;
	evidence->items[evidence->count].name = name;
	va_start(arguments, format);
	vsnprintf(evidence->items[evidence->count].text,
		sizeof(evidence->items[evidence->count].text), format, arguments);
	va_end(arguments);
	evidence->count++;
}

static void note_count(struct mr_alert *alert, const char *name, uint64_t value)
{
	note(alert, name, "%" PRIu64, value);
}

__attribute__((format(printf, 2, 3))) static void summarise(
	struct mr_alert *alert, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(alert->summary, sizeof(alert->summary), format, arguments);
	va_end(arguments);
}

__attribute__((format(printf, 2, 3))) static void advise(
	struct mr_alert *alert, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(alert->command, sizeof(alert->command), format, arguments);
	va_end(arguments);
}

static uint64_t since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

// What operators and owners ask for is no loss, and they are told how much it was.
static bool is_loss(uint32_t reason)
{
	return reason != MR_REASON_PURGED && reason != MR_REASON_BANNED_PENDING
		&& reason != MR_REASON_WEBHOOK_GONE;
}

static bool events_dropped(const struct mr_judge *judge, struct mr_alert *alert)
{
	uint64_t events = 0, deliveries = 0, most = 0;
	const char *why = "";

	for (uint32_t i = 0; i < MR_REASON_LIMIT; i++) {
		if (!is_loss(i))
			continue;
		const uint64_t of_events =
			since(judge->now->events_dropped[i], judge->then->events_dropped[i]);
		const uint64_t of_deliveries = since(
			judge->now->deliveries_dropped[i], judge->then->deliveries_dropped[i]);

		events += of_events;
		deliveries += of_deliveries;
		if (of_events + of_deliveries > most) {
			most = of_events + of_deliveries;
			why = mr_reason_info(i)->label;
		}
	}
	if ((double)(events + deliveries) < judge->threshold)
		return false;
	note_count(alert, "events", events);
	note_count(alert, "deliveries", deliveries);
	note(alert, "reason", "%s", why);
	summarise(alert,
		"%" PRIu64 " events and %" PRIu64 " deliveries were dropped in %u s, mostly: %s",
		events, deliveries, (unsigned)MR_ALERTS_WINDOW, why);
	advise(alert, "millrace webhooks lag");
	return true;
}

static void note_object(struct mr_alert *alert, const struct mr_hot_row *row)
{
	note_count(alert, "object", row->id);
	note_count(alert, "app", row->app);
	note_count(alert, "workspace", row->workspace);
	note_count(alert, "database", row->database);
	note(alert, "rate", "%.1f", row->now_per_s);
	note(alert, "refused_rate", "%.1f", row->refused_per_s);
	note_count(alert, "queued", row->queued);
}

static void advise_ban(struct mr_alert *alert, uint64_t object, const char *reason)
{
	advise(alert, "millrace ban object %" PRIu64 " --mode drop --ttl 15m --reason \"%s\"",
		object, reason);
}

static bool queue_full(const struct mr_judge *judge, struct mr_alert *alert)
{
	static const uint32_t reasons[] = {MR_REASON_OBJECT_FULL, MR_REASON_SHARD_FULL};
	uint64_t refused[2];

	for (size_t i = 0; i < 2; i++)
		refused[i] =
			since(judge->now->refused[reasons[i]], judge->then->refused[reasons[i]]);
	if ((double)(refused[0] + refused[1]) < judge->threshold)
		return false;
	note_count(alert, "object_full", refused[0]);
	note_count(alert, "shard_full", refused[1]);
	summarise(alert, "%" PRIu64 " events were refused in %u s because a queue is full",
		refused[0] + refused[1], (unsigned)MR_ALERTS_WINDOW);
	advise(alert, "millrace hot object --by refused");
	if (refused[0] >= refused[1] && judge->now->full.row.refused > 0) {
		note_object(alert, &judge->now->full.row);
		summarise(alert,
			"%" PRIu64 " events were refused in %u s: the queue of object %" PRIu64
			" (app %" PRIu64 ") is full",
			refused[0] + refused[1], (unsigned)MR_ALERTS_WINDOW,
			judge->now->full.row.id, judge->now->full.row.app);
		advise_ban(alert, judge->now->full.row.id, "its queue is full");
	}
	return true;
}

static bool hot_object(const struct mr_judge *judge, struct mr_alert *alert)
{
	const struct mr_hot_row *row = &judge->now->hot.row;
	const double share = judge->now->objects_per_s > row->now_per_s
		? row->now_per_s / judge->now->objects_per_s
		: 1.0;
	const bool takes_much = share >= HOT_SHARE && row->now_per_s >= HOT_SHARE_RATE_MIN;

	if (row->id == 0 || judge->now->hot.banned
		|| (row->now_per_s < judge->threshold && !takes_much))
		return false;
	note_object(alert, row);
	note(alert, "share", "%.2f", share);
	summarise(alert,
		"object %" PRIu64 " takes %.0f events/s, %.0f %% of all: app %" PRIu64
		", workspace %" PRIu64 ", database %" PRIu64,
		row->id, row->now_per_s, share * 100, row->app, row->workspace, row->database);
	advise_ban(alert, row->id, "hot object");
	return true;
}

static void note_webhook(struct mr_alert *alert, const struct mr_facts_webhook *webhook)
{
	note_count(alert, "webhook", webhook->id);
	note(alert, "name", "%s", webhook->name);
	note(alert, "origin", "%s", webhook->origin);
	note_count(alert, "pending", webhook->pending);
	note_count(alert, "last_status", webhook->last_status);
}

static bool lag_age(const struct mr_judge *judge, struct mr_alert *alert)
{
	const struct mr_facts_webhook *webhook = &judge->now->lagging;

	if (webhook->id == 0 || seconds(webhook->oldest_ns) < judge->threshold)
		return false;
	note_webhook(alert, webhook);
	note(alert, "oldest_s", "%.0f", seconds(webhook->oldest_ns));
	summarise(alert,
		"%" PRIu64 " deliveries wait for webhook %" PRIu64 " (%s), the oldest for %.0f s",
		webhook->pending, webhook->id, webhook->origin, seconds(webhook->oldest_ns));
	advise(alert, "millrace webhooks show %" PRIu64, webhook->id);
	return true;
}

static bool endpoints_dead(const struct mr_judge *judge, struct mr_alert *alert)
{
	const struct mr_facts_webhook *webhook = &judge->now->dead;

	if (webhook->id == 0 || seconds(webhook->failing_ns) < judge->threshold)
		return false;
	note_webhook(alert, webhook);
	note(alert, "failing_s", "%.0f", seconds(webhook->failing_ns));
	note_count(alert, "failing_webhooks", judge->now->dead_count);
	note_count(alert, "failing_pending", judge->now->dead_pending);
	summarise(alert,
		"the endpoint of webhook %" PRIu64
		" (%s) has failed for %.0f s, last status %" PRIu64 "; %" PRIu64 " webhooks fail",
		webhook->id, webhook->origin, seconds(webhook->failing_ns), webhook->last_status,
		judge->now->dead_count);
	advise(alert, "millrace webhooks attempts %" PRIu64, webhook->id);
	return true;
}

static bool core_stalled(const struct mr_judge *judge, struct mr_alert *alert)
{
	const struct mr_facts_stage *stage = &judge->now->silent;

	if (seconds(stage->silent_ns) < judge->threshold)
		return false;
	note(alert, "stage", "%s", stage->name);
	note_count(alert, "cpu", stage->cpu);
	note(alert, "silent_s", "%.1f", seconds(stage->silent_ns));
	summarise(alert, "stage %s on CPU %u has not stepped for %.1f s", stage->name, stage->cpu,
		seconds(stage->silent_ns));
	advise(alert, "millrace --direct stats");
	return true;
}

// Of the journal: the steward judges, its bits stand in a gauge.
static bool journal_says(const struct mr_judge *judge, enum mr_alarm bit, const char *summary,
	const char *command, struct mr_alert *alert)
{
	if (!(judge->now->journal_alarms >> bit & 1))
		return false;
	note_count(alert, "journal_alarms", judge->now->journal_alarms);
	summarise(alert, "%s", summary);
	advise(alert, "%s", command);
	return true;
}

static bool journal_stalled(const struct mr_judge *judge, struct mr_alert *alert)
{
	return journal_says(judge, MR_ALARM_STALLED,
		"a write of the journal has been under way for more than 1 s: producers wait",
		"millrace status", alert);
}

static bool journal_full(const struct mr_judge *judge, struct mr_alert *alert)
{
	return journal_says(judge, MR_ALARM_FULL,
		"the journal's file system has no room: events are refused, deliveries go on",
		"millrace status", alert);
}

static bool journal_failed(const struct mr_judge *judge, struct mr_alert *alert)
{
	return journal_says(judge, MR_ALARM_FAILED,
		"a write of the journal has failed: nothing is acknowledged, the router will end",
		"journalctl -u millraced -n 50", alert);
}

static bool journal_expiring(const struct mr_judge *judge, struct mr_alert *alert)
{
	return journal_says(judge, MR_ALARM_RETENTION,
		"the journal is as old or large as it may be: the oldest deliveries expire",
		"millrace webhooks lag", alert);
}

static bool link_down(const struct mr_judge *judge, struct mr_alert *alert)
{
	if (judge->now->link_up != 0)
		return false;
	note_count(alert, "link_up", judge->now->link_up);
	summarise(alert, "the port has no link: nothing is received");
	advise(alert, "millrace --direct status");
	return true;
}

static bool packets_lost(const struct mr_judge *judge, struct mr_alert *alert)
{
	static const uint32_t causes[] = {MR_DISCARD_NO_MBUF, MR_DISCARD_SHARD_BUSY,
		MR_DISCARD_TX_FULL, MR_DISCARD_REORDER_FULL};
	uint64_t lost[4], all = 0;

	for (size_t i = 0; i < 4; i++) {
		lost[i] = since(judge->now->discards[causes[i]], judge->then->discards[causes[i]]);
		all += lost[i];
	}
	if ((double)all < judge->threshold)
		return false;
	for (size_t i = 0; i < 4; i++)
		note_count(alert, mr_discard_label(causes[i]), lost[i]);
	summarise(alert,
		"%" PRIu64
		" packets were lost inside the router in %u s; producers send them again",
		all, (unsigned)MR_ALERTS_WINDOW);
	advise(alert, "millrace stats counters");
	return true;
}

static bool sessions_full(const struct mr_judge *judge, struct mr_alert *alert)
{
	const struct mr_facts *now = judge->now;

	if (now->sessions_max == 0
		|| (double)now->sessions * 100 < judge->threshold * (double)now->sessions_max)
		return false;
	note_count(alert, "sessions", now->sessions);
	note_count(alert, "sessions_max", now->sessions_max);
	summarise(alert,
		"%" PRIu64 " of %" PRIu64 " sessions are open: new producers will be refused",
		now->sessions, now->sessions_max);
	advise(alert, "millrace status");
	return true;
}

static bool ledger_imbalance(const struct mr_judge *judge, struct mr_alert *alert)
{
	const struct mr_ledgers *ledgers = &judge->now->ledgers;

	if ((double)(ledgers->events_off_balance + ledgers->deliveries_off_balance)
		< judge->threshold)
		return false;
	note_count(alert, "events", ledgers->events_off_balance);
	note_count(alert, "deliveries", ledgers->deliveries_off_balance);
	summarise(alert, "%" PRIu64 " events and %" PRIu64 " deliveries cannot be accounted for",
		ledgers->events_off_balance, ledgers->deliveries_off_balance);
	advise(alert, "millrace ledgers");
	return true;
}

static bool paused(const struct mr_judge *judge, struct mr_alert *alert)
{
	char what[64] = "";
	const char *first = "";

	for (uint32_t bit = 1; bit <= MR_PAUSE_DELIVERY; bit <<= 1) {
		if (!(judge->now->paused & bit))
			continue;
		if (what[0] == 0)
			first = mr_pause_name(bit);
		snprintf(what + strlen(what), sizeof(what) - strlen(what), "%s%s",
			what[0] ? ", " : "", mr_pause_name(bit));
	}
	if (what[0] == 0)
		return false;
	note(alert, "paused", "%s", what);
	summarise(alert, "paused by an operator: %s", what);
	advise(alert, "millrace resume %s", first);
	return true;
}

static bool reload_failed(const struct mr_judge *judge, struct mr_alert *alert)
{
	const uint64_t failed = since(judge->now->reloads_failed, judge->reloads_failed_before);

	if ((double)failed < judge->threshold)
		return false;
	note_count(alert, "failed", failed);
	summarise(alert, "%" PRIu64 " reloads of the configuration were refused: the old one stays",
		failed);
	advise(alert, "millrace --direct reload");
	return true;
}

static bool data_plane_lost(const struct mr_judge *judge, struct mr_alert *alert)
{
	if (judge->now->connected)
		return false;
	note(alert, "away_s", "%.0f", seconds(judge->now->away_ns));
	summarise(alert, "millraced has not answered on its control socket for %.0f s",
		seconds(judge->now->away_ns));
	advise(alert, "systemctl status millraced");
	return true;
}

bool mr_judge(enum mr_alert_id id, const struct mr_judge *judge, struct mr_alert *alert)
{
	static bool (*const judges[MR_ALERT_ID_COUNT])(
		const struct mr_judge *judge, struct mr_alert *alert) = {
		[MR_ALERT_EVENTS_DROPPED] = events_dropped,
		[MR_ALERT_QUEUE_FULL] = queue_full,
		[MR_ALERT_HOT_OBJECT] = hot_object,
		[MR_ALERT_LAG_AGE] = lag_age,
		[MR_ALERT_ENDPOINTS_DEAD] = endpoints_dead,
		[MR_ALERT_CORE_STALLED] = core_stalled,
		[MR_ALERT_JOURNAL_STALLED] = journal_stalled,
		[MR_ALERT_JOURNAL_FULL] = journal_full,
		[MR_ALERT_JOURNAL_FAILED] = journal_failed,
		[MR_ALERT_JOURNAL_EXPIRING] = journal_expiring,
		[MR_ALERT_LINK_DOWN] = link_down,
		[MR_ALERT_PACKETS_LOST] = packets_lost,
		[MR_ALERT_SESSIONS_FULL] = sessions_full,
		[MR_ALERT_LEDGER_IMBALANCE] = ledger_imbalance,
		[MR_ALERT_PAUSED] = paused,
		[MR_ALERT_RELOAD_FAILED] = reload_failed,
		[MR_ALERT_DATA_PLANE_LOST] = data_plane_lost,
	};
	struct mr_alert said = *alert;

	said.evidence.count = 0;
	if (!judges[id](judge, &said))
		return false;
	*alert = said;
	return true;
}

bool mr_judge_stands_alone(enum mr_alert_id id)
{
	return id == MR_ALERT_DATA_PLANE_LOST;
}
