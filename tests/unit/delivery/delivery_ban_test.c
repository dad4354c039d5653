// Bans before a first attempt: what is held, what passes, what is voided, and what a purge drops.
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

static uint64_t numbers[MR_BATCH_EVENTS_MAX];

static int setup(void **state)
{
	*state = rig_new();
	return 0;
}

static int setup_on_disk(void **state)
{
	*state = rig_new_on_disk(40000);
	return 0;
}

static int teardown(void **state)
{
	rig_free(*state);
	return 0;
}

static void in_force(struct rig *rig, const struct mr_steward_msg *msg)
{
	for (uint32_t i = 0; !rig_is_in_force(rig, msg); i++) {
		assert_in_range(i, 0, 100);
		rig_step(rig, 0);
	}
}

static void ban(struct rig *rig, enum mr_scope_kind kind, uint64_t id)
{
	in_force(rig, rig_ban(rig, kind, id, MR_BAN_DROP));
}

static void unban(struct rig *rig, enum mr_scope_kind kind, uint64_t id)
{
	in_force(rig, rig_unban(rig, kind, id));
}

// The numbers of all events in the oldest request, which is answered.
static uint32_t served(struct rig *rig)
{
	rig_run(rig, 60 * MS, MS);
	struct fake_request *request = fake_engine_oldest();
	if (request == NULL)
		return 0;
	uint32_t count = rig_parse(request, numbers, MR_BATCH_EVENTS_MAX);
	fake_engine_answer(request, MR_OUTCOME_OK, 200);
	rig_step(rig, MS);
	return count;
}

static void deliver(struct rig *rig, uint64_t app, uint64_t object)
{
	rig->app = app;
	rig_deliver(rig, 1, object, 1);
}

static void what_is_banned_waits_and_others_pass(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	ban(rig, MR_SCOPE_OBJECT, 7);
	for (uint32_t i = 0; i < 10; i++)
		rig_deliver(rig, 1, i % 2 == 0 ? 7 : 8, 1);
	assert_int_equal(served(rig), 5); // one batch, not five
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(numbers[i], 2 * i + 2);
	rig_run(rig, 20 * SECOND, 10 * MS);
	assert_int_equal(fake_engine.sent, 1);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_PENDING), 5);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_BAN_HELD), 5);
	assert_false(mr_lane_is_behind(&rig->delivery->lanes, &rig->delivery->lanes.slots[1]));
	unban(rig, MR_SCOPE_OBJECT, 7);
	assert_int_equal(served(rig), 5);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(numbers[i], 2 * i + 1);
	rig_run(rig, 60 * MS, MS);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_BAN_HELD), 0);
}

static void what_comes_of_an_object_goes_behind_what_is_held_of_it(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	ban(rig, MR_SCOPE_APP, 3);
	deliver(rig, 1, 7); // 1 passes
	deliver(rig, 3, 7); // 2 is held
	deliver(rig, 1, 7); // 3 goes behind it
	deliver(rig, 1, 8); // 4 passes
	assert_int_equal(served(rig), 2);
	assert_int_equal(numbers[0], 1);
	assert_int_equal(numbers[1], 4);
	deliver(rig, 1, 7); // 5, too
	deliver(rig, 1, 8); // 6
	assert_int_equal(served(rig), 1);
	assert_int_equal(numbers[0], 6);
	deliver(rig, 1, 8); // 7 comes before the release, and is served after it
	unban(rig, MR_SCOPE_APP, 3);
	assert_int_equal(served(rig), 3);
	static const uint64_t order[] = {2, 3, 5};
	assert_memory_equal(numbers, order, sizeof(order));
	assert_int_equal(served(rig), 1);
	assert_int_equal(numbers[0], 7);
}

static void an_unban_releases_only_what_no_other_rule_holds(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	ban(rig, MR_SCOPE_APP, 3);
	ban(rig, MR_SCOPE_OBJECT, 9);
	deliver(rig, 3, 7); // 1
	deliver(rig, 3, 9); // 2
	deliver(rig, 1, 9); // 3
	deliver(rig, 3, 8); // 4
	assert_int_equal(served(rig), 0);
	unban(rig, MR_SCOPE_APP, 3);
	assert_int_equal(served(rig), 2);
	assert_int_equal(numbers[0], 1);
	assert_int_equal(numbers[1], 4);
	unban(rig, MR_SCOPE_OBJECT, 9);
	assert_int_equal(served(rig), 2);
	assert_int_equal(numbers[0], 2);
	assert_int_equal(numbers[1], 3);
}

