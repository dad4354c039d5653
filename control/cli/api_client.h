// millrace-controld over HTTP: its own socket, or a URL with a token out of a file.
#pragma once

#include "call.h"

// One request. `path` begins with "/"; `body` may be NULL and stays the caller's. *ret_json is the
// caller's, an empty object when there was no body; *ret_text (may be NULL) takes the place of it
// when the answer is no JSON: heap. 0, or a negative errno with what to do in call->why: -ENOTCONN
// nobody answers, -EPERM, -EREMOTEIO the daemon refused.
int mr_api_ask(struct mr_call *call, const char *method, const char *path, const json_t *body,
	json_t **ret_json, char **ret_text);
// The pages of a list, up to `limit` rows (0: a good many); other answers as they are.
int mr_api_list(struct mr_call *call, const char *path, uint64_t limit, json_t **ret_json);

enum { MR_API_PATH_BYTES = 1024 };
// Fills arguments and options into a template of the table. `is_path`: percent-encoded, and parts
// of the query without a value left out. False: a value is missing, or it does not fit.
bool mr_api_fill(const struct mr_line *line, const char *template, bool is_path, char *ret_text,
	size_t size);
json_t *mr_api_body(const struct mr_line *line); // as the command's table says; NULL: none
