// `millrace-load report`: the verdict on a run from the JSON reports of sender and receiver.
// Returns an exit code.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { MR_REPORT_REASONS_MAX = 48, MR_REPORT_LATENCIES_MAX = 8 };

struct mr_report_count {
	char name[32];
	double value;
};

struct mr_report_latency {
	char name[32];
	double count;
	double p50_us;
	double p99_us;
	double p999_us;
};

struct mr_report_send {
	bool finished;
	bool is_volatile;
	double offered;
	double accepted;
	double refused;
	double unsent;
	double unsettled;
	double retried;
	double seconds;
	double offer_seconds;
	double cpu_share;
	unsigned reasons_count;
	struct mr_report_count reasons[MR_REPORT_REASONS_MAX];
};

struct mr_report_sink {
	bool passed;
	bool ledger;
	double requests;
	double events;
	double accepted;
	double webhooks;
	double signatures_verified;
	double signatures_bad;
	double redelivered;
	double bad_bodies;
	double changed_bodies;
	double duplicates_same;
	double duplicates_different;
	double out_of_order;
	double unknown;
	double misrouted;
	double lost;
	double unclaimed;
	double phantom;
	double cpu_share;
	unsigned latencies_count;
	struct mr_report_latency latencies[MR_REPORT_LATENCIES_MAX];
};

// 0, or -EBADMSG: not such a report.
int mr_report_read_send(const void *json, size_t length, struct mr_report_send *ret_send);
int mr_report_read_sink(const void *json, size_t length, struct mr_report_sink *ret_sink);

// achieved / offered: events accepted of those meant to be sent; a refused event that came again
// counts once.
double mr_report_achieved(const struct mr_report_send *send);
// Whether every accepted event was delivered, verified and in order, and enough were accepted.
// `why` says what was not.
bool mr_report_passed(const struct mr_report_send *send, const struct mr_report_sink *sink,
	double achieved_min, const char **ret_why);

int mr_report_main(int argc, char **argv);