static void what_was_taken_for_a_batch_stays_before_what_is_held(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	ban(rig, MR_SCOPE_APP, 3);
	rig->durable = false;
	deliver(rig, 1, 7); // 1: recorded, not sent
	deliver(rig, 3, 7); // 2: held
	rig_run(rig, 60 * MS, MS);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_BATCHES), 1);
	struct mr_steward_msg *msg = rig_ban(rig, MR_SCOPE_OBJECT, 7, MR_BAN_HOLD);
	rig_step(rig, MS);
	rig->durable = true;
	in_force(rig, msg);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_VOIDED), 1);
	unban(rig, MR_SCOPE_APP, 3);
	assert_int_equal(served(rig), 0);
	unban(rig, MR_SCOPE_OBJECT, 7);
	assert_int_equal(served(rig), 2);
	assert_int_equal(numbers[0], 1);
	assert_int_equal(numbers[1], 2);
}

static void a_throttle_holds_nothing(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	in_force(rig, rig_ban(rig, MR_SCOPE_OBJECT, 7, MR_BAN_THROTTLE));
	rig_deliver(rig, 1, 7, 4);
	assert_int_equal(served(rig), 4);
}

static void an_attempt_and_its_retries_go_on(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 4);
	rig_run(rig, 60 * MS, MS);
	assert_int_equal(fake_engine.sent, 1);
	ban(rig, MR_SCOPE_OBJECT, 7);
	rig_deliver(rig, 1, 7, 4);
	rig_answer_all(MR_OUTCOME_STATUS, 500);
	rig_run(rig, 5 * SECOND, 10 * MS);
	assert_int_equal(fake_engine.sent, 2);
	assert_int_equal(served(rig), 4);
	assert_int_equal(numbers[3], 4);
	rig_run(rig, 5 * SECOND, 10 * MS);
	assert_int_equal(fake_engine.sent, 2);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_VOIDED), 0);
}

// -- Batches that are recorded and not sent

static void a_recorded_batch_is_voided_before_the_ban_is_in_force(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig->durable = false;
	rig_deliver(rig, 1, 7, 2);
	rig_deliver(rig, 1, 8, 2);
	rig_run(rig, 60 * MS, MS);
	uint64_t recorded_end = atomic_load(&rig->own_stream.tail);
	struct mr_steward_msg *msg = rig_ban(rig, MR_SCOPE_OBJECT, 7, MR_BAN_DROP);
	rig_step(rig, MS);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_VOIDED), 1);
	struct mr_record_progress progress;
	mr_stream_copy_own(&rig->own_stream, recorded_end, &progress, sizeof(progress));
	assert_int_equal(progress.record.kind, MR_RECORD_PROGRESS);
	assert_int_equal(progress.record.flags, MR_PROGRESS_VOID);
	uint64_t number = progress.settled_number;
	assert_true(number > 0);
	rig_run(rig, 100 * MS, MS);
	assert_false(rig_is_in_force(rig, msg)); // a crash would bring the batch back
	rig->durable = true;
	in_force(rig, msg);
	assert_int_equal(served(rig), 2); // the rest under the next number
	assert_int_equal(numbers[0], 3);
	assert_int_equal(rig->delivery->recipients[1].last_number, number + 1);
}

static void a_recorded_batch_outside_the_scope_is_sent(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig->durable = false;
	rig_deliver(rig, 1, 8, 2);
	rig_run(rig, 60 * MS, MS);
	ban(rig, MR_SCOPE_OBJECT, 7);
	rig->durable = true;
	assert_int_equal(served(rig), 2);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_VOIDED), 0);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_BATCHES), 1);
}

