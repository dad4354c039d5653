// Bounded text and byte output: a cursor that never runs over and remembers when it would have.
// Numbers and JSON strings are written by proto/; this is what they stand on.
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mr_out {
	uint8_t *at;
	uint8_t *end;
	bool overflow; // something did not fit; nothing after that was written
};

static inline struct mr_out mr_out_make(void *bytes, size_t size)
{
	return (struct mr_out){.at = (uint8_t *)bytes, .end = (uint8_t *)bytes + size};
}

void mr_out_bytes(struct mr_out *out, const void *bytes, size_t length);
void mr_out_text(struct mr_out *out, const char *text); // terminated
void mr_out_u64(struct mr_out *out, uint64_t value); // decimal
#define mr_out_literal(out, literal) mr_out_bytes((out), "" literal, sizeof(literal) - 1)

// Whole-string decimal without sign or blanks. 0, -EINVAL, or -ERANGE.
int mr_parse_u64(const char *text, size_t length, uint64_t *ret_value);
// Copies and terminates; false when it was cut.
bool mr_copy_text(char *into, size_t size, const char *text, size_t length);
