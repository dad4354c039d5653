// Keys of apps: a checkpoint has all of them, whatever is removed while it is written.
#include "apps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { KEYS = 3 };

static struct mr_arena arena;
static struct mr_stream stream;
static struct mr_node node;
static struct mr_apps apps;
static struct mr_config config;

static void open_with_keys(void)
{
	assert_int_equal(mr_arena_open(&arena, 1 << 20, false), 0);
	assert_true(mr_stream_init(&stream, &arena, 7, 1 << 16, MR_STREAM_START));
	node = (struct mr_node){.stream = &stream};
	apps = (struct mr_apps){.node = &node};
	for (uint64_t key_id = 1; key_id <= KEYS; key_id++)
		mr_apps_recover(&apps, &(struct mr_record_app){.key_id = key_id, .app = 700});
}

static void remove_key(uint64_t key_id)
{
	const struct mr_control_app app = {.key_id = key_id};
	assert_true(mr_apps_remove(
		&apps, &config, &(struct mr_control_request){.body = &app, .is_daemon = true}));
}

// Bits of the keys in the stream.
static uint32_t keys_recorded(void)
{
	uint32_t keys = 0;
	struct mr_record_app record;
	for (uint64_t at = MR_STREAM_START; at < mr_stream_next(&stream); at += sizeof(record)) {
		mr_stream_copy_own(&stream, at, &record, sizeof(record));
		keys |= 1u << record.key_id;
	}
	return keys;
}

static void checkpoint_misses_no_key_when_another_is_removed_meanwhile(void **state)
{
	(void)state;
	for (uint64_t removed = 1; removed <= KEYS; removed++) {
		uint32_t at = 0;
		open_with_keys();
		for (; keys_recorded() == 0; at++) // then the stream has no room for a while
			assert_true(mr_apps_record(&apps, at));
		remove_key(removed);
		for (; at < MR_KEYS_MAX; at++)
			assert_true(mr_apps_record(&apps, at));
		const uint32_t others = (2u << KEYS) - 2 - (1u << removed);
		assert_int_equal(keys_recorded() & others, others);
		mr_arena_close(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checkpoint_misses_no_key_when_another_is_removed_meanwhile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