static void a_failing_lanes_unsent_batch_is_voided(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 2));
	rig_deliver(rig, 1, 2, 1); // of the first sub-lane: is sent
	rig_run(rig, 60 * MS, MS);
	rig->durable = false;
	rig_deliver(rig, 1, 7, 1); // of the second one: is recorded
	rig_run(rig, 60 * MS, MS);
	rig_answer_all(MR_OUTCOME_STATUS, 500);
	rig->durable = true;
	rig_run(rig, 10 * MS, MS);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_BATCHES), 2);
	assert_int_equal(fake_engine.sent, 1);
	ban(rig, MR_SCOPE_OBJECT, 7);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_VOIDED), 1);
	for (uint32_t i = 0; i < 3; i++) {
		rig_run(rig, 5 * SECOND, 10 * MS);
		rig_answer_all(MR_OUTCOME_OK, 200);
	}
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DELIVERED), 1);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_BAN_HELD), 1);
}

// -- What is held

static void what_is_held_stops_no_heartbeat(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	ban(rig, MR_SCOPE_OBJECT, 7);
	rig_deliver(rig, 1, 7, 3);
	rig_run(rig, 9 * 3600 * SECOND, 10 * SECOND);
	assert_int_equal(fake_engine.sent, 1);
	assert_int_equal(fake_engine_oldest()->length, sizeof("{\"events\":[]}") - 1);
}

static void what_is_held_goes_with_its_webhook(void **state)
{
	struct rig *rig = *state;
	const struct mr_webhook *webhook = rig_webhook(rig, 1, 1);
	rig_add(rig, webhook);
	ban(rig, MR_SCOPE_OBJECT, 7);
	rig_deliver(rig, 1, 7, 3);
	assert_int_equal(served(rig), 0);
	rig_remove(rig, webhook);
	rig_run(rig, 60 * MS, MS);
	assert_int_equal(rig_dropped(rig, MR_REASON_WEBHOOK_GONE), 3);
	assert_int_equal(rig->delivery->lanes.open_lanes, 0);
	assert_int_equal(rig->delivery->lanes.held, 0);
	assert_int_equal(rig->delivery->lanes.held_objects.table.count, 0);
}

static void what_is_held_keeps_its_segment_until_that_goes_by_age(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	ban(rig, MR_SCOPE_OBJECT, 7);
	rig_deliver(rig, 1, 7, 3);
	rig_deliver(rig, 1, 8, 2);
	assert_int_equal(served(rig), 2);
	rig_run(rig, SECOND, 10 * MS);
	assert_int_equal(rig_needs(rig), 3);
	assert_int_equal(rig_counts(rig), 3);
	rig_segment_begin(rig);
	rig_segment_retire(rig);
	rig_segment_retire(rig); // retention: the events have gone
	rig_run(rig, 100 * MS, MS);
	assert_int_equal(rig_dropped(rig, MR_REASON_EXPIRED), 3);
	assert_int_equal(rig->delivery->lanes.held, 0);
}

static void without_room_to_hold_what_is_behind_waits(void **state)
{
	enum { HELD_MAX = 4096 }; // of a sub-lane, with this stream
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	ban(rig, MR_SCOPE_OBJECT, 7);
	for (uint32_t i = 0; i < HELD_MAX + 10; i++) {
		rig_deliver(rig, 1, 7, 1);
		if (i % 100 == 0)
			rig_run(rig, 60 * MS, 20 * MS);
	}
	rig_deliver(rig, 1, 8, 1);
	rig_run(rig, SECOND, 10 * MS);
	assert_int_equal(fake_engine.sent, 0);
	assert_int_equal(rig->delivery->lanes.held, HELD_MAX);
	unban(rig, MR_SCOPE_OBJECT, 7);
	uint64_t next = 1;
	for (uint32_t count; (count = served(rig)) > 0;)
		for (uint32_t i = 0; i < count; i++)
			assert_int_equal(numbers[i], next++);
	assert_int_equal(next, HELD_MAX + 12);
}

static void a_ban_that_waits_for_a_read_holds_nobody_else_up(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 3);
	rig_deliver(rig, 1, 8, 1);
	rig->overwritten = true;
	rig->answer = MR_READ_WAIT;
	ban(rig, MR_SCOPE_OBJECT, 7); // needs no read to be in force
	rig_run(rig, 100 * MS, MS);
	assert_int_equal(fake_engine.sent, 0);
	rig->answer = MR_READ_HIT;
	assert_int_equal(served(rig), 1);
	assert_int_equal(numbers[0], 4);
}

