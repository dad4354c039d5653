#include "asana_json.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "mr_assert.h"

// JSON.stringify of Node 20 escapes exactly these and nothing else; one byte becomes six at worst.
enum { ESCAPED_BYTES_MAX = 6, U64_DIGITS_MAX = 20, PUNCTUATION_BYTES_MAX = 512 };
static_assert(PUNCTUATION_BYTES_MAX + 4 * U64_DIGITS_MAX
			+ ESCAPED_BYTES_MAX * (5 * MR_TYPE_BYTES_MAX + MR_FIELD_BYTES_MAX)
		<= MR_FRAGMENT_BYTES_MAX,
	"an event with every string escaped at its worst fits a fragment");

// 0: as it is; 'u': \u00xx; otherwise the letter behind the backslash.
static const uint8_t escapes[256] = {
	[0x00] = 'u',
	[0x01] = 'u',
	[0x02] = 'u',
	[0x03] = 'u',
	[0x04] = 'u',
	[0x05] = 'u',
	[0x06] = 'u',
	[0x07] = 'u',
	[0x08] = 'b',
	[0x09] = 't',
	[0x0a] = 'n',
	[0x0b] = 'u',
	[0x0c] = 'f',
	[0x0d] = 'r',
	[0x0e] = 'u',
	[0x0f] = 'u',
	[0x10] = 'u',
	[0x11] = 'u',
	[0x12] = 'u',
	[0x13] = 'u',
	[0x14] = 'u',
	[0x15] = 'u',
	[0x16] = 'u',
	[0x17] = 'u',
	[0x18] = 'u',
	[0x19] = 'u',
	[0x1a] = 'u',
	[0x1b] = 'u',
	[0x1c] = 'u',
	[0x1d] = 'u',
	[0x1e] = 'u',
	[0x1f] = 'u',
	['"'] = '"',
	['\\'] = '\\',
};

static const char digit_pairs[] =
	"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
	"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
	"8081828384858687888990919293949596979899";

#define put_literal(at, literal) put_bytes((at), "" literal, sizeof(literal) - 1)

static inline uint8_t *put_bytes(uint8_t *at, const char *bytes, size_t length)
{
	memcpy(at, bytes, length);
	return at + length;
}

static inline uint8_t *put_pair(uint8_t *at, uint64_t below_100)
{
	memcpy(at, digit_pairs + 2 * below_100, 2);
	return at + 2;
}

static uint8_t *put_u64(uint8_t *at, uint64_t value)
{
	uint8_t digits[U64_DIGITS_MAX];
	uint8_t *first = digits + sizeof(digits);

	while (value >= 100) {
		first -= 2;
		put_pair(first, value % 100);
		value /= 100;
	}
	if (value >= 10) {
		first -= 2;
		put_pair(first, value);
	} else {
		*--first = (uint8_t)('0' + value);
	}
	size_t length = (size_t)(digits + sizeof(digits) - first);
	memcpy(at, first, length);
	return at + length;
}

static uint8_t *put_escape(uint8_t *at, uint8_t byte)
{
	static const char hex[] = "0123456789abcdef";

	*at++ = '\\';
	*at++ = escapes[byte];
	if (escapes[byte] == 'u') {
		*at++ = '0';
		*at++ = '0';
		*at++ = (uint8_t)hex[byte >> 4];
		*at++ = (uint8_t)hex[byte & 15];
	}
	return at;
}

static uint8_t *put_string(uint8_t *at, struct mr_text text)
{
	*at++ = '"';
	for (uint16_t i = 0; i < text.length; i++) {
		uint8_t byte = (uint8_t)text.data[i];
		if (__builtin_expect(escapes[byte] == 0, 1))
			*at++ = byte;
		else
			at = put_escape(at, byte);
	}
	*at++ = '"';
	return at;
}

// Days since 1970 to a date by arithmetic alone (H. Hinnant, "chrono-compatible low-level date
// algorithms"): years begin in March, so that the leap day is the last one.
static uint8_t *put_date(uint8_t *at, uint64_t days)
{
	uint64_t shifted = days + 719468; // since 0000-03-01
	uint64_t era = shifted / 146097;
	uint64_t day_of_era = shifted % 146097;
	uint64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	uint64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	uint64_t month_from_march = (5 * day_of_year + 2) / 153;
	uint64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
	uint64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
	uint64_t year = year_of_era + era * 400 + (month <= 2);

	at = put_pair(at, year / 100);
	at = put_pair(at, year % 100);
	*at++ = '-';
	at = put_pair(at, month);
	*at++ = '-';
	return put_pair(at, day);
}

