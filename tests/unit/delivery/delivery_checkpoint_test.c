// What a checkpoint of a delivery stage says, and how the stage behaves when the journal is full or
// has failed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "delivery_rig.h"
#include "record_codec.h"

enum { EVENTS_MAX = 20000, SUBLANES_MAX = 4 };

static int setup(void **state)
{
	*state = rig_new_on_disk(40000);
	return 0;
}

static int teardown(void **state)
{
	rig_free(*state);
	return 0;
}

static const struct mr_record *record_at(const struct rig *rig, uint64_t offset)
{
	return (const struct mr_record *)(const void *)(rig->own_file + offset);
}

// What a start would make of the checkpoint: of one webhook.
struct restored {
	uint64_t webhook;
	struct mr_record_taken taken;
	mr_position taken_of_shard;
	uint32_t first_records; // that carry the flag
	uint32_t lane_records, progress_records;
	uint64_t last_number;
	mr_position lane_taken;
	struct {
		mr_position entries[EVENTS_MAX];
		uint32_t count;
		uint64_t first_entry; // of its first record
		mr_position batch[MR_BATCH_EVENTS_MAX];
		struct mr_record_batch again;
		uint64_t settled_number;
	} sublanes[SUBLANES_MAX];
};
static struct restored restored;

static void add_entries(const struct rig *rig, uint32_t sublane, const mr_position *positions,
	uint32_t count, bool is_index)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!is_index) {
			uint32_t at = restored.sublanes[sublane].count++;
			assert_in_range(at, 0, EVENTS_MAX - 1);
			restored.sublanes[sublane].entries[at] = positions[i];
			continue;
		}
		const struct mr_record *record = record_at(rig, mr_position_offset(positions[i]));
		const struct mr_record_lane *spilled = (const void *)record;
		assert_int_equal(record->kind, MR_RECORD_LANE);
		assert_int_equal(spilled->webhook, restored.webhook);
		assert_int_equal(spilled->sublane, sublane);
		assert_int_equal(spilled->record.flags, 0);
		add_entries(
			rig, sublane, (const mr_position *)(spilled + 1), spilled->count, false);
	}
}

static void restore_lane(const struct rig *rig, const struct mr_record *record)
{
	const struct mr_record_lane *lane = (const void *)record;
	if (lane->webhook != restored.webhook || (record->flags & MR_LANE_RECORD_STATE) == 0)
		return;
	assert_int_equal((record->flags & MR_LANE_RECORD_FIRST) != 0, restored.lane_records == 0);
	restored.first_records += (record->flags & MR_LANE_RECORD_FIRST) != 0;
	restored.lane_records++;
	restored.last_number = lane->last_number;
	restored.lane_taken = lane->taken;
	if (restored.sublanes[lane->sublane].count == 0)
		restored.sublanes[lane->sublane].first_entry = lane->first_entry;
	add_entries(rig, lane->sublane, (const mr_position *)(lane + 1), lane->count,
		(record->flags & MR_LANE_RECORD_INDEX) != 0);
}

// Reads the stage's stream between two offsets.
static void restore(const struct rig *rig, uint64_t webhook, uint64_t from, uint64_t to)
{
	memset(&restored, 0, sizeof(restored));
	restored.webhook = webhook;
	while (from < to) {
		const struct mr_record *record = record_at(rig, from);
		assert_int_equal(mr_record_check(record, to - from), 0);
		const struct mr_record_batch *batch = (const void *)record;
		const struct mr_record_progress *progress = (const void *)record;
		if (record->kind == MR_RECORD_TAKEN) {
			memcpy(&restored.taken, record, sizeof(restored.taken));
			memcpy(&restored.taken_of_shard,
				(const uint8_t *)record + sizeof(restored.taken),
				sizeof(mr_position));
		} else if (record->kind == MR_RECORD_LANE) {
			restore_lane(rig, record);
		} else if (record->kind == MR_RECORD_BATCH && batch->webhook == webhook
			&& record->flags == MR_BATCH_AGAIN) {
			assert_true(restored.first_records == 1);
			restored.sublanes[batch->sublane].again = *batch;
			memcpy(restored.sublanes[batch->sublane].batch, batch + 1,
				batch->count * sizeof(mr_position));
		} else if (record->kind == MR_RECORD_PROGRESS && progress->webhook == webhook) {
			restored.progress_records++;
			restored.sublanes[progress->sublane].settled_number =
				progress->settled_number;
		}
		from += record->length;
	}
	assert_int_equal(from, to);
}

