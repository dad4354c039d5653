// One request while it is handled: who asks, what, and the answer that is being made. Handlers read
// it through the functions below, and answer through answer.h.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <millrace/ban.h>
#include <millrace/scope.h>

#include "route.h"

struct mr_daemon;
struct mr_line;
struct mr_snapshot;

struct mr_caller {
	enum mr_role role;
	char name[MR_AUTHOR_BYTES_MAX]; // "alice", "token ci"
	const char *via; // "socket", "tcp"
	// Of a token that stands for a user of an app; 0: none.
	uint64_t token, app, user, workspace;
};

struct mr_pair {
	const char *name;
	const char *value; // NULL: given without one
};

enum {
	MR_REQUEST_BODY_MAX = 64 << 10,
	MR_REQUEST_HEADERS_MAX = 48,
	MR_REQUEST_QUERY_MAX = 16,
	MR_REQUEST_PATH_MAX = 1024,
	MR_ANSWER_HEADERS_MAX = 8,
	MR_ANSWER_HEADER_BYTES_MAX = 640,
};

struct mr_answer {
	unsigned status; // 0: none yet
	const char *content_type;
	char *body; // heap; NULL: `text` is the body
	const void *text; // lives as long as the program
	size_t length;
	uint32_t headers_count;
	struct {
		const char *name;
		char value[MR_ANSWER_HEADER_BYTES_MAX];
	} headers[MR_ANSWER_HEADERS_MAX];
};

struct mr_request {
	struct mr_daemon *daemon;
	struct mr_line *line; // to the data plane; NULL: MR_ROUTE_HERE has none
	const struct mr_snapshot *snapshot; // of this moment; never NULL in a handler
	const char *method;
	const char *path;
	struct mr_route_match match;
	struct mr_caller caller;
	uint32_t headers_count, query_count;
	bool too_many; // headers or parameters: some are not here
	struct mr_pair headers[MR_REQUEST_HEADERS_MAX];
	struct mr_pair query[MR_REQUEST_QUERY_MAX];
	char *body; // heap, NUL behind it
	size_t body_length;
	json_t *json; // of the body: an object; NULL: none, or MR_ROUTE_RAW_BODY
	json_t *mistakes; // of the body so far: [{pointer, detail}]; NULL: none
	struct mr_answer answer;
};

// Values of the path, by the name in the route's pattern.
bool mr_param_text(const struct mr_request *request, const char *name,
	char ret_text[MR_PATH_PARAMETER_BYTES_MAX]);
// False after answering 404: it is no id.
bool mr_param_id(struct mr_request *request, const char *name, uint64_t *ret_id);
bool mr_param_scope(struct mr_request *request, struct mr_scope *ret_scope); // {kind}, {id}

const char *mr_request_header(const struct mr_request *request, const char *name); // NULL: none
const char *mr_request_query(const struct mr_request *request, const char *name);
// False after answering 400 with what is wrong.
bool mr_query_u64(struct mr_request *request, const char *name, uint64_t min, uint64_t max,
	uint64_t fallback, uint64_t *ret_value);
bool mr_query_bool(struct mr_request *request, const char *name, bool *ret_value); // absent: false
// One of the words of `choices`, separated by blanks: its index; absent: 0.
bool mr_query_choice(
	struct mr_request *request, const char *name, const char *choices, uint32_t *ret_index);

// The body, field by field. A wrong one is noted with its pointer and reads as absent; ask
// mr_body_done once all are read.
void mr_body_only(struct mr_request *request, const char *fields); // those and no others
bool mr_body_text(struct mr_request *request, const char *field, bool required, char *ret_text,
	size_t size); // empty is absent
bool mr_body_id(struct mr_request *request, const char *field, bool required, uint64_t *ret_id);
bool mr_body_number(
	struct mr_request *request, const char *field, double min, double max, double *ret_value);
bool mr_body_bool(struct mr_request *request, const char *field); // absent: false
bool mr_body_choice(struct mr_request *request, const char *field, bool required,
	const char *choices, uint32_t *ret_index);
void mr_body_mistake(struct mr_request *request, const char *field, const char *detail);
bool mr_body_done(struct mr_request *request); // false after answering 422
