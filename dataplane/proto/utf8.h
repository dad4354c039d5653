// Strict UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { MR_UTF8_OK = -1 };

// Index of the first byte that no valid text without NUL could have there, or MR_UTF8_OK. A
// sequence that is cut short is reported at its first byte.
int32_t mr_utf8_fault(const uint8_t *bytes, uint32_t length);
// True when every byte is ASCII and none is NUL: eight bytes at a time, for the common case.
bool mr_utf8_is_plain(const uint8_t *bytes, uint32_t length);