static uint64_t checkpoint(struct rig *rig, uint64_t epoch)
{
	uint64_t from = mr_stream_next(&rig->own_stream);
	atomic_store(&rig->journal.epoch, epoch);
	for (uint32_t i = 0; i < 100 && atomic_load(&rig->owner.epoch) < epoch; i++)
		rig_step(rig, 0);
	assert_int_equal(atomic_load(&rig->owner.epoch), epoch);
	return from;
}

static uint64_t end_of(const struct rig *rig)
{
	return atomic_load(&rig->owner.epoch_end);
}

// Events of 8 objects, of which two are marked, to a lane of two sub-lanes whose endpoint hangs.
static uint32_t fill(struct rig *rig, mr_position *ret_positions, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t object = 1 + i % 8;
		ret_positions[i] = rig_event(rig, object);
		rig_match(rig, 1, ret_positions[i], object, object < 3);
		if (i % 100 == 99)
			rig_step(rig, MS);
	}
	rig_run(rig, 100 * MS, 10 * MS);
	return count;
}

static void a_checkpoint_says_all_that_a_lane_owes(void **state)
{
	enum { EVENTS = 13000 };
	struct rig *rig = *state;
	static mr_position positions[EVENTS];
	static uint8_t seen[EVENTS];
	rig_add(rig, rig_webhook(rig, 1, 2));
	rig_add(rig, rig_webhook(rig, 2, 2)); // owes nothing
	fill(rig, positions, EVENTS);
	uint64_t from = checkpoint(rig, 1);
	restore(rig, 5001, from, end_of(rig));
	assert_int_equal(restored.taken.epoch, 1);
	assert_int_equal(restored.taken.count, 1);
	mr_position place =
		mr_position_make(rig->shard_stream.id, mr_stream_next(&rig->shard_stream));
	assert_true(restored.taken_of_shard == place);
	assert_true(restored.lane_taken == place);
	assert_int_equal(restored.first_records, 1);
	assert_int_equal(restored.progress_records, 2);
	assert_int_equal(restored.last_number, rig->delivery->recipients[1].last_number);

	memset(seen, 0, sizeof(seen));
	for (uint32_t sublane = 0; sublane < 2; sublane++) {
		uint32_t last[9] = {0};
		assert_int_equal(restored.sublanes[sublane].first_entry, 0);
		for (uint32_t i = 0; i < restored.sublanes[sublane].count; i++) {
			uint32_t at = 0; // positions rise
			for (uint32_t high = EVENTS; high - at > 1;) {
				uint32_t middle = (at + high) / 2;
				bool above =
					positions[middle] > restored.sublanes[sublane].entries[i];
				high = above ? middle : high;
				at = above ? at : middle;
			}
			assert_true(positions[at] == restored.sublanes[sublane].entries[i]);
			assert_int_equal(seen[at]++, 0);
			assert_int_equal((1 + at % 8) % 2, sublane);
			assert_true(last[1 + at % 8] <= at); // each object in order
			last[1 + at % 8] = at;
		}
		const struct mr_record_batch *again = &restored.sublanes[sublane].again;
		assert_true(again->count > 0); // it hangs
		assert_memory_equal(restored.sublanes[sublane].batch,
			restored.sublanes[sublane].entries, again->count * sizeof(mr_position));
		assert_true(again->number > restored.sublanes[sublane].settled_number);
	}
	for (uint32_t i = 0; i < EVENTS; i++)
		assert_int_equal(seen[i], 1);
	restore(rig, 5002, from, end_of(rig));
	assert_int_equal(restored.lane_records, 0);
}

