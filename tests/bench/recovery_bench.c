// How fast a start replays: ten million records of ordinary traffic - events, matches, batches and
// what they settle - on the disk of the current folder, beside a walk over the same frames that
// only checks them. F13, P14.
#include "recovery.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "event_codec.h"
#include "mr_assert.h"
#include "record_codec.h"
#include "snapshot.h"

enum {
	FLOWS = 16,
	OBJECTS = 100000,
	WEBHOOKS = 100,
	BATCH = 50, // events
	WAITING = 10000, // events at the end that are neither distributed nor delivered
	SEGMENT_BYTES = 64 << 20,
	SHARD = 0, // streams of the boot
	DELIVERY = 1,
	STREAMS = 3,
};

struct bench {
	struct mr_disk disk;
	char directory[32]; // a template
	struct mr_snapshot *snapshot;
	struct mr_segment_map *map;
	uint64_t records;
	uint64_t sequence;
	uint8_t event[MR_EVENT_BYTES_MAX];
	uint64_t offsets[BATCH]; // of a webhook's next batch
	mr_position positions[BATCH];
	uint32_t batch;
	uint64_t batches[WEBHOOKS];
};

static struct bench bench = {.directory = "recovery_bench.XXXXXX"};
static struct mr_needs needs;

static mr_position append(uint32_t stream, void *head, size_t head_bytes, const void *body,
	size_t body_bytes, enum mr_record_kind kind)
{
	mr_record_seal(head, head_bytes, body, body_bytes, kind, 0);
	bench.records++;
	return mr_snapshot_append(bench.snapshot, stream, head, head_bytes, body, body_bytes);
}

static void append_event(uint64_t webhook)
{
	struct mr_event event = {.action = MR_ACTION_ADDED,
		.object = 1 + bench.sequence * 7919 % OBJECTS,
		.workspace = 3,
		.database = 4,
		.type = {"task", 4}};
	const ssize_t length = mr_event_encode(&event, bench.event, sizeof(bench.event));
	mr_assert(length > 0);
	struct mr_record_event head = {.app = 42,
		.session_id = 1,
		.sequence = 1 + bench.sequence / FLOWS,
		.session_epoch = 1,
		.flow = (uint16_t)(bench.sequence % FLOWS)};
	bench.sequence++;
	const mr_position position =
		append(SHARD, &head, sizeof(head), bench.event, (size_t)length, MR_RECORD_EVENT);
	struct mr_record_match match = {.origin = position,
		.resource = event.object,
		.count = 1,
		.ancestor = MR_VIA_OBJECT,
		.object_hash = (uint8_t)event.object};
	append(SHARD, &match, sizeof(match), &webhook, sizeof(webhook), MR_RECORD_MATCH);
	bench.positions[bench.batch] = position;
	bench.offsets[bench.batch++] = mr_position_offset(position);
}

static void append_settled(uint64_t webhook)
{
	struct mr_record_distributed distributed = {.count = bench.batch};
	append(SHARD, &distributed, sizeof(distributed), bench.offsets,
		bench.batch * sizeof(bench.offsets[0]), MR_RECORD_DISTRIBUTED);
	const uint64_t number = ++bench.batches[webhook - 1];
	struct mr_record_batch batch = {
		.webhook = webhook, .number = number, .count = (uint16_t)bench.batch};
	append(DELIVERY, &batch, sizeof(batch), bench.positions,
		bench.batch * sizeof(bench.positions[0]), MR_RECORD_BATCH);
	struct mr_record_progress progress = {.webhook = webhook, .settled_number = number};
	append(DELIVERY, &progress, sizeof(progress), NULL, 0, MR_RECORD_PROGRESS);
}

