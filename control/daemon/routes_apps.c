// /v1/apps: who may send, and with which key.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "audit.h"
#include "daemon.h"
#include "direct_webhooks.h"
#include "line.h"
#include "routes.h"

static json_t *json_of(const struct mr_control_app *app)
{
	return json_pack("{s:o, s:o, s:o, s:s}", "app", mr_json_id(app->app), "key",
		mr_json_id(app->key_id), "name", mr_json_text(app->name, sizeof(app->name)),
		"source", app->author.name[0] ? "api" : "file");
}

static int read_page(struct mr_request *request, uint64_t after, struct mr_control_apps *ret_apps)
{
	char why[MR_DIRECT_WHY_BYTES];
	int r;

	do {
		r = mr_line_open(request->line, why);
		if (r == 0)
			r = mr_direct_apps(&request->line->direct, after, ret_apps, why);
	} while (mr_line_again(request->line, r));
	if (r < 0)
		mr_problem_plane(request, r, why);
	return r;
}

static void get_apps(struct mr_request *request)
{
	uint64_t limit;
	uint64_t after;
	bool more = true;
	char next[24];

	if (!mr_query_u64(request, "limit", 1, 1000, 100, &limit)
		|| !mr_query_u64(request, "iterator", 0, UINT64_MAX, 0, &after))
		return;
	json_t *data = json_array();
	struct mr_control_apps *page = calloc(1, sizeof(*page));

	while (page && more && json_array_size(data) < limit) {
		if (read_page(request, after, page) < 0) {
			free(page);
			json_decref(data);
			return;
		}
		more = page->more;
		for (uint32_t i = 0; i < page->count && json_array_size(data) < limit; i++) {
			after = page->rows[i].key_id;
			json_array_append_new(data, json_of(&page->rows[i]));
			more = page->more || i + 1 < page->count;
		}
	}
	free(page);
	snprintf(next, sizeof(next), "%" PRIu64, after);
	mr_answer_list(request, data, more ? next : NULL);
}

static int ask(struct mr_request *request, const char *act, enum mr_control_type type,
	struct mr_control_app *app, json_t *before, json_t *after)
{
	char scope[64];
	char why[MR_DIRECT_WHY_BYTES];
	struct mr_control_effect effect;

	memcpy(app->author.name, request->caller.name, sizeof(app->author.name));
	const int r = mr_line_act(request->line, type, app, sizeof(*app), &effect, why);

	snprintf(scope, sizeof(scope), "key %" PRIu64, app->key_id);
	if (r < 0)
		mr_problem_plane(request, r, why);
	mr_audit_request(request, act, scope, before, after, r < 0 ? why : "ok");
	return r;
}

static void post_app(struct mr_request *request)
{
	struct mr_control_app app = {0};

	mr_body_only(request, "app key name");
	mr_body_id(request, "app", true, &app.app);
	mr_body_id(request, "key", true, &app.key_id);
	mr_body_text(request, "name", false, app.name, sizeof(app.name));
	if (!mr_body_done(request))
		return;
	json_t *answer = json_pack("{s:o, s:o, s:o, s:s}", "app", mr_json_id(app.app), "key",
		mr_json_id(app.key_id), "name", mr_json_text(app.name, sizeof(app.name)), "source",
		"api");

	if (ask(request, "app add", MR_CONTROL_APP_PUT, &app, NULL, json_copy(answer)) == 0)
		mr_answer_json(request, 201, answer);
	else
		json_decref(answer);
}

static void delete_app(struct mr_request *request)
{
	struct mr_control_app app = {0};

	if (!mr_param_id(request, "key", &app.key_id))
		return;
	if (ask(request, "app remove", MR_CONTROL_APP_REMOVE, &app, NULL, NULL) == 0)
		mr_answer_text(request, 204, NULL, "", 0);
}

static const struct mr_route routes[] = {
	{"GET", "/v1/apps", "listApps", "limit iterator", get_apps, MR_ROLE_VIEW, MR_ROUTE_QUICK,
		0},
	{"POST", "/v1/apps", "addApp", NULL, post_app, MR_ROLE_ADMIN, MR_ROUTE_QUICK, 0},
	{"DELETE", "/v1/apps/{key}", "removeApp", NULL, delete_app, MR_ROLE_ADMIN, MR_ROUTE_QUICK,
		0},
};
const struct mr_route_list mr_app_routes = MR_ROUTE_LIST(routes);
