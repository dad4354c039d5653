// The file among a configuration's sources: YAML through libfyaml.
#pragma once

#include "config_read.h"

// Reads report->text.
void mr_config_read_yaml(const struct mr_config_target *target, struct mr_config_report *report);
// Says that there is no such key, and which one may be meant.
void mr_config_unknown_key(const struct mr_config_schema *schema, struct mr_config_report *report,
	struct mr_config_at at, const char *key, size_t length);
