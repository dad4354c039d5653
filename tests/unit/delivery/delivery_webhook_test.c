// How a webhook lives: handshake, failures and probes, heartbeats, holds, and how it goes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "delivery_rig.h"

static uint64_t numbers[MR_BATCH_EVENTS_MAX];

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

static bool told(struct rig *rig, enum mr_to_steward_kind kind, struct mr_desc *ret_desc)
{
	return mr_ring_pop_burst(rig->to_steward, ret_desc, 1) == 1
		&& (uint32_t)ret_desc->word[1] == (uint32_t)kind;
}

static void failing_lane_has_one_probe_then_ramps(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 4));
	for (uint64_t object = 0; object < 4; object++)
		rig_deliver(rig, 1, object + 4, 50);
	rig_run(rig, 60 * MS, MS);
	assert_int_equal(
		fake_engine_waiting(), 4); // a healthy lane has all its sub-lanes in flight
	assert_int_equal(rig_answer_all(MR_OUTCOME_STATUS, 500), 4);
	rig_step(rig, 0);
	const struct mr_recipient *recipient = &rig->delivery->recipients[1];
	assert_int_equal(recipient->lane->failures, 1); // four answers, one failure of the lane
	assert_in_range(
		recipient->next_attempt_ns, rig->now.mono_ns + 1, rig->now.mono_ns + SECOND);
	assert_true(mr_read(&rig->rows[1].failing_since_ns) != 0);

	uint32_t probes = 0;
	for (uint64_t ran_ns = 0; ran_ns < 200 * SECOND; ran_ns += 50 * MS) {
		rig_step(rig, 50 * MS);
		assert_in_range(fake_engine_waiting(), 0, 1);
		assert_in_range(fake_engine.begun - fake_engine.abandoned - fake_engine.sent, 0, 1);
		probes += rig_answer_all(MR_OUTCOME_CONNECT, 0);
	}
	assert_in_range(probes, 4, 30); // 200 s of doubling bounds
	rig_run(rig, 600 * SECOND, SECOND);
	static const uint32_t ramp[] = {1, 2, 4, 4};
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(fake_engine_waiting(), ramp[i]);
		for (uint64_t object = 0; object < 4; object++)
			rig_deliver(rig, 1, object + 4, 500);
		rig_answer_all(MR_OUTCOME_OK, 200);
		rig_run(rig, 60 * MS, MS);
	}
	assert_int_equal(mr_read(&rig->rows[1].failing_since_ns), 0);
}

static void batches_that_became_durable_wait_while_the_lane_fails(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 3));
	rig_deliver(rig, 1, 3, 5);
	rig_run(rig, 60 * MS, MS);
	assert_int_equal(fake_engine.sent, 1);
	rig->durable = false;
	rig_deliver(rig, 1, 4, 5);
	rig_deliver(rig, 1, 5, 5);
	rig_run(rig, 60 * MS, MS);
	assert_int_equal(fake_engine.begun, 3); // two wait for their records
	rig_answer_all(MR_OUTCOME_STATUS, 500);
	rig_step(rig, 0);
	rig->durable = true;
	rig_step(rig, 0);
	rig_step(rig, 0);
	assert_int_equal(fake_engine.sent, 1); // not before the backoff is over
	rig_run(rig, 2 * SECOND, 10 * MS);
	assert_int_equal(fake_engine.sent, 2); // and then one probe
}

static void one_of_the_waiting_batches_becomes_the_probe(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 3));
	rig_deliver(rig, 1, 3, 5);
	rig_run(rig, 60 * MS, MS);
	rig->durable = false;
	rig_deliver(rig, 1, 4, 5);
	rig_deliver(rig, 1, 5, 5);
	rig_run(rig, 60 * MS, MS);
	rig_answer_all(MR_OUTCOME_STATUS, 500);
	mr_delivery_finish(rig->delivery, 1000);
	rig->durable = true;
	rig->now.mono_ns += 2 * SECOND; // over before the stage looks again
	atomic_store(&rig->own_stream.watermark, atomic_load(&rig->own_stream.tail));
	rig_step(rig, 0);
	rig_step(rig, 0);
	assert_int_equal(fake_engine.sent, 2);
}

