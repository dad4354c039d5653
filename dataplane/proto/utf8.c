#include "utf8.h"

#include <string.h>

#define EVERY_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

// Eight bytes that are ASCII and not NUL.
static bool plain_word(const uint8_t *bytes)
{
	uint64_t word;
	memcpy(&word, bytes, sizeof(word));
	return ((word | (word - EVERY_BYTE(1))) & EVERY_BYTE(0x80)) == 0;
}

bool mr_utf8_is_plain(const uint8_t *bytes, uint32_t length)
{
	if (length < 8) {
		for (uint32_t i = 0; i < length; i++) {
			if (bytes[i] == 0 || bytes[i] >= 0x80)
				return false;
		}
		return true;
	}
	for (uint32_t at = 0; at + 8 < length; at += 8) {
		if (!plain_word(bytes + at))
			return false;
	}
	return plain_word(bytes + length - 8); // overlaps the one before
}

// Length of the multi-byte sequence at `bytes`, 0 when it is not one.
static uint32_t sequence_length(const uint8_t *bytes, uint32_t available)
{
	uint8_t lead = bytes[0];
	uint32_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	if (lead < 0xc2 || lead > 0xf4 || length > available)
		return 0;
	// What the first continuation byte may be keeps overlong forms, surrogates and the end of
	// Unicode out.
	uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	if (bytes[1] < low || bytes[1] > high)
		return 0;
	for (uint32_t i = 2; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

int32_t mr_utf8_fault(const uint8_t *bytes, uint32_t length)
{
	uint32_t at = 0;
	while (at < length) {
		if (length - at >= 8 && plain_word(bytes + at)) {
			at += 8;
		} else if (bytes[at] < 0x80) {
			if (bytes[at] == 0)
				return (int32_t)at;
			at++;
		} else {
			uint32_t sequence = sequence_length(bytes + at, length - at);
			if (sequence == 0)
				return (int32_t)at;
			at += sequence;
		}
	}
	return MR_UTF8_OK;
}
