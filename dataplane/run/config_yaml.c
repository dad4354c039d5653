#include "config_yaml.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#include <millrace/event.h>

#include "bytes.h"
#include "config_table.h"
#include "config_value.h"
#include "mr_assert.h"
#include "yaml_value.h"

enum { DEPTH_MAX = 4 };

struct walk {
	struct mr_config *config;
	struct mr_config_report *report;
	bool keys_seen[MR_CONFIG_KEYS_MAX];
	bool lists_seen[MR_LIST_COUNT];
};

static struct mr_config_at value_at(struct fy_node *node, struct mr_config_at key_at)
{
	return node != NULL && !fy_node_is_null(node) ? mr_yaml_at(node) : key_at;
}

static void store_value(struct walk *walk, const struct mr_config_key *row, struct fy_node *value,
	struct mr_config_at key_at, void *base)
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

static void store_actions(
	struct walk *walk, struct mr_filter *filter, char *words, struct mr_config_at at)
{
	char *rest = NULL;
	for (char *word = strtok_r(words, " ", &rest); word != NULL;
		word = strtok_r(NULL, " ", &rest)) {
		unsigned action = MR_ACTION_ADDED;
		while (action < MR_ACTION_COUNT && strcmp(mr_action_name(action), word) != 0)
			action++;
		if (action < MR_ACTION_COUNT)
			filter->actions |= (uint8_t)(1u << action);
		else
			mr_config_error(walk->report, at,
				"action: expected added, removed, changed, deleted or undeleted, got \"%s\"",
				word);
	}
}

static void store_fields(
	struct walk *walk, struct mr_filter *filter, char *words, struct mr_config_at at)
{
	char *rest = NULL;
	for (char *word = strtok_r(words, " ", &rest); word != NULL;
		word = strtok_r(NULL, " ", &rest)) {
		size_t length = strlen(word);
		if (filter->fields_count == MR_FILTER_FIELDS_MAX) {
			mr_config_error(
				walk->report, at, "fields: at most %d", MR_FILTER_FIELDS_MAX);
			return;
		}
		if (length > MR_FIELD_BYTES_MAX) {
			mr_config_error(walk->report, at, "fields: \"%s\" is longer than %d bytes",
				word, MR_FIELD_BYTES_MAX);
			return;
		}
		memcpy(filter->fields[filter->fields_count++], word, length);
	}
}

static void walk_filters(struct walk *walk, struct fy_node *value, struct mr_config_at key_at,
	struct mr_webhook *webhook);

static void store_field(struct walk *walk, const struct mr_config_list *list,
	const struct mr_config_key *row, struct fy_node *value, struct mr_config_at key_at,
	void *element)
{
	char words[MR_YAML_WORDS_BYTES_MAX];
	if (row->type == MR_VALUE_FILTERS) {
		walk_filters(walk, value, key_at, &((struct mr_config_webhook *)element)->webhook);
	} else if (row->type == MR_VALUE_WORDS && list == &mr_config_lists[MR_LIST_FILTERS]) {
		if (!mr_yaml_words(walk->report, value, row->key, key_at, words))
			return;
		if (row->offset == offsetof(struct mr_filter, actions))
			store_actions(walk, element, words, value_at(value, key_at));
		else
			store_fields(walk, element, words, value_at(value, key_at));
	} else {
		store_value(walk, row, value, key_at, element);
	}
}

// One element of a list: every field once, none unknown, none that is needed missing.
static void walk_element(
	struct walk *walk, const struct mr_config_list *list, struct fy_node *node, void *element)
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
static int list_items(struct walk *walk, const struct mr_config_list *list, struct fy_node *value,
	struct mr_config_at key_at)
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

static void walk_filters(struct walk *walk, struct fy_node *value, struct mr_config_at key_at,
	struct mr_webhook *webhook)
{
	const struct mr_config_list *list = &mr_config_lists[MR_LIST_FILTERS];
	void *iterator = NULL;
	struct fy_node *item;
	if (list_items(walk, list, value, key_at) < 0)
		return;
	while ((item = fy_node_sequence_iterate(value, &iterator)) != NULL)
		walk_element(walk, list, item, &webhook->filters[webhook->filters_count++]);
}

