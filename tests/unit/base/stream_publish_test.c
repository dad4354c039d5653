// What the owner wrote before it published belongs to whoever reads what was published. The notes
// are plain memory, so ThreadSanitizer judges the ordering; built with MR_STREAM_PLANT_RELAXED it
// must find the planted fault.
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream.h"

enum { SIZE = 65536, RECORD = 64, RECORDS = 2000 };

static struct mr_arena arena;
static struct mr_stream stream;
static uint64_t notes[RECORDS];

static void *publish_all(void *argument)
{
	(void)argument;
	for (uint64_t i = 0; i < RECORDS; i++) {
		uint64_t record[RECORD / 8] = {i};
		mr_stream_retire(&stream, mr_stream_next(&stream));
		(void)mr_stream_append(&stream, record, RECORD, NULL, 0);
		notes[i] = i * 7;
		mr_stream_publish(&stream);
		if (i % 16 == 0)
			(void)sched_yield();
	}
	return NULL;
}

static void publication_carries_what_was_written_before(void **state)
{
	(void)state;
	assert_int_equal(mr_arena_open(&arena, 1 << 20, false), 0);
	assert_true(mr_stream_init(&stream, &arena, 0, SIZE, 0));
	pthread_t writer;
	assert_int_equal(pthread_create(&writer, NULL, publish_all, NULL), 0);
	uint64_t wrong = 0;
	for (uint64_t tail = 0; tail < (uint64_t)RECORDS * RECORD;) {
		tail = atomic_load_explicit(&stream.tail, memory_order_relaxed);
		uint64_t record[RECORD / 8];
		if (tail > 0 && mr_stream_read(&stream, tail - RECORD, record, RECORD))
			wrong += notes[record[0]] != record[0] * 7;
		else
			(void)sched_yield();
	}
	assert_int_equal(pthread_join(writer, NULL), 0);
	assert_int_equal(wrong, 0);
	mr_arena_close(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(publication_carries_what_was_written_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
