// The stages' reader of the journal: what it answers, and how often it reads.
#include "journal_reader.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "disk_fake.h"
#include "journal_build.h"
#include "net_fake.h"
#include "rng.h"
#include "scan.h"
#include "segment_file.h"

enum { STREAMS = 3, SEGMENT_BYTES = 4 << 20, RECORDS_MAX = 20000, LANES_MAX = 16 };

struct world {
	struct mr_arena arena;
	struct disk_fake *fake;
	struct mr_disk disk;
	struct journal_build build;
	struct mr_segment_map *map;
	struct mr_net *net;
	struct mr_journal_reader *reader;
	struct mr_backend_reader backend;
	mr_counter reads, failed;
	mr_position positions[RECORDS_MAX];
	uint32_t count;
	uint64_t now_ns;
};

static void world_open(struct world *world)
{
	memset(world, 0, sizeof(*world));
	world->fake = disk_fake_new(3);
	world->disk = disk_fake_disk(world->fake);
	journal_build_open(&world->build, world->disk, 9, SEGMENT_BYTES);
	journal_build_boot(&world->build, 4, STREAMS);
}

// Records of all streams in turn, in frames of about `frame_bytes`; `segments` of them, full.
static void fill(struct world *world, uint32_t segments, uint32_t frame_bytes, uint16_t payload)
{
	for (uint32_t n = 0; n < segments; n++) {
		while (world->build.offset + frame_bytes + (64 << 10) < SEGMENT_BYTES) {
			while (world->build.payload_bytes + payload + 256 < frame_bytes) {
				const uint16_t stream = (uint16_t)(4 + world->build.runs_count);
				const uint32_t share = frame_bytes / STREAMS;
				const bool next = world->build.runs_count < STREAMS
					&& world->build.payload_bytes
						>= share * world->build.runs_count;

				assert_true(world->count < RECORDS_MAX);
				world->positions[world->count] = journal_build_event(&world->build,
					next ? stream : (uint16_t)(stream - 1), world->count + 1,
					payload);
				world->count++;
			}
			journal_build_frame(&world->build);
		}
		if (n + 1 < segments)
			journal_build_turn(&world->build);
	}
}

static void note(void *owner, uint32_t block, const uint64_t *offsets)
{
	mr_segment_map_frame(owner, block, offsets);
}

// The map as a start fills it, and a reader on it.
static void start(struct world *world, uint32_t chunks)
{
	const struct mr_segment_map_config shape = {
		.segment_bytes = SEGMENT_BYTES, .streams_max = MR_STREAMS_MAX, .segments_max = 64};
	struct mr_scan_found found;
	struct mr_scan_error error;
	struct mr_scan *scan;
	uint64_t ends[MR_STREAMS_MAX];
	uint32_t end_block;

	world->map = mr_segment_map_new(&shape);
	assert_int_equal(mr_scan_open(&world->disk, &scan, &found, &error), 0);
	for (uint64_t number = 1; number <= found.newest_segment; number++) {
		char name[MR_SEGMENT_NAME_BYTES];

		mr_segment_name(number, name);
		int fd = world->disk.open(world->disk.state, name, MR_DISK_READ);
		assert_true(fd >= 0);
		mr_segment_map_begin(world->map, fd, mr_scan_segment(scan, number));
		assert_int_equal(
			mr_scan_marks(scan, number, note, world->map, &end_block, ends, &error), 0);
		mr_segment_map_durable(world->map, end_block, ends);
	}
	mr_scan_close(scan);
	assert_int_equal(mr_net_open(64, &world->net), 0);
	mr_fake_set_files(world->net, disk_fake_files(world->fake));
	disk_fake_delay(world->fake, (struct disk_fake_delays){.read_ns = 1000});
	assert_int_equal(mr_arena_open(&world->arena, 16 << 20, false), 0);
	const struct mr_journal_reader_config config = {.map = world->map,
		.chunks = chunks,
		.reads = &world->reads,
		.reads_failed = &world->failed};
	world->reader = mr_journal_reader_new(&world->arena, &config);
	assert_non_null(world->reader);
	mr_journal_reader_attach(world->reader, world->net);
	world->backend = mr_journal_reader_backend(world->reader);
}

static void world_close(struct world *world)
{
	mr_journal_reader_detach(world->reader);
	mr_net_close(world->net);
	mr_segment_map_free(world->map);
	mr_arena_close(&world->arena);
	journal_build_close(&world->build);
	disk_fake_free(world->fake);
}

