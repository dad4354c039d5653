// /healthz and /readyz: for service managers and load balancers, open to all.
#include "answer.h"
#include "daemon.h"
#include "routes.h"
#include "snapshot.h"

// The daemon answers; nothing else is asked of it.
static void get_healthz(struct mr_request *request)
{
	mr_answer_json(
		request, 200, json_pack("{s:s, s:s}", "status", "ok", "release", MR_VERSION));
}

static json_t *check(const char *name, bool ok, const char *detail)
{
	return json_pack("{s:s, s:b, s:o}", "name", name, "ok", ok, "detail",
		mr_json_text(detail, MR_DIRECT_WHY_BYTES));
}

// It can do its work: the data plane answers, and events are taken.
static void get_readyz(struct mr_request *request)
{
	const struct mr_snapshot *now = request->snapshot;
	const bool is_running = now->connected && now->status.state == MR_ROUTER_RUNNING;

	mr_answer_json(request, is_running ? 200 : 503,
		json_pack("{s:b, s:[o, o]}", "ready", is_running, "checks",
			check("data_plane", now->connected, now->connected ? "answers" : now->why),
			check("running", is_running,
				is_running ? "takes events"
					   : "is starting, draining, or not connected")));
}

static const struct mr_route routes[] = {
	{"GET", "/healthz", "getHealth", NULL, get_healthz, MR_ROLE_NOBODY, MR_ROUTE_HERE, 0},
	{"GET", "/readyz", "getReadiness", NULL, get_readyz, MR_ROLE_NOBODY, MR_ROUTE_HERE, 0},
};
const struct mr_route_list mr_health_routes = MR_ROUTE_LIST(routes);
