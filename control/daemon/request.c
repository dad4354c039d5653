#include "request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "answer.h"
#include "bytes.h"

// The number of {name} among the parameters of a pattern; -1: none.
static int parameter_index(const char *pattern, const char *name)
{
	const size_t length = strlen(name);

	for (int index = 0; (pattern = strchr(pattern, '{')) != NULL; index++) {
		pattern++;
		if (strncmp(pattern, name, length) == 0 && pattern[length] == '}')
			return index;
	}
	return -1;
}

bool mr_param_text(const struct mr_request *request, const char *name,
	char ret_text[MR_PATH_PARAMETER_BYTES_MAX])
{
	const int index = parameter_index(request->match.route->path, name);

	ret_text[0] = 0;
	return index >= 0 && index < MR_ROUTE_PARAMETERS_MAX
		&& mr_copy_text(ret_text, MR_PATH_PARAMETER_BYTES_MAX, request->match.values[index],
			request->match.lengths[index]);
}

bool mr_param_id(struct mr_request *request, const char *name, uint64_t *ret_id)
{
	char text[MR_PATH_PARAMETER_BYTES_MAX];

	if (mr_param_text(request, name, text) && mr_parse_u64(text, strlen(text), ret_id) == 0
		&& *ret_id != 0)
		return true;
	mr_problem(request, 404,
		"\"%s\" is no %s: an id is a number from 1 to 18446744073709551615", text, name);
	return false;
}

bool mr_param_scope(struct mr_request *request, struct mr_scope *ret_scope)
{
	char kind[MR_PATH_PARAMETER_BYTES_MAX];

	*ret_scope = (struct mr_scope){0};
	mr_param_text(request, "kind", kind);
	for (uint32_t i = MR_SCOPE_APP; i <= MR_SCOPE_USER; i++)
		if (strcmp(kind, mr_scope_kind_name(i)) == 0)
			ret_scope->kind = i;
	if (ret_scope->kind == MR_SCOPE_NONE) {
		mr_problem(request, 404,
			"\"%s\" is no kind of scope: app, object, workspace, database or user",
			kind);
		return false;
	}
	return mr_param_id(request, "id", &ret_scope->id);
}

static const char *pair_value(const struct mr_pair *pairs, uint32_t count, const char *name)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcasecmp(pairs[i].name, name) == 0)
			return pairs[i].value ? pairs[i].value : "";
	return NULL;
}

const char *mr_request_header(const struct mr_request *request, const char *name)
{
	return pair_value(request->headers, request->headers_count, name);
}

const char *mr_request_query(const struct mr_request *request, const char *name)
{
	return pair_value(request->query, request->query_count, name);
}

bool mr_query_u64(struct mr_request *request, const char *name, uint64_t min, uint64_t max,
	uint64_t fallback, uint64_t *ret_value)
{
	const char *text = mr_request_query(request, name);

	*ret_value = fallback;
	if (!text)
		return true;
	if (mr_parse_u64(text, strlen(text), ret_value) == 0 && *ret_value >= min
		&& *ret_value <= max)
		return true;
	mr_problem(request, 400, "?%s=%s: expected a number from %" PRIu64 " to %" PRIu64, name,
		text, min, max);
	return false;
}

// The index of `text` among words separated by blanks; -1: it is none of them.
static int word_index(const char *words, const char *text)
{
	const size_t length = strlen(text);

	for (int index = 0; *words; index++) {
		const size_t word = strcspn(words, " ");

		if (word == length && memcmp(words, text, length) == 0)
			return index;
		words += word + (words[word] == ' ');
	}
	return -1;
}

bool mr_query_choice(
	struct mr_request *request, const char *name, const char *choices, uint32_t *ret_index)
{
	const char *text = mr_request_query(request, name);
	const int index = text ? word_index(choices, text) : 0;

	*ret_index = index < 0 ? 0 : (uint32_t)index;
	if (index < 0)
		mr_problem(request, 400, "?%s=%s: expected one of: %s", name, text, choices);
	return index >= 0;
}

bool mr_query_bool(struct mr_request *request, const char *name, bool *ret_value)
{
	uint32_t index;
	const bool fits = mr_query_choice(request, name, "false true", &index);

	*ret_value = index == 1;
	return fits;
}

// -- The body

