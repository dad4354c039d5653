#include "alerts.h"

#include <errno.h>
#include <string.h>

#include "judge.h"

#define STILL_TRUE 0.8 // of its threshold, while an alarm fires

static const struct mr_alert_info infos[] = {
#define WARNING  MR_SEVERITY_WARNING
#define CRITICAL MR_SEVERITY_CRITICAL
#define X(symbol, name, severity, for_s, clear_s, threshold, unit, title) \
	{name, severity, for_s, clear_s, threshold, unit, title},
	MR_ALERTS(X)
#undef X
#undef WARNING
#undef CRITICAL
};

const struct mr_alert_info *mr_alert_info(enum mr_alert_id id)
{
	return &infos[id];
}

int mr_alert_find(const char *name)
{
	for (int i = 0; i < MR_ALERT_ID_COUNT; i++) {
		if (strcmp(infos[i].name, name) == 0)
			return i;
	}
	return -ENOENT;
}

const char *mr_severity_name(enum mr_alert_severity severity)
{
	return severity == MR_SEVERITY_CRITICAL ? "critical" : "warning";
}

const char *mr_alert_state_name(enum mr_alert_state state)
{
	static const char *const names[] = {"ok", "pending", "firing"};

	return names[state];
}

void mr_alerts_init(struct mr_alerts *alerts)
{
	memset(alerts, 0, sizeof(*alerts));
	for (int i = 0; i < MR_ALERT_ID_COUNT; i++)
		alerts->thresholds[i] = infos[i].threshold;
}

static const struct mr_facts *newest(const struct mr_alerts *alerts)
{
	return &alerts->window[(alerts->seen - 1) % (MR_ALERTS_WINDOW + 1)];
}

static const struct mr_facts *oldest(const struct mr_alerts *alerts)
{
	const uint32_t held = MR_ALERTS_WINDOW + 1;

	return &alerts->window[alerts->seen <= held ? 0 : alerts->seen % held];
}

// A router that has started again counts from nothing.
static void remember(struct mr_alerts *alerts, const struct mr_facts *facts)
{
	if (alerts->seen == 0)
		alerts->reloads_failed_before = facts->reloads_failed;
	else if (newest(alerts)->boot_id != facts->boot_id) {
		alerts->seen = 0;
		alerts->reloads_failed_before = 0;
	} else if (newest(alerts)->reloads != facts->reloads)
		alerts->reloads_failed_before = facts->reloads_failed;
	alerts->window[alerts->seen % (MR_ALERTS_WINDOW + 1)] = *facts;
	alerts->seen++;
}

static void enter(struct mr_alert *alert, enum mr_alert_state state, int64_t wall_ns)
{
	alert->state = state;
	alert->since_wall_ns = wall_ns;
	if (state == MR_ALERT_FIRING)
		alert->fired_wall_ns = wall_ns;
}

static bool lasts(uint64_t since_ns, uint32_t for_s, uint64_t now_ns)
{
	return now_ns - since_ns >= (uint64_t)for_s * 1000000000;
}

// From one state to the next. True when it began to fire, or is over.
static bool step(struct mr_alert *alert, const struct mr_alert_info *info, bool is_true,
	const struct mr_facts *facts)
{
	const bool fired = alert->state == MR_ALERT_FIRING;

	if (is_true) {
		alert->false_since_ns = 0;
		if (alert->true_since_ns == 0)
			alert->true_since_ns = facts->now_ns;
		if (!fired && lasts(alert->true_since_ns, info->for_s, facts->now_ns))
			enter(alert, MR_ALERT_FIRING, facts->wall_ns);
		else if (alert->state == MR_ALERT_OK)
			enter(alert, MR_ALERT_PENDING, facts->wall_ns);
	} else {
		alert->true_since_ns = 0;
		if (alert->false_since_ns == 0)
			alert->false_since_ns = facts->now_ns;
		if (alert->state == MR_ALERT_PENDING
			|| (fired && lasts(alert->false_since_ns, info->clear_s, facts->now_ns)))
			enter(alert, MR_ALERT_OK, facts->wall_ns);
	}
	return fired != (alert->state == MR_ALERT_FIRING);
}

void mr_alerts_evaluate(
	struct mr_alerts *alerts, const struct mr_facts *facts, uint32_t *ret_changed)
{
	uint32_t changed = 0;

	const bool is_told = facts->connected && facts->boot_id != 0;

	if (is_told)
		remember(alerts, facts);
	struct mr_judge judge = {
		.now = facts,
		.then = alerts->seen > 0 ? oldest(alerts) : facts,
		.reloads_failed_before = alerts->reloads_failed_before,
	};
	for (int i = 0; i < MR_ALERT_ID_COUNT; i++) {
		struct mr_alert *alert = &alerts->alerts[i];
		const double still = alert->state == MR_ALERT_FIRING ? STILL_TRUE : 1.0;

		if (!is_told && !mr_judge_stands_alone((enum mr_alert_id)i))
			continue;
		judge.threshold = alerts->thresholds[i] * still;
		const bool is_true = mr_judge((enum mr_alert_id)i, &judge, alert);

		if (step(alert, &infos[i], is_true, facts))
			changed |= UINT32_C(1) << i;
	}
	alerts->evaluations++;
	*ret_changed = changed;
}
