// Starts: what they find, what they write, and that a crash at any moment of one changes nothing.
#include "recovery.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <millrace/reason.h>

#include "hash.h"
#include "quarantine.h"
#include "record_codec.h"
#include "recovery_rig.h"
#include "segment_file.h"

enum { WEBHOOK = 501, OTHER = 502, OBJECTS = 8 };

static const uint64_t one[] = {WEBHOOK, 0};

static uint32_t owner_of(const struct recovery_rig *rig, uint64_t object)
{
	const uint32_t slot = mr_slot_of(object, rig->hash_seed);
	return mr_shard_of_flow(mr_flow_of_slot(slot, HISTORY_FLOWS), rig->shards);
}

static mr_position put_event(struct recovery_rig *rig, uint64_t object, uint64_t sequence)
{
	return history_event(&rig->history, rig_shard(rig, owner_of(rig, object)),
		&(struct history_event){.object = object,
			.sequence = sequence,
			.flow = (uint16_t)(mr_slot_of(object, rig->hash_seed) % HISTORY_FLOWS),
			.ancestors = {900}});
}

static mr_position put_match(struct recovery_rig *rig, mr_position origin, uint8_t hash)
{
	return history_match(&rig->history, rig_shard(rig, 0), origin, 0, hash, one);
}

static void an_empty_directory_becomes_a_journal(void **state)
{
	(void)state;
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 2, 1), 0);
	const uint64_t journal_id = rig.recovered->place.journal_id;
	assert_int_equal(rig.recovered->place.boot, 1);
	assert_int_equal(rig.recovered->place.oldest_segment, 1);
	assert_int_equal(rig.recovered->place.replay_segment, 1);
	assert_int_equal(rig.recovered->events_count, 0);
	assert_int_equal(rig.recovered->lanes_count, 0);
	assert_int_equal(rig.recovered->sessions_count, 0);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(rig.recovered->ends[i], MR_STREAM_START);
	rig_stop(&rig);
	assert_int_equal(rig_start(&rig, 2, 1), 0);
	assert_int_equal(rig.recovered->place.journal_id, journal_id);
	assert_int_equal(rig.recovered->place.boot, 2);
	rig_close(&rig);
}

static void another_configuration_is_refused_by_both_values(void **state)
{
	(void)state;
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 2, 1), 0);
	rig_stop(&rig);
	const uint64_t changes = disk_fake_changes(rig.fake);
	rig.hash_seed = 4711;
	assert_int_equal(rig_start(&rig, 2, 1), -EINVAL);
	assert_string_equal(rig.error.text,
		"hash_seed is 4711 in the configuration, but 0 in the journal: it never changes");
	assert_int_equal(disk_fake_changes(rig.fake), changes);
	rig_close(&rig);
}

// -- What survives

static void sessions_windows_and_expiries_survive_every_start(void **state)
{
	(void)state;
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 2, 1), 0);
	history_session(&rig.history, rig_node(&rig), 1, 1, false);
	history_session(&rig.history, rig_node(&rig), 2, 1, false);
	history_session(&rig.history, rig_node(&rig), 2, 1, true);
	history_expired(&rig.history, rig_node(&rig), OTHER, 1234);
	rig_commit(&rig);
	put_event(&rig, 100, 1);
	put_event(&rig, 100, 3);
	rig_commit(&rig);
	for (uint32_t shards = 4; shards > 0; shards /= 2) {
		rig_stop(&rig);
		assert_int_equal(rig_start(&rig, shards, 1), 0);
		const struct mr_recovered *recovered = rig.recovered;
		assert_int_equal(recovered->sessions_count, 1);
		assert_int_equal(recovered->sessions[0].session_id, 1);
		assert_int_equal(recovered->sessions[0].key_id, 9);
		assert_int_equal(recovered->flows_count, 1);
		assert_int_equal(recovered->flows[0].session, 0);
		assert_int_equal(recovered->flows[0].next, 4);
		assert_int_equal(recovered->flows[0].accepted[0], 1 << 1 | 1 << 3);
		assert_int_equal(recovered->expiries_count, 1);
		assert_int_equal(recovered->expiries[0].entry_hash, 1234);
	}
	rig_close(&rig);
}

