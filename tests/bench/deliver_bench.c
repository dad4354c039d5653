// Signed POSTs of the delivery path - lanes, batch records, rendering, HMAC, engine, io_uring -
// beside wrk, which posts one of the same requests over and over and signs nothing: same receiver,
// connections and CPUs. F5. The engine alone beside wrk, with one body and no signature. Events per
// CPU-second of the delivery thread with full batches. F14.
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "engine.h"
#include "feed.h"
#include "receiver.h"
#include "wrk.h"

enum { CONNECTIONS = 64, SMALL_BATCH = 18, PAIRS = 5, BUSY_PERCENT = 95 };

struct world {
	struct mr_receiver *receiver;
	struct mr_wrk wrk;
	struct mr_feed feed;
	double busy[2][MR_BENCH_SAMPLES_MAX]; // of the receiver: under ours, under wrk
	double queued[2][MR_BENCH_SAMPLES_MAX];
	size_t samples[2];
};

// What the receiver does meanwhile.
struct watch {
	struct mr_receiver_use use;
	uint64_t from_ns;
};

static struct watch watch_begin(const struct world *w)
{
	return (struct watch){mr_receiver_use(w->receiver), mr_clock_mono_ns()};
}

static struct mr_sample watch_end(
	struct world *w, const struct watch *watch, int whose, double cpu_s)
{
	struct mr_receiver_use use = mr_receiver_use(w->receiver);
	double wall_s = (double)(mr_clock_mono_ns() - watch->from_ns) * 1e-9;
	size_t at = w->samples[whose]++;
	w->busy[whose][at] = (use.cpu_s - watch->use.cpu_s) / wall_s;
	w->queued[whose][at] = (use.queued_s - watch->use.queued_s) / wall_s;
	return (struct mr_sample){.units = (double)(use.requests - watch->use.requests),
		.wall_s = wall_s,
		.cpu_s = cpu_s};
}

static void print_receiver(struct world *w)
{
	static const char *const names[2] = {"ours", "wrk"};
	for (int whose = 0; whose < 2; whose++) {
		double busy = 100 * mr_bench_median(w->busy[whose], w->samples[whose]);
		double queued = 100 * mr_bench_median(w->queued[whose], w->samples[whose]);
		printf("   receiver under %s: %.0f %% busy, waited %.0f %% for its CPU%s\n",
			names[whose], busy, queued,
			busy + queued > BUSY_PERCENT ? ": receiver-bound, judge by CPU time" : "");
		w->samples[whose] = 0;
	}
	fflush(stdout);
}

