// /v1/status: the router at a glance.
#include "answer.h"
#include "daemon.h"
#include "routes.h"
#include "snapshot.h"

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
	const int64_t stale_ns =
		now->connected || now->seen_at_ns == 0 ? 0 : now->at_ns - now->seen_at_ns;

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

static void get_status(struct mr_request *request)
{
	const struct mr_snapshot *now = request->snapshot;

	mr_answer_json(request, 200,
		json_pack("{s:o, s:o, s:o, s:o}", "at", mr_json_time(now->at_ns), "router",
			router_of(now), "events", events_of(&now->ledgers), "deliveries",
			deliveries_of(&now->ledgers)));
}

static const struct mr_route routes[] = {
	{"GET", "/v1/status", "getStatus", NULL, get_status, MR_ROLE_VIEW, MR_ROUTE_HERE, 0},
};
const struct mr_route_list mr_status_routes = MR_ROUTE_LIST(routes);
