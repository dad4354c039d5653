// /api/1.0/webhooks: Asana's webhooks API. A token stands for an app, a user and a workspace; it
// sees and changes its own webhooks, and those of others look absent.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "answer.h"
#include "asana_answer.h"
#include "asana_body.h"
#include "bytes.h"
#include "daemon.h"
#include "routes.h"
#include "snapshot.h"
#include "webhook_book.h"
#include "webhook_change.h"
#include "webhook_json.h"

enum { LIMIT_MAX = 100 };

static const char duplicate[] =
	"Duplicated webhook. You already have an existing webhook for the given resource and target. Delete the old one before creating another.";

// False after answering: who asks is no user of a workspace.
static bool is_user(struct mr_request *request)
{
	const struct mr_caller *caller = &request->caller;

	if (caller->user != 0 && caller->workspace != 0)
		return true;
	mr_problem(request, 403,
		"the token stands for no user of a workspace: make one with app, user and workspace (POST /v1/tokens)");
	return false;
}

static bool is_mine(const struct mr_request *request, const struct mr_control_webhook_row *row)
{
	const struct mr_caller *caller = &request->caller;

	return row->created_at_ns != 0 && row->owner == caller->app && row->user == caller->user
		&& row->workspace == caller->workspace;
}

// The caller's webhook that the path names; false after answering.
static bool find_mine(struct mr_request *request, struct mr_control_webhook_row *ret_row)
{
	uint64_t id = 0;
	char gid[MR_PATH_PARAMETER_BYTES_MAX];

	if (!is_user(request))
		return false;
	if (!mr_webhook_book_known(request->daemon->webhooks)) {
		mr_problem(request, 503, "the webhooks are not known yet: try again");
		return false;
	}
	if (mr_param_text(request, "webhook_gid", gid) && mr_parse_u64(gid, strlen(gid), &id) == 0
		&& mr_webhook_book_find(request->daemon->webhooks, id, ret_row)
		&& is_mine(request, ret_row))
		return true;
	mr_problem(request, 404, "webhook: Unknown object: %s", gid);
	return false;
}

// -- Reading

static json_t *next_page(struct mr_request *request, const char *workspace, uint64_t limit,
	uint64_t resource, uint64_t after)
{
	char path[256];
	char uri[640];
	char offset[24];
	const char *host = mr_request_header(request, "Host");
	int length;

	snprintf(offset, sizeof(offset), "%" PRIu64, after);
	length = snprintf(path, sizeof(path),
		"/webhooks?workspace=%s&limit=%" PRIu64 "&offset=%" PRIu64, workspace, limit,
		after);
	if (resource != 0)
		snprintf(path + length, sizeof(path) - (size_t)length, "&resource=%" PRIu64,
			resource);
	snprintf(uri, sizeof(uri), "http://%.255s/api/1.0%s", host ? host : "localhost", path);
	return json_pack("{s:s, s:s, s:s}", "offset", offset, "path", path, "uri", uri);
}

// The next one of the caller's above `after`, on the resource (0: on any).
static bool next_mine(struct mr_request *request, uint64_t resource, uint64_t after,
	struct mr_control_webhook_row *ret_row)
{
	while (mr_webhook_book_next(request->daemon->webhooks, after, ret_row)) {
		after = ret_row->id;
		if (is_mine(request, ret_row) && (resource == 0 || ret_row->resource == resource))
			return true;
	}
	return false;
}

static void get_webhooks(struct mr_request *request)
{
	const char *given = mr_request_query(request, "workspace");
	uint64_t workspace;
	uint64_t resource;
	uint64_t limit;
	uint64_t after;
	char text[24];
	struct mr_control_webhook_row row;

	if (!is_user(request))
		return;
	if (!given) {
		mr_problem(request, 400, "workspace: Missing input");
		return;
	}
	if (!mr_query_u64(request, "workspace", 1, UINT64_MAX, 0, &workspace)
		|| !mr_query_u64(request, "resource", 1, UINT64_MAX, 0, &resource)
		|| !mr_query_u64(request, "limit", 1, LIMIT_MAX, LIMIT_MAX, &limit)
		|| !mr_query_u64(request, "offset", 0, UINT64_MAX, 0, &after))
		return;
	const bool is_ours = workspace == request->caller.workspace;
	json_t *data = json_array();
	bool more = is_ours && next_mine(request, resource, after, &row);

	while (more && json_array_size(data) < limit) {
		json_array_append_new(data, mr_asana_webhook(request, &row, true));
		after = row.id;
		more = next_mine(request, resource, after, &row);
	}
	snprintf(text, sizeof(text), "%" PRIu64, workspace);
	mr_asana_answer(request, 200, data,
		json_pack("{s:o}", "next_page",
			more ? next_page(request, text, limit, resource, after) : json_null()));
}

