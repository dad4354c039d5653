#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <millrace/exit_code.h>

#include "bytes.h"
#include "json_scan.h"
#include "load_options.h"

enum { FILE_BYTES_MAX = 65536 };

struct field {
	const char *key;
	size_t at;
	bool is_bool;
};

static const struct field send_fields[] = {
	{"finished", offsetof(struct mr_report_send, finished), true},
	{"volatile", offsetof(struct mr_report_send, is_volatile), true},
	{"offered", offsetof(struct mr_report_send, offered), false},
	{"accepted", offsetof(struct mr_report_send, accepted), false},
	{"refused", offsetof(struct mr_report_send, refused), false},
	{"unsent", offsetof(struct mr_report_send, unsent), false},
	{"unsettled", offsetof(struct mr_report_send, unsettled), false},
	{"retried", offsetof(struct mr_report_send, retried), false},
	{"seconds", offsetof(struct mr_report_send, seconds), false},
	{"offer_seconds", offsetof(struct mr_report_send, offer_seconds), false},
	{"cpu_share", offsetof(struct mr_report_send, cpu_share), false},
};

static const struct field sink_fields[] = {
	{"passed", offsetof(struct mr_report_sink, passed), true},
	{"ledger", offsetof(struct mr_report_sink, ledger), true},
	{"requests", offsetof(struct mr_report_sink, requests), false},
	{"events", offsetof(struct mr_report_sink, events), false},
	{"accepted", offsetof(struct mr_report_sink, accepted), false},
	{"webhooks", offsetof(struct mr_report_sink, webhooks), false},
	{"signatures_verified", offsetof(struct mr_report_sink, signatures_verified), false},
	{"signatures_bad", offsetof(struct mr_report_sink, signatures_bad), false},
	{"redelivered", offsetof(struct mr_report_sink, redelivered), false},
	{"bad_bodies", offsetof(struct mr_report_sink, bad_bodies), false},
	{"changed_bodies", offsetof(struct mr_report_sink, changed_bodies), false},
	{"duplicates_same", offsetof(struct mr_report_sink, duplicates_same), false},
	{"duplicates_different", offsetof(struct mr_report_sink, duplicates_different), false},
	{"out_of_order", offsetof(struct mr_report_sink, out_of_order), false},
	{"unknown", offsetof(struct mr_report_sink, unknown), false},
	{"misrouted", offsetof(struct mr_report_sink, misrouted), false},
	{"lost", offsetof(struct mr_report_sink, lost), false},
	{"unclaimed", offsetof(struct mr_report_sink, unclaimed), false},
	{"phantom", offsetof(struct mr_report_sink, phantom), false},
	{"cpu_share", offsetof(struct mr_report_sink, cpu_share), false},
};

enum {
	SEND_FIELDS = sizeof(send_fields) / sizeof(send_fields[0]),
	SINK_FIELDS = sizeof(sink_fields) / sizeof(sink_fields[0])
};

// Takes the value of `key` when it is one of the fields. True: it was one; *ret_seen counts them.
static bool take_field(struct mr_json *json, const struct mr_text *key, const struct field *fields,
	size_t count, void *values, uint32_t *seen)
{
	for (size_t i = 0; i < count; i++) {
		if (!mr_json_is(key, fields[i].key))
			continue;
		void *at = (char *)values + fields[i].at;
		*seen += fields[i].is_bool ? mr_json_bool(json, at) : mr_json_number(json, at);
		return true;
	}
	return false;
}

static void take_reasons(struct mr_json *json, struct mr_report_send *send)
{
	struct mr_text key;
	if (!mr_json_open(json, '{'))
		return;
	for (bool first = true; mr_json_next_key(json, first, &key); first = false) {
		struct mr_report_count count;
		mr_copy_text(count.name, sizeof(count.name), key.data, key.length);
		if (mr_json_number(json, &count.value)
			&& send->reasons_count < MR_REPORT_REASONS_MAX)
			send->reasons[send->reasons_count++] = count;
	}
}

static void take_latency(struct mr_json *json, struct mr_report_latency *latency)
{
	static const struct field fields[] = {
		{"count", offsetof(struct mr_report_latency, count), false},
		{"p50_us", offsetof(struct mr_report_latency, p50_us), false},
		{"p99_us", offsetof(struct mr_report_latency, p99_us), false},
		{"p999_us", offsetof(struct mr_report_latency, p999_us), false},
	};
	struct mr_text key;
	uint32_t seen = 0;
	if (!mr_json_open(json, '{'))
		return;
	for (bool first = true; mr_json_next_key(json, first, &key); first = false) {
		if (!take_field(
			    json, &key, fields, sizeof(fields) / sizeof(fields[0]), latency, &seen))
			mr_json_skip(json);
	}
}

