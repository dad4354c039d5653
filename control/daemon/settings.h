// The daemon's settings: made once from defaults, file, environment and flags (the later ones win).
// settings_table.c lists every key once.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mr_settings {
	char control_listen
		[64]; // "auto": 127.0.0.1:7490 once there are tokens; "none"; address:port
	char control_socket[108];
	char control_operate_group[64]; // empty: nobody
	char control_hosts[1024]; // names, separated by blanks
	char direct_socket[108];
	char state_dir[256];
};

void mr_settings_defaults(struct mr_settings *ret_settings);
