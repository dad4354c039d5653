// Strict UTF-8: the first and last of every form, and everything that only looks like it.
#include "utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// In memory of exactly that size, so that a read beyond it is seen by the sanitizers.
static int32_t fault_of(const char *text, size_t length)
{
	uint8_t *exact = malloc(length > 0 ? length : 1);
	assert_non_null(exact);
	memcpy(exact, text, length);
	int32_t fault = mr_utf8_fault(exact, (uint32_t)length);
	free(exact);
	return fault;
}

static void valid_text_has_no_fault(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "a", "\x01", "\x7f", "twelve bytes", "\xc2\x80",
		"\xdf\xbf", "\xe0\xa0\x80", "\xec\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80",
		"\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "seven..\xc3\xa9",
		"sixteen bytes.. \xe2\x98\x83 more"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(fault_of(texts[i], strlen(texts[i])), MR_UTF8_OK);
}

static void what_only_looks_like_it_is_found_at_its_first_byte(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint32_t length;
		int32_t fault;
	} rows[] = {{"\0", 1, 0}, {"ab\0", 3, 2}, {"eight by\0", 9, 8}, {"1234567\0", 8, 7},
		{"\x80", 1, 0}, {"\xbf", 1, 0}, {"\xc0\x80", 2, 0}, {"\xc1\xbf", 2, 0},
		{"\xc2", 1, 0}, {"\xc2\x41", 2, 0}, {"\xc2\xc2", 2, 0}, {"\xe0\x80\x80", 3, 0},
		{"\xe0\x9f\xbf", 3, 0}, {"\xe1\x80", 2, 0}, {"\xe1\x80\x41", 3, 0},
		{"\xed\xa0\x80", 3, 0}, {"\xed\xbf\xbf", 3, 0}, {"\xf0\x80\x80\x80", 4, 0},
		{"\xf0\x8f\xbf\xbf", 4, 0}, {"\xf4\x90\x80\x80", 4, 0}, {"\xf5\x80\x80\x80", 4, 0},
		{"\xf1\x80\x80", 3, 0}, {"\xf1\x80\x80\x41", 4, 0}, {"\xff", 1, 0}, {"\xfe", 1, 0},
		{"\xf8\x88\x80\x80\x80", 5, 0}, {"\xc3\xa9\xc3", 3, 2}, {"abcdefgh\xc3", 9, 8},
		{"abcdefg\xa9h", 9, 7}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(fault_of(rows[i].text, rows[i].length), rows[i].fault);
}

static void plain_text_is_recognised_at_every_length(void **state)
{
	(void)state;
	for (uint32_t length = 0; length <= 40; length++) {
		uint8_t *exact = malloc(length > 0 ? length : 1);
		assert_non_null(exact);
		memset(exact, 'x', length);
		assert_true(mr_utf8_is_plain(exact, length));
		for (uint32_t at = 0; at < length; at++) {
			exact[at] = 0;
			assert_false(mr_utf8_is_plain(exact, length));
			exact[at] = 0x80;
			assert_false(mr_utf8_is_plain(exact, length));
			exact[at] = 0xff;
			assert_false(mr_utf8_is_plain(exact, length));
			exact[at] = at % 2 == 0 ? 0x01 : 0x7f;
			assert_true(mr_utf8_is_plain(exact, length));
		}
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_text_has_no_fault),
		cmocka_unit_test(what_only_looks_like_it_is_found_at_its_first_byte),
		cmocka_unit_test(plain_text_is_recognised_at_every_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
