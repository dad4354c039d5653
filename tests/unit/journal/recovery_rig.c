#include "recovery_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void rig_open(struct recovery_rig *rig, uint64_t seed)
{
	*rig = (struct recovery_rig){.fake = disk_fake_new(seed), .in_flight = 1};
	rig->disk = disk_fake_disk(rig->fake);
	history_open(&rig->history);
	mr_replay_free(rig->history.replay);
	rig->history.replay = NULL;
	for (uint32_t i = 0; i < MR_DELIVERIES_MAX; i++) {
		rig->needs[i] = calloc(1, sizeof(*rig->needs[i]));
		assert_non_null(rig->needs[i]);
	}
}

void rig_close(struct recovery_rig *rig)
{
	if (rig->recovered != NULL)
		rig_stop(rig);
	history_close(&rig->history);
	for (uint32_t i = 0; i < MR_DELIVERIES_MAX; i++)
		free(rig->needs[i]);
	disk_fake_free(rig->fake);
}

static bool find_home(const void *owner, uint64_t webhook, uint64_t expired_hash,
	uint32_t *ret_delivery, uint16_t *ret_in_flight)
{
	const struct recovery_rig *rig = owner;
	if (webhook == RIG_GONE || expired_hash == RIG_ENTRY)
		return false;
	*ret_delivery = (uint32_t)(webhook % rig->deliveries);
	*ret_in_flight = rig->in_flight;
	return true;
}

static uint64_t now_ns(void)
{
	static uint64_t now;
	return now += 100000000;
}

static int64_t wall_ns(void)
{
	return INT64_C(1700000000000000000);
}

static void tell(void *owner, const char *what, uint64_t done, uint64_t all)
{
	struct recovery_rig *rig = owner;
	assert_non_null(what);
	assert_true(done <= all);
	rig->told++;
}

// The writer goes on in the next segment.
static void run(struct recovery_rig *rig)
{
	const struct mr_journal_place *place = &rig->recovered->place;
	struct journal_build *build = &rig->build;
	journal_build_open(build, rig->disk, place->journal_id, RIG_SEGMENT_BYTES);
	build->carry = (struct mr_journal_frame_carry){.kind = MR_FRAME_COMMIT,
		.journal_id = place->journal_id,
		.sequence = place->frame,
		.segment = place->segment,
		.previous = place->previous,
		.durable_through = place->frame,
		.replay_frame = place->replay_frame,
		.replay_segment = place->replay_segment,
		.oldest_segment = place->oldest_segment};
	build->header.boot = place->boot;
	build->header.first_stream = place->first_stream;
	build->header.streams = (uint16_t)(rig->shards + rig->deliveries + 1);
	build->header.hash_seed = rig->hash_seed;
	memcpy(build->ends, rig->recovered->ends, sizeof(build->ends));
	journal_build_begin(build);
	rig->history.build = build;
}

int rig_recover(struct recovery_rig *rig, uint32_t shards, uint32_t deliveries)
{
	rig->shards = shards;
	rig->deliveries = deliveries;
	for (uint32_t i = 0; i < MR_DELIVERIES_MAX; i++)
		memset(rig->needs[i], 0, sizeof(*rig->needs[i]));
	struct mr_recovery_config config = {.disk = &rig->disk,
		.flows = HISTORY_FLOWS,
		.hash_seed = rig->hash_seed,
		.segment_bytes = RIG_SEGMENT_BYTES,
		.shards = shards,
		.deliveries = deliveries,
		.homes = {.owner = rig, .find = find_home},
		.progress = tell,
		.progress_owner = rig,
		.now_ns = now_ns,
		.wall_ns = wall_ns};
	return mr_recover(&config, rig->needs, &rig->map, &rig->recovered, &rig->error);
}

int rig_start(struct recovery_rig *rig, uint32_t shards, uint32_t deliveries)
{
	const int error = rig_recover(rig, shards, deliveries);
	if (error == 0)
		run(rig);
	return error;
}

