// A fuzz target is one function of this name. Its input stands in heap memory of exactly its size
// (libFuzzer and replay.c both see to that), so that the sanitizers notice a read beyond it. A
// broken invariant is an mr_assert.
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
