// The writer: what is acknowledged is in the files, whatever the disk does.
#include "backend_disk.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "journal.h"
#include "rng.h"
#include "scan.h"
#include "writer.h"

static const uint64_t ms = 1000000;

static void what_is_durable_is_in_the_file_and_in_the_map(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	writer_open(&writer);
	writer_run(&writer, ms);
	writer_fill(&writer, 100000);
	const struct writer_files files = writer_read(&writer);
	assert_int_equal(files.newest, 2);
	assert_true(files.commits > 0);
	for (uint32_t i = 0; i < WRITER_STREAMS; i++) {
		const uint64_t end = mr_stream_watermark(&writer.streams[i]);
		assert_int_equal(files.ends[i], end);
		assert_int_equal(mr_segment_map_find(writer.map,
					 mr_position_make(writer.streams[i].id, end - 8)),
			2);
		assert_int_equal(mr_segment_map_find(
					 writer.map, mr_position_make(writer.streams[i].id, end)),
			0);
	}
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_FRAMES), files.frames);
	writer_close(&writer);
}

static void nothing_counts_while_it_is_being_written(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	writer_open(&writer);
	writer_run(&writer, ms);
	disk_fake_delay(writer.fake, (struct disk_fake_delays){.write_ns = 10 * ms});
	writer_append(&writer, 0, 1);
	writer_run(&writer, 10 * ms);
	assert_int_equal(mr_stream_watermark(&writer.streams[0]), MR_STREAM_START);
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_WRITES), 1);
	writer_run(&writer, 2 * ms);
	assert_true(writer_is_durable(&writer));
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_WRITES), 0);
	writer_close(&writer);
}

static void few_bytes_wait_for_company(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	writer.config.commit_bytes_max = 16 * 8 * WRITER_RECORD_BYTES;
	writer_open(&writer);
	writer_run(&writer, ms);
	disk_fake_delay(writer.fake, (struct disk_fake_delays){.write_ns = ms});
	const uint64_t writes = disk_fake_writes(writer.fake);
	writer_append(&writer, 0, 1);
	writer_step(&writer, 1000);
	const uint64_t due_ns = mr_journal_next_due(writer.journal);
	assert_int_equal(due_ns, writer.now_ns + writer.config.commit_delay_ns);
	writer_append(&writer, 1, 1);
	writer_step(&writer, due_ns - writer.now_ns - 1);
	assert_int_equal(disk_fake_writes(writer.fake), writes);
	writer_step(&writer, 1);
	assert_int_equal(disk_fake_writes(writer.fake), writes + 1); // both in one
	assert_int_equal(mr_journal_next_due(writer.journal), UINT64_MAX);

	// No less while something is being written.
	writer_append(&writer, 0, 1);
	writer_step(&writer, 1);
	assert_int_equal(disk_fake_writes(writer.fake), writes + 1);
	assert_int_equal(
		mr_journal_next_due(writer.journal), writer.now_ns + writer.config.commit_delay_ns);

	// A sixteenth of a commit does not wait.
	writer_append(&writer, 0, 7);
	writer_step(&writer, 1);
	assert_int_equal(disk_fake_writes(writer.fake), writes + 2);
	writer_run(&writer, 3 * ms);
	assert_true(writer_is_durable(&writer));
	writer_close(&writer);
}

static void a_stream_that_has_much_does_not_starve_the_others(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	writer.config.commit_bytes_max = 65536;
	writer_open(&writer);
	writer_run(&writer, ms);
	disk_fake_delay(writer.fake, (struct disk_fake_delays){.write_ns = ms});
	writer_append(&writer, 0, 900);
	writer_append(&writer, 2, 1);
	for (int i = 0; i < 40 && mr_stream_watermark(&writer.streams[2]) == MR_STREAM_START; i++)
		writer_step(&writer, 100000);
	assert_true(mr_stream_watermark(&writer.streams[2]) > MR_STREAM_START);
	// All four buffers hold 64 KiB, and the second one begins with the others.
	assert_true(mr_stream_watermark(&writer.streams[0]) < MR_STREAM_START + 4 * 65536);
	writer_close(&writer);
}

