// Records: every kind has golden bytes, and no changed bit survives the checksum.
#include "record_codec.h"

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

static const int64_t at_ns = INT64_C(1700000000123456789);
static const uint64_t session_id = UINT64_C(0x1122334455667788);

static void expect_record(const char *name, void *head, size_t head_bytes, const void *body,
	size_t body_bytes, enum mr_record_kind kind, uint16_t flags)
{
	mr_record_seal(head, head_bytes, body, body_bytes, kind, flags);
	alignas(8) static uint8_t bytes[GOLDEN_BYTES_MAX];
	memcpy(bytes, head, head_bytes);
	if (body_bytes > 0)
		memcpy(bytes + head_bytes, body, body_bytes);
	golden_expect(name, bytes, head_bytes + body_bytes);
	assert_int_equal(mr_record_check(bytes, head_bytes + body_bytes), 0);
}

static void shard_records_have_their_golden_bytes(void **state)
{
	(void)state;
	alignas(8) static uint8_t event[GOLDEN_BYTES_MAX];
	size_t event_bytes = golden_read("event_changed", event);
	struct mr_record_event accepted = {.app = 42,
		.session_id = session_id,
		.sequence = 1001,
		.received_at_ns = at_ns + 50,
		.flow = 3};
	expect_record("record_event", &accepted, sizeof(accepted), event, event_bytes,
		MR_RECORD_EVENT, 0);

	struct mr_record_match match = {
		.origin = mr_position_make(2, 4096), .resource = 9002, .count = 2, .ancestor = 1};
	const uint64_t webhooks[] = {501, 502};
	expect_record("record_match", &match, sizeof(match), webhooks, sizeof(webhooks),
		MR_RECORD_MATCH, MR_MATCH_PENALISED);

	struct mr_record_distributed distributed = {.count = 3};
	const uint64_t offsets[] = {4096, 4352, 8192};
	expect_record("record_distributed", &distributed, sizeof(distributed), offsets,
		sizeof(offsets), MR_RECORD_DISTRIBUTED, 0);

	struct mr_record_dropped dropped = {.origin = mr_position_make(2, 4096),
		.webhook = 501,
		.scope_id = 1200,
		.reason = 33,
		.scope_kind = 2};
	expect_record("record_dropped", &dropped, sizeof(dropped), NULL, 0, MR_RECORD_DROPPED, 0);

	struct mr_record_checkpoint checkpoint = {
		.app = 42, .session_id = session_id, .flow = 3, .next = 1008};
	checkpoint.accepted[0] = 2; // sequence 1
	checkpoint.accepted[15] = UINT64_C(0x810000000000); // 1000 and 1007
	checkpoint.accepted[127] = UINT64_C(1) << 63;
	expect_record("record_checkpoint", &checkpoint, sizeof(checkpoint), NULL, 0,
		MR_RECORD_CHECKPOINT, 0);

	struct mr_record_queued queued = {.count = 2};
	const uint64_t waiting[] = {4096, 1048576};
	expect_record("record_queued", &queued, sizeof(queued), waiting, sizeof(waiting),
		MR_RECORD_QUEUED, 0);
}

static void delivery_records_have_their_golden_bytes(void **state)
{
	(void)state;
	struct mr_record_batch batch = {
		.webhook = 501, .number = 88, .sublane = 3, .count = 3, .penalised = 1};
	const mr_position entries[] = {mr_position_make(2, 4096), mr_position_make(2, 4352),
		mr_position_make(3, 12345 * 8)};
	expect_record("record_batch", &batch, sizeof(batch), entries, sizeof(entries),
		MR_RECORD_BATCH, 0);

	struct mr_record_progress progress = {.webhook = 501,
		.settled_number = 87,
		.failing_since_ns = at_ns,
		.next_attempt_ns = at_ns + 1000000000,
		.attempts = 5,
		.sublane = 3,
		.status = 503};
	expect_record(
		"record_progress", &progress, sizeof(progress), NULL, 0, MR_RECORD_PROGRESS, 0);

	struct mr_record_lane lane = {.webhook = 501,
		.first_entry = 4001,
		.taken = mr_position_make(2, 24576),
		.last_number = 88,
		.sublane = 3,
		.sublanes = 4,
		.count = 2};
	const mr_position positions[] = {mr_position_make(2, 8192), mr_position_make(2, 16384)};
	expect_record("record_lane", &lane, sizeof(lane), positions, sizeof(positions),
		MR_RECORD_LANE, MR_LANE_RECORD_STATE | MR_LANE_RECORD_FIRST);

	struct mr_record_taken taken = {.epoch = 7, .count = 2};
	expect_record("record_taken", &taken, sizeof(taken), positions, sizeof(positions),
		MR_RECORD_TAKEN, 0);
}