static double process_cpu_s(pid_t pid)
{
	clockid_t clock;
	struct timespec t = {0};
	if (clock_getcpuclockid(pid, &clock) == 0)
		clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void nap(double seconds)
{
	struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
	nanosleep(&t, NULL);
}

static struct mr_sample run_wrk(void *state)
{
	struct world *w = state;
	pid_t pid = mr_wrk_start(&w->wrk);
	nap(0.4);
	struct watch watch = watch_begin(w);
	double cpu_s = process_cpu_s(pid);
	nap(mr_bench_seconds(1.5));
	struct mr_sample sample = watch_end(w, &watch, 1, process_cpu_s(pid) - cpu_s);
	mr_wrk_stop(pid);
	return sample;
}

static struct mr_sample run_delivery(void *state)
{
	struct world *w = state;
	mr_bench_pin(1);
	mr_feed_run(&w->feed, 0.4);
	struct watch watch = watch_begin(w);
	double cpu_s = mr_feed_count(&w->feed).cpu_s;
	mr_feed_run(&w->feed, mr_bench_seconds(1.5));
	return watch_end(w, &watch, 0, mr_feed_count(&w->feed).cpu_s - cpu_s);
}

// -- The engine alone
struct client {
	struct mr_engine *engine;
	struct mr_endpoint *endpoint;
	const char *body;
	size_t body_length;
	uint32_t under_way;
};

static struct client client;

static void answered(struct mr_request *request, const struct mr_result *result)
{
	(void)request;
	(void)result;
	client.under_way--;
}

static void engine_run(struct mr_net *net, double seconds)
{
	uint64_t now_ns = mr_clock_mono_ns(), until = now_ns + (uint64_t)(seconds * 1e9), retry_ns;
	for (; now_ns < until; now_ns = mr_clock_mono_ns()) {
		bool busy = mr_net_poll(net) > 0;
		busy = mr_engine_step(client.engine, now_ns) == MR_POLL_BUSY || busy;
		struct mr_request *request;
		while ((request = mr_request_begin(
				client.engine, client.endpoint, now_ns, &retry_ns))
			!= NULL) {
			memcpy(request->body, client.body, client.body_length);
			request->done = answered;
			client.under_way++;
			mr_request_send(request, "/hook", "", client.body_length, now_ns);
			busy = true;
		}
		if (!busy)
			mr_net_wait(net, 200000);
	}
}

static struct mr_sample run_engine(void *state)
{
	struct world *w = state;
	static struct mr_stats_stage stats;
	struct mr_arena arena;
	struct mr_net *net;
	struct mr_tune tune = {.connect_timeout_ns = 5000000000, .request_timeout_ns = 60000000000};
	struct mr_engine_limits limits = {.endpoints_max = 16,
		.connections_max = CONNECTIONS + 16,
		.connections_per_endpoint = CONNECTIONS,
		.connections_per_host = CONNECTIONS,
		.body_size = MR_BATCH_BYTES_MAX};
	struct mr_address address = {
		.ip = {[10] = 0xff, 0xff, 127, 0, 0, 1}, .port = mr_receiver_port(w->receiver)};
	mr_bench_pin(1);
	if (mr_arena_open(&arena, 64u << 20, false) < 0 || mr_net_open(1024, &net) < 0)
		return (struct mr_sample){0};
	client.engine = mr_engine_new(&arena, &limits, &stats);
	mr_engine_tune(client.engine, &tune);
	mr_engine_attach(client.engine, net);
	client.endpoint = mr_endpoint_get(client.engine, "127.0.0.1", &address);
	engine_run(net, 0.4);
	struct watch watch = watch_begin(w);
	uint64_t cpu_ns = mr_clock_cpu_ns();
	engine_run(net, mr_bench_seconds(1.5));
	struct mr_sample sample =
		watch_end(w, &watch, 0, (double)(mr_clock_cpu_ns() - cpu_ns) * 1e-9);
	mr_engine_free(client.engine);
	mr_net_close(net);
	mr_arena_close(&arena);
	return sample;
}

// -- What is compared
static bool learn_request(struct world *w)
{
	const char *request;
	mr_bench_pin(1);
	mr_feed_run(&w->feed, 0.3);
	w->wrk.request_length = mr_receiver_first(w->receiver, &request);
	if (w->wrk.request_length == 0 || w->wrk.request_length >= sizeof(w->wrk.request))
		return false;
	memcpy(w->wrk.request, request, w->wrk.request_length);
	client.body = strstr(request, "\r\n\r\n") + 4;
	client.body_length = w->wrk.request_length - (size_t)(client.body - request);
	return mr_wrk_init(&w->wrk);
}

struct variant {
	const char *name;
	uint32_t batch_events;
	uint32_t fan_out;
	bool engine_too;
};

static void print_pair(struct world *w, const char *name, const char *target, mr_bench_run run)
{
	struct mr_bench_pair pair = {.name = name,
		.baseline = "wrk, one request over and over",
		.unit = "requests",
		.target = target,
		.run = run,
		.run_baseline = run_wrk,
		.state = w,
		.two_cpus = true};
	mr_bench_pair(&pair, PAIRS);
	print_receiver(w);
}

static bool beside_wrk(struct world *w, const struct variant *variant)
{
	w->receiver = mr_receiver_start(0, 0);
	if (w->receiver == NULL)
		return false;
	struct mr_feed_options options = {.port = mr_receiver_port(w->receiver),
		.lanes = CONNECTIONS,
		.fan_out = variant->fan_out,
		.batch_events = variant->batch_events};
	w->wrk = (struct mr_wrk){.port = options.port, .cpu = 1, .connections = CONNECTIONS};
	if (!mr_feed_open(&w->feed, &options) || !learn_request(w))
		return false;
	printf("   bodies of %zu bytes (%u events), %d connections\n", client.body_length,
		variant->batch_events, CONNECTIONS);
	print_pair(w, variant->name, "F5 0.85", run_delivery);
	mr_feed_close(&w->feed);
	if (variant->engine_too)
		print_pair(w, "engine alone, one body, unsigned", NULL, run_engine);
	mr_wrk_fini(&w->wrk);
	mr_receiver_stop(w->receiver);
	return true;
}

static bool full_batches(struct world *w, uint32_t fan_out, const char *name)
{
	enum { LANES = 16, ROUNDS = 5 };
	struct mr_feed_options options = {.port = mr_receiver_port(w->receiver),
		.lanes = LANES,
		.fan_out = fan_out,
		.batch_events = MR_BATCH_EVENTS_MAX};
	double per_cpu_s[ROUNDS], per_s[ROUNDS];
	if (!mr_feed_open(&w->feed, &options))
		return false;
	mr_feed_run(&w->feed, 0.4);
	struct mr_feed_count before = mr_feed_count(&w->feed), start = before;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t from_ns = mr_clock_mono_ns();
		mr_feed_run(&w->feed, mr_bench_seconds(1));
		struct mr_feed_count after = mr_feed_count(&w->feed);
		double events = (double)(after.events - before.events);
		per_cpu_s[i] = events / (after.cpu_s - before.cpu_s);
		per_s[i] = events / ((double)(mr_clock_mono_ns() - from_ns) * 1e-9);
		before = after;
	}
	printf("   %-44s %6.3f M events per CPU-second of the thread (%.3f M/s), %.0f events a batch\n",
		name, mr_bench_median(per_cpu_s, ROUNDS) / 1e6,
		mr_bench_median(per_s, ROUNDS) / 1e6,
		(double)(before.events - start.events)
			/ (double)(before.requests - start.requests));
	fflush(stdout);
	mr_feed_close(&w->feed);
	return true;
}

int main(void)
{
	static const struct variant variants[] = {
		{"delivery, signed, one webhook per event", 1, 1, false},
		{"delivery, signed, one webhook per event", SMALL_BATCH, 1, true},
		{"delivery, signed, rendered once for 64 webhooks", SMALL_BATCH, CONNECTIONS,
			false},
	};
	static struct world w;
	if (mr_bench_cpus() < 2 || !mr_wrk_installed()) {
		fprintf(stderr, "deliver: needs two CPUs, and wrk\n");
		return 77;
	}
	mr_bench_header("delivery over io_uring on one core, receiver on another",
		"ingest, the shard, a disk, a network, TLS; the receiver does not verify");
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		if (!beside_wrk(&w, &variants[i]))
			return 1;
	printf("   full batches of up to 1000 events or 100 KiB, one signature each (F14 target 1 M)\n");
	w.receiver = mr_receiver_start(0, 0);
	if (w.receiver == NULL || !full_batches(&w, 1, "each event for one webhook")
		|| !full_batches(&w, 16, "each event for 16 webhooks, rendered once"))
		return 1;
	mr_receiver_stop(w.receiver);
	return 0;
}
