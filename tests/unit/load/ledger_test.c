// The file between sender and receiver.
#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <millrace/reason.h>

enum { CAPACITY = 10 };

static char path[64];
static const struct mr_workload_options workload = {
	.objects = 5, .first_object = 9, .projects = 2, .workspaces = 3};

static void create(struct mr_ledger *ledger)
{
	snprintf(path, sizeof(path), "/tmp/millrace-ledger-%d", (int)getpid());
	assert_int_equal(mr_ledger_create(ledger, path, CAPACITY, &workload, 77, 16), 0);
}

static void the_receiver_sees_what_the_sender_wrote(void **state)
{
	(void)state;
	struct mr_ledger sender;
	struct mr_ledger receiver;
	struct mr_ledger_view view;
	create(&sender);
	assert_int_equal(mr_ledger_open(&receiver, path), 0);
	assert_int_equal(receiver.header->hash_seed, 77);
	assert_int_equal(receiver.header->flows, 16);
	assert_memory_equal(&receiver.header->workload, &workload, sizeof(workload));
	assert_false(mr_ledger_get(&receiver, 1, &view));
	const uint64_t object = (UINT64_C(1) << 44) - 1;
	for (uint64_t n = 1; n <= 4; n++)
		assert_int_equal(mr_ledger_offer(&sender, n, object - n, 1000 + n), 0);
	mr_ledger_settle(&sender, 2, MR_LEDGER_ACCEPTED, 0);
	mr_ledger_settle(&sender, 3, MR_LEDGER_REFUSED, MR_REASON_OBJECT_FULL);
	mr_ledger_settle(&sender, 4, MR_LEDGER_UNSENT, 0);
	const uint8_t states[] = {MR_LEDGER_OFFERED, MR_LEDGER_ACCEPTED,
		MR_LEDGER_REFUSED + MR_REASON_OBJECT_FULL, MR_LEDGER_UNSENT};
	for (uint64_t n = 1; n <= 4; n++) {
		assert_true(mr_ledger_get(&receiver, n, &view));
		assert_int_equal(view.object, object - n);
		assert_int_equal(view.intended_ns, 1000 + n);
		assert_int_equal(view.state, states[n - 1]);
	}
	assert_false(mr_ledger_get(&receiver, 0, &view));
	assert_false(mr_ledger_get(&receiver, 5, &view));
	assert_false(mr_ledger_finished(&receiver));
	mr_ledger_finish(&sender);
	assert_true(mr_ledger_finished(&receiver));
	mr_ledger_close(&sender);
	mr_ledger_close(&receiver);
	unlink(path);
}

static void a_full_ledger_takes_no_more(void **state)
{
	(void)state;
	struct mr_ledger sender;
	create(&sender);
	for (uint64_t n = 1; n <= CAPACITY; n++)
		assert_int_equal(mr_ledger_offer(&sender, n, n, n), 0);
	assert_int_equal(mr_ledger_offer(&sender, CAPACITY + 1, 1, 1), -ENOSPC);
	assert_int_equal(mr_ledger_offered(&sender), CAPACITY);
	mr_ledger_close(&sender);
	unlink(path);
}

static void a_new_run_does_not_disturb_the_reader_of_the_old_one(void **state)
{
	(void)state;
	struct mr_ledger old_sender;
	struct mr_ledger old_receiver;
	struct mr_ledger new_sender;
	create(&old_sender);
	assert_int_equal(mr_ledger_offer(&old_sender, 1, 1, 1), 0);
	assert_int_equal(mr_ledger_open(&old_receiver, path), 0);
	create(&new_sender);
	assert_int_equal(mr_ledger_offered(&old_receiver), 1);
	assert_int_equal(mr_ledger_offered(&new_sender), 0);
	mr_ledger_close(&old_sender);
	mr_ledger_close(&old_receiver);
	mr_ledger_close(&new_sender);
	unlink(path);
}

static void what_is_no_ledger_is_refused(void **state)
{
	(void)state;
	struct mr_ledger ledger;
	create(&ledger);
	mr_ledger_close(&ledger);
	const struct {
		off_t at;
		uint64_t value;
		size_t bytes;
	} damage[] = {
		{offsetof(struct mr_ledger_header, magic), 1, 4},
		{offsetof(struct mr_ledger_header, version), 99, 4},
		{offsetof(struct mr_ledger_header, capacity), CAPACITY + 1,
			8}, // more than the file holds
		{offsetof(struct mr_ledger_header, workload)
				+ offsetof(struct mr_workload_options, projects),
			0, 8},
		{offsetof(struct mr_ledger_header, workload)
				+ offsetof(struct mr_workload_options, workspaces),
			0, 8},
	};
	for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		create(&ledger);
		mr_ledger_close(&ledger);
		int fd = open(path, O_RDWR | O_CLOEXEC);
		assert_int_equal(pwrite(fd, &damage[i].value, damage[i].bytes, damage[i].at),
			damage[i].bytes);
		close(fd);
		assert_int_equal(mr_ledger_open(&ledger, path), -EBADMSG);
		assert_null(ledger.header);
	}
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(mr_ledger_open(&ledger, path), -EBADMSG);
	unlink(path);
	assert_int_equal(mr_ledger_open(&ledger, path), -ENOENT);
	assert_int_equal(mr_ledger_create(&ledger, "/nowhere/at/all", 1, &workload, 1, 1), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_receiver_sees_what_the_sender_wrote),
		cmocka_unit_test(a_full_ledger_takes_no_more),
		cmocka_unit_test(a_new_run_does_not_disturb_the_reader_of_the_old_one),
		cmocka_unit_test(what_is_no_ledger_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
