#include "yaml_value.h"

#include <string.h>

struct mr_config_at mr_yaml_at(struct fy_node *node)
{
	void *iterator = NULL;
	struct fy_node_pair *pair;
	if (node == NULL)
		return (struct mr_config_at){.line = 1, .column = 1, .width = 1};
	if (fy_node_is_sequence(node))
		return mr_yaml_at(fy_node_sequence_iterate(node, &iterator));
	if (fy_node_is_mapping(node)) {
		pair = fy_node_mapping_iterate(node, &iterator);
		return mr_yaml_at(pair != NULL ? fy_node_pair_key(pair) : NULL);
	}
	struct fy_token *token = fy_node_get_scalar_token(node);
	const struct fy_mark *start = token != NULL ? fy_token_start_mark(token) : NULL;
	const struct fy_mark *end = token != NULL ? fy_token_end_mark(token) : NULL;
	if (start == NULL)
		return mr_yaml_at(NULL);
	uint32_t width = end != NULL && end->line == start->line
		? (uint32_t)(end->column - start->column)
		: 1;
	return (struct mr_config_at){.line = (uint32_t)start->line + 1,
		.column = (uint32_t)start->column + 1,
		.width = width};
}

bool mr_yaml_scalar(struct mr_config_report *report, struct fy_node *node, const char *key,
	struct mr_config_at key_at, const char **ret_text, size_t *ret_length)
{
	if (node == NULL || fy_node_is_null(node)) {
		mr_config_error(
			report, key_at, "%s has no value; leave the line out for the default", key);
		return false;
	}
	if (!fy_node_is_scalar(node) || fy_node_is_alias(node)) {
		mr_config_error(report, key_at, "%s takes one value, not a %s", key,
			fy_node_is_mapping(node)            ? "map"
				: fy_node_is_sequence(node) ? "list"
							    : "reference");
		return false;
	}
	*ret_text = fy_node_get_scalar(node, ret_length);
	return true;
}

static void add_word(struct mr_config_report *report, const char *key, struct fy_node *item,
	struct mr_config_at key_at, char *words)
{
	const char *text;
	size_t length;
	size_t used = strlen(words);
	if (!mr_yaml_scalar(report, item, key, key_at, &text, &length))
		return;
	if (length == 0 || memchr(text, ' ', length) != NULL)
		mr_config_error(report, mr_yaml_at(item), "%s is a list of single words", key);
	else if (used + length + 2 > MR_YAML_WORDS_BYTES_MAX)
		mr_config_error(report, mr_yaml_at(item), "%s is too long", key);
	else
		snprintf(words + used, MR_YAML_WORDS_BYTES_MAX - used, "%s%.*s",
			used > 0 ? " " : "", (int)length, text);
}

bool mr_yaml_words(struct mr_config_report *report, struct fy_node *node, const char *key,
	struct mr_config_at key_at, char ret_words[MR_YAML_WORDS_BYTES_MAX])
{
	uint32_t errors = report->errors;
	void *iterator = NULL;
	struct fy_node *item;
	ret_words[0] = '\0';
	if (node == NULL || !fy_node_is_sequence(node))
		add_word(report, key, node, key_at, ret_words);
	else
		while ((item = fy_node_sequence_iterate(node, &iterator)) != NULL)
			add_word(report, key, item, key_at, ret_words);
	return report->errors == errors;
}
