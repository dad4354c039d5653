// From the sources to one checked configuration: defaults, file, environment, flags.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_check.h"
#include "config_table.h"
#include "config_value.h"
#include "config_yaml.h"
#include "mr_assert.h"

enum { FILE_BYTES_MAX = 64 << 20 };

struct mr_config *mr_config_new(void)
{
	char why[128];
	struct mr_config *config = calloc(1, sizeof(*config));
	if (config == NULL)
		return NULL;
	for (uint32_t i = 0; i < mr_config_keys_count; i++) {
		const struct mr_config_key *key = &mr_config_keys[i];
		if (strcmp(key->fallback, "[]") == 0) // an empty list is what calloc left
			continue;
		int err = mr_value_parse(
			key, key->fallback, strlen(key->fallback), config, why, sizeof(why));
		mr_assert(err == 0); // a default is within its own range
	}
	return config;
}

void mr_config_free(struct mr_config *config)
{
	if (config == NULL)
		return;
	if (config->webhooks != NULL)
		explicit_bzero(
			config->webhooks, config->webhooks_count * sizeof(*config->webhooks));
	free(config->webhooks);
	free(config);
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

static void read_environment(
	struct mr_config *config, char *const *environment, struct mr_config_report *report)
{
	static const char prefix[] = "MILLRACE_";
	for (; environment != NULL && *environment != NULL; environment++) {
		const char *equals = strchr(*environment, '=');
		if (equals == NULL || strncmp(*environment, prefix, sizeof(prefix) - 1) != 0)
			continue;
		const char *name = *environment + sizeof(prefix) - 1;
		for (uint32_t i = 0; i < mr_config_keys_count; i++)
			if (is_variable_of(name, (size_t)(equals - name), mr_config_keys[i].key))
				mr_config_set(config, mr_config_keys[i].key,
					strlen(mr_config_keys[i].key), equals + 1,
					(struct mr_config_at){.where = *environment}, report);
	}
}

static void read_sets(struct mr_config *config, const struct mr_config_sources *sources,
	struct mr_config_report *report)
{
	for (uint32_t i = 0; i < sources->sets_count; i++) {
		const char *set = sources->sets[i];
		const char *equals = strchr(set, '=');
		struct mr_config_at at = {.where = set};
		if (equals == NULL)
			mr_config_error(report, at, "expected key=value");
		else
			mr_config_set(config, set, (size_t)(equals - set), equals + 1, at, report);
	}
}

int mr_config_load(struct mr_config *config, const struct mr_config_sources *sources,
	struct mr_config_report *report)
{
	char *text = NULL;
	report->path = sources->path;
	if (sources->path != NULL) {
		text = read_file(sources->path, report);
		if (text != NULL)
			mr_config_read_yaml(config, report);
	}
	read_environment(config, sources->environment, report);
	read_sets(config, sources, report);
	mr_config_check(config, report);
	if (sources->check_host)
		mr_config_check_host(config, report);
	report->text = NULL;
	free(text);
	return report->errors == 0 ? 0 : -EINVAL;
}
