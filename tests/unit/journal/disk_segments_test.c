// The writer's segments: made ahead, closed, retired, used again; full and failed disks.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend_disk.h"
#include "scan.h"
#include "writer.h"

static const uint64_t ms = 1000000;

static void do_checkpoint(struct writer *writer)
{
	writer_checkpoint(writer);
	writer_run(writer, 20 * ms);
	assert_int_equal(writer_counter(writer, MR_JOURNAL_CHECKPOINTS), 1);
}

static void spares_are_made_ahead(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	writer_open(&writer);
	writer_run(&writer, ms);
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_SPARES), 2);
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_SEGMENTS), 2);
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_DISK_BYTES), 4 << 20);
	// Both are used while nobody makes more; then the writer waits, and loses nothing.
	writer.is_maker_away = true;
	for (int i = 0; i < 100; i++) {
		writer_append(&writer, 0, 10);
		writer_step(&writer, ms);
	}
	assert_false(writer_is_durable(&writer));
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_SPARES), 0);
	assert_int_equal(writer_state(&writer), MR_JOURNAL_OK); // slow is not full
	writer.is_maker_away = false;
	writer_run(&writer, 10 * ms);
	assert_true(writer_is_durable(&writer));
	(void)writer_read(&writer);
	writer_close(&writer);
}

static void segments_close_with_their_index(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	writer.config.segment_bytes = 4 << 20;
	writer.config.commit_bytes_max = 128 << 10;
	writer_open(&writer);
	writer_run(&writer, ms);
	writer_fill(&writer, 13 << 20);
	const struct writer_files files = writer_read(&writer);
	assert_int_equal(files.indexes, 3);
	assert_int_equal(files.newest, 5);
	writer_close(&writer);
}

static void a_checkpoint_moves_the_replay_when_all_of_it_is_durable(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	writer.config.checkpoint_bytes = 1 << 20;
	writer_open(&writer);
	writer_run(&writer, ms);
	writer_fill(&writer, 3 << 20);
	assert_int_equal(atomic_load(&writer.board.epoch), 1); // one at a time
	struct writer_files files = writer_read(&writer);
	assert_int_equal(files.replay_segment, 1);

	// Two of three owners are not enough; nor is what is not durable.
	disk_fake_delay(writer.fake, (struct disk_fake_delays){.write_ns = 5 * ms});
	writer_checkpoint(&writer);
	atomic_store(&writer.owners[1].epoch, 0);
	writer_run(&writer, 20 * ms);
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_CHECKPOINTS), 0);
	writer_append(&writer, 1, 1);
	atomic_store(&writer.owners[1].epoch_end, mr_stream_next(&writer.streams[1]));
	atomic_store(&writer.owners[1].epoch, 1);
	writer_run(&writer, 4 * ms);
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_CHECKPOINTS), 0);
	writer_run(&writer, 4 * ms);
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_CHECKPOINTS), 1);
	writer_fill(&writer, 1536 << 10);
	assert_int_equal(atomic_load(&writer.board.epoch), 1); // it took 2 MiB itself
	writer_fill(&writer, 1 << 20);
	assert_int_equal(atomic_load(&writer.board.epoch), 2);
	files = writer_read(&writer);
	assert_true(files.replay_segment > 1);
	assert_true(files.replay_frame > 1 && files.replay_frame < files.last_frame);
	writer_close(&writer);
}

static void what_nobody_needs_is_retired_and_used_again(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	writer.config.checkpoint_bytes = 2 << 20;
	writer_open(&writer);
	writer_run(&writer, ms);
	for (int i = 0; i < 20; i++) {
		writer_fill(&writer, 2 << 20);
		writer_checkpoint(&writer);
		writer_run(&writer, 30 * ms);
	}
	const struct writer_files files = writer_read(&writer);
	assert_true(files.newest > 40);
	assert_true(files.replay_segment > 38 && files.oldest_said > 38);
	// As many files as at the time when the most was live.
	assert_true(writer_counter(&writer, MR_JOURNAL_DISK_BYTES) <= 12 << 20);
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_EXPIRED_SEGMENTS), 0);
	writer_close(&writer);
}

static void what_is_left_over_is_removed_when_no_reader_can_have_it(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	writer.config.checkpoint_bytes = 8 << 20;
	writer_open(&writer);
	writer_run(&writer, ms);
	writer_fill(&writer, 9 << 20);
	writer_checkpoint(&writer);
	writer_run(&writer, 100 * ms);
	const uint64_t bytes = writer_counter(&writer, MR_JOURNAL_DISK_BYTES);
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_SEGMENTS), 2);
	for (int i = 0; i < 59; i++)
		writer_step(&writer, 1000 * ms);
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_DISK_BYTES), bytes);
	for (int i = 0; i < 10; i++)
		writer_step(&writer, 1000 * ms);
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_DISK_BYTES), 4 << 20);
	const struct writer_files files = writer_read(&writer);
	assert_int_equal(files.oldest, files.oldest_said);
	assert_int_equal(files.spares, 2);
	writer_close(&writer);
}

