// The command line of millraced.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { MR_SETS_MAX = 64 };

enum mr_task {
	MR_TASK_RUN,
	MR_TASK_CHECK_CONFIG,
	MR_TASK_CHECK_HOST,
	MR_TASK_PRINT_CONFIG,
	MR_TASK_FAILPOINTS,
	MR_TASK_VERSION,
	MR_TASK_HELP,
};

struct mr_options {
	enum mr_task task;
	const char *config; // NULL: defaults
	const char *sets[MR_SETS_MAX]; // "key=value"
	uint32_t sets_count;
};

// 0, or -EINVAL with a sentence in `ret_why`.
int mr_options_parse(
	int argc, char **argv, struct mr_options *ret_options, char *ret_why, size_t why_size);
void mr_options_help(FILE *out);
