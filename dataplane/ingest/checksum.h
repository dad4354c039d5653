// The Internet checksum (RFC 1071) over little-endian loads: ones' complement addition does not
// mind the byte order, so sums are folded and stored as they are.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Sum of 32-bit words; add sums of several parts (all but the last of even length), then fold.
static inline uint64_t mr_checksum_sum(const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	uint64_t sum = 0;
	uint32_t word;

	for (; length >= sizeof(word); at += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		sum += word;
	}
	word = 0;
	memcpy(&word, at, length);
	return sum + word;
}

// 0xffff over parts that include a correct checksum; otherwise its complement is the checksum to
// store.
static inline uint16_t mr_checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}
