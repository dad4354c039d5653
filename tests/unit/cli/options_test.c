// The command line: what is taken, and that what is not taken says why.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli_options.h"

enum { WORDS_MAX = 8 };

// What options point to lives until the next call.
static int parse(const char *const *words, const char *environment,
	struct mr_cli_options *ret_options, char *ret_why)
{
	static char storage[WORDS_MAX][64];
	char *argv[WORDS_MAX + 1] = {0};
	int argc = 0;

	for (; argc < WORDS_MAX && words[argc]; argc++) {
		snprintf(storage[argc], sizeof(storage[argc]), "%s", words[argc]);
		argv[argc] = storage[argc];
	}
	int r = mr_cli_options_parse(argc, argv, environment, ret_options, ret_why);

	assert_true(r == 0 || ret_why[0] != 0);
	return r;
}

static void commands_and_options_stand_in_any_order(void **state)
{
	static const char *const lines[][WORDS_MAX] = {
		{"millrace", "--direct", "stats", "webhooks", "-o", "json", "--watch", "3"},
		{"millrace", "stats", "webhooks", "-ojson", "--watch=3", "--direct"},
		{"millrace", "-o", "json", "--watch", "3", "--direct", "stats", "webhooks"},
	};
	struct mr_cli_options options;
	char why[MR_CLI_WHY_BYTES] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(lines[i], NULL, &options, why), 0);
		assert_string_equal(options.command->name, "stats");
		assert_string_equal(options.topic, "webhooks");
		assert_ptr_equal(options.render, &mr_render_json);
		assert_int_equal(options.watch_seconds, 3);
	}
}

static void socket_comes_from_option_then_environment_then_default(void **state)
{
	const char *const named[] = {"millrace", "--direct", "--socket", "/tmp/a", "status", NULL};
	const char *const unnamed[] = {"millrace", "--direct", "status", NULL};
	struct mr_cli_options options;
	char why[MR_CLI_WHY_BYTES] = "";

	(void)state;
	assert_int_equal(parse(named, "/tmp/b", &options, why), 0);
	assert_string_equal(options.socket, "/tmp/a");
	assert_int_equal(parse(unnamed, "/tmp/b", &options, why), 0);
	assert_string_equal(options.socket, "/tmp/b");
	assert_int_equal(parse(unnamed, "", &options, why), 0);
	assert_string_equal(options.socket, MR_CLI_SOCKET);
	assert_int_equal(parse(unnamed, NULL, &options, why), 0);
	assert_string_equal(options.socket, MR_CLI_SOCKET);
}

static void help_and_version_need_no_command(void **state)
{
	const char *const help[] = {"millrace", "--help", NULL},
			  *const version[] = {"millrace", "--version", NULL};
	struct mr_cli_options options;
	char why[MR_CLI_WHY_BYTES] = "";

	(void)state;
	assert_int_equal(parse(help, NULL, &options, why), 0);
	assert_true(options.help);
	assert_int_equal(parse(version, NULL, &options, why), 0);
	assert_true(options.version);
}

static void bad_lines_are_refused_with_a_reason_and_change_nothing(void **state)
{
	static const struct {
		const char *words[WORDS_MAX];
		const char *why; // part of it
	} table[] = {
		{{"millrace"}, "command is missing"},
		{{"millrace", "--direct"}, "command is missing"},
		{{"millrace", "--direct", "stauts"}, "no command \"stauts\""},
		{{"millrace", "status"}, "--direct"},
		{{"millrace", "--direct", "status", "extra"}, "at most 0"},
		{{"millrace", "--direct", "stats", "webhooks", "extra"}, "at most 1"},
		{{"millrace", "--direct", "-o", "xml", "status"}, "text or json"},
		{{"millrace", "--direct", "status", "-o"}, "lacks its value"},
		{{"millrace", "--direct", "--watch", "0", "status"}, "--watch"},
		{{"millrace", "--direct", "--watch", "-1", "status"}, "--watch"},
		{{"millrace", "--direct", "--watch", "99999999999999999999", "status"}, "--watch"},
		{{"millrace", "--direct", "--watch", "1s", "status"}, "--watch"},
		{{"millrace", "--direct", "--nonsense", "status"}, "unknown"},
		{{"millrace", "--direct", "--socket"}, "lacks its value"},
	};
	struct mr_cli_options options = {.socket = "before"};
	char why[MR_CLI_WHY_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		why[0] = 0;
		assert_int_not_equal(parse(table[i].words, NULL, &options, why), 0);
		assert_non_null(strstr(why, table[i].why));
		assert_string_equal(options.socket, "before");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_and_options_stand_in_any_order),
		cmocka_unit_test(socket_comes_from_option_then_environment_then_default),
		cmocka_unit_test(help_and_version_need_no_command),
		cmocka_unit_test(bad_lines_are_refused_with_a_reason_and_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