// Every event stands at its owner of today, in the order of its object, as it was accepted.
static void expect_copies(const struct recovery_rig *rig, uint64_t from, uint64_t to)
{
	uint64_t next[OBJECTS];
	assert_int_equal(rig->recovered->events_count, to - from);
	for (uint32_t i = 0; i < OBJECTS; i++)
		next[i] = (from + OBJECTS - 1 - i) / OBJECTS * OBJECTS + i;
	for (uint64_t i = 0; i < to - from; i++) {
		const struct mr_recovered_event *event = &rig->recovered->events[i];
		const uint64_t index = event->object - 100;
		assert_true(index < OBJECTS);
		assert_int_equal(event->shard, owner_of(rig, event->object));
		assert_int_equal(event->app, 42);
		assert_int_equal(event->workspace, 5);
		assert_int_equal(event->database, 6);
		const struct mr_record_event *record = (const void *)rig_read(
			rig, mr_position_make(rig_shard(rig, event->shard), event->offset));
		assert_non_null(record);
		assert_int_equal(record->record.length, event->bytes);
		assert_int_equal(record->record.flags, MR_EVENT_COPIED);
		assert_int_equal(record->sequence, next[index]);
		assert_int_equal(record->received_at_ns, 1000 + (int64_t)next[index]);
		next[index] += OBJECTS;
	}
}

static void events_follow_their_objects_through_changes_of_topology(void **state)
{
	(void)state;
	enum { EVENTS = 40 };
	static const uint32_t shards[] = {4, 1, 3};
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	rig.hash_seed = 99;
	assert_int_equal(rig_start(&rig, 2, 1), 0);
	for (uint64_t i = OBJECTS; i < OBJECTS + EVENTS; i++) {
		put_event(&rig, 100 + i % OBJECTS, i);
		if (i % 7 == 0)
			rig_commit(&rig);
	}
	rig_commit(&rig);
	uint64_t done = OBJECTS;
	for (uint32_t i = 0; i < 3; i++) {
		rig_stop(&rig);
		assert_int_equal(rig_start(&rig, shards[i], 2), 0);
		expect_copies(&rig, done, OBJECTS + EVENTS);
		// The oldest events of all objects are distributed in this boot.
		for (uint64_t j = 0; j < rig.recovered->events_count; j++) {
			const struct mr_recovered_event *event = &rig.recovered->events[j];
			const mr_position position =
				mr_position_make(rig_shard(&rig, event->shard), event->offset);
			const struct mr_record_event *record =
				(const void *)rig_read(&rig, position);
			if (record->sequence < done + OBJECTS)
				history_distributed(
					&rig.history, rig_shard(&rig, event->shard), position);
		}
		rig_commit(&rig);
		done += OBJECTS;
	}
	rig_close(&rig);
}

static void a_hop_that_is_done_is_not_sent_again(void **state)
{
	(void)state;
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 1, 1), 0);
	const mr_position a = put_event(&rig, 100, 1);
	rig_commit(&rig);
	put_match(&rig, a, 0);
	rig_commit(&rig);
	for (uint32_t i = 0; i < 2; i++) {
		rig_stop(&rig);
		assert_int_equal(rig_start(&rig, 1, 1), 0);
		assert_int_equal(rig.recovered->events_count, 1);
		const struct mr_record_event *record = (const void *)rig_read(&rig,
			mr_position_make(rig_shard(&rig, 0), rig.recovered->events[0].offset));
		assert_int_equal(record->hops_done, 1);
		mr_position *entries = rig_entries(&rig, &rig_lane(&rig, WEBHOOK)->sublanes[0]);
		assert_int_equal(entries[0], a); // as it was: nothing was written anew
		assert_int_equal(entries[1], 0);
		free(entries);
	}
	rig_close(&rig);
}

