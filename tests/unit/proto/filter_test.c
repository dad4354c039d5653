// Filters as text: what is read is what was written, and mistakes are named with their line.
#include "filter.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct mr_filter filters[MR_FILTERS_MAX];
static char text[4096];

static void what_is_written_is_read_back(void **state)
{
	static const char *const good[] = {"", "*", "type=task", "action=added,removed,changed",
		"type=task subtype=milestone action=changed fields=name,notes",
		"type=project action=deleted\ntype=team_membership action=added,removed\n*"};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint8_t count;
		const char *why = NULL;
		assert_int_equal(
			mr_filters_parse(good[i], strlen(good[i]), filters, &count, &why), 0);
		assert_int_equal(
			mr_filters_format(filters, count, text, sizeof(text)), strlen(good[i]));
		assert_string_equal(text, good[i]);
	}
}

static void text_that_does_not_fit_is_cut_visibly(void **state)
{
	uint8_t count;
	const char *why = NULL;
	const char *long_one = "type=task\ntype=story\ntype=project";
	(void)state;
	assert_int_equal(mr_filters_parse(long_one, strlen(long_one), filters, &count, &why), 0);
	size_t length = mr_filters_format(filters, count, text, 24);
	assert_true(length < 24);
	assert_string_equal(text + length - 3, "...");
}

static void mistakes_are_named_with_their_line(void **state)
{
	static const struct {
		const char *text;
		uint8_t line;
		const char *words;
	} wrong[] = {
		{"\n", 1, "empty"},
		{"type=task\n\n", 2, "empty"},
		{"type=", 1, "names are"},
		{"type=a type=b", 1, "twice"},
		{"kind=task", 1, "made of"},
		{"*=1", 1, "made of"},
		{"action=eaten", 1, "one of added"},
		{"action=added action=added", 1, "twice"},
		{"action=", 1, "one of added"},
		{"fields=a,,b", 1, "names are"},
		{"fields=a=b", 1, "names are"},
		{"type=a\x01", 1, "names are"},
		{"type=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 1, "longer than 32"},
		{"fields=1,2,3,4,5,6,7,8,9", 1, "at most 8"},
		{"*\n*\n*\n*\n*\n*\n*\n*\n*\n*\n*\n*\n*\n*\n*\n*\n*", 17, "at most 16"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint8_t count = 0;
		const char *why = NULL;
		assert_int_equal(mr_filters_parse(wrong[i].text, strlen(wrong[i].text), filters,
					 &count, &why),
			-EINVAL);
		assert_int_equal(count, wrong[i].line);
		assert_non_null(strstr(why, wrong[i].words));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(text_that_does_not_fit_is_cut_visibly),
		cmocka_unit_test(mistakes_are_named_with_their_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
