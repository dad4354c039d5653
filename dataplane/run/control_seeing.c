#include "control_seeing.h"

#include <errno.h>

#include "clock.h"
#include "steward.h"

// The stages answer between their steps, and have none before the router runs.
static bool is_running(struct mr_steward *steward, const struct mr_control_request *request)
{
	if (steward->state == MR_ROUTER_RUNNING || steward->state == MR_ROUTER_DRAINING)
		return true;
	mr_control_refuse(&steward->control, &request->ticket, -EAGAIN,
		"the router is starting: ask again when it runs");
	return false;
}

void mr_handle_explain(void *owner, const struct mr_control_request *request)
{
	struct mr_steward *steward = owner;
	if (is_running(steward, request))
		mr_seeing_explain(&steward->seeing, &request->ticket, request->body);
}

void mr_handle_tap(void *owner, const struct mr_control_request *request)
{
	struct mr_steward *steward = owner;
	if (is_running(steward, request))
		mr_seeing_tap(
			&steward->seeing, &request->ticket, request->body, mr_clock_mono_ns());
}
