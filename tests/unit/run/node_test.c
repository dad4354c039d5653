// The steward's own stream: what it writes, when it counts, and what a checkpoint says.
#include "node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "record_codec.h"

enum { STREAM_BYTES = 65536 };

static struct mr_arena arena;
static struct mr_stream stream;
static struct mr_journal_board board;
static struct mr_owner_board owner;
static struct mr_node node;

static const struct mr_node_session session = {.app = 1, .session_id = 42, .key_id = 5, .epoch = 3};

static int setup(void **state)
{
	(void)state;
	memset(&board, 0, sizeof(board));
	memset(&owner, 0, sizeof(owner));
	node = (struct mr_node){
		.stream = &stream, .journal = &board, .owner = &owner, .wall_ns = 1000};
	return mr_arena_open(&arena, 1 << 20, false) == 0
			&& mr_stream_init(&stream, &arena, 7, STREAM_BYTES, MR_STREAM_START)
		? 0
		: -1;
}

static int teardown(void **state)
{
	(void)state;
	mr_arena_close(&arena);
	return 0;
}

static void make_durable(uint64_t end)
{
	atomic_store_explicit(&stream.watermark, end, memory_order_release);
}

static void session_is_written_whole_and_counts_when_durable(void **state)
{
	(void)state;
	struct mr_record_session record;
	uint64_t end = mr_node_session(&node, &session, MR_SESSION_CLOSED);
	assert_int_equal(end, MR_STREAM_START + sizeof(record));
	assert_false(mr_node_durable(&node, end));
	make_durable(end - 8);
	assert_false(mr_node_durable(&node, end));
	make_durable(end);
	assert_true(mr_node_durable(&node, end));
	assert_true(mr_stream_read(&stream, MR_STREAM_START, &record, sizeof(record)));
	assert_int_equal(mr_record_check(&record, sizeof(record)), 0);
	assert_int_equal(record.record.kind, MR_RECORD_SESSION);
	assert_int_equal(record.record.flags, MR_SESSION_CLOSED);
	assert_int_equal(record.app, 1);
	assert_int_equal(record.session_id, 42);
	assert_int_equal(record.key_id, 5);
	assert_int_equal(record.session_epoch, 3);
	assert_int_equal(record.at_ns, 1000);
}

static void expiry_is_written_whole(void **state)
{
	(void)state;
	struct mr_record_expired record;
	(void)mr_node_expired(&node, 77, 99);
	assert_true(mr_stream_read(&stream, MR_STREAM_START, &record, sizeof(record)));
	assert_int_equal(mr_record_check(&record, sizeof(record)), 0);
	assert_int_equal(record.record.kind, MR_RECORD_EXPIRED);
	assert_int_equal(record.webhook, 77);
	assert_int_equal(record.entry_hash, 99);
}

static void full_stream_has_room_again_when_the_journal_has_it(void **state)
{
	(void)state;
	uint64_t end = 0;
	uint32_t count = 0;
	for (; mr_node_has_room(&node); count++)
		end = mr_node_session(&node, &session, 0);
	assert_in_range(count, STREAM_BYTES / sizeof(struct mr_record_session) - 17,
		STREAM_BYTES / sizeof(struct mr_record_session));
	mr_node_retire(&node);
	assert_false(mr_node_has_room(&node)); // nothing is durable yet
	make_durable(end);
	mr_node_retire(&node);
	assert_true(mr_node_has_room(&node));
}

static void checkpoint_is_wanted_once_and_ends_behind_its_records(void **state)
{
	(void)state;
	assert_int_equal(mr_node_wanted(&node), 0);
	atomic_store(&board.epoch, 4);
	assert_int_equal(mr_node_wanted(&node), 4);
	uint64_t end = mr_node_session(&node, &session, 0);
	mr_node_checkpointed(&node, 4);
	assert_int_equal(mr_node_wanted(&node), 0);
	assert_int_equal(atomic_load(&owner.epoch), 4);
	assert_int_equal(atomic_load(&owner.epoch_end), end);
}

static void failure_of_the_journal_is_seen(void **state)
{
	(void)state;
	assert_false(mr_node_failed(&node));
	atomic_store(&board.state, MR_JOURNAL_FULL);
	assert_false(mr_node_failed(&node));
	atomic_store(&board.state, MR_JOURNAL_FAILED);
	assert_true(mr_node_failed(&node));
}

static void volatile_node_writes_nothing_and_everything_counts(void **state)
{
	(void)state;
	struct mr_node none = {0};
	assert_true(mr_node_has_room(&none));
	assert_true(mr_node_durable(&none, mr_node_session(&none, &session, 0)));
	assert_int_equal(mr_node_wanted(&none), 0);
	assert_false(mr_node_failed(&none));
	mr_node_retire(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			session_is_written_whole_and_counts_when_durable, setup, teardown),
		cmocka_unit_test_setup_teardown(expiry_is_written_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(
			full_stream_has_room_again_when_the_journal_has_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			checkpoint_is_wanted_once_and_ends_behind_its_records, setup, teardown),
		cmocka_unit_test_setup_teardown(failure_of_the_journal_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(
			volatile_node_writes_nothing_and_everything_counts, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
