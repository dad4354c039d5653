#include "quarantine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "disk_fake.h"

enum { BAD = 4711, OTHER = 4712 };

// A start that replays OTHER and then BAD, and crashes in it when `crashes`. Whether BAD was
// skipped.
static bool start(struct disk_fake *fake, bool crashes)
{
	const struct mr_disk disk = disk_fake_disk(fake);
	struct mr_quarantine quarantine;
	mr_quarantine_open(&quarantine, &disk);
	assert_true(mr_quarantine_enter(&quarantine, OTHER));
	const bool is_skipped = !mr_quarantine_enter(&quarantine, BAD);
	if (!crashes)
		mr_quarantine_leave(&quarantine);
	mr_quarantine_close(&quarantine, false);
	return is_skipped;
}

static void a_record_is_skipped_after_the_second_crash(void **state)
{
	(void)state;
	struct disk_fake *fake = disk_fake_new(1);
	assert_false(start(fake, true));
	assert_false(start(fake, true));
	assert_true(start(fake, false));
	assert_true(start(fake, false)); // until a start succeeds
	disk_fake_free(fake);
}

static void a_crash_elsewhere_is_not_the_second_one(void **state)
{
	(void)state;
	struct disk_fake *fake = disk_fake_new(1);
	assert_false(start(fake, true));
	assert_false(start(fake, false)); // crashed between two records
	assert_false(start(fake, true));
	assert_false(start(fake, true));
	assert_true(start(fake, true));
	disk_fake_free(fake);
}

static void what_is_skipped_already_stays_so_while_the_next_one_crashes(void **state)
{
	(void)state;
	struct disk_fake *fake = disk_fake_new(1);
	const struct mr_disk disk = disk_fake_disk(fake);
	struct mr_quarantine quarantine;
	assert_false(start(fake, true));
	assert_false(start(fake, true));
	for (uint32_t i = 0; i < MR_QUARANTINE_CRASHES; i++) {
		mr_quarantine_open(&quarantine, &disk);
		assert_false(mr_quarantine_enter(&quarantine, BAD));
		assert_true(mr_quarantine_enter(&quarantine, OTHER));
		mr_quarantine_close(&quarantine, false);
	}
	mr_quarantine_open(&quarantine, &disk);
	assert_false(mr_quarantine_enter(&quarantine, BAD));
	assert_false(mr_quarantine_enter(&quarantine, OTHER));
	assert_int_equal(mr_quarantine_count(&quarantine), 2);
	assert_int_equal(mr_quarantine_at(&quarantine, 0), BAD);
	assert_int_equal(mr_quarantine_at(&quarantine, 1), OTHER);
	mr_quarantine_close(&quarantine, true);
	disk_fake_free(fake);
}

static void a_start_that_succeeds_leaves_nothing(void **state)
{
	(void)state;
	struct disk_fake *fake = disk_fake_new(1);
	const struct mr_disk disk = disk_fake_disk(fake);
	struct mr_quarantine quarantine;
	assert_false(start(fake, true));
	mr_quarantine_open(&quarantine, &disk);
	mr_quarantine_close(&quarantine, true);
	uint64_t size = 0;
	assert_null(disk_fake_look(fake, "replaying", &size));
	assert_false(start(fake, true));
	assert_false(start(fake, true));
	disk_fake_free(fake);
}

static void without_a_file_nothing_is_skipped(void **state)
{
	(void)state;
	struct disk_fake *fake = disk_fake_new(1);
	struct mr_disk disk = disk_fake_disk(fake);
	disk.map = NULL;
	struct mr_quarantine quarantine;
	mr_quarantine_open(&quarantine, &disk);
	assert_true(mr_quarantine_enter(&quarantine, BAD));
	mr_quarantine_leave(&quarantine);
	assert_int_equal(mr_quarantine_count(&quarantine), 0);
	mr_quarantine_close(&quarantine, true);
	disk_fake_free(fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_skipped_after_the_second_crash),
		cmocka_unit_test(a_crash_elsewhere_is_not_the_second_one),
		cmocka_unit_test(what_is_skipped_already_stays_so_while_the_next_one_crashes),
		cmocka_unit_test(a_start_that_succeeds_leaves_nothing),
		cmocka_unit_test(without_a_file_nothing_is_skipped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
