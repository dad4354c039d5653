// The daemon's settings: made once from defaults, file, environment and flags (the later ones win).
// settings_table.c lists every key once; --print-config and the checks come from it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config_read.h"

enum { MR_SETTINGS_PATH_BYTES = 256 };

struct mr_settings {
	char control_listen
		[64]; // "auto": 127.0.0.1:7490 once there are tokens; "none"; address:port
	char control_socket[108];
	char control_operate_group[64]; // empty: nobody
	char control_hosts[1024]; // names, separated by blanks
	char direct_socket[108];
	char state_dir[MR_SETTINGS_PATH_BYTES];
	char alarms_file[MR_SETTINGS_PATH_BYTES];
	struct mr_config_at at[MR_CONFIG_KEYS_MAX]; // where each key was set
};

extern const struct mr_config_schema mr_settings_schema;

// Reads all sources and checks them. Every mistake goes to `report`. 0, or -EINVAL with
// report->errors > 0.
int mr_settings_load(struct mr_settings *ret_settings, const struct mr_config_sources *sources,
	struct mr_config_report *report);
// Whether the key stands in one of the sources, or is its default.
bool mr_settings_given(const struct mr_settings *settings, const char *key);
