// From a configuration's sources to memory: defaults, a YAML file, the environment and flags, the
// later ones win. Mistakes are collected, never the first only. What a program's keys and lists are
// is its schema.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config_key.h"
#include "config_report.h"

enum { MR_CONFIG_KEYS_MAX = 96 };

struct mr_config_sources {
	const char *path; // the file; NULL: none
	char *const *environment; // "NAME=value", NULL at the end; NULL: none
	const char *const *sets; // "key=value" of the --set flags
	uint32_t sets_count;
	// also what the configuration needs of this host: directories, and the like
	bool check_host;
};

struct fy_node; // of libfyaml
struct mr_config_walk;

struct mr_config_schema {
	const struct mr_config_key *keys;
	uint32_t keys_count;
	uint32_t lists_count;
	uint32_t
		top_lists; // the first of `lists`: keys of the file; the others are fields of these
	const struct mr_config_list *lists;
	// Room for the next of `items` elements of a list, that is written at `at`; `parent` is the
	// configuration, or the element that the list is a field of. NULL: no memory.
	void *(*element)(void *parent, const struct mr_config_list *list, uint32_t items,
		struct mr_config_at at);
	// Stores a field whose type alone does not say how; false: its type does. NULL: always.
	bool (*field)(struct mr_config_walk *walk, const struct mr_config_list *list,
		const struct mr_config_key *row, struct fy_node *value, struct mr_config_at key_at,
		void *element);
	// Comment lines at the begin of --print-config, terminated.
	const char *head;
};

struct mr_config_target {
	const struct mr_config_schema *schema;
	void *base; // the configuration, zeroed, or with its defaults
	struct mr_config_at *at; // where each key was set, by index into the schema's keys
};

// A walk through a file, as schema->field sees it.
struct mr_config_walk {
	const struct mr_config_schema *schema;
	void *base;
	struct mr_config_at *at;
	struct mr_config_report *report;
	bool keys_seen[MR_CONFIG_KEYS_MAX];
	uint64_t lists_seen; // bits
};

void mr_config_defaults(const struct mr_config_schema *schema, void *base);
// Keys that are given are stored over what is there. Every mistake goes to `report`.
void mr_config_read(const struct mr_config_target *target, const struct mr_config_sources *sources,
	struct mr_config_report *report);
// A list that is a field: of schema->field. Negative errno after reporting.
int mr_config_walk_list(struct mr_config_walk *walk, const struct mr_config_list *list,
	struct fy_node *value, struct mr_config_at key_at, void *parent);
