// /v1/status: the router at a glance.
#include <stdio.h>

#include "act_json.h"
#include "answer.h"
#include "ban_list.h"
#include "daemon.h"
#include "routes.h"
#include "snapshot.h"
#include "watch.h"

static const char *state_name(const struct mr_snapshot *now)
{
	static const char *const names[] = {"starting", "running", "draining", "recovering"};

	if (now->seen_at_ns == 0)
		return "unknown";
	return now->status.state < sizeof(names) / sizeof(names[0]) ? names[now->status.state]
								    : "unknown";
}

static json_t *router_of(const struct mr_snapshot *now)
{
	const int64_t stale_ns = now->connected ? 0 : now->at_ns - now->seen_at_ns;

	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "state", state_name(now),
		"durability", now->status.is_volatile ? "memory" : "disk", "release",
		mr_json_text(now->welcome.release, sizeof(now->welcome.release)), "uptime_s",
		mr_json_seconds(now->status.uptime_ns), "boot_id", mr_json_id(now->welcome.boot_id),
		"generation", mr_json_id(now->status.generation_in_force), "connected",
		now->connected, "stale_s",
		now->seen_at_ns == 0 ? json_null()
				     : mr_json_seconds(stale_ns > 0 ? (uint64_t)stale_ns : 0),
		"why", now->connected ? json_null() : mr_json_text(now->why, sizeof(now->why)));
}

static json_t *events_of(const struct mr_ledgers *ledgers)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "offered",
		(json_int_t)ledgers->offered, "accepted", (json_int_t)ledgers->accepted,
		"recovered", (json_int_t)ledgers->recovered, "refused",
		(json_int_t)ledgers->refused, "queued", (json_int_t)ledgers->queued, "distributed",
		(json_int_t)ledgers->distributed, "dropped", (json_int_t)ledgers->dropped,
		"off_balance", (json_int_t)ledgers->events_off_balance);
}

static json_t *deliveries_of(const struct mr_ledgers *ledgers)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "matched",
		(json_int_t)ledgers->matched, "recovered",
		(json_int_t)ledgers->deliveries_recovered, "on_the_way",
		(json_int_t)ledgers->on_the_way, "delivered", (json_int_t)ledgers->delivered,
		"pending", (json_int_t)ledgers->pending, "dropped",
		(json_int_t)ledgers->deliveries_dropped, "off_balance",
		(json_int_t)ledgers->deliveries_off_balance);
}

static json_t *stages_of(const struct mr_snapshot *now)
{
	json_t *stages = json_array();

	for (uint32_t i = 0; now->stats && i < now->stats->stages_count; i++) {
		const struct mr_stats_stage *stage = &mr_stats_stages(now->stats)[i];
		const uint64_t beat = mr_read(&stage->heartbeat_ns);
		char name[32];

		snprintf(name, sizeof(name), "%s%u", mr_stage_kind_name(stage->kind), stage->index);
		json_array_append_new(stages,
			json_pack("{s:s, s:i, s:f, s:f, s:f, s:o}", "name", name, "cpu",
				(int)stage->cpu, "busy", now->second.stages[i].busy, "step_p99_us",
				(double)now->second.stages[i].step_p99_ns / 1e3, "step_max_us",
				(double)mr_read(&stage->step_max_ns) / 1e3, "heartbeat_age_s",
				mr_json_seconds(
					now->at_mono_ns > beat ? now->at_mono_ns - beat : 0)));
	}
	return stages;
}

static json_t *journal_of(const struct mr_snapshot *now)
{
	static const char *const names[] = {"ok", "full", "failed"};

	if (!now->stats || now->status.is_volatile)
		return json_null();
	const uint64_t state = mr_stats_sum(now->stats, MR_JOURNAL_STATE);

	return json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "state",
		state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown", "dir",
		mr_json_text(now->status.journal, sizeof(now->status.journal)), "segments",
		(json_int_t)mr_stats_sum(now->stats, MR_JOURNAL_SEGMENTS), "disk_bytes",
		(json_int_t)mr_stats_sum(now->stats, MR_JOURNAL_DISK_BYTES), "retention_bytes",
		(json_int_t)now->status.retention_bytes, "replay_bytes",
		(json_int_t)mr_stats_sum(now->stats, MR_JOURNAL_REPLAY_BYTES), "stalls",
		(json_int_t)mr_stats_sum(now->stats, MR_JOURNAL_STALLS), "alarms",
		(json_int_t)mr_stats_sum(now->stats, MR_STEWARD_JOURNAL_ALARMS));
}

static json_t *rates_of(const struct mr_second *second)
{
	return json_pack("{s:f, s:f, s:f, s:f}", "offered", second->offered, "accepted",
		second->accepted, "refused", second->refused, "delivered", second->delivered);
}

static json_t *paused_of(struct mr_ban_list *bans)
{
	struct mr_paused paused;
	json_t *list = json_array();

	for (uint32_t what = MR_PAUSE_INGEST; what <= MR_PAUSE_DELIVERY; what <<= 1)
		if (mr_ban_list_paused(bans, what, &paused))
			json_array_append_new(list, mr_json_paused(&paused));
	return list;
}

static void get_status(struct mr_request *request)
{
	const struct mr_snapshot *now = request->snapshot;
	struct mr_ban_list *bans = request->daemon->bans;
	uint32_t firing = 0;
	uint32_t pending = 0;

	if (request->daemon->watch)
		mr_watch_counts(request->daemon->watch, &firing, &pending);
	mr_answer_json(request, 200,
		json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i}", "at",
			mr_json_time(now->at_ns), "role", mr_role_name(request->caller.role),
			"router", router_of(now), "events", events_of(&now->ledgers), "deliveries",
			deliveries_of(&now->ledgers), "rates", rates_of(&now->second), "stages",
			stages_of(now), "journal", journal_of(now), "paused", paused_of(bans),
			"bans", (int)mr_ban_list_count(bans), "alarms", "firing", (int)firing,
			"pending", (int)pending));
}

static const struct mr_route routes[] = {
	{"GET", "/v1/status", "getStatus", NULL, get_status, MR_ROLE_VIEW, MR_ROUTE_HERE, 0},
};
const struct mr_route_list mr_status_routes = MR_ROUTE_LIST(routes);
