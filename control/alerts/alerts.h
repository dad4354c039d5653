// The alarms ("alerts" in code: the router has its own, of the journal): what is judged, when it
// fires and clears, and what it says. Pure: facts in, states out. docs/runbook has a page for each.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "facts.h"

// X(symbol, name, severity, for s, clear s, threshold, unit of the threshold, title)
// An alarm fires when it has been true for `for` seconds, and is over when it has been false for
// `clear` seconds. Thresholds are what the settings may change; an alarm that fires stays true down
// to 80 % of its own.
#define MR_ALERTS(X)                                                                        \
	X(EVENTS_DROPPED, "events_dropped", CRITICAL, 0, 60, 1, "events in 10 s",           \
		"accepted events or deliveries are given up")                               \
	X(QUEUE_FULL, "queue_full", WARNING, 2, 30, 10, "events in 10 s",                   \
		"events are refused: a queue is full")                                      \
	X(HOT_OBJECT, "hot_object", CRITICAL, 3, 30, 1000, "events/s",                      \
		"one object takes a large share of all work")                               \
	X(LAG_AGE, "lag_age", WARNING, 10, 30, 60, "s",                                     \
		"deliveries wait too long although their endpoint answers")                 \
	X(ENDPOINTS_DEAD, "endpoints_dead", WARNING, 0, 10, 300, "s",                       \
		"an endpoint has failed for long")                                          \
	X(CORE_STALLED, "core_stalled", CRITICAL, 0, 5, 2, "s", "a stage has stopped")      \
	X(JOURNAL_STALLED, "journal_stalled", CRITICAL, 0, 10, 1, "state",                  \
		"a write of the journal does not come back")                                \
	X(JOURNAL_FULL, "journal_full", CRITICAL, 0, 10, 1, "state",                        \
		"the journal's file system has no room")                                    \
	X(JOURNAL_FAILED, "journal_failed", CRITICAL, 0, 10, 1, "state",                    \
		"a write of the journal has failed")                                        \
	X(JOURNAL_EXPIRING, "journal_expiring", CRITICAL, 0, 60, 1, "state",                \
		"the journal has reached its retention: deliveries expire")                 \
	X(LINK_DOWN, "link_down", CRITICAL, 2, 5, 1, "state", "the port has no link")       \
	X(PACKETS_LOST, "packets_lost", WARNING, 2, 30, 100, "packets in 10 s",             \
		"packets are lost inside the router for want of room")                      \
	X(SESSIONS_FULL, "sessions_full", WARNING, 10, 60, 90, "% of sessions.max",         \
		"the table of sessions is nearly full")                                     \
	X(LEDGER_IMBALANCE, "ledger_imbalance", CRITICAL, 5, 30, 1, "entries",              \
		"events or deliveries cannot be accounted for")                             \
	X(PAUSED, "paused", WARNING, 0, 0, 1, "state", "an operator has paused the router") \
	X(RELOAD_FAILED, "reload_failed", WARNING, 0, 0, 1, "reloads",                      \
		"the configuration was refused: the old one stays")                         \
	X(DATA_PLANE_LOST, "data_plane_lost", CRITICAL, 3, 3, 1, "state",                   \
		"millraced does not answer")

enum mr_alert_id {
#define X(symbol, name, severity, for_s, clear_s, threshold, unit, title) MR_ALERT_##symbol,
	MR_ALERTS(X)
#undef X
		MR_ALERT_ID_COUNT
};

enum mr_alert_severity { MR_SEVERITY_WARNING, MR_SEVERITY_CRITICAL };

struct mr_alert_info {
	const char *name;
	enum mr_alert_severity severity;
	uint32_t for_s, clear_s;
	double threshold;
	const char *unit;
	const char *title;
};
const struct mr_alert_info *mr_alert_info(enum mr_alert_id id);
// enum mr_alert_id, or -ENOENT.
int mr_alert_find(const char *name);
const char *mr_severity_name(enum mr_alert_severity severity); // "warning", "critical"

enum { MR_EVIDENCE_MAX = 12 };
struct mr_evidence { // names and numbers
	uint32_t count;
	struct {
		const char *name;
		char text[MR_FACTS_NAME_BYTES];
	} items[MR_EVIDENCE_MAX];
};

enum mr_alert_state { MR_ALERT_OK, MR_ALERT_PENDING, MR_ALERT_FIRING };
const char *mr_alert_state_name(enum mr_alert_state state); // "ok", "pending", "firing"

enum { MR_ALERT_SUMMARY_BYTES = 256, MR_ALERT_COMMAND_BYTES = 160 };
struct mr_alert {
	enum mr_alert_state state;
	int64_t since_wall_ns; // of the state; 0: since the start
	int64_t fired_wall_ns; // when it last began to fire; 0: never
	uint64_t true_since_ns, false_since_ns; // monotonic; 0: it is not
	// of the last time it was true
	struct mr_evidence evidence;
	char summary[MR_ALERT_SUMMARY_BYTES];
	char command[MR_ALERT_COMMAND_BYTES]; // to type
};

enum { MR_ALERTS_WINDOW = 10 }; // seconds that counts of events are looked at over

struct mr_alerts {
	double thresholds[MR_ALERT_ID_COUNT];
	struct mr_alert alerts[MR_ALERT_ID_COUNT];
	uint64_t evaluations;
	uint64_t reloads_failed_before; // when a reload last succeeded
	uint32_t seen; // facts of this boot in `window`
	struct mr_facts window[MR_ALERTS_WINDOW + 1]; // the newest at [(seen - 1) % (WINDOW + 1)]
};

void mr_alerts_init(struct mr_alerts *alerts); // thresholds are the list's
// Once per second. The bits of `ret_changed` (1 << enum mr_alert_id) are alarms that began to fire
// or are over.
void mr_alerts_evaluate(
	struct mr_alerts *alerts, const struct mr_facts *facts, uint32_t *ret_changed);