void mr_body_mistake(struct mr_request *request, const char *field, const char *detail)
{
	char pointer[128];

	snprintf(pointer, sizeof(pointer), "/%s", field);
	if (!request->mistakes)
		request->mistakes = json_array();
	json_array_append_new(
		request->mistakes, json_pack("{s:s, s:s}", "pointer", pointer, "detail", detail));
}

void mr_body_only(struct mr_request *request, const char *fields)
{
	char detail[256];
	char shown[64];
	const char *name;
	json_t *value;

	snprintf(detail, sizeof(detail), "unknown field; known are: %s", fields);
	json_object_foreach(request->json, name, value)
	{
		if (word_index(fields, name) >= 0)
			continue;
		mr_copy_text(shown, sizeof(shown), name, strlen(name));
		mr_body_mistake(request, shown[0] ? shown : "", detail);
	}
}

// The field, or NULL when it is absent or null.
static json_t *field_of(struct mr_request *request, const char *field, bool required)
{
	json_t *value = json_object_get(request->json, field);

	if (value && !json_is_null(value))
		return value;
	if (required)
		mr_body_mistake(request, field, "is missing");
	return NULL;
}

bool mr_body_text(
	struct mr_request *request, const char *field, bool required, char *ret_text, size_t size)
{
	char detail[96];
	const json_t *value = field_of(request, field, required);

	ret_text[0] = 0;
	if (!value)
		return false;
	if (!json_is_string(value)) {
		mr_body_mistake(request, field, "expected a string");
		return false;
	}
	if (!mr_copy_text(ret_text, size, json_string_value(value), json_string_length(value))) {
		ret_text[0] = 0;
		snprintf(detail, sizeof(detail), "is longer than %zu bytes", size - 1);
		mr_body_mistake(request, field, detail);
		return false;
	}
	for (const char *at = ret_text; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f
			|| ((unsigned char)*at == 0xc2 && (unsigned char)at[1] < 0xa0)) {
			ret_text[0] = 0;
			mr_body_mistake(
				request, field, "must be one line without control characters");
			return false;
		}
	if (required && !ret_text[0])
		mr_body_mistake(request, field, "is empty");
	return ret_text[0] != 0;
}

bool mr_body_id(struct mr_request *request, const char *field, bool required, uint64_t *ret_id)
{
	const json_t *value = field_of(request, field, required);

	*ret_id = 0;
	if (!value)
		return false;
	if (json_is_integer(value) && json_integer_value(value) > 0)
		*ret_id = (uint64_t)json_integer_value(value);
	else if (json_is_string(value)
		&& mr_parse_u64(json_string_value(value), json_string_length(value), ret_id) != 0)
		*ret_id = 0;
	if (*ret_id == 0)
		mr_body_mistake(request, field,
			"expected an id: a string with a number from 1 to 18446744073709551615");
	return *ret_id != 0;
}

bool mr_body_number(
	struct mr_request *request, const char *field, double min, double max, double *ret_value)
{
	char detail[96];
	const json_t *value = field_of(request, field, false);

	*ret_value = 0;
	if (!value)
		return false;
	if (json_is_number(value) && json_number_value(value) >= min
		&& json_number_value(value) <= max) {
		*ret_value = json_number_value(value);
		return true;
	}
	snprintf(detail, sizeof(detail), "expected a number from %.15g to %.15g", min, max);
	mr_body_mistake(request, field, detail);
	return false;
}

bool mr_body_bool(struct mr_request *request, const char *field)
{
	const json_t *value = field_of(request, field, false);

	if (value && !json_is_boolean(value))
		mr_body_mistake(request, field, "expected true or false");
	return json_is_true(value);
}

bool mr_body_choice(struct mr_request *request, const char *field, bool required,
	const char *choices, uint32_t *ret_index)
{
	char text[64];
	char detail[160];

	*ret_index = 0;
	if (!mr_body_text(request, field, required, text, sizeof(text)))
		return false;
	const int index = word_index(choices, text);

	if (index < 0) {
		snprintf(detail, sizeof(detail), "expected one of: %s", choices);
		mr_body_mistake(request, field, detail);
		return false;
	}
	*ret_index = (uint32_t)index;
	return true;
}

bool mr_body_done(struct mr_request *request)
{
	if (!request->mistakes)
		return true;
	mr_problem(request, 422, "%zu field%s of the body cannot be used: see errors",
		json_array_size(request->mistakes),
		json_array_size(request->mistakes) == 1 ? "" : "s");
	return false;
}
