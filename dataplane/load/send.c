#include "send.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <millrace/exit_code.h>

#include "crypto.h"
#include "hash.h"
#include "load_clock.h"
#include "send_report.h"
#include "sender.h"

#define SECOND_NS         UINT64_C(1000000000)
#define START_DELAY_NS    UINT64_C(20000000) // so that the first events are not late
#define OPEN_ENDED_EVENTS (UINT64_C(1) << 26) // ledger of a run without a known size

enum { RETRIES_MAX = 1 << 18 }; // beyond, they stay refused

static atomic_int stop_requests;

static void on_signal(int signal_number)
{
	(void)signal_number;
	atomic_fetch_add(&stop_requests, 1);
}

static bool stopping(void)
{
	return atomic_load(&stop_requests) > 0;
}

static void nap(uint64_t nap_ns)
{
	const struct timespec time = {
		.tv_sec = (time_t)(nap_ns / SECOND_NS), .tv_nsec = (long)(nap_ns % SECOND_NS)};
	nanosleep(&time, NULL);
}

static int say(const char *text)
{
	fprintf(stderr, "millrace-load send: %s\n", text);
	return -ETIMEDOUT;
}

// Link, then the router's MAC address.
static int find_router(struct mr_sender *sender)
{
	uint64_t end_ns = mr_load_clock_ns() + sender->options->connect_wait_ns;
	while (!sender->resolved) {
		uint64_t now_ns = mr_load_clock_ns();
		if (now_ns >= end_ns || stopping())
			return say(sender->linked
					? "nobody answers for the address of --to: is the router's port.address the same?"
					: "the link is down: is the router running, on the same socket, with at least --queues queues?");
		mr_sender_keep_link(sender, now_ns);
		mr_sender_receive(sender, now_ns);
		if (sender->linked)
			mr_sender_flush(sender);
		nap(500000);
	}
	return 0;
}

static int sessions_init(struct mr_sender *sender)
{
	sender->sessions_count = mr_workload_sessions(&sender->options->workload);
	for (uint32_t i = 0; i < sender->sessions_count; i++) {
		struct mr_producer_session_config config = {
			.key_id = sender->options->key,
			.buffer_events = sender->options->buffer_events,
			.reconnect_ns = sender->options->reconnect_ns,
			.ignore_credits = sender->options->ignore_credits,
		};
		int r = mr_random_bytes(&config.session_id, sizeof(config.session_id));
		config.session_id |= 1;
		if (r == 0)
			r = mr_producer_session_init(&sender->sessions[i], &config);
		if (r < 0) {
			say("no memory for sessions: use fewer --sessions or a smaller --buffer");
			return r;
		}
	}
	return 0;
}

// NULL: all open. Otherwise one that is not.
static const struct mr_producer_session *session_not_open(const struct mr_sender *sender)
{
	for (uint32_t i = 0; i < sender->sessions_count; i++) {
		if (sender->sessions[i].state != MR_PRODUCER_OPEN)
			return &sender->sessions[i];
	}
	return NULL;
}

static const struct mr_producer_session *session_lost(const struct mr_sender *sender)
{
	for (uint32_t i = 0; i < sender->sessions_count; i++) {
		if (sender->sessions[i].state == MR_PRODUCER_LOST)
			return &sender->sessions[i];
	}
	return NULL;
}

static int say_lost(const struct mr_producer_session *session)
{
	fprintf(stderr, "millrace-load send: the router ended the session: %s\n",
		mr_reason_info(session->error)->text);
	return -ECONNRESET;
}

