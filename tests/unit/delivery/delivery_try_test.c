// What operators do to a stage besides bans: tests of webhooks, a pause, and the attempts that
// anybody may read.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "delivery_rig.h"

static int setup(void **state)
{
	*state = rig_new();
	return 0;
}

static int teardown(void **state)
{
	rig_free(*state);
	return 0;
}

static void try_lane(struct rig *rig, uint32_t lane)
{
	struct mr_steward_msg *msg = rig_message(rig, MR_STEWARD_WEBHOOK_TEST);
	msg->webhook.id = 5000 + lane;
	msg->webhook.lane = lane;
	rig_send(rig, msg);
	rig_step(rig, MS);
}

// The next word to the steward must be TRIED.
static uint64_t told_status(struct rig *rig, uint32_t lane)
{
	struct mr_desc desc;
	assert_int_equal(mr_ring_pop_burst(rig->to_steward, &desc, 1), 1);
	assert_int_equal((uint32_t)desc.word[1], MR_TO_STEWARD_WEBHOOK_TRIED);
	assert_int_equal(desc.word[1] >> 32, lane);
	return desc.word[0];
}

static bool nothing_is_told(struct rig *rig)
{
	struct mr_desc desc;
	return mr_ring_pop_burst(rig->to_steward, &desc, 1) == 0;
}

static void a_test_is_an_attempt_without_events_at_once(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	try_lane(rig, 1);
	struct fake_request *request = fake_engine_oldest();
	assert_non_null(request);
	assert_int_equal(request->length, sizeof("{\"events\":[]}") - 1);
	assert_memory_equal(request->request.body, "{\"events\":[]}", request->length);
	rig_check_signature(request, RIG_SECRET, sizeof(RIG_SECRET) - 1);
	assert_true(nothing_is_told(rig));
	rig_answer_all(MR_OUTCOME_STATUS, 503);
	rig_step(rig, MS);
	assert_int_equal(told_status(rig, 1), 503);
	assert_int_equal(rig->delivery->recipients[1].lane->failures, 0); // it says nothing of it
}

static void a_test_does_not_wait_for_a_failing_lanes_turn(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 3);
	rig_run(rig, 60 * MS, MS);
	rig_answer_all(MR_OUTCOME_CONNECT, 0);
	rig_step(rig, MS);
	uint64_t next_ns = rig->delivery->recipients[1].next_attempt_ns;
	try_lane(rig, 1);
	assert_int_equal(fake_engine_waiting(), 1);
	rig_answer_all(MR_OUTCOME_OK, 200);
	rig_step(rig, MS);
	assert_int_equal(told_status(rig, 1), 200);
	assert_int_equal(rig->delivery->recipients[1].next_attempt_ns, next_ns);
	assert_int_equal(rig->delivery->recipients[1].lane->failures, 1);
}

static void a_test_that_gets_no_slot_is_answered_without_a_status(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	fake_engine.slots_max = 0;
	try_lane(rig, 1);
	rig_run(rig, 9 * SECOND, 100 * MS);
	assert_true(nothing_is_told(rig));
	rig_run(rig, 2 * SECOND, 100 * MS);
	assert_int_equal(told_status(rig, 1), 0);
	assert_int_equal(fake_engine.begun, 0);
}

static void a_webhook_that_is_removed_during_its_test_ends_quietly(void **state)
{
	struct rig *rig = *state;
	const struct mr_webhook *webhook = rig_webhook(rig, 1, 1);
	rig_add(rig, webhook);
	try_lane(rig, 1);
	rig_remove(rig, webhook);
	rig_run(rig, 10 * MS, MS);
	assert_int_equal(rig->delivery->lanes.open_lanes, 1); // its attempt is under way
	rig_answer_all(MR_OUTCOME_OK, 200);
	rig_run(rig, 10 * MS, MS);
	assert_int_equal(rig->delivery->lanes.open_lanes, 0);
	assert_true(nothing_is_told(rig));
}