// A checkpoint names it by its offset only: what is done stands in the copy itself.
static void a_copy_keeps_its_hops_behind_a_checkpoint(void **state)
{
	(void)state;
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 1, 1), 0);
	const mr_position a = put_event(&rig, 100, 1);
	rig_commit(&rig);
	put_match(&rig, a, 0);
	history_match(&rig.history, rig_shard(&rig, 0), a, MR_VIA_OBJECT, 0, one);
	rig_commit(&rig);
	for (uint32_t i = 0; i < 3; i++) {
		rig_stop(&rig);
		assert_int_equal(rig_start(&rig, 1, 1), 0);
		assert_int_equal(rig.recovered->events_count, 1);
		const mr_position copy =
			mr_position_make(rig_shard(&rig, 0), rig.recovered->events[0].offset);
		const struct mr_record_event *record = (const void *)rig_read(&rig, copy);
		assert_int_equal(record->hops_done, 1);
		assert_int_equal(record->record.flags, MR_EVENT_COPIED | MR_EVENT_OBJECT_DONE);
		rig.build.carry.replay_frame = rig.build.carry.sequence + 1;
		rig.build.carry.replay_segment = rig.build.carry.segment;
		history_queued(&rig.history, rig_shard(&rig, 0), copy);
		rig_commit(&rig);
	}
	rig_close(&rig);
}

static void a_batch_in_flight_comes_first_with_its_number(void **state)
{
	(void)state;
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 1, 2), 0);
	mr_position events[4];
	for (uint64_t i = 0; i < 4; i++) {
		events[i] = put_event(&rig, 100 + i, 1 + i);
		put_match(&rig, events[i], 0);
	}
	rig_commit(&rig);
	history_batch(
		&rig.history, rig_delivery(&rig, 1), WEBHOOK, 4, 0, (mr_position[]){events[0], 0});
	history_progress(&rig.history, rig_delivery(&rig, 1), WEBHOOK, 0, 4);
	history_batch(&rig.history, rig_delivery(&rig, 1), WEBHOOK, 5, 0,
		(mr_position[]){events[1], events[3], 0});
	rig_commit(&rig);
	for (uint32_t deliveries = 3; deliveries > 0; deliveries--) {
		rig_stop(&rig);
		rig.in_flight = 4; // today's: the lane keeps the number that it had
		assert_int_equal(rig_start(&rig, 1, deliveries), 0);
		const struct mr_recovered_lane *lane = rig_lane(&rig, WEBHOOK);
		assert_int_equal(lane->delivery, WEBHOOK % deliveries);
		assert_int_equal(lane->last_number, 5);
		const struct mr_recovered_sublane *sublane = &lane->sublanes[0];
		assert_int_equal(sublane->batch_number, 5);
		assert_int_equal(sublane->batch_count, 2);
		assert_int_equal(sublane->settled_number, 4);
		assert_int_equal(sublane->entries, 3);
		mr_position *entries = rig_entries(&rig, sublane);
		const mr_position expected[] = {events[1], events[3], events[2], 0};
		assert_memory_equal(entries, expected, sizeof(expected));
		free(entries);
	}
	rig_close(&rig);
}

static uint32_t needs_of(const struct recovery_rig *rig, uint32_t delivery, uint64_t segment)
{
	return atomic_load(&rig->needs[delivery]->segments[segment % MR_SEGMENTS_MAX]);
}

static uint32_t needs_in_all(const struct recovery_rig *rig, uint32_t delivery)
{
	uint32_t sum = 0;
	for (uint32_t i = 0; i < MR_SEGMENTS_MAX; i++)
		sum += needs_of(rig, delivery, i);
	return sum;
}

static void what_lanes_need_is_counted_by_segment(void **state)
{
	(void)state;
	enum { EVENTS = 600 }; // two lane records
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 1, 2), 0);
	for (uint64_t i = 0; i < EVENTS; i++) {
		put_match(&rig, put_event(&rig, 100 + i, 1 + i), 0);
		if (i % 100 == 99)
			rig_commit(&rig);
	}
	const uint64_t events_in = rig.build.carry.segment;
	rig_stop(&rig);
	assert_int_equal(rig_start(&rig, 1, 2), 0);
	const uint64_t records_in = rig.recovered->place.segment;
	assert_int_equal(rig_lane(&rig, WEBHOOK)->sublanes[0].records_count, 2);
	assert_int_equal(needs_of(&rig, 1, events_in), EVENTS);
	assert_int_equal(needs_of(&rig, 1, records_in), 2);
	assert_int_equal(needs_in_all(&rig, 1), EVENTS + 2);
	assert_int_equal(needs_in_all(&rig, 0), 0);
	rig_close(&rig);
}