// -- Purge

static void a_survey_counts_and_changes_nothing(void **state)
{
	struct rig *rig = *state;
	for (uint32_t lane = 1; lane <= 3; lane++)
		rig_add(rig, rig_webhook(rig, lane, 2));
	ban(rig, MR_SCOPE_OBJECT, 7);
	rig_deliver(rig, 1, 7, 5);
	rig_deliver(rig, 2, 7, 4);
	rig_run(rig, 60 * MS, MS); // are held
	rig_deliver(rig, 1, 7, 3);
	rig_deliver(rig, 1, 9, 30);
	rig_deliver(rig, 3, 8, 2);
	rig_step(rig, MS);
	const struct mr_survey_part *part = rig_survey(rig, MR_SCOPE_OBJECT, 7, MR_REASON_OK);
	assert_int_equal(part->deliveries, 12);
	assert_int_equal(part->webhooks, 2);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DROPPED), 0);
	for (uint32_t lane = 1; lane <= 3; lane++) {
		rig_run(rig, 60 * MS, MS);
		rig_answer_all(MR_OUTCOME_OK, 200);
	}
	rig_step(rig, MS);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DELIVERED), 32);
}

static void a_purge_drops_all_of_the_scope_and_nothing_else(void **state)
{
	enum { EVENTS = 9000 }; // more than memory holds
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_add(rig, rig_webhook(rig, 2, 1));
	rig_deliver(rig, 1, 3, 1);
	rig_run(rig, 60 * MS, MS); // its endpoint hangs
	for (uint32_t i = 0; i < EVENTS; i++) {
		rig_match(rig, 1, rig_event(rig, 1 + i % 3), 1 + i % 3, i % 3 == 0 && i < 300);
		if (i % 100 == 99)
			rig_step(rig, MS);
	}
	rig_run(rig, 100 * MS, 10 * MS);
	assert_true(rig->delivery->lanes.spilled > 1000);
	uint64_t needs = rig_needs(rig);
	const struct mr_survey_part *part =
		rig_survey(rig, MR_SCOPE_OBJECT, 1, MR_REASON_BANNED_PENDING);
	assert_int_equal(part->deliveries, EVENTS / 3);
	assert_int_equal(part->webhooks, 1);
	assert_int_equal(rig_dropped(rig, MR_REASON_BANNED_PENDING), EVENTS / 3);
	assert_int_equal(rig->delivery->lanes.pending, 1 + EVENTS / 3 * 2);
	rig_run(rig, 100 * MS, 10 * MS);
	assert_in_range(rig_needs(rig), 0, needs - EVENTS / 3 + 20); // records are counted, too
	part = rig_survey(rig, MR_SCOPE_OBJECT, 1, MR_REASON_OK);
	assert_int_equal(part->deliveries, 0);
	uint64_t last[4] = {0};
	uint32_t got = 0;
	fake_engine_answer(fake_engine_oldest(), MR_OUTCOME_OK, 200);
	for (uint32_t count; (count = served(rig)) > 0; got += count)
		for (uint32_t i = 0; i < count; i++) {
			uint64_t object = 1 + (numbers[i] - 2) % 3;
			assert_int_not_equal(object, 1);
			assert_true(numbers[i] > last[object]);
			last[object] = numbers[i];
		}
	assert_int_equal(got, EVENTS / 3 * 2);
}

static void a_purge_leaves_what_is_on_the_wire(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 4);
	rig_run(rig, 60 * MS, MS);
	rig_deliver(rig, 1, 7, 3);
	rig_step(rig, MS);
	const struct mr_survey_part *part = rig_survey(rig, MR_SCOPE_OBJECT, 7, MR_REASON_PURGED);
	assert_int_equal(part->deliveries, 3);
	assert_int_equal(served(rig), 4);
	assert_int_equal(served(rig), 0);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_PENDING), 0);
}

