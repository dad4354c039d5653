// The command line: what is taken, and that what is not taken says why.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "command_line.h"
#include "journal_tool.h"

enum { WORDS_MAX = 12 };

// What the line points to lives until the next call.
static int parse(const char *const *words, struct mr_line *ret_line, char *ret_why)
{
	static char storage[WORDS_MAX][64];
	char *argv[WORDS_MAX + 1] = {0};
	int argc = 0;

	for (; argc < WORDS_MAX && words[argc]; argc++) {
		snprintf(storage[argc], sizeof(storage[argc]), "%s", words[argc]);
		argv[argc] = storage[argc];
	}
	int r = mr_line_parse(argc, argv, ret_line, ret_why);

	assert_true(r == 0 || ret_why[0] != 0);
	return r;
}

static void commands_and_options_stand_in_any_order(void **state)
{
	static const char *const lines[][WORDS_MAX] = {
		{"millrace", "--direct", "stats", "webhooks", "-o", "json", "--watch", "3s"},
		{"millrace", "stats", "webhooks", "-ojson", "--watch=3s", "--direct"},
		{"millrace", "-o", "json", "--watch", "3s", "--direct", "stats", "webhooks"},
	};
	struct mr_line line;
	char why[MR_LINE_WHY_BYTES] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(lines[i], &line, why), 0);
		assert_string_equal(line.command->name, "stats");
		assert_string_equal(line.arguments[0], "webhooks");
		assert_string_equal(line.values[MR_OPTION_OUTPUT], "json");
		assert_int_equal(line.numbers[MR_OPTION_WATCH], 3000000000);
		assert_true(mr_line_has(&line, MR_OPTION_DIRECT));
	}
}

static void a_ban_is_understood_to_its_last_word(void **state)
{
	const char *const words[WORDS_MAX] = {"millrace", "ban", "object", "18446744073709551615",
		"--mode", "throttle", "--rate", "5k/s", "--ttl", "1h30m", "--with-descendants"};
	struct mr_line line;
	char why[MR_LINE_WHY_BYTES] = "";

	(void)state;
	assert_int_equal(parse(words, &line, why), 0);
	assert_string_equal(line.arguments[0], "object");
	assert_string_equal(line.arguments[1], "18446744073709551615");
	assert_int_equal(line.numbers[MR_OPTION_RATE], 5000);
	assert_int_equal(line.numbers[MR_OPTION_TTL], UINT64_C(5400000000000));
	assert_false(mr_line_has(&line, MR_OPTION_DIRECT));
	assert_false(mr_line_has(&line, MR_OPTION_PURGE));
}

static void groups_have_a_first_command(void **state)
{
	static const struct {
		const char *words[WORDS_MAX];
		const char *name;
	} table[] = {
		{{"millrace", "webhooks"}, "webhooks list"},
		{{"millrace", "webhooks", "show", "7"}, "webhooks show"},
		{{"millrace", "apps"}, "apps list"},
		{{"millrace", "journal"}, "journal ls"},
	};
	struct mr_line line;
	char why[MR_LINE_WHY_BYTES] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(parse(table[i].words, &line, why), 0);
		assert_string_equal(line.command->name, table[i].name);
	}
}

static void help_and_version_need_no_command(void **state)
{
	const char *const help[] = {"millrace", "--help", NULL},
			  *const of_ban[] = {"millrace", "ban", "--help", NULL},
			  *const version[] = {"millrace", "--version", NULL};
	struct mr_line line;
	char why[MR_LINE_WHY_BYTES] = "";

	(void)state;
	assert_int_equal(parse(help, &line, why), 0);
	assert_null(line.command);
	assert_int_equal(parse(of_ban, &line, why), 0);
	assert_string_equal(line.command->name, "ban");
	assert_int_equal(parse(version, &line, why), 0);
	assert_true(mr_line_has(&line, MR_OPTION_VERSION));
}

