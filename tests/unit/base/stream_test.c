// Stream buffers. Every word that is written here is a function of its own offset, so that a reader
// can tell whether a copy is what was written at that place, whoever came round meanwhile.
#include "stream.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <millrace/record.h>

#include "rng.h"

enum { SIZE = 65536, BLOCK = 512 };

static struct mr_arena arena;
static struct mr_stream stream;

static int setup(void **state)
{
	(void)state;
	if (mr_arena_open(&arena, 1 << 20, false) < 0)
		return -1;
	return mr_stream_init(&stream, &arena, 3, SIZE, MR_STREAM_START) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	mr_arena_close(&arena);
	return 0;
}

static uint64_t word_at(uint64_t offset)
{
	return offset * UINT64_C(0x9e3779b97f4a7c15);
}

static void fill(uint8_t *bytes, uint64_t offset, size_t length)
{
	for (size_t i = 0; i < length; i += 8) {
		uint64_t word = word_at(offset + i);
		memcpy(bytes + i, &word, 8);
	}
}

static bool is_filled(const uint8_t *bytes, uint64_t offset, size_t length)
{
	for (size_t i = 0; i < length; i += 8) {
		uint64_t word = word_at(offset + i);
		if (memcmp(bytes + i, &word, 8) != 0)
			return false;
	}
	return true;
}

// Appends `length` bytes, a part of them as head, and retires what must go for it.
static uint64_t append(size_t length, size_t head)
{
	uint8_t bytes[BLOCK];
	fill(bytes, mr_stream_next(&stream), length);
	if (mr_stream_room(&stream) < length)
		mr_stream_retire(&stream, mr_stream_next(&stream) + length - SIZE);
	return mr_stream_append(&stream, bytes, head, bytes + head, length - head);
}

static void what_is_published_can_be_read(void **state)
{
	(void)state;
	struct mr_rng rng;
	mr_rng_seed(&rng, 1);
	uint64_t expected = MR_STREAM_START;
	for (uint32_t i = 0; i < 3000; i++) { // many times round, at every phase of the wrap
		size_t length = 8 * (1 + mr_rng_below(&rng, BLOCK / 8));
		size_t head = 8 * mr_rng_below(&rng, length / 8 + 1);
		uint64_t offset = append(length, head);
		assert_true(offset == expected);
		expected += length;
		mr_stream_publish(&stream);
		uint8_t copy[BLOCK];
		assert_true(mr_stream_read(&stream, offset, copy, length));
		assert_true(is_filled(copy, offset, length));
		memset(copy, 0, sizeof(copy));
		mr_stream_copy_own(&stream, offset, copy, length);
		assert_true(is_filled(copy, offset, length));
		assert_true(mr_stream_word_own(&stream, offset + length - 8)
			== word_at(offset + length - 8));
	}
	assert_true(expected > 8 * SIZE);
}

static void what_is_not_published_cannot_be_read(void **state)
{
	(void)state;
	uint8_t copy[16];
	uint64_t offset = append(16, 8);
	assert_false(mr_stream_read(&stream, offset, copy, 16));
	mr_stream_publish(&stream);
	assert_true(mr_stream_read(&stream, offset, copy, 16));
	(void)append(16, 16);
	assert_false(mr_stream_read(&stream, offset + 8, copy, 16)); // its second half is not
}

