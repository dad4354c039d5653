#include "dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "access.h"
#include "answer.h"
#include "daemon.h"
#include "idempotency.h"
#include "snapshot.h"

static bool check_route(struct mr_request *request)
{
	static const char *const names[] = {"GET, HEAD", "POST", "PUT", "DELETE"};
	char allow[64] = "";

	mr_route_find(request->method, request->path, &request->match);
	if (request->match.route)
		return true;
	if (request->match.methods == 0) {
		mr_problem(
			request, 404, "there is no such path; /openapi.json lists what there is");
		return false;
	}
	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (request->match.methods & 1u << i)
			snprintf(allow + strlen(allow), sizeof(allow) - strlen(allow), "%s%s",
				allow[0] ? ", " : "", names[i]);
	mr_answer_header(request, "Allow", allow);
	mr_problem(request, 405, "%s is not for this path; it takes %s", request->method, allow);
	return false;
}

// A token that stands for a user of an app sees that user's webhooks, and nothing of others.
static bool is_confined(const struct mr_request *request)
{
	static const char own[] = "/api/1.0/";

	return request->caller.app != 0 && strncmp(request->path, own, strlen(own)) != 0;
}

static bool check_role(struct mr_request *request)
{
	const struct mr_route *route = request->match.route;

	if (route->role > MR_ROLE_NOBODY && is_confined(request)) {
		mr_problem(request, 403,
			"%s stands for a user of an app: it is for /api/1.0 only; ask with an operator's token",
			request->caller.name);
		return false;
	}
	if (request->caller.role >= route->role)
		return true;
	if (request->caller.role == MR_ROLE_NOBODY) {
		mr_answer_header(request, "WWW-Authenticate", "Bearer realm=\"millrace\"");
		mr_problem(request, 401,
			"send \"Authorization: Bearer TOKEN\" with a token of millrace-controld token add");
		return false;
	}
	mr_problem(request, 403, "%s has the role %s; this takes %s", request->caller.name,
		mr_role_name(request->caller.role), mr_role_name(route->role));
	return false;
}

static bool is_word_of(const char *words, const char *word)
{
	const size_t length = strlen(word);

	while (words && *words) {
		const size_t next = strcspn(words, " ");

		if (next == length && memcmp(words, word, length) == 0)
			return true;
		words += next + (words[next] == ' ');
	}
	return false;
}

// What is left out could be the one that matters: Origin, If-Match, dry_run.
static bool check_complete(struct mr_request *request)
{
	if (!request->too_many)
		return true;
	mr_problem(request, 431, "a request has at most %d headers and %d parameters",
		MR_REQUEST_HEADERS_MAX, MR_REQUEST_QUERY_MAX);
	return false;
}

// A parameter that is spelled wrong, or given twice, must not make a change of what was meant as a
// dry run.
static bool check_query(struct mr_request *request)
{
	for (uint32_t i = 0; i < request->query_count; i++) {
		const char *name = request->query[i].name;

		for (uint32_t j = 0; j < i; j++)
			if (strcasecmp(name, request->query[j].name) == 0) {
				mr_problem(request, 400, "parameter \"%s\" is given twice", name);
				return false;
			}
		if (is_word_of(request->match.route->query, name))
			continue;
		mr_problem(request, 400, "unknown parameter \"%s\"; known are: %s",
			request->query[i].name,
			request->match.route->query ? request->match.route->query : "none");
		return false;
	}
	return true;
}

static bool check_body(struct mr_request *request)
{
	const char *type = mr_request_header(request, "Content-Type");
	json_error_t error;

	if (request->match.route->flags & MR_ROUTE_RAW_BODY)
		return true;
	if (request->body_length == 0) {
		request->json = json_object();
		return true;
	}
	const size_t length = type ? strcspn(type, "; ") : 0;

	if (length != strlen("application/json")
		|| strncasecmp(type, "application/json", length) != 0) {
		mr_problem(request, 415, "send the body with Content-Type: application/json");
		return false;
	}
	request->json =
		json_loadb(request->body, request->body_length, JSON_REJECT_DUPLICATES, &error);
	if (!request->json) {
		mr_problem(request, 400, "the body is no JSON: line %d, column %d: %s", error.line,
			error.column, error.text);
		return false;
	}
	if (!json_is_object(request->json)) {
		mr_problem(request, 400, "the body must be a JSON object");
		return false;
	}
	return true;
}

bool mr_dispatch_check(struct mr_request *request)
{
	if (!check_complete(request) || !mr_access_host(request) || !check_route(request))
		return false;
	if (strcmp(request->caller.via, "tcp") == 0)
		mr_access_token(request);
	return check_role(request) && check_query(request) && check_body(request);
}

void mr_dispatch_run(struct mr_request *request)
{
	const bool is_post = strcmp(request->method, "POST") == 0;

	request->snapshot = mr_snapshot_take(request->daemon->board);
	if (!is_post || mr_idempotency_begin(request)) {
		request->match.route->handle(request);
		if (is_post)
			mr_idempotency_end(request);
	}
	mr_snapshot_drop(request->snapshot);
	request->snapshot = NULL;
}

void mr_request_clear(struct mr_request *request)
{
	mr_answer_clear(&request->answer);
	json_decref(request->json);
	json_decref(request->mistakes);
	if (request->body)
		explicit_bzero(request->body, request->body_length);
	free(request->body);
}
