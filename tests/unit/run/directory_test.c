// Sessions from HELLO to WELCOME and from BYE to BYE, with stages played by the test.
#include "directory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <millrace/reason.h>

#include "wire_codec.h"

// Stage 0 is the source, stages 1 and 2 are shards.
enum { STAGES = 3, FLOWS = 4, SESSIONS = 2 };

struct world {
	struct mr_arena arena;
	struct mr_postbox postbox;
	struct mr_directory directory;
	struct mr_ring *rings[STAGES];
	mr_counter generations[STAGES];
	struct mr_handshake handshakes[4];
	uint32_t opens[STAGES], closes[STAGES];
	struct mr_node node;
	mr_counter seen[SESSIONS];
	mr_counter expired;
	uint64_t now_ns;
	const struct mr_handshake *answered; // last one that came back to the source
};

static struct world *world;

static int setup(void **state)
{
	(void)state;
	world = calloc(1, sizeof(*world));
	assert_int_equal(mr_arena_open(&world->arena, 16 << 20, false), 0);
	assert_true(mr_postbox_init(&world->postbox, &world->arena));
	struct mr_directory_config config = {
		.replies = {.hash_seed = 77, .boot_id = 99, .flows = FLOWS, .is_volatile = true},
		.sessions_max = SESSIONS,
		.seen = {world->seen},
		.expired = &world->expired,
		.sources = {.bits = {1}},
		.shards = {.bits = {6}}};
	assert_true(mr_directory_init(
		&world->directory, &world->arena, &world->postbox, &world->node, &config));
	for (uint32_t i = 0; i < STAGES; i++) {
		world->rings[i] = mr_ring_new(&world->arena, "ring", 64);
		mr_postbox_stage(&world->postbox, i, world->rings[i], &world->generations[i]);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mr_arena_close(&world->arena);
	free(world);
	return 0;
}

static struct mr_handshake *ask(uint32_t slot, enum mr_wire_type type, uint64_t session_id,
	uint16_t flows, const uint64_t *known, size_t padded)
{
	struct mr_handshake *handshake = &world->handshakes[slot];
	struct mr_wire_header header = {
		.type = (uint8_t)type, .key_id = 5, .session_id = session_id, .send_time_ns = 123};
	struct mr_wire_hello hello = {.flows = flows};
	size_t body = type == MR_WIRE_HELLO ? sizeof(hello) + flows * 8u : 0;
	*handshake = (struct mr_handshake){.app = 1, .slot = (uint16_t)slot, .reply_length = 7};
	if (type == MR_WIRE_HELLO) {
		memcpy(handshake->request + MR_WIRE_HEADER_BYTES, &hello, sizeof(hello));
		if (flows > 0)
			memcpy(handshake->request + MR_WIRE_HEADER_BYTES + sizeof(hello), known,
				flows * 8u);
	}
	if (padded > MR_WIRE_HEADER_BYTES + body + MR_WIRE_TAG_BYTES)
		body = padded - MR_WIRE_HEADER_BYTES - MR_WIRE_TAG_BYTES;
	handshake->request_length = (uint32_t)mr_wire_finish(handshake->request, &header, body);
	return handshake;
}

static void apply(uint32_t stage, struct mr_steward_msg *msg)
{
	if (msg->kind == MR_STEWARD_SESSION_OPEN) {
		world->opens[stage]++;
		for (uint32_t flow = stage - 1; stage > 0 && flow < FLOWS; flow += 2)
			msg->session.grants[flow] = (struct mr_wire_grant){
				.next = msg->session.known[flow] + 1, .edge = 1000 * stage + flow};
	} else if (msg->kind == MR_STEWARD_SESSION_CLOSE) {
		world->closes[stage]++;
	} else {
		assert_int_equal(msg->kind, MR_STEWARD_WELCOME);
		assert_int_equal(stage, 0);
		world->answered = msg->handshake;
	}
	atomic_store_explicit(&world->generations[stage], msg->generation, memory_order_release);
}

// The steward and one stage take a turn.
static void turn(uint32_t stage)
{
	struct mr_desc desc;
	mr_directory_work(&world->directory, world->now_ns);
	mr_postbox_work(&world->postbox);
	while (mr_ring_pop_burst(world->rings[stage], &desc, 1) == 1)
		apply(stage, (struct mr_steward_msg *)(uintptr_t)desc.word[0]);
	mr_postbox_work(&world->postbox);
	mr_directory_work(&world->directory, world->now_ns);
	mr_postbox_work(&world->postbox);
}

static void turn_all(void)
{
	for (uint32_t round = 0; round < 4; round++)
		for (uint32_t stage = 0; stage < STAGES; stage++)
			turn(stage);
}

static struct mr_wire_header reply_of(
	const struct mr_handshake *handshake, const uint8_t **ret_body, size_t *ret_length)
{
	struct mr_wire_header header;
	assert_true(handshake->reply_length > 0);
	assert_int_equal(mr_wire_parse(handshake->reply, handshake->reply_length, &header, ret_body,
				 ret_length),
		MR_DISCARD_COUNT);
	return header;
}

static void expect_error(const struct mr_handshake *handshake, enum mr_reason reason)
{
	struct mr_wire_error error;
	const uint8_t *body;
	size_t length;
	assert_ptr_equal(world->answered, handshake);
	assert_int_equal(reply_of(handshake, &body, &length).type, MR_WIRE_ERROR);
	assert_int_equal(length, sizeof(error));
	memcpy(&error, body, sizeof(error));
	assert_int_equal(error.reason, reason);
}

static void welcome_is_sent_when_every_stage_knows_the_session(void **state)
{
	(void)state;
	struct mr_wire_welcome welcome;
	struct mr_wire_grant grants[MR_FLOWS_MAX];
	const uint8_t *body;
	size_t length;
	struct mr_handshake *hello = ask(0, MR_WIRE_HELLO, 42, 0, NULL, MR_WIRE_HELLO_BYTES);
	mr_directory_hello(&world->directory, hello);
	turn(0);
	turn(1);
	turn(0);
	assert_null(world->answered); // one shard has not spoken yet
	turn(2);
	turn(0);
	assert_ptr_equal(world->answered, hello);
	struct mr_wire_header header = reply_of(hello, &body, &length);
	assert_int_equal(header.type, MR_WIRE_WELCOME);
	assert_int_equal(header.session_id, 42);
	assert_int_equal(header.send_time_ns, 123);
	assert_int_equal(header.flags, MR_WIRE_FLAG_VOLATILE);
	assert_int_equal(mr_wire_parse_welcome(body, length, &welcome, grants), 0);
	assert_int_equal(welcome.flows, FLOWS);
	assert_int_equal(welcome.hash_seed, 77);
	assert_int_equal(welcome.boot_id, 99);
	assert_int_equal(grants[0].next, 1);
	assert_int_equal(grants[2].edge, 1002); // shard 0 has flows 0 and 2
	assert_int_equal(grants[3].edge, 2003); // shard 1 has flows 1 and 3
	assert_true(hello->reply_length <= hello->request_length);
	assert_int_equal(world->directory.open, 1);
}

static void resumed_session_keeps_its_index_and_brings_what_it_knows(void **state)
{
	(void)state;
	struct mr_wire_welcome welcome;
	struct mr_wire_grant grants[MR_FLOWS_MAX];
	const uint64_t known[FLOWS] = {10, 20, 30, 40};
	const uint8_t *body;
	size_t length;
	mr_directory_hello(
		&world->directory, ask(0, MR_WIRE_HELLO, 42, 0, NULL, MR_WIRE_HELLO_BYTES));
	turn_all();
	struct mr_handshake *again = ask(1, MR_WIRE_HELLO, 42, FLOWS, known, MR_WIRE_HELLO_BYTES);
	mr_directory_hello(&world->directory, again);
	turn_all();
	assert_ptr_equal(world->answered, again);
	(void)reply_of(again, &body, &length);
	assert_int_equal(mr_wire_parse_welcome(body, length, &welcome, grants), 0);
	assert_int_equal(grants[3].next, 41);
	assert_int_equal(world->directory.open, 1);
	assert_int_equal(world->opens[1], 2);
}

static void hello_sent_twice_is_answered_once(void **state)
{
	(void)state;
	struct mr_handshake *first = ask(0, MR_WIRE_HELLO, 42, 0, NULL, MR_WIRE_HELLO_BYTES);
	struct mr_handshake *second = ask(1, MR_WIRE_HELLO, 42, 0, NULL, MR_WIRE_HELLO_BYTES);
	mr_directory_hello(&world->directory, first);
	mr_directory_hello(&world->directory, second);
	turn_all();
	assert_int_equal(second->reply_length, 0);
	assert_true(first->reply_length > 0);
	assert_int_equal(world->opens[2], 1);
}

static void hello_beyond_the_bound_is_refused(void **state)
{
	(void)state;
	for (uint64_t session = 1; session <= SESSIONS; session++) {
		mr_directory_hello(&world->directory,
			ask(0, MR_WIRE_HELLO, session, 0, NULL, MR_WIRE_HELLO_BYTES));
		turn_all();
	}
	struct mr_handshake *third = ask(1, MR_WIRE_HELLO, 3, 0, NULL, MR_WIRE_HELLO_BYTES);
	mr_directory_hello(&world->directory, third);
	turn_all();
	expect_error(third, MR_REASON_NO_CREDIT);
	assert_int_equal(world->directory.open, SESSIONS);
}

static void hello_that_is_wrong_is_malformed(void **state)
{
	(void)state;
	const uint64_t known[8] = {0};
	const struct {
		uint64_t session;
		uint16_t flows;
	} wrong[] = {{0, 0}, {1, 2}, {1, 8}};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct mr_handshake *hello = ask(0, MR_WIRE_HELLO, wrong[i].session, wrong[i].flows,
			known, MR_WIRE_HELLO_BYTES);
		mr_directory_hello(&world->directory, hello);
		turn_all();
		expect_error(hello, MR_REASON_MALFORMED);
	}
	assert_int_equal(world->directory.open, 0);
}