static void take_latencies(struct mr_json *json, struct mr_report_sink *sink)
{
	struct mr_text key;
	if (!mr_json_open(json, '{'))
		return;
	for (bool first = true; mr_json_next_key(json, first, &key); first = false) {
		struct mr_report_latency latency = {0};
		mr_copy_text(latency.name, sizeof(latency.name), key.data, key.length);
		take_latency(json, &latency);
		if (sink->latencies_count < MR_REPORT_LATENCIES_MAX)
			sink->latencies[sink->latencies_count++] = latency;
	}
}

// Reports end with a line end; the scanner takes no blanks.
static struct mr_json scanner_of(const void *bytes, size_t length)
{
	while (length > 0 && ((const char *)bytes)[length - 1] == '\n')
		length--;
	return mr_json_make(bytes, length);
}

int mr_report_read_send(const void *bytes, size_t length, struct mr_report_send *ret_send)
{
	struct mr_report_send send = {0};
	struct mr_json json = scanner_of(bytes, length);
	struct mr_text key;
	uint32_t seen = 0;
	if (!mr_json_open(&json, '{'))
		return -EBADMSG;
	for (bool first = true; mr_json_next_key(&json, first, &key); first = false) {
		if (mr_json_is(&key, "refused_by_reason"))
			take_reasons(&json, &send);
		else if (!take_field(&json, &key, send_fields, SEND_FIELDS, &send, &seen))
			mr_json_skip(&json);
	}
	if (!mr_json_done(&json) || seen != SEND_FIELDS)
		return -EBADMSG;
	*ret_send = send;
	return 0;
}

int mr_report_read_sink(const void *bytes, size_t length, struct mr_report_sink *ret_sink)
{
	struct mr_report_sink sink = {0};
	struct mr_json json = scanner_of(bytes, length);
	struct mr_text key;
	uint32_t seen = 0;
	if (!mr_json_open(&json, '{'))
		return -EBADMSG;
	for (bool first = true; mr_json_next_key(&json, first, &key); first = false) {
		if (mr_json_is(&key, "latency"))
			take_latencies(&json, &sink);
		else if (!take_field(&json, &key, sink_fields, SINK_FIELDS, &sink, &seen))
			mr_json_skip(&json);
	}
	if (!mr_json_done(&json) || seen != SINK_FIELDS)
		return -EBADMSG;
	*ret_sink = sink;
	return 0;
}

double mr_report_achieved(const struct mr_report_send *send)
{
	double offered = send->offered - send->retried;
	return offered > 0 ? send->accepted / offered : 0;
}

bool mr_report_passed(const struct mr_report_send *send, const struct mr_report_sink *sink,
	double achieved_min, const char **ret_why)
{
	const struct {
		bool broken;
		const char *why;
	} rules[] = {
		{!send->finished, "the sender did not learn the fate of every event"},
		{send->offered == 0, "nothing was offered"},
		{!sink->ledger, "the receiver had no ledger to check against"},
		{sink->accepted != send->accepted, "the receiver's ledger is of another run"},
		{sink->signatures_bad > 0, "signatures were wrong"},
		{sink->lost > 0, "accepted events were lost"},
		{sink->unclaimed > 0, "accepted events belong to webhooks that never came"},
		{sink->out_of_order > 0, "events of an object came out of order"},
		{sink->duplicates_different > 0, "events came twice in different requests"},
		{sink->changed_bodies > 0, "a request came again with other bytes"},
		{sink->bad_bodies > 0, "bodies were not what they should be"},
		{sink->unknown > 0, "events came that were never offered"},
		{sink->phantom > 0, "refused events were delivered"},
		{sink->misrouted > 0, "events came to webhooks they are none of the business of"},
		{!sink->passed, "the receiver failed the run"},
		{mr_report_achieved(send) < achieved_min,
			"too few of the offered events were accepted: if the machine has other "
			"work, end that or offer less with --rate"},
	};
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].broken) {
			*ret_why = rules[i].why;
			return false;
		}
	}
	return true;
}

static void print_send(const struct mr_report_send *send, FILE *out)
{
	double offered = send->offered - send->retried;
	fprintf(out, "offered      %12.0f events  %10.0f/s for %.1f s\n", offered,
		send->offer_seconds > 0 ? offered / send->offer_seconds : 0.0, send->offer_seconds);
	fprintf(out, "accepted     %12.0f events  %10.0f/s  achieved/offered %.3f\n",
		send->accepted, send->seconds > 0 ? send->accepted / send->seconds : 0.0,
		mr_report_achieved(send));
	fprintf(out, "refused      %12.0f events", send->refused);
	for (unsigned i = 0; i < send->reasons_count; i++)
		fprintf(out, "%s%s %.0f", i == 0 ? "  " : ", ", send->reasons[i].name,
			send->reasons[i].value);
	fprintf(out, "\n");
	if (send->unsent > 0)
		fprintf(out, "unsent       %12.0f events  the sender's own buffer was full\n",
			send->unsent);
}

