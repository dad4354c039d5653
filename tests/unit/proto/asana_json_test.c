#include "asana_json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "json_cases.h"

static void golden_events_are_rendered_to_the_byte(void **state)
{
	uint8_t bytes[MR_FRAGMENT_BYTES_MAX + 1];

	(void)state;
	for (size_t i = 0; i < JSON_CASES; i++) {
		bytes[MR_FRAGMENT_BYTES_MAX] = 0;
		ssize_t length =
			mr_asana_render_event(&json_cases[i].event, bytes, MR_FRAGMENT_BYTES_MAX);
		assert_true(length > 0);
		bytes[length] = 0;
		assert_string_equal((const char *)bytes, json_cases[i].json);
	}
}

static void no_byte_is_written_beyond_a_small_buffer(void **state)
{
	uint8_t bytes[1024];

	(void)state;
	for (size_t i = 0; i < JSON_CASES; i++) {
		size_t length = strlen(json_cases[i].json);
		for (size_t size = 0; size <= length + 1; size++) {
			memset(bytes, 0xa5, sizeof(bytes));
			ssize_t r = mr_asana_render_event(&json_cases[i].event, bytes, size);
			assert_int_equal(r, size < length ? -ENOSPC : (ssize_t)length);
			assert_int_equal(bytes[size], 0xa5);
		}
	}
}

// Strings at their longest, every byte one that becomes six.
static void worst_event_fits_a_fragment(void **state)
{
	static const char worst[MR_FIELD_BYTES_MAX] =
		"\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
		"\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
		"\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
		"\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01";
	const struct mr_text type = {.data = worst, .length = MR_TYPE_BYTES_MAX};
	struct mr_event event = {
		.action = MR_ACTION_CHANGED,
		.change_action = MR_ACTION_REMOVED,
		.object = UINT64_MAX,
		.user = UINT64_MAX,
		.created_at_ns = INT64_MAX,
		.value_gid = UINT64_MAX,
		.parent_gid = UINT64_MAX,
		.type = type,
		.subtype = type,
		.field = {.data = worst, .length = MR_FIELD_BYTES_MAX},
		.value_type = type,
		.parent_type = type,
	};
	uint8_t bytes[MR_FRAGMENT_BYTES_MAX];

	(void)state;
	ssize_t changed = mr_asana_render_event(&event, bytes, sizeof(bytes));
	assert_true(changed > 6 * (4 * MR_TYPE_BYTES_MAX + MR_FIELD_BYTES_MAX));
	assert_true(changed < MR_FRAGMENT_BYTES_MAX);
	event.action = MR_ACTION_UNDELETED;
	ssize_t other = mr_asana_render_event(&event, bytes, sizeof(bytes));
	assert_true(other > 0 && other < changed);
}

static void assert_time(int64_t wall_ns)
{
	const struct mr_event event = {.action = MR_ACTION_ADDED,
		.object = 1,
		.created_at_ns = wall_ns,
		.type = TEXT("task")};
	uint8_t bytes[MR_FRAGMENT_BYTES_MAX];
	char expected[64];
	struct tm tm;
	time_t seconds = wall_ns / 1000000000;

	ssize_t length = mr_asana_render_event(&event, bytes, sizeof(bytes));
	assert_non_null(gmtime_r(&seconds, &tm));
	size_t at = strftime(expected, sizeof(expected), "\"%Y-%m-%dT%H:%M:%S", &tm);
	int ms = (int)(wall_ns / 1000000 % 1000);
	expected[at++] = '.';
	expected[at++] = (char)('0' + ms / 100);
	expected[at++] = (char)('0' + ms / 10 % 10);
	expected[at++] = (char)('0' + ms % 10);
	expected[at++] = 'Z';
	expected[at++] = '"';
	expected[at] = 0;
	bytes[length] = 0;
	assert_non_null(strstr((const char *)bytes, expected));
}

// The C library is the oracle: every day from 1970 to 2262, and the edges within days.
static void dates_are_those_of_the_calendar(void **state)
{
	const int64_t day_ns = 86400LL * 1000000000;

	(void)state;
	for (int64_t day = 0; day < INT64_MAX / day_ns; day += 7)
		assert_time(day * day_ns + day * 997 % day_ns);
	for (int64_t day = 10950; day < 10950 + 1500; day++) { // around 2000-02-29
		assert_time(day * day_ns);
		assert_time(day * day_ns - 1);
	}
	assert_time(INT64_MAX);
	assert_time(0);
	assert_time(999999);
	assert_time(1000000);
}

static void numbers_of_every_length_are_decimal(void **state)
{
	uint8_t bytes[MR_FRAGMENT_BYTES_MAX];
	uint64_t value = 1;

	(void)state;
	for (size_t digits = 1; digits <= 20; digits++) {
		for (uint64_t minus = 0; minus < 2; minus++) {
			if (value - minus == 0)
				continue;
			const struct mr_event event = {.action = MR_ACTION_ADDED,
				.object = value - minus,
				.type = TEXT("task")};
			ssize_t length = mr_asana_render_event(&event, bytes, sizeof(bytes));
			bytes[length] = 0;
			const char *gid = strstr((const char *)bytes, "\"resource\":{\"gid\":\"");
			assert_non_null(gid);
			gid += strlen("\"resource\":{\"gid\":\"");
			assert_int_equal(strspn(gid, "0123456789"), digits - minus);
			assert_int_equal(gid[0], minus == 1 ? '9' : '1');
			assert_int_equal(gid[digits - minus - 1],
				minus == 1            ? '9'
					: digits == 1 ? '1'
						      : '0');
		}
		value *= 10;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_events_are_rendered_to_the_byte),
		cmocka_unit_test(no_byte_is_written_beyond_a_small_buffer),
		cmocka_unit_test(worst_event_fits_a_fragment),
		cmocka_unit_test(dates_are_those_of_the_calendar),
		cmocka_unit_test(numbers_of_every_length_are_decimal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