static int open_sessions(struct mr_sender *sender)
{
	uint64_t end_ns = mr_load_clock_ns() + sender->options->connect_wait_ns;
	const struct mr_producer_session *waiting;
	while ((waiting = session_not_open(sender)) != NULL) {
		uint64_t now_ns = mr_load_clock_ns();
		if (waiting->state == MR_PRODUCER_LOST)
			return say_lost(waiting);
		if (now_ns >= end_ns || stopping())
			return say(
				"no WELCOME: does the router know the --key, and is its UDP port that of --to?");
		mr_sender_keep_link(sender, now_ns);
		mr_sender_greet(sender, now_ns);
		mr_sender_receive(sender, now_ns);
		nap(200000);
	}
	sender->flows = sender->sessions[0].flows_count;
	sender->hash_seed = sender->sessions[0].hash_seed;
	for (uint32_t i = 1; i < sender->sessions_count; i++) {
		if (sender->sessions[i].flows_count != sender->flows
			|| sender->sessions[i].hash_seed != sender->hash_seed)
			return say(
				"sessions were told different flows or seeds: are two routers at the address of --to?");
	}
	return 0;
}

// Only the router's seed says which objects share a slot.
static void place_hot_object(struct mr_sender *sender)
{
	struct mr_workload_options *workload = &sender->workload.options;
	uint32_t slot = mr_slot_of(workload->first_object, sender->hash_seed);
	while (sender->options->hot_beside_first
		&& mr_slot_of(workload->hot_object, sender->hash_seed) != slot)
		workload->hot_object++;
}

static int open_ledger(struct mr_sender *sender)
{
	const struct mr_send_options *options = sender->options;
	if (options->ledger == NULL)
		return 0;
	uint64_t capacity = options->events;
	if (capacity == 0 && options->rate > 0)
		capacity = (uint64_t)(options->rate * (double)options->duration_ns / 1e9) + 1;
	if (capacity == 0)
		capacity = OPEN_ENDED_EVENTS;
	capacity *=
		4; // events that are submitted again are new ones; what is not used costs nothing
	int r = mr_ledger_create(&sender->ledger, options->ledger, capacity,
		&sender->workload.options, sender->hash_seed, sender->flows);
	if (r < 0)
		fprintf(stderr, "millrace-load send: --ledger %s cannot be made: %s\n",
			options->ledger, strerror(-r));
	return r;
}

struct watch { // what the loop looks at once a second
	uint64_t next_ns;
	uint64_t second;
	struct mr_sender_counts last;
};

static void watch(struct mr_sender *sender, struct watch *watch)
{
	if (sender->now_ns < watch->next_ns)
		return;
	watch->next_ns += SECOND_NS;
	if (sender->options->progress)
		mr_send_progress(sender, ++watch->second, &watch->last, stderr);
	watch->last = sender->counts;
}

// One turn. True when something was done.
static bool turn(struct mr_sender *sender)
{
	sender->now_ns = mr_load_clock_ns();
	mr_sender_keep_link(sender, sender->now_ns);
	uint32_t work = mr_sender_receive(sender, sender->now_ns);
	work += mr_sender_generate(sender, sender->now_ns);
	mr_sender_tick(sender, sender->now_ns);
	mr_sender_greet(sender, sender->now_ns);
	work += mr_sender_push(sender, sender->now_ns);
	return work > 0;
}

// Offers by the schedule, then waits for the last fates. The time of the last offer goes to
// *ret_offered_ns.
static int run(struct mr_sender *sender, uint64_t *ret_offered_ns)
{
	const struct mr_send_options *options = sender->options;
	uint64_t now_ns = mr_load_clock_ns();
	sender->start_ns = now_ns + START_DELAY_NS;
	sender->start_wall_ns = mr_load_wall_ns() + (int64_t)START_DELAY_NS;
	sender->offering = true;
	struct watch seen = {.next_ns = sender->start_ns + SECOND_NS};
	uint64_t end_ns = UINT64_MAX;
	for (;;) {
		bool worked = turn(sender);
		if (stopping())
			sender->offering = false;
		if (!sender->offering && end_ns == UINT64_MAX) {
			*ret_offered_ns = sender->now_ns;
			end_ns = sender->now_ns + options->settle_wait_ns;
		}
		watch(sender, &seen);
		const struct mr_producer_session *broken = session_lost(sender);
		if (broken != NULL) {
			if (*ret_offered_ns == 0)
				*ret_offered_ns = sender->now_ns;
			return say_lost(broken);
		}
		bool done = !sender->offering && sender->retries.count == 0
			&& mr_sender_unsettled(sender) == 0;
		if (done || sender->now_ns >= end_ns || atomic_load(&stop_requests) > 1)
			return 0;
		if (!options->busy && (sender->tx_full || !(worked && options->rate == 0)))
			nap(mr_sender_nap_ns(sender, sender->now_ns));
	}
}