static void reply_is_never_larger_than_its_request(void **state)
{
	(void)state;
	struct mr_handshake *small = ask(0, MR_WIRE_HELLO, 42, 0, NULL, 0);
	mr_directory_hello(&world->directory, small);
	turn_all();
	assert_ptr_equal(world->answered, small);
	assert_int_equal(small->reply_length, 0);
}

static void bye_ends_the_session_at_sources_before_shards(void **state)
{
	(void)state;
	const uint8_t *body;
	size_t length;
	mr_directory_hello(
		&world->directory, ask(0, MR_WIRE_HELLO, 42, 0, NULL, MR_WIRE_HELLO_BYTES));
	turn_all();
	struct mr_handshake *bye = ask(1, MR_WIRE_BYE, 42, 0, NULL, 0);
	mr_directory_bye(&world->directory, bye);
	turn(1);
	turn(2);
	assert_int_equal(world->closes[1] + world->closes[2], 0); // the source has not closed yet
	turn(0);
	assert_int_equal(world->closes[0], 1);
	turn_all();
	assert_int_equal(world->closes[1], 1);
	assert_int_equal(world->closes[2], 1);
	assert_ptr_equal(world->answered, bye);
	assert_int_equal(reply_of(bye, &body, &length).type, MR_WIRE_BYE);
	assert_int_equal(world->directory.open, 0);
	struct mr_handshake *again = ask(2, MR_WIRE_BYE, 42, 0, NULL, 0);
	mr_directory_bye(&world->directory, again); // the answer was lost
	turn_all();
	assert_int_equal(reply_of(again, &body, &length).type, MR_WIRE_BYE);
	mr_directory_hello(
		&world->directory, ask(3, MR_WIRE_HELLO, 43, 0, NULL, MR_WIRE_HELLO_BYTES));
	turn_all();
	assert_int_equal(world->directory.open, 1);
}

