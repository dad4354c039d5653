// The steward's loop: from the first message to the drain.
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "notify.h"
#include "steward.h"

#define DRAIN_NS         UINT64_C(10000000000)
#define DRAIN_DURABLE_NS UINT64_C(2000000000) // nothing is lost that is not delivered by then
#define FAILED_NS        UINT64_C(10000000000) // from the journal's failure to the end
#define LINK_EVERY_NS    UINT64_C(500000000)

enum {
	NAP_ACTIVE_NS = 500000, // while stages have messages of ours
	NAP_NS = 5000000,
};

int mr_steward_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); // a journal beyond RLIMIT_FSIZE is an error like any other
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd >= 0 ? fd : -errno;
}

static bool configured(const struct mr_steward *steward)
{
	return steward->registry.todo.count == 0 && !steward->registry.waiting
		&& mr_acts_restored(&steward->acts) && !steward->wants_keys && !steward->wants_tune
		&& !steward->wants_go && mr_postbox_idle(&steward->postbox);
}

static void become_ready(struct mr_steward *steward, uint64_t now_ns)
{
	steward->state = MR_ROUTER_RUNNING;
	steward->start_ns = now_ns - steward->config.exec_ns;
	mr_log(MR_LOG_NOTICE, "ready after %" PRIu64 " ms", steward->start_ns / 1000000);
	mr_notify("READY=1");
}

// First the whole configuration, then what was recovered may be distributed and recovered sessions
// go on, then the router is ready.
void mr_steward_advance(struct mr_steward *steward, uint64_t now_ns)
{
	if (steward->state != MR_ROUTER_STARTING || !configured(steward)
		|| !mr_directory_idle(&steward->directory))
		return;
	if (steward->node.stream == NULL || steward->resumed) {
		become_ready(steward, now_ns);
		return;
	}
	steward->resumed = true;
	steward->wants_go = true;
	mr_directory_resume(&steward->directory);
}

// True when every accepted event has been distributed and delivered.
static bool drained(const struct mr_steward *steward)
{
	const struct mr_stats *stats = steward->config.segment->stats;
	return !steward->wants_pause && mr_postbox_idle(&steward->postbox)
		&& mr_segment_sum(stats, MR_SHARD_QUEUED) == 0
		&& mr_segment_sum(stats, MR_DELIVERY_PENDING) == 0
		&& mr_segment_sum(stats, MR_SHARD_MATCHED)
		== mr_segment_sum(stats, MR_DELIVERY_MATCHED);
}

static void begin_drain(struct mr_steward *steward, uint64_t now_ns)
{
	uint64_t drain_ns = steward->node.stream != NULL ? DRAIN_DURABLE_NS : DRAIN_NS;
	mr_log(MR_LOG_NOTICE,
		"draining: no new events; deliveries have %u s to finish. A second signal stops at once",
		(unsigned)(drain_ns / 1000000000));
	mr_notify("STOPPING=1");
	steward->state = MR_ROUTER_DRAINING;
	steward->directory.draining = true;
	steward->wants_pause = true;
	steward->drain_until_ns = now_ns + drain_ns;
}

// False: stop at once.
static bool take_signals(struct mr_steward *steward, uint64_t now_ns)
{
	struct signalfd_siginfo info;
	struct mr_control_reload reply;
	while (steward->signals >= 0
		&& read(steward->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			mr_steward_reload(steward, info.ssi_uid, true, &reply);
		else if (steward->state == MR_ROUTER_DRAINING)
			return false;
		else
			begin_drain(steward, now_ns);
	}
	return true;
}

static int failed_core(const struct mr_steward *steward)
{
	for (uint32_t i = 0; i < steward->config.runners_count; i++) {
		int err = atomic_load_explicit(
			&steward->config.runners[i]->failure, memory_order_acquire);
		if (err == 0)
			continue;
		mr_log(MR_LOG_ERROR, "the core on CPU %u cannot open its io_uring: %s. %s",
			steward->config.runners[i]->cpu, strerror(-err),
			err == -EMFILE ? "Raise RLIMIT_NOFILE (ulimit -n)"
				       : "Raise RLIMIT_MEMLOCK or allow io_uring");
		return err;
	}
	return 0;
}

static void watch_link(struct mr_steward *steward, uint64_t now_ns)
{
	struct mr_nic_info info;
	if (steward->config.nic == NULL || now_ns - steward->link_seen_ns < LINK_EVERY_NS)
		return;
	steward->link_seen_ns = now_ns;
	mr_nic_info(steward->config.nic, &info);
	if (info.link_up != steward->link_up)
		mr_log(MR_LOG_NOTICE, "port %s: link %s", info.name, info.link_up ? "up" : "down");
	steward->link_up = info.link_up;
	mr_gauge(&steward->stats->counters[MR_STEWARD_LINK_UP], info.link_up);
}

bool mr_steward_has_failed(const struct mr_steward *steward, uint64_t now_ns)
{
	const struct mr_journal_board *board = steward->node.journal;
	return mr_node_failed(&steward->node)
		&& now_ns
		>= atomic_load_explicit(&board->failed_ns, memory_order_relaxed) + FAILED_NS;
}

// True when the router has drained, or has had its time.
static bool has_ended(const struct mr_steward *steward, uint64_t now_ns)
{
	if (steward->state != MR_ROUTER_DRAINING)
		return false;
	bool all = drained(steward);
	if (!all && now_ns < steward->drain_until_ns)
		return false;
	mr_log(MR_LOG_NOTICE, "%s",
		all ? "drained"
			: steward->node.stream != NULL
			? "stopped: what waits is in the journal"
			: "not drained in 10 s: what waits is lost (VOLATILE)");
	return true;
}

static void sleep_until_asked(const struct mr_steward *steward, long nap_ns)
{
	struct pollfd fds[2 + MR_CONTROL_CLIENTS_MAX];
	struct timespec timeout = {.tv_nsec = nap_ns};
	uint32_t count = mr_control_poll_fds(&steward->control, fds);
	fds[count++] = (struct pollfd){.fd = steward->signals, .events = POLLIN};
	ppoll(fds, count, &timeout, NULL);
}

int mr_steward_run(struct mr_steward *steward)
{
	for (;;) {
		struct mr_now now = {.mono_ns = mr_clock_mono_ns(), .wall_ns = mr_clock_wall_ns()};
		bool moved = mr_steward_step(steward, now);
		bool asked = mr_control_serve(&steward->control);
		if (!take_signals(steward, now.mono_ns))
			return 0;
		mr_steward_advance(steward, now.mono_ns);
		if (has_ended(steward, now.mono_ns))
			return 0;
		int err = failed_core(steward);
		if (err != 0)
			return err;
		if (mr_steward_has_failed(steward, now.mono_ns))
			return -EIO;
		watch_link(steward, now.mono_ns);
		mr_alarms_look(&steward->alarms, steward->node.journal,
			&steward->config.segment->stages[steward->config.wiring->numbers.journal],
			now.mono_ns);
		mr_gauge(&steward->stats->counters[MR_STEWARD_JOURNAL_ALARMS], steward->alarms.on);
		bool waits = moved || !mr_postbox_idle(&steward->postbox)
			|| steward->directory.recording > 0 || !mr_acts_idle(&steward->acts);
		if (!asked) // else there may be something to send
			sleep_until_asked(steward, waits ? NAP_ACTIVE_NS : NAP_NS);
	}
}