// Keep, need, and the replay each hold the oldest segment.
static void what_somebody_needs_stays(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	writer.config.checkpoint_bytes = 2 << 20;
	writer_open(&writer);
	writer_run(&writer, ms);
	writer_fill(&writer, 6 << 20);
	writer_run(&writer, 100 * ms);
	assert_int_equal(mr_segment_map_oldest(writer.map), 1); // the replay
	atomic_store(&writer.needs.segments[2], 1);
	atomic_store(&writer.owners[0].keep, mr_segment_map_start(writer.map, 4, 20) - 8);
	do_checkpoint(&writer);
	assert_int_equal(mr_segment_map_oldest(writer.map), 2);
	atomic_store(&writer.needs.segments[2], 0);
	writer_run(&writer, 100 * ms);
	assert_int_equal(mr_segment_map_oldest(writer.map), 3);
	atomic_store(&writer.owners[0].keep, UINT64_MAX);
	writer_run(&writer, 100 * ms);
	assert_int_equal(mr_segment_map_oldest(writer.map), 4); // the replay, again
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_EXPIRED_SEGMENTS), 0);
	(void)writer_read(&writer);
	writer_close(&writer);
}

static void age_retires_what_lanes_need(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	writer.config.retention_age_ns = 60000 * ms;
	writer_open(&writer);
	writer_run(&writer, ms);
	writer_fill(&writer, 3 << 20);
	atomic_store(&writer.needs.segments[1], 7);
	writer_step(&writer, 59000 * ms);
	writer_run(&writer, 20 * ms);
	assert_int_equal(atomic_load(&writer.board.epoch), 0);
	writer_step(&writer, 2000 * ms);
	writer_run(&writer, 20 * ms);
	// It lies in the replay: a checkpoint first.
	assert_int_equal(atomic_load(&writer.board.epoch), 1);
	assert_int_equal(mr_segment_map_oldest(writer.map), 1);
	writer_fill(&writer, 2 << 20); // owners take their time
	do_checkpoint(&writer);
	assert_true(mr_segment_map_oldest(writer.map) > 1);
	assert_int_equal(atomic_load(&writer.board.epoch), 1); // one was enough
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_EXPIRED_SEGMENTS), 1);
	(void)writer_read(&writer);
	writer_close(&writer);
}

static void a_segment_of_little_traffic_is_closed_in_time(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	writer.config.retention_age_ns = 80000 * ms;
	writer_open(&writer);
	writer_run(&writer, ms);
	writer_fill(&writer, 10000);
	writer_step(&writer, 9000 * ms);
	writer_run(&writer, ms);
	assert_int_equal(mr_segment_map_end(writer.map), 3);
	writer_step(&writer, 2000 * ms);
	writer_run(&writer, ms);
	assert_int_equal(mr_segment_map_end(writer.map), 4);
	assert_int_equal(writer_read(&writer).indexes, 1);
	for (int i = 0; i < 50; i++) // with nothing in it, the next one stays
		writer_step(&writer, 1000 * ms);
	assert_int_equal(mr_segment_map_end(writer.map), 4);
	writer_close(&writer);
}

static void do_wanted_checkpoint(struct writer *writer)
{
	if (atomic_load(&writer->board.epoch) > atomic_load(&writer->owners[0].epoch))
		writer_checkpoint(writer);
}

