// Mistakes in the configuration, all of them at once, the way a compiler prints them:
// file:line:col: error: text, the line, and a caret under the word that is wrong.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// Where a value was written. All zero: nowhere, it is the default.
struct mr_config_at {
	uint32_t line; // from 1; 0: not in the file
	uint32_t column; // from 1
	uint32_t width; // characters to underline
	// with line 0: "--set flows=3" or "MILLRACE_FLOWS"; lives as long as the configuration's
	// sources
	const char *where;
};

struct mr_config_report {
	FILE *err; // NULL: only counted
	const char *path; // of the file; NULL: none
	const char *text; // the file's bytes
	size_t length;
	uint32_t errors;
	char first[512]; // the first mistake, one line
};

__attribute__((format(printf, 3, 4))) void mr_config_error(
	struct mr_config_report *report, struct mr_config_at at, const char *format, ...);
