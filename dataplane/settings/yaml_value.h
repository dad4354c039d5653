// Values of a YAML document: where they stand, and their text.
#pragma once

#include <libfyaml.h>
#include <stdbool.h>
#include <stddef.h>

#include "config_report.h"

enum { MR_YAML_WORDS_BYTES_MAX = 1024 };

// Of the first thing in it that has a place; NULL: the document's begin.
struct mr_config_at mr_yaml_at(struct fy_node *node);
// The scalar's text, or false after saying what is wrong with it. `key_at` is where a blank value
// is reported.
bool mr_yaml_scalar(struct mr_config_report *report, struct fy_node *node, const char *key,
	struct mr_config_at key_at, const char **ret_text, size_t *ret_length);
// A list of words, or one word, as text separated by blanks.
bool mr_yaml_words(struct mr_config_report *report, struct fy_node *node, const char *key,
	struct mr_config_at key_at, char ret_words[MR_YAML_WORDS_BYTES_MAX]);
