// The table of keys for people.
#pragma once

#include <stdio.h>

#include "config_read.h"

// Every default with its meaning: a valid file that changes nothing.
void mr_config_print(FILE *out, const struct mr_config_schema *schema);
// The same as a page of documentation, below `intro`.
void mr_config_print_page(FILE *out, const struct mr_config_schema *schema, const char *intro);
