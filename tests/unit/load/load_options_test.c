// The command line: what is taken, and that everything else is refused with a word about it.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "send_options.h"
#include "sink_options.h"

enum { ARGUMENTS_MAX = 20 };

// Splits at blanks, like a shell without quotes; the words stay in `text`.
static int split(char *text, char **argv)
{
	static char command[] = "command";
	int argc = 0;
	argv[argc++] = command;
	char *save = NULL;
	for (char *word = strtok_r(text, " ", &save); word != NULL;
		word = strtok_r(NULL, " ", &save)) {
		assert_true(argc < ARGUMENTS_MAX);
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	return argc;
}

static int parse_send(const char *line, struct mr_send_options *options)
{
	char text[256];
	char *argv[ARGUMENTS_MAX + 1];
	snprintf(text, sizeof(text), "-p net_null0 -t 10.0.0.1 -f 10.0.0.2 %s", line);
	return mr_send_options_parse(split(text, argv), argv, options);
}

static void numbers_have_units(void **state)
{
	(void)state;
	struct mr_send_options options;
	assert_int_equal(parse_send("--rate 50k --events 1M --linger 150us", &options), 0);
	assert_int_equal(options.rate, 50000);
	assert_int_equal(options.events, 1000000);
	assert_int_equal(options.linger_ns, 150000);
	assert_int_equal(options.duration_ns, 0); // --events alone says when it ends
	assert_int_equal(parse_send("--duration 2m --zipf 0.9 --rate=2.5k", &options), 0);
	assert_int_equal(options.duration_ns, UINT64_C(120000000000));
	assert_int_equal(options.rate, 2500);
}

static void ancestors_may_stand_alone_or_with_a_shape(void **state)
{
	(void)state;
	struct mr_send_options options;
	assert_int_equal(parse_send("", &options), 0);
	assert_int_equal(options.workload.lineage, MR_LINEAGE_FLAT);
	assert_int_equal(options.workload.hot_object, 1010000);
	assert_int_equal(options.duration_ns, UINT64_C(20000000000));
	assert_int_equal(parse_send("--ancestors", &options), 0);
	assert_int_equal(options.workload.lineage, MR_LINEAGE_STORY);
	assert_int_equal(parse_send("--ancestors=diamond --hot-share 0.9", &options), 0);
	assert_int_equal(options.workload.lineage, MR_LINEAGE_DIAMOND);
}

static void nonsense_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"--rate",
		"--rate 5x",
		"--rate -5",
		"--rate 1e5",
		"--rate 0x10",
		"--rate nan",
		"--rate .",
		"--events 0",
		"--events 1.5",
		"--duration 5",
		"--duration 5x",
		"--hot-share 1.1",
		"--events-per-packet 0",
		"--events-per-packet 129",
		"--vlan 4095",
		"--ancestors=tree",
		"--buffer 1000",
		"-o xml",
		"--port=",
		"--no-such-option",
		"stray",
		"--mtu 100",
		"--sessions 64",
	};
	int silent = open("/dev/null", O_WRONLY | O_CLOEXEC); // each is complained about
	int spoken = dup(STDERR_FILENO);
	size_t taken = 0;
	dup2(silent, STDERR_FILENO);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mr_send_options options;
		if (parse_send(bad[i], &options) != -EINVAL)
			taken = i + 1;
	}
	dup2(spoken, STDERR_FILENO);
	close(spoken);
	close(silent);
	if (taken > 0)
		fail_msg("'%s' was taken", bad[taken - 1]);
}

static void what_is_needed_is_asked_for(void **state)
{
	(void)state;
	struct mr_send_options options;
	char text[] = "--rate 5";
	char *argv[ARGUMENTS_MAX + 1];
	assert_int_equal(mr_send_options_parse(split(text, argv), argv, &options), -EINVAL);
}

static void the_receiver_reads_its_own(void **state)
{
	(void)state;
	struct mr_sink_options options;
	char text[] =
		"--endpoints 4 --misbehave 2 --delay 5ms --fail-share 0.25 --ledger /tmp/x --until-settled";
	char *argv[ARGUMENTS_MAX + 1];
	assert_int_equal(mr_sink_options_parse(split(text, argv), argv, &options), 0);
	assert_int_equal(options.misbehaving, 2);
	assert_int_equal(options.delay_ns, 5000000);
	assert_true(options.fail_share > 0.24 && options.fail_share < 0.26);
	char alone[] = "--until-settled";
	assert_int_equal(mr_sink_options_parse(split(alone, argv), argv, &options),
		-EINVAL); // needs the ledger
	char hang[] = "--endpoints 3 --hang";
	assert_int_equal(mr_sink_options_parse(split(hang, argv), argv, &options), 0);
	assert_int_equal(options.misbehaving, 3); // all, unless told
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_units),
		cmocka_unit_test(ancestors_may_stand_alone_or_with_a_shape),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(what_is_needed_is_asked_for),
		cmocka_unit_test(the_receiver_reads_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
