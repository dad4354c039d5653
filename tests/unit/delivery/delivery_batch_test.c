// Batches: when they close, what they carry, what must be durable first, and what a second attempt
// looks like.
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

static void batch_closes_by_count(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_tune(rig)->batch_events_max = 10;
	rig_retune(rig);
	rig_deliver(rig, 1, 7, 9);
	rig_run(rig, 10 * MS, MS);
	assert_int_equal(fake_engine.begun, 0); // one short
	rig_deliver(rig, 1, 7, 16);
	rig_run(rig, 5 * MS, MS);
	assert_int_equal(fake_engine_waiting(), 1); // one in flight per sub-lane
	assert_int_equal(rig_parse(fake_engine_oldest(), numbers, 1000), 10);
	rig_answer_all(MR_OUTCOME_OK, 200);
	rig_run(rig, 5 * MS, MS);
	assert_int_equal(rig_parse(fake_engine_oldest(), numbers, 1000), 10);
	rig_answer_all(MR_OUTCOME_OK, 200);
	rig_run(rig, 5 * MS, MS);
	assert_int_equal(fake_engine_waiting(), 0); // five are left: they wait for their age
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DELIVERED), 20);
}

static void batch_closes_by_bytes_never_over(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_tune(rig)->batch_bytes_max = 8000;
	rig_retune(rig);
	rig_deliver(rig, 1, 7, 300);
	uint32_t got = 0;
	for (uint32_t i = 0; i < 50 && got < 300; i++) {
		rig_run(rig, 3 * MS, MS);
		struct fake_request *request = fake_engine_oldest();
		if (request == NULL)
			break; // the last ones wait for their age
		assert_in_range(request->length, 7500, 8000); // full, and not over
		got += rig_parse(request, numbers, 1000);
		assert_int_equal(
			numbers[0], rig->sequence - 300 + got - rig_parse(request, numbers, 1000));
		rig_answer_all(MR_OUTCOME_OK, 204);
	}
	assert_in_range(got, 250, 300);
}

static void batch_closes_by_age(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_step(rig, MS);
	rig_deliver(rig, 1, 7, 1);
	rig_step(rig, 0);
	uint64_t due_ns = mr_delivery_next_due(rig->delivery);
	assert_in_range(due_ns, rig->now.mono_ns, rig->now.mono_ns + 52 * MS);
	rig_run(rig, 49 * MS, MS);
	assert_int_equal(fake_engine.begun, 0);
	rig_deliver(rig, 1, 7, 2); // the age is that of the oldest
	rig_run(rig, 4 * MS, MS);
	assert_int_equal(fake_engine_waiting(), 1);
	assert_int_equal(rig_parse(fake_engine_oldest(), numbers, 1000), 3);
}

static void attempt_waits_for_durable_batch_record(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig->durable = false;
	mr_position positions[3];
	for (uint32_t i = 0; i < 3; i++) {
		positions[i] = rig_event(rig, 7);
		rig_match(rig, 1, positions[i], 7, false);
	}
	rig_run(rig, 200 * MS, MS);
	assert_int_equal(fake_engine.begun, 1);
	assert_int_equal(fake_engine.sent, 0);
	uint64_t tail = atomic_load(&rig->own_stream.tail);
	assert_int_equal(
		tail - MR_STREAM_START, sizeof(struct mr_record_batch) + sizeof(positions));
	struct mr_record_batch batch;
	mr_stream_copy_own(&rig->own_stream, MR_STREAM_START, &batch, sizeof(batch));
	assert_int_equal(batch.record.kind, MR_RECORD_BATCH);
	assert_int_equal(batch.webhook, 5001);
	assert_int_equal(batch.number, 1);
	assert_int_equal(batch.count, 3);
	mr_position recorded[3];
	mr_stream_copy_own(
		&rig->own_stream, MR_STREAM_START + sizeof(batch), recorded, sizeof(recorded));
	assert_memory_equal(recorded, positions, sizeof(positions));

	atomic_store(&rig->own_stream.watermark, tail - 8); // not the whole of it
	rig_run(rig, 20 * MS, MS);
	assert_int_equal(fake_engine.sent, 0);
	atomic_store(&rig->own_stream.watermark, tail);
	rig_step(rig, MS);
	assert_int_equal(fake_engine.sent, 1);
}

