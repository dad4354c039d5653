// One notification: Alertmanager's webhook message (version "4") of one alarm, and the same as a
// line of text.
#pragma once

#include <stdbool.h>

#include "alerts.h"

// An alarm that fires always: when it stops coming, whoever waits for it knows that alarms are
// dead.
#define MR_WATCHDOG_NAME "watchdog"

struct mr_notice_place { // the same for all notices of a daemon
	char instance[MR_HOST_BYTES_MAX + 1]; // label: of which machine
	char runbook[256]; // prefix of the pages' addresses, without a slash at the end
};

struct mr_notice {
	bool firing; // or resolved
	bool critical;
	char *body; // JSON, heap
	char line[512]; // no control characters
};

// Of an alarm that fires or is over at `wall_ns`. `drill`: it was caused on purpose. 0 or -ENOMEM.
int mr_notice_new(const struct mr_notice_place *place, enum mr_alert_id id,
	const struct mr_alert *alert, bool drill, int64_t wall_ns, struct mr_notice *ret_notice);
int mr_notice_watchdog(
	const struct mr_notice_place *place, int64_t wall_ns, struct mr_notice *ret_notice);
int mr_notice_copy(const struct mr_notice *notice, struct mr_notice *ret_copy);
void mr_notice_free(struct mr_notice *notice); // accepts an empty one