static void a_failed_handshake_is_told(void **state)
{
	struct rig *rig = *state;
	struct mr_webhook *webhook = rig_webhook(rig, 1, 1);
	webhook->secret_length = 0;
	rig_add(rig, webhook);
	rig_run(rig, 10 * MS, MS);
	assert_int_equal(rig_answer_all(MR_OUTCOME_STATUS, 404), 1);
	rig_step(rig, MS);
	assert_int_equal(told_status(rig, 1), 404);
}

// -- Pause

static void no_attempt_begins_while_delivery_is_paused(void **state)
{
	struct rig *rig = *state;
	for (uint32_t lane = 1; lane <= 2; lane++)
		rig_add(rig, rig_webhook(rig, lane, 1));
	rig_deliver(rig, 1, 7, 3);
	rig_run(rig, 60 * MS, MS);
	rig_answer_all(MR_OUTCOME_STATUS, 500); // its retry will be due
	rig_deliver(rig, 2, 7, 3);
	rig->durable = false; // and a batch that is recorded and not sent
	rig_run(rig, 60 * MS, MS);
	assert_int_equal(fake_engine.sent, 1);
	rig_stop(rig, MR_PAUSE_DELIVERY);
	rig->durable = true;
	rig_deliver(rig, 2, 8, 3);
	rig_run(rig, 40 * SECOND, 5 * MS);
	assert_int_equal(fake_engine.sent, 1);
	assert_true(mr_delivery_next_due(rig->delivery) > rig->now.mono_ns); // and it sleeps
	for (uint32_t slot = 1; slot <= 2; slot++) // although a second has passed
		assert_false(mr_lane_is_behind(
			&rig->delivery->lanes, &rig->delivery->lanes.slots[slot]));
	rig_stop(rig, 0);
	for (uint32_t i = 0; i < 5; i++) {
		rig_run(rig, 60 * MS, MS);
		rig_answer_all(MR_OUTCOME_OK, 200);
	}
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DELIVERED), 9);
}

static void a_pause_does_not_bring_a_webhook_nearer_its_end(void **state)
{
	struct rig *rig = *state;
	rig_tune(rig)->expire_after_ns = 100 * SECOND;
	rig_retune(rig);
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 3);
	rig_run(rig, 60 * MS, MS);
	rig_stop(rig, MR_PAUSE_DELIVERY);
	rig_run(rig, 1000 * SECOND, SECOND);
	rig_stop(rig, 0);
	rig_answer_all(MR_OUTCOME_CONNECT, 0);
	rig_step(rig, MS);
	assert_int_equal(rig->delivery->recipients[1].state, MR_RECIPIENT_ACTIVE);
	for (uint32_t i = 0; i < 60; i++) { // but it runs on afterwards
		rig_run(rig, 10 * SECOND, 100 * MS);
		rig_answer_all(MR_OUTCOME_CONNECT, 0);
		rig_step(rig, MS);
	}
	assert_int_equal(rig->delivery->recipients[1].state, MR_RECIPIENT_GONE);
}

// -- Attempts

static void an_attempt_is_remembered_with_its_answer(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 3);
	rig_run(rig, 60 * MS, MS);
	int64_t begun_ns =
		rig->now.wall_ns - (int64_t)(rig->now.mono_ns - fake_engine_oldest()->sent_ns);
	rig_run(rig, 20 * MS, MS);
	struct mr_result result = {.outcome = MR_OUTCOME_STATUS,
		.status = 503,
		.excerpt_length = 5,
		.excerpt = {'<', 'a', 0, 0x1b, 0xff}};
	fake_engine_answer_result(fake_engine_oldest(), &result);
	rig_step(rig, 0);
	assert_int_equal(mr_read(&rig->attempts.next), 2);
	const struct mr_stats_attempt *row = &rig->attempts.rows[1];
	assert_int_equal(mr_read(&row->number), 1);
	assert_int_equal(mr_read(&row->webhook), 5001);
	assert_int_equal(mr_read(&row->batch), 1);
	assert_int_equal(mr_read(&row->events), 3);
	assert_int_equal(mr_read(&row->at_ns), begun_ns);
	assert_in_range(mr_read(&row->took_ns), 20 * MS, 80 * MS);
	assert_int_equal(mr_read(&row->what),
		503 | MR_ATTEMPT_BATCH << 16 | (uint64_t)MR_OUTCOME_STATUS << 24
			| UINT64_C(5) << 32);
	uint64_t word = mr_read(&row->body[0]);
	assert_memory_equal(&word, result.excerpt, 5);
}

