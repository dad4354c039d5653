// Messages: golden bytes both ways, the order of the header's checks, and bodies that lie about
// their counts.
#include "wire_codec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"

static const uint64_t session_id = UINT64_C(0x1122334455667788);

// Lays out `body` behind `header` and compares the message with the golden one.
static void expect_message(
	const char *name, struct mr_wire_header header, const void *body, size_t body_length)
{
	uint8_t datagram[GOLDEN_BYTES_MAX];
	memset(datagram, 0xee, sizeof(datagram));
	memcpy(datagram + MR_WIRE_HEADER_BYTES, body, body_length);
	size_t length = mr_wire_finish(datagram, &header, body_length);
	golden_expect(name, datagram, length);
	assert_int_equal(header.length, length);
}

static struct mr_wire_header header_of(uint8_t type)
{
	return (struct mr_wire_header){.type = type, .key_id = 42, .session_id = session_id};
}

static void data_has_its_golden_bytes(void **state)
{
	(void)state;
	uint8_t events[GOLDEN_BYTES_MAX * 2];
	size_t first = golden_read("event_added", events);
	size_t second = golden_read("event_deleted", events + first);
	struct mr_wire_header header = header_of(MR_WIRE_DATA);
	header.flow = 3;
	header.count = 2;
	header.first_sequence = 1001;
	header.known = 990;
	header.send_time_ns = 555;
	expect_message("wire_data", header, events, first + second);
}

static void hello_and_welcome_have_their_golden_bytes(void **state)
{
	(void)state;
	struct {
		struct mr_wire_hello hello;
		uint64_t known[2];
		uint64_t padding[3];
	} hello = {.hello = {.flows = 2}, .known = {1001, 7}};
	struct mr_wire_header header = header_of(MR_WIRE_HELLO);
	header.send_time_ns = 555;
	expect_message("wire_hello", header, &hello, sizeof(hello));

	struct {
		struct mr_wire_welcome welcome;
		struct mr_wire_grant grants[2];
	} welcome = {
		.welcome = {.hash_seed = UINT64_C(0x0123456789abcdef), .boot_id = 9, .flows = 2},
		.grants = {{1001, 9193}, {7, 8199}}};
	header = header_of(MR_WIRE_WELCOME);
	header.flags = MR_WIRE_FLAG_VOLATILE;
	header.send_time_ns = 555;
	expect_message("wire_welcome", header, &welcome, sizeof(welcome));
}

static void ack_and_error_have_their_golden_bytes(void **state)
{
	(void)state;
	struct {
		struct mr_wire_ack ack;
		uint64_t bitmap[1];
		struct mr_wire_refused refused[2];
	} ack = {.ack = {.settled = 1001,
			 .edge = 9193,
			 .echo_send_time_ns = 555,
			 .bitmap_words = 1,
			 .refused_runs = 2},
		.bitmap = {0xe},
		.refused = {{.first = 990,
				    .scope_id = 1200,
				    .retry_after_ms = 1000,
				    .count = 3,
				    .reason = 8,
				    .scope_kind = 2},
			{.first = 998, .scope_id = 42, .count = 1, .reason = 6, .scope_kind = 1}}};
	struct mr_wire_header header = header_of(MR_WIRE_ACK);
	header.flow = 3;
	expect_message("wire_ack", header, &ack, sizeof(ack));
	struct mr_wire_error error = {.reason = 4};
	expect_message("wire_error", header_of(MR_WIRE_ERROR), &error, sizeof(error));
}

struct parsed {
	struct mr_wire_header header;
	const uint8_t *body;
	size_t body_length;
};

static struct parsed parse_golden(const char *name, uint8_t bytes[GOLDEN_BYTES_MAX])
{
	struct parsed parsed;
	size_t length = golden_read(name, bytes);
	assert_int_equal(
		mr_wire_parse(bytes, length, &parsed.header, &parsed.body, &parsed.body_length),
		MR_DISCARD_COUNT);
	assert_ptr_equal(parsed.body, bytes + MR_WIRE_HEADER_BYTES);
	assert_int_equal(parsed.body_length, length - MR_WIRE_HEADER_BYTES - MR_WIRE_TAG_BYTES);
	assert_true(parsed.header.session_id == session_id);
	assert_true(parsed.header.key_id == 42);
	return parsed;
}

