#include "watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "alerts_metrics.h"
#include "answer.h"
#include "ban_list.h"
#include "log.h"
#include "snapshot.h"

struct mr_watch {
	const struct mr_alert_settings *settings;
	struct mr_ban_list *bans;
	struct mr_notifier *notifier;
	atomic_bool cut, ending;
	pthread_mutex_t lock; // of what follows
	struct mr_alerts alerts;
	struct mr_facts facts;
	uint64_t connected_ns; // when it last was; monotonic
	uint32_t drills; // 1 << enum mr_alert_id; told as such until they are over
	bool drilling;
};

int mr_watch_start(struct mr_watch **ret_watch, const struct mr_alert_settings *settings,
	struct mr_ban_list *bans)
{
	struct mr_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return -ENOMEM;
	watch->settings = settings;
	watch->bans = bans;
	mr_alerts_init(&watch->alerts);
	for (int i = 0; i < MR_ALERT_ID_COUNT; i++)
		watch->alerts.thresholds[i] = settings->thresholds[i];
	const int r = mr_notifier_start(&watch->notifier, &settings->notifier);

	if (r < 0) {
		free(watch);
		return r;
	}
	pthread_mutex_init(&watch->lock, NULL);
	*ret_watch = watch;
	return 0;
}

void mr_watch_stop(struct mr_watch *watch)
{
	if (!watch)
		return;
	mr_notifier_stop(watch->notifier);
	pthread_mutex_destroy(&watch->lock);
	free(watch);
}

static bool is_banned(void *context, const struct mr_scope *scope)
{
	struct mr_ban ban;

	return mr_ban_list_find(context, scope, &ban);
}

static void log_changes(const struct mr_alerts *alerts, uint32_t changed)
{
	for (int i = 0; i < MR_ALERT_ID_COUNT; i++) {
		const struct mr_alert *alert = &alerts->alerts[i];
		const bool firing = alert->state == MR_ALERT_FIRING;

		if (changed >> i & 1)
			mr_log(firing ? MR_LOG_WARNING : MR_LOG_INFO, "alarm %s %s: %s",
				mr_alert_info((enum mr_alert_id)i)->name,
				firing ? "fires" : "is over", alert->summary);
	}
}

// With the lock.
static void read_facts(struct mr_watch *watch, const struct mr_snapshot *snapshot)
{
	struct mr_facts *facts = &watch->facts;
	const struct mr_facts_bans bans = {.has = is_banned, .context = watch->bans};

	facts->now_ns = snapshot->at_mono_ns;
	facts->wall_ns = snapshot->at_ns;
	facts->connected = snapshot->connected;
	if (snapshot->connected || watch->connected_ns == 0)
		watch->connected_ns = snapshot->at_mono_ns;
	facts->away_ns = snapshot->at_mono_ns - watch->connected_ns;
	if (snapshot->connected && snapshot->stats)
		mr_facts_read(snapshot->stats, &snapshot->ledgers, &bans, facts);
}

void mr_watch_tick(struct mr_watch *watch, const struct mr_snapshot *snapshot)
{
	uint32_t changed;

	pthread_mutex_lock(&watch->lock);
	read_facts(watch, snapshot);
	mr_alerts_evaluate(&watch->alerts, &watch->facts, &changed);
	mr_notifier_look(watch->notifier, &watch->alerts, changed, watch->drills, &watch->facts);
	for (int i = 0; i < MR_ALERT_ID_COUNT && !watch->drilling; i++) {
		if (watch->alerts.alerts[i].state == MR_ALERT_OK)
			watch->drills &= ~(UINT32_C(1) << i);
	}
	log_changes(&watch->alerts, changed);
	pthread_mutex_unlock(&watch->lock);
}

static json_t *evidence_json(const struct mr_evidence *evidence)
{
	json_t *json = json_object();

	for (uint32_t i = 0; i < evidence->count; i++)
		json_object_set_new(json, evidence->items[i].name,
			mr_json_text(evidence->items[i].text, sizeof(evidence->items[i].text)));
	return json;
}

