// How much of the disk's speed the journal stage makes durable: records appended by a thread on
// CPU 0, committed on CPU 1, beside bare 1 MiB O_DIRECT writes with RWF_DSYNC to a file that was
// filled with zeros like a segment. Then what one acknowledgement waits for. F4.
#include "journal.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "backend_disk.h"
#include "bench.h"
#include "clock.h"
#include "mr_assert.h"
#include "record_codec.h"

enum {
	STREAMS = 2,
	STREAM_BYTES = 16 << 20,
	SEGMENT_BYTES = 64 << 20,
	POSITIONS = 120, // a record of 1,000 bytes
	WRITE_BYTES = 1 << 20,
	UNDER_WAY = MR_JOURNAL_COMMITS_MAX,
	PAIRS = 5,
	ACKS = 500,
};
#define DELAY_NS UINT64_C(300000)

struct record {
	struct mr_record_batch batch;
	uint64_t positions[POSITIONS];
};

struct bare_write {
	struct mr_io io; // first
	uint8_t *bytes;
	bool is_free;
};

struct bench {
	struct mr_disk disk;
	struct mr_net *net;
	struct mr_arena arena;
	struct mr_segment_map *map;
	struct mr_stream streams[STREAMS];
	struct mr_stream *served[STREAMS];
	struct mr_journal_board board;
	struct mr_stats_stage stats;
	struct mr_maker *maker;
	struct mr_journal *journal;
	struct record record;
	_Atomic bool stop; // feeder
	_Atomic bool is_over; // maker
	int bare_fd;
	uint32_t bare_under_way;
	struct bare_write bare[UNDER_WAY];
	double bytes; // of a sample
};

static double thread_cpu_s(void)
{
	struct timespec at;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
	return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static void step(struct bench *b)
{
	const struct mr_now now = {.mono_ns = mr_clock_mono_ns(), .wall_ns = mr_clock_wall_ns()};
	(void)mr_journal_step(b->journal, now, (struct mr_budget){.units = 1000});
	(void)mr_net_poll(b->net);
	if (atomic_load_explicit(&b->board.state, memory_order_relaxed) == MR_JOURNAL_FAILED) {
		fprintf(stderr, "journal: failed: %s\n",
			strerror(-atomic_load(&b->board.failed_error)));
		exit(1);
	}
}

// -- Threads beside the stage

static void *feed(void *state)
{
	struct bench *b = state;
	mr_bench_pin(0);
	while (!atomic_load_explicit(&b->stop, memory_order_relaxed)) {
		for (uint32_t i = 0; i < STREAMS; i++) {
			struct mr_stream *stream = &b->streams[i];
			mr_stream_retire(stream, mr_stream_watermark(stream));
			for (int n = 0; n < 64 && mr_stream_room(stream) >= sizeof(b->record); n++)
				mr_stream_append(stream, &b->record, sizeof(b->record), NULL, 0);
			mr_stream_publish(stream);
		}
	}
	return NULL;
}

static void *make(void *state)
{
	struct bench *b = state;
	while (!atomic_load_explicit(&b->is_over, memory_order_acquire))
		if (!mr_maker_serve(b->maker))
			usleep(1000);
	return NULL;
}

// -- Contestants

static uint64_t durable_bytes(const struct bench *b)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < STREAMS; i++)
		bytes += mr_stream_watermark(&b->streams[i]);
	return bytes;
}

static struct mr_sample run_stage(void *state)
{
	struct bench *b = state;
	pthread_t feeder;
	atomic_store(&b->stop, false);
	if (pthread_create(&feeder, NULL, feed, b) != 0)
		exit(1);
	mr_bench_pin(1);
	const uint64_t from = durable_bytes(b);
	const uint64_t from_ns = mr_clock_mono_ns();
	const double cpu_s = thread_cpu_s();
	while ((double)(durable_bytes(b) - from) < b->bytes)
		step(b);
	const struct mr_sample sample = {.units = (double)(durable_bytes(b) - from),
		.wall_s = (double)(mr_clock_mono_ns() - from_ns) * 1e-9,
		.cpu_s = thread_cpu_s() - cpu_s};
	atomic_store(&b->stop, true);
	(void)pthread_join(feeder, NULL);
	uint64_t tails = 0;
	for (uint32_t i = 0; i < STREAMS; i++)
		tails += mr_stream_next(&b->streams[i]);
	while (durable_bytes(b) < tails) // nothing is under way while the other one runs
		step(b);
	return sample;
}

