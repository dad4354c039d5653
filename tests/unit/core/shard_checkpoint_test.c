// Checkpoints of a shard, what it asks the journal to keep, and what a start hands to it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "event_codec.h"
#include "record_codec.h"
#include "rng.h"
#include "shard_rig.h"

static struct rig rig;
static struct rig_event task;

static void open_rig(struct rig_options options)
{
	options.is_durable = true;
	options.first_stream = 7;
	rig_open(&rig, &options);
	rig_session(&rig, 0);
	task = (struct rig_event){.object = rig_object_of(&rig, 0, 0), .workspace = 11};
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static bool is_done(uint32_t shard, uint64_t epoch)
{
	return atomic_load(&rig.owners[shard].epoch) == epoch
		&& atomic_load(&rig.owners[shard].epoch_end)
		<= mr_stream_watermark(&rig.streams[shard]);
}

// What a start would find out about a shard's events, from records at or above `from` alone.
struct replay {
	uint8_t waits[RIG_FILE_BYTES / 8]; // by offset: listed or accepted, and not distributed
	uint64_t oldest; // UINT64_MAX: none
	uint32_t count;
	uint32_t windows;
	struct mr_record_checkpoint window; // the last one
};

static void note(struct replay *replay, uint64_t offset, bool waits)
{
	replay->count += waits - replay->waits[offset / 8];
	replay->waits[offset / 8] = waits;
}

static void replay_record(struct replay *replay, uint64_t at, const uint8_t *bytes)
{
	struct mr_record record;
	uint32_t count;
	memcpy(&record, bytes, sizeof(record));
	memcpy(&count, bytes + sizeof(record), sizeof(count));
	if (record.kind == MR_RECORD_EVENT)
		note(replay, at, true);
	if (record.kind == MR_RECORD_CHECKPOINT) {
		memcpy(&replay->window, bytes, sizeof(replay->window));
		replay->windows++;
	}
	if (record.kind != MR_RECORD_QUEUED && record.kind != MR_RECORD_DISTRIBUTED)
		return;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t offset;
		memcpy(&offset, bytes + sizeof(struct mr_record_queued) + i * 8, 8);
		note(replay, offset, record.kind == MR_RECORD_QUEUED);
	}
}

static struct replay *replay_from(uint32_t shard, uint64_t from)
{
	static struct replay replay;
	memset(&replay, 0, sizeof(replay));
	const uint64_t end = mr_stream_watermark(&rig.streams[shard]);
	while (from < end) {
		uint32_t length;
		memcpy(&length, rig.files[shard] + from, sizeof(length));
		replay_record(&replay, from, rig.files[shard] + from);
		from += length;
	}
	replay.oldest = UINT64_MAX;
	for (uint64_t at = 0; at < end && replay.oldest == UINT64_MAX; at += 8)
		if (replay.waits[at / 8])
			replay.oldest = at;
	return &replay;
}

static void checkpoint_lists_what_waits_and_every_window(void **state)
{
	(void)state;
	open_rig((struct rig_options){.limits = {.object_queue_events = 50}});
	rig_hold(&rig, task.object, MR_HOLD);
	rig_send(&rig, 1, &task, 60); // the last ten are refused
	rig_run(&rig, 20);
	const uint64_t from = mr_stream_next(&rig.streams[0]);
	assert_int_equal(atomic_load(&rig.owners[0].epoch), 0);
	atomic_store(&rig.journal.epoch, 1);
	rig_run(&rig, 10);
	assert_true(is_done(0, 1));
	const struct replay *replay = replay_from(0, from);
	assert_int_equal(replay->count, 50);
	assert_int_equal(replay->windows, 1);
	assert_int_equal(replay->window.session_id, RIG_SESSION_ID);
	assert_int_equal(replay->window.next, 61);
	assert_int_equal(replay->window.accepted[0], (UINT64_C(1) << 51) - 2); // 1 to 50
	for (uint32_t i = 1; i < MR_WINDOW_MAX / 64; i++)
		assert_int_equal(replay->window.accepted[i], 0);
	assert_int_equal(atomic_load(&rig.owners[0].keep), replay->oldest);
	rig_hold(&rig, task.object, MR_RELEASE);
	rig_run(&rig, 30);
	assert_int_equal(replay_from(0, from)->count, 0); // the distributed record follows
	assert_int_equal(atomic_load(&rig.owners[0].keep), UINT64_MAX);
}

static void checkpoint_waits_for_hops_under_way(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig_subscribe(&rig, 1, task.object);
	rig.deliveries_stopped = true;
	rig_send(&rig, 1, &task, 5);
	rig_run(&rig, 10);
	atomic_store(&rig.journal.epoch, 3); // the first one that it hears of
	rig_run(&rig, 20);
	assert_int_equal(atomic_load(&rig.owners[0].epoch), 0);
	struct rig_event other = {.object = rig_object_of(&rig, 0, 1)};
	rig_subscribe(&rig, 2, other.object);
	rig_send(&rig, 6, &other, 5); // begun since: nobody waits for these
	rig_run(&rig, 10);
	rig.deliveries_stopped = false;
	rig_step(&rig);
	rig.deliveries_stopped = true;
	rig_run(&rig, 5);
	assert_true(is_done(0, 3));
	rig.deliveries_stopped = false;
}

