// Events: golden bytes, every rule of the check with the offset it reports, and limits at their
// edge.
#include "event_codec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"

#define TEXT(literal)                                            \
	{                                                        \
		.data = (literal), .length = sizeof(literal) - 1 \
	}

static const int64_t created_at_ns = INT64_C(1700000000123456789);

static const struct {
	const char *name;
	struct mr_event event;
} goldens[] = {
	{"event_added",
		{.action = MR_ACTION_ADDED,
			.object = 1201,
			.workspace = 77,
			.database = 5,
			.user = 33,
			.created_at_ns = created_at_ns,
			.parent_gid = 1200,
			.type = TEXT("story"),
			.subtype = TEXT("comment_added"),
			.parent_type = TEXT("task"),
			.ancestors_count = 2,
			.ancestors = {{1200, TEXT("task"), MR_VIA_OBJECT},
				{9001, TEXT("project"), 0}}}},
	{"event_removed",
		{.action = MR_ACTION_REMOVED,
			.object = 1200,
			.workspace = 77,
			.database = 5,
			.user = 33,
			.created_at_ns = created_at_ns + 1,
			.parent_gid = 9001,
			.type = TEXT("task"),
			.parent_type = TEXT("проект"),
			.ancestors_count = 1,
			.ancestors = {{9001, TEXT("проект"), MR_VIA_OBJECT}}}},
	{"event_changed",
		{.action = MR_ACTION_CHANGED,
			.change_action = MR_ACTION_CHANGED,
			.object = 1200,
			.workspace = 77,
			.database = 5,
			.created_at_ns = created_at_ns + 2,
			.value_gid = 33,
			.type = TEXT("task"),
			.subtype = TEXT("default_task"),
			.field = TEXT("größe"),
			.value_type = TEXT("用户"),
			.ancestors_count = 4,
			.ancestors = {{9001, TEXT("project"), MR_VIA_OBJECT},
				{9002, TEXT("project"), MR_VIA_OBJECT}, {77, TEXT("workspace"), 0},
				{77, TEXT("workspace"), 1}}}},
	{"event_deleted", {.action = MR_ACTION_DELETED, .object = UINT64_MAX, .type = TEXT("a")}},
	{"event_undeleted",
		{.action = MR_ACTION_UNDELETED,
			.object = 1202,
			.workspace = 77,
			.database = 6,
			.user = 34,
			.created_at_ns = created_at_ns + 3,
			.type = TEXT("task"),
			.subtype = TEXT("milestone"),
			.payload = TEXT("{\"näme\":\"\\u0000☃\"}"),
			.ancestors_count = 1,
			.ancestors = {{9001, TEXT("project"), MR_VIA_OBJECT}}}},
};
enum { GOLDENS = sizeof(goldens) / sizeof(goldens[0]) };

static void encoding_gives_the_golden_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDENS; i++) {
		uint8_t bytes[GOLDEN_BYTES_MAX];
		ssize_t length = mr_event_encode(&goldens[i].event, bytes, sizeof(bytes));
		assert_true(length > 0);
		golden_expect(goldens[i].name, bytes, (size_t)length);
	}
}

static void expect_text(struct mr_text text, struct mr_text expected)
{
	assert_int_equal(text.length, expected.length);
	if (expected.length > 0)
		assert_memory_equal(text.data, expected.data, expected.length);
}

static void decoding_the_golden_bytes_gives_the_event(void **state)
{
	(void)state;
	for (size_t i = 0; i < GOLDENS; i++) {
		const struct mr_event *expected = &goldens[i].event;
		uint8_t bytes[GOLDEN_BYTES_MAX];
		size_t length = golden_read(goldens[i].name, bytes);
		assert_int_equal(mr_event_check(bytes, length, NULL), length);
		struct mr_event event;
		mr_event_decode(bytes, &event);
		assert_int_equal(event.length, length);
		assert_int_equal(event.action, expected->action);
		assert_int_equal(event.change_action, expected->change_action);
		assert_true(event.object == expected->object);
		assert_true(event.workspace == expected->workspace);
		assert_true(event.database == expected->database);
		assert_true(event.user == expected->user);
		assert_true(event.created_at_ns == expected->created_at_ns);
		assert_true(event.value_gid == expected->value_gid);
		assert_true(event.parent_gid == expected->parent_gid);
		expect_text(event.type, expected->type);
		expect_text(event.subtype, expected->subtype);
		expect_text(event.field, expected->field);
		expect_text(event.value_type, expected->value_type);
		expect_text(event.parent_type, expected->parent_type);
		expect_text(event.payload, expected->payload);
		assert_int_equal(event.ancestors_count, expected->ancestors_count);
		for (uint32_t a = 0; a < event.ancestors_count; a++) {
			assert_true(event.ancestors[a].gid == expected->ancestors[a].gid);
			assert_int_equal(event.ancestors[a].via, expected->ancestors[a].via);
			expect_text(event.ancestors[a].type, expected->ancestors[a].type);
		}
	}
}