static void the_newest_attempts_take_the_places_of_the_oldest(void **state)
{
	enum { ATTEMPTS = MR_ATTEMPT_ROWS + 10 };
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	for (uint32_t i = 0; i < ATTEMPTS; i++) {
		try_lane(rig, 1);
		rig_answer_all(MR_OUTCOME_OK, 200);
		rig_step(rig, MS);
		told_status(rig, 1);
		rig->messages_count = 1;
	}
	assert_int_equal(mr_read(&rig->attempts.next), ATTEMPTS + 1);
	for (uint32_t number = 11; number <= ATTEMPTS; number++) {
		const struct mr_stats_attempt *row = &rig->attempts.rows[number % MR_ATTEMPT_ROWS];
		assert_int_equal(mr_read(&row->number), number);
		assert_int_equal(mr_read(&row->batch), 0);
		assert_int_equal(mr_read(&row->what), 200 | MR_ATTEMPT_TEST << 16);
	}
}

// -- Taps

static void the_steps_of_a_followed_object_are_told(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	struct mr_steward_msg *msg = rig_message(rig, MR_STEWARD_TAP);
	msg->tap.count = 1;
	msg->tap.objects[0] = 7;
	rig_send(rig, msg);
	rig_step(rig, MS);
	rig->app = 9;
	rig_deliver(rig, 1, 8, 3);
	rig_deliver(rig, 1, 7, 1);
	rig_run(rig, 60 * MS, MS);
	rig_answer_all(MR_OUTCOME_STATUS, 503);
	rig_run(rig, 5 * SECOND, 10 * MS);
	rig_answer_all(MR_OUTCOME_OK, 204);
	rig_step(rig, MS);
	rig_deliver(rig, 1, 7, 1);
	rig_step(rig, MS);
	rig_survey(rig, MR_SCOPE_OBJECT, 7, MR_REASON_PURGED);
	static const uint64_t steps[][2] = {{MR_TAP_ATTEMPTED, 1}, {MR_TAP_FAILED, 503},
		{MR_TAP_ATTEMPTED, 1}, {MR_TAP_DELIVERED, 204},
		{MR_TAP_DROPPED | MR_REASON_PURGED << 16, 0}};
	assert_int_equal(mr_read(&rig->taps.next), 6);
	for (uint32_t i = 0; i < 5; i++) {
		const struct mr_stats_tap *row = &rig->taps.rows[i + 1];
		assert_int_equal(mr_read(&row->object), 7);
		assert_int_equal(mr_read(&row->app), 9);
		assert_int_equal(mr_read(&row->webhook), 5001);
		assert_int_equal(mr_read(&row->sequence), i < 4 ? 4 : 5);
		assert_int_equal(mr_read(&row->what), steps[i][0]);
		assert_int_equal(mr_read(&row->detail), steps[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_test_is_an_attempt_without_events_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_test_does_not_wait_for_a_failing_lanes_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_test_that_gets_no_slot_is_answered_without_a_status, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_webhook_that_is_removed_during_its_test_ends_quietly, setup, teardown),
		cmocka_unit_test_setup_teardown(a_failed_handshake_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(
			no_attempt_begins_while_delivery_is_paused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_pause_does_not_bring_a_webhook_nearer_its_end, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_attempt_is_remembered_with_its_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_newest_attempts_take_the_places_of_the_oldest, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_steps_of_a_followed_object_are_told, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