// A checkpoint with entries on disk: the records stay where they are.
static void spilled_lane_records_are_named_not_written_anew(void **state)
{
	(void)state;
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 1, 1), 0);
	mr_position events[6];
	for (uint64_t i = 0; i < 6; i++)
		events[i] = put_event(&rig, 100 + i, 1 + i);
	rig_commit(&rig);
	const uint16_t stream = rig_delivery(&rig, 0);
	struct history_lane lane = {
		.webhook = WEBHOOK, .positions = (mr_position[]){events[1], events[2], 0}};
	mr_position spilled[2];
	spilled[0] = history_lane(&rig.history, stream, &lane);
	lane.positions = (mr_position[]){events[3], events[4], 0};
	spilled[1] = history_lane(&rig.history, stream, &lane);
	lane.flags = MR_LANE_RECORD_STATE | MR_LANE_RECORD_FIRST;
	lane.positions = (mr_position[]){events[0], 0};
	history_lane(&rig.history, stream, &lane);
	lane.flags = MR_LANE_RECORD_STATE | MR_LANE_RECORD_INDEX;
	lane.positions = (mr_position[]){spilled[0], spilled[1], 0};
	history_lane(&rig.history, stream, &lane);
	lane.flags = MR_LANE_RECORD_STATE;
	lane.positions = (mr_position[]){events[5], 0};
	history_lane(&rig.history, stream, &lane);
	history_progress(&rig.history, stream, WEBHOOK, 0, 0);
	rig_commit(&rig);
	for (uint32_t i = 0; i < 3; i++) {
		rig_stop(&rig);
		assert_int_equal(rig_start(&rig, 1, 1), 0);
		const struct mr_recovered_sublane *sublane = &rig_lane(&rig, WEBHOOK)->sublanes[0];
		assert_int_equal(sublane->records_count, 4);
		assert_int_equal(sublane->records[1], spilled[0]);
		assert_int_equal(sublane->records[2], spilled[1]);
		mr_position *entries = rig_entries(&rig, sublane);
		assert_memory_equal(entries, events, sizeof(events));
		free(entries);
		assert_int_equal(needs_in_all(&rig, 0), 6 + 4);
	}
	rig_close(&rig);
}

static void entries_of_a_webhook_that_is_gone_are_dropped_and_recorded(void **state)
{
	(void)state;
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 1, 1), 0);
	const mr_position a = put_event(&rig, 100, 1);
	history_match(
		&rig.history, rig_shard(&rig, 0), a, 0, 0, (uint64_t[]){WEBHOOK, RIG_GONE, 0});
	rig_commit(&rig);
	rig_stop(&rig);
	assert_int_equal(rig_start(&rig, 1, 1), 0);
	assert_int_equal(rig.recovered->lanes_count, 1);
	assert_int_equal(rig.recovered->entries_dropped, 1);
	assert_int_equal(rig_dropped(&rig, RIG_GONE, MR_REASON_WEBHOOK_GONE), 1);
	rig_stop(&rig);
	assert_int_equal(rig_start(&rig, 1, 1), 0);
	assert_int_equal(rig.recovered->entries_dropped, 0); // once
	assert_int_equal(rig.recovered->lanes_count, 1);
	rig_close(&rig);
}

// The crash came before all was dropped that the webhook was owed.
static void entries_of_a_webhook_that_was_given_up_are_dropped_until_its_entry_changes(void **state)
{
	(void)state;
	static struct recovery_rig rig;
	for (uint64_t entry = RIG_ENTRY; entry <= RIG_ENTRY + 1; entry++) {
		const bool stays_out = entry == RIG_ENTRY;
		rig_open(&rig, 1);
		assert_int_equal(rig_start(&rig, 1, 1), 0);
		put_match(&rig, put_event(&rig, 100, 1), 0);
		history_expired(&rig.history, rig_node(&rig), WEBHOOK, entry);
		rig_commit(&rig);
		rig_stop(&rig);
		assert_int_equal(rig_start(&rig, 1, 1), 0);
		assert_int_equal(rig.recovered->expiries_count, 1);
		assert_int_equal(rig.recovered->lanes_count, stays_out ? 0 : 1);
		assert_int_equal(rig.recovered->entries_dropped, stays_out ? 1 : 0);
		assert_int_equal(
			rig_dropped(&rig, WEBHOOK, MR_REASON_WEBHOOK_GONE), stays_out ? 1 : 0);
		rig_close(&rig);
	}
}

