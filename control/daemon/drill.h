// Drills: each alarm's fault is brought about for real, and the drill passes only when a receiver
// has taken the alarm.
#pragma once

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "alerts.h"

struct mr_daemon;
struct mr_line;

enum { MR_DRILL_SECONDS = 120, MR_DRILL_WHY_BYTES = 256 };

struct mr_drill {
	enum mr_alert_id alarm; // has the drill's name
	bool safe; // traffic does not notice; otherwise: for a lab
	const char *fault; // what is brought about
	// NULL: whoever calls brings it about while the drill waits. 0 or negative errno.
	int (*begin)(struct mr_daemon *daemon, struct mr_line *line, char *ret_why);
	void (*end)(struct mr_daemon *daemon, struct mr_line *line);
};

const struct mr_drill *mr_drill_of(enum mr_alert_id alarm);

struct mr_drill_result {
	bool passed;
	double took_s;
	json_t *steps; // [{at_s, ok, text}]
};
// Waits for MR_DRILL_SECONDS at most. 0 when it was run, passed or not; -EBUSY: another one goes
// on; -EALREADY: the alarm fires by itself; -EPERM: for a lab, and others' traffic flows.
int mr_drill_run(struct mr_daemon *daemon, struct mr_line *line, const struct mr_drill *drill,
	bool in_lab, struct mr_drill_result *ret_result, char *ret_why);