static void bytes_retire_what_lanes_need_but_never_what_is_kept(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	writer.config.checkpoint_bytes = 2 << 20;
	writer.config.retention_bytes = 8 << 20;
	writer_open(&writer);
	for (uint32_t i = 0; i < MR_SEGMENTS_MAX; i++)
		atomic_store(&writer.needs.segments[i], 1);
	writer_run(&writer, ms);
	for (int i = 0; i < 400; i++) {
		writer_fill(&writer, 100000);
		do_wanted_checkpoint(&writer);
		assert_true(writer_counter(&writer, MR_JOURNAL_DISK_BYTES) <= 8 << 20);
		assert_int_equal(writer_state(&writer), MR_JOURNAL_OK);
	}
	assert_true(writer_counter(&writer, MR_JOURNAL_EXPIRED_SEGMENTS) > 20);
	(void)writer_read(&writer);

	// A shard keeps the oldest: nothing may go, so no more events may come.
	atomic_store(&writer.owners[1].keep,
		mr_segment_map_start(writer.map, mr_segment_map_oldest(writer.map), 21));
	const uint64_t oldest = mr_segment_map_oldest(writer.map);
	for (int i = 0; i < 200; i++) {
		if (writer_state(&writer) == MR_JOURNAL_OK)
			writer_append(&writer, 0, 10);
		do_wanted_checkpoint(&writer);
		writer_step(&writer, ms);
	}
	assert_int_equal(writer_state(&writer), MR_JOURNAL_FULL);
	assert_true(writer_is_durable(&writer));
	assert_in_range(mr_segment_map_oldest(writer.map), oldest, oldest + 1);
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_SPARES), 1);
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_DISK_BYTES), 8 << 20);

	// Everything else goes on, at last beyond the limit.
	writer_fill(&writer, 3 << 20);
	assert_int_equal(writer_state(&writer), MR_JOURNAL_FULL);
	assert_in_range(writer_counter(&writer, MR_JOURNAL_DISK_BYTES), 9 << 20, 11 << 20);

	atomic_store(&writer.owners[1].keep, UINT64_MAX);
	for (int i = 0; i < 100; i++) {
		do_wanted_checkpoint(&writer);
		writer_step(&writer, ms);
	}
	assert_int_equal(writer_state(&writer), MR_JOURNAL_OK);
	for (int i = 0; i < 70; i++)
		writer_step(&writer, 1000 * ms);
	assert_true(writer_counter(&writer, MR_JOURNAL_DISK_BYTES) <= 8 << 20);
	(void)writer_read(&writer);
	writer_close(&writer);
}

// Without a next one, what room it has left is all that there is.
static void a_segment_is_not_closed_for_its_age_without_a_spare(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	writer.config.retention_age_ns = 80000 * ms;
	writer_open(&writer);
	writer_run(&writer, ms);
	disk_fake_capacity(writer.fake, (4 << 20) + 65536);
	while (writer_counter(&writer, MR_JOURNAL_SPARES) > 0) {
		writer_append(&writer, 0, 10);
		writer_step(&writer, ms);
	}
	writer_run(&writer, 10 * ms);
	assert_true(writer_is_durable(&writer));
	writer_step(&writer, 11000 * ms);
	assert_int_equal(writer_append(&writer, 0, 1), 1);
	writer_run(&writer, 10 * ms);
	assert_true(writer_is_durable(&writer));
	writer_close(&writer);
}

static void a_disk_without_space_is_full_until_there_is_some(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	writer_open(&writer);
	writer_run(&writer, ms);
	disk_fake_capacity(writer.fake, (4 << 20) + 65536);
	assert_int_equal(writer_state(&writer), MR_JOURNAL_OK);
	while (writer_state(&writer) == MR_JOURNAL_OK) {
		writer_append(&writer, 0, 10);
		writer_step(&writer, ms);
		assert_true(writer.now_ns < 10000 * ms);
	}
	assert_int_equal(writer_state(&writer), MR_JOURNAL_FULL);
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_SPARES), 1);
	// What is written goes on into the last one, and beyond it waits.
	for (int i = 0; i < 200; i++) {
		writer_append(&writer, 0, 10);
		writer_step(&writer, ms);
	}
	assert_int_equal(writer_counter(&writer, MR_JOURNAL_SPARES), 0);
	assert_false(writer_is_durable(&writer));
	assert_int_equal(writer_state(&writer), MR_JOURNAL_FULL);
	disk_fake_capacity(writer.fake, 0);
	for (int i = 0; i < 50; i++)
		writer_step(&writer, 100 * ms);
	assert_int_equal(writer_state(&writer), MR_JOURNAL_OK);
	assert_true(writer_is_durable(&writer));
	const struct writer_files files = writer_read(&writer);
	assert_int_equal(files.ends[0], mr_stream_next(&writer.streams[0]));
	writer_close(&writer);
}

// What lets segments retire has the room that the snapshot left: a router that was full when it was
// killed gets on.
static void a_start_without_space_goes_on_in_the_segment_of_its_snapshot(void **state)
{
	(void)state;
	static struct writer writer;
	static struct {
		struct mr_index_entry entry;
		uint64_t offsets[WRITER_STREAMS];
	} index = {.entry = {.block = 1},
		.offsets = {MR_STREAM_START, MR_STREAM_START, MR_STREAM_START}};
	writer_init(&writer, 1);
	writer.config.place.at = MR_JOURNAL_BLOCK_BYTES;
	writer.config.place.index = (const uint8_t *)&index;
	writer.config.place.index_count = 1;
	disk_fake_capacity(writer.fake, (1 << 20) + 65536);
	writer_open(&writer);
	writer_append(&writer, 0, 20);
	writer_run(&writer, 10 * ms);
	assert_true(writer_is_durable(&writer));
	assert_int_equal(writer_state(&writer), MR_JOURNAL_FULL);
	assert_int_equal(writer_read(&writer).newest, 1);
	disk_fake_capacity(writer.fake, 0);
	for (int i = 0; i < 50; i++)
		writer_step(&writer, 100 * ms);
	writer_fill(&writer, 3 << 20);
	assert_int_equal(writer_state(&writer), MR_JOURNAL_OK);
	const struct writer_files files = writer_read(&writer);
	assert_true(files.newest > 2 && files.indexes == files.newest - 1);
	assert_int_equal(files.ends[0], mr_stream_next(&writer.streams[0]));
	writer_close(&writer);
}