static void retry_after_postpones_the_probe(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 1);
	rig_run(rig, 60 * MS, MS);
	struct mr_result result = {
		.outcome = MR_OUTCOME_STATUS, .status = 429, .retry_after_ns = 100 * SECOND};
	fake_engine_answer_result(fake_engine_oldest(), &result);
	rig_run(rig, 99 * SECOND, 100 * MS);
	assert_int_equal(fake_engine.sent, 1);
	rig_run(rig, 2 * SECOND, 100 * MS);
	assert_int_equal(fake_engine.sent, 2);
}

static void handshake_must_echo_exactly(void **state)
{
	struct rig *rig = *state;
	struct mr_webhook *webhook = rig_webhook(rig, 1, 4);
	webhook->handshake = true;
	webhook->secret_length = 0;
	rig_add(rig, webhook);
	rig_deliver(rig, 1, 7, 3);
	rig_run(rig, 100 * MS, MS);
	assert_int_equal(fake_engine_waiting(), 1); // one question, no delivery before the answer
	char secret[65];
	snprintf(secret, sizeof(secret), "%s", rig_header(fake_engine_oldest(), "X-Hook-Secret"));
	assert_int_equal(strlen(secret), 64);
	assert_int_equal(strspn(secret, "0123456789abcdef"), 64);
	assert_memory_equal(fake_engine_oldest()->request.body, "{}", 2);
	assert_string_equal(rig_header(fake_engine_oldest(), "X-Hook-Signature"), "");

	struct mr_result good = {.outcome = MR_OUTCOME_OK, .status = 200, .secret_length = 64};
	memcpy(good.secret, secret, 64);
	struct mr_result wrong[7];
	struct mr_desc desc;
	for (uint32_t i = 0; i < 7; i++)
		wrong[i] = good;
	wrong[0].secret_length = 0; // no echo
	wrong[1].secret_length = 63;
	wrong[2].secret[63] ^= 1;
	wrong[3].status = 201; // 2xx, but neither 200 nor 204
	wrong[4].secret[0] =
		(char)(secret[0] >= 'a' ? secret[0] - 32 : 'A'); // another case is another text
	wrong[5].outcome = MR_OUTCOME_STATUS;
	wrong[5].status = 302;
	wrong[6].outcome = MR_OUTCOME_TIMEOUT;
	for (uint32_t i = 0; i < 7; i++) {
		fake_engine_answer_result(fake_engine_oldest(), &wrong[i]);
		rig_step(rig, 0);
		assert_int_equal(rig_counter(rig, MR_DELIVERY_HANDSHAKES), 0);
		assert_true(told(rig, MR_TO_STEWARD_WEBHOOK_TRIED, &desc));
		assert_int_equal(desc.word[0], wrong[i].status);
		rig_run(rig, 600 * SECOND, SECOND);
		assert_int_equal(fake_engine_waiting(), 1); // it keeps trying
		assert_string_equal(rig_header(fake_engine_oldest(), "X-Hook-Secret"), secret);
	}
	good.status = 204;
	fake_engine_answer_result(fake_engine_oldest(), &good);
	rig_run(rig, 100 * MS, MS);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_HANDSHAKES), 1);
	assert_true(told(rig, MR_TO_STEWARD_SECRET, &desc));
	const struct mr_made_secret *made = (const struct mr_made_secret *)(uintptr_t)desc.word[0];
	assert_int_equal(made->webhook, webhook->id);
	assert_int_equal(desc.word[1] >> 32, 1);
	assert_memory_equal(made->secret, secret, 64);
	assert_int_equal(rig_parse(fake_engine_oldest(), numbers, 1000), 3);
	rig_check_signature(fake_engine_oldest(), secret, 64);
}

