#include "config_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_value.h"
#include "config_yaml.h"
#include "mr_assert.h"
#include "yaml_value.h"

enum { FILE_BYTES_MAX = 64 << 20 };

// Stores one key by its text, as a flag or a variable gives it; `at` names them.
static void set_key(const struct mr_config_target *target, const char *key, size_t key_length,
	const char *text, struct mr_config_at at, struct mr_config_report *report)
{
	const struct mr_config_schema *schema = target->schema;
	char words[MR_YAML_WORDS_BYTES_MAX];
	char why[256];
	const struct mr_config_key *row =
		mr_config_key_find(schema->keys, schema->keys_count, key, key_length);
	if (row == NULL) {
		mr_config_unknown_key(schema, report, at, key, key_length);
		return;
	}
	if (row->type == MR_VALUE_WORDS) { // [a, b] as in the file, or a b
		size_t used = 0;
		for (const char *c = text; *c != '\0' && used + 1 < sizeof(words); c++)
			if (strchr("[], ", *c) == NULL)
				words[used++] = *c;
			else if (used > 0 && words[used - 1] != ' ')
				words[used++] = ' ';
		while (used > 0 && words[used - 1] == ' ')
			used--;
		words[used] = '\0';
		text = words;
	} else if (text[0] == '\0') {
		mr_config_error(
			report, at, "%s has no value; leave it out for the default", row->key);
		return;
	}
	if (mr_value_parse(row, text, strlen(text), target->base, why, sizeof(why)) != 0) {
		mr_config_error(report, at, "%s: %s", row->key, why);
		return;
	}
	target->at[row - schema->keys] = at;
}

// The whole file on the heap; NULL after the mistake was reported.
static char *read_file(const char *path, struct mr_config_report *report)
{
	const struct mr_config_at nowhere = {.where = path};
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t length = 0;
	size_t room = 0;
	if (file == NULL) {
		mr_config_error(report, nowhere, "cannot be opened: %s", strerror(errno));
		return NULL;
	}
	do {
		room = room == 0 ? 65536 : room * 2;
		char *more = realloc(text, room);
		if (more == NULL)
			break;
		text = more;
		length += fread(text + length, 1, room - length, file);
	} while (length == room && room < FILE_BYTES_MAX);
	if (ferror(file) || length == room) {
		mr_config_error(report, nowhere, "cannot be read");
		free(text);
		text = NULL;
	}
	fclose(file);
	report->length = text != NULL ? length : 0;
	report->text = text;
	return text;
}

// MILLRACE_OBJECT_QUEUE_EVENTS for object.queue_events.
static bool is_variable_of(const char *variable, size_t length, const char *key)
{
	if (strlen(key) != length)
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = key[i];
		if (c == '.')
			c = '_';
		else if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (variable[i] != c)
			return false;
	}
	return true;
}

static void read_environment(const struct mr_config_target *target, char *const *environment,
	struct mr_config_report *report)
{
	const struct mr_config_schema *schema = target->schema;
	static const char prefix[] = "MILLRACE_";
	for (; environment != NULL && *environment != NULL; environment++) {
		const char *equals = strchr(*environment, '=');
		if (equals == NULL || strncmp(*environment, prefix, sizeof(prefix) - 1) != 0)
			continue;
		const char *name = *environment + sizeof(prefix) - 1;
		for (uint32_t i = 0; i < schema->keys_count; i++)
			if (is_variable_of(name, (size_t)(equals - name), schema->keys[i].key))
				set_key(target, schema->keys[i].key, strlen(schema->keys[i].key),
					equals + 1, (struct mr_config_at){.where = *environment},
					report);
	}
}

static void read_sets(const struct mr_config_target *target,
	const struct mr_config_sources *sources, struct mr_config_report *report)
{
	for (uint32_t i = 0; i < sources->sets_count; i++) {
		const char *set = sources->sets[i];
		const char *equals = strchr(set, '=');
		struct mr_config_at at = {.where = set};
		if (equals == NULL)
			mr_config_error(report, at, "expected key=value");
		else
			set_key(target, set, (size_t)(equals - set), equals + 1, at, report);
	}
}

void mr_config_read(const struct mr_config_target *target, const struct mr_config_sources *sources,
	struct mr_config_report *report)
{
	report->path = sources->path;
	char *text = sources->path != NULL ? read_file(sources->path, report) : NULL;
	if (text != NULL)
		mr_config_read_yaml(target, report);
	read_environment(target, sources->environment, report);
	read_sets(target, sources, report);
	report->text = NULL;
	free(text);
}

void mr_config_defaults(const struct mr_config_schema *schema, void *base)
{
	char why[128];
	for (uint32_t i = 0; i < schema->keys_count; i++) {
		const struct mr_config_key *key = &schema->keys[i];
		if (strcmp(key->fallback, "[]") == 0) // an empty list is what was zeroed
			continue;
		int err = mr_value_parse(
			key, key->fallback, strlen(key->fallback), base, why, sizeof(why));
		mr_assert(err == 0); // a default is within its own range
	}
}
