// Tells the receivers of alarms that begin to fire, go on firing, and are over; and that it is
// alive.
// Each receiver has a thread of its own and one place per alarm: a newer notice takes the place of
// an older one that could not be told, so nothing grows while a receiver is away. What it missed it
// is told when it is back, last state only.
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "alerts.h"
#include "receiver.h"

struct mr_notifier_settings {
	uint32_t receivers_count;
	struct mr_receiver receivers[MR_RECEIVERS_MAX];
	struct mr_notice_place place;
	uint64_t repeat_ns; // an alarm that goes on firing is told again
	uint64_t heartbeat_ns; // of the watchdog
	uint64_t retry_ns, retry_max_ns; // after a failure, doubled up to the most
};

struct mr_notifier;

// `settings` must outlive it. 0 or negative errno.
int mr_notifier_start(
	struct mr_notifier **ret_notifier, const struct mr_notifier_settings *settings);
void mr_notifier_stop(struct mr_notifier *notifier); // accepts NULL; ends what is under way

// After an evaluation: `changed` is its answer, `drills` are alarms that are being caused on
// purpose (1 << enum mr_alert_id). Waits for nobody.
void mr_notifier_look(struct mr_notifier *notifier, const struct mr_alerts *alerts,
	uint32_t changed, uint32_t drills, const struct mr_facts *facts);
// How often a firing notice of the alarm has reached a receiver.
uint64_t mr_notifier_reached(struct mr_notifier *notifier, enum mr_alert_id id);

struct mr_receiver_report {
	const struct mr_receiver *receiver;
	uint64_t sent, failed; // notices; attempts
	uint32_t waiting;
	char why[MR_RECEIVER_WHY_BYTES]; // of the last attempt; empty: it went well
};
// False beyond the last.
bool mr_notifier_report(
	struct mr_notifier *notifier, uint32_t index, struct mr_receiver_report *ret_report);
