// Reading by position: memory first, then whoever keeps what memory has lost.
#include "reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mr_assert.h"

enum { SIZE = 65536, STREAM = 2 };

struct backend {
	enum mr_read answer;
	struct mr_record record;
	uint32_t length;
	uint32_t calls;
	mr_position asked;
};

static struct mr_arena arena;
static struct mr_stream stream;
static struct mr_stream *streams[STREAM + 1];
static struct backend backend;
static struct mr_reader reader;

static enum mr_read fetch(void *state, mr_position position, void *ret_bytes, uint32_t *ret_length)
{
	struct backend *self = state;
	self->calls++;
	self->asked = position;
	if (self->answer == MR_READ_HIT) {
		memcpy(ret_bytes, &self->record, sizeof(self->record));
		*ret_length = self->length;
	}
	return self->answer;
}

static int setup(void **state)
{
	(void)state;
	if (mr_arena_open(&arena, 1 << 20, false) < 0
		|| !mr_stream_init(&stream, &arena, STREAM, SIZE, MR_STREAM_START))
		return -1;
	streams[STREAM] = &stream;
	backend = (struct backend){.answer = MR_READ_GONE};
	mr_reader_init(&reader, &streams[STREAM], 1,
		(struct mr_backend_reader){.state = &backend, .fetch = fetch});
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mr_arena_close(&arena);
	return 0;
}

static mr_position append(uint32_t length, uint16_t kind)
{
	uint64_t words[256] = {0};
	struct mr_record record = {.length = length, .kind = kind};
	memcpy(words, &record, sizeof(record));
	words[sizeof(words) / 8 - 1] = 77;
	uint32_t real = length >= 16 && length <= sizeof(words) && length % 8 == 0 ? length : 64;
	words[real / 8 - 1] = 99;
	mr_stream_retire(&stream, mr_stream_next(&stream));
	uint64_t offset = mr_stream_append(&stream, words, real, NULL, 0);
	mr_stream_publish(&stream);
	return mr_position_make(STREAM, offset);
}

static void record_in_memory_is_a_hit(void **state)
{
	(void)state;
	mr_position position = append(128, MR_RECORD_EVENT);
	const struct mr_record *record = NULL;
	assert_int_equal(mr_reader_get(&reader, position, &record), MR_READ_HIT);
	assert_int_equal(record->length, 128);
	assert_int_equal(record->kind, MR_RECORD_EVENT);
	uint64_t last;
	memcpy(&last, (const uint8_t *)record + 120, 8);
	assert_int_equal(last, 99);
	assert_int_equal(backend.calls, 0);
}

static void overwritten_record_is_asked_of_the_backend(void **state)
{
	(void)state;
	mr_position position = append(128, MR_RECORD_EVENT);
	for (uint32_t i = 0; i < SIZE / 1024; i++)
		(void)append(1024, MR_RECORD_EVENT);
	const struct mr_record *record = NULL;
	backend.answer = MR_READ_WAIT;
	assert_int_equal(mr_reader_get(&reader, position, &record), MR_READ_WAIT);
	backend.answer = MR_READ_HIT;
	backend.record = (struct mr_record){.length = 48, .kind = MR_RECORD_DROPPED};
	backend.length = 48;
	assert_int_equal(mr_reader_get(&reader, position, &record), MR_READ_HIT);
	assert_int_equal(record->kind, MR_RECORD_DROPPED);
	backend.answer = MR_READ_GONE;
	assert_int_equal(mr_reader_get(&reader, position, &record), MR_READ_GONE);
	assert_int_equal(backend.calls, 3);
	assert_true(backend.asked == position);
}

static void stream_of_another_topology_is_asked_of_the_backend(void **state)
{
	(void)state;
	const struct mr_record *record = NULL;
	assert_int_equal(mr_reader_get(&reader, mr_position_make(0, MR_STREAM_START), &record),
		MR_READ_GONE);
	assert_int_equal(
		mr_reader_get(&reader, mr_position_make(STREAM + 1, MR_STREAM_START), &record),
		MR_READ_GONE);
	assert_int_equal(mr_reader_get(&reader, mr_position_make(65535, MR_STREAM_START), &record),
		MR_READ_GONE);
	assert_int_equal(backend.calls, 3);
}

static void without_a_backend_what_is_lost_is_gone(void **state)
{
	(void)state;
	mr_reader_init(&reader, &streams[STREAM], 1, (struct mr_backend_reader){0});
	const struct mr_record *record = NULL;
	assert_int_equal(
		mr_reader_get(&reader, mr_position_make(STREAM, 1 << 20), &record), MR_READ_GONE);
}

static void nonsense_is_gone_and_noticed(void **state)
{
	(void)state;
	static const struct {
		uint32_t length;
		uint16_t kind;
	} rows[] = {{0, MR_RECORD_EVENT}, {8, MR_RECORD_EVENT}, {20, MR_RECORD_EVENT},
		{MR_RECORD_BYTES_MAX + 8, MR_RECORD_EVENT}, {UINT32_MAX, MR_RECORD_EVENT}, {64, 0},
		{64, MR_RECORD_KIND_COUNT}, {64, UINT16_MAX}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct mr_record *record = NULL;
		uint64_t noticed = mr_expect_failures();
		mr_position position = append(rows[i].length, rows[i].kind);
		assert_int_equal(mr_reader_get(&reader, position, &record), MR_READ_GONE);
		assert_null(record);
		assert_int_equal(mr_expect_failures(), noticed + (MR_STRICT >= 1));
		assert_int_equal(backend.calls, 0);
	}
}

static void nonsense_of_the_backend_is_gone_too(void **state)
{
	(void)state;
	backend.answer = MR_READ_HIT;
	backend.record = (struct mr_record){.length = 48, .kind = MR_RECORD_DROPPED};
	static const uint32_t lengths[] = {0, 8, 40, 56};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		const struct mr_record *record = NULL;
		backend.length = lengths[i];
		assert_int_equal(
			mr_reader_get(&reader, mr_position_make(0, 4096), &record), MR_READ_GONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(record_in_memory_is_a_hit, setup, teardown),
		cmocka_unit_test_setup_teardown(
			overwritten_record_is_asked_of_the_backend, setup, teardown),
		cmocka_unit_test_setup_teardown(
			stream_of_another_topology_is_asked_of_the_backend, setup, teardown),
		cmocka_unit_test_setup_teardown(
			without_a_backend_what_is_lost_is_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(nonsense_is_gone_and_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			nonsense_of_the_backend_is_gone_too, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
