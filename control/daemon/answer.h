// Answers: JSON, and problems (RFC 9457) that say what is wrong and what to do.
#pragma once

#include "request.h"

// Takes `json`.
void mr_answer_json(struct mr_request *request, unsigned status, json_t *json);
// `text` lives as long as the program.
void mr_answer_text(struct mr_request *request, unsigned status, const char *content_type,
	const void *text, size_t length);
void mr_answer_heap(struct mr_request *request, unsigned status, const char *content_type,
	char *body, size_t length); // takes `body`
void mr_answer_header(struct mr_request *request, const char *name, const char *value);
__attribute__((format(printf, 3, 4))) void mr_problem(
	struct mr_request *request, unsigned status, const char *format, ...);
// What the data plane said to a request of a handler: a negative errno and its sentence.
void mr_problem_plane(struct mr_request *request, int error, const char *why);
void mr_answer_clear(struct mr_answer *answer);
const char *mr_status_phrase(unsigned status);

// {"data": [...], "iterator": "...", "done": true}; takes `data`. `next` NULL: that was all.
void mr_answer_list(struct mr_request *request, json_t *data, const char *next);

json_t *mr_json_id(uint64_t id); // a string
json_t *mr_json_time(int64_t wall_ns); // null when 0
json_t *mr_json_seconds(uint64_t ns);
json_t *mr_json_text(const char *text, size_t size); // at most `size` bytes, made valid UTF-8
