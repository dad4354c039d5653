#include "config_print.h"

#include <string.h>

#include "config_value.h"

static size_t group_length(const char *key)
{
	const char *dot = strchr(key, '.');
	return dot != NULL ? (size_t)(dot - key) : 0;
}

// A group that is also the name of a list (webhooks) cannot be a map beside it: its keys stay
// dotted.
static bool is_list(const struct mr_config_schema *schema, const char *key, size_t length)
{
	for (uint32_t id = 0; id < schema->lists_count; id++)
		if (strlen(schema->lists[id].key) == length
			&& strncmp(schema->lists[id].key, key, length) == 0)
			return true;
	return false;
}

static void print_key(
	FILE *out, const struct mr_config_key *key, const char *indent, const char *name)
{
	char range[96];
	mr_value_range(key, range, sizeof(range));
	fprintf(out, "%s# %s%s%s%s.\n", indent, key->help, range[0] != '\0' ? " (" : "", range,
		range[0] != '\0' ? ")" : "");
	fprintf(out, "%s%s: %s\n", indent, name, key->fallback);
}

static void print_example(FILE *out, const struct mr_config_list *list, const char *indent)
{
	const char *line = list->example;
	while (*line != '\0') {
		size_t length = strcspn(line, "\n");
		fprintf(out, "%s#   %.*s\n", indent, (int)length, line);
		line += length + (line[length] == '\n');
	}
}

static void print_list(FILE *out, const struct mr_config_list *list)
{
	const char *help = list->help;
	size_t group = group_length(list->key);
	fputc('\n', out);
	while (*help != '\0') {
		size_t length = strcspn(help, "\n");
		fprintf(out, "# %.*s\n", (int)length, help);
		help += length + (help[length] == '\n');
	}
	if (group > 0) // this one has no empty default: leaving it out means something
		fprintf(out, "# %.*s:\n#   %s:\n", (int)group, list->key, list->key + group + 1);
	else
		fprintf(out, "%s: []\n", list->key);
	print_example(out, list, "");
}

void mr_config_print(FILE *out, const struct mr_config_schema *schema)
{
	const char *group = "";
	size_t group_size = 0;
	fputs(schema->head, out);
	for (uint32_t i = 0; i < schema->keys_count; i++) {
		const struct mr_config_key *key = &schema->keys[i];
		size_t length = group_length(key->key);
		bool nested = length > 0 && !is_list(schema, key->key, length);
		if (!nested) {
			fputc('\n', out);
			print_key(out, key, "", key->key);
			group_size = 0;
			continue;
		}
		if (group_size != length || strncmp(group, key->key, length) != 0)
			fprintf(out, "\n%.*s:\n", (int)length, key->key);
		group = key->key;
		group_size = length;
		print_key(out, key, "  ", key->key + length + 1);
	}
	for (uint32_t id = 0; id < schema->top_lists; id++)
		print_list(out, &schema->lists[id]);
}

static void print_row(FILE *out, const struct mr_config_key *key)
{
	char range[96];
	mr_value_range(key, range, sizeof(range));
	const char *fallback = key->fallback == NULL ? "required" : key->fallback;
	const char *tick = key->fallback == NULL || fallback[0] == '\0' ? "" : "`";
	fprintf(out, "| `%s` | %s | %s%s%s | %s | %s | %s |\n", key->key,
		mr_value_type_name(key->type), tick, fallback, tick, range, key->live ? "yes" : "",
		key->help);
}

static void print_head(FILE *out, const char *first)
{
	fprintf(out,
		"| %s | type | default | range | SIGHUP | meaning |\n|---|---|---|---|---|---|\n",
		first);
}

void mr_config_print_page(FILE *out, const struct mr_config_schema *schema, const char *intro)
{
	fputs(intro, out);
	print_head(out, "key");
	for (uint32_t i = 0; i < schema->keys_count; i++)
		print_row(out, &schema->keys[i]);
	for (uint32_t id = 0; id < schema->lists_count; id++) {
		const struct mr_config_list *list = &schema->lists[id];
		fprintf(out, "\n## `%s`\n\n%s At most %u.\n\n```yaml\n%s:\n%s```\n\n", list->key,
			list->help, list->max, list->key, list->example);
		print_head(out, "field");
		for (uint32_t i = 0; i < list->fields_count; i++)
			print_row(out, &list->fields[i]);
	}
}