static void resent_batch_has_same_bytes_and_id(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 40);
	rig_match(rig, 1, rig_event(rig, 9), 9, true);
	rig_run(rig, 60 * MS, MS);
	struct fake_request *request = fake_engine_oldest();
	assert_non_null(request);
	size_t length = request->length;
	uint8_t *body = malloc(length);
	memcpy(body, request->request.body, length);
	char id[64];
	snprintf(id, sizeof(id), "%s", rig_header(request, "webhook-id"));
	assert_int_equal(strlen(id), 4 + 32);
	assert_null(strchr(id, '.'));
	for (uint32_t attempt = 0; attempt < 4; attempt++) {
		rig_answer_all(attempt % 2 == 0 ? MR_OUTCOME_RESET : MR_OUTCOME_STATUS, 503);
		rig_deliver(rig, 1, 7, 5); // not part of it any more
		rig_match(rig, 1, rig_event(rig, 9), 9, true);
		rig_run(rig, 30 * SECOND, 100 * MS);
		request = fake_engine_oldest();
		assert_non_null(request);
		assert_int_equal(request->length, length);
		assert_memory_equal(request->request.body, body, length);
		assert_string_equal(rig_header(request, "webhook-id"), id);
		rig_check_signature(request, RIG_SECRET, sizeof(RIG_SECRET) - 1);
	}
	assert_int_equal(rig_counter(rig, MR_DELIVERY_BATCHES), 1); // recorded once
	rig_answer_all(MR_OUTCOME_OK, 200);
	rig_run(rig, 100 * MS, MS);
	request = fake_engine_oldest();
	assert_non_null(request);
	assert_string_not_equal(rig_header(request, "webhook-id"), id);
	assert_int_equal(rig_parse(request, numbers, 1000), 24);
	free(body);
}

static void delivery_is_signed_and_addressed(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 2);
	rig_run(rig, 60 * MS, MS);
	struct fake_request *request = fake_engine_oldest();
	assert_non_null(request);
	assert_string_equal(request->path, "/hook?a=1");
	rig_check_signature(request, RIG_SECRET, sizeof(RIG_SECRET) - 1);
	static const char start[] = "{\"events\":[{\"user\":{\"gid\":\"1\"";
	assert_memory_equal(request->request.body, start, sizeof(start) - 1);
	assert_memory_equal(request->request.body + request->length - 2, "]}", 2);
	assert_int_equal(rig_parse(request, numbers, 1000), 2);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_BODY_BYTES), request->length);
}

static void several_webhooks_share_rendered_events(void **state)
{
	struct rig *rig = *state;
	for (uint32_t lane = 1; lane <= 3; lane++)
		rig_add(rig, rig_webhook(rig, lane, 1));
	for (uint32_t i = 0; i < 50; i++) {
		mr_position position = rig_event(rig, 7);
		for (uint32_t lane = 1; lane <= 3; lane++)
			rig_match(rig, lane, position, 7, false);
	}
	rig_run(rig, 60 * MS, MS);
	assert_int_equal(fake_engine_waiting(), 3);
	struct fake_request *first = fake_engine_oldest();
	for (uint32_t i = 0; i < FAKE_REQUESTS_MAX; i++) {
		const struct fake_request *request = &fake_engine.requests[i];
		if (!request->sent)
			continue;
		assert_int_equal(request->length, first->length);
		assert_memory_equal(request->request.body, first->request.body, first->length);
	}
	assert_in_range(rig_counter(rig, MR_DELIVERY_FRAGMENT_HITS), 90, 100);
	assert_int_equal(rig_answer_all(MR_OUTCOME_OK, 200), 3);
	rig_step(rig, MS);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DELIVERED), 150);
}

static void gone_entry_is_counted_expired(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 30);
	rig_run(rig, 10 * MS, MS);
	rig->overwritten = true;
	rig->answer = MR_READ_GONE;
	rig_run(rig, 60 * MS, MS);
	assert_int_equal(rig_dropped(rig, MR_REASON_EXPIRED), 30);
	assert_int_equal(fake_engine.sent, 0); // there is no empty batch
	assert_int_equal(fake_engine.begun, fake_engine.abandoned);
	rig->overwritten = false;
	rig_deliver(rig, 1, 7, 3); // and the lane goes on
	rig_run(rig, 60 * MS, MS);
	assert_int_equal(rig_parse(fake_engine_oldest(), numbers, 1000), 3);
	rig_answer_all(MR_OUTCOME_OK, 200);
	rig_step(rig, MS);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_DELIVERED), 3);
}

