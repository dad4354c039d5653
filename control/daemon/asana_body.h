// What clients of Asana's API send: {"data": {...}} as JSON, or the fields of a form.
#pragma once

#include "request.h"

// The data as an object; the caller releases it. NULL after answering what is wrong.
json_t *mr_asana_data(struct mr_request *request);
// An id: a string of digits, or a number. False after answering 400.
bool mr_asana_id(
	struct mr_request *request, const json_t *data, const char *field, uint64_t *ret_id);
// A text of at most size - 1 bytes; absent: empty. False after answering 400.
bool mr_asana_text(struct mr_request *request, const json_t *data, const char *field,
	char *ret_text, size_t size);
