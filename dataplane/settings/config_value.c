#include "config_value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "bytes.h"
#include "mr_assert.h"

struct unit {
	const char *name;
	uint64_t factor;
};

// Largest first: mr_value_format takes the first that divides.
static const struct unit byte_units[] = {{"TiB", UINT64_C(1) << 40}, {"GiB", 1 << 30},
	{"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1000000000}, {"MB", 1000000}, {"kB", 1000},
	{"B", 1}, {"", 1}, {NULL, 0}};
static const struct unit time_units[] = {{"d", UINT64_C(86400000000000)},
	{"h", UINT64_C(3600000000000)}, {"min", UINT64_C(60000000000)}, {"s", 1000000000},
	{"ms", 1000000}, {"us", 1000}, {"ns", 1}, {NULL, 0}};
static const struct unit count_units[] = {
	{"G", 1000000000}, {"M", 1000000}, {"k", 1000}, {"", 1}, {NULL, 0}};

static const struct unit *units_of(enum mr_value_type type)
{
	if (type == MR_VALUE_BYTES)
		return byte_units;
	return type == MR_VALUE_DURATION ? time_units : count_units;
}

static const char *number_example(enum mr_value_type type)
{
	if (type == MR_VALUE_BYTES)
		return "a number of bytes such as 65536, 64KiB or 1 GiB";
	if (type == MR_VALUE_DURATION)
		return "a duration with its unit, such as 300us, 50ms, 5s, 10min, 8h or 1d";
	return "a number such as 4096, 64k or 4M";
}

static int fail(
	char *ret_why, size_t why_size, const char *expected, const char *text, size_t length)
{
	snprintf(ret_why, why_size, "expected %s, got \"%.*s\"", expected,
		(int)(length > 80 ? 80 : length), text);
	return -EINVAL;
}

static int parse_number(
	enum mr_value_type type, const char *text, size_t length, uint64_t *ret_value)
{
	size_t digits = 0;
	while (digits < length && text[digits] >= '0' && text[digits] <= '9')
		digits++;
	uint64_t value;
	if (mr_parse_u64(text, digits, &value) != 0)
		return -EINVAL;
	size_t at = digits;
	while (at < length && text[at] == ' ')
		at++;
	if (at == length && at != digits)
		return -EINVAL;
	if (value == 0 && at == length) { // nothing is nothing in every unit
		*ret_value = 0;
		return 0;
	}
	for (const struct unit *unit = units_of(type); unit->name != NULL; unit++) {
		if (strlen(unit->name) != length - at
			|| memcmp(unit->name, text + at, length - at) != 0)
			continue;
		return __builtin_mul_overflow(value, unit->factor, ret_value) ? -EINVAL : 0;
	}
	return -EINVAL;
}

static int parse_id(const char *text, size_t length, uint64_t *ret_value)
{
	if (length <= 2 || text[0] != '0' || text[1] != 'x')
		return mr_parse_u64(text, length, ret_value);
	if (length > 18)
		return -ERANGE;
	uint64_t value = 0;
	for (size_t i = 2; i < length; i++) {
		const char *digit = memchr("0123456789abcdefABCDEF", text[i], 22);
		if (digit == NULL)
			return -EINVAL;
		value = value << 4
			| (uint64_t)(text[i] <= '9' ? text[i] - '0' : (text[i] | 0x20) - 'a' + 10);
	}
	*ret_value = value;
	return 0;
}

static void store_number(const struct mr_config_key *key, void *base, uint64_t value)
{
	uint8_t *to = (uint8_t *)base + key->offset;
	uint16_t narrow = (uint16_t)value;
	mr_assert(key->size == sizeof(value) || key->size == sizeof(narrow));
	if (key->size == sizeof(value))
		memcpy(to, &value, sizeof(value));
	else
		memcpy(to, &narrow, sizeof(narrow));
}

static int parse_numeric(const struct mr_config_key *key, const char *text, size_t length,
	void *base, char *ret_why, size_t why_size)
{
	uint64_t value;
	char range[64];
	int err = key->type == MR_VALUE_ID ? parse_id(text, length, &value)
					   : parse_number(key->type, text, length, &value);
	if (err != 0)
		return fail(ret_why, why_size,
			key->type == MR_VALUE_ID ? "an id below 2^64, decimal or 0x hexadecimal"
						 : number_example(key->type),
			text, length);
	if (value < key->min || value > key->max) {
		mr_value_range(key, range, sizeof(range));
		snprintf(ret_why, why_size, "%.*s is out of range: %s", (int)length, text, range);
		return -EINVAL;
	}
	store_number(key, base, value);
	return 0;
}

// Index of a word in a list separated by blanks; -1: none.
static int word_index(const char *words, const char *text, size_t length)
{
	for (int index = 0; *words != '\0'; index++) {
		size_t word = strcspn(words, " ");
		if (word == length && memcmp(words, text, length) == 0)
			return index;
		words += word + (words[word] == ' ');
	}
	return -1;
}

static int parse_switch(const struct mr_config_key *key, const char *text, size_t length,
	void *base, char *ret_why, size_t why_size)
{
	const char *words = key->type == MR_VALUE_BOOL ? "no yes false true off on" : key->choices;
	int index = word_index(words, text, length);
	if (index < 0) {
		char expected[128];
		snprintf(expected, sizeof(expected), "one of: %s",
			key->type == MR_VALUE_BOOL ? "yes no" : words);
		return fail(ret_why, why_size, expected, text, length);
	}
	bool value = index & 1; // every pair of words is off, on
	mr_assert(key->size == sizeof(value));
	memcpy((uint8_t *)base + key->offset, &value, sizeof(value));
	return 0;
}

static int parse_address(const struct mr_config_key *key, const char *text, size_t length,
	void *base, char *ret_why, size_t why_size)
{
	char *to = (char *)base + key->offset;
	char word[64];
	uint8_t address[16];
	bool is_ipv4 = key->type == MR_VALUE_IPV4;
	if (length == 4 && memcmp(text, "none", 4) == 0) {
		to[0] = '\0';
		return 0;
	}
	if (!mr_copy_text(word, sizeof(word), text, length)
		|| inet_pton(is_ipv4 ? AF_INET : AF_INET6, word, address) != 1)
		return fail(ret_why, why_size,
			is_ipv4 ? "an IPv4 address such as 10.74.0.1, or none"
				: "an IPv6 address such as fd74::1, or none",
			text, length);
	mr_copy_text(to, key->size, text, length);
	return 0;
}

static int parse_text(const struct mr_config_key *key, const char *text, size_t length, void *base,
	char *ret_why, size_t why_size)
{
	if (memchr(text, '\0', length) != NULL || memchr(text, '\n', length) != NULL) {
		snprintf(ret_why, why_size, "must be one line without NUL");
		return -EINVAL;
	}
	if (length >= key->size) {
		snprintf(ret_why, why_size, "is %zu bytes long, at most %zu fit", length,
			key->size - 1);
		return -EINVAL;
	}
	mr_copy_text((char *)base + key->offset, key->size, text, length);
	return 0;
}

int mr_value_parse(const struct mr_config_key *key, const char *text, size_t length, void *base,
	char *ret_why, size_t why_size)
{
	switch (key->type) {
	case MR_VALUE_COUNT:
	case MR_VALUE_ID:
	case MR_VALUE_BYTES:
	case MR_VALUE_DURATION:
		return parse_numeric(key, text, length, base, ret_why, why_size);
	case MR_VALUE_BOOL:
	case MR_VALUE_CHOICE:
		return parse_switch(key, text, length, base, ret_why, why_size);
	case MR_VALUE_IPV4:
	case MR_VALUE_IPV6:
		return parse_address(key, text, length, base, ret_why, why_size);
	case MR_VALUE_TEXT:
	case MR_VALUE_WORDS:
		return parse_text(key, text, length, base, ret_why, why_size);
	case MR_VALUE_FILTERS:
	case MR_VALUE_TYPE_COUNT:
		break;
	}
	mr_assert(false);
	return -EINVAL;
}

void mr_value_format(enum mr_value_type type, uint64_t value, char *ret_text, size_t size)
{
	bool unitless = value == 0 || type == MR_VALUE_COUNT || type == MR_VALUE_ID;
	for (const struct unit *unit = units_of(type); !unitless && unit->name != NULL; unit++) {
		if (value % unit->factor == 0) {
			snprintf(
				ret_text, size, "%" PRIu64 " %s", value / unit->factor, unit->name);
			return;
		}
	}
	snprintf(ret_text, size, "%" PRIu64, value);
}

void mr_value_range(const struct mr_config_key *key, char *ret_text, size_t size)
{
	char low[24];
	char high[24];
	ret_text[0] = '\0';
	if (key->type == MR_VALUE_CHOICE) {
		snprintf(ret_text, size, "%s", key->choices);
		return;
	}
	if (key->type > MR_VALUE_DURATION || key->max == UINT64_MAX)
		return;
	mr_value_format(key->type, key->min, low, sizeof(low));
	mr_value_format(key->type, key->max, high, sizeof(high));
	snprintf(ret_text, size, "%s .. %s", low, high);
}
