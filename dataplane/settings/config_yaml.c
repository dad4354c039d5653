#include "config_yaml.h"

#include <errno.h>
#include <libfyaml.h>
#include <string.h>

#include "config_value.h"
#include "mr_assert.h"
#include "yaml_value.h"

enum { DEPTH_MAX = 4 };

static struct mr_config_at value_at(struct fy_node *node, struct mr_config_at key_at)
{
	return node != NULL && !fy_node_is_null(node) ? mr_yaml_at(node) : key_at;
}

static void store_value(struct mr_config_walk *walk, const struct mr_config_key *row,
	struct fy_node *value, struct mr_config_at key_at, void *base)
{
	char words[MR_YAML_WORDS_BYTES_MAX];
	char why[256];
	const char *text = words;
	size_t length;
	if (row->type == MR_VALUE_WORDS) {
		if (!mr_yaml_words(walk->report, value, row->key, key_at, words))
			return;
		length = strlen(words);
	} else if (!mr_yaml_scalar(walk->report, value, row->key, key_at, &text, &length)) {
		return;
	}
	if (mr_value_parse(row, text, length, base, why, sizeof(why)) != 0)
		mr_config_error(walk->report, value_at(value, key_at), "%s: %s", row->key, why);
}

// -- Lists

static void store_field(struct mr_config_walk *walk, const struct mr_config_list *list,
	const struct mr_config_key *row, struct fy_node *value, struct mr_config_at key_at,
	void *element)
{
	const struct mr_config_schema *schema = walk->schema;
	if (schema->field == NULL || !schema->field(walk, list, row, value, key_at, element))
		store_value(walk, row, value, key_at, element);
}

// One element of a list: every field once, none unknown, none that is needed missing.
static void walk_element(struct mr_config_walk *walk, const struct mr_config_list *list,
	struct fy_node *node, void *element)
{
	bool seen[16] = {false};
	void *iterator = NULL;
	struct fy_node_pair *pair;
	mr_assert(list->fields_count <= 16);
	if (!fy_node_is_mapping(node)) {
		mr_config_error(walk->report, mr_yaml_at(node),
			"%s: expected a map of %s and so on", list->key, list->fields[0].key);
		return;
	}
	while ((pair = fy_node_mapping_iterate(node, &iterator)) != NULL) {
		struct fy_node *key = fy_node_pair_key(pair);
		size_t length = 0;
		const char *text = key != NULL ? fy_node_get_scalar(key, &length) : NULL;
		struct mr_config_at at = mr_yaml_at(key);
		const struct mr_config_key *row = mr_config_key_find(
			list->fields, list->fields_count, text != NULL ? text : "", length);
		if (row == NULL) {
			const char *near = mr_config_key_suggest(
				list->fields, list->fields_count, text != NULL ? text : "", length);
			mr_config_error(walk->report, at, "%s has no field \"%.*s\"%s%s%s",
				list->key, (int)length, text != NULL ? text : "",
				near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
				near != NULL ? "\"?" : "");
			continue;
		}
		if (seen[row - list->fields])
			mr_config_error(walk->report, at, "%s is given twice", row->key);
		seen[row - list->fields] = true;
		store_field(walk, list, row, fy_node_pair_value(pair), at, element);
	}
	for (uint32_t i = 0; i < list->fields_count; i++)
		if (!seen[i] && list->fields[i].fallback == NULL)
			mr_config_error(walk->report, mr_yaml_at(node), "%s: %s is missing",
				list->key, list->fields[i].key);
}

// The items of a list, or -1 after saying that it is none.
static int list_items(struct mr_config_walk *walk, const struct mr_config_list *list,
	struct fy_node *value, struct mr_config_at key_at)
{
	int items = value != NULL && fy_node_is_sequence(value) ? fy_node_sequence_item_count(value)
								: -1;
	if (items < 0)
		mr_config_error(
			walk->report, key_at, "%s takes a list; [] is an empty one", list->key);
	if (items <= (int)list->max)
		return items;
	mr_config_error(walk->report, key_at, "%s has %d elements, at most %u fit", list->key,
		items, list->max);
	return -1;
}

int mr_config_walk_list(struct mr_config_walk *walk, const struct mr_config_list *list,
	struct fy_node *value, struct mr_config_at key_at, void *parent)
{
	void *iterator = NULL;
	struct fy_node *item;
	int items = list_items(walk, list, value, key_at);
	while (items > 0 && (item = fy_node_sequence_iterate(value, &iterator)) != NULL) {
		struct mr_config_at at = mr_yaml_at(item);
		void *element = walk->schema->element(parent, list, (uint32_t)items, at);
		if (element == NULL) {
			mr_config_error(
				walk->report, key_at, "no memory for %d of %s", items, list->key);
			return -ENOMEM;
		}
		walk_element(walk, list, item, element);
	}
	return items < 0 ? -EINVAL : 0;
}

static void walk_top_list(
	struct mr_config_walk *walk, uint32_t id, struct fy_node *value, struct mr_config_at key_at)
{
	const struct mr_config_list *list = &walk->schema->lists[id];
	if (walk->lists_seen & UINT64_C(1) << id) {
		mr_config_error(walk->report, key_at, "%s is given twice", list->key);
		return;
	}
	walk->lists_seen |= UINT64_C(1) << id;
	(void)mr_config_walk_list(walk, list, value, key_at, walk->base);
}