static void a_checkpoint_in_small_steps_says_the_same(void **state)
{
	struct rig *rig = *state;
	static mr_position positions[600];
	for (uint32_t lane = 0; lane < RIG_LANES_MAX; lane++)
		rig_add(rig, rig_webhook(rig, lane, 2));
	for (uint32_t i = 0; i < 600; i++) {
		positions[i] = rig_event(rig, 1);
		for (uint32_t lane = 0; lane < RIG_LANES_MAX; lane++)
			rig_match(rig, lane, positions[i], 1, false);
		rig_step(rig, 0);
	}
	rig->budget = 1;
	atomic_store(&rig->journal.epoch, 4);
	uint64_t from = mr_stream_next(&rig->own_stream);
	uint32_t steps = 0;
	for (; atomic_load(&rig->owner.epoch) != 4; steps++) {
		assert_true(steps < 100);
		rig_step(rig, 0);
		for (uint32_t lane = 0; lane < RIG_LANES_MAX; lane++) // they go on meanwhile
			rig_match(rig, lane, positions[0], 1, false);
	}
	assert_true(steps >= RIG_LANES_MAX);
	for (uint32_t lane = 0; lane < RIG_LANES_MAX; lane++) {
		restore(rig, 5000 + lane, from, end_of(rig));
		assert_int_equal(restored.first_records, 1);
		assert_true(restored.sublanes[1].count >= 600);
		assert_memory_equal(restored.sublanes[1].entries, positions, sizeof(positions));
	}
	rig->budget = 1000000;
}

static void a_checkpoint_waits_for_a_border_and_for_room(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 10);
	rig_step(rig, 0);
	rig->overwritten = true;
	rig->answer = MR_READ_WAIT; // a marked entry waits for its object
	rig_match(rig, 1, rig_event(rig, 7), 7, true);
	atomic_store(&rig->journal.epoch, 1);
	rig_run(rig, 5 * MS, MS);
	assert_int_equal(atomic_load(&rig->owner.epoch), 0);
	rig->overwritten = false;
	rig->answer = MR_READ_HIT;
	rig->durable = false;
	uint8_t filler[4096] = {0};
	while (mr_stream_room(&rig->own_stream) > 600) {
		struct mr_record_lane head = {.count = 500};
		mr_record_seal(&head, sizeof(head), filler, 4000, MR_RECORD_LANE, 0);
		if (mr_stream_room(&rig->own_stream) < sizeof(head) + 4000 + 600)
			break;
		mr_stream_append(&rig->own_stream, &head, sizeof(head), filler, 4000);
	}
	while (mr_stream_room(&rig->own_stream) >= 200)
		mr_delivery_dropped(rig->delivery, NULL, 1, 8, MR_REASON_EXPIRED);
	mr_count(&rig->stats.counters[MR_DELIVERY_MATCHED],
		rig_counter(rig, MR_DELIVERY_DROPPED)); // the ledger has none of these
	rig_run(rig, 5 * MS, MS);
	assert_int_equal(atomic_load(&rig->owner.epoch), 0);
	rig->durable = true;
	rig_run(rig, 5 * MS, MS);
	assert_int_equal(atomic_load(&rig->owner.epoch), 1);
}

// A match record from before the frame at which the checkpoint was wanted is not replayed: it is in
// the state of its lane or nowhere.
static void a_checkpoint_waits_for_matches_from_before_it_was_wanted(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 10);
	rig_step(rig, 0);
	rig->feed_lags = true;
	rig_match(rig, 1, rig_event(rig, 7), 7, false);
	atomic_store(&rig->journal.epoch, 1);
	rig_run(rig, 5 * MS, MS);
	assert_int_equal(atomic_load(&rig->owner.epoch), 0);
	rig->feed_lags = false;
	rig_run(rig, 5 * MS, MS);
	assert_int_equal(atomic_load(&rig->owner.epoch), 1);
}

// Read back and delivered, yet a start that replays from the checkpoint would read it.
static void a_record_that_a_checkpoint_names_is_needed_until_the_next_one_holds(void **state)
{
	struct rig *rig = *state;
	static mr_position positions[13000];
	rig_add(rig, rig_webhook(rig, 1, 2));
	fill(rig, positions, 13000);
	uint64_t from = checkpoint(rig, 1);
	restore(rig, 5001, from, end_of(rig));
	const struct mr_lane *lane = mr_lane_find(&rig->delivery->lanes, 1);
	uint64_t records = mr_spill_records(&mr_lane_sublane(&rig->delivery->lanes, lane, 0)->spill)
		+ mr_spill_records(&mr_lane_sublane(&rig->delivery->lanes, lane, 1)->spill);
	assert_true(records > 4);
	for (uint32_t i = 0; i < 2000 && lane->pending > 0; i++) {
		rig_answer_all(MR_OUTCOME_OK, 200);
		rig_run(rig, 60 * MS, 10 * MS);
	}
	assert_int_equal(lane->pending, 0);
	assert_int_equal(rig_needs(rig), records);
	checkpoint(rig, 2);
	assert_int_equal(rig_needs(rig), records); // it may not hold yet
	checkpoint(rig, 3);
	assert_int_equal(rig_needs(rig), 0);
}

