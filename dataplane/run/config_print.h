// The table of keys for people.
#pragma once

#include <stdio.h>

// Every default with its meaning: a valid file that changes nothing.
void mr_config_print(FILE *out);
// The same as a page: docs/CONFIGURATION.md.
void mr_config_print_page(FILE *out);