// 2012-02-22T02:06:58.147Z: milliseconds, cut off.
static uint8_t *put_time(uint8_t *at, int64_t wall_ns)
{
	uint64_t ms = (uint64_t)wall_ns / 1000000;
	uint64_t second = ms / 1000 % 86400;

	at = put_date(at, ms / 86400000);
	*at++ = 'T';
	at = put_pair(at, second / 3600);
	*at++ = ':';
	at = put_pair(at, second / 60 % 60);
	*at++ = ':';
	at = put_pair(at, second % 60);
	*at++ = '.';
	*at++ = (uint8_t)('0' + ms % 1000 / 100);
	at = put_pair(at, ms % 100);
	*at++ = 'Z';
	return at;
}

// {"gid":"1","resource_type":"task" without the closing brace
static uint8_t *put_compact(uint8_t *at, uint64_t gid, struct mr_text type)
{
	at = put_literal(at, "{\"gid\":\"");
	at = put_u64(at, gid);
	at = put_literal(at, "\",\"resource_type\":");
	return put_string(at, type);
}

static uint8_t *put_change(uint8_t *at, const struct mr_event *event)
{
	const char *change = mr_action_name(event->change_action);
	size_t change_length = strlen(change);

	at = put_literal(at, ",\"change\":{\"field\":");
	at = put_string(at, event->field);
	at = put_literal(at, ",\"action\":\"");
	at = put_bytes(at, change, change_length);
	*at++ = '"';
	if (event->value_gid != 0) {
		if (event->change_action == MR_ACTION_CHANGED)
			at = put_literal(at, ",\"new_value\":");
		else if (event->change_action == MR_ACTION_ADDED)
			at = put_literal(at, ",\"added_value\":");
		else
			at = put_literal(at, ",\"removed_value\":");
		at = put_compact(at, event->value_gid, event->value_type);
		*at++ = '}';
	}
	*at++ = '}';
	return at;
}

static uint8_t *put_event(uint8_t *at, const struct mr_event *event)
{
	static const struct mr_text user = {.data = "user", .length = 4};
	const char *action = mr_action_name(event->action);
	bool moved = event->action == MR_ACTION_ADDED || event->action == MR_ACTION_REMOVED;

	at = put_literal(at, "{\"user\":");
	if (event->user != 0) {
		at = put_compact(at, event->user, user);
		*at++ = '}';
	} else {
		at = put_literal(at, "null");
	}
	at = put_literal(at, ",\"created_at\":\"");
	at = put_time(at, event->created_at_ns);
	at = put_literal(at, "\",\"type\":");
	at = put_string(at, event->type);
	at = put_literal(at, ",\"action\":\"");
	at = put_bytes(at, action, strlen(action));
	at = put_literal(at, "\",\"resource\":");
	at = put_compact(at, event->object, event->type);
	if (event->subtype.length > 0) {
		at = put_literal(at, ",\"resource_subtype\":");
		at = put_string(at, event->subtype);
	}
	at = put_literal(at, "},\"parent\":");
	if (moved && event->parent_gid != 0) {
		at = put_compact(at, event->parent_gid, event->parent_type);
		*at++ = '}';
	} else {
		at = put_literal(at, "null");
	}
	if (event->action == MR_ACTION_CHANGED && event->change_action != MR_ACTION_NONE)
		at = put_change(at, event);
	*at++ = '}';
	return at;
}

ssize_t mr_asana_render_event(const struct mr_event *event, uint8_t *ret_bytes, size_t size)
{
	uint8_t fragment[MR_FRAGMENT_BYTES_MAX];

	// put_event relies on these and writes without looking at the end.
	mr_assert(event->type.length <= MR_TYPE_BYTES_MAX);
	mr_assert(event->subtype.length <= MR_TYPE_BYTES_MAX);
	mr_assert(event->field.length <= MR_FIELD_BYTES_MAX);
	mr_assert(event->value_type.length <= MR_TYPE_BYTES_MAX);
	mr_assert(event->parent_type.length <= MR_TYPE_BYTES_MAX);
	mr_assert(event->created_at_ns >= 0);

	if (size >= MR_FRAGMENT_BYTES_MAX)
		return put_event(ret_bytes, event) - ret_bytes;
	ssize_t length = put_event(fragment, event) - fragment;
	if ((size_t)length > size)
		return -ENOSPC;
	memcpy(ret_bytes, fragment, (size_t)length);
	return length;
}