static void print_sink(const struct mr_report_sink *sink, FILE *out)
{
	fprintf(out,
		"delivered    %12.0f events  in %.0f requests to %.0f webhooks, %.1f events per request\n",
		sink->events, sink->requests, sink->webhooks,
		sink->requests > 0 ? sink->events / sink->requests : 0.0);
	for (unsigned i = 0; i < sink->latencies_count; i++) {
		const struct mr_report_latency *latency = &sink->latencies[i];
		fprintf(out, "latency      p50 %8.2f ms  p99 %8.2f ms  p99.9 %8.2f ms  %s\n",
			latency->p50_us / 1e3, latency->p99_us / 1e3, latency->p999_us / 1e3,
			latency->name);
	}
	fprintf(out, "signatures   %12.0f verified, %.0f bad\n", sink->signatures_verified,
		sink->signatures_bad);
	fprintf(out,
		"lost %.0f, out of order %.0f, duplicates %.0f, changed bodies %.0f, misrouted %.0f, sent again %.0f\n",
		sink->lost, sink->out_of_order, sink->duplicates_different, sink->changed_bodies,
		sink->misrouted, sink->redelivered);
}

static int read_file(const char *path, char *ret_bytes, size_t *ret_length)
{
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return -errno;
	*ret_length = fread(ret_bytes, 1, FILE_BYTES_MAX, file);
	fclose(file);
	return *ret_length < FILE_BYTES_MAX ? 0 : -EFBIG;
}

struct options {
	const char *send;
	const char *sink;
	double achieved_min;
};

static const struct mr_option option_table[] = {
	{"send", 0, MR_OPTION_TEXT, offsetof(struct options, send), "FILE",
		"report of `millrace-load send -o json`", 0, 0, NULL},
	{"sink", 0, MR_OPTION_TEXT, offsetof(struct options, sink), "FILE",
		"report of `millrace-load sink -o json`", 0, 0, NULL},
	{"achieved-min", 0, MR_OPTION_REAL, offsetof(struct options, achieved_min), "P",
		"share of the offered events that must be accepted (default 0.95)", 0, 1, NULL},
};

static const struct mr_option_set option_set = {
	.command = "millrace-load report",
	.summary =
		"Merges the JSON reports of sender and receiver into the verdict on a run. Exit 0 only if every accepted\n"
		"event was delivered, verified and in order, and enough of the offered ones were accepted.",
	.examples = "  millrace-load report --send send.json --sink sink.json\n",
	.options = option_table,
	.count = sizeof(option_table) / sizeof(option_table[0]),
};

static int load(
	const struct options *options, struct mr_report_send *send, struct mr_report_sink *sink)
{
	char *bytes = malloc(FILE_BYTES_MAX);
	size_t length = 0;
	int r = bytes == NULL ? -ENOMEM : read_file(options->send, bytes, &length);
	if (r == 0)
		r = mr_report_read_send(bytes, length, send);
	if (r < 0)
		fprintf(stderr, "%s: --send %s: %s\n", option_set.command, options->send,
			strerror(-r));
	if (r == 0) {
		r = read_file(options->sink, bytes, &length);
		if (r == 0)
			r = mr_report_read_sink(bytes, length, sink);
		if (r < 0)
			fprintf(stderr, "%s: --sink %s: %s\n", option_set.command, options->sink,
				strerror(-r));
	}
	free(bytes);
	return r;
}

int mr_report_main(int argc, char **argv)
{
	struct options options = {.achieved_min = 0.95};
	int r = mr_options_parse(&option_set, argc, argv, &options);
	if (r != 0)
		return r == MR_OPTIONS_HELP ? MR_EXIT_DONE : MR_EXIT_USAGE;
	if (options.send == NULL || options.sink == NULL) {
		fprintf(stderr, "%s: --send and --sink are needed; see --help\n",
			option_set.command);
		return MR_EXIT_USAGE;
	}
	struct mr_report_send send;
	struct mr_report_sink sink;
	r = load(&options, &send, &sink);
	if (r < 0)
		return r == -EBADMSG ? MR_EXIT_FAILED : MR_EXIT_IO;
	print_send(&send, stdout);
	print_sink(&sink, stdout);
	if (send.is_volatile)
		printf("VOLATILE: accepted events were kept in memory only; a crash of the router would have lost them\n");
	const char *why = "";
	bool passed = mr_report_passed(&send, &sink, options.achieved_min, &why);
	printf(passed ? "PASSED\n" : "FAILED: ");
	if (!passed)
		printf("%s\n", why);
	return passed ? MR_EXIT_DONE : MR_EXIT_FAILED;
}
