// A named point kills at the count it was armed with, no sooner, and only at its own name. Built
// with the points switched on, whatever the build has.
#include "failpoint.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cmocka.h>

// Passes one point so often in a child; the signal that ended it, 0: none.
static int signal_of(const char *armed_text, enum mr_failpoint point, uint32_t passes)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int r = mr_failpoint_arm(armed_text);
		for (uint32_t i = 0; r == 0 && i < passes; i++)
			mr_failpoint_pass(point);
		_exit(r == 0 ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void it_kills_at_the_count_and_no_sooner(void **state)
{
	(void)state;
	assert_int_equal(
		signal_of("segment_after_header:3", MR_FAILPOINT_segment_after_header, 2), 0);
	assert_int_equal(
		signal_of("segment_after_header:3", MR_FAILPOINT_segment_after_header, 3), SIGKILL);
	assert_int_equal(
		signal_of("segment_after_header:1", MR_FAILPOINT_segment_after_header, 1), SIGKILL);
}

static void other_points_are_passed(void **state)
{
	(void)state;
	assert_int_equal(signal_of("segment_after_header:1", MR_FAILPOINT_batch_recorded, 5), 0);
	MR_FAILPOINT(batch_recorded); // nothing is armed here
}

static void every_name_can_be_armed(void **state)
{
	(void)state;
	for (enum mr_failpoint point = 0; point < MR_FAILPOINT_COUNT; point++) {
		char text[64];
		snprintf(text, sizeof(text), "%s:1", mr_failpoint_info(point)->name);
		assert_int_equal(signal_of(text, point, 1), SIGKILL);
	}
}

static void nonsense_is_refused(void **state)
{
	(void)state;
	const char *const bad[] = {"", ":", "segment_after_header",
		"segment_after_header:", "segment_after_header:0", "segment_after_header:x",
		"segment_after_header:-1", "segment:1", "segment_after_header2:1", ":1",
		"segment_after_header:1:1", "segment_after_header:99999999999999999999"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(mr_failpoint_arm(bad[i]), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_kills_at_the_count_and_no_sooner),
		cmocka_unit_test(other_points_are_passed),
		cmocka_unit_test(every_name_can_be_armed),
		cmocka_unit_test(nonsense_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
