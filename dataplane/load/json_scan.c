#include "json_scan.h"

#include <stdlib.h>
#include <string.h>

static bool fail(struct mr_json *json)
{
	json->bad = true;
	return false;
}

static bool take(struct mr_json *json, char expected)
{
	if (json->bad || json->at == json->end || *json->at != expected)
		return false;
	json->at++;
	return true;
}

static bool take_word(struct mr_json *json, const char *word)
{
	size_t length = strlen(word);
	if (json->bad || (size_t)(json->end - json->at) < length
		|| memcmp(json->at, word, length) != 0)
		return false;
	json->at += length;
	return true;
}

bool mr_json_open(struct mr_json *json, char bracket)
{
	return take(json, bracket) || fail(json);
}

// After an element: a comma and another one, or the end.
static bool next(struct mr_json *json, bool first, char close)
{
	if (json->bad || take(json, close))
		return false;
	return first || take(json, ',') || fail(json);
}

bool mr_json_next_key(struct mr_json *json, bool first, struct mr_text *ret_key)
{
	if (!next(json, first, '}'))
		return false;
	return mr_json_string(json, ret_key) && (take(json, ':') || fail(json));
}

bool mr_json_next_item(struct mr_json *json, bool first)
{
	return next(json, first, ']') && (json->at != json->end || fail(json));
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool take_escape(struct mr_json *json)
{
	if (json->at == json->end)
		return false;
	char kind = *json->at++;
	if (kind != 'u')
		return kind != '\0' && strchr("\"\\/bfnrt", kind) != NULL;
	for (int i = 0; i < 4; i++, json->at++) {
		if (json->at == json->end || !is_hex(*json->at))
			return false;
	}
	return true;
}

bool mr_json_string(struct mr_json *json, struct mr_text *ret_text)
{
	if (!take(json, '"'))
		return fail(json);
	const char *begin = json->at;
	while (json->at != json->end) {
		unsigned char c = (unsigned char)*json->at++;
		if (c == '"') {
			size_t length = (size_t)(json->at - 1 - begin);
			if (length > UINT16_MAX)
				return fail(json);
			*ret_text = (struct mr_text){.data = begin, .length = (uint16_t)length};
			return true;
		}
		if (c < 0x20 || (c == '\\' && !take_escape(json)))
			return fail(json);
	}
	return fail(json);
}

bool mr_json_null(struct mr_json *json)
{
	return take_word(json, "null");
}

bool mr_json_bool(struct mr_json *json, bool *ret_value)
{
	if (take_word(json, "true"))
		*ret_value = true;
	else if (take_word(json, "false"))
		*ret_value = false;
	else
		return fail(json);
	return true;
}

static bool take_digits(struct mr_json *json)
{
	const char *begin = json->at;
	while (json->at != json->end && *json->at >= '0' && *json->at <= '9')
		json->at++;
	return json->at != begin;
}

bool mr_json_number(struct mr_json *json, double *ret_number)
{
	const char *begin = json->at;
	if (json->bad)
		return false;
	take(json, '-');
	if (!take(json, '0') && !take_digits(json))
		return fail(json);
	if (take(json, '.') && !take_digits(json))
		return fail(json);
	if (take(json, 'e') || take(json, 'E')) {
		if (!take(json, '-'))
			take(json, '+');
		if (!take_digits(json))
			return fail(json);
	}
	char text[64]; // strtod needs an end
	size_t length = (size_t)(json->at - begin);
	if (length >= sizeof(text))
		return fail(json);
	memcpy(text, begin, length);
	text[length] = '\0';
	*ret_number = strtod(text, NULL);
	return true;
}

static bool skip_scalar(struct mr_json *json)
{
	struct mr_text text;
	double number;
	bool truth;
	switch (json->at == json->end ? '\0' : *json->at) {
	case '"':
		return mr_json_string(json, &text);
	case 'n':
		return mr_json_null(json) || fail(json);
	case 't':
	case 'f':
		return mr_json_bool(json, &truth);
	default:
		return mr_json_number(json, &number);
	}
}

// Without recursion: `open` is the stack of brackets that are open.
bool mr_json_skip(struct mr_json *json)
{
	char open[MR_JSON_DEPTH_MAX];
	int depth = 0;
	bool first = true;
	do {
		if (depth > 0) {
			struct mr_text key;
			bool more = open[depth - 1] == '{' ? mr_json_next_key(json, first, &key)
							   : mr_json_next_item(json, first);
			if (json->bad)
				return false;
			if (!more) {
				depth--;
				first = false;
				continue;
			}
		}
		char c = json->at == json->end ? '\0' : *json->at;
		if (c == '{' || c == '[') {
			if (depth == MR_JSON_DEPTH_MAX)
				return fail(json);
			json->at++;
			open[depth++] = c;
			first = true;
		} else {
			if (json->bad || !skip_scalar(json))
				return false;
			first = false;
		}
	} while (depth > 0);
	return true;
}

bool mr_json_done(const struct mr_json *json)
{
	return !json->bad && json->at == json->end;
}

bool mr_json_is(const struct mr_text *text, const char *literal)
{
	return strlen(literal) == text->length && memcmp(text->data, literal, text->length) == 0;
}
