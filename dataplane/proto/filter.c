#include "filter.h"

#include <errno.h>
#include <string.h>

#include <millrace/event.h>

#include "bytes.h"
#include "mr_assert.h"

// -- Reading

static bool is_name(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c <= ' ' || c == 0x7f || c == ',' || c == '=')
			return false;
	}
	return length > 0;
}

static const char *take_name(
	char *into, size_t size, const char *text, size_t length, const char *too_long)
{
	if (into[0] != '\0')
		return "a word stands twice";
	if (!is_name(text, length))
		return "names are printable, without blanks, commas and equals signs";
	return mr_copy_text(into, size, text, length) ? NULL : too_long;
}

static const char *take_action(struct mr_filter *filter, const char *text, size_t length)
{
	for (unsigned action = MR_ACTION_ADDED; action < MR_ACTION_COUNT; action++) {
		const char *name = mr_action_name(action);
		if (strlen(name) != length || memcmp(name, text, length) != 0)
			continue;
		filter->actions |= (uint8_t)(1u << action);
		return NULL;
	}
	return "an action is one of added, removed, changed, deleted, undeleted";
}

static const char *take_field(struct mr_filter *filter, const char *text, size_t length)
{
	if (filter->fields_count == MR_FILTER_FIELDS_MAX)
		return "a filter has at most 8 fields";
	return take_name(filter->fields[filter->fields_count++], sizeof(filter->fields[0]), text,
		length, "a field is longer than 64 bytes");
}

// The values of `action` or `fields`, separated by commas.
static const char *take_list(struct mr_filter *filter, const char *text, size_t length,
	const char *(*take)(struct mr_filter *filter, const char *text, size_t length))
{
	for (;;) {
		const char *comma = memchr(text, ',', length);
		size_t part = comma != NULL ? (size_t)(comma - text) : length;
		const char *mistake = take(filter, text, part);
		if (mistake != NULL || comma == NULL)
			return mistake;
		text += part + 1;
		length -= part + 1;
	}
}

static bool has_key(const char *word, size_t length, const char *key, const char **ret_value)
{
	size_t key_length = strlen(key);
	*ret_value = word + key_length;
	return length >= key_length && memcmp(word, key, key_length) == 0;
}

static const char *take_word(struct mr_filter *filter, const char *word, size_t length)
{
	static const char too_long[] = "a type is longer than 32 bytes";
	const char *end = word + length;
	const char *value;
	if (has_key(word, length, "type=", &value))
		return take_name(
			filter->type, sizeof(filter->type), value, (size_t)(end - value), too_long);
	if (has_key(word, length, "subtype=", &value))
		return take_name(filter->subtype, sizeof(filter->subtype), value,
			(size_t)(end - value), too_long);
	if (has_key(word, length, "action=", &value))
		return filter->actions != 0
			? "a word stands twice"
			: take_list(filter, value, (size_t)(end - value), take_action);
	if (has_key(word, length, "fields=", &value))
		return filter->fields_count != 0
			? "a word stands twice"
			: take_list(filter, value, (size_t)(end - value), take_field);
	return "a filter is made of type=, subtype=, action= and fields=, or is *";
}

static const char *take_line(struct mr_filter *filter, const char *line, size_t length)
{
	const char *mistake = "a line is empty";
	if (length == 1 && line[0] == '*')
		return NULL;
	while (length > 0) {
		const char *blank = memchr(line, ' ', length);
		size_t word = blank != NULL ? (size_t)(blank - line) : length;
		mistake = take_word(filter, line, word);
		if (mistake != NULL)
			return mistake;
		word += blank != NULL;
		line += word;
		length -= word;
	}
	return mistake;
}