static void attempted_batch_is_dropped_whole_when_an_entry_is_gone(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 600);
	rig_run(rig, 60 * MS, MS);
	uint32_t in_batch = rig_parse(fake_engine_oldest(), numbers, 1000);
	assert_in_range(in_batch, 100, 599); // closed by its bytes
	rig_answer_all(MR_OUTCOME_TIMEOUT, 0);
	for (uint32_t i = 0; i <= rig->delivery->fragments.mask; i++)
		rig->delivery->fragments.slots[i].position = 0;
	rig->overwritten = true;
	rig->answer = MR_READ_GONE;
	rig_run(rig, 30 * SECOND, 100 * MS);
	assert_int_equal(rig_dropped(rig, MR_REASON_EXPIRED), 600);
	assert_int_equal(rig_counter(rig, MR_DELIVERY_PENDING), 0);
	assert_int_equal(fake_engine.sent, 1);
}

static void wait_answer_is_retried(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig_deliver(rig, 1, 7, 20);
	rig_step(rig, MS);
	rig->overwritten = true;
	rig->answer = MR_READ_WAIT;
	rig_run(rig, 100 * MS, MS);
	assert_int_equal(fake_engine.sent, 0);
	assert_int_equal(fake_engine.begun, 1);
	assert_true(rig->fetches > 10);
	assert_in_range(
		mr_delivery_next_due(rig->delivery), rig->now.mono_ns, rig->now.mono_ns + MS);
	rig->answer = MR_READ_HIT;
	rig_run(rig, 3 * MS, MS);
	assert_int_equal(rig_parse(fake_engine_oldest(), numbers, 1000), 20);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(numbers[i], i + 1);
}

static void waiting_lane_message_keeps_its_place(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig->overwritten = true;
	rig->answer = MR_READ_WAIT;
	rig_match(rig, 1, rig_event(rig, 7), 7, false);
	rig_match(rig, 1, rig_event(rig, 7), 7, true); // its object must be read
	rig_match(rig, 1, rig_event(rig, 7), 7, false);
	rig_run(rig, 5 * MS, MS);
	assert_int_equal(
		atomic_load(&rig->board.taken[0]), 1); // what is not in a lane is not taken
	assert_int_equal(rig_counter(rig, MR_DELIVERY_MATCHED), 1);
	rig->overwritten = false;
	rig_run(rig, 100 * MS, MS);
	assert_int_equal(atomic_load(&rig->board.taken[0]), 3);
	assert_int_equal(rig_parse(fake_engine_oldest(), numbers, 1000), 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(numbers[i], i + 1);
}

static void small_budgets_give_the_same_batch(void **state)
{
	struct rig *rig = *state;
	rig_add(rig, rig_webhook(rig, 1, 1));
	rig->budget = 3; // a body is rendered over many steps
	rig_deliver(rig, 1, 7, 100);
	rig_run(rig, 200 * MS, MS);
	rig_check_signature(fake_engine_oldest(), RIG_SECRET, sizeof(RIG_SECRET) - 1);
	assert_int_equal(rig_parse(fake_engine_oldest(), numbers, 1000), 100);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(numbers[i], i + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(batch_closes_by_count, setup, teardown),
		cmocka_unit_test_setup_teardown(batch_closes_by_bytes_never_over, setup, teardown),
		cmocka_unit_test_setup_teardown(batch_closes_by_age, setup, teardown),
		cmocka_unit_test_setup_teardown(
			attempt_waits_for_durable_batch_record, setup, teardown),
		cmocka_unit_test_setup_teardown(
			resent_batch_has_same_bytes_and_id, setup, teardown),
		cmocka_unit_test_setup_teardown(delivery_is_signed_and_addressed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			several_webhooks_share_rendered_events, setup, teardown),
		cmocka_unit_test_setup_teardown(gone_entry_is_counted_expired, setup, teardown),
		cmocka_unit_test_setup_teardown(
			attempted_batch_is_dropped_whole_when_an_entry_is_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(wait_answer_is_retried, setup, teardown),
		cmocka_unit_test_setup_teardown(
			waiting_lane_message_keeps_its_place, setup, teardown),
		cmocka_unit_test_setup_teardown(small_budgets_give_the_same_batch, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