// The snapshot's writer writes what a router would have.
static void write_journal(uint64_t records_max)
{
	const struct mr_segment_map_config map = {.segment_bytes = SEGMENT_BYTES,
		.streams_max = STREAMS,
		.segments_max = MR_SEGMENTS_MAX};
	bench.map = mr_segment_map_new(&map);
	mr_assert(bench.map != NULL);
	const struct mr_snapshot_config config = {.disk = &bench.disk,
		.place = {.journal_id = 1, .boot = 1, .first_stream = 1},
		.map = bench.map,
		.segment_bytes = SEGMENT_BYTES,
		.flows = FLOWS,
		.streams = STREAMS};
	int err = mr_snapshot_begin(&config, &bench.snapshot);
	mr_assert(err == 0);
	struct mr_record_session session = {.app = 42, .session_id = 1, .session_epoch = 1};
	append(STREAMS - 1, &session, sizeof(session), NULL, 0, MR_RECORD_SESSION);
	for (uint64_t round = 0; bench.records < records_max; round++) {
		const uint64_t webhook = 1 + round % WEBHOOKS;
		for (bench.batch = 0; bench.batch < BATCH;)
			append_event(webhook);
		if (bench.records + (uint64_t)2 * WAITING < records_max)
			append_settled(webhook);
	}
	struct mr_journal_place place;
	uint64_t ends[MR_STREAMS_MAX];
	err = mr_snapshot_finish(bench.snapshot, &place, ends);
	mr_assert(err == 0);
	mr_snapshot_free(bench.snapshot);
	const uint64_t end = mr_segment_map_end(bench.map);
	for (uint64_t i = mr_segment_map_oldest(bench.map); i < end; i++)
		close(mr_segment_map_facts(bench.map, i).fd);
	mr_segment_map_free(bench.map);
}

static double walk_journal(uint64_t *ret_bytes)
{
	struct mr_scan *scan = NULL;
	struct mr_scan_found found;
	struct mr_scan_error error;
	struct mr_scan_frame frame;
	const uint64_t begun_ns = mr_clock_mono_ns();
	int err = mr_scan_open(&bench.disk, &scan, &found, &error);
	mr_assert(err == 0);
	err = mr_scan_seek(scan, found.oldest_segment);
	mr_assert(err == 0);
	*ret_bytes = 0;
	while (mr_scan_next(scan, &frame, &error) == 1)
		*ret_bytes += frame.header->bytes;
	mr_scan_close(scan);
	return (double)(mr_clock_mono_ns() - begun_ns) / 1e9;
}

static bool find_home(const void *owner, uint64_t webhook, uint64_t expired_hash,
	uint32_t *ret_delivery, uint16_t *ret_in_flight)
{
	(void)owner;
	(void)expired_hash;
	*ret_delivery = 0;
	*ret_in_flight = 1;
	return webhook <= WEBHOOKS;
}

static void recover_journal(void)
{
	const struct mr_recovery_config config = {.disk = &bench.disk,
		.flows = FLOWS,
		.segment_bytes = SEGMENT_BYTES,
		.shards = 1,
		.deliveries = 1,
		.homes = {.find = find_home},
		.now_ns = mr_clock_mono_ns,
		.wall_ns = mr_clock_wall_ns};
	struct mr_needs *const all_needs[] = {&needs};
	struct mr_segment_map *map = NULL;
	struct mr_recovered *recovered = NULL;
	struct mr_scan_error error;
	const int err = mr_recover(&config, all_needs, &map, &recovered, &error);
	mr_assert(err == 0);
	uint64_t entries = 0;
	for (uint32_t i = 0; i < recovered->lanes_count; i++)
		entries += recovered->lanes[i].sublanes[0].entries;
	mr_assert(recovered->records == bench.records && recovered->events_count == entries);
	const double seconds = (double)recovered->took_ns / 1e9;
	printf("recovery: %" PRIu64 " records, %" PRIu64 " MiB, %" PRIu64 " events and %" PRIu64
	       " deliveries owed, snapshot included: %.2f s, %.2f M records/s\n",
		recovered->records, recovered->bytes >> 20, recovered->events_count, entries,
		seconds, (double)recovered->records / seconds / 1e6);
	mr_recovered_free(recovered);
	mr_segment_map_free(map); // the process ends with its descriptors
}

static void remove_file(void *owner, const char *name)
{
	(void)owner;
	(void)bench.disk.remove(bench.disk.state, name);
}

int main(void)
{
	const uint64_t records = (uint64_t)(1e6 * mr_bench_seconds(10));

	if (mkdtemp(bench.directory) == NULL
		|| mr_disk_posix_open(bench.directory, &bench.disk) != 0)
		return 1;
	mr_bench_header("recovery of a journal", "the stages; connections");
	write_journal(records);
	uint64_t bytes = 0;
	const double walked_s = walk_journal(&bytes);
	printf("baseline: the same frames only read and checked: %.2f s, %.0f MiB/s\n", walked_s,
		(double)bytes / 1048576 / walked_s);
	recover_journal();
	(void)bench.disk.list(bench.disk.state, remove_file, NULL);
	mr_disk_posix_close(&bench.disk);
	return rmdir(bench.directory) != 0;
}
