#include "sink.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <millrace/exit_code.h>

#include "checker.h"
#include "crypto.h"
#include "load_clock.h"
#include "rng.h"
#include "sink_http.h"
#include "sink_options.h"
#include "sink_report.h"

enum { POLL_MS = 50, SIGNATURE_BYTES = 32 };
#define SECOND_NS UINT64_C(1000000000)
#define AUDIT_NS  UINT64_C(250000000)

struct sink {
	const struct mr_sink_options *options;
	struct mr_sink_http *http;
	struct mr_checker checker;
	struct mr_latency latency;
	struct mr_ledger ledger;
	struct mr_rng rng;
	struct mr_hmac *hmacs[MR_CHECKER_PATHS_MAX]; // by path; NULL: no handshake yet
	struct mr_hmac *file_hmac; // of --secret-file
	uint64_t handshakes;
	uint64_t signatures_verified;
	uint64_t signatures_bad;
	uint64_t refused_on_purpose;
	uint64_t first_ns; // delivery
	uint64_t last_ns;
	bool out_of_memory;
};

static atomic_bool stopping;

static void on_signal(int signal_number)
{
	(void)signal_number;
	atomic_store(&stopping, true);
}

// The ledger is made by the sender, which may start later.
static void look_for_ledger(struct sink *sink)
{
	if (sink->options->ledger == NULL || sink->ledger.header != NULL)
		return;
	if (mr_ledger_open(&sink->ledger, sink->options->ledger) < 0)
		return;
	const struct mr_ledger_header *header = sink->ledger.header;
	sink->checker.ledger = &sink->ledger;
	mr_latency_layout(&sink->latency, &header->workload, header->hash_seed,
		header->flows > 0 ? header->flows : 1, (uint32_t)sink->options->shards);
}

static bool signature_is_good(struct mr_hmac *hmac, const struct mr_http_request *request)
{
	uint8_t mac[SIGNATURE_BYTES];
	char hex[2 * SIGNATURE_BYTES];
	if (hmac == NULL || request->signature.length != sizeof(hex))
		return false;
	mr_hmac_sign(hmac, request->body, request->body_length, mac);
	mr_hex_encode(mac, sizeof(mac), hex);
	return mr_equal_constant_time(hex, request->signature.text, sizeof(hex));
}

static struct mr_sink_reply handshake(
	struct sink *sink, int path, const struct mr_http_request *request)
{
	struct mr_hmac *hmac = mr_hmac_new(request->secret.text, request->secret.length);
	if (hmac == NULL)
		return (struct mr_sink_reply){.status = 500};
	mr_hmac_free(sink->hmacs[path]);
	sink->hmacs[path] = hmac;
	sink->handshakes++;
	return (struct mr_sink_reply){.status = 200, .secret = &request->secret};
}

// What the options say to do to a delivery: status 200 takes it.
static struct mr_sink_reply manners(struct sink *sink, uint32_t endpoint, uint64_t served)
{
	const struct mr_sink_options *options = sink->options;
	struct mr_sink_reply reply = {.status = 200};
	if (endpoint < options->endpoints - options->misbehaving)
		return reply;
	reply.delay_ns = options->delay_ns;
	if (options->status != 0)
		reply.status = (uint16_t)options->status;
	if (options->fail_share > 0 && mr_rng_unit(&sink->rng) < options->fail_share)
		reply.status = 503;
	if (options->close_after != 0 && served >= options->close_after)
		reply = (struct mr_sink_reply){.close = true};
	if (options->hang)
		reply = (struct mr_sink_reply){0};
	return reply;
}

static int path_of(struct sink *sink, uint32_t endpoint, const struct mr_http_request *request)
{
	char name[MR_CHECKER_PATH_BYTES];
	int length = snprintf(
		name, sizeof(name), "%u%.*s", endpoint, request->path_length, request->path);
	return length < 0 ? -EINVAL : mr_checker_path(&sink->checker, name, (size_t)length);
}

