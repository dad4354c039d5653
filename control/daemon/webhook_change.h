// Changes of webhooks: asked of the data plane, read again, audited.
#pragma once

#include <jansson.h>

#include <millrace/control.h>

#include "request.h"

enum { MR_WEBHOOK_SCOPE_BYTES = 32 };

// The webhook that the path names; false after answering 404 (or 503: nobody knows).
bool mr_webhook_named(
	struct mr_request *request, const char *name, struct mr_control_webhook_row *ret_row);
// Asks, reads the webhook again, and writes the audit (`act`: "webhook add"). 0, or a negative
// errno with its sentence: the caller answers it.
int mr_webhook_ask(struct mr_request *request, const char *act, enum mr_control_type type,
	const void *body, size_t body_bytes, struct mr_control_webhook_done *ret_done,
	char *ret_why);
