#include "drill.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "clock.h"
#include "daemon.h"
#include "line.h"
#include "snapshot.h"
#include "watch.h"

enum { LOOK_MS = 100, QUIET_MS = 2100 };

// -- Faults

static int cut_line(struct mr_daemon *daemon, struct mr_line *line, char *ret_why)
{
	(void)line;
	(void)ret_why;
	mr_watch_cut(daemon->watch, true);
	return 0;
}

static void mend_line(struct mr_daemon *daemon, struct mr_line *line)
{
	(void)line;
	mr_watch_cut(daemon->watch, false);
}

static int set_pause(struct mr_line *line, bool on, char *ret_why)
{
	const struct mr_control_pause pause = {
		.author = {.name = "drill"},
		.what = MR_PAUSE_DELIVERY,
		.on = on,
		.ttl_ns = UINT64_C(60000000000), // should the daemon end meanwhile
		.reason = "drill of the alarm paused",
	};
	struct mr_control_effect effect;
	char ignored[MR_DIRECT_WHY_BYTES] = "";
	const int r = mr_line_act(line, MR_CONTROL_PAUSE, &pause, sizeof(pause), &effect, ignored);

	if (r < 0)
		snprintf(ret_why, MR_DRILL_WHY_BYTES, "%.*s", MR_DRILL_WHY_BYTES - 1, ignored);
	return r;
}

static int pause_delivery(struct mr_daemon *daemon, struct mr_line *line, char *ret_why)
{
	(void)daemon;
	return set_pause(line, true, ret_why);
}

static void resume_delivery(struct mr_daemon *daemon, struct mr_line *line)
{
	char ignored[MR_DRILL_WHY_BYTES];

	(void)daemon;
	set_pause(line, false, ignored);
}

static const struct mr_drill drills[MR_ALERT_ID_COUNT] = {
#define BY_HAND(symbol, text) [MR_ALERT_##symbol] = {MR_ALERT_##symbol, false, text, NULL, NULL}
	BY_HAND(EVENTS_DROPPED,
		"let deliveries expire: a small retention.bytes and a dead endpoint"),
	BY_HAND(QUEUE_FULL, "send one object more than its queue holds while its endpoint is slow"),
	BY_HAND(HOT_OBJECT, "send one object more events per second than thresholds.hot_object"),
	BY_HAND(LAG_AGE, "let an endpoint answer slower than its events come"),
	BY_HAND(ENDPOINTS_DEAD, "end an endpoint to which events go"),
	BY_HAND(CORE_STALLED, "stop one thread of millraced with a debugger"),
	BY_HAND(JOURNAL_STALLED, "suspend the device of the journal (dmsetup suspend)"),
	BY_HAND(JOURNAL_FULL, "fill the file system of the journal"),
	BY_HAND(JOURNAL_FAILED, "let the device of the journal fail (dmsetup, error target)"),
	BY_HAND(JOURNAL_EXPIRING,
		"let deliveries expire: a small retention.bytes and a dead endpoint"),
	BY_HAND(LINK_DOWN, "take the port's link away"),
	BY_HAND(PACKETS_LOST, "send more packets than the router's buffers hold"),
	BY_HAND(SESSIONS_FULL, "open nine tenths of sessions.max"),
	BY_HAND(LEDGER_IMBALANCE, "run a build with a planted fault (-Dbench_break=drop)"),
	BY_HAND(RELOAD_FAILED, "put a mistake into the configuration and reload"),
#undef BY_HAND
	[MR_ALERT_PAUSED] = {MR_ALERT_PAUSED, false, "delivery is paused for a few seconds",
		pause_delivery, resume_delivery},
	[MR_ALERT_DATA_PLANE_LOST] = {MR_ALERT_DATA_PLANE_LOST, true,
		"the daemon's line to the data plane is cut for a few seconds; events flow on",
		cut_line, mend_line},
};

const struct mr_drill *mr_drill_of(enum mr_alert_id alarm)
{
	return &drills[alarm];
}

// -- The run