static void batch_numbers_and_failures_go_on_when_nothing_is_owed(void **state)
{
	(void)state;
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 1, 1), 0);
	struct mr_record_progress progress = {.webhook = WEBHOOK,
		.settled_number = 41,
		.failing_since_ns = 5,
		.next_attempt_ns = 6,
		.attempts = 7,
		.status = 503};
	history_put(&rig.history, rig_delivery(&rig, 0), &progress, sizeof(progress), NULL, 0,
		MR_RECORD_PROGRESS, 0);
	rig_commit(&rig);
	for (uint32_t i = 0; i < 2; i++) {
		rig_stop(&rig);
		assert_int_equal(rig_start(&rig, 1, 1), 0);
		const struct mr_recovered_lane *lane = rig_lane(&rig, WEBHOOK);
		assert_int_equal(lane->last_number, 41);
		assert_int_equal(lane->failing_since_ns, 5);
		assert_int_equal(lane->next_attempt_ns, 6);
		assert_int_equal(lane->attempts, 7);
		assert_int_equal(lane->last_status, 503);
		assert_int_equal(lane->sublanes[0].settled_number, 41);
		assert_int_equal(lane->sublanes[0].entries, 0);
	}
	rig_close(&rig);
}

// -- What is gone

// The oldest segments go, as under byte pressure, while a lane has entries in them.
static void retired_entries_are_dropped_as_expired(void **state)
{
	(void)state;
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 1, 1), 0);
	mr_position events[3];
	events[0] = put_event(&rig, 100, 1);
	events[1] = put_event(&rig, 101, 2);
	rig_commit(&rig);
	const uint64_t retired = rig.build.carry.segment;
	journal_build_turn(&rig.build);
	events[2] = put_event(&rig, 102, 3);
	struct history_lane lane = {.webhook = WEBHOOK,
		.flags = MR_LANE_RECORD_STATE | MR_LANE_RECORD_FIRST,
		.positions = (mr_position[]){events[0], events[1], events[2], 0}};
	rig.build.carry.replay_frame = rig.build.carry.sequence + 1;
	rig.build.carry.replay_segment = rig.build.carry.segment;
	history_lane(&rig.history, rig_delivery(&rig, 0), &lane);
	history_batch(&rig.history, rig_delivery(&rig, 0), WEBHOOK, 8, 0,
		(mr_position[]){events[0], events[2], 0});
	history_progress(&rig.history, rig_delivery(&rig, 0), WEBHOOK, 0, 7);
	rig_commit(&rig);
	rig.build.carry.oldest_segment = retired + 1;
	rig_commit(&rig);
	for (uint64_t i = 1; i <= retired; i++) {
		char name[MR_SEGMENT_NAME_BYTES];
		mr_segment_name(i, name);
		assert_int_equal(rig.disk.remove(rig.disk.state, name), 0);
	}
	rig_stop(&rig);
	assert_int_equal(rig_start(&rig, 1, 1), 0);
	assert_int_equal(rig.recovered->entries_expired, 2);
	assert_int_equal(rig_dropped(&rig, WEBHOOK, MR_REASON_EXPIRED), 2);
	const struct mr_recovered_sublane *sublane = &rig_lane(&rig, WEBHOOK)->sublanes[0];
	assert_int_equal(sublane->batch_number, 0); // its bytes cannot be made again
	assert_int_equal(sublane->settled_number, 8);
	mr_position *entries = rig_entries(&rig, sublane);
	assert_int_equal(entries[0], events[2]);
	assert_int_equal(entries[1], 0);
	free(entries);
	rig_close(&rig);
}

static void stream_ids_are_used_again_when_no_live_segment_names_them(void **state)
{
	(void)state;
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 1, 1), 0);
	const uint16_t first = rig.recovered->place.first_stream;
	rig_stop(&rig);
	assert_int_equal(rig_start(&rig, 2, 1), 0);
	assert_int_equal(rig.recovered->place.first_stream, first + 3);
	// A boot of ids up to the last one.
	rig.recovered->place.boot++;
	rig.build.header.boot++;
	rig.build.header.first_stream = 0xfffe - 3;
	journal_build_turn(&rig.build);
	rig_commit(&rig);
	rig_stop(&rig);
	assert_int_equal(rig_start(&rig, 2, 1), 0);
	assert_int_equal(rig.recovered->place.first_stream, first + 3 + 4);
	rig_close(&rig);
}