static void draining_router_opens_no_session_and_resumes_those_it_has(void **state)
{
	(void)state;
	const uint8_t *body;
	size_t length;
	mr_directory_hello(
		&world->directory, ask(0, MR_WIRE_HELLO, 42, 0, NULL, MR_WIRE_HELLO_BYTES));
	turn_all();
	world->directory.draining = true;
	struct mr_handshake *fresh = ask(1, MR_WIRE_HELLO, 43, 0, NULL, MR_WIRE_HELLO_BYTES);
	mr_directory_hello(&world->directory, fresh);
	turn_all();
	expect_error(fresh, MR_REASON_DRAINING);
	struct mr_handshake *known = ask(2, MR_WIRE_HELLO, 42, 0, NULL, MR_WIRE_HELLO_BYTES);
	mr_directory_hello(&world->directory, known);
	turn_all();
	assert_int_equal(reply_of(known, &body, &length).type, MR_WIRE_WELCOME);
}

// -- With a journal

static void open_journal(void)
{
	static struct mr_journal_board board;
	static struct mr_owner_board owner;
	static struct mr_stream stream;
	board = (struct mr_journal_board){0};
	owner = (struct mr_owner_board){0};
	assert_true(mr_stream_init(&stream, &world->arena, 9, 65536, MR_STREAM_START));
	world->node = (struct mr_node){.stream = &stream, .journal = &board, .owner = &owner};
}

static void make_durable(void)
{
	struct mr_stream *stream = world->node.stream;
	atomic_store_explicit(&stream->watermark, mr_stream_next(stream), memory_order_release);
}