static void close_sessions(struct mr_sender *sender)
{
	uint64_t now_ns = mr_load_clock_ns();
	uint64_t end_ns = now_ns + SECOND_NS;
	for (uint32_t i = 0; i < sender->sessions_count; i++)
		mr_producer_session_close(&sender->sessions[i], now_ns);
	bool closing = true;
	while (closing && now_ns < end_ns) {
		mr_sender_greet(sender, now_ns);
		mr_sender_receive(sender, now_ns);
		closing = false;
		for (uint32_t i = 0; i < sender->sessions_count; i++)
			closing |= sender->sessions[i].state == MR_PRODUCER_CLOSING;
		nap(200000);
		now_ns = mr_load_clock_ns();
	}
}

static double cpu_seconds(void)
{
	struct timespec time;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int send_all(struct mr_sender *sender)
{
	int r = find_router(sender);
	if (r == 0)
		r = open_sessions(sender);
	if (r == 0) {
		place_hot_object(sender);
		r = open_ledger(sender);
	}
	if (r < 0)
		return MR_EXIT_FAILED;
	double cpu_before = cpu_seconds();
	uint64_t offered_ns = 0;
	r = run(sender, &offered_ns);
	double seconds = (double)(sender->now_ns - sender->start_ns) / 1e9;
	struct mr_send_outcome outcome = {
		.seconds = seconds,
		.offer_seconds = (double)(offered_ns - sender->start_ns) / 1e9,
		.cpu_share = seconds > 0 ? (cpu_seconds() - cpu_before) / seconds : 0,
		.unsettled = mr_sender_unsettled(sender),
		.finished = r == 0 && mr_sender_unsettled(sender) == 0,
	};
	for (uint32_t i = 0; i < sender->sessions_count; i++)
		outcome.is_volatile |= sender->sessions[i].is_volatile;
	if (sender->ledger.header != NULL)
		mr_ledger_finish(&sender->ledger);
	close_sessions(sender);
	if (!sender->options->quiet)
		mr_send_report(
			sender, &outcome, strcmp(sender->options->output, "json") == 0, stdout);
	return outcome.finished ? MR_EXIT_DONE : MR_EXIT_FAILED;
}

static int prepare(struct mr_sender *sender, const struct mr_send_options *options)
{
	const char *why = NULL;
	sender->options = options;
	sender->pace = (struct mr_pace){.rate = options->rate, .ramp_ns = (double)options->ramp_ns};
	int r = mr_workload_init(&sender->workload, &options->workload, &why);
	if (r < 0) {
		say(why);
		return r;
	}
	if (mr_retry_queue_init(&sender->retries, RETRIES_MAX) < 0)
		return say("no memory for events to be submitted again");
	return sessions_init(sender);
}

int mr_send_main(int argc, char **argv)
{
	struct mr_send_options options;
	int r = mr_send_options_parse(argc, argv, &options);
	if (r != 0)
		return r == MR_OPTIONS_HELP ? MR_EXIT_DONE : MR_EXIT_USAGE;
	struct mr_sender *sender = calloc(1, sizeof(*sender));
	if (sender == NULL)
		return MR_EXIT_FAILED;
	const struct sigaction action = {.sa_handler = on_signal};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	prctl(PR_SET_TIMERSLACK, 1UL); // naps of 50 us, not of 100

	int code = MR_EXIT_USAGE;
	if (prepare(sender, &options) == 0)
		code = mr_sender_open(sender) == 0 ? send_all(sender) : MR_EXIT_FAILED;
	mr_sender_close(sender);
	for (uint32_t i = 0; i < MR_SENDER_SESSIONS_MAX; i++)
		mr_producer_session_fini(&sender->sessions[i]);
	mr_retry_queue_fini(&sender->retries);
	mr_ledger_close(&sender->ledger);
	mr_workload_fini(&sender->workload);
	free(sender);
	return code;
}
