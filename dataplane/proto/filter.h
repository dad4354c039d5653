// Filters of a webhook: their text form, one filter a line, and what W1 allows of them.
//
//	type=task subtype=milestone action=changed,added fields=name,notes
//
// Every word may stand once or not at all, in this order when it is written here and in any order
// when it is read; a filter that passes everything is the line "*". Names are printable and without
// blanks, commas and equals signs.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <millrace/limits.h>

// Passing any filter of a webhook delivers; a webhook without filters takes everything.
struct mr_filter {
	char type[MR_TYPE_BYTES_MAX + 1]; // empty: any
	char subtype[MR_TYPE_BYTES_MAX + 1]; // empty: any
	uint8_t actions; // bit (1 << enum mr_action); 0: any
	uint8_t fields_count; // 0: any; otherwise only `changed` events of these fields
	char fields[MR_FILTER_FIELDS_MAX][MR_FIELD_BYTES_MAX + 1];
};

// Parses a text into zeroed filters. An empty one has none. 0, or -EINVAL with a static sentence
// in *ret_why and the number of the line (from 1) in *ret_count.
int mr_filters_parse(const char *text, size_t length, struct mr_filter ret_filters[MR_FILTERS_MAX],
	uint8_t *ret_count, const char **ret_why);
// Writes the text, terminated; one that does not fit ends in "...". Returns its length.
size_t mr_filters_format(
	const struct mr_filter *filters, uint32_t count, char *ret_text, size_t size);

// Workspaces, teams and portfolios: their webhooks need filters.
bool mr_filter_is_higher_level(const char *resource_type);
// What is wrong with the filter of a webhook on such a resource, or on another one; NULL: nothing.
const char *mr_filter_mistake(const struct mr_filter *filter, bool is_higher_level);
