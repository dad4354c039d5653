// The dashboard's files as they stand in the program: compressed with gzip.
#pragma once

#include "web_files.h"

struct mr_web_file {
	const char *path; // "/app.js"; "/" is the page
	const char *content_type;
	const struct mr_web_bytes *content;
};

// NULL: there is no such file.
const struct mr_web_file *mr_web_find(const char *path);
