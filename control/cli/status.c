#include <string.h>
#include <time.h>

#include "cli_commands.h"
#include "histogram.h"
#include "ledgers.h"

enum { SAMPLE_MS = 200 };

const char *mr_router_state_name(uint32_t state)
{
	switch (state) {
	case MR_ROUTER_STARTING:
		return "starting";
	case MR_ROUTER_RUNNING:
		return "running";
	case MR_ROUTER_DRAINING:
		return "draining";
	case MR_ROUTER_RECOVERING:
		return "recovering";
	default:
		return "unknown";
	}
}

static void show_router(const struct mr_view *view, const struct mr_control_status *status)
{
	const struct mr_control_welcome *welcome = &view->direct->welcome;
	const struct mr_stats *stats = view->direct->stats;
	const struct mr_cell fields[] = {
		mr_cell_text("state", mr_router_state_name(status->state)),
		mr_cell_text("durability",
			status->is_volatile ? "VOLATILE: a crash forgets acknowledged events"
					    : "disk"),
		mr_cell_text("release", welcome->release),
		mr_cell_number("pid", MR_CELL_ID, welcome->pid),
		mr_cell_number("boot_id", MR_CELL_ID, welcome->boot_id),
		mr_cell_number("uptime", MR_CELL_NS, status->uptime_ns),
		mr_cell_number("start_up", MR_CELL_NS, status->start_ns),
		mr_cell_text("config", status->config[0] ? status->config : "defaults"),
		mr_cell_count("generation_wanted", status->generation_wanted),
		mr_cell_count("generation_in_force", status->generation_in_force),
		mr_cell_text("port", status->port),
		mr_cell_count("links_up", status->links_up),
		mr_cell_count("links", status->links),
		mr_cell_count("sessions", mr_stats_sum(stats, MR_STEWARD_SESSIONS)),
		mr_cell_count("webhooks", mr_stats_sum(stats, MR_DELIVERY_LANES)),
	};

	view->render->group(view->doc, "router", fields, sizeof(fields) / sizeof(fields[0]));
}

// What an operator has to know first.
static const char *journal_state(const struct mr_stats *stats)
{
	const uint64_t alarms = mr_stats_sum(stats, MR_STEWARD_JOURNAL_ALARMS);

	if (alarms >> MR_ALARM_FAILED & 1)
		return "FAILED: a write failed, the router ends";
	if (alarms >> MR_ALARM_FULL & 1)
		return "FULL: events are refused until there is space";
	if (alarms >> MR_ALARM_STALLED & 1)
		return "stalled: a write takes more than a second";
	return alarms >> MR_ALARM_RETENTION & 1 ? "deliveries expire: retention is reached" : "ok";
}

static void show_journal(const struct mr_view *view, const struct mr_control_status *status)
{
	const struct mr_stats *stats = view->direct->stats;
	const uint64_t all = status->recovery_all_bytes;
	const uint64_t done = status->recovery_done_bytes;
	const bool recovers = status->state == MR_ROUTER_RECOVERING;
	const struct mr_cell fields[] = {
		mr_cell_text("state", recovers ? "recovering" : journal_state(stats)),
		mr_cell_text("directory", status->journal),
		mr_cell_number("recovered", MR_CELL_PERMILLE,
			recovers && all > 0 ? done * 1000 / all : 1000),
		mr_cell_count("segments", mr_stats_sum(stats, MR_JOURNAL_SEGMENTS)),
		mr_cell_count("spares", mr_stats_sum(stats, MR_JOURNAL_SPARES)),
		mr_cell_count("bytes", mr_stats_sum(stats, MR_JOURNAL_DISK_BYTES)),
		mr_cell_count("bytes_max", status->retention_bytes),
		mr_cell_count("replay_bytes", mr_stats_sum(stats, MR_JOURNAL_REPLAY_BYTES)),
		mr_cell_count("expired_segments", mr_stats_sum(stats, MR_JOURNAL_EXPIRED_SEGMENTS)),
	};

	if (!status->is_volatile)
		view->render->group(
			view->doc, "journal", fields, sizeof(fields) / sizeof(fields[0]));
}

