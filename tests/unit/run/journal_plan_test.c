// How large a journal may become, from the configuration and a directory.
#include "journal_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

static char directory[64];
static struct mr_config *config;

static int setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/millrace-plan-XXXXXX");
	config = mr_config_new();
	if (config == NULL || mkdtemp(directory) == NULL)
		return -1;
	snprintf(config->journal_dir, sizeof(config->journal_dir), "%s", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mr_config_free(config);
	return rmdir(directory);
}

static struct mr_journal_plan make(void)
{
	struct mr_journal_plan plan;
	char why[320] = "";
	int err = mr_journal_plan_make(config, &plan, why, sizeof(why));
	if (err != 0)
		fail_msg("%s", why);
	return plan;
}

static void what_was_asked_for_is_taken_in_whole_segments(void **state)
{
	(void)state;
	config->segment_bytes = 4 * MIB;
	config->retention_bytes = 43 * MIB;
	struct mr_journal_plan plan = make();
	assert_int_equal(plan.retention_bytes, 40 * MIB);
	assert_int_equal(plan.segments_max, 10 + MR_SEGMENT_SPARES);
	assert_int_equal(plan.checkpoint_bytes, 10 * MIB);
	assert_int_equal(plan.commit_bytes_max, MIB);
}

static void small_segments_have_small_commits(void **state)
{
	(void)state;
	config->segment_bytes = MIB;
	config->retention_bytes = 64 * MIB;
	assert_int_equal(make().commit_bytes_max, MIB / 4);
	config->commit_max = 64 << 10;
	assert_int_equal(make().commit_bytes_max, 64 << 10);
}

static void without_a_bound_it_is_most_of_what_is_free_or_the_journals_already(void **state)
{
	(void)state;
	char path[96];
	config->segment_bytes = MIB;
	snprintf(path, sizeof(path), "%s/segment-0000000000000001", directory);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 3 * MIB), 0);
	close(fd);
	struct mr_journal_plan plan = make();
	assert_int_equal(unlink(path), 0);
	assert_int_equal(plan.present_bytes, 3 * MIB);
	uint64_t most = (plan.free_bytes + plan.present_bytes) / 100 * 80;
	assert_true(plan.retention_bytes <= most);
	assert_true(plan.segments_max <= MR_SEGMENTS_MAX);
	assert_true(plan.retention_bytes + MIB > most || plan.segments_max == MR_SEGMENTS_MAX);
}

static void directory_that_is_still_to_be_made_has_the_space_of_the_one_above(void **state)
{
	(void)state;
	snprintf(config->journal_dir, sizeof(config->journal_dir), "%s/a/b", directory);
	assert_true(make().free_bytes > 0);
}

static void too_small_a_file_system_is_named(void **state)
{
	(void)state;
	struct mr_journal_plan plan;
	char why[320] = "";
	config->segment_bytes = UINT64_C(1) << 60;
	assert_int_equal(mr_journal_plan_make(config, &plan, why, sizeof(why)), -ENOSPC);
	assert_non_null(strstr(why, directory));
	assert_non_null(strstr(why, "lower journal.segment_bytes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_was_asked_for_is_taken_in_whole_segments, setup, teardown),
		cmocka_unit_test_setup_teardown(small_segments_have_small_commits, setup, teardown),
		cmocka_unit_test_setup_teardown(
			without_a_bound_it_is_most_of_what_is_free_or_the_journals_already, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			directory_that_is_still_to_be_made_has_the_space_of_the_one_above, setup,
			teardown),
		cmocka_unit_test_setup_teardown(too_small_a_file_system_is_named, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
