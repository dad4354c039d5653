// The commands that answer out of the data plane itself.
#pragma once

#include "cli_render.h"
#include "direct.h"

struct mr_view {
	struct mr_direct *direct;
	const struct mr_render *render;
	struct mr_document *doc;
	const char *topic; // of stats: "webhooks", "scopes"; NULL: all counters
};

// 0, or a negative errno with the reason in `ret_why` (MR_DIRECT_WHY_BYTES).
int mr_command_status(const struct mr_view *view, char *ret_why);
int mr_command_stats(const struct mr_view *view, char *ret_why);
const char *mr_router_state_name(uint32_t state); // "running"