static void get_webhook(struct mr_request *request)
{
	struct mr_control_webhook_row row;

	if (find_mine(request, &row))
		mr_asana_answer(request, 200, mr_asana_webhook(request, &row, false), NULL);
}

// -- Changing

static void refuse(struct mr_request *request, int error, const char *why)
{
	switch (-error) {
	case EEXIST:
		mr_problem(request, 403, "%s", duplicate);
		break;
	case EACCES:
	case ENOSPC:
		mr_problem(request, 403, "%s", why);
		break;
	case EINVAL:
	case ECONNREFUSED:
		mr_problem(request, 400, "%s", why);
		break;
	case ENOENT:
		if (!request->snapshot->connected)
			mr_problem(request, 503, "%s", why);
		else
			mr_problem(request, 404, "webhook: Unknown object");
		break;
	case ETIMEDOUT:
		mr_problem(request, 504, "%s", why);
		break;
	default:
		mr_problem_plane(request, error, why);
		break;
	}
}

// The filters as the data plane takes them; as many as it lists whole. False after answering.
static bool read_filters(struct mr_request *request, const json_t *data, char *ret_text)
{
	char why[192];
	const size_t size = sizeof(((struct mr_control_webhook_row *)0)->filters);

	if (mr_filters_of_json(json_object_get(data, "filters"), ret_text, size, why, sizeof(why))
		== 0)
		return true;
	mr_problem(request, 400, "%s", why);
	return false;
}

// Asana's word for names that are only known at home.
static bool is_localhost(const char *target)
{
	const char *host = strstr(target, "://");
	const size_t length = host ? strcspn(host + 3, ":/?#") : 0;

	return host && length == strlen("localhost")
		&& strncasecmp(host + 3, "localhost", length) == 0;
}

// False after answering what is wrong with the request.
static bool read_webhook(struct mr_request *request, struct mr_control_webhook *ret_webhook)
{
	const struct mr_caller *caller = &request->caller;
	json_t *data = mr_asana_data(request);
	bool done = data != NULL;

	done = done && mr_asana_id(request, data, "resource", &ret_webhook->resource)
		&& mr_asana_text(
			request, data, "target", ret_webhook->target, sizeof(ret_webhook->target))
		&& mr_asana_text(request, data, "resource_type", ret_webhook->resource_type,
			MR_TYPE_BYTES_MAX + 1)
		&& read_filters(request, data, ret_webhook->filters);
	json_decref(data);
	if (!done)
		return false;
	if (!ret_webhook->target[0]) {
		mr_problem(request, 400, "target: Missing input");
		return false;
	}
	if (is_localhost(ret_webhook->target)) {
		mr_problem(request, 403, "target: localhost is no host that can be called");
		return false;
	}
	ret_webhook->owner = caller->app;
	ret_webhook->user = caller->user;
	ret_webhook->workspace = caller->workspace;
	memcpy(ret_webhook->author.name, caller->name, sizeof(ret_webhook->author.name));
	return true;
}

static void answer_made(struct mr_request *request, const struct mr_control_webhook *webhook,
	struct mr_control_webhook_done *done)
{
	struct mr_control_webhook_row row = {.id = done->id, .resource = webhook->resource};

	// Another process may have removed it already: what was made is told all the same.
	if (!mr_webhook_book_find(request->daemon->webhooks, done->id, &row))
		memcpy(row.target, webhook->target, sizeof(row.target));
	mr_asana_answer(request, 201, mr_asana_webhook(request, &row, false),
		json_pack(
			"{s:o}", "X-Hook-Secret", json_stringn(done->secret, done->secret_length)));
	explicit_bzero(done, sizeof(*done));
}

