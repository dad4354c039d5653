// Who is told of alarms, and when: one YAML file, checked strictly. docs/ALARMS.md describes it.
#pragma once

#include "notifier.h"

struct mr_alert_settings {
	struct mr_notifier_settings notifier;
	double thresholds[MR_ALERT_ID_COUNT];
};

enum { MR_ALERT_SETTINGS_WHY_BYTES = 512 };

void mr_alert_settings_defaults(struct mr_alert_settings *ret_settings);
// 0, or negative errno with "file:line:column: what is wrong" (-EINVAL) or why it cannot be read.
// Free what was loaded, also after a failure.
int mr_alert_settings_load(const char *path, struct mr_alert_settings *ret_settings, char *ret_why);
void mr_alert_settings_free(struct mr_alert_settings *settings);
