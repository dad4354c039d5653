// Answers in the form of Asana's API: {"data": ...}, opt_fields, opt_pretty; webhooks as it has
// them.
#pragma once

#include <millrace/control.h>

#include "request.h"

// Takes `data` and, beside it, `more` (NULL: nothing): opt_pretty is heeded.
void mr_asana_answer(struct mr_request *request, unsigned status, json_t *data, json_t *more);
// `compact`: what a list has of each when opt_fields says nothing.
json_t *mr_asana_webhook(
	const struct mr_request *request, const struct mr_control_webhook_row *row, bool compact);
