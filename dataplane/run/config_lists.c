#include "config_lists.h"

#include <stdlib.h>
#include <string.h>

#include <millrace/event.h>

#include "config.h"
#include "config_table.h"
#include "yaml_value.h"

static void store_actions(
	struct mr_config_walk *walk, struct mr_filter *filter, char *words, struct mr_config_at at)
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
	struct mr_config_walk *walk, struct mr_filter *filter, char *words, struct mr_config_at at)
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

bool mr_config_store_field(struct mr_config_walk *walk, const struct mr_config_list *list,
	const struct mr_config_key *row, struct fy_node *value, struct mr_config_at key_at,
	void *element)
{
	char words[MR_YAML_WORDS_BYTES_MAX];
	if (row->type == MR_VALUE_FILTERS) {
		(void)mr_config_walk_list(
			walk, &mr_config_lists[MR_LIST_FILTERS], value, key_at, element);
		return true;
	}
	if (row->type != MR_VALUE_WORDS || list != &mr_config_lists[MR_LIST_FILTERS])
		return false;
	struct mr_config_at at =
		value != NULL && !fy_node_is_null(value) ? mr_yaml_at(value) : key_at;
	if (!mr_yaml_words(walk->report, value, row->key, key_at, words))
		return true;
	if (row->offset == offsetof(struct mr_filter, actions))
		store_actions(walk, element, words, at);
	else
		store_fields(walk, element, words, at);
	return true;
}

static void *next_webhook(struct mr_config *config, uint32_t items, struct mr_config_at at)
{
	if (config->webhooks == NULL)
		config->webhooks = calloc(items, sizeof(*config->webhooks));
	if (config->webhooks == NULL)
		return NULL;
	config->webhooks[config->webhooks_count].at = at;
	return &config->webhooks[config->webhooks_count++];
}

void *mr_config_next_element(
	void *parent, const struct mr_config_list *list, uint32_t items, struct mr_config_at at)
{
	struct mr_config *config = parent;
	struct mr_config_webhook *webhook = parent; // of a filter
	switch (list - mr_config_lists) {
	case MR_LIST_WEBHOOKS:
		return next_webhook(config, items, at);
	case MR_LIST_APPS:
		config->apps[config->apps_count].at = at;
		return &config->apps[config->apps_count++];
	case MR_LIST_LCORES:
		config->lcores[config->lcores_count].at = at;
		return &config->lcores[config->lcores_count++];
	default:
		return &webhook->webhook.filters[webhook->webhook.filters_count++];
	}
}