static void golden_hello_and_welcome_parse(void **state)
{
	(void)state;
	uint8_t bytes[GOLDEN_BYTES_MAX];
	struct parsed parsed = parse_golden("wire_hello", bytes);
	struct mr_wire_hello hello;
	uint64_t known[MR_FLOWS_MAX];
	assert_int_equal(mr_wire_parse_hello(parsed.body, parsed.body_length, &hello, known), 0);
	assert_int_equal(hello.flows, 2);
	assert_true(known[0] == 1001 && known[1] == 7);

	parsed = parse_golden("wire_welcome", bytes);
	struct mr_wire_welcome welcome;
	struct mr_wire_grant grants[MR_FLOWS_MAX];
	assert_int_equal(
		mr_wire_parse_welcome(parsed.body, parsed.body_length, &welcome, grants), 0);
	assert_int_equal(welcome.flows, 2);
	assert_true(welcome.hash_seed == UINT64_C(0x0123456789abcdef));
	assert_true(grants[1].next == 7 && grants[1].edge == 8199);
}

static void golden_ack_parses(void **state)
{
	(void)state;
	uint8_t bytes[GOLDEN_BYTES_MAX];
	struct parsed parsed = parse_golden("wire_ack", bytes);
	struct mr_wire_ack_view view;
	assert_int_equal(mr_wire_parse_ack(parsed.body, parsed.body_length, &view), 0);
	assert_true(view.ack.settled == 1001 && view.ack.edge == 9193);
	assert_int_equal(view.bitmap[0], 0xe);
	struct mr_wire_refused refused = mr_wire_ack_refused(&view, 1);
	assert_true(refused.first == 998 && refused.scope_id == 42);
	assert_int_equal(refused.reason, 6);
}

static void header_checks_reject_cheapest_first(void **state)
{
	(void)state;
	static const struct {
		uint16_t at;
		uint8_t value;
		enum mr_discard verdict;
	} rows[] = {{0, 0, MR_DISCARD_MAGIC}, {3, 0x31, MR_DISCARD_MAGIC},
		{4, 1, MR_DISCARD_VERSION}, {4, 255, MR_DISCARD_VERSION}, {5, 0, MR_DISCARD_TYPE},
		{5, 14, MR_DISCARD_TYPE}, {5, 255, MR_DISCARD_TYPE}, {64, 0, MR_DISCARD_LENGTH},
		{65, 1, MR_DISCARD_LENGTH}, {67, 0x80, MR_DISCARD_LENGTH}};
	for (size_t i = sizeof(rows) / sizeof(rows[0]); i-- > 0;) {
		uint8_t bytes[GOLDEN_BYTES_MAX];
		struct parsed parsed;
		size_t length = golden_read("wire_error", bytes);
		for (size_t j = i; j < sizeof(rows) / sizeof(rows[0]); j++)
			bytes[rows[j].at] =
				rows[j].value; // later faults do not hide the earlier one
		bytes[rows[i].at] = rows[i].value;
		assert_int_equal(mr_wire_parse(bytes, length, &parsed.header, &parsed.body,
					 &parsed.body_length),
			rows[i].verdict);
	}
}

static void no_prefix_of_a_message_is_a_message(void **state)
{
	(void)state;
	uint8_t bytes[GOLDEN_BYTES_MAX];
	size_t length = golden_read("wire_ack", bytes);
	for (size_t cut = 0; cut < length; cut++) {
		uint8_t *exact = malloc(cut > 0 ? cut : 1);
		assert_non_null(exact);
		memcpy(exact, bytes, cut);
		struct parsed parsed;
		assert_int_equal(mr_wire_parse(exact, cut, &parsed.header, &parsed.body,
					 &parsed.body_length),
			cut < MR_WIRE_HEADER_BYTES + MR_WIRE_TAG_BYTES ? MR_DISCARD_SHORT
								       : MR_DISCARD_LENGTH);
		free(exact);
	}
}