// -- Keys

static bool is_group(const struct mr_config_schema *schema, const char *key, size_t length)
{
	for (uint32_t i = 0; i < schema->keys_count; i++)
		if (strncmp(schema->keys[i].key, key, length) == 0
			&& schema->keys[i].key[length] == '.')
			return true;
	return false;
}

void mr_config_unknown_key(const struct mr_config_schema *schema, struct mr_config_report *report,
	struct mr_config_at at, const char *key, size_t length)
{
	const char *near = mr_config_key_suggest(schema->keys, schema->keys_count, key, length);
	for (uint32_t id = 0; id < schema->top_lists && near == NULL; id++)
		near = mr_config_key_suggest(
			&(struct mr_config_key){.key = schema->lists[id].key}, 1, key, length);
	mr_config_error(report, at, "unknown key \"%.*s\"%s%s%s", (int)length, key,
		near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
		near != NULL ? "\"?" : "");
}

static void walk_map(
	struct mr_config_walk *walk, struct fy_node *map, const char *prefix, uint32_t depth);

static void walk_entry(struct mr_config_walk *walk, const char *path, struct fy_node *value,
	struct mr_config_at at, uint32_t depth)
{
	const struct mr_config_schema *schema = walk->schema;
	size_t length = strlen(path);
	bool is_map = value != NULL && fy_node_is_mapping(value);
	for (uint32_t id = 0; id < schema->top_lists; id++)
		if (strcmp(schema->lists[id].key, path) == 0
			&& !(is_map && is_group(schema, path, length))) {
			walk_top_list(walk, id, value, at);
			return;
		}
	const struct mr_config_key *row =
		mr_config_key_find(schema->keys, schema->keys_count, path, length);
	if (row != NULL) {
		size_t index = (size_t)(row - schema->keys);
		if (walk->keys_seen[index]) {
			mr_config_error(walk->report, at, "%s is given twice, first in line %u",
				row->key, walk->at[index].line);
			return;
		}
		walk->keys_seen[index] = true;
		walk->at[index] = value_at(value, at);
		store_value(walk, row, value, at, walk->base);
		return;
	}
	if (!is_group(schema, path, length)) {
		mr_config_unknown_key(schema, walk->report, at, path, length);
		return;
	}
	if (!is_map || depth == DEPTH_MAX) {
		mr_config_error(walk->report, at,
			"%s is a group of keys: write them below it, indented", path);
		return;
	}
	walk_map(walk, value, path, depth + 1);
}

static void walk_map(
	struct mr_config_walk *walk, struct fy_node *map, const char *prefix, uint32_t depth)
{
	char path[128];
	void *iterator = NULL;
	struct fy_node_pair *pair;
	while ((pair = fy_node_mapping_iterate(map, &iterator)) != NULL) {
		struct fy_node *key = fy_node_pair_key(pair);
		size_t length = 0;
		const char *text = key != NULL ? fy_node_get_scalar(key, &length) : NULL;
		if (text == NULL || strlen(prefix) + length + 2 > sizeof(path)) {
			mr_config_error(
				walk->report, mr_yaml_at(key), "a key must be one short word");
			continue;
		}
		snprintf(path, sizeof(path), "%s%s%.*s", prefix, prefix[0] != '\0' ? "." : "",
			(int)length, text);
		walk_entry(walk, path, fy_node_pair_value(pair), mr_yaml_at(key), depth);
	}
}

static void report_syntax(struct fy_diag *diag, struct mr_config_report *report)
{
	void *iterator = NULL;
	struct fy_diag_error *error;
	while ((error = fy_diag_errors_iterate(diag, &iterator)) != NULL)
		mr_config_error(report,
			(struct mr_config_at){.line = (uint32_t)(error->line > 0 ? error->line : 1),
				.column = (uint32_t)(error->column > 0 ? error->column : 1),
				.width = 1},
			"%s", error->msg);
}

void mr_config_read_yaml(const struct mr_config_target *target, struct mr_config_report *report)
{
	struct mr_config_walk walk = {
		.schema = target->schema, .base = target->base, .at = target->at, .report = report};
	mr_assert(target->schema->keys_count <= MR_CONFIG_KEYS_MAX);
	mr_assert(target->schema->lists_count <= 64);
	uint32_t errors = report->errors;
	struct fy_diag *diag = fy_diag_create(NULL);
	if (diag == NULL) {
		mr_config_error(report, mr_yaml_at(NULL), "no memory");
		return;
	}
	fy_diag_set_collect_errors(diag, true);
	struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_ALLOW_DUPLICATE_KEYS, .diag = diag};
	struct fy_document *document =
		fy_document_build_from_string(&cfg, report->text, report->length);
	struct fy_node *root = document != NULL ? fy_document_root(document) : NULL;
	report_syntax(diag, report);
	if (document == NULL && report->errors == errors && report->length > 0)
		mr_config_error(report, mr_yaml_at(NULL), "not a YAML document");
	if (root != NULL && fy_node_is_mapping(root))
		walk_map(&walk, root, "", 0);
	else if (root != NULL && !fy_node_is_null(root))
		mr_config_error(
			report, mr_yaml_at(root), "expected a map of keys, such as \"flows: 16\"");
	fy_document_destroy(document);
	fy_diag_destroy(diag);
}