// -- Records that cannot be

static void a_record_that_cannot_be_is_quarantined_and_told(void **state)
{
	(void)state;
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 1, 1), 0);
	const mr_position a = put_event(&rig, 100, 1);
	struct mr_record_progress bad = {.webhook = WEBHOOK, .sublane = MR_IN_FLIGHT_MAX};
	const mr_position at = history_put(&rig.history, rig_delivery(&rig, 0), &bad, sizeof(bad),
		NULL, 0, MR_RECORD_PROGRESS, 0);
	rig_commit(&rig);
	rig_stop(&rig);
	assert_int_equal(rig_start(&rig, 1, 1), 0);
	assert_int_equal(rig.recovered->quarantined, 1);
	assert_int_equal(rig.recovered->quarantined_first, at);
	assert_int_equal(rig_dropped(&rig, 0, MR_REASON_QUARANTINED), 1);
	assert_int_equal(rig.recovered->events_count, 1);
	assert_int_not_equal(a, 0);
	rig_stop(&rig);
	assert_int_equal(rig_start(&rig, 1, 1), 0);
	assert_int_equal(rig.recovered->quarantined, 0);
	rig_close(&rig);
}

// Before the replayed frames nobody looks at frames; what is needed of them is named all the same.
static void a_damaged_record_that_is_needed_is_named_by_its_file(void **state)
{
	(void)state;
	static const uint8_t byte = 0xa5;
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 1, 1), 0);
	const uint64_t frame = rig.build.offset;
	const mr_position a = put_event(&rig, 100, 1);
	rig_commit(&rig);
	const uint64_t segment = rig.build.carry.segment;
	journal_build_turn(&rig.build);
	rig.build.carry.replay_frame = rig.build.carry.sequence + 1;
	rig.build.carry.replay_segment = rig.build.carry.segment;
	history_queued(&rig.history, rig_shard(&rig, 0), a);
	rig_commit(&rig);
	rig_stop(&rig);
	char name[MR_SEGMENT_NAME_BYTES];
	mr_segment_name(segment, name);
	disk_fake_tamper(rig.fake, name, frame + 150, &byte, 1);
	assert_int_equal(rig_start(&rig, 1, 1), -EBADMSG);
	assert_int_equal(rig.error.segment, segment);
	assert_int_equal(rig.error.offset, frame);
	assert_non_null(strstr(rig.error.text, name));
	rig_close(&rig);
}

static void a_record_that_crashed_two_starts_is_skipped_by_the_third(void **state)
{
	(void)state;
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 1, 1), 0);
	const mr_position a = put_event(&rig, 100, 1);
	put_event(&rig, 101, 2);
	rig_commit(&rig);
	rig_stop(&rig);
	for (uint32_t i = 0; i < MR_QUARANTINE_CRASHES; i++) {
		struct mr_quarantine quarantine;
		mr_quarantine_open(&quarantine, &rig.disk);
		assert_true(mr_quarantine_enter(&quarantine, a));
		mr_quarantine_close(&quarantine, false); // the process dies
	}
	assert_int_equal(rig_start(&rig, 1, 1), 0);
	assert_int_equal(rig.recovered->quarantined, 1);
	assert_int_equal(rig.recovered->quarantined_first, a);
	assert_int_equal(rig.recovered->events_count, 1);
	assert_int_equal(rig.recovered->events[0].object, 101);
	rig_close(&rig);
}

// -- Crashes

// Something of everything.
static void fill(struct recovery_rig *rig)
{
	history_session(&rig->history, rig_node(rig), 1, 1, false);
	rig_commit(rig);
	mr_position events[20];
	for (uint64_t i = 0; i < 20; i++) {
		events[i] = put_event(rig, 100 + i % OBJECTS, 1 + i);
		rig_commit(rig);
		put_match(rig, events[i], (uint8_t)i);
	}
	rig_commit(rig);
	for (uint64_t i = 0; i < 5; i++)
		history_distributed(&rig->history, mr_position_stream(events[i]), events[i]);
	history_batch(&rig->history, rig_delivery(rig, 0), WEBHOOK, 3, 0,
		(mr_position[]){events[0], events[1], 0});
	rig_commit(rig);
}