static void node_records_have_their_golden_bytes(void **state)
{
	(void)state;
	struct mr_record_session session = {
		.app = 42, .session_id = session_id, .key_id = 5, .at_ns = at_ns};
	expect_record("record_session", &session, sizeof(session), NULL, 0, MR_RECORD_SESSION,
		MR_SESSION_CLOSED);

	struct mr_record_webhook webhook = {.webhook = 501,
		.resource = 9001,
		.owner = 42,
		.user = 7,
		.workspace = 1200,
		.at_ns = at_ns,
		.type_length = 6,
		.url_length = 20,
		.secret_length = 4};
	static const char texts[32] = "büro1http://10.0.0.2/hook\xde\xad\xbe\xef";
	expect_record("record_webhook", &webhook, sizeof(webhook), texts, sizeof(texts),
		MR_RECORD_WEBHOOK, 0);

	struct mr_record_expired expired = {
		.webhook = 501, .entry_hash = UINT64_C(0x1122334455667788), .at_ns = at_ns};
	expect_record("record_expired", &expired, sizeof(expired), NULL, 0, MR_RECORD_EXPIRED, 0);
}

static const char *const names[] = {"record_event", "record_match", "record_distributed",
	"record_dropped", "record_checkpoint", "record_batch", "record_progress", "record_lane",
	"record_session", "record_webhook", "record_queued", "record_taken", "record_expired"};
enum { NAMES = sizeof(names) / sizeof(names[0]) };