static void what_was_never_written_cannot_be_read(void **state)
{
	(void)state;
	static uint8_t copy[2 * SIZE];
	(void)append(BLOCK, 0);
	mr_stream_publish(&stream);
	static const struct {
		uint64_t offset;
		size_t bytes;
	} rows[] = {{0, 8}, {MR_STREAM_START - 8, 8}, {MR_STREAM_START - 8, 16},
		{MR_STREAM_START + BLOCK, 8}, {MR_STREAM_START + BLOCK - 8, 16},
		{MR_STREAM_START, BLOCK + 8}, {MR_STREAM_START, 2 * SIZE}, {UINT64_MAX - 7, 8},
		{UINT64_MAX - 7, 64}, {UINT64_C(1) << 51, 8}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_false(mr_stream_read(&stream, rows[i].offset, copy, rows[i].bytes));
}

static void overtaken_reader_is_told(void **state)
{
	(void)state;
	uint8_t copy[BLOCK];
	uint64_t first = append(BLOCK, 0);
	mr_stream_publish(&stream);
	while (mr_stream_next(&stream) + BLOCK - first <= SIZE) {
		(void)append(BLOCK, 0);
		mr_stream_publish(&stream);
		assert_true(mr_stream_read(&stream, first, copy, BLOCK));
	}
	(void)append(BLOCK, 0); // not yet published: overwritten all the same
	assert_false(mr_stream_read(&stream, first, copy, BLOCK));
	assert_true(mr_stream_read(&stream, first + BLOCK, copy, BLOCK));
	assert_true(is_filled(copy, first + BLOCK, BLOCK));
}

static void room_is_what_the_floor_leaves(void **state)
{
	(void)state;
	assert_int_equal(mr_stream_room(&stream), SIZE);
	uint64_t first = append(BLOCK, 0);
	assert_int_equal(mr_stream_room(&stream), SIZE - BLOCK);
	mr_stream_retire(&stream, first + 8);
	assert_int_equal(mr_stream_room(&stream), SIZE - BLOCK + 8);
	mr_stream_retire(&stream, first); // never down
	assert_int_equal(mr_stream_room(&stream), SIZE - BLOCK + 8);
	mr_stream_retire(&stream, mr_stream_next(&stream));
	assert_int_equal(mr_stream_room(&stream), SIZE);
}

static void streams_start_anywhere_and_empty(void **state)
{
	(void)state;
	struct mr_stream later;
	uint64_t start = UINT64_C(123456789) * 8;
	assert_true(mr_stream_init(&later, &arena, 4, SIZE, start));
	assert_true(mr_stream_next(&later) == start);
	assert_true(mr_stream_watermark(&later) == start);
	assert_int_equal(mr_stream_room(&later), SIZE);
	struct mr_arena plan;
	mr_arena_plan(&plan);
	assert_false(mr_stream_init(&later, &plan, 4, SIZE, start));
	assert_true(plan.used >= SIZE);
}

enum { APPENDS = 40000 };
static _Atomic bool writer_done;

static void *write_on(void *argument)
{
	(void)argument;
	for (uint32_t i = 0; i < APPENDS; i++) {
		(void)append(BLOCK, BLOCK / 2);
		mr_stream_publish(&stream);
		if (i % 256 == 0)
			(void)sched_yield();
	}
	atomic_store(&writer_done, true);
	return NULL;
}

// Reads from the oldest bytes there are, where the writer is about to come round: short copies,
// which meet an append half done, and long ones, which are overtaken on the way.
static void a_copy_that_is_accepted_is_never_torn(void **state)
{
	(void)state;
	struct mr_rng rng;
	mr_rng_seed(&rng, 4);
	for (uint32_t i = 0; i < 2 * SIZE / BLOCK; i++)
		(void)append(BLOCK, 0);
	mr_stream_publish(&stream);
	atomic_store(&writer_done, false);
	pthread_t writer;
	assert_int_equal(pthread_create(&writer, NULL, write_on, NULL), 0);
	static uint8_t copy[SIZE / 2];
	uint64_t hits = 0;
	uint64_t torn = 0;
	bool last = false;
	while (!last) {
		last = atomic_load(&writer_done);
		uint64_t tail = atomic_load_explicit(&stream.tail, memory_order_relaxed);
		uint64_t offset = tail - SIZE + BLOCK * mr_rng_below(&rng, 3);
		size_t length = mr_rng_chance(&rng, 1, 2) ? BLOCK : sizeof(copy);
		if (mr_stream_read(&stream, offset, copy, length)) {
			hits++;
			torn += !is_filled(copy, offset, length);
		}
	}
	assert_int_equal(pthread_join(writer, NULL), 0);
	assert_int_equal(torn, 0);
	assert_true(hits > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_published_can_be_read, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_not_published_cannot_be_read, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_was_never_written_cannot_be_read, setup, teardown),
		cmocka_unit_test_setup_teardown(overtaken_reader_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(room_is_what_the_floor_leaves, setup, teardown),
		cmocka_unit_test_setup_teardown(streams_start_anywhere_and_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_copy_that_is_accepted_is_never_torn, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
