// The scanner takes what is minified JSON and nothing else.
#include "json_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// The text in memory of its own size, so that the sanitizer sees a byte too many.
static bool takes(const char *text)
{
	size_t length = strlen(text);
	char *exact = malloc(length > 0 ? length : 1);
	assert_non_null(exact);
	memcpy(exact, text, length);
	struct mr_json json = mr_json_make(exact, length);
	bool done = mr_json_skip(&json) && mr_json_done(&json);
	free(exact);
	return done;
}

static const char *const good[] = {
	"null",
	"true",
	"false",
	"0",
	"-1",
	"12.5",
	"1e9",
	"1E-9",
	"-0.5e+3",
	"\"\"",
	"\"a\"",
	"{}",
	"[]",
	"[1,2]",
	"[[],{}]",
	"{\"a\":1}",
	"{\"a\":{\"b\":[null]},\"c\":\"\\u00e9\\n\\\"\\/\"}",
	"\"\xe2\x80\xa8\"",
	"[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
};

static const char *const bad[] = {
	"",
	" ",
	" 1",
	"1 ",
	"01",
	"-",
	"1.",
	".5",
	"1e",
	"+1",
	"nul",
	"True",
	"\"",
	"\"\\\"",
	"\"\\x\"",
	"\"\\u12g4\"",
	"\"\\u12\"",
	"\"\n\"",
	"\"\x01\"",
	"{",
	"}",
	"{\"a\"}",
	"{\"a\":}",
	"{\"a\":1,}",
	"{,}",
	"{a:1}",
	"{\"a\" :1}",
	"{\"a\":1 }",
	"{\"a\":1}}",
	"[",
	"]",
	"[1,]",
	"[,1]",
	"[1 ,2]",
	"[1,2",
	"[1}",
	"{\"a\":1]",
	"[1][2]",
	"[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
};

static void minified_json_is_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!takes(good[i]))
			fail_msg("'%s' was refused", good[i]);
	}
}

static void everything_else_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (takes(bad[i]))
			fail_msg("'%s' was taken", bad[i]);
	}
}

static void every_prefix_of_a_good_text_is_refused(void **state)
{
	(void)state;
	static const char text[] = "{\"a\":[1,{\"b\":\"\\u0041\"},null,true],\"c\":-1.5e3}";
	for (size_t length = 0; length < sizeof(text) - 1; length++) {
		char prefix[sizeof(text)] = {0};
		memcpy(prefix, text, length);
		assert_false(takes(prefix));
	}
	assert_true(takes(text));
}

static void an_error_sticks(void **state)
{
	(void)state;
	struct mr_json json = mr_json_make("[x]", 3);
	struct mr_text text;
	double number;
	assert_true(mr_json_open(&json, '['));
	assert_true(mr_json_next_item(&json, true));
	assert_false(mr_json_string(&json, &text));
	assert_false(mr_json_number(&json, &number));
	assert_false(mr_json_skip(&json));
	assert_false(mr_json_next_item(&json, false));
	assert_false(mr_json_done(&json));
}

static void values_come_out_as_they_are(void **state)
{
	(void)state;
	struct mr_json json = mr_json_make("{\"n\":-2.5e1,\"t\":\"a\\nb\",\"b\":false}", 33);
	struct mr_text key;
	struct mr_text text;
	double number = 0;
	bool truth = true;
	assert_true(mr_json_open(&json, '{'));
	assert_true(mr_json_next_key(&json, true, &key) && mr_json_is(&key, "n")
		&& mr_json_number(&json, &number));
	assert_true(number > -25.01 && number < -24.99);
	assert_true(mr_json_next_key(&json, false, &key) && mr_json_string(&json, &text));
	assert_true(mr_json_is(&text, "a\\nb"));
	assert_true(mr_json_next_key(&json, false, &key) && mr_json_bool(&json, &truth));
	assert_false(truth);
	assert_false(mr_json_next_key(&json, false, &key));
	assert_true(mr_json_done(&json));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(minified_json_is_taken),
		cmocka_unit_test(everything_else_is_refused),
		cmocka_unit_test(every_prefix_of_a_good_text_is_refused),
		cmocka_unit_test(an_error_sticks),
		cmocka_unit_test(values_come_out_as_they_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
