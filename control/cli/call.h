// One run of a command: what was typed, whom to ask, where the answer goes.
#pragma once

#include <jansson.h>

#include "cli_render.h"
#include "command_line.h"
#include "direct.h"

struct mr_call {
	const struct mr_line *line;
	const struct mr_render *render; // NULL: prom
	struct mr_document doc;
	struct mr_direct direct; // with --direct: open
	const char *socket; // of the data plane
	const char *control; // path of the daemon's socket; NULL: `url`
	const char *url;
	const char *token_file;
	uint32_t answer_ms; // how long to wait for the daemon; 0: the usual time of the command
	char why[MR_DIRECT_WHY_BYTES]; // of a failure
};

// Writes the reason; returns `error`.
int mr_call_fail(struct mr_call *call, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool mr_call_is_direct(const struct mr_call *call);

// What the commands do; 0 or a negative errno with the reason in `why`. A positive number is the
// exit code of a command that has said all there is to say.
int mr_call_request(struct mr_call *call); // the one request of the table
int mr_call_status_direct(struct mr_call *call);
int mr_call_stats(struct mr_call *call);
int mr_call_stats_direct(struct mr_call *call);
int mr_call_hot_direct(struct mr_call *call);
// The document of GET /v1/hot.
int mr_hot_document(struct mr_call *call, const char *kind_name, const char *by_name,
	uint32_t limit, json_t **ret_json);
int mr_call_ban_direct(struct mr_call *call);
int mr_call_unban_direct(struct mr_call *call);
int mr_call_bans_direct(struct mr_call *call);
int mr_call_purge_direct(struct mr_call *call);
int mr_call_pause_direct(struct mr_call *call); // and resume
int mr_call_pauses_direct(struct mr_call *call);
int mr_call_acts_direct(struct mr_call *call);
int mr_call_reload_direct(struct mr_call *call);
int mr_call_health(struct mr_call *call);
int mr_call_health_direct(struct mr_call *call);
int mr_call_explain(struct mr_call *call);
int mr_call_tail(struct mr_call *call);
int mr_call_drill(struct mr_call *call);
int mr_call_top(struct mr_call *call); // both ways
int mr_call_journal(struct mr_call *call); // and impact
int mr_call_completion(struct mr_call *call);
