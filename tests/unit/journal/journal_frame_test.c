// Frames and segment headers: golden bytes, whole records only, and no changed bit survives.
#include "journal_frame.h"

#include <errno.h>
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"
#include "golden.h"
#include "hash.h"
#include "record_codec.h"
#include "segment_file.h"

enum { STREAM_BYTES = 1 << 16, BLOCK = MR_JOURNAL_BLOCK_BYTES };

static const uint64_t journal_id = UINT64_C(0x0123456789abcdef);

static const struct mr_journal_frame_carry carry = {
	.kind = MR_FRAME_COMMIT,
	.journal_id = journal_id,
	.sequence = 42,
	.segment = 7,
	.previous = UINT64_C(0x1122334455667788),
	.durable_through = 40,
	.replay_frame = 30,
	.replay_segment = 6,
	.oldest_segment = 5,
	.at_ns = INT64_C(1700000000123456789),
};

struct world {
	struct mr_arena arena;
	struct mr_stream streams[2];
	alignas(BLOCK) uint8_t buffer[MR_FRAME_BYTES_MAX];
	struct mr_journal_frame frame;
};

static void world_open(struct world *world)
{
	assert_int_equal(mr_arena_open(&world->arena, 1 << 20, false), 0);
	for (uint16_t i = 0; i < 2; i++)
		assert_true(mr_stream_init(&world->streams[i], &world->arena, (uint16_t)(8 + i),
			STREAM_BYTES, MR_STREAM_START));
	mr_journal_frame_begin(
		&world->frame, world->buffer, MR_FRAME_BYTES_MAX, MR_JOURNAL_COMMIT_MAX);
}

static void append(struct mr_stream *stream, uint64_t webhook)
{
	struct mr_record_dropped record = {.webhook = webhook};
	mr_record_seal(&record, sizeof(record), NULL, 0, MR_RECORD_DROPPED, 0);
	mr_stream_append(stream, &record, sizeof(record), NULL, 0);
	mr_stream_publish(stream);
}

static void a_commit_frame_has_its_golden_bytes(void **state)
{
	(void)state;
	static struct world world;
	world_open(&world);
	append(&world.streams[0], 501);
	append(&world.streams[1], 502);
	append(&world.streams[1], 503);
	const uint64_t start = MR_STREAM_START;
	assert_int_equal(
		mr_journal_frame_add(&world.frame, &world.streams[0], start, start + 48), 48);
	assert_int_equal(
		mr_journal_frame_add(&world.frame, &world.streams[1], start, start + 96), 96);
	assert_int_equal(mr_journal_frame_finish(&world.frame, &carry), BLOCK);
	golden_expect("frame_commit", world.buffer, 88 + 2 * 16 + 48 + 96);
	for (uint32_t i = 88 + 2 * 16 + 48 + 96; i < BLOCK; i++)
		assert_int_equal(world.buffer[i], 0);
	assert_int_equal(mr_journal_frame_check(world.buffer, BLOCK, journal_id, 7), 0);
	mr_arena_close(&world.arena);
}

static void a_frame_out_of_memory_is_the_same(void **state)
{
	(void)state;
	static struct world world;
	alignas(8) static uint8_t golden[GOLDEN_BYTES_MAX];
	world_open(&world);
	const size_t length = golden_read("frame_commit", golden);
	const uint8_t *records = golden + 88 + 2 * 16;
	assert_int_equal(
		mr_journal_frame_add_bytes(&world.frame, 8, MR_STREAM_START, records, 48), 48);
	assert_int_equal(
		mr_journal_frame_add_bytes(&world.frame, 9, MR_STREAM_START, records + 48, 96), 96);
	assert_int_equal(mr_journal_frame_finish(&world.frame, &carry), BLOCK);
	assert_memory_equal(world.buffer, golden, length);
	mr_arena_close(&world.arena);
}

static void an_index_frame_has_its_golden_bytes(void **state)
{
	(void)state;
	static struct world world;
	world_open(&world);
	const struct {
		struct mr_index_entry entry;
		uint64_t offsets[2];
	} index[] = {{{.block = 1}, {4096, 4096}}, {{.block = 257}, {8192, 4176}}};
	struct mr_journal_frame_carry closing = carry;
	closing.kind = MR_FRAME_INDEX;
	assert_int_equal(mr_journal_frame_finish_index(&world.frame, &closing, index, 2, 2), BLOCK);
	golden_expect("frame_index", world.buffer, 88 + 2 * 24);
	assert_int_equal(mr_journal_frame_check(world.buffer, BLOCK, journal_id, 7), 0);
	mr_arena_close(&world.arena);
}

