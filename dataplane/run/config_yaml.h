// The configuration file: YAML through libfyaml into struct mr_config. Mistakes are collected,
// never the first only.
#pragma once

#include <stddef.h>

#include "config.h"

// Reads report->text. Keys that are given are stored over what `config` holds.
void mr_config_read_yaml(struct mr_config *config, struct mr_config_report *report);
// Stores one key by its text, as a flag or a variable gives it; `at` names them.
void mr_config_set(struct mr_config *config, const char *key, size_t key_length, const char *text,
	struct mr_config_at at, struct mr_config_report *report);