static enum mr_read fetch(struct world *world, uint32_t n)
{
	static _Alignas(8) uint8_t bytes[MR_RECORD_BYTES_MAX];
	uint32_t length = 0;
	enum mr_read answer =
		world->backend.fetch(world->backend.state, world->positions[n], bytes, &length);

	if (answer == MR_READ_HIT) {
		const struct mr_record_event *event = (const void *)bytes;
		const struct mr_event_fixed *fixed = (const void *)(event + 1);

		assert_int_equal(length, event->record.length);
		assert_int_equal(fixed->object, n + 1);
	}
	return answer;
}

static void pass_time(struct world *world)
{
	world->now_ns += 2000;
	mr_fake_advance(world->net, world->now_ns);
	(void)mr_net_poll(world->net);
}

static enum mr_read fetch_until(struct world *world, uint32_t n, uint32_t tries)
{
	enum mr_read answer = MR_READ_WAIT;

	for (uint32_t i = 0; i < tries && answer == MR_READ_WAIT; i++) {
		answer = fetch(world, n);
		pass_time(world);
	}
	return answer;
}

static void a_hit_comes_after_a_wait(void **state)
{
	(void)state;
	static struct world world;

	world_open(&world);
	fill(&world, 1, 64 << 10, 1000);
	start(&world, 4);
	assert_int_equal(fetch(&world, 5), MR_READ_WAIT);
	assert_int_equal(fetch(&world, 5), MR_READ_WAIT);
	assert_int_equal(mr_read(&world.reads), 1); // asked for once
	pass_time(&world);
	assert_int_equal(fetch(&world, 5), MR_READ_HIT);
	assert_int_equal(fetch(&world, 6), MR_READ_HIT);
	assert_int_equal(mr_read(&world.reads), 1);
	assert_int_equal(mr_read(&world.failed), 0);
	world_close(&world);
}

static void what_is_in_no_live_segment_is_gone(void **state)
{
	(void)state;
	static struct world world;

	world_open(&world);
	fill(&world, 1, 64 << 10, 1000);
	start(&world, 4);
	world.positions[0] = mr_position_make(40, 4096);
	assert_int_equal(fetch(&world, 0), MR_READ_GONE);
	world.positions[0] = mr_position_make(4, 1 << 30);
	assert_int_equal(fetch(&world, 0), MR_READ_GONE);
	assert_int_equal(mr_read(&world.reads), 0);
	world_close(&world);
}

static void a_segment_that_retires_meanwhile_is_gone(void **state)
{
	(void)state;
	static struct world world;

	world_open(&world);
	fill(&world, 3, 64 << 10, 8000);
	start(&world, 4);
	assert_int_equal(fetch_until(&world, 1, 8), MR_READ_HIT);
	assert_int_equal(fetch(&world, 400), MR_READ_WAIT);
	mr_segment_map_retire(world.map);
	pass_time(&world);
	assert_int_equal(fetch(&world, 400), MR_READ_GONE); // under way while it retired
	assert_int_equal(fetch(&world, 1), MR_READ_GONE); // read before
	assert_int_equal(mr_read(&world.failed), 0);
	assert_int_equal(fetch_until(&world, world.count - 1, 16), MR_READ_HIT);
	world_close(&world);
}

// Of all bytes of the journal, in whole chunks, with what is read twice at their borders and at
// those of the map's MiBs.
static uint64_t chunks_of(const struct world *world, uint32_t segments)
{
	return segments * (SEGMENT_BYTES / MR_JOURNAL_CHUNK_BYTES + SEGMENT_BYTES / (1 << 20) + 2)
		+ world->build.carry.segment;
}

static void drain(uint32_t frame_bytes, uint16_t payload, size_t limit)
{
	static struct world world;

	world_open(&world);
	fill(&world, 3, frame_bytes, payload);
	start(&world, 6);
	disk_fake_limit_reads(world.fake, limit);
	for (uint32_t n = 0; n < world.count; n++)
		assert_int_equal(fetch_until(&world, n, 400), MR_READ_HIT);
	assert_true(mr_read(&world.reads) <= chunks_of(&world, 3));
	assert_int_equal(mr_read(&world.failed), 0);
	world_close(&world);
}