static void known_secret_needs_no_handshake(void **state)
{
	struct rig *rig = *state;
	struct mr_webhook *webhook = rig_webhook(rig, 1, 1);
	webhook->handshake = false; // it was shaken in an earlier life
	rig_add(rig, webhook);
	rig_run(rig, SECOND, 10 * MS);
	assert_int_equal(fake_engine.begun, 0);
	assert_int_equal(mr_read(&rig->rows[1].flags), 1);
}

static void removed_webhook_counts_its_entries(void **state)
{
	struct rig *rig = *state;
	struct mr_webhook *webhook = rig_webhook(rig, 1, 2);
	rig_add(rig, webhook);
	rig_deliver(rig, 1, 4, 1200);
	rig_deliver(rig, 1, 5, 30);
	rig_run(rig, 60 * MS, MS);
	uint32_t on_the_wire = rig_parse(fake_engine_oldest(), numbers, 1000);
	assert_int_equal(fake_engine_waiting(), 2);
	rig_remove(rig, webhook);
	rig_run(rig, 20 * MS, MS);
	rig_deliver(rig, 1, 4, 10); // the shard did not know yet
	rig_run(rig, 20 * MS, MS);
	assert_int_equal(fake_engine.endpoints, 1); // what is on the wire finishes
	fake_engine_answer(fake_engine_oldest(), MR_OUTCOME_OK, 200);
	fake_engine_answer(fake_engine_oldest(), MR_OUTCOME_STATUS, 500);
	rig_run(rig, 200 * MS, MS);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DELIVERED), on_the_wire);
	assert_int_equal(rig_dropped(rig, MR_REASON_WEBHOOK_GONE), 1240 - on_the_wire);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_PENDING), 0);
	assert_int_equal(mr_read(&rig->rows[1].matched), 1240);
	assert_int_equal(mr_read(&rig->rows[1].dropped), 1240 - on_the_wire);
	assert_int_equal(fake_engine.endpoints, 0);
	assert_int_equal(rig->delivery->lanes.open_lanes, 0);
	assert_int_equal(rig->delivery->lanes.pool.used, 0);
}

// What a ring still holds for the webhook that had the number before is not the next one's.
static void message_sent_before_a_number_was_given_anew_is_dropped(void **state)
{
	struct rig *rig = *state;
	struct mr_webhook *old = rig_webhook(rig, 1, 1);
	rig_add(rig, old);
	rig_deliver(rig, 1, 7, 5);
	rig_remove(rig, old);
	struct mr_webhook *young = rig_webhook(rig, 1, 1);
	young->id = 6000;
	rig_add(rig, young);
	rig_run(rig, 100 * MS, MS);
	assert_null(fake_engine_oldest());
	assert_int_equal(rig_dropped(rig, MR_REASON_WEBHOOK_GONE), 5);
	assert_int_equal(mr_read(&rig->rows[1].matched), 0);
}

static void webhook_that_is_added_again_uses_no_id_twice(void **state)
{
	struct rig *rig = *state;
	char id[64];
	struct mr_webhook *webhook = rig_webhook(rig, 1, 1);
	rig_add(rig, webhook);
	rig_deliver(rig, 1, 7, 5);
	rig_run(rig, 60 * MS, MS);
	snprintf(id, sizeof(id), "%s", rig_header(fake_engine_oldest(), "webhook-id"));
	rig_answer_all(MR_OUTCOME_OK, 200);
	rig_remove(rig, webhook);
	rig_run(rig, 20 * MS, MS);
	rig_add(rig, webhook);
	rig_deliver(rig, 1, 7, 6);
	rig_run(rig, 60 * MS, MS);
	assert_non_null(fake_engine_oldest());
	assert_string_not_equal(rig_header(fake_engine_oldest(), "webhook-id"), id);
}