static void walk_list(struct walk *walk, enum mr_config_list_id id, struct fy_node *value,
	struct mr_config_at key_at)
{
	const struct mr_config_list *list = &mr_config_lists[id];
	struct mr_config *config = walk->config;
	void *iterator = NULL;
	struct fy_node *item;
	if (walk->lists_seen[id]) {
		mr_config_error(walk->report, key_at, "%s is given twice", list->key);
		return;
	}
	walk->lists_seen[id] = true;
	int items = list_items(walk, list, value, key_at);
	if (items < 0)
		return;
	if (id == MR_LIST_WEBHOOKS && items > 0) {
		config->webhooks = calloc((size_t)items, sizeof(*config->webhooks));
		if (config->webhooks == NULL) {
			mr_config_error(walk->report, key_at, "no memory for %d webhooks", items);
			return;
		}
	}
	while ((item = fy_node_sequence_iterate(value, &iterator)) != NULL) {
		struct mr_config_at at = mr_yaml_at(item);
		if (id == MR_LIST_WEBHOOKS) {
			struct mr_config_webhook *webhook =
				&config->webhooks[config->webhooks_count++];
			webhook->at = at;
			walk_element(walk, list, item, webhook);
		} else if (id == MR_LIST_APPS) {
			struct mr_config_app *app = &config->apps[config->apps_count++];
			app->at = at;
			walk_element(walk, list, item, app);
		} else {
			struct mr_config_lcore *lcore = &config->lcores[config->lcores_count++];
			lcore->at = at;
			walk_element(walk, list, item, lcore);
		}
	}
}

// -- Keys

static bool is_group(const char *key, size_t length)
{
	for (uint32_t i = 0; i < mr_config_keys_count; i++)
		if (strncmp(mr_config_keys[i].key, key, length) == 0
			&& mr_config_keys[i].key[length] == '.')
			return true;
	return false;
}

static void unknown_key(
	struct mr_config_report *report, struct mr_config_at at, const char *key, size_t length)
{
	const char *near = mr_config_key_suggest(mr_config_keys, mr_config_keys_count, key, length);
	for (uint32_t id = MR_LIST_APPS; id <= MR_LIST_LCORES && near == NULL; id++)
		near = mr_config_key_suggest(
			&(struct mr_config_key){.key = mr_config_lists[id].key}, 1, key, length);
	mr_config_error(report, at, "unknown key \"%.*s\"%s%s%s", (int)length, key,
		near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
		near != NULL ? "\"?" : "");
}

static void walk_map(struct walk *walk, struct fy_node *map, const char *prefix, uint32_t depth);

static void walk_entry(struct walk *walk, const char *path, struct fy_node *value,
	struct mr_config_at at, uint32_t depth)
{
	size_t length = strlen(path);
	bool is_map = value != NULL && fy_node_is_mapping(value);
	for (uint32_t id = MR_LIST_APPS; id <= MR_LIST_LCORES; id++)
		if (strcmp(mr_config_lists[id].key, path) == 0
			&& !(is_map && is_group(path, length))) {
			walk_list(walk, id, value, at);
			return;
		}
	const struct mr_config_key *row =
		mr_config_key_find(mr_config_keys, mr_config_keys_count, path, length);
	if (row != NULL) {
		size_t index = (size_t)(row - mr_config_keys);
		if (walk->keys_seen[index]) {
			mr_config_error(walk->report, at, "%s is given twice, first in line %u",
				row->key, walk->config->at[index].line);
			return;
		}
		walk->keys_seen[index] = true;
		walk->config->at[index] = value_at(value, at);
		store_value(walk, row, value, at, walk->config);
		return;
	}
	if (!is_group(path, length)) {
		unknown_key(walk->report, at, path, length);
		return;
	}
	if (!is_map || depth == DEPTH_MAX) {
		mr_config_error(walk->report, at,
			"%s is a group of keys: write them below it, indented", path);
		return;
	}
	walk_map(walk, value, path, depth + 1);
}

static void walk_map(struct walk *walk, struct fy_node *map, const char *prefix, uint32_t depth)
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

void mr_config_set(struct mr_config *config, const char *key, size_t key_length, const char *text,
	struct mr_config_at at, struct mr_config_report *report)
{
	char words[MR_YAML_WORDS_BYTES_MAX];
	char why[256];
	const struct mr_config_key *row =
		mr_config_key_find(mr_config_keys, mr_config_keys_count, key, key_length);
	if (row == NULL) {
		unknown_key(report, at, key, key_length);
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
	if (mr_value_parse(row, text, strlen(text), config, why, sizeof(why)) != 0) {
		mr_config_error(report, at, "%s: %s", row->key, why);
		return;
	}
	config->at[row - mr_config_keys] = at;
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

void mr_config_read_yaml(struct mr_config *config, struct mr_config_report *report)
{
	struct walk walk = {.config = config, .report = report};
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
