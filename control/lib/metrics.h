// Every metric a scraper is offered, declared once: the exposition and docs/METRICS.md are written
// from this list, and the rules in deploy/prometheus are tested against it. The counters and
// histograms of stages are declared in <millrace/stats.h> and join the list under the names
// millrace_<stage>_<metric>.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <millrace/stats.h>

#include "ledgers.h"

// X(symbol, name, type, unit, labels, help)
#define MR_METRICS(X)                                                                              \
	X(BUILD, "millrace_build_info", GAUGE, "", "program,release", "1: release of the program") \
	X(UP, "millrace_data_plane_up", GAUGE, "state", "",                                        \
		"1: millraced answers on its control socket")                                      \
	X(STARTED, "millrace_data_plane_start_time_seconds", GAUGE, "seconds", "",                 \
		"when millraced started, since 1970")                                              \
	X(VOLATILE, "millrace_data_plane_volatile", GAUGE, "state", "",                            \
		"1: durability is memory, a crash forgets acknowledged events")                    \
	X(STEPS, "millrace_stage_steps_total", COUNTER, "steps", "stage", "steps taken")           \
	X(STEPS_BUSY, "millrace_stage_steps_busy_total", COUNTER, "steps", "stage",                \
		"steps that did something")                                                        \
	X(BUSY, "millrace_stage_busy_seconds_total", COUNTER, "seconds", "stage",                  \
		"time spent in steps that did something")                                          \
	X(HEARTBEAT, "millrace_stage_heartbeat_age_seconds", GAUGE, "seconds", "stage",            \
		"since the last step of the stage")                                                \
	X(GENERATION, "millrace_stage_generation", GAUGE, "generation", "stage",                   \
		"configuration generation that the stage has applied")                             \
	X(STEP, "millrace_stage_step_seconds", HISTOGRAM, "seconds", "stage",                      \
		"length of a busy step")                                                           \
	X(EVENTS_REFUSED, "millrace_events_refused_total", COUNTER, "events", "stage,reason",      \
		"events refused, by reason")                                                       \
	X(EVENTS_DROPPED, "millrace_events_dropped_total", COUNTER, "events", "stage,reason",      \
		"accepted events given up, by reason")                                             \
	X(DELIVERIES_DROPPED, "millrace_deliveries_dropped_total", COUNTER, "deliveries",          \
		"stage,reason", "deliveries given up, by reason")                                  \
	X(DISCARDED, "millrace_packets_discarded_total", COUNTER, "packets", "stage,cause",        \
		"packets that ended at the door, by cause")                                        \
	X(OFF_BALANCE, "millrace_ledger_off_balance", GAUGE, "entries", "ledger",                  \
		"events or deliveries that the ledger cannot account for; 0 when all is well")     \
	X(WEBHOOK_PENDING, "millrace_webhook_pending", GAUGE, "deliveries", "webhook,name,origin", \
		"deliveries that wait in the lane of the webhook")                                 \
	X(WEBHOOK_LAG, "millrace_webhook_lag_seconds", GAUGE, "seconds", "webhook,name,origin",    \
		"age of the oldest delivery that waits")                                           \
	X(WEBHOOK_FAILING, "millrace_webhook_failing_seconds", GAUGE, "seconds",                   \
		"webhook,name,origin", "since its endpoint began to fail; 0: it does not")         \
	X(WEBHOOK_DELIVERED, "millrace_webhook_delivered_total", COUNTER, "deliveries",            \
		"webhook,name,origin", "deliveries answered with 2xx")                             \
	X(WEBHOOK_DROPPED, "millrace_webhook_dropped_total", COUNTER, "deliveries",                \
		"webhook,name,origin", "deliveries given up")                                      \
	X(WEBHOOK_REQUESTS, "millrace_webhook_requests_total", COUNTER, "requests",                \
		"webhook,name,origin", "attempts begun")                                           \
	X(WEBHOOK_FAILED, "millrace_webhook_requests_failed_total", COUNTER, "requests",           \
		"webhook,name,origin", "attempts not answered with 2xx")                           \
	X(ALARM, "millrace_alarm_firing", GAUGE, "state", "alarm,severity", "1: the alarm fires")  \
	X(EVALUATIONS, "millrace_alarm_evaluations_total", COUNTER, "evaluations", "",             \
		"times all alarms were evaluated; rises by one per second")                        \
	X(NOTIFICATIONS, "millrace_notifications_total", COUNTER, "notifications",                 \
		"receiver,result", "notifications by receiver: sent, or an attempt that failed")   \
	X(NOTIFICATIONS_WAITING, "millrace_notifications_waiting", GAUGE, "notifications",         \
		"receiver", "notifications that wait for their receiver")

enum mr_metric_id {
#define X(symbol, name, type, unit, labels, help) MR_METRIC_##symbol,
	MR_METRICS(X)
#undef X
		MR_METRIC_COUNT
};

enum { MR_METRIC_NAME_BYTES = 80, MR_METRIC_LABELS_MAX = 3 };

struct mr_metric_info {
	char name[MR_METRIC_NAME_BYTES];
	const char *type; // "counter", "gauge", "histogram"
	const char *unit; // lower case; "": none
	const char *labels; // names, parted by commas
	const char *help;
};

// The whole list, one after the other: MR_METRICS, then what stages count and measure. False beyond
// the end.
bool mr_metric_info(uint32_t index, struct mr_metric_info *ret_info);

// -- Exposition, text format 0.0.4
#define MR_METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

// HELP and TYPE of entry `index` of the list; all samples of the metric follow at once.
void mr_metric_begin(FILE *out, uint32_t index);
// One sample; a value per label that the list names, any bytes.
void mr_metric_sample(
	FILE *out, enum mr_metric_id id, const char *const *label_values, double value);
// What needs no data plane: it is up (`stats` is there) or not, and the releases.
void mr_metrics_releases(FILE *out, const char *data_plane_release);
// Everything that stands in the statistics segment. `now_ns` is monotonic.
void mr_metrics_stats(FILE *out, const struct mr_stats *stats, const struct mr_ledgers *ledgers,
	uint64_t now_ns, uint64_t wall_ns);

// docs/METRICS.md
void mr_metrics_page(FILE *out);