static void number_of_a_removed_webhook_is_used_again_at_once(void **state)
{
	struct rig *rig = *state;
	struct mr_webhook *old = rig_webhook(rig, 1, 1);
	rig_add(rig, old);
	rig_deliver(rig, 1, 7, 5);
	rig_run(rig, 60 * MS, MS);
	struct fake_request *late = fake_engine_oldest();
	rig_remove(rig, old);
	struct mr_webhook *young = rig_webhook(rig, 1, 1);
	young->id = 6000;
	young->port = 9999;
	rig_add(rig, young);
	rig_deliver(rig, 1, 7, 2);
	rig_run(rig, 60 * MS, MS);
	assert_int_equal(fake_engine_waiting(), 2);
	fake_engine_answer(late, MR_OUTCOME_OK, 200);
	rig_run(rig, 60 * MS, MS);
	assert_int_equal(mr_read(&rig->rows[1].webhook), 6000);
	assert_int_equal(mr_read(&rig->rows[1].matched), 2); // nothing of the old one
	assert_int_equal(mr_read(&rig->rows[1].delivered), 0);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DELIVERED), 5);
	rig_answer_all(MR_OUTCOME_OK, 200);
	rig_step(rig, MS);
	assert_int_equal(mr_read(&rig->rows[1].delivered), 2);
}

static void gone_410_disables(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 2));
	rig_deliver(rig, 1, 4, 5);
	rig_deliver(rig, 1, 5, 5);
	rig_run(rig, 60 * MS, MS);
	fake_engine_answer(fake_engine_oldest(), MR_OUTCOME_STATUS, 410);
	rig_run(rig, 20 * MS, MS);
	struct mr_desc desc;
	assert_true(told(rig, MR_TO_STEWARD_WEBHOOK_GONE, &desc));
	assert_int_equal(desc.word[1] >> 32, 1);
	assert_int_equal(mr_read(&rig->rows[1].flags), 4);
	rig_answer_all(MR_OUTCOME_STATUS, 410);
	rig_deliver(rig, 1, 4, 3);
	rig_run(rig, 20 * MS, MS);
	assert_int_equal(rig_dropped(rig, MR_REASON_WEBHOOK_GONE), 13);
	assert_false(told(rig, MR_TO_STEWARD_WEBHOOK_GONE, &desc)); // said once
	assert_int_equal(fake_engine.sent, 2);
}

static void day_without_success_ends_a_webhook(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 5);
	struct mr_desc desc;
	uint64_t ran_ns = 0;
	for (; ran_ns < 25 * 3600 * SECOND; ran_ns += SECOND) {
		rig_step(rig, SECOND);
		rig_answer_all(MR_OUTCOME_TIMEOUT, 0);
		if (told(rig, MR_TO_STEWARD_WEBHOOK_GONE, &desc))
			break;
	}
	assert_in_range(ran_ns / SECOND, 24 * 3600, 24 * 3600 + 601);
	rig_run(rig, 20 * MS, MS);
	assert_int_equal(rig_dropped(rig, MR_REASON_WEBHOOK_GONE), 5);
}

static void idle_webhook_gets_a_signed_heartbeat(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 2));
	rig_tune(rig)->heartbeat_ns = 100 * SECOND;
	rig_retune(rig);
	rig_run(rig, 99 * SECOND, SECOND);
	assert_int_equal(fake_engine.sent, 0);
	rig_run(rig, 3 * SECOND, SECOND);
	assert_int_equal(fake_engine.sent, 1);
	assert_int_equal(fake_engine_oldest()->length, 13);
	assert_memory_equal(fake_engine_oldest()->request.body, "{\"events\":[]}", 13);
	rig_check_signature(fake_engine_oldest(), RIG_SECRET, sizeof(RIG_SECRET) - 1);
	rig_answer_all(MR_OUTCOME_STATUS, 500);
	rig_run(rig, 2 * SECOND, 100 * MS);
	assert_int_equal(fake_engine.sent, 2); // a failed one is tried again, like a batch
	rig_answer_all(MR_OUTCOME_OK, 200);
	rig_run(rig, 98 * SECOND, SECOND);
	assert_int_equal(fake_engine.sent, 2);
	rig_run(rig, 5 * SECOND, SECOND);
	assert_int_equal(fake_engine.sent, 3);
}

