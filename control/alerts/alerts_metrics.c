#include "alerts_metrics.h"

static void write_one(FILE *out, enum mr_metric_id id, double value)
{
	mr_metric_begin(out, id);
	mr_metric_sample(out, id, NULL, value);
}

void mr_alerts_metrics(
	FILE *out, const struct mr_alerts *alerts, const struct mr_facts_canary *canary)
{
	mr_metric_begin(out, MR_METRIC_ALARM);
	for (int i = 0; i < MR_ALERT_ID_COUNT; i++) {
		const struct mr_alert_info *info = mr_alert_info((enum mr_alert_id)i);
		const char *const labels[] = {info->name, mr_severity_name(info->severity)};

		mr_metric_sample(
			out, MR_METRIC_ALARM, labels, alerts->alerts[i].state == MR_ALERT_FIRING);
	}
	write_one(out, MR_METRIC_EVALUATIONS, (double)alerts->evaluations);
	write_one(out, MR_METRIC_CANARY_SENT, (double)canary->sent);
	write_one(out, MR_METRIC_CANARY_ARRIVED, (double)canary->arrived);
	write_one(out, MR_METRIC_CANARY_AGE, (double)canary->overdue_ns / 1e9);
	write_one(out, MR_METRIC_CANARY_TOOK, (double)canary->took_ns / 1e9);
}

void mr_notifier_metrics(FILE *out, struct mr_notifier *notifier)
{
	struct mr_receiver_report report;

	mr_metric_begin(out, MR_METRIC_NOTIFICATIONS);
	for (uint32_t i = 0; mr_notifier_report(notifier, i, &report); i++) {
		const char *const sent[] = {report.receiver->name, "sent"};
		const char *const failed[] = {report.receiver->name, "failed"};

		mr_metric_sample(out, MR_METRIC_NOTIFICATIONS, sent, (double)report.sent);
		mr_metric_sample(out, MR_METRIC_NOTIFICATIONS, failed, (double)report.failed);
	}
	mr_metric_begin(out, MR_METRIC_NOTIFICATIONS_WAITING);
	for (uint32_t i = 0; mr_notifier_report(notifier, i, &report); i++) {
		const char *const labels[] = {report.receiver->name};

		mr_metric_sample(
			out, MR_METRIC_NOTIFICATIONS_WAITING, labels, (double)report.waiting);
	}
}