// One byte of a golden event set to another value, and where the check must point.
static const struct {
	const char *name;
	uint16_t at;
	uint8_t value;
	uint16_t fault;
} bad_bytes[] = {
	{"event_changed", 0, 0xb8, 0}, // longer than its parts
	{"event_changed", 0, 0xa8, 0}, // shorter than its parts
	{"event_changed", 0, 0xb1, 0}, // not a multiple of 8
	{"event_changed", 0, 64, 0}, // shorter than the fixed part
	{"event_changed", 0, 72, 0}, // ancestors do not fit
	{"event_changed", 3, 0x80, 0}, // longer than there are bytes
	{"event_changed", 4, 0, 4}, {"event_changed", 4, 6, 4}, {"event_changed", 4, 255, 4},
	{"event_changed", 4, MR_ACTION_ADDED, 5}, // a change with another action
	{"event_changed", 5, MR_ACTION_DELETED, 5},
	{"event_changed", 5, 0, 48}, // a value without a change
	{"event_changed", 6, 17, 6}, {"event_changed", 6, 16, 0}, {"event_changed", 7, 1, 7},
	{"event_changed", 47, 0x80, 40}, // before 1970
	{"event_changed", 48, 0, 67}, // the type of no value
	{"event_changed", 56, 1, 56}, // a parent with changed
	{"event_changed", 64, 33, 64}, {"event_changed", 65, 33, 65}, {"event_changed", 66, 65, 66},
	{"event_changed", 67, 33, 67}, {"event_changed", 68, 1, 68}, // the type of no parent
	{"event_changed", 69, 1, 69}, {"event_changed", 70, 8, 0}, // a payload that is not there
	{"event_changed", 71, 0x21, 70}, {"event_changed", 88, 0, 88}, // ancestor 2 has gid 0
	{"event_changed", 104, 4, 104}, // reached through an ancestor that is not there
	{"event_changed", 110, 0xfe, 110}, {"event_changed", 105, 33, 105},
	{"event_changed", 112, 0, 112}, // NUL in a text
	{"event_changed", 112, 0xc3, 112}, // a sequence that is none
	{"event_changed", 131, 0x65, 130}, // cut: o umlaut without its second byte
	{"event_changed", 163, 0xc3, 163}, // a sequence that reaches into the next text
	{"event_changed", 173, 1, 173}, // padding
	{"event_changed", 174, 1, 174}, {"event_changed", 175, 0x20, 175},
	{"event_added", 4, MR_ACTION_DELETED, 56}, // a parent with deleted
	{"event_added", 66, 1, 66}, // a field without a change
};

static void each_broken_rule_is_reported_at_its_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_bytes) / sizeof(bad_bytes[0]); i++) {
		uint8_t bytes[GOLDEN_BYTES_MAX];
		size_t length = golden_read(bad_bytes[i].name, bytes);
		assert_int_not_equal(bytes[bad_bytes[i].at], bad_bytes[i].value);
		bytes[bad_bytes[i].at] = bad_bytes[i].value;
		uint32_t offset = UINT32_MAX;
		ssize_t result = mr_event_check(bytes, length, &offset);
		if (result != -EBADMSG || offset != bad_bytes[i].fault)
			fail_msg("row %zu (%s, byte %u): %zd at %u", i, bad_bytes[i].name,
				bad_bytes[i].at, result, offset);
	}
}

static void object_zero_is_refused(void **state)
{
	(void)state;
	uint8_t bytes[GOLDEN_BYTES_MAX];
	size_t length = golden_read("event_deleted", bytes);
	memset(bytes + 8, 0, 8);
	uint32_t offset = 0;
	assert_int_equal(mr_event_check(bytes, length, &offset), -EBADMSG);
	assert_int_equal(offset, 8);
}

// In memory of exactly that size, so that a read beyond it is seen by the sanitizers.
static void no_prefix_of_an_event_is_an_event(void **state)
{
	(void)state;
	uint8_t bytes[GOLDEN_BYTES_MAX];
	size_t length = golden_read("event_changed", bytes);
	for (size_t cut = 0; cut < length; cut++) {
		uint8_t *exact = malloc(cut > 0 ? cut : 1);
		assert_non_null(exact);
		memcpy(exact, bytes, cut);
		uint32_t offset = 1;
		assert_int_equal(mr_event_check(exact, cut, &offset), -EBADMSG);
		assert_int_equal(offset, 0);
		free(exact);
	}
}

