// Webhooks, their filters and their attempts as both APIs write them.
#pragma once

#include <jansson.h>

#include <millrace/control.h>
#include <millrace/stats.h>

#include "attempts.h"
#include "request.h"

// [{resource_type, resource_subtype, action, fields}], one per action; of a text as the data plane
// lists it (dataplane/proto/filter.h).
json_t *mr_json_filters(const char *text);
// The other way round. 0, or -EINVAL with a sentence.
int mr_filters_of_json(
	const json_t *filters, char *ret_text, size_t size, char *ret_why, size_t why_size);
// Its row in this second's statistics; NULL: it has none.
const struct mr_stats_webhook *mr_webhook_stats(
	const struct mr_request *request, const struct mr_control_webhook_row *row);
json_t *mr_json_webhook(const struct mr_request *request, const struct mr_control_webhook_row *row);
json_t *mr_json_attempt(const struct mr_attempt_seen *attempt);
// Hostile bytes as text: what is no printable ASCII is a full stop.
json_t *mr_json_hostile(const char *bytes, size_t length);