static void bad_lines_are_refused_with_a_reason_and_change_nothing(void **state)
{
	static const struct {
		const char *words[WORDS_MAX];
		const char *why; // part of it
	} table[] = {
		{{"millrace"}, "command is missing"},
		{{"millrace", "--direct"}, "command is missing"},
		{{"millrace", "--direct", "sttus"}, "did you mean \"status\""},
		{{"millrace", "xyzzyplugh"}, "no command \"xyzzyplugh\""},
		{{"millrace", "webhooks", "shw"}, "did you mean \"webhooks show\""},
		{{"millrace", "status", "extra"}, "one too many"},
		{{"millrace", "stats", "webhooks", "extra"}, "one too many"},
		{{"millrace", "stats", "nonsense"}, "one of counters"},
		{{"millrace", "-o", "xml", "status"}, "one of text json prom"},
		{{"millrace", "-o", "prom", "status"}, "prom is for stats"},
		{{"millrace", "status", "-o"}, "lacks its value"},
		{{"millrace", "status", "--direct=yes"}, "takes no value"},
		{{"millrace", "status", "-z"}, "no option \"-z\""},
		{{"millrace", "--watch", "0s", "status"}, "--watch wants a time"},
		{{"millrace", "--watch", "1", "status"}, "--watch wants a time"},
		{{"millrace", "--watch", "99999999999999999999s", "status"}, "--watch"},
		{{"millrace", "--watch", "213503982334601d", "status"}, "--watch"},
		{{"millrace", "--dryrun", "ban", "app", "4"}, "did you mean --dry-run"},
		{{"millrace", "status", "--ttl", "5s"}, "has no option --ttl"},
		{{"millrace", "ban"}, "lacks its kind"},
		{{"millrace", "ban", "app"}, "lacks its id"},
		{{"millrace", "ban", "team", "4"}, "one of app object"},
		{{"millrace", "ban", "app", "-4"}, "no option"},
		{{"millrace", "ban", "app", "4x"}, "decimal id"},
		{{"millrace", "ban", "app", "18446744073709551616"}, "decimal id"},
		{{"millrace", "ban", "app", "4", "--mode", "throttle"}, "wants its --rate"},
		{{"millrace", "ban", "app", "4", "--rate", "5/s"}, "for --mode throttle"},
		{{"millrace", "ban", "app", "4", "--rate", "5"}, "rate per second"},
		{{"millrace", "ban", "app", "4", "--rate", "0/s"}, "rate per second"},
		{{"millrace", "ban", "app", "4", "--rate", "5G/s"}, "rate per second"},
		{{"millrace", "ban", "app", "4", "--with-descendants"}, "is for objects"},
		{{"millrace", "ban", "app", "4", "--reason", ""}, "not empty"},
		{{"millrace", "--direct", "audit"}, "needs millrace-controld"},
		{{"millrace", "acts"}, "sudo millrace --direct acts"},
		{{"millrace", "impact"}, "wants --since"},
		{{"millrace", "impact", "--since", "yesterday"}, "an age as 10m"},
		{{"millrace", "journal", "salvage"}, "wants --to"},
		{{"millrace", "journal", "cat", "--limit", "4294967296"}, "up to 4294967295"},
	};
	struct mr_line line = {.command = &mr_commands[1]};
	char why[MR_LINE_WHY_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		why[0] = 0;
		assert_int_not_equal(parse(table[i].words, &line, why), 0);
		if (!strstr(why, table[i].why))
			fail_msg("\"%s\" is not in \"%s\"", table[i].why, why);
		assert_ptr_equal(line.command, &mr_commands[1]);
	}
}

static void lines_of_pages_are_checked_as_they_stand(void **state)
{
	static const char *const good[] = {
		"status",
		"millrace status",
		"sudo millrace --direct ban app 42 --reason 'a \"loop\" of 42'",
		"  millrace   bans -o json | jq '.data[]'",
		"millrace load send --rate 5",
		"millrace journal verify && echo sound",
	};
	static const char *const bad[] = {"", "millrace", "millrace ban app",
		"ban app 42 --reason 'x", "systemctl restart millraced", "millrace sudo status"};
	char why[MR_LINE_WHY_BYTES], endless[6000];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (mr_line_check(good[i], why) != 0)
			fail_msg("%s: %s", good[i], why);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = 0;
		assert_int_not_equal(mr_line_check(bad[i], why), 0);
		assert_int_not_equal(why[0], 0);
	}
	memset(endless, 'a', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = 0;
	assert_int_not_equal(mr_line_check(endless, why), 0);
	for (size_t i = 0; i < sizeof(endless) - 1; i += 2)
		endless[i] = ' ';
	assert_int_not_equal(mr_line_check(endless, why), 0);
}

// What people copy works, and rows of the table hold together.
static void every_command_is_whole_and_its_examples_parse(void **state)
{
	char why[MR_LINE_WHY_BYTES];

	(void)state;
	for (uint32_t i = 0; i < mr_commands_count; i++) {
		const struct mr_command *command = &mr_commands[i];

		assert_non_null(command->help);
		assert_non_null(command->examples[0]);
		assert_true(command->api.path || command->run || command->direct
			|| strcmp(command->name, "load") == 0);
		assert_int_equal(command->needs & ~command->options, 0);
		assert_int_equal(command->api.body & ~command->options, 0);
		assert_int_equal(command->options & mr_options_global, 0);
		for (int e = 0; e < MR_EXAMPLES_MAX && command->examples[e]; e++) {
			const char *at = strstr(command->examples[e], "millrace ");

			assert_non_null(at);
			if (mr_line_check(strcmp(command->name, "completion") == 0
					    ? "completion bash"
					    : at,
				    why)
				!= 0)
				fail_msg("%s: %s", command->examples[e], why);
		}
	}
}

// The words that complete --kind are those that the journal's tools know.
static void kinds_of_records_are_all_in_the_table(void **state)
{
	char why[MR_LINE_WHY_BYTES];
	uint64_t number;

	(void)state;
	for (unsigned kind = 1; kind < 256; kind++) {
		const char *name = mr_record_kind_name(kind);

		if (strcmp(name, "unknown") == 0)
			continue;
		if (mr_word_parse(
			    MR_WORD_CHOICE, mr_options[MR_OPTION_KIND].words, name, &number, why)
			!= 0)
			fail_msg("--kind does not know \"%s\"", name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_and_options_stand_in_any_order),
		cmocka_unit_test(a_ban_is_understood_to_its_last_word),
		cmocka_unit_test(groups_have_a_first_command),
		cmocka_unit_test(help_and_version_need_no_command),
		cmocka_unit_test(bad_lines_are_refused_with_a_reason_and_change_nothing),
		cmocka_unit_test(lines_of_pages_are_checked_as_they_stand),
		cmocka_unit_test(every_command_is_whole_and_its_examples_parse),
		cmocka_unit_test(kinds_of_records_are_all_in_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
