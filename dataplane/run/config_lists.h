// The lists of the configuration file: where their elements go, and what filters are.
#pragma once

#include "config_read.h"

// As struct mr_config_schema has them.
void *mr_config_next_element(
	void *parent, const struct mr_config_list *list, uint32_t items, struct mr_config_at at);
bool mr_config_store_field(struct mr_config_walk *walk, const struct mr_config_list *list,
	const struct mr_config_key *row, struct fy_node *value, struct mr_config_at key_at,
	void *element);
