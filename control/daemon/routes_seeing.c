// /v1/hot, /v1/ledgers, /v1/latencies, /v1/history, /v1/endpoints: what the snapshot shows.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "ban_list.h"
#include "daemon.h"
#include "histogram.h"
#include "history.h"
#include "hot.h"
#include "routes.h"
#include "scope_rows.h"
#include "snapshot.h"

// False after answering: no data plane was ever seen.
static bool check_stats(struct mr_request *request)
{
	if (request->snapshot->stats)
		return true;
	mr_problem(request, 503, "nothing is known of the router yet: %s", request->snapshot->why);
	return false;
}

// -- Hot

static json_t *known_id(uint64_t id)
{
	return id ? mr_json_id(id) : json_null();
}

static bool is_banned(struct mr_ban_list *bans, enum mr_scope_kind kind, uint64_t id)
{
	struct mr_ban ban;

	return id != 0 && mr_ban_list_find(bans, &(struct mr_scope){.kind = kind, .id = id}, &ban);
}

static json_t *hot_row(
	struct mr_ban_list *bans, enum mr_scope_kind kind, const struct mr_hot_row *row)
{
	const bool banned = is_banned(bans, kind, row->id)
		|| is_banned(bans, MR_SCOPE_APP, row->app)
		|| is_banned(bans, MR_SCOPE_WORKSPACE, row->workspace)
		|| is_banned(bans, MR_SCOPE_DATABASE, row->database);

	return json_pack("{s:s, s:o, s:I, s:I, s:f, s:f, s:f, s:I, s:f, s:I, s:o, s:o, s:o, s:b}",
		"kind", mr_scope_kind_name(kind), "id", mr_json_id(row->id), "count",
		(json_int_t)row->count, "error", (json_int_t)row->error, "rate", row->per_s,
		"rate_min", row->per_s_min, "rate_now", row->now_per_s, "refused",
		(json_int_t)row->refused, "refused_rate", row->refused_per_s, "queued",
		(json_int_t)row->queued, "app", known_id(row->app), "workspace",
		known_id(row->workspace), "database", known_id(row->database), "banned", banned);
}

static void answer_hot(
	struct mr_request *request, enum mr_scope_kind kind, enum mr_hot_by by, uint64_t limit)
{
	const struct mr_snapshot *now = request->snapshot;
	struct mr_hot hot;
	json_t *data = json_array();

	if (mr_hot_read(now->stats, kind, by, now->at_mono_ns, &hot) < 0) {
		json_decref(data);
		mr_problem(request, 400, "only objects have queues: use by=rate or by=refused");
		return;
	}
	for (uint32_t i = 0; i < hot.count && i < limit; i++)
		json_array_append_new(data, hot_row(request->daemon->bans, kind, &hot.rows[i]));
	mr_answer_json(request, 200,
		json_pack("{s:o, s:I, s:I, s:o, s:s, s:b}", "window_s",
			mr_json_seconds(hot.window_ns), "total", (json_int_t)hot.total,
			"absent_max", (json_int_t)hot.absent_max, "data", data, "iterator", "",
			"done", 1));
}

static void answer_endpoints(struct mr_request *request, enum mr_hot_endpoint_by by, uint64_t limit)
{
	struct mr_hot_endpoint *rows = calloc(limit, sizeof(*rows));
	const int count =
		rows ? mr_hot_endpoints(request->snapshot->stats, by, (uint32_t)limit, rows) : -1;
	json_t *data = json_array();

	for (int i = 0; i < count; i++)
		json_array_append_new(data,
			json_pack("{s:s, s:o, s:i, s:i, s:I, s:I, s:I, s:I, s:f, s:o, s:o}", "kind",
				"endpoint", "origin",
				mr_json_text(rows[i].origin, sizeof(rows[i].origin)), "webhooks",
				(int)rows[i].webhooks, "failing", (int)rows[i].failing, "pending",
				(json_int_t)rows[i].pending, "delivered",
				(json_int_t)rows[i].delivered, "requests",
				(json_int_t)rows[i].requests, "requests_failed",
				(json_int_t)rows[i].requests_failed, "request_mean_ms",
				rows[i].requests ? (double)rows[i].requests_ns / 1e6
						/ (double)rows[i].requests
						 : 0.0,
				"oldest_s", mr_json_seconds(rows[i].oldest_ns), "last_status",
				rows[i].last_status ? json_integer((json_int_t)rows[i].last_status)
						    : json_null()));
	free(rows);
	if (count < 0) {
		json_decref(data);
		mr_problem(request, 503, "no memory for the list of endpoints: ask for fewer");
		return;
	}
	mr_answer_list(request, data, NULL);
}

