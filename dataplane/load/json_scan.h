// A pull scanner for minified JSON: no blanks, no memory, results point into the caller's bytes.
// Strict where a sender could cheat: escapes, control characters, numbers, commas, and nothing
// after the end. An error sticks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <millrace/event.h>

struct mr_json {
	const char *at;
	const char *end;
	bool bad; // and stays so: every later call answers false
};

enum { MR_JSON_DEPTH_MAX = 16 };

static inline struct mr_json mr_json_make(const void *bytes, size_t length)
{
	return (struct mr_json){.at = bytes, .end = (const char *)bytes + length};
}

// Objects: open('{'), then next_key until false. Arrays: open('['), then next_item until false. The
// first call after open passes first = true. Each key or item must be taken by one of the value
// functions.
bool mr_json_open(struct mr_json *json, char bracket);
bool mr_json_next_key(struct mr_json *json, bool first, struct mr_text *ret_key);
bool mr_json_next_item(struct mr_json *json, bool first);

// Values. The text is raw: escapes are checked and left as they are.
bool mr_json_string(struct mr_json *json, struct mr_text *ret_text);
bool mr_json_null(struct mr_json *json); // false, and nothing taken, when it is not null
bool mr_json_number(struct mr_json *json, double *ret_number);
bool mr_json_bool(struct mr_json *json, bool *ret_value);
bool mr_json_skip(struct mr_json *json); // any value

bool mr_json_done(const struct mr_json *json); // no error, and nothing left
bool mr_json_is(const struct mr_text *text, const char *literal);