static uint64_t digest_lanes(const struct recovery_rig *rig)
{
	uint64_t digest = 0;
	for (uint32_t i = 0; i < rig->recovered->lanes_count; i++) {
		const struct mr_recovered_lane *lane = &rig->recovered->lanes[i];
		for (uint32_t k = 0; k < lane->sublanes_count; k++) {
			const struct mr_recovered_sublane *sublane = &lane->sublanes[k];
			mr_position *entries = rig_entries(rig, sublane);
			digest = mr_hash_bytes(
				entries, sublane->entries * sizeof(*entries), digest + i);
			digest = mr_hash_u64(sublane->batch_number ^ sublane->batch_count << 16
					^ sublane->settled_number << 32,
				digest);
			free(entries);
		}
		digest = mr_hash_u64(lane->last_number, digest);
	}
	return digest;
}

// What a start found, wherever its copies stand.
static uint64_t digest_of(const struct recovery_rig *rig)
{
	const struct mr_recovered *recovered = rig->recovered;
	uint64_t digest = digest_lanes(rig);
	for (uint64_t i = 0; i < recovered->events_count; i++) {
		const struct mr_recovered_event *event = &recovered->events[i];
		const struct mr_record_event *record = (const void *)rig_read(
			rig, mr_position_make(rig_shard(rig, event->shard), event->offset));
		digest = mr_hash_u64(
			event->object ^ record->sequence << 32 ^ record->hops_done, digest);
	}
	for (uint32_t i = 0; i < recovered->flows_count; i++) // in any order
		digest += mr_hash_bytes(recovered->flows[i].accepted,
			sizeof(recovered->flows[i].accepted),
			recovered->flows[i].next ^ (uint64_t)recovered->flows[i].flow << 32);
	return mr_hash_u64(recovered->sessions_count, digest);
}

// A start is cut at each of its changes in turn; the next one finds what the cut one would have.
static void a_crash_at_any_moment_of_a_start_changes_nothing(void **state)
{
	(void)state;
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 2, 1), 0);
	fill(&rig);
	rig_stop(&rig);
	assert_int_equal(rig_start(&rig, 2, 1), 0);
	const uint64_t expected = digest_of(&rig);
	assert_int_equal(rig.recovered->events_count, 15);
	rig_stop(&rig);
	uint32_t cuts = 0;
	for (bool is_whole = false; !is_whole;) {
		disk_fake_cut_at(rig.fake, ++cuts);
		const uint64_t changes = disk_fake_changes(rig.fake);
		if (rig_recover(&rig, 2, 1) == 0) {
			is_whole = disk_fake_changes(rig.fake) - changes < cuts;
			rig_forget(&rig);
		}
		disk_fake_crash(rig.fake, 100 + cuts);
		assert_int_equal(rig_start(&rig, 2, 1), 0);
		assert_int_equal(digest_of(&rig), expected);
		rig_stop(&rig);
	}
	assert_true(cuts > 5);
	rig_close(&rig);
}

static void starts_that_are_killed_leave_nothing_behind(void **state)
{
	(void)state;
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 2, 1), 0);
	fill(&rig);
	rig_stop(&rig);
	assert_int_equal(rig_start(&rig, 2, 1), 0);
	const uint64_t first = rig.recovered->place.segment;
	rig_stop(&rig);
	for (uint32_t kills = 0; kills < 20; kills++) {
		// its segment is begun, and the snapshot does not come to count
		disk_fake_fail(rig.fake, 3, -ENOSPC);
		assert_int_equal(rig_recover(&rig, 2, 1), -ENOSPC);
		disk_fake_exit(rig.fake);
	}
	assert_int_equal(rig_start(&rig, 2, 1), 0);
	assert_in_range(rig.recovered->place.segment, first, first + 2);
	assert_int_equal(rig.recovered->events_count, 15);
	rig_close(&rig);
}