static struct mr_sink_reply deliver(struct sink *sink, uint32_t endpoint, uint64_t served, int path,
	const struct mr_http_request *request)
{
	struct mr_hmac *hmac = sink->hmacs[path] != NULL ? sink->hmacs[path] : sink->file_hmac;
	if (!signature_is_good(hmac, request)) {
		sink->signatures_bad++;
		return (struct mr_sink_reply){.status = 401};
	}
	sink->signatures_verified++;
	look_for_ledger(sink);
	struct mr_sink_reply reply = manners(sink, endpoint, served);
	bool answered = reply.status >= 200 && reply.status < 300;
	sink->refused_on_purpose += !answered;
	const struct mr_checked_request checked = {
		.path = (uint32_t)path,
		.id = request->id.text,
		.id_length = request->id.length,
		.body = request->body,
		.body_length = request->body_length,
		.answered = answered,
		.now_ns = mr_load_clock_ns(),
	};
	sink->last_ns = checked.now_ns;
	if (sink->first_ns == 0)
		sink->first_ns = checked.now_ns;
	int r = mr_checker_request(&sink->checker, &checked);
	sink->out_of_memory |= r == -ENOMEM;
	if (r < 0 && answered)
		reply.status = 400;
	return reply;
}

static struct mr_sink_reply on_request(
	void *context, uint32_t endpoint, uint64_t served, const struct mr_http_request *request)
{
	struct sink *sink = context;
	if (!request->is_post)
		return (struct mr_sink_reply){.status = 405};
	int path = path_of(sink, endpoint, request);
	if (path < 0)
		return (struct mr_sink_reply){.status = 404};
	if (request->secret.length > 0)
		return handshake(sink, path, request);
	return deliver(sink, endpoint, served, path, request);
}

static int read_secret(struct sink *sink)
{
	if (sink->options->secret_file == NULL)
		return 0;
	char secret[MR_SECRET_BYTES_MAX];
	FILE *file = fopen(sink->options->secret_file, "re");
	size_t length = file != NULL ? fread(secret, 1, sizeof(secret), file) : 0;
	if (file != NULL)
		fclose(file);
	while (length > 0 && (secret[length - 1] == '\n' || secret[length - 1] == '\r'))
		length--;
	sink->file_hmac = length > 0 ? mr_hmac_new(secret, length) : NULL;
	if (sink->file_hmac != NULL)
		return 0;
	fprintf(stderr, "millrace-load sink: --secret-file %s holds no secret: one line of text\n",
		sink->options->secret_file);
	return -EINVAL;
}

static void progress(const struct sink *sink, uint64_t second, uint64_t last_events)
{
	const struct mr_checker_counts *counts = &sink->checker.counts;
	fprintf(stderr,
		"sink %3" PRIu64 " s: delivered %" PRIu64 " (%" PRIu64 "/s) requests %" PRIu64
		" bad signatures %" PRIu64 " duplicates %" PRIu64 " out of order %" PRIu64
		"; p50 %.1f ms p99 %.1f ms\n",
		second, counts->events, counts->events - last_events, counts->requests,
		sink->signatures_bad, counts->duplicates_different, counts->out_of_order,
		(double)mr_histogram_quantile(&sink->latency.classes[MR_LATENCY_ALL], 0.5) / 1e6,
		(double)mr_histogram_quantile(&sink->latency.classes[MR_LATENCY_ALL], 0.99) / 1e6);
}

// Whether the run is over: the sender is done, and everything is here or has been waited for. The
// audit walks the whole ledger, so it is made only when no delivery came for a moment, or time is
// up.
static bool is_settled(const struct sink *sink, uint64_t now_ns, uint64_t *done_ns)
{
	if (sink->ledger.header == NULL || !mr_ledger_finished(&sink->ledger))
		return false;
	if (*done_ns == 0)
		*done_ns = now_ns;
	if (now_ns - *done_ns >= sink->options->wait_ns)
		return true;
	if (now_ns - sink->last_ns < AUDIT_NS)
		return false;
	struct mr_checker_audit audit;
	mr_checker_audit(&sink->checker, &audit);
	return audit.lost == 0 && sink->checker.paths_count >= sink->options->paths;
}

static void serve(struct sink *sink)
{
	uint64_t start_ns = mr_load_clock_ns();
	uint64_t next_second_ns = start_ns + SECOND_NS;
	uint64_t next_look_ns = start_ns;
	uint64_t done_ns = 0;
	uint64_t last_events = 0;
	while (!atomic_load(&stopping)) {
		mr_sink_http_poll(sink->http, POLL_MS);
		uint64_t now_ns = mr_load_clock_ns();
		if (now_ns >= next_look_ns) {
			next_look_ns = now_ns + AUDIT_NS;
			look_for_ledger(sink);
			if (sink->options->until_settled && is_settled(sink, now_ns, &done_ns))
				return;
		}
		if (now_ns >= next_second_ns) {
			if (sink->options->progress)
				progress(sink, (now_ns - start_ns) / SECOND_NS, last_events);
			last_events = sink->checker.counts.events;
			next_second_ns += SECOND_NS;
		}
	}
}

