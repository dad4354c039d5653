// Every key of the configuration file, once. The loader, the environment, --set, --print-config and
// docs/CONFIGURATION.md all read this table.
#pragma once

#include "config_key.h"
#include "config_read.h"

enum mr_config_list_id {
	MR_LIST_APPS,
	MR_LIST_WEBHOOKS,
	MR_LIST_LCORES,
	MR_LIST_FILTERS,
	MR_LIST_COUNT
};

extern const struct mr_config_key mr_config_keys[];
extern const uint32_t mr_config_keys_count;
extern const struct mr_config_list mr_config_lists[MR_LIST_COUNT];
extern const struct mr_config_schema mr_config_schema;