static void bare_done(struct mr_io *io, int32_t result)
{
	if (result != WRITE_BYTES) {
		fprintf(stderr, "journal: bare write: %s\n", strerror(result < 0 ? -result : EIO));
		exit(1);
	}
	((struct bare_write *)io)->is_free = true;
}

static struct mr_sample run_bare(void *state)
{
	struct bench *b = state;
	uint64_t begun = 0, done = 0;
	const uint64_t from_ns = mr_clock_mono_ns();
	const double cpu_s = thread_cpu_s();
	for (uint32_t i = 0; i < b->bare_under_way; i++)
		b->bare[i].is_free = true;
	while ((double)done < b->bytes) {
		for (uint32_t i = 0; i < b->bare_under_way; i++) {
			if (!b->bare[i].is_free || (double)begun >= b->bytes)
				continue;
			b->bare[i].is_free = false;
			mr_net_write_durable(b->net, &b->bare[i].io, b->bare_fd, b->bare[i].bytes,
				WRITE_BYTES, begun % SEGMENT_BYTES);
			begun += WRITE_BYTES;
		}
		(void)mr_net_poll(b->net);
		done = begun;
		for (uint32_t i = 0; i < b->bare_under_way; i++)
			done -= b->bare[i].is_free ? 0 : WRITE_BYTES;
	}
	return (struct mr_sample){.units = (double)done,
		.wall_s = (double)(mr_clock_mono_ns() - from_ns) * 1e-9,
		.cpu_s = thread_cpu_s() - cpu_s};
}

// -- One record at a time

static double ack_us(struct bench *b)
{
	struct mr_stream *stream = &b->streams[0];
	mr_stream_retire(stream, mr_stream_watermark(stream));
	mr_stream_append(stream, &b->record, sizeof(b->record), NULL, 0);
	mr_stream_publish(stream);
	const uint64_t from_ns = mr_clock_mono_ns();
	while (mr_stream_watermark(stream) < mr_stream_next(stream))
		step(b);
	return (double)(mr_clock_mono_ns() - from_ns) * 1e-3;
}

static double bare_us(struct bench *b, uint32_t number)
{
	const uint64_t from_ns = mr_clock_mono_ns();
	const uint64_t at = (uint64_t)number * MR_JOURNAL_BLOCK_BYTES % SEGMENT_BYTES;
	if (b->disk.write(b->disk.state, b->bare_fd, b->bare[0].bytes, MR_JOURNAL_BLOCK_BYTES, at)
		!= 0)
		exit(1);
	return (double)(mr_clock_mono_ns() - from_ns) * 1e-3;
}

static void compare_latencies(struct bench *b)
{
	static double acks[ACKS], bare[ACKS];
	for (uint32_t i = 0; i < ACKS; i++) {
		acks[i] = ack_us(b);
		bare[i] = bare_us(b, i);
	}
	printf("   one record durable, us: median %.0f, p99 %.0f; of this %.0f wait for company\n",
		mr_bench_quantile(acks, ACKS, 0.5), mr_bench_quantile(acks, ACKS, 0.99),
		(double)DELAY_NS * 1e-3);
	printf("   bare write of 4 KiB, us: median %.0f, p99 %.0f\n",
		mr_bench_quantile(bare, ACKS, 0.5), mr_bench_quantile(bare, ACKS, 0.99));
}

// -- Set up

static bool open_bare(struct bench *b)
{
	b->bare_fd = b->disk.open(b->disk.state, "bare", MR_DISK_WRITE | MR_DISK_CREATE);
	uint8_t *bytes = mr_arena_take(
		&b->arena, "bare", UNDER_WAY * (size_t)WRITE_BYTES, MR_JOURNAL_BLOCK_BYTES);
	if (b->bare_fd < 0 || bytes == NULL)
		return false;
	memset(bytes, 'b', UNDER_WAY * (size_t)WRITE_BYTES);
	for (uint32_t i = 0; i < UNDER_WAY; i++) {
		b->bare[i].io.done = bare_done;
		b->bare[i].bytes = bytes + (size_t)i * WRITE_BYTES;
	}
	return b->disk.make_zeroed(b->disk.state, b->bare_fd, SEGMENT_BYTES) == 0;
}

