#include "audit.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "daemon.h"
#include "log.h"

static void bind_text(sqlite3_stmt *statement, int place, const char *text)
{
	sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC);
}

static int insert(struct mr_store *store, const struct mr_audit_row *row, const char *before,
	const char *after)
{
	mr_store_lock(store);
	sqlite3_stmt *statement = mr_store_prepare(store,
		"INSERT INTO audit (at_ns, who, via, act, scope, before, after, result)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");

	if (statement) {
		sqlite3_bind_int64(statement, 1, row->at_ns);
		bind_text(statement, 2, row->who);
		bind_text(statement, 3, row->via);
		bind_text(statement, 4, row->act);
		bind_text(statement, 5, row->scope);
		bind_text(statement, 6, before);
		bind_text(statement, 7, after);
		bind_text(statement, 8, row->result);
	}
	const int r = mr_store_run(store, statement);

	mr_store_unlock(store);
	return r;
}

int mr_audit_add(struct mr_store *store, const struct mr_audit_row *row)
{
	char *before = row->before ? json_dumps(row->before, JSON_COMPACT) : NULL;
	char *after = row->after ? json_dumps(row->after, JSON_COMPACT) : NULL;
	const int r = insert(store, row, before, after);

	if (r < 0)
		mr_log(MR_LOG_ERROR,
			"audit: cannot be stored: %s via %s: %s %s: before %s, after %s: %s",
			row->who, row->via, row->act, row->scope, before ? before : "nothing",
			after ? after : "nothing", row->result);
	free(before);
	free(after);
	return r;
}

void mr_audit_request(struct mr_request *request, const char *act, const char *scope,
	json_t *before, json_t *after, const char *result)
{
	const struct mr_audit_row row = {.at_ns = mr_now_wall_ns(),
		.who = request->caller.name,
		.via = request->caller.via,
		.act = act,
		.scope = scope,
		.before = before,
		.after = after,
		.result = result};

	mr_audit_add(request->daemon->store, &row);
	json_decref(before);
	json_decref(after);
}