static void a_drain_reads_each_chunk_once(void **state)
{
	(void)state;
	drain(4 << 10, 1500, 0); // many frames in a chunk
	drain(64 << 10, 3000, 0);
	drain(900 << 10, 8000, 0); // several chunks in a frame
	drain(64 << 10, 3000, 16 << 10); // reads come in pieces
}

// Each lane drains a part of its own, one record per round.
static uint64_t drain_lanes(uint32_t lanes, uint32_t chunks)
{
	static struct world world;
	uint32_t at[LANES_MAX], waits[LANES_MAX] = {0};
	uint32_t left = lanes;

	world_open(&world);
	fill(&world, 3, 200 << 10, 6000);
	start(&world, chunks);
	for (uint32_t i = 0; i < lanes; i++)
		at[i] = world.count / lanes * i;
	for (uint32_t round = 0; left > 0; round++) {
		assert_true(round < 200000);
		for (uint32_t i = 0; i < lanes; i++) {
			if (at[i] == world.count / lanes * (i + 1))
				continue;
			const enum mr_read answer = fetch(&world, at[i]);

			assert_int_not_equal(answer, MR_READ_GONE);
			waits[i] += answer == MR_READ_WAIT;
			at[i] += answer == MR_READ_HIT;
			left -= at[i] == world.count / lanes * (i + 1);
		}
		if (round % 2 == 1)
			pass_time(&world);
	}
	assert_int_equal(mr_read(&world.failed), 0);
	const uint64_t reads = mr_read(&world.reads);
	world_close(&world);
	return reads;
}

static void lanes_do_not_take_each_others_chunks(void **state)
{
	(void)state;
	const uint64_t one = drain_lanes(1, 3);

	// a walk to the first record of a lane reads up to a MiB
	assert_true(drain_lanes(8, 24) <= one + 8 * 5);
	assert_true(drain_lanes(8, 4) <= one + 8 * 5); // they wait for each other
	assert_true(drain_lanes(16, 2) <= one + 16 * 5);
}

static void a_failed_read_is_counted_and_read_again(void **state)
{
	(void)state;
	static struct world world;

	world_open(&world);
	fill(&world, 1, 64 << 10, 1000);
	start(&world, 4);
	disk_fake_break_reads(world.fake, -EIO);
	assert_int_equal(fetch_until(&world, 5, 10), MR_READ_WAIT);
	const uint64_t failed = mr_read(&world.failed);
	assert_in_range(failed, 1, 5); // and not with every call
	assert_int_equal(mr_read(&world.reads), failed);
	disk_fake_break_reads(world.fake, 0);
	assert_int_equal(fetch_until(&world, 5, 100), MR_READ_HIT);
	assert_int_equal(mr_read(&world.failed), failed);
	world_close(&world);
}

static void a_damaged_record_is_never_a_hit(void **state)
{
	(void)state;
	static struct world world;
	static const uint8_t byte = 0xa5;

	world_open(&world);
	fill(&world, 2, 64 << 10, 8000);
	start(&world, 4);
	// the middle of the first record's payload
	disk_fake_tamper(world.fake, "segment-0000000000000001", 2 * 4096, &byte, 1);
	assert_int_equal(fetch_until(&world, 0, 50), MR_READ_WAIT);
	assert_true(mr_read(&world.failed) > 0);
	assert_int_equal(fetch_until(&world, 1, 3000), MR_READ_HIT); // its neighbour is sound
	mr_segment_map_retire(world.map);
	assert_int_equal(fetch(&world, 0), MR_READ_GONE);
	world_close(&world);
}

// Who waits for it would hold up everything behind it for ever.
static void a_damaged_record_is_gone_after_some_reads(void **state)
{
	(void)state;
	static struct world world;
	static const uint8_t byte = 0xa5;

	world_open(&world);
	fill(&world, 2, 64 << 10, 8000);
	start(&world, 4);
	disk_fake_tamper(world.fake, "segment-0000000000000001", 2 * 4096, &byte, 1);
	assert_int_equal(fetch_until(&world, 0, 3000), MR_READ_GONE);
	assert_int_equal(mr_read(&world.failed), 8);
	assert_int_equal(fetch(&world, 0), MR_READ_GONE);
	assert_int_equal(fetch_until(&world, 1, 3000), MR_READ_HIT);
	world_close(&world);
}

