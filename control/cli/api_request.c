// Requests as the table of commands describes them.
#include <string.h>

#include "api_client.h"
#include "bytes.h"

static const char *value_of(const struct mr_line *line, const char *name, size_t length)
{
	if (length == 1 && name[0] >= '0' && name[0] < '0' + MR_ARGUMENTS_MAX)
		return line->arguments[name[0] - '0'];
	for (int i = 0; i < MR_OPTION_COUNT; i++) {
		if (strlen(mr_options[i].name) == length
			&& memcmp(mr_options[i].name, name, length) == 0)
			return line->values[i] && mr_options[i].kind == MR_WORD_FLAG
				? "true"
				: line->values[i];
	}
	return NULL;
}

static void put_value(struct mr_out *out, const char *value, bool is_path)
{
	static const char digits[] = "0123456789ABCDEF";

	for (const char *at = value; *at; at++) {
		const unsigned char byte = (unsigned char)*at;
		const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z')
			|| (byte >= 'A' && byte <= 'Z') || strchr("-._~", byte);

		if (!is_path || plain)
			mr_out_bytes(out, at, 1);
		else
			mr_out_bytes(out, (char[]){'%', digits[byte >> 4], digits[byte & 15]}, 3);
	}
}

// One part of the template, up to `end`. False: a value is missing.
static bool put_part(struct mr_out *out, const struct mr_line *line, const char *at,
	const char *end, bool is_path)
{
	while (at < end) {
		const char *close = *at == '{' ? memchr(at, '}', (size_t)(end - at)) : NULL;

		if (close == NULL) {
			mr_out_bytes(out, at++, 1);
			continue;
		}
		const char *value = value_of(line, at + 1, (size_t)(close - at - 1));

		if (value == NULL)
			return false;
		put_value(out, value, is_path);
		at = close + 1;
	}
	return true;
}

bool mr_api_fill(
	const struct mr_line *line, const char *template, bool is_path, char *ret_text, size_t size)
{
	struct mr_out out = mr_out_make(ret_text, size - 1);
	const char *query = is_path ? strchr(template, '?') : NULL;
	const char *end = query ? query : template + strlen(template);
	bool complete = put_part(&out, line, template, end, is_path);
	char separator = '?';

	while (*end) {
		struct mr_out before = out;
		const char *part = end + 1;

		end = part + strcspn(part, "&");
		mr_out_bytes(&out, &separator, 1);
		if (put_part(&out, line, part, end, is_path))
			separator = '&';
		else
			out = before;
	}
	*out.at = 0;
	return complete && !out.overflow;
}

static json_t *option_json(const struct mr_line *line, int option)
{
	switch (mr_options[option].kind) {
	case MR_WORD_FLAG:
		return json_true();
	case MR_WORD_COUNT:
	case MR_WORD_RATE:
		return json_integer((json_int_t)line->numbers[option]);
	case MR_WORD_DURATION:
		return json_real((double)line->numbers[option] / 1e9);
	case MR_WORD_TEXT:
	case MR_WORD_CHOICE:
	case MR_WORD_ID: // 64 bits: strings
	case MR_WORD_TIME:
	case MR_WORD_FILE:
	case MR_WORD_DIRECTORY:
		break;
	}
	return json_string(line->values[option]);
}

// "with-descendants" is with_descendants in JSON, and durations say their unit.
static void set_option(json_t *body, const struct mr_line *line, int option)
{
	char key[32];

	snprintf(key, sizeof(key), "%s%s", mr_options[option].name,
		mr_options[option].kind == MR_WORD_DURATION ? "_s" : "");
	for (char *at = key; *at; at++) {
		if (*at == '-')
			*at = '_';
	}
	json_object_set_new(body, key, option_json(line, option));
}

json_t *mr_api_body(const struct mr_line *line)
{
	const struct mr_command *command = line->command;
	const struct mr_api *api = &command->api;

	if (strcmp(api->method, "GET") == 0 || strcmp(api->method, "DELETE") == 0)
		return NULL;
	json_t *body = json_object();

	for (int i = 0; api->body_arguments && i < MR_ARGUMENTS_MAX; i++) {
		if (line->arguments[i])
			json_object_set_new(
				body, command->arguments[i].name, json_string(line->arguments[i]));
	}
	for (int i = 0; i < MR_OPTION_COUNT; i++) {
		if (api->body >> i & 1 && line->values[i])
			set_option(body, line, i);
	}
	if (api->body & MR_BIT(MODE) && !mr_line_has(line, MR_OPTION_MODE))
		json_object_set_new(body, "mode", json_string("drop"));
	if (api->body & MR_BIT(REASON) && !mr_line_has(line, MR_OPTION_REASON))
		json_object_set_new(body, "reason", json_string("no reason given"));
	return body;
}
