// Times as people write them on the command line.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "journal_tool.h"

static const int64_t now_ns = INT64_C(1700000000000000000);

static void times_are_understood(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t at_ns;
	} rows[] = {
		{"@1700000001", INT64_C(1700000001000000000)},
		{"2023-11-14T22:13:20Z", INT64_C(1700000000000000000)},
		{"2023-11-14T22:13:20", INT64_C(1700000000000000000)},
		{"2023-11-14T22:13:20.5Z", INT64_C(1700000000500000000)},
		{"90s", INT64_C(1699999910000000000)},
		{"10m", INT64_C(1699999400000000000)},
		{"3h", INT64_C(1699989200000000000)},
		{"2d", INT64_C(1699827200000000000)},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t at_ns = 0;

		assert_int_equal(mr_time_parse(rows[i].text, now_ns, &at_ns), 0);
		assert_int_equal(at_ns, rows[i].at_ns);
	}
}

static void other_texts_are_refused(void **state)
{
	(void)state;
	static const char *const rows[] = {"", "s", "10", "-10m", "10x", "@", "@-1", "yesterday",
		"2023-11-14", "2023-11-14T22:13:20Q", "2023-11-14T22:13:20Zz", "99999999d",
		"@99999999999999999"};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t at_ns = 77;

		assert_int_equal(mr_time_parse(rows[i], now_ns, &at_ns), -EINVAL);
		assert_int_equal(at_ns, 77);
	}
}

static void a_time_reads_back(void **state)
{
	(void)state;
	char text[40];
	int64_t at_ns;

	mr_time_text(now_ns + 123000000, text, sizeof(text));
	assert_string_equal(text, "2023-11-14T22:13:20.123Z");
	assert_int_equal(mr_time_parse(text, 0, &at_ns), 0);
	assert_int_equal(at_ns, now_ns + 123000000);
	mr_time_text(0, text, sizeof(text));
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_understood),
		cmocka_unit_test(other_texts_are_refused),
		cmocka_unit_test(a_time_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