static void get_hot(struct mr_request *request)
{
	static const enum mr_scope_kind kinds[] = {MR_SCOPE_OBJECT, MR_SCOPE_APP,
		MR_SCOPE_WORKSPACE, MR_SCOPE_DATABASE, MR_SCOPE_USER};
	static const enum mr_hot_endpoint_by endpoint_bys[] = {
		MR_HOT_BY_PENDING, MR_HOT_BY_PENDING, MR_HOT_BY_FAILED, MR_HOT_BY_REQUEST_TIME};
	uint32_t kind;
	uint32_t by;
	uint64_t limit;

	if (!check_stats(request)
		|| !mr_query_choice(
			request, "kind", "object app workspace database user endpoint", &kind)
		|| !mr_query_choice(request, "by", "rate queue refused time", &by)
		|| !mr_query_u64(request, "limit", 1, 1000, 20, &limit))
		return;
	if (kind == sizeof(kinds) / sizeof(kinds[0]))
		answer_endpoints(request, endpoint_bys[by], limit);
	else if (by == sizeof(endpoint_bys) / sizeof(endpoint_bys[0]) - 1)
		mr_problem(request, 400, "by=time is for endpoints: use kind=endpoint");
	else
		answer_hot(request, kinds[kind], (enum mr_hot_by)by, limit);
}

static void get_endpoints(struct mr_request *request)
{
	uint32_t by;
	uint64_t limit;

	if (check_stats(request) && mr_query_choice(request, "by", "pending time failed", &by)
		&& mr_query_u64(request, "limit", 1, 1000, 100, &limit))
		answer_endpoints(request, (enum mr_hot_endpoint_by)by, limit);
}

// -- Ledgers

static void get_ledgers(struct mr_request *request)
{
	static const char *const kinds[] = {"app", "workspace", "database"};
	struct mr_scope_row *rows = NULL;
	uint32_t table;
	uint64_t limit;

	if (!check_stats(request)
		|| !mr_query_choice(request, "kind", "app workspace database", &table)
		|| !mr_query_u64(request, "limit", 1, 1000, 100, &limit))
		return;
	const int count = mr_scope_rows_read(request->snapshot->stats, table, &rows);
	json_t *data = json_array();

	for (int i = 0; i < count && (uint64_t)i < limit; i++)
		json_array_append_new(data,
			json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "kind",
				kinds[table], "id", known_id(rows[i].id), "offered",
				(json_int_t)(rows[i].accepted + rows[i].refused), "accepted",
				(json_int_t)rows[i].accepted, "recovered",
				(json_int_t)rows[i].recovered, "refused",
				(json_int_t)rows[i].refused, "distributed",
				(json_int_t)rows[i].distributed, "dropped",
				(json_int_t)rows[i].dropped, "queued", (json_int_t)rows[i].queued));
	free(rows);
	mr_answer_list(request, data, NULL);
}

// -- Latencies

static json_t *latency(const char *name, const char *help, const struct mr_stats_histogram *of)
{
	return json_pack("{s:s, s:s, s:I, s:f, s:f, s:f, s:f, s:f}", "name", name, "help", help,
		"count", (json_int_t)mr_read(&of->count), "p50_us",
		(double)mr_histogram_quantile(of, 0.5) / 1e3, "p90_us",
		(double)mr_histogram_quantile(of, 0.9) / 1e3, "p99_us",
		(double)mr_histogram_quantile(of, 0.99) / 1e3, "p999_us",
		(double)mr_histogram_quantile(of, 0.999) / 1e3, "max_us",
		(double)mr_read(&of->max) / 1e3);
}

