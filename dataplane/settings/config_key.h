// A key of a configuration file: its type, default, range, meaning and place in memory. Programs
// list theirs in one table; the reader, the environment, --set, --print-config and the page of keys
// all read that.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mr_value_type {
	MR_VALUE_COUNT, // 4096, 4k, 1M (decimal); uint64_t
	MR_VALUE_ID, // 64-bit id, decimal or 0x hexadecimal; uint64_t
	MR_VALUE_BYTES, // 64KiB, 16 MiB, 1GiB; uint64_t
	MR_VALUE_DURATION, // 300us, 5s, 8h; uint64_t in ns
	MR_VALUE_BOOL, // yes, no; bool
	MR_VALUE_CHOICE, // one of `choices`; its index as bool
	MR_VALUE_TEXT, // char[size]
	MR_VALUE_IPV4, // char[16]; "none" is stored empty
	MR_VALUE_IPV6, // char[40]; "none" is stored empty
	MR_VALUE_WORDS, // a list of words, stored separated by blanks; char[size]
	MR_VALUE_FILTERS, // a list in a list: the program reads it
	MR_VALUE_TYPE_COUNT,
};

struct mr_config_key {
	const char *key; // dotted; a dot may also be written as a nested map
	// default as one would write it; NULL: must be given (fields of lists only)
	const char *fallback;
	const char *help;
	const char *choices; // CHOICE: words separated by blanks
	uint64_t min, max; // COUNT, ID, BYTES, DURATION
	size_t offset, size; // in the configuration, or in the list's element
	enum mr_value_type type;
	bool live; // SIGHUP changes it; others need a restart
};

struct mr_config_list {
	const char *key;
	const char *help;
	const char *example; // YAML, printed as a comment
	const struct mr_config_key *fields;
	uint32_t fields_count;
	uint32_t max; // elements
};

// The row of a dotted key in a table; NULL: unknown.
const struct mr_config_key *mr_config_key_find(
	const struct mr_config_key *keys, uint32_t count, const char *key, size_t length);
// The known key that looks most like an unknown one; NULL: none is near.
const char *mr_config_key_suggest(
	const struct mr_config_key *keys, uint32_t count, const char *key, size_t length);
const char *mr_value_type_name(enum mr_value_type type); // "duration"
