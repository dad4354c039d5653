// Golden vectors: hex text, 16 bytes to a line, everything behind # is a comment. They are the
// contract with programs of other authors: a changed byte is a change of the format.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { GOLDEN_BYTES_MAX = 2048 };

// Reads golden/<name>.hex into memory that is 8-byte aligned; fails the test when it cannot.
// Returns the length.
size_t golden_read(const char *name, uint8_t ret_bytes[GOLDEN_BYTES_MAX]);
// Fails the test, naming the first byte that differs.
void golden_expect(const char *name, const void *bytes, size_t length);