static void hold_messages_survive_a_full_ring(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_tune(rig)->penalised_max = 2;
	rig_retune(rig);
	for (uint64_t object = 1; object <= 12; object++)
		for (uint32_t i = 0; i < 3; i++)
			rig_match(rig, 1, rig_event(rig, object), object, true);
	uint64_t seen = 0;
	for (uint32_t i = 0; i < 20; i++) {
		struct mr_desc desc;
		rig_step(rig, MS / 10);
		while (mr_ring_pop_burst(rig->hold_msgs, &desc, 1) == 1) {
			struct mr_hold_msg msg = mr_desc_to(struct mr_hold_msg, desc);
			assert_int_equal(msg.kind, MR_HOLD);
			assert_int_equal(msg.lane, 1);
			assert_int_equal(seen & UINT64_C(1) << msg.object, 0); // once
			seen |= UINT64_C(1) << msg.object;
		}
	}
	assert_int_equal(seen, 0x1ffe);
	rig_run(rig, 60 * MS, MS);
	rig_answer_all(MR_OUTCOME_STATUS, 503); // a lane that fails holds nobody
	uint64_t released = 0;
	for (uint32_t i = 0; i < 20; i++) {
		struct mr_desc desc;
		rig_step(rig, MS / 10);
		while (mr_ring_pop_burst(rig->hold_msgs, &desc, 1) == 1) {
			struct mr_hold_msg msg = mr_desc_to(struct mr_hold_msg, desc);
			assert_int_equal(msg.kind, MR_RELEASE);
			released |= UINT64_C(1) << msg.object;
		}
	}
	assert_int_equal(released, seen);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_HOLDS), 12);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_RELEASES), 12);
}

static void blocked_lanes_take_turns_at_their_endpoint(void **state)
{
	struct rig *rig = *state;
	for (uint32_t lane = 1; lane <= 5; lane++) {
		struct mr_webhook *webhook = rig_webhook(rig, lane, 2);
		webhook->port = 8000; // one endpoint
		rig_add(rig, webhook);
	}
	fake_engine.slots_max = 1;
	rig_step(rig, MS);
	for (uint32_t lane = 1; lane <= 5; lane++)
		for (uint64_t object = 0; object < 2; object++)
			rig_deliver(rig, lane, object + 4, 400);
	rig_run(rig, 60 * MS, MS);
	assert_true(mr_delivery_next_due(rig->delivery) <= rig->now.mono_ns + 12 * MS);
	for (uint32_t round = 0; round < 10; round++) {
		assert_int_equal(fake_engine_waiting(), 1);
		rig_answer_all(MR_OUTCOME_OK, 200);
		rig_run(rig, 3 * MS, MS); // the next one starts without waiting for the poll
	}
	for (uint32_t lane = 1; lane <= 5; lane++)
		assert_true(mr_read(&rig->rows[lane].delivered) >= 300);
}

static void board_shows_what_is_needed_until_it_settles(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_step(rig, MS);
	assert_int_equal(atomic_load(&rig->board.floor[RIG_SHARD_STREAM]), UINT64_MAX);
	mr_position position = rig_event(rig, 7);
	rig_match(rig, 1, position, 7, false);
	rig_step(rig, MS);
	assert_int_equal(atomic_load(&rig->board.taken[0]), 1);
	assert_true(
		atomic_load(&rig->board.floor[RIG_SHARD_STREAM]) <= mr_position_offset(position));
	assert_int_equal(atomic_load(&rig->board.floor[RIG_OWN_STREAM]), UINT64_MAX);
	rig_run(rig, 60 * MS, MS);
	assert_true(
		atomic_load(&rig->board.floor[RIG_SHARD_STREAM]) <= mr_position_offset(position));
	rig_answer_all(MR_OUTCOME_OK, 200);
	rig_run(rig, 2 * MS, MS);
	assert_int_equal(atomic_load(&rig->board.floor[RIG_SHARD_STREAM]), UINT64_MAX);
}

