#include <stddef.h>

#include "settings.h"

#define PLACE(field)                                   \
	.offset = offsetof(struct mr_settings, field), \
	.size = sizeof(((struct mr_settings *)0)->field)
#define ROW(key_, field, type_, fallback_, help_)                                               \
	{                                                                                       \
		.key = (key_), PLACE(field), .type = MR_VALUE_##type_, .fallback = (fallback_), \
		.help = (help_)                                                                 \
	}

// Grouped by first word: --print-config makes a nested map of each group.
static const struct mr_config_key keys[] = {
	ROW("state_dir", state_dir, TEXT, "/var/lib/millrace-controld",
		"Directory of the daemon's database: audit, tokens, remembered answers"),
	ROW("alarms.file", alarms_file, TEXT, "/etc/millrace/alarms.yaml",
		"Thresholds of alarms, and who is told of them; none is needed"),
	ROW("direct.socket", direct_socket, TEXT, "/run/millrace/direct.sock",
		"The data plane's own socket, as direct.socket of millraced"),
	ROW("control.socket", control_socket, TEXT, "/run/millrace/control.sock",
		"Socket of the API; who may do what follows from the peer's user"),
	ROW("control.operate_group", control_operate_group, TEXT, "millrace",
		"Members of this group have the role operate on the socket"),
	ROW("control.listen", control_listen, TEXT, "auto",
		"Address and port of the API over TCP, for tokens only: 127.0.0.1:7490, [::1]:7490; none; auto is 127.0.0.1:7490 as soon as there is a token"),
	ROW("control.hosts", control_hosts, WORDS, "[]",
		"Names that the API answers to over TCP beside addresses and localhost"),
};

const struct mr_config_schema mr_settings_schema = {
	.keys = keys,
	.keys_count = sizeof(keys) / sizeof(keys[0]),
	.head = "# millrace-controld: every key with its default. A dot in a key's name is a nested map here.\n"
		"# MILLRACE_CONTROL_LISTEN=none in the environment or --set control.listen=none do the same, in this order of strength.\n",
};