static void hold_does_not_stop_an_event_half_way(void **state)
{
	(void)state;
	open_rig((struct rig_options){
		.shards = 2, .flows = 2, .limits = {.object_queue_events = 4000}});
	task.ancestors = 1;
	task.gids[0] = rig_object_of(&rig, 1, 0);
	task.via[0] = MR_VIA_OBJECT;
	rig_subscribe(&rig, 1, task.object);
	rig_subscribe(&rig, 2, task.gids[0]);
	struct rig_event other = {.object = rig_object_of(&rig, 0, 1),
		.ancestors = 1,
		.gids = {task.gids[0]},
		.via = {MR_VIA_OBJECT}};
	rig.deliveries_stopped = true;
	for (uint64_t i = 0; i < 11; i++) { // all hop credit of the other shard
		rig_send(&rig, 1 + i * 100, &other, 100);
		rig_run(&rig, 20);
	}
	rig_send(&rig, 1101, &task, 3);
	rig_run(&rig, 20);
	assert_true(rig_counter(&rig, 0, MR_SHARD_HOP_WAITS) > 0);
	rig_hold(&rig, task.object, MR_HOLD);
	atomic_store(&rig.journal.epoch, 1);
	rig_run(&rig, 10);
	rig.deliveries_stopped = false;
	rig_run(&rig, 100);
	assert_true(is_done(0, 1));
	assert_int_equal(rig_heard(&rig, 2), 1101); // the one that had begun
	assert_int_equal(rig_counter(&rig, 0, MR_SHARD_QUEUED), 2);
	rig_hold(&rig, task.object, MR_RELEASE);
	rig_run(&rig, 20);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 1103);
}

// A checkpoint as it was when it was done, and what the lanes had heard by then: an event that a
// lane hears of later was not distributed.
struct moment {
	uint8_t waits[RIG_FILE_BYTES / 8];
	uint64_t end;
	uint32_t log_count;
};

static void check_moment(const struct moment *moment)
{
	for (uint32_t i = moment->log_count; i < rig.log_count; i++) {
		const uint64_t offset = mr_position_offset(rig.log[i].message.position);
		assert_true(offset >= moment->end || moment->waits[offset / 8]);
	}
}

// Random traffic, holds and stops; whenever a checkpoint is done, what can be replayed from its
// asking on names at least everything that is not distributed, and nothing of it may be retired.
static void replay_from_any_checkpoint_finds_every_event(void **state)
{
	(void)state;
	enum { OBJECTS = 6 };
	static struct moment moment;
	struct mr_rng rng;
	mr_rng_seed(&rng, 11);
	open_rig((struct rig_options){.buffer_bytes = 65536,
		.limits = {.object_queue_events = 700, .progress_interval_ns = 300 * 1000}});
	rig.units = 64;
	bool held[OBJECTS] = {false};
	uint64_t next = 1;
	uint64_t from = mr_stream_next(&rig.streams[0]);
	uint64_t asked_at = from;
	uint32_t checkpoints = 0;
	struct rig_event events[OBJECTS];
	for (uint32_t i = 0; i < OBJECTS; i++) {
		events[i] = (struct rig_event){.object = rig_object_of(&rig, 0, i)};
		rig_subscribe(&rig, 1 + i, events[i].object);
	}
	for (uint32_t step = 0; step < 1500; step++) {
		const uint32_t i = (uint32_t)mr_rng_below(&rng, OBJECTS);
		const struct rig_ack *ack = &rig.acks[0][0];
		const uint64_t count = 1 + mr_rng_below(&rng, 20);
		if (next + count < ack->edge || ack->edge == 0) {
			rig_send(&rig, next, &events[i], (uint32_t)count);
			next += count;
		} else if (ack->settled < next) {
			next = ack->settled; // again from there
		}
		if (mr_rng_chance(&rng, 1, 30)) {
			rig_hold(&rig, events[i].object, held[i] ? MR_RELEASE : MR_HOLD);
			held[i] = !held[i];
		}
		rig.deliveries_stopped = mr_rng_chance(&rng, 1, 4);
		rig.file_waits = mr_rng_chance(&rng, 1, 2);
		rig_step(&rig);
		if (!is_done(0, atomic_load(&rig.journal.epoch)))
			continue;
		from = asked_at; // where replay begins now
		check_moment(&moment);
		const struct replay *replay = replay_from(0, from);
		memcpy(moment.waits, replay->waits, sizeof(moment.waits));
		moment.end = mr_stream_watermark(&rig.streams[0]);
		moment.log_count = rig.log_count;
		assert_true(atomic_load(&rig.owners[0].keep) <= replay->oldest);
		checkpoints++;
		asked_at = mr_stream_watermark(&rig.streams[0]);
		atomic_fetch_add(&rig.journal.epoch, 1);
	}
	assert_true(checkpoints > 30);
	assert_true(mr_stream_next(&rig.streams[0]) > 4 * 65536);
	for (uint32_t i = 0; i < OBJECTS; i++)
		if (held[i])
			rig_hold(&rig, events[i].object, MR_RELEASE);
	rig.deliveries_stopped = false;
	rig_run(&rig, 1500);
	check_moment(&moment);
	assert_int_equal(rig_total(&rig, MR_SHARD_QUEUED), 0);
	assert_int_equal(replay_from(0, from)->count, 0);
	assert_int_equal(atomic_load(&rig.owners[0].keep), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(checkpoint_lists_what_waits_and_every_window, teardown),
		cmocka_unit_test_teardown(checkpoint_waits_for_hops_under_way, teardown),
		cmocka_unit_test_teardown(hold_does_not_stop_an_event_half_way, teardown),
		cmocka_unit_test_teardown(replay_from_any_checkpoint_finds_every_event, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
