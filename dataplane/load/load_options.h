// One table of options per sub-command: it drives getopt_long, checks the values, and is the help
// text.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum mr_option_kind {
	MR_OPTION_FLAG, // bool
	MR_OPTION_COUNT, // uint64_t: digits with k, M or G
	MR_OPTION_REAL, // double: a number with k, M or G
	MR_OPTION_TIME, // uint64_t ns: 200us, 5ms, 20s, 2m
	MR_OPTION_TEXT, // const char *
	MR_OPTION_TEXT_MAYBE, // const char *: --name or --name=TEXT; `fallback` without
};

struct mr_option {
	const char *name;
	char letter; // 0: none
	enum mr_option_kind kind;
	size_t at; // offset in the values
	const char *value; // name of the value in the help
	const char *help;
	double min;
	double max; // 0: no bound
	const char *fallback;
};

struct mr_option_set {
	const char *command; // "millrace-load send"
	const char *summary;
	const char *examples; // lines
	const struct mr_option *options;
	uint32_t count;
};

enum { MR_OPTIONS_HELP = 1 };

// 0; MR_OPTIONS_HELP when help was asked for (and printed); -EINVAL after saying on stderr what is
// wrong and what to do. The values hold the defaults before.
int mr_options_parse(const struct mr_option_set *set, int argc, char **argv, void *values);
void mr_options_help(const struct mr_option_set *set, FILE *out);
