#include "control_webhooks.h"

#include <errno.h>

#include "steward.h"

// Nothing is changed before the stages have the whole configuration, nor while they drain.
static bool is_running(struct mr_steward *steward, const struct mr_control_request *request)
{
	if (steward->state == MR_ROUTER_RUNNING)
		return true;
	mr_control_refuse(&steward->control, &request->ticket, -EAGAIN,
		"the router is starting or draining: try again when it runs");
	return false;
}

void mr_handle_webhook_put(void *owner, const struct mr_control_request *request)
{
	struct mr_steward *steward = owner;
	struct mr_guard guard = mr_steward_guard(steward);
	if (is_running(steward, request))
		mr_webhook_acts_put(&steward->webhook_acts, request, &guard);
}

void mr_handle_webhook_remove(void *owner, const struct mr_control_request *request)
{
	struct mr_steward *steward = owner;
	if (is_running(steward, request))
		mr_webhook_acts_remove(&steward->webhook_acts, request);
}

void mr_handle_webhook_test(void *owner, const struct mr_control_request *request)
{
	struct mr_steward *steward = owner;
	if (is_running(steward, request))
		mr_webhook_acts_test(&steward->webhook_acts, request);
}

void mr_handle_webhooks(void *owner, const struct mr_control_request *request)
{
	struct mr_steward *steward = owner;
	const struct mr_control_from *from = request->body;
	void *list = steward->control.answer;
	mr_webhook_acts_list(&steward->webhook_acts, from->after, list);
	mr_control_reply(&steward->control, &request->ticket, list);
}

void mr_handle_app_put(void *owner, const struct mr_control_request *request)
{
	struct mr_steward *steward = owner;
	if (is_running(steward, request))
		steward->wants_keys |= mr_apps_put(&steward->apps, steward->current, request);
}

void mr_handle_app_remove(void *owner, const struct mr_control_request *request)
{
	struct mr_steward *steward = owner;
	if (is_running(steward, request))
		steward->wants_keys |= mr_apps_remove(&steward->apps, steward->current, request);
}

void mr_handle_apps(void *owner, const struct mr_control_request *request)
{
	struct mr_steward *steward = owner;
	const struct mr_control_from *from = request->body;
	void *list = steward->control.answer;
	mr_apps_list(&steward->apps, steward->current, from->after, list);
	mr_control_reply(&steward->control, &request->ticket, list);
}