static void a_damaged_frame_costs_no_record_before_it(void **state)
{
	(void)state;
	static struct world world;
	static const uint8_t zeros[512];
	uint64_t frame = 0;

	world_open(&world);
	while (world.count < 20) {
		for (uint32_t i = 0; i < 5; i++, world.count++)
			world.positions[world.count] =
				journal_build_event(&world.build, 4, world.count + 1, 1000);
		frame = world.count == 10 ? world.build.offset : frame;
		(void)journal_build_frame(&world.build);
	}
	start(&world, 4);
	disk_fake_tamper(world.fake, "segment-0000000000000001", frame, zeros, sizeof(zeros));
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(fetch_until(&world, i, 3000), MR_READ_HIT);
	assert_int_equal(mr_read(&world.failed), 0);
	for (uint32_t i = 5; i < 10; i++)
		assert_int_equal(fetch_until(&world, i, 3000), MR_READ_GONE);
	assert_int_equal(fetch_until(&world, 4, 3000), MR_READ_HIT);
	world_close(&world);
}

static void a_damaged_frame_header_is_never_a_hit(void **state)
{
	(void)state;
	static struct world world;
	static const uint8_t zeros[512];

	world_open(&world);
	fill(&world, 1, 64 << 10, 8000);
	start(&world, 4);
	disk_fake_tamper(world.fake, "segment-0000000000000001", 4096, zeros, sizeof(zeros));
	assert_int_equal(fetch_until(&world, 0, 50), MR_READ_WAIT);
	assert_true(mr_read(&world.failed) > 0);
	world_close(&world);
}

static void random_reads_find_what_was_written(void **state)
{
	(void)state;
	static struct world world;
	struct mr_rng rng;

	mr_rng_seed(&rng, 5);
	world_open(&world);
	fill(&world, 1, 8 << 10, 900);
	journal_build_boot(&world.build, 20, STREAMS);
	world.build.header.boot++;
	start(&world, 3);
	disk_fake_delay(world.fake, (struct disk_fake_delays){.read_ns = 5000, .shuffled = true});
	for (uint32_t i = 0; i < 600; i++) {
		const uint32_t n = (uint32_t)mr_rng_below(&rng, world.count);

		assert_int_equal(fetch_until(&world, n, 200), MR_READ_HIT);
	}
	assert_int_equal(mr_read(&world.failed), 0);
	world_close(&world);
}

static void without_a_net_nothing_is_read(void **state)
{
	(void)state;
	static struct world world;

	world_open(&world);
	fill(&world, 1, 64 << 10, 1000);
	start(&world, 4);
	assert_int_equal(fetch(&world, 5), MR_READ_WAIT);
	mr_journal_reader_detach(world.reader); // a read is under way
	pass_time(&world);
	assert_int_equal(fetch_until(&world, 5, 10), MR_READ_WAIT);
	assert_int_equal(mr_read(&world.reads), 1);
	assert_int_equal(mr_read(&world.failed), 0);
	mr_journal_reader_attach(world.reader, world.net);
	assert_int_equal(fetch_until(&world, 5, 10), MR_READ_HIT);
	world_close(&world);
}

static void a_plan_takes_what_a_start_takes(void **state)
{
	(void)state;
	static struct mr_arena plan, fresh;
	const struct mr_journal_reader_config config = {.chunks = 3};

	assert_int_equal(mr_arena_open(&fresh, 4 << 20, false), 0);
	assert_non_null(mr_journal_reader_new(&fresh, &config));
	mr_arena_plan(&plan);
	assert_null(mr_journal_reader_new(&plan, &config));
	assert_int_equal(plan.used, fresh.used);
	mr_arena_close(&fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hit_comes_after_a_wait),
		cmocka_unit_test(what_is_in_no_live_segment_is_gone),
		cmocka_unit_test(a_segment_that_retires_meanwhile_is_gone),
		cmocka_unit_test(a_drain_reads_each_chunk_once),
		cmocka_unit_test(lanes_do_not_take_each_others_chunks),
		cmocka_unit_test(a_failed_read_is_counted_and_read_again),
		cmocka_unit_test(a_damaged_record_is_never_a_hit),
		cmocka_unit_test(a_damaged_record_is_gone_after_some_reads),
		cmocka_unit_test(a_damaged_frame_header_is_never_a_hit),
		cmocka_unit_test(a_damaged_frame_costs_no_record_before_it),
		cmocka_unit_test(random_reads_find_what_was_written),
		cmocka_unit_test(without_a_net_nothing_is_read),
		cmocka_unit_test(a_plan_takes_what_a_start_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
