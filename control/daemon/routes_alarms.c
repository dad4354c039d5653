// /v1/alarms, and /metrics for scrapers.
#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "clock.h"
#include "daemon.h"
#include "metrics.h"
#include "routes.h"
#include "snapshot.h"
#include "watch.h"

static void get_alarms(struct mr_request *request)
{
	mr_answer_list(request, mr_watch_alarms(request->daemon->watch), NULL);
}

static void get_receivers(struct mr_request *request)
{
	mr_answer_list(request, mr_watch_receivers(request->daemon->watch), NULL);
}

static void get_metrics(struct mr_request *request)
{
	const struct mr_snapshot *now = request->snapshot;
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (!out) {
		mr_problem(request, 503, "no memory");
		return;
	}
	mr_metrics_releases(out, now->connected ? now->welcome.release : NULL);
	if (now->connected && now->stats)
		mr_metrics_stats(
			out, now->stats, &now->ledgers, now->at_mono_ns, (uint64_t)now->at_ns);
	mr_watch_metrics(request->daemon->watch, out);
	fclose(out);
	mr_answer_heap(request, 200, MR_METRICS_CONTENT_TYPE, text, length);
}

static const struct mr_route routes[] = {
	{"GET", "/v1/alarms", "listAlarms", NULL, get_alarms, MR_ROLE_VIEW, MR_ROUTE_HERE, 0},
	{"GET", "/v1/receivers", "listReceivers", NULL, get_receivers, MR_ROLE_VIEW, MR_ROUTE_HERE,
		0},
	{"GET", "/metrics", "getMetrics", NULL, get_metrics, MR_ROLE_VIEW, MR_ROUTE_HERE, 0},
};
const struct mr_route_list mr_alarm_routes = MR_ROUTE_LIST(routes);
