// The command line of millrace-controld.
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "route.h"

enum mr_task {
	MR_TASK_RUN,
	MR_TASK_CHECK_CONFIG,
	MR_TASK_PRINT_CONFIG,
	MR_TASK_TOKEN_ADD,
	MR_TASK_VERSION,
	MR_TASK_HELP,
};

enum { MR_SETS_MAX = 64 };

struct mr_options {
	enum mr_task task;
	const char *config; // NULL: no file
	const char *sets[MR_SETS_MAX]; // key=value
	unsigned sets_count;
	const char *token_name; // TOKEN_ADD
	enum mr_role token_role;
};

// 0, or -EINVAL with what is wrong in `ret_why`.
int mr_options_parse(
	int argc, char **argv, struct mr_options *ret_options, char *ret_why, size_t why_size);
void mr_options_help(FILE *out);