struct run {
	struct mr_daemon *daemon;
	enum mr_alert_id alarm;
	uint64_t began_ns, reached; // before the fault
	struct mr_drill_result *result;
};

static void nap(uint32_t ms)
{
	const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	nanosleep(&time, NULL);
}

static double seconds(const struct run *run)
{
	return (double)(mr_now_mono_ns() - run->began_ns) / 1e9;
}

static void note(const struct run *run, bool ok, const char *text)
{
	json_array_append_new(run->result->steps,
		json_pack("{s:f, s:b, s:s}", "at_s", seconds(run), "ok", ok, "text", text));
}

// Whether events of others came within two seconds.
static bool is_foreign_traffic(struct mr_daemon *daemon)
{
	const struct mr_snapshot *snapshot = mr_snapshot_take(daemon->board);
	const uint64_t before = snapshot->ledgers.offered;

	mr_snapshot_drop(snapshot);
	nap(QUIET_MS);
	snapshot = mr_snapshot_take(daemon->board);
	const bool came = snapshot->ledgers.offered != before;

	mr_snapshot_drop(snapshot);
	return came;
}

// Until the alarm is in the state and, when it fires, a receiver has taken it.
static bool wait_for(const struct run *run, enum mr_alert_state state)
{
	while (seconds(run) < MR_DRILL_SECONDS && !mr_watch_is_ending(run->daemon->watch)) {
		if (mr_watch_state(run->daemon->watch, run->alarm) == state
			&& (state != MR_ALERT_FIRING
				|| mr_watch_reached(run->daemon->watch, run->alarm) > run->reached))
			return true;
		nap(LOOK_MS);
	}
	return false;
}

static int go(
	const struct run *run, struct mr_line *line, const struct mr_drill *drill, char *ret_why)
{
	const int r = drill->begin ? drill->begin(run->daemon, line, ret_why) : 0;

	if (r < 0)
		return r;
	note(run, true, drill->begin ? drill->fault : "waits for the fault to be brought about");
	const bool fired = wait_for(run, MR_ALERT_FIRING);

	note(run, fired,
		fired ? "the alarm fired, and a receiver has taken it"
			: mr_watch_state(run->daemon->watch, run->alarm) == MR_ALERT_FIRING
			? "the alarm fires, but no receiver has taken it"
			: "the alarm did not fire");
	run->result->took_s = seconds(run);
	if (drill->end) {
		drill->end(run->daemon, line);
		const bool over = wait_for(run, MR_ALERT_OK);

		note(run, over,
			over ? "the fault is gone, the alarm is over" : "the alarm is not over");
		run->result->passed = fired && over;
	} else {
		run->result->passed = fired;
	}
	return 0;
}

int mr_drill_run(struct mr_daemon *daemon, struct mr_line *line, const struct mr_drill *drill,
	bool in_lab, struct mr_drill_result *ret_result, char *ret_why)
{
	if (mr_watch_state(daemon->watch, drill->alarm) != MR_ALERT_OK) {
		snprintf(ret_why, MR_DRILL_WHY_BYTES,
			"the alarm fires already: a drill would prove nothing");
		return -EALREADY;
	}
	if (!drill->safe && !in_lab && is_foreign_traffic(daemon)) {
		snprintf(ret_why, MR_DRILL_WHY_BYTES,
			"this drill is for a lab, and events of others flow: say lab (--lab) if they may suffer");
		return -EPERM;
	}
	if (!mr_watch_drill_begin(daemon->watch, drill->alarm)) {
		snprintf(ret_why, MR_DRILL_WHY_BYTES, "another drill goes on");
		return -EBUSY;
	}
	*ret_result = (struct mr_drill_result){.steps = json_array()};
	const struct run run = {
		.daemon = daemon,
		.alarm = drill->alarm,
		.began_ns = mr_now_mono_ns(),
		.reached = mr_watch_reached(daemon->watch, drill->alarm),
		.result = ret_result,
	};
	const int r = go(&run, line, drill, ret_why);

	mr_watch_drill_end(daemon->watch);
	if (r < 0)
		json_decref(ret_result->steps);
	return r;
}