static void show_ledgers(const struct mr_view *view)
{
	struct mr_ledgers ledgers;

	mr_ledgers_read(view->direct->stats, &ledgers);
	const struct mr_cell events[] = {
		mr_cell_count("offered", ledgers.offered),
		mr_cell_count("accepted", ledgers.accepted),
		mr_cell_count("refused", ledgers.refused),
		mr_cell_count("recovered", ledgers.recovered),
		mr_cell_count("queued", ledgers.queued),
		mr_cell_count("distributed", ledgers.distributed),
		mr_cell_count("dropped", ledgers.dropped),
		mr_cell_count("off_balance", ledgers.events_off_balance),
	};
	const struct mr_cell deliveries[] = {
		mr_cell_count("matched", ledgers.matched),
		mr_cell_count("recovered", ledgers.deliveries_recovered),
		mr_cell_count("on_the_way", ledgers.on_the_way),
		mr_cell_count("delivered", ledgers.delivered),
		mr_cell_count("pending", ledgers.pending),
		mr_cell_count("dropped", ledgers.deliveries_dropped),
		mr_cell_count("off_balance", ledgers.deliveries_off_balance),
	};

	view->render->group(view->doc, "events", events, sizeof(events) / sizeof(events[0]));
	view->render->group(
		view->doc, "deliveries", deliveries, sizeof(deliveries) / sizeof(deliveries[0]));
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void show_stage(const struct mr_view *view, const struct mr_stats_stage *stage,
	uint64_t busy_ns, uint64_t taken_ns)
{
	char name[MR_CELL_TEXT_MAX];
	const uint64_t now_ns = monotonic_ns();
	const uint64_t beat_ns = mr_read(&stage->heartbeat_ns);

	snprintf(name, sizeof(name), "%s%u", mr_stage_kind_name(stage->kind), stage->index);
	struct mr_cell cells[] = {
		mr_cell_text("stage", name),
		mr_cell_count("lcore", stage->lcore),
		mr_cell_count("cpu", stage->cpu),
		mr_cell_number("busy", MR_CELL_PERMILLE, taken_ns ? busy_ns * 1000 / taken_ns : 0),
		mr_cell_count("steps", mr_read(&stage->steps)),
		mr_cell_number(
			"step_p999", MR_CELL_NS, mr_histogram_quantile(&stage->step_ns, 0.999)),
		mr_cell_number("slowest_step", MR_CELL_NS, mr_read(&stage->step_max_ns)),
		mr_cell_number("last_step", MR_CELL_NS,
			beat_ns && now_ns > beat_ns ? now_ns - beat_ns : 0),
		mr_cell_count("generation", mr_read(&stage->generation)),
	};

	cells[0].width = 12;
	cells[2].width = 5;
	cells[3].width = 8;
	cells[1].is_detail = cells[4].is_detail = cells[8].is_detail = true;
	view->render->row(view->doc, cells, sizeof(cells) / sizeof(cells[0]));
}

// `busy` is the share of the last SAMPLE_MS that the stage worked.
static void show_stages(const struct mr_view *view)
{
	const struct mr_stats *stats = view->direct->stats;
	const struct mr_stats_stage *stages = mr_stats_stages(stats);
	const struct timespec pause = {.tv_nsec = SAMPLE_MS * 1000000L};
	uint64_t busy_ns[MR_STAGES_MAX];
	const uint64_t began_ns = monotonic_ns();

	for (uint32_t i = 0; i < stats->stages_count; i++)
		busy_ns[i] = mr_read(&stages[i].busy_ns);
	nanosleep(&pause, NULL);
	const uint64_t taken_ns = monotonic_ns() - began_ns;

	view->render->table(view->doc, "stages");
	for (uint32_t i = 0; i < stats->stages_count; i++)
		show_stage(view, &stages[i], mr_read(&stages[i].busy_ns) - busy_ns[i], taken_ns);
	view->render->table_end(view->doc);
}

int mr_command_status(const struct mr_view *view, char *ret_why)
{
	struct mr_control_status status;
	int r = mr_direct_status(view->direct, &status, ret_why);

	if (r < 0)
		return r;
	view->render->begin(view->doc);
	show_router(view, &status);
	show_journal(view, &status);
	show_ledgers(view);
	show_stages(view);
	view->render->end(view->doc);
	return 0;
}