static double cpu_seconds(void)
{
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static bool has_passed(const struct sink *sink, const struct mr_sink_outcome *outcome)
{
	const struct mr_checker_audit *audit = &outcome->audit;
	if (!mr_checker_clean(&outcome->counts) || outcome->signatures_bad > 0
		|| sink->out_of_memory || outcome->webhooks < sink->options->paths)
		return false;
	if (sink->options->ledger == NULL)
		return true;
	return outcome->has_ledger && audit->lost == 0 && audit->phantom == 0
		&& audit->unsettled == 0
		&& (audit->unclaimed == 0 || sink->options->allow_unclaimed);
}

static int conclude(struct sink *sink, double serve_seconds)
{
	struct mr_sink_outcome outcome = {
		.counts = sink->checker.counts,
		.latency = &sink->latency,
		.signatures_verified = sink->signatures_verified,
		.signatures_bad = sink->signatures_bad,
		.handshakes = sink->handshakes,
		.refused_on_purpose = sink->refused_on_purpose,
		.seconds = (double)(sink->last_ns - sink->first_ns) / 1e9,
		.cpu_share = serve_seconds > 0 ? cpu_seconds() / serve_seconds : 0,
		.has_ledger = sink->ledger.header != NULL,
	};
	for (uint32_t i = 0; i < sink->checker.paths_count; i++)
		outcome.webhooks += sink->checker.paths[i].events > 0;
	if (outcome.has_ledger)
		mr_checker_audit(&sink->checker, &outcome.audit);
	outcome.passed = has_passed(sink, &outcome);
	if (sink->out_of_memory)
		fprintf(stderr,
			"millrace-load sink: out of memory: what followed was not checked\n");
	if (!sink->options->quiet)
		mr_sink_report(&outcome, strcmp(sink->options->output, "json") == 0, stdout);
	return outcome.passed ? MR_EXIT_DONE : MR_EXIT_FAILED;
}

static int start(struct sink *sink)
{
	const struct mr_sink_options *options = sink->options;
	const struct mr_sink_http_owner owner = {.context = sink, .request = on_request};
	mr_rng_seed(&sink->rng, options->seed);
	if (read_secret(sink) < 0)
		return MR_EXIT_CONFIG;
	const char *why = "no memory";
	int r = mr_checker_init(&sink->checker, &sink->latency);
	if (r == 0)
		r = mr_sink_http_open(
			options->listen, (uint32_t)options->endpoints, &owner, &sink->http, &why);
	if (r == 0)
		return MR_EXIT_DONE;
	fprintf(stderr, "millrace-load sink: %s: %s (%s)\n", options->listen, why, strerror(-r));
	return r == -EINVAL ? MR_EXIT_USAGE : MR_EXIT_IO;
}

static void sink_free(struct sink *sink)
{
	mr_sink_http_close(sink->http);
	mr_checker_fini(&sink->checker);
	mr_ledger_close(&sink->ledger);
	for (uint32_t i = 0; i < MR_CHECKER_PATHS_MAX; i++)
		mr_hmac_free(sink->hmacs[i]);
	mr_hmac_free(sink->file_hmac);
	free(sink);
}

int mr_sink_main(int argc, char **argv)
{
	struct mr_sink_options options;
	int r = mr_sink_options_parse(argc, argv, &options);
	if (r != 0)
		return r == MR_OPTIONS_HELP ? MR_EXIT_DONE : MR_EXIT_USAGE;
	struct sink *sink = calloc(1, sizeof(*sink));
	if (sink == NULL)
		return MR_EXIT_FAILED;
	sink->options = &options;
	const struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	int code = start(sink);
	if (code == MR_EXIT_DONE) {
		uint64_t start_ns = mr_load_clock_ns();
		serve(sink);
		code = conclude(sink, (double)(mr_load_clock_ns() - start_ns) / 1e9);
	}
	sink_free(sink);
	return code;
}