static void a_slow_disk_makes_commits_larger(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	writer.config.segment_bytes = 8 << 20;
	writer_open(&writer);
	writer_run(&writer, ms);
	disk_fake_delay(writer.fake, (struct disk_fake_delays){.write_ns = 5000 * ms});
	for (int i = 0; i < 1200; i++) {
		writer_append(&writer, (uint32_t)i % WRITER_STREAMS, 1);
		writer_step(&writer, 10 * ms);
		if (i == 50) {
			const uint64_t since_ns = atomic_load(&writer.board.stalled_since_ns);
			assert_in_range(since_ns, 1, 30 * ms);
		}
	}
	assert_true(writer_counter(&writer, MR_JOURNAL_STALLS) >= 2);
	for (int i = 0; i < 3000 && !writer_is_durable(&writer); i++)
		writer_step(&writer, 10 * ms);
	assert_true(writer_is_durable(&writer));
	assert_int_equal(atomic_load(&writer.board.stalled_since_ns), 0);
	const struct writer_files files = writer_read(&writer);
	assert_true(files.commits <= 24);
	assert_true(files.commit_bytes_most > 100 * WRITER_RECORD_BYTES);
	assert_int_equal(writer_state(&writer), MR_JOURNAL_OK);
	writer_close(&writer);
}

static void writes_that_overtake_each_other_count_in_order(void **state)
{
	(void)state;
	static struct writer writer;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		writer_init(&writer, seed);
		disk_fake_delay(
			writer.fake, (struct disk_fake_delays){.write_ns = ms, .shuffled = true});
		writer_open(&writer);
		writer_run(&writer, 10 * ms);
		writer_fill(&writer, 3 << 20);
		const struct writer_files files = writer_read(&writer);
		assert_int_equal(files.newest - files.oldest, files.indexes + 1);
		assert_true(files.indexes >= 3);
		writer_close(&writer);
	}
}

// To the scanner it is a torn tail, not damage: no frame claims more than was so.
static void expect_scan(struct writer *writer, uint64_t seed, const struct writer_files *files)
{
	struct mr_scan *scan = NULL;
	struct mr_scan_found found;
	struct mr_scan_error error = {.text = ""};
	if (mr_scan_open(&writer->disk, &scan, &found, &error) != 0)
		fail_msg("seed %" PRIu64 ": %s", seed, error.text);
	assert_int_equal(found.last_frame, files->last_frame);
	mr_scan_close(scan);
}

// One life with a power cut at its end: checkpoints, needs that come and go, segments retired and
// used again, writes that overtake each other. Returns how many streams had more than was
// acknowledged.
static uint64_t live_and_die(struct writer *writer, uint64_t seed)
{
	struct mr_rng rng;
	mr_rng_seed(&rng, seed);
	writer_init(writer, seed);
	writer->config.checkpoint_bytes = 1 << 20;
	writer->config.retention_bytes = 8 << 20;
	disk_fake_delay(writer->fake, (struct disk_fake_delays){.write_ns = ms, .shuffled = true});
	writer_open(writer);
	disk_fake_cut_at(writer->fake, 10 + mr_rng_below(&rng, 300));
	uint64_t epoch = 0;
	for (uint32_t i = 0; i < 4000 && writer_state(writer) != MR_JOURNAL_FAILED; i++) {
		const uint32_t most = writer_state(writer) == MR_JOURNAL_FULL ? 2 : 20;
		writer_append(writer, i % WRITER_STREAMS, (uint32_t)mr_rng_below(&rng, most));
		writer_step(writer, 100000);
		if (mr_rng_chance(&rng, 1, 10))
			atomic_store(&writer->needs.segments[mr_rng_below(&rng, 64)],
				(uint32_t)mr_rng_below(&rng, 2));
		if (atomic_load(&writer->board.epoch) > epoch && mr_rng_chance(&rng, 1, 20)) {
			epoch = atomic_load(&writer->board.epoch);
			writer_checkpoint(writer);
		}
	}
	assert_int_equal(writer_state(writer), MR_JOURNAL_FAILED);
	mr_journal_detach(writer->journal);
	mr_net_close(writer->net);
	disk_fake_crash(writer->fake, seed);
	const struct writer_files files = writer_read(writer);
	expect_scan(writer, seed, &files);
	uint64_t torn = 0;
	for (uint32_t i = 0; i < WRITER_STREAMS; i++)
		torn += files.ends[i] > mr_stream_watermark(&writer->streams[i]);
	return torn;
}

