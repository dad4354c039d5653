// A command line, checked word by word against the table.
#pragma once

#include "command.h"

struct mr_line {
	const struct mr_command *command; // NULL: --help or --version alone
	const char *arguments[MR_ARGUMENTS_MAX]; // NULL: not given
	const char *values[MR_OPTION_COUNT]; // NULL: not given; flags: ""
	uint64_t numbers[MR_OPTION_COUNT]; // of what is a number, duration, rate or time (int64_t)
};

enum { MR_LINE_WHY_BYTES = 512 };

// 0, or -EINVAL with what is wrong and what to type in `ret_why`. What `ret_line` points to is in
// argv.
int mr_line_parse(int argc, char **argv, struct mr_line *ret_line, char *ret_why);
// The same for a line as it stands in a page or an alarm: split at blanks, '...' and "..." kept
// together, up to a pipe or the like; "millrace" or "sudo millrace" in front is left. Nothing is
// run.
int mr_line_check(const char *text, char *ret_why);
bool mr_line_has(const struct mr_line *line, enum mr_option_id option);

// One value. `ret_number` may be NULL. -EINVAL with what is expected.
int mr_word_parse(enum mr_word_kind kind, const char *words, const char *text, uint64_t *ret_number,
	char *ret_why);
