// Whether each alarm is true of the facts, and what it then says. Pure.
#pragma once

#include "alerts.h"

struct mr_judge {
	const struct mr_facts *now;
	const struct mr_facts *then; // at most MR_ALERTS_WINDOW seconds ago, of the same boot
	uint64_t reloads_failed_before;
	double threshold; // of this alarm, lowered while it fires
};

// When true, fills evidence, summary and command of `alert`; else leaves them.
bool mr_judge(enum mr_alert_id id, const struct mr_judge *judge, struct mr_alert *alert);
// Whether the alarm is judged while the data plane is away. What is not stays as it was.
bool mr_judge_stands_alone(enum mr_alert_id id);