static void no_changed_bit_survives_the_check(void **state)
{
	(void)state;
	for (size_t i = 0; i < NAMES; i++) {
		alignas(8) uint8_t bytes[GOLDEN_BYTES_MAX];
		size_t length = golden_read(names[i], bytes);
		assert_int_equal(mr_record_check(bytes, length), 0);
		assert_int_equal(((const struct mr_record *)(const void *)bytes)->kind, i + 1);
		for (size_t bit = 0; bit < length * 8; bit++) {
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(mr_record_check(bytes, length), -EBADMSG);
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static void no_prefix_of_a_record_is_a_record(void **state)
{
	(void)state;
	for (size_t i = 0; i < NAMES; i++) {
		alignas(8) uint8_t bytes[GOLDEN_BYTES_MAX];
		size_t length = golden_read(names[i], bytes);
		for (size_t cut = 0; cut < length; cut += 8) {
			void *exact = malloc(cut > 0 ? cut : 1);
			assert_non_null(exact);
			memcpy(exact, bytes, cut);
			assert_false(mr_record_sane(exact, cut));
			assert_int_equal(mr_record_check(exact, cut), -EBADMSG);
			free(exact);
		}
		assert_true(mr_record_sane((const void *)bytes, sizeof(bytes)));
	}
}

static void counts_that_lie_are_not_sane(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint16_t at;
		uint8_t value;
	} rows[] = {{"record_event", 56, 0xa8}, {"record_event", 58, 1}, {"record_match", 32, 1},
		{"record_match", 32, 3}, {"record_match", 33, 0xff}, {"record_distributed", 16, 2},
		{"record_distributed", 16, 4}, {"record_distributed", 19, 0x80},
		{"record_batch", 34, 0}, {"record_batch", 34, 4}, {"record_batch", 35, 0xff},
		{"record_lane", 52, 1}, {"record_lane", 52, 3}, {"record_lane", 55, 0xff},
		{"record_queued", 16, 1}, {"record_queued", 16, 3}, {"record_queued", 19, 0xff},
		{"record_taken", 24, 1}, {"record_taken", 24, 3}, {"record_taken", 27, 0xff},
		{"record_webhook", 64, 0xff}, {"record_webhook", 65, 0xff},
		{"record_webhook", 70, 3}, {"record_dropped", 0, 56}, {"record_session", 0, 40},
		{"record_session", 0, 0}, {"record_session", 0, 12}, {"record_session", 3, 0x80},
		{"record_session", 4, 0}, {"record_session", 4, 11}, {"record_session", 5, 1},
		{"record_session", 12, 1}, {"record_checkpoint", 1, 0}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		alignas(8) uint8_t bytes[GOLDEN_BYTES_MAX] = {0};
		(void)golden_read(rows[i].name, bytes);
		assert_int_not_equal(bytes[rows[i].at], rows[i].value);
		bytes[rows[i].at] = rows[i].value;
		if (mr_record_sane((const void *)bytes, sizeof(bytes)))
			fail_msg("%s with byte %u set to %u", rows[i].name, rows[i].at,
				rows[i].value);
	}
}

static void counts_over_the_limit_are_not_sane_however_long_the_record(void **state)
{
	(void)state;
	static uint64_t words[MR_RECORD_BYTES_MAX / 8];
	struct mr_record_match match = {.count = MR_MATCH_WEBHOOKS_MAX};
	for (uint32_t over = 0; over < 2; over++, match.count++) {
		size_t length = sizeof(match) + match.count * sizeof(uint64_t);
		memcpy(words, &match, sizeof(match));
		mr_record_seal(words, length, NULL, 0, MR_RECORD_MATCH, 0);
		assert_int_equal(mr_record_sane((const void *)words, length), over == 0);
	}
	struct mr_record_lane lane = {.count = 513};
	size_t length = sizeof(lane) + lane.count * sizeof(uint64_t);
	memcpy(words, &lane, sizeof(lane));
	mr_record_seal(words, length, NULL, 0, MR_RECORD_LANE, 0);
	assert_false(mr_record_sane((const void *)words, length));
}

static void sealing_in_two_parts_equals_sealing_in_one(void **state)
{
	(void)state;
	alignas(8) uint8_t whole[GOLDEN_BYTES_MAX];
	size_t length = golden_read("record_event", whole);
	for (size_t head = sizeof(struct mr_record); head <= length; head += 8) {
		alignas(8) uint8_t parts[GOLDEN_BYTES_MAX];
		memcpy(parts, whole, length);
		memset(parts, 0xee, sizeof(struct mr_record));
		mr_record_seal(parts, head, parts + head, length - head, MR_RECORD_EVENT, 0);
		assert_memory_equal(parts, whole, length);
	}
}

static void positions_round_trip(void **state)
{
	(void)state;
	mr_position position = mr_position_make(65535, ((UINT64_C(1) << 48) - 1) << 3);
	assert_int_equal(mr_position_stream(position), 65535);
	assert_true(mr_position_offset(position) == ((UINT64_C(1) << 48) - 1) << 3);
	position = mr_position_make(0, MR_STREAM_START);
	assert_true(position != 0);
	assert_int_equal(mr_position_stream(position), 0);
	assert_int_equal(mr_position_offset(position), MR_STREAM_START);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shard_records_have_their_golden_bytes),
		cmocka_unit_test(delivery_records_have_their_golden_bytes),
		cmocka_unit_test(node_records_have_their_golden_bytes),
		cmocka_unit_test(no_changed_bit_survives_the_check),
		cmocka_unit_test(no_prefix_of_a_record_is_a_record),
		cmocka_unit_test(counts_that_lie_are_not_sane),
		cmocka_unit_test(counts_over_the_limit_are_not_sane_however_long_the_record),
		cmocka_unit_test(sealing_in_two_parts_equals_sealing_in_one),
		cmocka_unit_test(positions_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
