#include "asana_body.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "answer.h"
#include "bytes.h"

enum { FORM_FIELDS_MAX = 16 };

static bool is_type(const char *type, const char *wanted)
{
	const size_t length = type ? strcspn(type, "; ") : 0;

	return length == strlen(wanted) && strncasecmp(type, wanted, length) == 0;
}

// -- Forms

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Decodes in place. False: a percent sign without two digits, or a zero byte.
static bool decode(char *text, size_t *length)
{
	size_t to = 0;

	for (size_t from = 0; from < *length; from++, to++) {
		text[to] = text[from] == '+' ? ' ' : text[from];
		if (text[from] == '%') {
			const int high = from + 2 < *length ? hex(text[from + 1]) : -1;
			const int low = from + 2 < *length ? hex(text[from + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			text[to] = (char)(high << 4 | low);
			from += 2;
		}
		if (text[to] == '\0')
			return false;
	}
	*length = to;
	return true;
}

// One field of a form, into `data`.
static bool take_pair(json_t *data, char *pair, size_t length)
{
	char *equals = memchr(pair, '=', length);
	size_t name = equals ? (size_t)(equals - pair) : length;
	size_t value = equals ? length - name - 1 : 0;
	char *text = equals ? equals + 1 : pair + length;

	if (!decode(pair, &name) || !decode(text, &value))
		return false;
	if (name > 6 && memcmp(pair, "data[", 5) == 0 && pair[name - 1] == ']') {
		pair += 5; // data[resource]=...
		name -= 6;
	}
	if (name == 0)
		return false;
	return json_object_setn_new(data, pair, name, json_stringn(text, value)) == 0;
}

static json_t *read_form(struct mr_request *request)
{
	json_t *data = json_object();
	char *at = request->body;
	char *end = at + request->body_length;

	for (uint32_t i = 0; at < end; i++) {
		char *next = memchr(at, '&', (size_t)(end - at));
		const size_t length = (size_t)((next ? next : end) - at);

		if (i == FORM_FIELDS_MAX || !take_pair(data, at, length)) {
			json_decref(data);
			mr_problem(request, 400, "the form cannot be read");
			return NULL;
		}
		at += length + 1;
	}
	return data;
}

// -- JSON

static json_t *read_json(struct mr_request *request)
{
	json_error_t error;
	json_t *body =
		json_loadb(request->body, request->body_length, JSON_REJECT_DUPLICATES, &error);
	json_t *data = body ? json_object_get(body, "data") : NULL;

	if (!body)
		mr_problem(
			request, 400, "Could not parse request data, invalid JSON: %s", error.text);
	else if (!json_is_object(data))
		mr_problem(request, 400, "data: expected the request in {\"data\": {...}}");
	data = json_is_object(data) ? json_incref(data) : NULL;
	json_decref(body);
	return data;
}

json_t *mr_asana_data(struct mr_request *request)
{
	const char *type = mr_request_header(request, "Content-Type");

	if (request->body_length == 0)
		mr_problem(request, 400, "the request has no body");
	else if (is_type(type, "application/x-www-form-urlencoded"))
		return read_form(request);
	else if (is_type(type, "application/json"))
		return read_json(request);
	else
		mr_problem(
			request, 415, "send application/json or application/x-www-form-urlencoded");
	return NULL;
}

bool mr_asana_id(
	struct mr_request *request, const json_t *data, const char *field, uint64_t *ret_id)
{
	const json_t *value = json_object_get(data, field);

	*ret_id = 0;
	if (json_is_integer(value) && json_integer_value(value) > 0)
		*ret_id = (uint64_t)json_integer_value(value);
	else if (json_is_string(value)
		&& mr_parse_u64(json_string_value(value), json_string_length(value), ret_id) != 0)
		*ret_id = 0;
	if (*ret_id != 0)
		return true;
	if (value)
		mr_problem(request, 400, "%s: Not a recognized ID", field);
	else
		mr_problem(request, 400, "%s: Missing input", field);
	return false;
}

bool mr_asana_text(struct mr_request *request, const json_t *data, const char *field,
	char *ret_text, size_t size)
{
	const json_t *value = json_object_get(data, field);

	ret_text[0] = '\0';
	if (!value || json_is_null(value))
		return true;
	if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value)
		&& mr_copy_text(
			ret_text, size, json_string_value(value), json_string_length(value)))
		return true;
	mr_problem(request, 400, "%s: Not a text of at most %zu bytes", field, size - 1);
	return false;
}
