#include "journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"

enum { STREAMS = 3, STREAM_BYTES = 65536 };

struct world {
	struct mr_arena arena;
	struct mr_stream streams[STREAMS];
	struct mr_stream *served[STREAMS];
	struct mr_stats_stage stats;
	struct mr_journal *journal;
};

static const struct mr_budget budget = {.units = 100};
static const struct mr_now now = {.mono_ns = 1, .wall_ns = 1};

static void world_open(struct world *world, struct mr_backend backend)
{
	memset(world, 0, sizeof(*world));
	assert_int_equal(mr_arena_open(&world->arena, 4 << 20, false), 0);
	for (uint16_t i = 0; i < STREAMS; i++) {
		assert_true(mr_stream_init(
			&world->streams[i], &world->arena, i, STREAM_BYTES, MR_STREAM_START));
		world->served[i] = &world->streams[i];
	}
	struct mr_journal_config config = {
		.streams = world->served,
		.streams_count = STREAMS,
		.backend = backend,
		.stats = &world->stats,
	};
	world->journal = mr_journal_new(&world->arena, &config);
	assert_non_null(world->journal);
}

static void append(struct mr_stream *stream, uint32_t words)
{
	for (uint32_t i = 0; i < words; i++) {
		uint64_t word = i;
		mr_stream_append(stream, &word, sizeof(word), NULL, 0);
	}
}

static void watermark_moves_to_what_is_published(void **state)
{
	(void)state;
	static struct world world;

	world_open(&world, mr_backend_volatile());
	append(&world.streams[1], 3);
	assert_int_equal(mr_journal_step(world.journal, now, budget), MR_POLL_IDLE);
	assert_int_equal(mr_stream_watermark(&world.streams[1]), MR_STREAM_START);

	mr_stream_publish(&world.streams[1]);
	assert_int_equal(mr_journal_step(world.journal, now, budget), MR_POLL_BUSY);
	assert_int_equal(mr_stream_watermark(&world.streams[1]), MR_STREAM_START + 24);
	assert_int_equal(mr_stream_watermark(&world.streams[0]), MR_STREAM_START);
	mr_arena_close(&world.arena);
}

static void one_commit_covers_all_streams(void **state)
{
	(void)state;
	static struct world world;

	world_open(&world, mr_backend_volatile());
	for (uint32_t i = 0; i < STREAMS; i++) {
		append(&world.streams[i], i + 1);
		mr_stream_publish(&world.streams[i]);
	}
	assert_int_equal(mr_journal_step(world.journal, now, budget), MR_POLL_BUSY);
	assert_int_equal(mr_read(&world.stats.counters[MR_JOURNAL_COMMITS]), 1);
	assert_int_equal(mr_read(&world.stats.counters[MR_JOURNAL_COMMIT_BYTES]), 8 * (1 + 2 + 3));
	for (uint32_t i = 0; i < STREAMS; i++)
		assert_int_equal(
			mr_stream_watermark(&world.streams[i]), MR_STREAM_START + 8 * (i + 1));
	mr_arena_close(&world.arena);
}

static void nothing_new_is_no_commit(void **state)
{
	(void)state;
	static struct world world;

	world_open(&world, mr_backend_volatile());
	append(&world.streams[0], 1);
	mr_stream_publish(&world.streams[0]);
	assert_int_equal(mr_journal_step(world.journal, now, budget), MR_POLL_BUSY);
	for (int i = 0; i < 10; i++)
		assert_int_equal(mr_journal_step(world.journal, now, budget), MR_POLL_IDLE);
	assert_int_equal(mr_read(&world.stats.counters[MR_JOURNAL_COMMITS]), 1);
	mr_arena_close(&world.arena);
}

static void what_is_overwritten_is_gone(void **state)
{
	(void)state;
	struct mr_backend backend = mr_backend_volatile();
	uint8_t bytes[64];
	uint32_t length = 77;

	assert_true(backend.is_volatile);
	assert_int_equal(backend.reader.fetch(backend.reader.state,
				 mr_position_make(0, MR_STREAM_START), bytes, &length),
		MR_READ_GONE);
	assert_int_equal(length, 77);
}

// A back end that needs two calls for one commit, as a disk does.
static uint64_t slow_commit(
	void *state, struct mr_stream *const *streams, uint32_t count, struct mr_now at)
{
	uint32_t *calls = state;

	(void)streams;
	(void)at;
	assert_int_equal(count, STREAMS);
	return ++*calls % 2 == 0 ? 4096 : 0;
}

static void a_commit_counts_when_the_back_end_says_it_is_durable(void **state)
{
	(void)state;
	static struct world world;
	uint32_t calls = 0;
	struct mr_backend backend = mr_backend_volatile();

	backend.commit = slow_commit;
	backend.state = &calls;
	world_open(&world, backend);
	assert_int_equal(mr_journal_step(world.journal, now, budget), MR_POLL_IDLE);
	assert_int_equal(mr_read(&world.stats.counters[MR_JOURNAL_COMMITS]), 0);
	assert_int_equal(mr_journal_step(world.journal, now, budget), MR_POLL_BUSY);
	assert_int_equal(mr_read(&world.stats.counters[MR_JOURNAL_COMMITS]), 1);
	assert_int_equal(mr_read(&world.stats.counters[MR_JOURNAL_COMMIT_BYTES]), 4096);
	mr_arena_close(&world.arena);
}

static void a_plan_takes_what_a_start_takes(void **state)
{
	(void)state;
	static struct world world;
	static struct mr_arena plan, fresh;

	world_open(&world, mr_backend_volatile());
	struct mr_journal_config config = {
		.streams = world.served,
		.streams_count = STREAMS,
		.backend = mr_backend_volatile(),
		.stats = &world.stats,
	};
	assert_int_equal(mr_arena_open(&fresh, 1 << 20, false), 0);
	assert_non_null(mr_journal_new(&fresh, &config));
	mr_arena_plan(&plan);
	assert_null(mr_journal_new(&plan, &config));
	assert_int_equal(plan.used, fresh.used);
	mr_arena_close(&fresh);
	mr_arena_close(&world.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(watermark_moves_to_what_is_published),
		cmocka_unit_test(one_commit_covers_all_streams),
		cmocka_unit_test(nothing_new_is_no_commit),
		cmocka_unit_test(what_is_overwritten_is_gone),
		cmocka_unit_test(a_commit_counts_when_the_back_end_says_it_is_durable),
		cmocka_unit_test(a_plan_takes_what_a_start_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