static void length_must_be_a_multiple_of_eight(void **state)
{
	(void)state;
	uint8_t bytes[GOLDEN_BYTES_MAX] = {0};
	size_t length = golden_read("wire_error", bytes) + 4;
	bytes[64] = (uint8_t)length;
	struct parsed parsed;
	assert_int_equal(
		mr_wire_parse(bytes, length, &parsed.header, &parsed.body, &parsed.body_length),
		MR_DISCARD_LENGTH);
}

static void hello_that_lies_is_refused(void **state)
{
	(void)state;
	static const struct {
		uint16_t at; // within the body
		uint8_t value;
	} rows[] = {{16, 6}, {16, 65}, {17, 1}, {17, 0xff}, {18, 1}, {23, 1}, {40, 1}, {63, 1}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t bytes[GOLDEN_BYTES_MAX];
		struct parsed parsed = parse_golden("wire_hello", bytes);
		bytes[MR_WIRE_HEADER_BYTES + rows[i].at] = rows[i].value;
		struct mr_wire_hello hello;
		uint64_t known[MR_FLOWS_MAX];
		assert_int_equal(
			mr_wire_parse_hello(parsed.body, parsed.body_length, &hello, known),
			-EBADMSG);
		assert_int_equal(mr_wire_parse_hello(parsed.body, 23, &hello, known), -EBADMSG);
	}
}

static void welcome_that_lies_is_refused(void **state)
{
	(void)state;
	uint8_t bytes[GOLDEN_BYTES_MAX];
	struct parsed parsed = parse_golden("wire_welcome", bytes);
	struct mr_wire_welcome welcome;
	struct mr_wire_grant grants[MR_FLOWS_MAX];
	static const uint8_t flows[] = {0, 1, 3, 4, 64, 128};
	for (size_t i = 0; i < sizeof(flows); i++) {
		bytes[MR_WIRE_HEADER_BYTES + 20] = flows[i];
		assert_int_equal(
			mr_wire_parse_welcome(parsed.body, parsed.body_length, &welcome, grants),
			-EBADMSG);
	}
	bytes[MR_WIRE_HEADER_BYTES + 20] = 2;
	for (size_t length = 0; length < parsed.body_length; length++)
		assert_int_equal(
			mr_wire_parse_welcome(parsed.body, length, &welcome, grants), -EBADMSG);
	bytes[MR_WIRE_HEADER_BYTES + 20] = 0;
	assert_int_equal(mr_wire_parse_welcome(parsed.body, 32, &welcome, grants), -EBADMSG);
	bytes[MR_WIRE_HEADER_BYTES + 16] = 200; // not served: come back later
	assert_int_equal(mr_wire_parse_welcome(parsed.body, 32, &welcome, grants), 0);
	assert_int_equal(welcome.reconnect_after_ms, 200);
}

static void ack_that_lies_is_refused(void **state)
{
	(void)state;
	uint8_t bytes[GOLDEN_BYTES_MAX];
	struct parsed parsed = parse_golden("wire_ack", bytes);
	struct mr_wire_ack_view view;
	for (size_t length = 0; length < parsed.body_length; length++)
		assert_int_equal(mr_wire_parse_ack(parsed.body, length, &view), -EBADMSG);
	static const struct {
		uint16_t at;
		uint8_t value;
	} rows[] = {
		{28, 0}, {28, 2}, {28, 4}, {28, 65}, {29, 1}, {30, 1}, {30, 3}, {30, 25}, {31, 1}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parsed = parse_golden("wire_ack", bytes);
		bytes[MR_WIRE_HEADER_BYTES + rows[i].at] = rows[i].value;
		assert_int_equal(
			mr_wire_parse_ack(parsed.body, parsed.body_length, &view), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_has_its_golden_bytes),
		cmocka_unit_test(hello_and_welcome_have_their_golden_bytes),
		cmocka_unit_test(ack_and_error_have_their_golden_bytes),
		cmocka_unit_test(golden_hello_and_welcome_parse),
		cmocka_unit_test(golden_ack_parses),
		cmocka_unit_test(header_checks_reject_cheapest_first),
		cmocka_unit_test(no_prefix_of_a_message_is_a_message),
		cmocka_unit_test(length_must_be_a_multiple_of_eight),
		cmocka_unit_test(hello_that_lies_is_refused),
		cmocka_unit_test(welcome_that_lies_is_refused),
		cmocka_unit_test(ack_that_lies_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
