// Assertions end the process; expectations are counted and printed once per place.
#include "mr_assert.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// Runs `body` in a child and returns what it printed to stderr; *ret_status is its wait status.
static size_t run_child(void (*body)(void), char *ret_text, size_t size, int *ret_status)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		(void)signal(SIGABRT, SIG_DFL);
		(void)dup2(ends[1], STDERR_FILENO);
		body();
		_exit(0);
	}
	(void)close(ends[1]);
	size_t length = 0;
	ssize_t got = 0;
	while ((got = read(ends[0], ret_text + length, size - 1 - length)) > 0)
		length += (size_t)got;
	ret_text[length] = '\0';
	(void)close(ends[0]);
	assert_int_equal(waitpid(child, ret_status, 0), child);
	return length;
}

static void fail_assertion(void)
{
	mr_assert(1 + 1 == 3);
}

static void failed_assertion_names_its_place_and_aborts(void **state)
{
	(void)state;
	char text[512];
	int status = 0;
	(void)run_child(fail_assertion, text, sizeof(text), &status);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	assert_non_null(strstr(text, "mr_assert_test.c"));
	assert_non_null(strstr(text, "1 + 1 == 3"));
}

static void fail_expectations(void)
{
	for (int i = 0; i < 10; i++) {
		mr_expect(i < 0);
		mr_expect(i == -1);
	}
	if (mr_expect_failures() != 20)
		_exit(1);
}

static void failed_expectations_are_counted_and_printed_once_per_place(void **state)
{
	(void)state;
	char text[1024];
	int status = 0;
	(void)run_child(fail_expectations, text, sizeof(text), &status);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	uint32_t lines = 0;
	for (const char *at = text; *at != '\0'; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 2);
	assert_non_null(strstr(text, "i < 0"));
	assert_non_null(strstr(text, "i == -1"));
}

static void what_holds_says_nothing(void **state)
{
	(void)state;
	uint64_t before = mr_expect_failures();
	mr_assert(before + 1 > before);
	mr_expect(before + 1 > before);
	mr_assert_hot(before + 1 > before);
	assert_true(mr_expect_failures() == before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failed_assertion_names_its_place_and_aborts),
		cmocka_unit_test(failed_expectations_are_counted_and_printed_once_per_place),
		cmocka_unit_test(what_holds_says_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