static struct mr_record_session last_record(void)
{
	struct mr_record_session record;
	assert_true(mr_stream_read(world->node.stream,
		mr_stream_next(world->node.stream) - sizeof(record), &record, sizeof(record)));
	return record;
}

static void no_stage_hears_of_a_session_before_it_is_durable(void **state)
{
	(void)state;
	const uint8_t *body;
	size_t length;
	open_journal();
	struct mr_handshake *hello = ask(0, MR_WIRE_HELLO, 42, 0, NULL, MR_WIRE_HELLO_BYTES);
	mr_directory_hello(&world->directory, hello);
	turn_all();
	assert_null(world->answered);
	assert_int_equal(world->opens[0] + world->opens[1], 0);
	assert_int_equal(last_record().session_id, 42);
	assert_int_equal(last_record().key_id, 5);
	make_durable();
	turn_all();
	assert_ptr_equal(world->answered, hello);
	assert_int_equal(reply_of(hello, &body, &length).type, MR_WIRE_WELCOME);
}

static void bye_is_answered_when_the_end_is_durable(void **state)
{
	(void)state;
	open_journal();
	mr_directory_hello(
		&world->directory, ask(0, MR_WIRE_HELLO, 42, 0, NULL, MR_WIRE_HELLO_BYTES));
	turn_all();
	make_durable();
	turn_all();
	struct mr_handshake *bye = ask(1, MR_WIRE_BYE, 42, 0, NULL, 0);
	mr_directory_bye(&world->directory, bye);
	turn_all();
	assert_ptr_not_equal(world->answered, bye);
	assert_int_equal(world->closes[2], 1);
	assert_int_equal(last_record().record.flags, MR_SESSION_CLOSED);
	assert_int_equal(world->directory.open, 1); // its place is not given away yet
	make_durable();
	turn_all();
	assert_ptr_equal(world->answered, bye);
	assert_int_equal(world->directory.open, 0);
}

static void session_that_is_resumed_is_not_written_again_but_for_another_key(void **state)
{
	(void)state;
	open_journal();
	mr_directory_hello(
		&world->directory, ask(0, MR_WIRE_HELLO, 42, 0, NULL, MR_WIRE_HELLO_BYTES));
	turn_all();
	make_durable();
	turn_all();
	uint64_t end = mr_stream_next(world->node.stream);
	mr_directory_hello(
		&world->directory, ask(0, MR_WIRE_HELLO, 42, 0, NULL, MR_WIRE_HELLO_BYTES));
	turn_all();
	assert_int_equal(mr_stream_next(world->node.stream), end);
	assert_int_equal(world->opens[2], 2);
	struct mr_handshake *other = ask(0, MR_WIRE_HELLO, 42, 0, NULL, MR_WIRE_HELLO_BYTES);
	struct mr_wire_header header;
	memcpy(&header, other->request, sizeof(header));
	header.key_id = 6;
	memcpy(other->request, &header, sizeof(header));
	mr_directory_hello(&world->directory, other);
	turn_all();
	assert_int_equal(last_record().key_id, 6);
	make_durable();
	turn_all();
	assert_int_equal(world->opens[2], 3);
}

static void recovered_session_goes_on_without_a_hello(void **state)
{
	(void)state;
	const uint8_t *body;
	size_t length;
	open_journal();
	const struct mr_directory_known known = {
		.index = 1, .session = {.app = 1, .session_id = 42, .key_id = 5}};
	mr_directory_recover(&world->directory, &known);
	turn_all();
	assert_int_equal(world->opens[0], 0); // the configuration is not in force yet
	mr_directory_resume(&world->directory);
	turn_all();
	assert_int_equal(world->opens[0], 1);
	assert_int_equal(world->opens[1] + world->opens[2], 0); // the shards have it
	assert_null(world->answered);
	assert_true(mr_directory_idle(&world->directory));
	struct mr_handshake *hello = ask(0, MR_WIRE_HELLO, 42, 0, NULL, MR_WIRE_HELLO_BYTES);
	mr_directory_hello(&world->directory, hello);
	turn_all();
	assert_int_equal(reply_of(hello, &body, &length).type, MR_WIRE_WELCOME);
	assert_int_equal(world->directory.open, 1);
}