static void post_webhook(struct mr_request *request)
{
	struct mr_control_webhook_done done;
	char why[MR_DIRECT_WHY_BYTES];

	if (!is_user(request))
		return;
	struct mr_control_webhook *webhook = calloc(1, sizeof(*webhook));

	if (!webhook) {
		mr_problem(request, 503, "no memory");
		return;
	}
	if (read_webhook(request, webhook)) {
		const int r = mr_webhook_ask(request, "webhook add", MR_CONTROL_WEBHOOK_PUT,
			webhook, sizeof(*webhook), &done, why);

		if (r < 0)
			refuse(request, r, why);
		else
			answer_made(request, webhook, &done);
	}
	free(webhook);
}

static void put_webhook(struct mr_request *request)
{
	struct mr_control_webhook_row row;
	struct mr_control_webhook_done done;
	char why[MR_DIRECT_WHY_BYTES];

	if (!find_mine(request, &row))
		return;
	json_t *data = mr_asana_data(request);
	struct mr_control_webhook *webhook = calloc(1, sizeof(*webhook));

	if (data && webhook && !json_object_get(data, "filters")) {
		mr_problem(request, 400, "filters: Missing input");
	} else if (data && webhook && read_filters(request, data, webhook->filters)) {
		webhook->id = row.id;
		webhook->flags = row.flags & MR_WEBHOOK_DISABLED;
		memcpy(webhook->author.name, request->caller.name, sizeof(webhook->author.name));
		const int r = mr_webhook_ask(request, "webhook change", MR_CONTROL_WEBHOOK_PUT,
			webhook, sizeof(*webhook), &done, why);

		if (r < 0)
			refuse(request, r, why);
		else if (find_mine(request, &row))
			mr_asana_answer(request, 200, mr_asana_webhook(request, &row, false), NULL);
	}
	free(webhook);
	json_decref(data);
}

static void delete_webhook(struct mr_request *request)
{
	struct mr_control_webhook_row row;
	struct mr_control_webhook_done done;
	struct mr_control_webhook_id webhook = {0};
	char why[MR_DIRECT_WHY_BYTES];

	if (!find_mine(request, &row))
		return;
	webhook.id = row.id;
	memcpy(webhook.author.name, request->caller.name, sizeof(webhook.author.name));
	const int r = mr_webhook_ask(request, "webhook remove", MR_CONTROL_WEBHOOK_REMOVE, &webhook,
		sizeof(webhook), &done, why);

	if (r < 0)
		refuse(request, r, why);
	else
		mr_asana_answer(request, 200, json_object(), NULL);
}

#define OPTIONS "opt_fields opt_pretty"
static const struct mr_route routes[] = {
	{"GET", "/api/1.0/webhooks", "getWebhooks", "workspace resource limit offset " OPTIONS,
		get_webhooks, MR_ROLE_VIEW, MR_ROUTE_HERE, 0},
	{"POST", "/api/1.0/webhooks", "createWebhook", OPTIONS, post_webhook, MR_ROLE_VIEW,
		MR_ROUTE_SLOW, MR_ROUTE_RAW_BODY | MR_ROUTE_SECRET},
	{"GET", "/api/1.0/webhooks/{webhook_gid}", "getAsanaWebhook", OPTIONS, get_webhook,
		MR_ROLE_VIEW, MR_ROUTE_HERE, MR_ROUTE_RAW_BODY},
	{"PUT", "/api/1.0/webhooks/{webhook_gid}", "updateWebhook", OPTIONS, put_webhook,
		MR_ROLE_VIEW, MR_ROUTE_QUICK, MR_ROUTE_RAW_BODY},
	{"DELETE", "/api/1.0/webhooks/{webhook_gid}", "deleteWebhook", OPTIONS, delete_webhook,
		MR_ROLE_VIEW, MR_ROUTE_QUICK, MR_ROUTE_RAW_BODY},
};
const struct mr_route_list mr_asana_routes = MR_ROUTE_LIST(routes);
