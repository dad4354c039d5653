// Bounded output and whole-string numbers.
#include "bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void output_never_passes_its_end(void **state)
{
	(void)state;
	for (size_t size = 0; size <= 12; size++) {
		char buffer[16];
		memset(buffer, '.', sizeof(buffer));
		struct mr_out out = mr_out_make(buffer, size);
		mr_out_text(&out, "abc");
		mr_out_u64(&out, 12345);
		mr_out_literal(&out, "xyz");
		size_t written = (size_t)(out.at - (uint8_t *)buffer);
		assert_int_equal(out.overflow, size < 11);
		assert_int_equal(written, size >= 11 ? 11 : size >= 8 ? 8 : size >= 3 ? 3 : 0);
		assert_memory_equal(buffer, "abc12345xyz", written);
		for (size_t i = written; i < sizeof(buffer); i++)
			assert_int_equal(buffer[i], '.');
	}
}

static void nothing_is_written_after_an_overflow(void **state)
{
	(void)state;
	char buffer[4] = "....";
	struct mr_out out = mr_out_make(buffer, sizeof(buffer));
	mr_out_text(&out, "too long");
	mr_out_text(&out, "ok");
	assert_true(out.overflow);
	assert_memory_equal(buffer, "....", 4);
}

static void numbers_are_written_whole(void **state)
{
	(void)state;
	static const struct {
		uint64_t value;
		const char *text;
	} rows[] = {{0, "0"}, {9, "9"}, {10, "10"}, {1000000007, "1000000007"},
		{UINT64_MAX, "18446744073709551615"}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char buffer[32];
		struct mr_out out = mr_out_make(buffer, sizeof(buffer));
		mr_out_u64(&out, rows[i].value);
		size_t length = (size_t)(out.at - (uint8_t *)buffer);
		assert_int_equal(length, strlen(rows[i].text));
		assert_memory_equal(buffer, rows[i].text, length);
		uint64_t parsed = 0;
		assert_int_equal(mr_parse_u64(buffer, length, &parsed), 0);
		assert_true(parsed == rows[i].value);
	}
}

static void bad_numbers_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int result;
	} rows[] = {{"", -22}, {" 1", -22}, {"1 ", -22}, {"+1", -22}, {"-1", -22}, {"0x10", -22},
		{"1.0", -22}, {"1e3", -22}, {"12a", -22}, {"18446744073709551616", -34},
		{"99999999999999999999", -34}, {"100000000000000000000000", -34},
		{"99999999999999999999x", -22}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t value = 77;
		assert_int_equal(
			mr_parse_u64(rows[i].text, strlen(rows[i].text), &value), rows[i].result);
		assert_int_equal(value, 77);
	}
}

static void copied_text_is_terminated_and_says_when_cut(void **state)
{
	(void)state;
	char into[4] = "zzz";
	assert_true(mr_copy_text(into, sizeof(into), "abc", 3));
	assert_string_equal(into, "abc");
	assert_false(mr_copy_text(into, sizeof(into), "wxyz", 4));
	assert_string_equal(into, "wxy");
	assert_true(mr_copy_text(into, sizeof(into), "", 0));
	assert_string_equal(into, "");
	assert_false(mr_copy_text(into, 0, "a", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_never_passes_its_end),
		cmocka_unit_test(nothing_is_written_after_an_overflow),
		cmocka_unit_test(numbers_are_written_whole),
		cmocka_unit_test(bad_numbers_are_refused),
		cmocka_unit_test(copied_text_is_terminated_and_says_when_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