static void hung_webhook_is_behind_after_a_second(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 500);
	rig_run(rig, 900 * MS, 10 * MS);
	assert_int_not_equal(atomic_load(&rig->board.floor[RIG_SHARD_STREAM]), UINT64_MAX);
	rig_run(rig, 200 * MS, 10 * MS);
	assert_int_equal(atomic_load(&rig->board.floor[RIG_SHARD_STREAM]), UINT64_MAX);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_LANES_BEHIND), 1);
	assert_int_equal(mr_read(&rig->rows[1].flags), 3);
	for (uint32_t i = 0; i < 10; i++) {
		rig_answer_all(MR_OUTCOME_OK, 200);
		rig_run(rig, 60 * MS, 10 * MS);
	}
	assert_int_equal(rig_counter(rig, MR_DELIVERY_LANES_BEHIND), 0);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DELIVERED), 500);
}

static void progress_is_recorded_for_lanes_that_changed(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 2));
	rig_add(rig, rig_webhook(rig, 2, 2));
	rig_deliver(rig, 2, 7, 3);
	rig_run(rig, 60 * MS, MS);
	rig_answer_all(MR_OUTCOME_OK, 200);
	rig_step(rig, MS);
	uint64_t before = atomic_load(&rig->own_stream.tail);
	rig_run(rig, 150 * MS, MS);
	struct mr_record_progress progress;
	assert_int_equal(atomic_load(&rig->own_stream.tail) - before, sizeof(progress));
	mr_stream_copy_own(&rig->own_stream, before, &progress, sizeof(progress));
	assert_int_equal(progress.record.kind, MR_RECORD_PROGRESS);
	assert_int_equal(progress.webhook, 5002);
	assert_int_equal(progress.settled_number, 1);
	assert_int_equal(progress.sublane, 1);
	assert_int_equal(progress.status, 200);
	assert_int_equal(progress.failing_since_ns, 0);
	rig_run(rig, SECOND, 10 * MS);
	assert_int_equal(atomic_load(&rig->own_stream.tail) - before, sizeof(progress));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			failing_lane_has_one_probe_then_ramps, setup, teardown),
		cmocka_unit_test_setup_teardown(
			batches_that_became_durable_wait_while_the_lane_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(
			one_of_the_waiting_batches_becomes_the_probe, setup, teardown),
		cmocka_unit_test_setup_teardown(retry_after_postpones_the_probe, setup, teardown),
		cmocka_unit_test_setup_teardown(handshake_must_echo_exactly, setup, teardown),
		cmocka_unit_test_setup_teardown(known_secret_needs_no_handshake, setup, teardown),
		cmocka_unit_test_setup_teardown(
			removed_webhook_counts_its_entries, setup, teardown),
		cmocka_unit_test_setup_teardown(
			message_sent_before_a_number_was_given_anew_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(
			webhook_that_is_added_again_uses_no_id_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(
			number_of_a_removed_webhook_is_used_again_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(gone_410_disables, setup, teardown),
		cmocka_unit_test_setup_teardown(
			day_without_success_ends_a_webhook, setup, teardown),
		cmocka_unit_test_setup_teardown(
			idle_webhook_gets_a_signed_heartbeat, setup, teardown),
		cmocka_unit_test_setup_teardown(hold_messages_survive_a_full_ring, setup, teardown),
		cmocka_unit_test_setup_teardown(
			blocked_lanes_take_turns_at_their_endpoint, setup, teardown),
		cmocka_unit_test_setup_teardown(
			board_shows_what_is_needed_until_it_settles, setup, teardown),
		cmocka_unit_test_setup_teardown(
			hung_webhook_is_behind_after_a_second, setup, teardown),
		cmocka_unit_test_setup_teardown(
			progress_is_recorded_for_lanes_that_changed, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