int mr_filters_parse(const char *text, size_t length, struct mr_filter ret_filters[MR_FILTERS_MAX],
	uint8_t *ret_count, const char **ret_why)
{
	*ret_count = 0;
	memset(ret_filters, 0, MR_FILTERS_MAX * sizeof(ret_filters[0]));
	while (length > 0) {
		const char *newline = memchr(text, '\n', length);
		size_t line = newline != NULL ? (size_t)(newline - text) : length;
		*ret_why = *ret_count == MR_FILTERS_MAX
			? "a webhook has at most 16 filters"
			: take_line(&ret_filters[*ret_count], text, line);
		(*ret_count)++;
		if (*ret_why != NULL)
			return -EINVAL;
		line += newline != NULL;
		text += line;
		length -= line;
	}
	return 0;
}

// -- Writing

static void put_key(struct mr_out *out, const char *key, const uint8_t *line)
{
	if (out->at > line)
		mr_out_text(out, " ");
	mr_out_text(out, key);
}

static void put_filter(struct mr_out *out, const struct mr_filter *filter)
{
	const uint8_t *line = out->at;
	const char *comma = "";
	if (filter->type[0] != '\0') {
		put_key(out, "type=", line);
		mr_out_text(out, filter->type);
	}
	if (filter->subtype[0] != '\0') {
		put_key(out, "subtype=", line);
		mr_out_text(out, filter->subtype);
	}
	if (filter->actions != 0)
		put_key(out, "action=", line);
	for (unsigned action = MR_ACTION_ADDED; action < MR_ACTION_COUNT; action++) {
		if ((filter->actions & 1u << action) == 0)
			continue;
		mr_out_text(out, comma);
		mr_out_text(out, mr_action_name(action));
		comma = ",";
	}
	if (filter->fields_count > 0)
		put_key(out, "fields=", line);
	for (uint32_t i = 0; i < filter->fields_count; i++) {
		mr_out_text(out, i > 0 ? "," : "");
		mr_out_text(out, filter->fields[i]);
	}
	if (out->at == line)
		mr_out_text(out, "*");
}

size_t mr_filters_format(
	const struct mr_filter *filters, uint32_t count, char *ret_text, size_t size)
{
	static const char cut[] = "...";
	mr_assert(size > sizeof(cut));
	struct mr_out out = mr_out_make(ret_text, size - sizeof(cut));
	for (uint32_t i = 0; i < count && !out.overflow; i++) {
		mr_out_text(&out, i > 0 ? "\n" : "");
		put_filter(&out, &filters[i]);
	}
	size_t length = (size_t)((char *)out.at - ret_text);
	size_t end = out.overflow ? sizeof(cut) - 1 : 0;
	memcpy(ret_text + length, cut, end);
	ret_text[length + end] = '\0';
	return length + end;
}

// -- W1

bool mr_filter_is_higher_level(const char *resource_type)
{
	return strcmp(resource_type, "workspace") == 0 || strcmp(resource_type, "team") == 0
		|| strcmp(resource_type, "portfolio") == 0;
}

static bool is_membership(const char *type)
{
	return strcmp(type, "team_membership") == 0 || strcmp(type, "workspace_membership") == 0;
}

const char *mr_filter_mistake(const struct mr_filter *filter, bool is_higher_level)
{
	const uint8_t memberships = 1u << MR_ACTION_ADDED | 1u << MR_ACTION_REMOVED;
	const uint8_t changed = 1u << MR_ACTION_CHANGED;
	if (filter->fields_count > 0 && is_higher_level)
		return "filters of a workspace, team or portfolio take no fields";
	if (filter->fields_count > 0 && filter->actions != 0 && filter->actions != changed)
		return "fields only go with action: changed";
	if (!is_higher_level)
		return NULL;
	if (is_membership(filter->type))
		return filter->actions == 0 || (filter->actions & ~memberships) != 0
			? "memberships of a workspace, team or portfolio are only added and removed"
			: NULL;
	return strcmp(filter->type, "project") == 0
		? NULL
		: "filters of a workspace, team or portfolio are for project, team_membership or workspace_membership";
}
