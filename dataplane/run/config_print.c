#include "config_print.h"

#include <string.h>

#include "config_table.h"
#include "config_value.h"

static size_t group_length(const char *key)
{
	const char *dot = strchr(key, '.');
	return dot != NULL ? (size_t)(dot - key) : 0;
}

// A group that is also the name of a list (webhooks) cannot be a map beside it: its keys stay
// dotted.
static bool is_list(const char *key, size_t length)
{
	for (uint32_t id = 0; id < MR_LIST_COUNT; id++)
		if (strlen(mr_config_lists[id].key) == length
			&& strncmp(mr_config_lists[id].key, key, length) == 0)
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

void mr_config_print(FILE *out)
{
	const char *group = "";
	size_t group_size = 0;
	fprintf(out,
		"# Millrace: every key with its default. A dot in a key's name is a nested map here.\n"
		"# MILLRACE_FLOWS=32 in the environment or --set flows=32 do the same, in this order of strength.\n");
	for (uint32_t i = 0; i < mr_config_keys_count; i++) {
		const struct mr_config_key *key = &mr_config_keys[i];
		size_t length = group_length(key->key);
		bool nested = length > 0 && !is_list(key->key, length);
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
	for (uint32_t id = MR_LIST_APPS; id <= MR_LIST_LCORES; id++)
		print_list(out, &mr_config_lists[id]);
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

void mr_config_print_page(FILE *out)
{
	fprintf(out,
		"<!-- Generated from dataplane/run/config_table.c: `ninja -C build update-configuration-page`. -->\n"
		"# Configuration\n\n"
		"`millraced --config FILE` reads YAML. `millraced --print-config` prints every default as such a file;\n"
		"`millraced --check-config` reads a file, prints all mistakes at once and the memory plan, and starts nothing.\n\n"
		"- A dot in a key may be written as a nested map (`port: {mtu: 9000}`) or as it is (`port.mtu: 9000`).\n"
		"- Stronger wins: flag (`--set port.mtu=9000`), environment (`MILLRACE_PORT_MTU=9000`), file, default.\n"
		"- Counts take k, M, G (decimal); bytes KiB, MiB, GiB, TiB or kB, MB, GB; durations ns, us, ms, s, min, h, d.\n"
		"- Unknown keys, keys given twice and blank values are mistakes. A wrong configuration exits with 78.\n"
		"- SIGHUP reads the file again. When it is wrong, the old configuration stays and the mistakes are logged. Keys\n"
		"  marked yes change at once, as do `apps` and `webhooks`; a change of any other key is named in the log and\n"
		"  waits for a restart.\n"
		"- Totals are of the whole router and are divided among its stages. The plan must fit half of the memory\n"
		"  that is available at start.\n\n## Keys\n\n");
	print_head(out, "key");
	for (uint32_t i = 0; i < mr_config_keys_count; i++)
		print_row(out, &mr_config_keys[i]);
	for (uint32_t id = 0; id < MR_LIST_COUNT; id++) {
		const struct mr_config_list *list = &mr_config_lists[id];
		fprintf(out, "\n## `%s`\n\n%s At most %u.\n\n```yaml\n%s:\n%s```\n\n", list->key,
			list->help, list->max, list->key, list->example);
		print_head(out, "field");
		for (uint32_t i = 0; i < list->fields_count; i++)
			print_row(out, &list->fields[i]);
	}
}
