// /v1/webhooks: how every webhook fares, and what operators do about one.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "attempt_log.h"
#include "daemon.h"
#include "routes.h"
#include "webhook_book.h"
#include "webhook_change.h"
#include "webhook_json.h"

static void get_webhooks(struct mr_request *request)
{
	uint64_t limit;
	uint64_t after;
	char next[24];
	struct mr_control_webhook_row row;

	if (!mr_query_u64(request, "limit", 1, 1000, 100, &limit)
		|| !mr_query_u64(request, "iterator", 0, UINT64_MAX, 0, &after))
		return;
	json_t *data = json_array();

	while (json_array_size(data) < limit
		&& mr_webhook_book_next(request->daemon->webhooks, after, &row)) {
		json_array_append_new(data, mr_json_webhook(request, &row));
		after = row.id;
	}
	snprintf(next, sizeof(next), "%" PRIu64, after);
	mr_answer_list(request, data,
		mr_webhook_book_next(request->daemon->webhooks, after, &row) ? next : NULL);
}

static void get_webhook(struct mr_request *request)
{
	struct mr_control_webhook_row row;

	if (mr_webhook_named(request, "id", &row))
		mr_answer_json(request, 200, mr_json_webhook(request, &row));
}

static void get_attempts(struct mr_request *request)
{
	struct mr_control_webhook_row row;
	uint64_t limit;

	if (!mr_query_u64(request, "limit", 1, 1000, MR_ATTEMPTS_KEPT, &limit)
		|| !mr_webhook_named(request, "id", &row))
		return;
	struct mr_attempt_seen *attempts = calloc(MR_ATTEMPTS_KEPT, sizeof(*attempts));
	const uint32_t max = limit < MR_ATTEMPTS_KEPT ? (uint32_t)limit : MR_ATTEMPTS_KEPT;
	const uint32_t count = attempts
		? mr_attempt_log_read(request->daemon->attempts, row.id, max, attempts)
		: 0;
	json_t *data = json_array();

	for (uint32_t i = 0; i < count; i++)
		json_array_append_new(data, mr_json_attempt(&attempts[i]));
	free(attempts);
	mr_answer_list(request, data, NULL);
}

static void answer_done(struct mr_request *request, uint64_t id,
	const struct mr_control_webhook_done *done, bool with_secret)
{
	struct mr_control_webhook_row row;
	json_t *webhook = mr_webhook_book_find(request->daemon->webhooks, id, &row)
		? mr_json_webhook(request, &row)
		: json_null();
	json_t *answer = json_pack("{s:o, s:o, s:f}", "webhook", webhook, "http_status",
		done->http_status ? json_integer(done->http_status) : json_null(), "took_ms",
		(double)(done->took_ns / 1000) / 1000);

	if (with_secret)
		json_object_set_new(
			answer, "secret", json_stringn(done->secret, done->secret_length));
	mr_answer_json(request, 200, answer);
}

static void post_test(struct mr_request *request)
{
	struct mr_control_webhook_row row;
	struct mr_control_webhook_done done;
	struct mr_control_webhook_id body = {0};
	char why[MR_DIRECT_WHY_BYTES];

	if (!mr_webhook_named(request, "id", &row))
		return;
	body.id = row.id;
	memcpy(body.author.name, request->caller.name, sizeof(body.author.name));
	const int r = mr_webhook_ask(
		request, "webhook test", MR_CONTROL_WEBHOOK_TEST, &body, sizeof(body), &done, why);

	if (r < 0)
		mr_problem_plane(request, r, why);
	else
		answer_done(request, row.id, &done, false);
}

static void change(struct mr_request *request, const char *act, uint32_t flags, uint32_t cleared)
{
	struct mr_control_webhook_row row;
	struct mr_control_webhook_done done;
	char why[MR_DIRECT_WHY_BYTES];

	if (!mr_webhook_named(request, "id", &row))
		return;
	struct mr_control_webhook *body = calloc(1, sizeof(*body));

	if (!body) {
		mr_problem(request, 503, "no memory");
		return;
	}
	body->id = row.id;
	body->flags =
		(row.flags & MR_WEBHOOK_DISABLED & ~cleared) | flags | MR_WEBHOOK_KEEP_FILTERS;
	memcpy(body->author.name, request->caller.name, sizeof(body->author.name));
	const int r = mr_webhook_ask(
		request, act, MR_CONTROL_WEBHOOK_PUT, body, sizeof(*body), &done, why);

	free(body);
	if (r < 0)
		mr_problem_plane(request, r, why);
	else
		answer_done(request, row.id, &done, (flags & MR_WEBHOOK_ROTATE) != 0);
	explicit_bzero(&done, sizeof(done));
}

static void post_enable(struct mr_request *request)
{
	change(request, "webhook enable", 0, MR_WEBHOOK_DISABLED);
}

static void post_disable(struct mr_request *request)
{
	change(request, "webhook disable", MR_WEBHOOK_DISABLED, 0);
}

static void post_rotate(struct mr_request *request)
{
	change(request, "webhook rotate", MR_WEBHOOK_ROTATE, 0);
}

static const struct mr_route routes[] = {
	{"GET", "/v1/webhooks", "listWebhooks", "limit iterator", get_webhooks, MR_ROLE_VIEW,
		MR_ROUTE_HERE, 0},
	{"GET", "/v1/webhooks/{id}", "getWebhook", NULL, get_webhook, MR_ROLE_VIEW, MR_ROUTE_HERE,
		0},
	{"GET", "/v1/webhooks/{id}/attempts", "listAttempts", "limit", get_attempts, MR_ROLE_VIEW,
		MR_ROUTE_HERE, 0},
	{"POST", "/v1/webhooks/{id}/test", "testWebhook", NULL, post_test, MR_ROLE_OPERATE,
		MR_ROUTE_SLOW, 0},
	{"POST", "/v1/webhooks/{id}/enable", "enableWebhook", NULL, post_enable, MR_ROLE_OPERATE,
		MR_ROUTE_QUICK, 0},
	{"POST", "/v1/webhooks/{id}/disable", "disableWebhook", NULL, post_disable, MR_ROLE_OPERATE,
		MR_ROUTE_QUICK, 0},
	{"POST", "/v1/webhooks/{id}/rotate", "rotateSecret", NULL, post_rotate, MR_ROLE_ADMIN,
		MR_ROUTE_QUICK, MR_ROUTE_SECRET},
};
const struct mr_route_list mr_webhook_routes = MR_ROUTE_LIST(routes);
