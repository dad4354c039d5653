#include "direct_webhooks.h"

#include <errno.h>
#include <stdio.h>

enum { ENDPOINT_TIMEOUT_MS = 30000, TIMEOUT_MS = 5000 };

#define terminate(text) ((text)[sizeof(text) - 1] = 0)

static int fail(char *ret_why, int error, const char *text)
{
	snprintf(ret_why, MR_DIRECT_WHY_BYTES, "%s", text);
	return error;
}

int mr_direct_webhook(struct mr_direct *direct, enum mr_control_type type, const void *body,
	size_t body_bytes, struct mr_control_webhook_done *ret_done, char *ret_why)
{
	*ret_done = (struct mr_control_webhook_done){0};
	int r = mr_direct_wait(direct, ENDPOINT_TIMEOUT_MS);

	if (r == 0)
		r = mr_direct_ask(
			direct, type, body, body_bytes, ret_done, sizeof(*ret_done), ret_why);
	if (r < 0)
		return r;
	mr_direct_wait(direct, TIMEOUT_MS);
	terminate(ret_done->message);
	if (ret_done->secret_length > sizeof(ret_done->secret))
		return fail(ret_why, -EPROTO, "a secret of millraced is longer than its message");
	if (ret_done->result == 0)
		return 0;
	return fail(ret_why, ret_done->result < 0 ? ret_done->result : -EPROTO,
		ret_done->message[0] ? ret_done->message : "millraced refused it");
}

int mr_direct_webhooks(struct mr_direct *direct, uint64_t after,
	struct mr_control_webhooks *ret_webhooks, char *ret_why)
{
	const struct mr_control_from from = {.after = after};
	const int r = mr_direct_ask(direct, MR_CONTROL_WEBHOOKS, &from, sizeof(from), ret_webhooks,
		sizeof(*ret_webhooks), ret_why);

	if (r < 0)
		return r;
	if (ret_webhooks->count > MR_CONTROL_WEBHOOKS_MAX)
		return fail(ret_why, -EPROTO, "a list of millraced is longer than its message");
	for (uint32_t i = 0; i < ret_webhooks->count; i++) {
		terminate(ret_webhooks->rows[i].resource_type);
		terminate(ret_webhooks->rows[i].target);
		terminate(ret_webhooks->rows[i].filters);
	}
	return 0;
}

int mr_direct_apps(
	struct mr_direct *direct, uint64_t after, struct mr_control_apps *ret_apps, char *ret_why)
{
	const struct mr_control_from from = {.after = after};
	const int r = mr_direct_ask(
		direct, MR_CONTROL_APPS, &from, sizeof(from), ret_apps, sizeof(*ret_apps), ret_why);

	if (r < 0)
		return r;
	if (ret_apps->count > MR_CONTROL_APPS_MAX)
		return fail(ret_why, -EPROTO, "a list of millraced is longer than its message");
	for (uint32_t i = 0; i < ret_apps->count; i++) {
		terminate(ret_apps->rows[i].author.name);
		terminate(ret_apps->rows[i].name);
	}
	return 0;
}
