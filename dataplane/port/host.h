// What this host lacks for a start with given options; --check-host prints all of it, mr_eal_start
// refuses with the first.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "eal.h"

struct mr_host_report {
	FILE *out; // NULL: do not print
	char *first; // first lack as a sentence
	size_t first_size;
	uint32_t lacking;
};

void mr_host_examine(
	const struct mr_eal_options *options, uint64_t memory_bytes, struct mr_host_report *report);
