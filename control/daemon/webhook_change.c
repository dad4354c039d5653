#include "webhook_change.h"

#include <inttypes.h>
#include <stdio.h>

#include "answer.h"
#include "audit.h"
#include "daemon.h"
#include "direct_webhooks.h"
#include "line.h"
#include "snapshot.h"
#include "webhook_book.h"
#include "webhook_json.h"

bool mr_webhook_named(
	struct mr_request *request, const char *name, struct mr_control_webhook_row *ret_row)
{
	uint64_t id;

	if (!mr_param_id(request, name, &id))
		return false;
	if (mr_webhook_book_find(request->daemon->webhooks, id, ret_row))
		return true;
	if (mr_webhook_book_known(request->daemon->webhooks))
		mr_problem(request, 404, "there is no webhook %" PRIu64, id);
	else
		mr_problem(request, 503, "the webhooks are not known yet: %s",
			request->snapshot->connected ? "millraced has not listed them"
						     : request->snapshot->why);
	return false;
}

static json_t *json_now(struct mr_request *request, uint64_t id)
{
	struct mr_control_webhook_row row;

	return id && mr_webhook_book_find(request->daemon->webhooks, id, &row)
		? mr_json_webhook(request, &row)
		: NULL;
}

int mr_webhook_ask(struct mr_request *request, const char *act, enum mr_control_type type,
	const void *body, size_t body_bytes, struct mr_control_webhook_done *ret_done,
	char *ret_why)
{
	char scope[MR_WEBHOOK_SCOPE_BYTES] = "webhook";
	char ignored[MR_DIRECT_WHY_BYTES];
	const uint64_t named = type == MR_CONTROL_WEBHOOK_PUT
		? ((const struct mr_control_webhook *)body)->id
		: ((const struct mr_control_webhook_id *)body)->id;
	json_t *before = json_now(request, named);
	int r;

	do {
		r = mr_line_open(request->line, ret_why);
		if (r == 0)
			r = mr_direct_webhook(
				&request->line->direct, type, body, body_bytes, ret_done, ret_why);
	} while (mr_line_again(request->line, r));
	const uint64_t id = named ? named : ret_done->id;

	if (id && r == 0 && mr_line_open(request->line, ignored) == 0)
		(void)mr_line_again(request->line,
			mr_webhook_book_read(
				request->daemon->webhooks, &request->line->direct, id, ignored));
	if (id)
		snprintf(scope, sizeof(scope), "webhook %" PRIu64, id);
	mr_audit_request(request, act, scope, before, r == 0 ? json_now(request, id) : NULL,
		r == 0 ? "ok" : ret_why);
	return r;
}