static void header_fill(void *block)
{
	memset(block, 0, BLOCK);
	struct mr_segment_header *header = block;
	header->number = 7;
	header->journal_id = journal_id;
	header->boot = 3;
	header->first_frame = 41;
	header->begun_at_ns = INT64_C(1700000000123456789);
	header->segment_bytes = 64 << 20;
	header->flows = 16;
	header->slots = MR_SLOTS;
	header->hash_seed = 11;
	header->first_stream = 8;
	header->streams = 2;
	header->starts[0] = 4096;
	header->starts[1] = 8192;
	mr_segment_seal(block);
}

static void a_segment_header_has_its_golden_bytes(void **state)
{
	(void)state;
	alignas(BLOCK) static uint8_t block[BLOCK];
	header_fill(block);
	golden_expect("segment_header", block, sizeof(struct mr_segment_header));
	assert_int_equal(mr_segment_check(block, 7), 0);
	assert_int_equal(mr_segment_check(block, 8), -EBADMSG); // a recycled file's
}

static void a_header_of_a_newer_release_is_told_from_damage(void **state)
{
	(void)state;
	alignas(BLOCK) static uint8_t block[BLOCK];
	header_fill(block);
	struct mr_segment_header *header = (struct mr_segment_header *)(void *)block;
	header->version = MR_JOURNAL_VERSION + 1;
	assert_int_equal(mr_segment_check(block, 7), -EBADMSG); // its check is of another version
	// as that release would write it
	alignas(8) static uint8_t copy[BLOCK];
	header->check = 0;
	memcpy(copy, block, BLOCK);
	header->check = mr_hash_bytes(copy, BLOCK, 0);
	assert_int_equal(mr_segment_check(block, 7), -EPROTONOSUPPORT);
}

static void a_header_of_an_older_release_is_taken(void **state)
{
	(void)state;
	alignas(BLOCK) static uint8_t block[BLOCK];
	alignas(8) static uint8_t copy[BLOCK];
	header_fill(block);
	struct mr_segment_header *header = (struct mr_segment_header *)(void *)block;
	header->version = MR_JOURNAL_VERSION - 1;
	header->check = 0;
	memcpy(copy, block, BLOCK);
	header->check = mr_hash_bytes(copy, BLOCK, 0);
	assert_int_equal(mr_segment_check(block, 7), 0);
}