static void checkpoint_names_every_session_that_is_not_closed(void **state)
{
	(void)state;
	open_journal();
	mr_directory_hello(
		&world->directory, ask(0, MR_WIRE_HELLO, 42, 0, NULL, MR_WIRE_HELLO_BYTES));
	turn_all();
	uint64_t end = mr_stream_next(world->node.stream);
	assert_true(mr_directory_record(&world->directory, 0)); // not welcome yet
	assert_int_equal(
		mr_stream_next(world->node.stream), end + sizeof(struct mr_record_session));
	assert_true(mr_directory_record(&world->directory, 1)); // nobody's
	assert_int_equal(
		mr_stream_next(world->node.stream), end + sizeof(struct mr_record_session));
	make_durable();
	turn_all();
	mr_directory_bye(&world->directory, ask(1, MR_WIRE_BYE, 42, 0, NULL, 0));
	turn_all(); // its end is written, and not durable
	end = mr_stream_next(world->node.stream);
	assert_true(mr_directory_record(&world->directory, 0));
	assert_int_equal(mr_stream_next(world->node.stream), end);
}

static void failed_journal_opens_no_session(void **state)
{
	(void)state;
	open_journal();
	struct mr_journal_board failed = {.state = MR_JOURNAL_FAILED};
	world->node.journal = &failed;
	struct mr_handshake *hello = ask(0, MR_WIRE_HELLO, 42, 0, NULL, MR_WIRE_HELLO_BYTES);
	mr_directory_hello(&world->directory, hello);
	turn_all();
	expect_error(hello, MR_REASON_JOURNAL_FAILED);
}

static void session_that_is_silent_for_a_day_ends_by_itself(void **state)
{
	(void)state;
	const uint64_t hour_ns = UINT64_C(3600000000000);
	world->now_ns = hour_ns;
	turn_all();
	mr_directory_hello(
		&world->directory, ask(0, MR_WIRE_HELLO, 42, 0, NULL, MR_WIRE_HELLO_BYTES));
	turn_all();
	world->seen[0] = 2 * hour_ns; // its last packet
	world->now_ns = 25 * hour_ns + hour_ns / 2;
	turn_all();
	assert_int_equal(world->directory.open, 1);
	world->now_ns = 26 * hour_ns;
	turn_all();
	assert_int_equal(world->directory.open, 0);
	assert_int_equal(world->closes[0], 1);
	assert_int_equal(world->closes[2], 1);
	assert_int_equal(mr_read(&world->expired), 1);
	assert_true(mr_directory_idle(&world->directory));
}

static void app_leaves_half_of_the_table_to_others(void **state)
{
	(void)state;
	world->directory.apps = 2;
	mr_directory_hello(
		&world->directory, ask(0, MR_WIRE_HELLO, 1, 0, NULL, MR_WIRE_HELLO_BYTES));
	turn_all();
	struct mr_handshake *second = ask(1, MR_WIRE_HELLO, 2, 0, NULL, MR_WIRE_HELLO_BYTES);
	mr_directory_hello(&world->directory, second);
	turn_all();
	expect_error(second, MR_REASON_NO_CREDIT);
	struct mr_handshake *other = ask(1, MR_WIRE_HELLO, 2, 0, NULL, MR_WIRE_HELLO_BYTES);
	other->app = 2;
	mr_directory_hello(&world->directory, other);
	turn_all();
	assert_int_equal(world->directory.open, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			welcome_is_sent_when_every_stage_knows_the_session, setup, teardown),
		cmocka_unit_test_setup_teardown(
			resumed_session_keeps_its_index_and_brings_what_it_knows, setup, teardown),
		cmocka_unit_test_setup_teardown(hello_sent_twice_is_answered_once, setup, teardown),
		cmocka_unit_test_setup_teardown(hello_beyond_the_bound_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(hello_that_is_wrong_is_malformed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			reply_is_never_larger_than_its_request, setup, teardown),
		cmocka_unit_test_setup_teardown(
			bye_ends_the_session_at_sources_before_shards, setup, teardown),
		cmocka_unit_test_setup_teardown(
			draining_router_opens_no_session_and_resumes_those_it_has, setup, teardown),
		cmocka_unit_test_setup_teardown(
			no_stage_hears_of_a_session_before_it_is_durable, setup, teardown),
		cmocka_unit_test_setup_teardown(
			bye_is_answered_when_the_end_is_durable, setup, teardown),
		cmocka_unit_test_setup_teardown(
			session_that_is_resumed_is_not_written_again_but_for_another_key, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			recovered_session_goes_on_without_a_hello, setup, teardown),
		cmocka_unit_test_setup_teardown(
			checkpoint_names_every_session_that_is_not_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(failed_journal_opens_no_session, setup, teardown),
		cmocka_unit_test_setup_teardown(
			session_that_is_silent_for_a_day_ends_by_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(
			app_leaves_half_of_the_table_to_others, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
