// The command line of millrace.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli_commands.h"

struct mr_command {
	const char *name;
	const char *arguments; // for the usage text
	const char *help;
	int (*run)(const struct mr_view *view, char *ret_why);
	uint32_t arguments_max;
};

struct mr_cli_options {
	const struct mr_command *command;
	const char *topic; // NULL: none
	const char *socket;
	const struct mr_render *render;
	uint32_t watch_seconds; // 0: once
	bool direct;
	bool help, version; // then nothing else counts
};

enum { MR_CLI_WHY_BYTES = 256 };
#define MR_CLI_SOCKET "/run/millrace/direct.sock"

// 0, or -EINVAL with the reason in `ret_why`. `environment_socket` (MILLRACE_DIRECT_SOCKET, may be
// NULL) stands behind --socket.
int mr_cli_options_parse(int argc, char **argv, const char *environment_socket,
	struct mr_cli_options *ret_options, char *ret_why);
void mr_cli_usage(FILE *out);