static void the_first_start_can_be_cut_at_any_moment(void **state)
{
	(void)state;
	static struct recovery_rig rig;
	bool is_whole = false;
	for (uint64_t cut = 1; !is_whole; cut++) {
		rig_open(&rig, cut);
		disk_fake_cut_at(rig.fake, cut);
		if (rig_recover(&rig, 1, 1) == 0) {
			is_whole = disk_fake_changes(rig.fake) < cut;
			rig_forget(&rig);
		}
		disk_fake_crash(rig.fake, cut);
		assert_int_equal(rig_start(&rig, 1, 1), 0);
		assert_int_equal(rig.recovered->events_count, 0);
		rig_close(&rig);
	}
}

static void a_full_disk_is_told_and_leaves_everything_as_it_was(void **state)
{
	(void)state;
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 2, 1), 0);
	fill(&rig);
	rig_stop(&rig);
	disk_fake_break(rig.fake, -ENOSPC);
	assert_int_equal(rig_start(&rig, 2, 1), -ENOSPC);
	assert_non_null(strstr(rig.error.text, "No space left"));
	disk_fake_break(rig.fake, 0);
	assert_int_equal(rig_start(&rig, 2, 1), 0);
	assert_int_equal(rig.recovered->events_count, 15);
	rig_close(&rig);
}

// More than a segment of copies and entries.
static void a_snapshot_goes_on_in_the_next_segment(void **state)
{
	(void)state;
	enum { EVENTS = 10000 };
	static struct recovery_rig rig;
	rig_open(&rig, 1);
	assert_int_equal(rig_start(&rig, 1, 1), 0);
	for (uint64_t i = 0; i < EVENTS; i++) {
		put_event(&rig, 100 + i % OBJECTS, 1 + i);
		if (i % 500 == 499)
			rig_commit(&rig);
	}
	for (uint32_t start = 0; start < 2; start++) {
		const uint64_t before = rig.build.carry.segment;
		rig_stop(&rig);
		assert_int_equal(rig_start(&rig, 2, 1), 0);
		assert_in_range(rig.recovered->place.segment, before + 2, before + 4);
		assert_int_equal(rig.recovered->place.replay_segment, before + 1);
		assert_int_equal(rig.recovered->events_count, EVENTS);
		for (uint32_t i = 1; i < EVENTS; i++) {
			const struct mr_recovered_event *event = &rig.recovered->events[i];
			assert_true(
				event->shard > event[-1].shard || event->offset > event[-1].offset);
		}
	}
	assert_true(rig.told > 0);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_directory_becomes_a_journal),
		cmocka_unit_test(another_configuration_is_refused_by_both_values),
		cmocka_unit_test(sessions_windows_and_expiries_survive_every_start),
		cmocka_unit_test(events_follow_their_objects_through_changes_of_topology),
		cmocka_unit_test(a_hop_that_is_done_is_not_sent_again),
		cmocka_unit_test(a_copy_keeps_its_hops_behind_a_checkpoint),
		cmocka_unit_test(a_batch_in_flight_comes_first_with_its_number),
		cmocka_unit_test(what_lanes_need_is_counted_by_segment),
		cmocka_unit_test(spilled_lane_records_are_named_not_written_anew),
		cmocka_unit_test(entries_of_a_webhook_that_is_gone_are_dropped_and_recorded),
		cmocka_unit_test(
			entries_of_a_webhook_that_was_given_up_are_dropped_until_its_entry_changes),
		cmocka_unit_test(batch_numbers_and_failures_go_on_when_nothing_is_owed),
		cmocka_unit_test(retired_entries_are_dropped_as_expired),
		cmocka_unit_test(stream_ids_are_used_again_when_no_live_segment_names_them),
		cmocka_unit_test(a_record_that_cannot_be_is_quarantined_and_told),
		cmocka_unit_test(a_damaged_record_that_is_needed_is_named_by_its_file),
		cmocka_unit_test(a_record_that_crashed_two_starts_is_skipped_by_the_third),
		cmocka_unit_test(a_crash_at_any_moment_of_a_start_changes_nothing),
		cmocka_unit_test(starts_that_are_killed_leave_nothing_behind),
		cmocka_unit_test(the_first_start_can_be_cut_at_any_moment),
		cmocka_unit_test(a_full_disk_is_told_and_leaves_everything_as_it_was),
		cmocka_unit_test(a_snapshot_goes_on_in_the_next_segment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