static void what_was_acknowledged_survives_a_power_cut(void **state)
{
	(void)state;
	static struct writer writer;
	uint64_t torn = 0;
	uint64_t retired = 0;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		torn += live_and_die(&writer, seed);
		retired += mr_segment_map_oldest(writer.map) - 1;
		mr_arena_close(&writer.arena);
		mr_segment_map_free(writer.map);
		disk_fake_free(writer.fake);
	}
	assert_true(torn > 0); // the cut came while something was being written
	assert_true(retired > 20);
}

static void a_short_write_goes_on_at_a_block(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	writer_open(&writer);
	writer_run(&writer, ms);
	for (size_t length = 4096; length <= 5 * 4096; length += 4096) {
		writer_append(&writer, 0, 8);
		disk_fake_delay(writer.fake, (struct disk_fake_delays){.write_ns = ms});
		disk_fake_shorten(writer.fake, 1, length);
		const uint64_t before = mr_stream_watermark(&writer.streams[0]);
		writer_run(&writer, ms + 500000);
		// the rest is under way
		assert_int_equal(mr_stream_watermark(&writer.streams[0]), before);
		writer_run(&writer, 2 * ms);
		assert_true(writer_is_durable(&writer));
		(void)writer_read(&writer);
	}
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_SHORT_WRITES), 5);
	writer_close(&writer);
}

static void after_an_error_nothing_is_written_or_acknowledged(void **state)
{
	(void)state;
	static const int errors[] = {-EIO, -ECANCELED, -EAGAIN, -EINTR, -ENOSPC, -EROFS};
	static struct writer writer;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		writer_init(&writer, 1);
		disk_fake_delay(writer.fake, (struct disk_fake_delays){.write_ns = 2 * ms});
		writer_open(&writer);
		writer_run(&writer, 10 * ms);
		writer_fill(&writer, 50000);
		const uint64_t mark = mr_stream_watermark(&writer.streams[1]);
		disk_fake_fail(writer.fake, 1, errors[i]);
		writer_append(&writer, 1, 3);
		writer_run(&writer, ms); // the failing one is under way
		writer_append(&writer, 1, 3);
		writer_run(&writer, ms / 2); // and a good one behind it
		assert_int_equal(writer_counter(&writer, MR_JOURNAL_WRITES), 2);
		const uint64_t writes = disk_fake_writes(writer.fake);
		for (int step = 0; step < 100; step++) {
			writer_append(&writer, 1, 1);
			writer_step(&writer, ms);
		}
		assert_int_equal(disk_fake_writes(writer.fake), writes);
		assert_int_equal(mr_stream_watermark(&writer.streams[1]), mark);
		assert_int_equal(writer_state(&writer), MR_JOURNAL_FAILED);
		assert_int_equal(atomic_load(&writer.board.failed_error), errors[i]);
		assert_int_equal(atomic_load(&writer.board.failed_segment), 2);
		assert_true(atomic_load(&writer.board.failed_offset) > 0);
		assert_in_range(atomic_load(&writer.board.failed_ns), 1, writer.now_ns);
		assert_int_equal(mr_journal_next_due(writer.journal), UINT64_MAX);
		writer_close(&writer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_durable_is_in_the_file_and_in_the_map),
		cmocka_unit_test(nothing_counts_while_it_is_being_written),
		cmocka_unit_test(few_bytes_wait_for_company),
		cmocka_unit_test(a_stream_that_has_much_does_not_starve_the_others),
		cmocka_unit_test(a_slow_disk_makes_commits_larger),
		cmocka_unit_test(writes_that_overtake_each_other_count_in_order),
		cmocka_unit_test(what_was_acknowledged_survives_a_power_cut),
		cmocka_unit_test(a_short_write_goes_on_at_a_block),
		cmocka_unit_test(after_an_error_nothing_is_written_or_acknowledged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