static void a_purge_voids_a_batch_that_was_not_sent(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig->durable = false;
	rig_deliver(rig, 1, 7, 4);
	rig_deliver(rig, 1, 8, 1);
	rig_run(rig, 60 * MS, MS);
	const struct mr_survey_part *part = rig_survey(rig, MR_SCOPE_OBJECT, 7, MR_REASON_OK);
	assert_int_equal(part->deliveries, 4); // a dry run says so, too
	assert_int_equal(rig_counter(rig, MR_DELIVERY_VOIDED), 0);
	part = rig_survey(rig, MR_SCOPE_OBJECT, 7, MR_REASON_PURGED);
	assert_int_equal(part->deliveries, 4);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_VOIDED), 1);
	rig->durable = true;
	assert_int_equal(served(rig), 1);
	assert_int_equal(numbers[0], 5);
}

static void a_survey_goes_on_when_its_webhook_is_removed(void **state)
{
	struct rig *rig = *state;
	const struct mr_webhook *webhook = rig_webhook(rig, 1, 1);
	rig_add(rig, webhook);
	rig_deliver(rig, 1, 7, 1);
	rig_run(rig, 60 * MS, MS);
	rig_deliver(rig, 1, 7, 100);
	rig_step(rig, MS);
	rig->budget = 5; // in the middle of it
	struct mr_steward_msg *msg = rig_message(rig, MR_STEWARD_SURVEY);
	rig->survey.scope = (struct mr_scope){.kind = MR_SCOPE_OBJECT, .id = 7};
	rig->survey.drop_reason = MR_REASON_PURGED;
	msg->survey = &rig->survey;
	rig_send(rig, msg);
	rig_run(rig, 3 * MS, MS);
	assert_in_range(rig_dropped(rig, MR_REASON_PURGED), 1, 50);
	rig_remove(rig, webhook);
	rig_run(rig, 100 * MS, MS);
	const struct mr_survey_part *part = &rig->survey.parts[rig->delivery->config.number];
	assert_int_equal(atomic_load(&part->done), 1);
	assert_int_equal(part->deliveries, rig_dropped(rig, MR_REASON_PURGED));
	rig_answer_all(MR_OUTCOME_OK, 200);
	rig_run(rig, 200 * MS, MS);
	assert_int_equal(rig->delivery->lanes.open_lanes, 0);
}

#define CLAIM(name)         cmocka_unit_test_setup_teardown(name, setup, teardown)
#define CLAIM_ON_DISK(name) cmocka_unit_test_setup_teardown(name, setup_on_disk, teardown)
#define CLAIM_OF_BOTH(name) CLAIM(name), CLAIM_ON_DISK(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLAIM_OF_BOTH(what_is_banned_waits_and_others_pass),
		CLAIM_OF_BOTH(what_comes_of_an_object_goes_behind_what_is_held_of_it),
		CLAIM_OF_BOTH(an_unban_releases_only_what_no_other_rule_holds),
		CLAIM_OF_BOTH(what_was_taken_for_a_batch_stays_before_what_is_held),
		CLAIM(a_throttle_holds_nothing),
		CLAIM_OF_BOTH(an_attempt_and_its_retries_go_on),
		CLAIM_OF_BOTH(a_recorded_batch_is_voided_before_the_ban_is_in_force),
		CLAIM_OF_BOTH(a_recorded_batch_outside_the_scope_is_sent),
		CLAIM_OF_BOTH(a_failing_lanes_unsent_batch_is_voided),
		CLAIM(what_is_held_stops_no_heartbeat),
		CLAIM_OF_BOTH(what_is_held_goes_with_its_webhook),
		CLAIM_ON_DISK(what_is_held_keeps_its_segment_until_that_goes_by_age),
		CLAIM_ON_DISK(without_room_to_hold_what_is_behind_waits),
		CLAIM(a_ban_that_waits_for_a_read_holds_nobody_else_up),
		CLAIM_OF_BOTH(a_survey_counts_and_changes_nothing),
		CLAIM_ON_DISK(a_purge_drops_all_of_the_scope_and_nothing_else),
		CLAIM_OF_BOTH(a_purge_leaves_what_is_on_the_wire),
		CLAIM_OF_BOTH(a_purge_voids_a_batch_that_was_not_sent),
		CLAIM_OF_BOTH(a_survey_goes_on_when_its_webhook_is_removed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
