// One value of the configuration between text and memory.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config_key.h"

// Parses `text` as the key's type, checks its range and stores it at base + key->offset. 0, or
// -EINVAL with what was expected in `ret_why`; then nothing was stored. MR_VALUE_FILTERS is no
// single value: asserted.
int mr_value_parse(const struct mr_config_key *key, const char *text, size_t length, void *base,
	char *ret_why, size_t why_size);
// Writes a key's range for people: "1..65536", "1 KiB .. 1 GiB"; empty when there is none.
void mr_value_range(const struct mr_config_key *key, char *ret_text, size_t size);
// Writes one number of the type in its largest whole unit: 1048576 bytes as "1 MiB".
void mr_value_format(enum mr_value_type type, uint64_t value, char *ret_text, size_t size);
