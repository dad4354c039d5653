// /v1/tokens: who may come over TCP.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "answer.h"
#include "audit.h"
#include "daemon.h"
#include "routes.h"
#include "tokens.h"

static json_t *owner_id(uint64_t id)
{
	return id ? mr_json_id(id) : json_null();
}

static json_t *json_of(const struct mr_token_row *row)
{
	return json_pack("{s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:s}", "id", mr_json_id(row->id),
		"name", row->name, "role", mr_role_name(row->role), "app", owner_id(row->app),
		"user", owner_id(row->user), "workspace", owner_id(row->workspace), "created_at",
		mr_json_time(row->created_at_ns), "created_by", row->created_by);
}

static void get_tokens(struct mr_request *request)
{
	struct mr_token_row row;
	uint64_t limit;
	uint64_t after;
	char next[24];

	if (!mr_query_u64(request, "limit", 1, 1000, 100, &limit)
		|| !mr_query_u64(request, "iterator", 0, UINT64_MAX, 0, &after))
		return;
	json_t *data = json_array();

	while (json_array_size(data) < limit
		&& mr_tokens_next(request->daemon->tokens, after, &row)) {
		json_array_append_new(data, json_of(&row));
		after = row.id;
	}
	snprintf(next, sizeof(next), "%" PRIu64, after);
	mr_answer_list(
		request, data, mr_tokens_next(request->daemon->tokens, after, &row) ? next : NULL);
}

static void post_token(struct mr_request *request)
{
	struct mr_token_row row = {0};
	char text[MR_TOKEN_BYTES];
	uint32_t role = 0;

	mr_body_only(request, "name role app user workspace");
	mr_body_text(request, "name", true, row.name, sizeof(row.name));
	mr_body_choice(request, "role", true, "view operate admin", &role);
	row.role = role + MR_ROLE_VIEW;
	mr_body_id(request, "app", false, &row.app);
	mr_body_id(request, "user", false, &row.user);
	mr_body_id(request, "workspace", false, &row.workspace);
	if (!mr_body_done(request))
		return;
	snprintf(row.created_by, sizeof(row.created_by), "%s", request->caller.name);
	const int r = mr_tokens_add(request->daemon->tokens, &row, text);

	if (r == -EEXIST) {
		mr_problem(request, 409,
			"there is a token \"%s\" already: remove it first, or take another name",
			row.name);
	} else if (r == -ENOSPC) {
		mr_problem(request, 507, "there are %d tokens already: remove one", MR_TOKENS_MAX);
	} else if (r < 0) {
		mr_problem(request, 500, "the token cannot be stored: see the daemon's log");
	} else {
		json_t *answer = json_of(&row);

		mr_audit_request(request, "token add", row.name, NULL, json_copy(answer), "ok");
		json_object_set_new(answer, "token", json_string(text));
		mr_answer_json(request, 201, answer);
	}
	OPENSSL_cleanse(text, sizeof(text));
}

static void delete_token(struct mr_request *request)
{
	struct mr_token_row row;
	uint64_t id;

	if (!mr_param_id(request, "id", &id))
		return;
	if (!mr_tokens_next(request->daemon->tokens, id - 1, &row) || row.id != id
		|| mr_tokens_remove(request->daemon->tokens, id) < 0) {
		mr_problem(request, 404, "there is no token %" PRIu64, id);
		return;
	}
	mr_audit_request(request, "token remove", row.name, json_of(&row), NULL, "ok");
	mr_answer_text(request, 204, NULL, "", 0);
}

static const struct mr_route routes[] = {
	{"GET", "/v1/tokens", "listTokens", "limit iterator", get_tokens, MR_ROLE_ADMIN,
		MR_ROUTE_HERE, 0},
	{"POST", "/v1/tokens", "addToken", NULL, post_token, MR_ROLE_ADMIN, MR_ROUTE_QUICK,
		MR_ROUTE_SECRET},
	{"DELETE", "/v1/tokens/{id}", "removeToken", NULL, delete_token, MR_ROLE_ADMIN,
		MR_ROUTE_QUICK, 0},
};
const struct mr_route_list mr_token_routes = MR_ROUTE_LIST(routes);
