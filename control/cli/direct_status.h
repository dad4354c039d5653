// GET /v1/status, made out of the data plane: what `top` shows past millrace-controld.
#pragma once

#include "call.h"
#include "rates.h"

struct mr_direct_sample { // what rates are counted from
	struct mr_rates rates;
	uint64_t busy_ns[MR_STAGES_MAX];
};

// Moves `sample` on; the first document has no rates.
int mr_direct_status_document(
	struct mr_call *call, struct mr_direct_sample *sample, json_t **ret_json);
