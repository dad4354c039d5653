// Who is most active, past millrace-controld: the same rows as GET /v1/hot.
#include <errno.h>
#include <string.h>
#include <time.h>

#include "answer.h"
#include "hot.h"

enum { ROWS = 10 }; // without --limit

static json_t *id_or_null(uint64_t id)
{
	return id ? json_sprintf("%llu", (unsigned long long)id) : json_null();
}

static json_t *row_json(const struct mr_hot *hot, const struct mr_hot_row *row)
{
	return json_pack("{s:s,s:o,s:I,s:I,s:f,s:I,s:o,s:o,s:o,s:o}", "kind",
		mr_scope_kind_name(hot->kind), "id",
		json_sprintf("%llu", (unsigned long long)row->id), "count", (json_int_t)row->count,
		"error", (json_int_t)row->error, "rate", row->per_s, "refused",
		(json_int_t)row->refused, "queued",
		hot->kind == MR_SCOPE_OBJECT ? json_integer((json_int_t)row->queued) : json_null(),
		"app", id_or_null(row->app), "workspace", id_or_null(row->workspace), "database",
		id_or_null(row->database));
}

static json_t *endpoint_json(const struct mr_hot_endpoint *row)
{
	json_t *origin = json_string(row->origin);

	return json_pack("{s:s,s:o,s:I,s:I,s:I,s:I,s:f,s:o}", "kind", "endpoint", "origin",
		origin ? origin : json_string("(not UTF-8)"), "webhooks", (json_int_t)row->webhooks,
		"pending", (json_int_t)row->pending, "requests", (json_int_t)row->requests,
		"requests_failed", (json_int_t)row->requests_failed, "request_mean_ms",
		row->requests ? (double)row->requests_ns / (double)row->requests / 1e6 : 0.0,
		"last_status",
		row->last_status ? json_integer((json_int_t)row->last_status) : json_null());
}

int mr_hot_document(struct mr_call *call, const char *kind_name, const char *by_name,
	uint32_t limit, json_t **ret_json)
{
	static struct mr_hot hot;
	enum mr_scope_kind kind = MR_SCOPE_APP;
	enum mr_hot_by by = MR_HOT_BY_RATE;
	struct timespec now;

	while (kind < MR_SCOPE_USER && strcmp(mr_scope_kind_name(kind), kind_name) != 0)
		kind++;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (mr_hot_by_parse(by_name, &by) < 0)
		return mr_call_fail(call, -EINVAL, "--by %s is for endpoints", by_name);
	int r = mr_hot_read(call->direct.stats, kind, by,
		(uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec, &hot);
	if (r == -EINVAL)
		return mr_call_fail(call, r, "only objects have a queue: --by queue is for them");
	if (r < 0)
		return mr_call_fail(call, r, "%s", strerror(-r));
	json_t *rows = json_array();

	for (uint32_t i = 0; i < hot.count && i < limit; i++)
		json_array_append_new(rows, row_json(&hot, &hot.rows[i]));
	*ret_json = json_pack("{s:f,s:o}", "window_s", (double)hot.window_ns / 1e9, "data", rows);
	return 0;
}

static int show_endpoints(struct mr_call *call, uint32_t limit)
{
	static const char *const orders[][2] = {
		{"queue", "pending"}, {"time", "request_time"}, {"refused", "failed"}};
	static struct mr_hot_endpoint rows[MR_HOT_ROWS_MAX];
	const char *wanted = call->line->values[MR_OPTION_BY];
	enum mr_hot_endpoint_by by = MR_HOT_BY_PENDING;

	for (size_t i = 0; wanted && i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (strcmp(orders[i][0], wanted) == 0)
			mr_hot_endpoint_by_parse(orders[i][1], &by);
	}
	int count = mr_hot_endpoints(
		call->direct.stats, by, limit < MR_HOT_ROWS_MAX ? limit : MR_HOT_ROWS_MAX, rows);
	if (count < 0)
		return mr_call_fail(call, count, "%s", strerror(-count));
	json_t *all = json_array();

	for (int i = 0; i < count; i++)
		json_array_append_new(all, endpoint_json(&rows[i]));
	return mr_answer_print(call, json_pack("{s:o}", "data", all), &mr_shape_hot);
}

int mr_call_hot_direct(struct mr_call *call)
{
	const char *kind = call->line->arguments[0], *by = call->line->values[MR_OPTION_BY];
	const uint32_t limit = mr_line_has(call->line, MR_OPTION_LIMIT)
		? (uint32_t)call->line->numbers[MR_OPTION_LIMIT]
		: ROWS;
	json_t *answer = NULL;

	if (kind && strcmp(kind, "endpoint") == 0)
		return show_endpoints(call, limit);
	int r = mr_hot_document(call, kind ? kind : "object", by ? by : "rate", limit, &answer);
	return r < 0 ? r : mr_answer_print(call, answer, &mr_shape_hot);
}