static void bytes_behind_an_event_are_not_looked_at(void **state)
{
	(void)state;
	uint8_t bytes[GOLDEN_BYTES_MAX];
	size_t length = golden_read("event_added", bytes);
	memset(bytes + length, 0xff, sizeof(bytes) - length);
	assert_int_equal(mr_event_check(bytes, sizeof(bytes), NULL), length);
}

static void payload_may_be_any_bytes(void **state)
{
	(void)state;
	struct mr_event event = goldens[4].event;
	event.payload = (struct mr_text)TEXT("\0\xff\xc3");
	uint8_t bytes[512];
	ssize_t length = mr_event_encode(&event, bytes, sizeof(bytes));
	assert_true(length > 0);
	assert_int_equal(mr_event_check(bytes, (size_t)length, NULL), length);
}

static void largest_event_fits_and_one_byte_more_does_not(void **state)
{
	(void)state;
	static char text[UINT16_MAX];
	memset(text, 'x', sizeof(text));
	struct mr_text type = {text, MR_TYPE_BYTES_MAX};
	struct mr_event event = {.action = MR_ACTION_ADDED,
		.object = 1,
		.parent_gid = 2,
		.type = type,
		.subtype = type,
		.parent_type = type,
		.payload = {text, MR_PAYLOAD_BYTES_MAX},
		.ancestors_count = MR_ANCESTORS_MAX};
	for (uint32_t i = 0; i < MR_ANCESTORS_MAX; i++)
		event.ancestors[i] = (struct mr_ancestor){.gid = i + 1, .type = type, .via = 15};
	static uint8_t bytes[MR_EVENT_BYTES_MAX];
	ssize_t length = mr_event_encode(&event, bytes, sizeof(bytes));
	assert_true(length > MR_PAYLOAD_BYTES_MAX);
	assert_int_equal(mr_event_encode(&event, bytes, (size_t)length), length);
	assert_int_equal(mr_event_encode(&event, bytes, (size_t)length - 1), -ENOSPC);

	struct mr_text *texts[] = {&event.type, &event.subtype, &event.parent_type, &event.payload,
		&event.ancestors[15].type};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct mr_text kept = *texts[i];
		texts[i]->length++;
		assert_true(mr_event_encode(&event, bytes, sizeof(bytes)) < 0);
		texts[i]->length = UINT16_MAX;
		assert_int_equal(mr_event_encode(&event, bytes, sizeof(bytes)), -EINVAL);
		*texts[i] = kept;
	}
	event.ancestors_count = MR_ANCESTORS_MAX + 1;
	assert_int_equal(mr_event_encode(&event, bytes, sizeof(bytes)), -EINVAL);
}

static void events_that_break_a_rule_are_not_encoded(void **state)
{
	(void)state;
	uint8_t bytes[512];
	struct mr_event event = goldens[2].event;
	event.object = 0;
	assert_int_equal(mr_event_encode(&event, bytes, sizeof(bytes)), -EINVAL);
	event = goldens[2].event;
	event.action = MR_ACTION_NONE;
	assert_int_equal(mr_event_encode(&event, bytes, sizeof(bytes)), -EINVAL);
	event = goldens[2].event;
	event.ancestors[3].gid = 0;
	assert_int_equal(mr_event_encode(&event, bytes, sizeof(bytes)), -EINVAL);
	event = goldens[2].event;
	event.field = (struct mr_text)TEXT("\xed\xa0\x80"); // a surrogate
	assert_int_equal(mr_event_encode(&event, bytes, sizeof(bytes)), -EINVAL);
	event = goldens[2].event;
	event.created_at_ns = -1;
	assert_int_equal(mr_event_encode(&event, bytes, sizeof(bytes)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encoding_gives_the_golden_bytes),
		cmocka_unit_test(decoding_the_golden_bytes_gives_the_event),
		cmocka_unit_test(each_broken_rule_is_reported_at_its_byte),
		cmocka_unit_test(object_zero_is_refused),
		cmocka_unit_test(no_prefix_of_an_event_is_an_event),
		cmocka_unit_test(bytes_behind_an_event_are_not_looked_at),
		cmocka_unit_test(payload_may_be_any_bytes),
		cmocka_unit_test(largest_event_fits_and_one_byte_more_does_not),
		cmocka_unit_test(events_that_break_a_rule_are_not_encoded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