static void a_maker_that_finds_the_disk_broken_ends_it(void **state)
{
	(void)state;
	static const int errors[] = {-EROFS, -EIO, -EACCES};
	static struct writer writer;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		writer_init(&writer, 1);
		writer_open(&writer);
		writer_run(&writer, ms);
		writer.is_maker_away = true;
		writer_append(&writer, 0, 230);
		for (int step = 0; step < 20; step++)
			writer_step(&writer, ms);
		writer_append(&writer, 0, 30); // closes the segment: a spare is used, one is wanted
		for (int step = 0; step < 20; step++)
			writer_step(&writer, ms);
		disk_fake_break(writer.fake, errors[i]);
		writer.is_maker_away = false;
		writer_run(&writer, 2 * ms);
		assert_int_equal(writer_state(&writer), MR_JOURNAL_FAILED);
		assert_int_equal(atomic_load(&writer.board.failed_error), errors[i]);
		assert_int_equal(atomic_load(&writer.board.failed_segment), 0);
		writer_close(&writer);
	}
}

static void what_an_earlier_run_made_ahead_is_no_obstacle(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	int fd = writer.disk.open(
		writer.disk.state, "segment-0000000000000002", MR_DISK_WRITE | MR_DISK_CREATE);
	assert_true(fd >= 0);
	assert_int_equal(writer.disk.make_zeroed(writer.disk.state, fd, 8192), 0);
	writer_open(&writer);
	writer_run(&writer, ms);
	writer_fill(&writer, 100000);
	assert_int_equal(writer_read(&writer).newest, 2);
	writer_close(&writer);
}

// The start's segment is larger than those of today: it is removed, and nothing is used again
// before, or a scanner would take the spare for a segment that was renamed.
static void a_segment_of_another_size_is_not_used_again(void **state)
{
	(void)state;
	static struct writer writer;
	writer_init(&writer, 1);
	writer.config.segment_bytes = 2 << 20;
	writer.config.checkpoint_bytes = 2 << 20;
	writer_open(&writer);
	writer_run(&writer, ms);
	for (int i = 0; i < 4; i++) {
		writer_fill(&writer, 4 << 20);
		writer_checkpoint(&writer);
		writer_run(&writer, 100 * ms);
		struct mr_scan *scan = NULL;
		struct mr_scan_found found;
		struct mr_scan_error error = {.text = ""};
		if (mr_scan_open(&writer.disk, &scan, &found, &error) != 0)
			fail_msg("round %d: %s", i, error.text);
		mr_scan_close(scan);
	}
	assert_true(mr_segment_map_oldest(writer.map) > 4);
	assert_int_equal(writer_read(&writer).oldest, 1);
	for (int i = 0; i < 80; i++)
		writer_step(&writer, 1000 * ms);
	assert_int_equal(writer_read(&writer).oldest, mr_segment_map_oldest(writer.map));
	writer_close(&writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spares_are_made_ahead),
		cmocka_unit_test(segments_close_with_their_index),
		cmocka_unit_test(a_checkpoint_moves_the_replay_when_all_of_it_is_durable),
		cmocka_unit_test(what_nobody_needs_is_retired_and_used_again),
		cmocka_unit_test(what_is_left_over_is_removed_when_no_reader_can_have_it),
		cmocka_unit_test(what_somebody_needs_stays),
		cmocka_unit_test(age_retires_what_lanes_need),
		cmocka_unit_test(a_segment_of_little_traffic_is_closed_in_time),
		cmocka_unit_test(bytes_retire_what_lanes_need_but_never_what_is_kept),
		cmocka_unit_test(a_segment_is_not_closed_for_its_age_without_a_spare),
		cmocka_unit_test(a_disk_without_space_is_full_until_there_is_some),
		cmocka_unit_test(a_start_without_space_goes_on_in_the_segment_of_its_snapshot),
		cmocka_unit_test(a_maker_that_finds_the_disk_broken_ends_it),
		cmocka_unit_test(what_an_earlier_run_made_ahead_is_no_obstacle),
		cmocka_unit_test(a_segment_of_another_size_is_not_used_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