void rig_forget(struct recovery_rig *rig)
{
	mr_recovered_free(rig->recovered);
	mr_segment_map_free(rig->map);
	rig->recovered = NULL;
	rig->map = NULL;
}

void rig_stop(struct recovery_rig *rig)
{
	journal_build_close(&rig->build);
	rig->history.build = NULL;
	rig_forget(rig);
	disk_fake_exit(rig->fake);
}

uint16_t rig_shard(const struct recovery_rig *rig, uint32_t index)
{
	return (uint16_t)(rig->recovered->place.first_stream + index);
}

uint16_t rig_delivery(const struct recovery_rig *rig, uint32_t index)
{
	return (uint16_t)(rig->recovered->place.first_stream + rig->shards + index);
}

uint16_t rig_node(const struct recovery_rig *rig)
{
	return rig_delivery(rig, rig->deliveries);
}

void rig_commit(struct recovery_rig *rig)
{
	(void)journal_build_frame(&rig->build);
	if (rig->build.offset + MR_FRAME_BYTES_MAX / 4 > RIG_SEGMENT_BYTES)
		journal_build_turn(&rig->build);
}

const struct mr_recovered_lane *rig_lane(const struct recovery_rig *rig, uint64_t webhook)
{
	static const struct mr_recovered_lane none;
	for (uint32_t i = 0; i < rig->recovered->lanes_count; i++)
		if (rig->recovered->lanes[i].webhook == webhook)
			return &rig->recovered->lanes[i];
	fail_msg("no such lane");
	return &none;
}

const struct mr_record *rig_read(const struct recovery_rig *rig, mr_position position)
{
	static _Alignas(8) uint8_t bytes[MR_RECORD_BYTES_MAX];
	struct mr_scan *scan = NULL;
	struct mr_scan_found found;
	struct mr_scan_error error;
	const struct mr_record *record = NULL;
	assert_int_equal(mr_scan_open(&rig->disk, &scan, &found, &error), 0);
	const int err = mr_scan_record(scan, position, &record);
	if (err == 0)
		memcpy(bytes, record, record->length);
	mr_scan_close(scan);
	return err == 0 ? (const void *)bytes : NULL;
}

mr_position *rig_entries(const struct recovery_rig *rig, const struct mr_recovered_sublane *sublane)
{
	mr_position *entries = calloc(sublane->entries + 1, sizeof(*entries));
	uint64_t count = 0;
	assert_non_null(entries);
	for (uint32_t i = 0; i < sublane->records_count; i++) {
		const struct mr_record_lane *record =
			(const void *)rig_read(rig, sublane->records[i]);
		assert_non_null(record);
		assert_int_equal(record->record.kind, MR_RECORD_LANE);
		assert_int_equal(record->count, sublane->records_entries[i]);
		memcpy(entries + count, record + 1, record->count * sizeof(*entries));
		count += record->count;
	}
	assert_int_equal(count, sublane->entries);
	return entries;
}

uint32_t rig_dropped(const struct recovery_rig *rig, uint64_t webhook, uint8_t reason)
{
	struct mr_scan *scan = NULL;
	struct mr_scan_found found;
	struct mr_scan_error error;
	struct mr_scan_frame frame;
	uint32_t count = 0;
	assert_int_equal(mr_scan_open(&rig->disk, &scan, &found, &error), 0);
	assert_int_equal(mr_scan_seek(scan, rig->recovered->place.replay_segment), 0);
	while (mr_scan_next(scan, &frame, &error) == 1) {
		const uint8_t *at = frame.payload;
		for (uint32_t i = 0; i < frame.header->runs; i++) {
			for (uint32_t done = 0; done < frame.runs[i].bytes;) {
				const struct mr_record_dropped *record = (const void *)(at + done);
				done += record->record.length;
				if (record->record.kind == MR_RECORD_DROPPED)
					count += record->webhook == webhook
						&& record->reason == reason;
			}
			at += frame.runs[i].bytes;
		}
	}
	mr_scan_close(scan);
	return count;
}