static void get_latencies(struct mr_request *request)
{
	static const struct {
		enum mr_stage_kind kind;
		uint32_t slot;
		const char *name;
		const char *help;
	} rows[] = {
#define X(kind, symbol, slot, metric, help) \
	{MR_STAGE_##kind, MR_HISTOGRAM_##kind##_##symbol, metric, help},
		MR_HISTOGRAMS(X)
#undef X
	};
	struct mr_stats_histogram sum;

	if (!check_stats(request))
		return;
	json_t *data = json_array();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[96];

		mr_stats_sum_histogram(request->snapshot->stats, rows[i].kind, rows[i].slot, &sum);
		snprintf(name, sizeof(name), "%s_%.*s", mr_stage_kind_name(rows[i].kind),
			(int)(strlen(rows[i].name) - strlen("_seconds")), rows[i].name);
		json_array_append_new(data, latency(name, rows[i].help, &sum));
	}
	mr_answer_list(request, data, NULL);
}

// -- History

static void append(json_t *columns, const char *name, json_t *value)
{
	json_array_append_new(json_object_get(columns, name), value);
}

static void append_row(json_t *columns, const struct mr_history_row *row)
{
	append(columns, "at", mr_json_time(row->at_ns));
	append(columns, "connected", json_boolean(row->connected));
	append(columns, "offered", json_real((double)row->offered));
	append(columns, "accepted", json_real((double)row->accepted));
	append(columns, "refused", json_real((double)row->refused));
	append(columns, "delivered", json_real((double)row->delivered));
	append(columns, "queued", json_integer((json_int_t)row->queued));
	append(columns, "pending", json_integer((json_int_t)row->pending));
	append(columns, "p50_us", json_integer(row->p50_us));
	append(columns, "p99_us", json_integer(row->p99_us));
	append(columns, "busiest", json_real(row->busiest_permille / 1e3));
}

static void get_history(struct mr_request *request)
{
	static const char *const names[] = {"at", "connected", "offered", "accepted", "refused",
		"delivered", "queued", "pending", "p50_us", "p99_us", "busiest"};
	uint64_t seconds;

	if (!mr_query_u64(request, "seconds", 1, MR_HISTORY_SECONDS, 300, &seconds))
		return;
	struct mr_history_row *rows = calloc(seconds, sizeof(*rows));

	if (!rows) {
		mr_problem(request, 503, "no memory for the history: ask for fewer seconds");
		return;
	}
	const uint32_t count = mr_history_read(request->daemon->history, (uint32_t)seconds, rows);
	json_t *columns = json_object();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		json_object_set_new(columns, names[i], json_array());
	for (uint32_t i = 0; i < count; i++)
		append_row(columns, &rows[i]);
	free(rows);
	mr_answer_json(request, 200, columns);
}

static const struct mr_route routes[] = {
	{"GET", "/v1/hot", "listHot", "kind by limit", get_hot, MR_ROLE_VIEW, MR_ROUTE_HERE, 0},
	{"GET", "/v1/ledgers", "listLedgers", "kind limit", get_ledgers, MR_ROLE_VIEW,
		MR_ROUTE_HERE, 0},
	{"GET", "/v1/latencies", "listLatencies", NULL, get_latencies, MR_ROLE_VIEW, MR_ROUTE_HERE,
		0},
	{"GET", "/v1/history", "getHistory", "seconds", get_history, MR_ROLE_VIEW, MR_ROUTE_HERE,
		0},
	{"GET", "/v1/endpoints", "listEndpoints", "by limit", get_endpoints, MR_ROLE_VIEW,
		MR_ROUTE_HERE, 0},
};
const struct mr_route_list mr_seeing_routes = MR_ROUTE_LIST(routes);
