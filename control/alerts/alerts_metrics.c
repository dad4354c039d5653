#include "alerts_metrics.h"

void mr_alerts_metrics(FILE *out, const struct mr_alerts *alerts)
{
	mr_metric_begin(out, MR_METRIC_ALARM);
	for (int i = 0; i < MR_ALERT_ID_COUNT; i++) {
		const struct mr_alert_info *info = mr_alert_info((enum mr_alert_id)i);
		const char *const labels[] = {info->name, mr_severity_name(info->severity)};

		mr_metric_sample(
			out, MR_METRIC_ALARM, labels, alerts->alerts[i].state == MR_ALERT_FIRING);
	}
	mr_metric_begin(out, MR_METRIC_EVALUATIONS);
	mr_metric_sample(out, MR_METRIC_EVALUATIONS, NULL, (double)alerts->evaluations);
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