static void no_flipped_bit_of_a_header_survives(void **state)
{
	(void)state;
	alignas(BLOCK) static uint8_t block[BLOCK];
	header_fill(block);
	for (uint32_t bit = 0; bit < BLOCK * 8; bit++) {
		block[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_not_equal(mr_segment_check(block, 7), 0);
		block[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void no_flipped_bit_of_a_frame_survives(void **state)
{
	(void)state;
	static const char *const names[] = {"frame_commit", "frame_index"};
	alignas(8) static uint8_t bytes[GOLDEN_BYTES_MAX];
	for (int i = 0; i < 2; i++) {
		const size_t length = golden_read(names[i], bytes);
		assert_int_equal(mr_journal_frame_check(bytes, length, journal_id, 7), 0);
		for (size_t bit = 0; bit < length * 8; bit++) {
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(
				mr_journal_frame_check(bytes, length, journal_id, 7), -EBADMSG);
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static void frames_of_others_are_none(void **state)
{
	(void)state;
	alignas(8) static uint8_t bytes[GOLDEN_BYTES_MAX];
	const size_t length = golden_read("frame_commit", bytes);
	assert_int_equal(mr_journal_frame_check(bytes, length, journal_id, 6), -EBADMSG);
	assert_int_equal(mr_journal_frame_check(bytes, length, journal_id + 1, 7), -EBADMSG);
	for (size_t cut = 0; cut < length; cut++)
		assert_int_equal(mr_journal_frame_check(bytes, cut, journal_id, 7), -EBADMSG);
	const struct mr_frame_header *header = (const struct mr_frame_header *)(const void *)bytes;
	assert_true(mr_journal_frame_follows(header, 41, carry.previous));
	assert_false(mr_journal_frame_follows(header, 42, carry.previous));
	assert_false(mr_journal_frame_follows(header, 41, carry.previous + 1));
}

// Headers that are wrong although their check is right: a writer's mistake, or an attack.
static void insane_headers_are_refused(void **state)
{
	(void)state;
	const struct {
		const char *why;
		struct mr_frame_header header;
	} table[] = {
		{"no magic", {.kind = 1, .bytes = 88, .sequence = 1}},
		{"no kind", {.magic = MR_FRAME_MAGIC, .bytes = 88, .sequence = 1}},
		{"kind", {.magic = MR_FRAME_MAGIC, .kind = 4, .bytes = 88, .sequence = 1}},
		{"too short", {.magic = MR_FRAME_MAGIC, .kind = 1, .bytes = 80, .sequence = 1}},
		{"too long",
			{.magic = MR_FRAME_MAGIC,
				.kind = 1,
				.bytes = MR_FRAME_BYTES_MAX + 8,
				.sequence = 1}},
		{"odd", {.magic = MR_FRAME_MAGIC, .kind = 1, .bytes = 92, .sequence = 1}},
		{"runs beyond the end",
			{.magic = MR_FRAME_MAGIC,
				.kind = 1,
				.bytes = 96,
				.runs = 1,
				.sequence = 1}},
		{"entries in a commit",
			{.magic = MR_FRAME_MAGIC,
				.kind = 1,
				.bytes = 96,
				.entries = 1,
				.sequence = 1}},
		{"an index without entries",
			{.magic = MR_FRAME_MAGIC, .kind = 3, .bytes = 88, .sequence = 1}},
		{"an index with runs",
			{.magic = MR_FRAME_MAGIC,
				.kind = 3,
				.bytes = 104,
				.runs = 1,
				.entries = 1,
				.sequence = 1}},
		{"entries beyond the end",
			{.magic = MR_FRAME_MAGIC,
				.kind = 3,
				.bytes = 96,
				.entries = 2,
				.sequence = 1}},
		{"durable before it was written",
			{.magic = MR_FRAME_MAGIC,
				.kind = 1,
				.bytes = 88,
				.durable_through = 1,
				.sequence = 1}},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (mr_journal_frame_sane(&table[i].header, 0))
			fail_msg("%s", table[i].why);
}

static void a_frame_is_cut_at_the_last_whole_record(void **state)
{
	(void)state;
	static struct world world;
	world_open(&world);
	for (uint64_t i = 0; i < 10; i++)
		append(&world.streams[0], i + 1);
	append(&world.streams[1], 77);
	const uint64_t start = MR_STREAM_START;
	mr_journal_frame_begin(&world.frame, world.buffer, BLOCK, 3 * 48 + 40);
	assert_int_equal(
		mr_journal_frame_add(&world.frame, &world.streams[0], start, start + 10 * 48),
		3 * 48);
	assert_int_equal(
		mr_journal_frame_add(&world.frame, &world.streams[1], start, start + 48), 0);
	assert_int_equal(mr_journal_frame_finish(&world.frame, &carry), BLOCK);
	assert_int_equal(mr_journal_frame_header_of(&world.frame)->runs, 1);
	assert_int_equal(mr_journal_frame_check(world.buffer, BLOCK, journal_id, 7), 0);

	// by the room in the segment, too
	mr_journal_frame_begin(&world.frame, world.buffer, BLOCK, MR_JOURNAL_COMMIT_MAX);
	for (uint64_t i = 0; i < 90; i++)
		append(&world.streams[0], i + 1);
	assert_int_equal(
		mr_journal_frame_add(&world.frame, &world.streams[0], start, start + 100 * 48),
		(BLOCK - 88 - 16) / 48 * 48);
	assert_int_equal(mr_journal_frame_finish(&world.frame, &carry), BLOCK);
	assert_int_equal(mr_journal_frame_check(world.buffer, BLOCK, journal_id, 7), 0);
	mr_arena_close(&world.arena);
}

static void a_frame_without_runs_says_what_its_header_says(void **state)
{
	(void)state;
	static struct world world;
	world_open(&world);
	assert_int_equal(mr_journal_frame_finish(&world.frame, &carry), BLOCK);
	assert_int_equal(mr_journal_frame_check(world.buffer, BLOCK, journal_id, 7), 0);
	assert_int_equal(mr_journal_frame_header_of(&world.frame)->oldest_segment, 5);
	mr_arena_close(&world.arena);
}

static void names_are_of_segments_or_not(void **state)
{
	(void)state;
	char name[MR_SEGMENT_NAME_BYTES];
	uint64_t number = 0;
	mr_segment_name(UINT64_C(0x1234abcd), name);
	assert_string_equal(name, "segment-000000001234abcd");
	assert_true(mr_segment_number(name, &number));
	assert_int_equal(number, 0x1234abcd);
	static const char *const others[] = {"", "owner", "segment-", "segment-1",
		"segment-000000000000000g", "segment-00000000000000001", "segment-000000000000000A",
		"segment-0000000000000000", "Segment-0000000000000001"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (mr_segment_number(others[i], &number))
			fail_msg("%s", others[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_commit_frame_has_its_golden_bytes),
		cmocka_unit_test(a_frame_out_of_memory_is_the_same),
		cmocka_unit_test(an_index_frame_has_its_golden_bytes),
		cmocka_unit_test(a_segment_header_has_its_golden_bytes),
		cmocka_unit_test(a_header_of_a_newer_release_is_told_from_damage),
		cmocka_unit_test(a_header_of_an_older_release_is_taken),
		cmocka_unit_test(no_flipped_bit_of_a_header_survives),
		cmocka_unit_test(no_flipped_bit_of_a_frame_survives),
		cmocka_unit_test(frames_of_others_are_none),
		cmocka_unit_test(insane_headers_are_refused),
		cmocka_unit_test(a_frame_is_cut_at_the_last_whole_record),
		cmocka_unit_test(a_frame_without_runs_says_what_its_header_says),
		cmocka_unit_test(names_are_of_segments_or_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
