#include "ticker.h"

#include <stdint.h>
#include <time.h>

#include "adoption.h"
#include "attempt_log.h"
#include "clock.h"
#include "history.h"
#include "idempotency.h"
#include "listeners.h"
#include "log.h"
#include "notify.h"
#include "settings.h"
#include "snapshot.h"
#include "tail_log.h"
#include "tokens.h"
#include "watch.h"
#include "webhook_book.h"

enum { SECOND_NS = 1000000000 };

// Says once when the data plane comes and goes.
static void tell_change(const struct mr_snapshot *before, const struct mr_snapshot *after)
{
	if (after->connected && !before->connected)
		mr_log(MR_LOG_INFO, "connected to millraced %s", after->welcome.release);
	else if (!after->connected && (before->connected || before->number == 0))
		mr_log(MR_LOG_WARNING, "no data plane: %s", after->why);
}

static void tick(struct mr_daemon *daemon, struct mr_direct *direct)
{
	const struct mr_snapshot *before = mr_snapshot_take(daemon->board);

	if (mr_watch_is_cut(daemon->watch))
		mr_direct_close(direct);
	mr_board_look(daemon->board, direct,
		mr_watch_is_cut(daemon->watch) ? "" : daemon->settings->direct_socket);
	const struct mr_snapshot *after = mr_snapshot_take(daemon->board);

	tell_change(before, after);
	mr_history_add(daemon->history, &after->second);
	if (after->connected) {
		if (direct->stats) { // before questions, which close a connection that fails
			mr_tail_log_tick(daemon->tail, direct->stats);
			mr_attempt_log_tick(daemon->attempts, direct);
		}
		mr_adoption_tick(daemon, direct);
		mr_webhook_book_tick(daemon->webhooks, direct, after->status.generation_in_force);
	}
	mr_watch_tick(daemon->watch, after);
	mr_tokens_load(daemon->tokens);
	mr_idempotency_tick(daemon->store);
	mr_listeners_tick(daemon->listeners);
	mr_snapshot_drop(after);
	mr_snapshot_drop(before);
}

void mr_ticker_run(struct mr_daemon *daemon, const atomic_bool *stop)
{
	struct mr_direct direct = {.fd = -1};
	uint64_t next_ns = mr_now_mono_ns();

	while (!atomic_load(stop)) {
		tick(daemon, &direct);
		mr_notify("WATCHDOG=1");
		next_ns += SECOND_NS;
		const uint64_t now_ns = mr_now_mono_ns();

		if (next_ns < now_ns) // a look took longer: no seconds are made up for
			next_ns = now_ns;
		const struct timespec until = {.tv_sec = (time_t)(next_ns / SECOND_NS),
			.tv_nsec = (long)(next_ns % SECOND_NS)};

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL); // a signal ends it
	}
	mr_direct_close(&direct);
}
