#include "answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "snapshot.h"

void mr_answer_clear(struct mr_answer *answer)
{
	if (answer->body) {
		explicit_bzero(answer->body, answer->length); // may have been a secret
		free(answer->body);
	}
	*answer = (struct mr_answer){0};
}

void mr_answer_heap(struct mr_request *request, unsigned status, const char *content_type,
	char *body, size_t length)
{
	struct mr_answer *answer = &request->answer;

	free(answer->body);
	answer->status = body ? status : 500;
	answer->content_type = content_type;
	answer->body = body;
	answer->text = "";
	answer->length = body ? length : 0;
}

void mr_answer_text(struct mr_request *request, unsigned status, const char *content_type,
	const void *text, size_t length)
{
	struct mr_answer *answer = &request->answer;

	free(answer->body);
	answer->body = NULL;
	answer->status = status;
	answer->content_type = content_type;
	answer->text = text;
	answer->length = length;
}

static void answer_dump(
	struct mr_request *request, unsigned status, const char *content_type, json_t *json)
{
	char *text = json
		? json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12))
		: NULL;

	json_decref(json);
	mr_answer_heap(request, status, content_type, text, text ? strlen(text) : 0);
}

void mr_answer_json(struct mr_request *request, unsigned status, json_t *json)
{
	answer_dump(request, status, "application/json", json);
}

void mr_answer_header(struct mr_request *request, const char *name, const char *value)
{
	struct mr_answer *answer = &request->answer;

	if (answer->headers_count == MR_ANSWER_HEADERS_MAX)
		return;
	answer->headers[answer->headers_count].name = name;
	snprintf(answer->headers[answer->headers_count].value, MR_ANSWER_HEADER_BYTES_MAX, "%s",
		value);
	answer->headers_count++;
}

const char *mr_status_phrase(unsigned status)
{
	static const struct {
		unsigned status;
		const char *phrase;
	} phrases[] = {{200, "OK"}, {201, "Created"}, {204, "No Content"}, {304, "Not Modified"},
		{400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
		{405, "Method Not Allowed"}, {406, "Not Acceptable"}, {409, "Conflict"},
		{412, "Precondition Failed"}, {413, "Content Too Large"},
		{415, "Unsupported Media Type"}, {421, "Misdirected Request"},
		{422, "Unprocessable Content"}, {429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
		{502, "Bad Gateway"}, {503, "Service Unavailable"}, {504, "Gateway Timeout"},
		{507, "Insufficient Storage"}};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Error";
}

// Asana's clients expect errors in Asana's form.
static bool speaks_asana(const struct mr_request *request)
{
	static const char prefix[] = "/api/1.0/";

	return strncmp(request->path, prefix, sizeof(prefix) - 1) == 0;
}

void mr_problem(struct mr_request *request, unsigned status, const char *format, ...)
{
	char detail[1024];
	va_list arguments;
	json_t *problem;

	va_start(arguments, format);
	vsnprintf(detail, sizeof(detail), format, arguments);
	va_end(arguments);
	if (speaks_asana(request)) {
		problem = json_pack("{s:[{s:o, s:s}]}", "errors", "message",
			mr_json_text(detail, sizeof(detail)), "help",
			"For more information on API status codes and how to handle them, read the docs on errors");
		answer_dump(request, status, "application/json", problem);
		return;
	}
	problem = json_pack("{s:s, s:s, s:i, s:o, s:o}", "type", "about:blank", "title",
		mr_status_phrase(status), "status", (int)status, "detail",
		mr_json_text(detail, sizeof(detail)), "instance",
		mr_json_text(request->path, MR_REQUEST_PATH_MAX));
	if (request->mistakes)
		json_object_set(problem, "errors", request->mistakes);
	if (status == 503)
		mr_answer_header(request, "Retry-After", "1");
	answer_dump(request, status, "application/problem+json", problem);
}

void mr_problem_plane(struct mr_request *request, int error, const char *why)
{
	unsigned status = 503; // nobody there, or it does not answer

	switch (-error) {
	case EINVAL:
	case ERANGE:
	case EBADMSG:
		status = 422;
		break;
	case ENOENT:
		status = request->snapshot->connected ? 404 : 503;
		break;
	case EPERM: // a scope that takes in everything, a webhook of the file; or not let in at all
		status = request->snapshot->connected ? 422 : 503;
		break;
	case EEXIST:
	case EBUSY:
	case ENOTCONN:
		status = request->snapshot->connected ? 409 : 503;
		break;
	case ENOSPC:
		status = 507;
		break;
	default:
		break;
	}
	mr_problem(request, status, "%s", why);
}

void mr_answer_list(struct mr_request *request, json_t *data, const char *next)
{
	mr_answer_json(request, 200,
		json_pack("{s:o, s:s, s:b}", "data", data, "iterator", next ? next : "", "done",
			next == NULL));
}

json_t *mr_json_id(uint64_t id)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, id);
	return json_string(text);
}

json_t *mr_json_time(int64_t wall_ns)
{
	char text[MR_TIME_TEXT_BYTES];

	if (wall_ns == 0)
		return json_null();
	mr_time_text(wall_ns, text);
	return json_string(text);
}

json_t *mr_json_seconds(uint64_t ns)
{
	return json_real((double)(ns / 1000000) / 1000);
}

json_t *mr_json_text(const char *text, size_t size)
{
	const size_t length = strnlen(text, size);
	json_t *json = json_stringn(text, length);
	char plain[1024];

	if (json)
		return json;
	size_t used = 0; // bytes that are no UTF-8: what is ASCII of it

	for (size_t i = 0; i < length && used + 1 < sizeof(plain); i++)
		plain[used++] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
	return json_stringn(plain, used);
}