static json_t *alarm_json(const struct mr_watch *watch, enum mr_alert_id id)
{
	const struct mr_alert *alert = &watch->alerts.alerts[id];
	const struct mr_alert_info *info = mr_alert_info(id);
	const bool is_on = alert->state != MR_ALERT_OK;
	char runbook[sizeof(watch->settings->notifier.place.runbook) + 80];

	snprintf(runbook, sizeof(runbook), "%s/%s.md", watch->settings->notifier.place.runbook,
		info->name);
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:s, s:b}", "name", info->name,
		"severity", mr_severity_name(info->severity), "state",
		mr_alert_state_name(alert->state), "since", mr_json_time(alert->since_wall_ns),
		"summary",
		is_on ? mr_json_text(alert->summary, sizeof(alert->summary))
		      : json_string(info->title),
		"evidence", is_on ? evidence_json(&alert->evidence) : json_object(), "command",
		is_on ? mr_json_text(alert->command, sizeof(alert->command)) : json_null(),
		"runbook", runbook, "drill", (watch->drills >> id & 1) != 0);
}

json_t *mr_watch_alarms(struct mr_watch *watch)
{
	json_t *rows = json_array();

	pthread_mutex_lock(&watch->lock);
	for (int i = 0; i < MR_ALERT_ID_COUNT; i++)
		json_array_append_new(rows, alarm_json(watch, (enum mr_alert_id)i));
	pthread_mutex_unlock(&watch->lock);
	return rows;
}

json_t *mr_watch_receivers(struct mr_watch *watch)
{
	json_t *rows = json_array();
	struct mr_receiver_report report;
	char place[MR_URL_BYTES_MAX + 1];

	for (uint32_t i = 0; mr_notifier_report(watch->notifier, i, &report); i++) {
		mr_receiver_place(report.receiver, place, sizeof(place));
		json_array_append_new(rows,
			json_pack("{s:o, s:s, s:o, s:I, s:I, s:i, s:o}", "name",
				mr_json_text(report.receiver->name, sizeof(report.receiver->name)),
				"kind", mr_receiver_kind_name(report.receiver->kind), "place",
				mr_json_text(place, sizeof(place)), "sent", (json_int_t)report.sent,
				"failed", (json_int_t)report.failed, "waiting", (int)report.waiting,
				"last_error", mr_json_text(report.why, sizeof(report.why))));
	}
	return rows;
}

void mr_watch_counts(struct mr_watch *watch, uint32_t *ret_firing, uint32_t *ret_pending)
{
	uint32_t counts[] = {0, 0, 0};

	pthread_mutex_lock(&watch->lock);
	for (int i = 0; i < MR_ALERT_ID_COUNT; i++)
		counts[watch->alerts.alerts[i].state]++;
	pthread_mutex_unlock(&watch->lock);
	*ret_firing = counts[MR_ALERT_FIRING];
	*ret_pending = counts[MR_ALERT_PENDING];
}

void mr_watch_metrics(struct mr_watch *watch, FILE *out)
{
	pthread_mutex_lock(&watch->lock);
	mr_alerts_metrics(out, &watch->alerts);
	pthread_mutex_unlock(&watch->lock);
	mr_notifier_metrics(out, watch->notifier);
}

bool mr_watch_drill_begin(struct mr_watch *watch, enum mr_alert_id id)
{
	pthread_mutex_lock(&watch->lock);
	const bool begins = !watch->drilling;

	if (begins) {
		watch->drilling = true;
		watch->drills |= UINT32_C(1) << id;
	}
	pthread_mutex_unlock(&watch->lock);
	return begins;
}

void mr_watch_drill_end(struct mr_watch *watch)
{
	pthread_mutex_lock(&watch->lock);
	watch->drilling = false;
	pthread_mutex_unlock(&watch->lock);
}

enum mr_alert_state mr_watch_state(struct mr_watch *watch, enum mr_alert_id id)
{
	pthread_mutex_lock(&watch->lock);
	const enum mr_alert_state state = watch->alerts.alerts[id].state;

	pthread_mutex_unlock(&watch->lock);
	return state;
}

uint64_t mr_watch_reached(struct mr_watch *watch, enum mr_alert_id id)
{
	return mr_notifier_reached(watch->notifier, id);
}

void mr_watch_cut(struct mr_watch *watch, bool cut)
{
	atomic_store(&watch->cut, cut);
}

bool mr_watch_is_cut(const struct mr_watch *watch)
{
	return atomic_load(&watch->cut);
}

void mr_watch_give_up(struct mr_watch *watch)
{
	atomic_store(&watch->ending, true);
}

bool mr_watch_is_ending(const struct mr_watch *watch)
{
	return atomic_load(&watch->ending);
}
