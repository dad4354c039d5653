// Webhooks and keys of apps over the data plane's own socket.
#pragma once

#include "direct.h"

// WEBHOOK_PUT, WEBHOOK_REMOVE and WEBHOOK_TEST with their struct. Waits as long as an endpoint may
// take. What the router refuses is its negative errno with its sentence in `ret_why`; ret_done is
// filled then, too, with the HTTP status of a handshake that failed.
int mr_direct_webhook(struct mr_direct *direct, enum mr_control_type type, const void *body,
	size_t body_bytes, struct mr_control_webhook_done *ret_done, char *ret_why);
// One page of what comes after the id `after`; counts are within their arrays and texts terminated.
int mr_direct_webhooks(struct mr_direct *direct, uint64_t after,
	struct mr_control_webhooks *ret_webhooks, char *ret_why);
int mr_direct_apps(
	struct mr_direct *direct, uint64_t after, struct mr_control_apps *ret_apps, char *ret_why);
