#include "hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t mr_hash_u64(uint64_t value, uint64_t seed)
{
	return XXH3_64bits_withSeed(&value, sizeof(value), seed);
}

uint64_t mr_hash_bytes(const void *bytes, size_t length, uint64_t seed)
{
	return XXH3_64bits_withSeed(bytes, length, seed);
}
