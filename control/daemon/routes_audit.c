// /v1/audit: the newest first.
#include <inttypes.h>
#include <stdio.h>

#include "answer.h"
#include "daemon.h"
#include "routes.h"
#include "store.h"

static json_t *text_of(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text ? mr_json_text(text, (size_t)sqlite3_column_bytes(statement, column))
		    : json_null();
}

static json_t *json_of(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);
	json_t *json = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

	return json ? json : json_null();
}

static void get_audit(struct mr_request *request)
{
	uint64_t limit;
	uint64_t before;
	char next[24];

	if (!mr_query_u64(request, "limit", 1, 1000, 100, &limit)
		|| !mr_query_u64(request, "iterator", 1, INT64_MAX, INT64_MAX, &before))
		return;
	json_t *data = json_array();

	mr_store_lock(request->daemon->store);
	sqlite3_stmt *statement = mr_store_prepare(request->daemon->store,
		"SELECT number, at_ns, who, via, act, scope, before, after, result FROM audit"
		" WHERE number < ?1 ORDER BY number DESC LIMIT ?2");

	if (statement) {
		sqlite3_bind_int64(statement, 1, (sqlite3_int64)before);
		sqlite3_bind_int64(statement, 2, (sqlite3_int64)limit);
	}
	while (statement && sqlite3_step(statement) == SQLITE_ROW) {
		before = (uint64_t)sqlite3_column_int64(statement, 0);
		json_array_append_new(data,
			json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "number",
				mr_json_id(before), "at",
				mr_json_time(sqlite3_column_int64(statement, 1)), "who",
				text_of(statement, 2), "via", text_of(statement, 3), "act",
				text_of(statement, 4), "scope", text_of(statement, 5), "before",
				json_of(statement, 6), "after", json_of(statement, 7), "result",
				text_of(statement, 8)));
	}
	if (statement)
		sqlite3_reset(statement);
	mr_store_unlock(request->daemon->store);
	snprintf(next, sizeof(next), "%" PRIu64, before);
	mr_answer_list(request, data, json_array_size(data) == limit && before > 1 ? next : NULL);
}

static const struct mr_route routes[] = {
	{"GET", "/v1/audit", "listAudit", "limit iterator", get_audit, MR_ROLE_VIEW, MR_ROUTE_HERE,
		0},
};
const struct mr_route_list mr_audit_routes = MR_ROUTE_LIST(routes);