static void a_lane_that_only_fails_says_that_it_owes_nothing(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 3));
	rig->delivery->recipients[1].lane->failures = 2;
	rig->delivery->recipients[1].failing_since_ns = 99;
	uint64_t from = checkpoint(rig, 1);
	restore(rig, 5001, from, end_of(rig));
	assert_int_equal(restored.lane_records, 1);
	assert_int_equal(restored.first_records, 1);
	assert_int_equal(restored.progress_records, 3);
	assert_int_equal(restored.last_number, rig->delivery->recipients[1].last_number);
}

static void progress_is_said_before_a_checkpoint(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 10);
	rig_run(rig, 100 * MS, 10 * MS);
	rig_answer_all(MR_OUTCOME_OK, 200);
	rig_step(rig, MS);
	rig_step(rig, MS); // settled, and its record is due in 100 ms
	uint64_t from = checkpoint(rig, 1);
	const struct mr_record_progress *progress = (const void *)record_at(rig, from);
	assert_int_equal(progress->record.kind, MR_RECORD_PROGRESS);
	assert_int_equal(record_at(rig, from + progress->record.length)->kind, MR_RECORD_TAKEN);
	assert_int_equal(end_of(rig), from + sizeof(*progress) + 32 + 8);
}

static void a_full_journal_stops_no_delivery(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	atomic_store(&rig->journal.state, MR_JOURNAL_FULL);
	rig_deliver(rig, 1, 7, 10);
	rig_run(rig, 100 * MS, 10 * MS);
	rig_answer_all(MR_OUTCOME_OK, 200);
	rig_run(rig, 100 * MS, 10 * MS);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DELIVERED), 10);
}

static void after_a_failure_only_durable_batches_go_out_and_for_ten_seconds(void **state)
{
	struct rig *rig = *state;
	rig_tune(rig)->retry_cap_ns = SECOND;
	rig_retune(rig);
	for (uint32_t lane = 1; lane < 4; lane++)
		rig_add(rig, rig_webhook(rig, lane, 1));
	rig_deliver(rig, 1, 7, 10); // recorded and sent
	rig_run(rig, 100 * MS, 10 * MS);
	rig->durable = false;
	rig_deliver(rig, 2, 7, 10); // recorded, and not durable
	rig_run(rig, 100 * MS, 10 * MS);
	assert_int_equal(fake_engine.sent, 1);
	atomic_store(&rig->journal.failed_ns, rig->now.mono_ns);
	atomic_store(&rig->journal.state, MR_JOURNAL_FAILED);
	rig_deliver(rig, 3, 7, 10); // nothing of it
	rig_deliver(rig, 1, 7, 10);
	uint64_t failed_ns = rig->now.mono_ns;
	while (rig->now.mono_ns < failed_ns + 10 * SECOND) {
		rig_run(rig, 100 * MS, 10 * MS);
		rig_answer_all(MR_OUTCOME_STATUS, 500);
	}
	uint32_t sent = fake_engine.sent;
	assert_true(sent > 5);
	assert_int_equal(mr_read(&rig->rows[1].requests), sent);
	rig_run(rig, 5 * SECOND, 10 * MS);
	assert_int_equal(fake_engine.sent, sent);
	assert_int_equal(fake_engine.begun, fake_engine.sent + fake_engine.abandoned);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_PENDING), 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_checkpoint_says_all_that_a_lane_owes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_checkpoint_in_small_steps_says_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_checkpoint_waits_for_matches_from_before_it_was_wanted, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_checkpoint_waits_for_a_border_and_for_room, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_record_that_a_checkpoint_names_is_needed_until_the_next_one_holds, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_lane_that_only_fails_says_that_it_owes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			progress_is_said_before_a_checkpoint, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_journal_stops_no_delivery, setup, teardown),
		cmocka_unit_test_setup_teardown(
			after_a_failure_only_durable_batches_go_out_and_for_ten_seconds, setup,
			teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
