#include "bytes.h"

#include <errno.h>
#include <string.h>

void mr_out_bytes(struct mr_out *out, const void *bytes, size_t length)
{
	if (out->overflow || length > (size_t)(out->end - out->at)) {
		out->overflow = true;
		return;
	}
	if (length > 0)
		memcpy(out->at, bytes, length);
	out->at += length;
}

void mr_out_text(struct mr_out *out, const char *text)
{
	mr_out_bytes(out, text, strlen(text));
}

void mr_out_u64(struct mr_out *out, uint64_t value)
{
	uint8_t digits[20]; // 2^64 - 1 has twenty
	size_t at = sizeof(digits);
	do {
		digits[--at] = (uint8_t)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	mr_out_bytes(out, digits + at, sizeof(digits) - at);
}

int mr_parse_u64(const char *text, size_t length, uint64_t *ret_value)
{
	if (length == 0)
		return -EINVAL;
	uint64_t value = 0;
	bool too_large = false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		uint64_t digit = (uint64_t)(text[i] - '0');
		too_large = too_large || value > (UINT64_MAX - digit) / 10;
		value = value * 10 + digit;
	}
	if (too_large)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

bool mr_copy_text(char *into, size_t size, const char *text, size_t length)
{
	if (size == 0)
		return false;
	size_t fits = length < size ? length : size - 1;
	memcpy(into, text, fits);
	into[fits] = '\0';
	return fits == length;
}