static bool open_stage(struct bench *b)
{
	const struct mr_segment_map_config map = {
		.segment_bytes = SEGMENT_BYTES, .streams_max = STREAMS, .segments_max = 16};
	b->map = mr_segment_map_new(&map);
	b->maker = mr_maker_new(&b->arena, &b->disk);
	for (uint16_t i = 0; i < STREAMS; i++) {
		b->served[i] = &b->streams[i];
		if (!mr_stream_init(&b->streams[i], &b->arena, i, STREAM_BYTES, MR_STREAM_START))
			return false;
	}
	const struct mr_backend_disk_config config = {.disk = &b->disk,
		.map = b->map,
		.place = {.journal_id = 1, .boot = 1},
		.segment_bytes = SEGMENT_BYTES,
		.commit_bytes_max = MR_JOURNAL_COMMIT_MAX,
		.commit_delay_ns = DELAY_NS,
		.retention_bytes = 8 * (uint64_t)SEGMENT_BYTES,
		.retention_age_ns = UINT64_MAX,
		.checkpoint_bytes = SEGMENT_BYTES,
		.flows = 1,
		.streams_count = STREAMS,
		.board = &b->board,
		.maker = b->maker,
		.stats = &b->stats};
	struct mr_backend_disk *disk =
		b->map == NULL ? NULL : mr_backend_disk_new(&b->arena, &config);
	if (disk == NULL)
		return false;
	const struct mr_journal_config journal = {.streams = b->served,
		.streams_count = STREAMS,
		.backend = mr_backend_disk(disk),
		.stats = &b->stats};
	b->journal = mr_journal_new(&b->arena, &journal);
	if (b->journal == NULL || mr_net_open(64, &b->net) != 0)
		return false;
	mr_journal_attach(b->journal, b->net);
	return true;
}

static void compare(struct bench *b)
{
	struct mr_bench_pair pair = {.name = "journal stage",
		.unit = "bytes",
		.target = "F4 0.80",
		.run = run_stage,
		.run_baseline = run_bare,
		.state = b};
	// Until the segments that are written have all been written before.
	b->bytes = 6.0 * SEGMENT_BYTES;
	(void)run_stage(b);
	b->bytes = mr_bench_seconds(256.0) * (1 << 20);
	pair.baseline = "1 MiB writes, one at a time";
	b->bare_under_way = 1;
	mr_bench_pair(&pair, PAIRS);
	pair.baseline = "1 MiB writes, four under way";
	b->bare_under_way = UNDER_WAY;
	mr_bench_pair(&pair, PAIRS);
	printf("   a commit carried %.0f KiB on average, %" PRIu64 " segments were closed\n",
		(double)mr_read(&b->stats.counters[MR_JOURNAL_COMMIT_BYTES]) / 1024.0
			/ (double)mr_read(&b->stats.counters[MR_JOURNAL_FRAMES]),
		mr_segment_map_end(b->map) - 2);
	compare_latencies(b);
}

static void remove_name(void *owner, const char *name)
{
	const struct mr_disk *disk = owner;
	(void)disk->remove(disk->state, name);
}

int main(void)
{
	static struct bench b;
	const char *where = getenv("MILLRACE_BENCH_DIR");
	char path[256];
	(void)snprintf(
		path, sizeof(path), "%s/millrace-bench.XXXXXX", where != NULL ? where : "/var/tmp");
	if (mkdtemp(path) == NULL || mr_disk_posix_open(path, &b.disk) != 0
		|| mr_arena_open(&b.arena, 64 << 20, false) != 0)
		return 1;
	mr_bench_header("records made durable", "ingest, shards, delivery, checkpoints");
	b.record.batch.count = POSITIONS;
	mr_record_seal(&b.record, sizeof(b.record), NULL, 0, MR_RECORD_BATCH, 0);
	pthread_t maker;
	bool ready = open_stage(&b) && open_bare(&b);
	printf("   %s, %s\n", path,
		mr_disk_posix_is_direct(&b.disk) ? "O_DIRECT" : "without O_DIRECT");
	if (ready && pthread_create(&maker, NULL, make, &b) == 0) {
		compare(&b);
		atomic_store(&b.is_over, true);
		(void)pthread_join(maker, NULL);
	}
	if (b.net != NULL)
		mr_net_close(b.net);
	(void)b.disk.list(b.disk.state, remove_name, &b.disk);
	mr_disk_posix_close(&b.disk);
	(void)rmdir(path);
	mr_segment_map_free(b.map);
	mr_arena_close(&b.arena);
	return ready ? 0 : 1;
}
