// The whole stage under random traffic, endpoints, readers, budgets and webhooks that come and go:
// the ledger balances at every moment, per object nothing is delivered twice or out of order, and
// in the end nothing is pending.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "delivery_rig.h"
#include "mr_assert.h"

enum { LANES = 5, OBJECTS = 24, EVENTS_MAX = 60000, ROUNDS = 3000 };

struct run {
	struct rig *rig;
	struct mr_rng rng;
	struct mr_webhook *webhooks[LANES];
	uint64_t last[LANES][OBJECTS + 1]; // number of the last one delivered
	uint64_t delivered;
	uint8_t object_of[EVENTS_MAX];
	uint32_t hung_lane;
};

static void check(struct run *run)
{
	char why[256];
	if (!mr_delivery_audit(run->rig->delivery, why, sizeof(why)))
		fail_msg("%s", why);
	assert_int_equal(rig_counter(run->rig, MR_DELIVERY_DELIVERED), run->delivered);
}

static void come_or_go(struct run *run)
{
	uint32_t lane = (uint32_t)mr_rng_below(&run->rng, LANES);
	if (run->webhooks[lane] != NULL) {
		rig_remove(run->rig, run->webhooks[lane]);
		run->webhooks[lane] = NULL;
		memset(run->last[lane], 0, sizeof(run->last[lane]));
		return;
	}
	struct mr_webhook *webhook = rig_webhook(
		run->rig, lane, 1 + (uint32_t)mr_rng_below(&run->rng, MR_IN_FLIGHT_MAX));
	snprintf(webhook->path, sizeof(webhook->path), "/%u", lane);
	run->webhooks[lane] = webhook;
	rig_add(run->rig, webhook);
}

static void traffic(struct run *run)
{
	uint64_t count = mr_rng_below(&run->rng, 40);
	for (; count > 0 && run->rig->sequence < EVENTS_MAX; count--) {
		uint64_t object = 1 + mr_rng_below(&run->rng, OBJECTS);
		run->object_of[run->rig->sequence] = (uint8_t)object;
		mr_position position = rig_event(run->rig, object);
		bool marked = mr_rng_chance(&run->rng, (uint32_t)object, 60);
		for (uint32_t lane = 0; lane < LANES; lane++)
			if (mr_rng_chance(&run->rng, 2, 3))
				rig_match(run->rig, lane, position, object, marked);
	}
}

// What a receiver sees of a batch that it accepts.
static void receive(struct run *run, const struct fake_request *request)
{
	static uint64_t numbers[MR_BATCH_EVENTS_MAX];
	uint32_t lane = (uint32_t)strtoul(request->path + 1, NULL, 10);
	uint32_t count = rig_parse(request, numbers, MR_BATCH_EVENTS_MAX);
	rig_check_signature(request, RIG_SECRET, sizeof(RIG_SECRET) - 1);
	run->delivered += count;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t *last = &run->last[lane][run->object_of[numbers[i]]];
		if (run->webhooks[lane] == NULL)
			continue; // removed while it was on the wire
		assert_true(numbers[i] > *last);
		*last = numbers[i];
	}
}

static void answer(struct run *run, bool all_well)
{
	struct fake_request *request = fake_engine_oldest();
	if (request == NULL)
		return;
	if (!all_well && strtoul(request->path + 1, NULL, 10) == run->hung_lane) {
		fake_engine_answer(request, MR_OUTCOME_TIMEOUT, 0);
	} else if (all_well || mr_rng_chance(&run->rng, 9, 10)) {
		receive(run, request);
		fake_engine_answer(request, MR_OUTCOME_OK, 200);
	} else {
		static const uint16_t statuses[] = {301, 404, 429, 500, 503};
		fake_engine_answer(
			request, MR_OUTCOME_STATUS, statuses[mr_rng_below(&run->rng, 5)]);
	}
}

static void forget_holds(struct run *run)
{
	struct mr_desc desc;
	while (mr_ring_pop_burst(run->rig->hold_msgs, &desc, 1) == 1)
		;
}

static void ledger_balances_under_random_outcomes(void **state)
{
	static struct run run;
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		run = (struct run){.rig = rig_new()};
		mr_rng_seed(&run.rng, seed);
		struct mr_tune *tune = rig_tune(run.rig);
		tune->penalised_max = 20;
		tune->batch_events_max = 60;
		tune->batch_bytes_max = 9000;
		rig_retune(run.rig);
		uint32_t changes = 0;
		for (uint32_t round = 0; round < ROUNDS; round++) {
			if (changes < 50 && mr_rng_chance(&run.rng, round < 20 ? 10 : 1, 60)) {
				come_or_go(&run);
				changes++;
			}
			if (round % 500 == 0)
				run.hung_lane = (uint32_t)mr_rng_below(&run.rng, LANES);
			traffic(&run);
			run.rig->budget = 1 + (uint32_t)mr_rng_below(&run.rng, 400);
			run.rig->durable = mr_rng_chance(&run.rng, 3, 4);
			run.rig->overwritten = mr_rng_chance(&run.rng, 1, 10);
			run.rig->answer =
				mr_rng_chance(&run.rng, 1, 20) ? MR_READ_GONE : MR_READ_WAIT;
			fake_engine.slots_max = 1 + (uint32_t)mr_rng_below(&run.rng, 20);
			rig_step(run.rig, mr_rng_below(&run.rng, 20 * MS));
			for (uint64_t n = mr_rng_below(&run.rng, 6); n > 0; n--)
				answer(&run, false);
			forget_holds(&run);
			if (round % 16 == 0) {
				run.rig->budget =
					1000000; // answers are judged before they are compared
				rig_step(run.rig, 0);
				check(&run);
			}
		}
		run.rig->overwritten = false;
		run.rig->durable = true;
		fake_engine.slots_max = FAKE_REQUESTS_MAX;
		for (uint32_t i = 0; i < 4000; i++) {
			rig_step(run.rig, SECOND);
			forget_holds(&run);
			for (uint32_t n = 0; n < 40; n++)
				answer(&run, true);
		}
		rig_step(run.rig, 0);
		check(&run);
		assert_int_equal(rig_counter(run.rig, MR_DELIVERY_PENDING), 0);
		assert_true(run.delivered > 20000);
		assert_true(rig_dropped(run.rig, MR_REASON_WEBHOOK_GONE) > 0);
		assert_true(rig_dropped(run.rig, MR_REASON_EXPIRED) > 0);
		assert_int_equal(run.rig->delivery->lanes.pool.used, 0);
		assert_int_equal(run.rig->delivery->lanes.penalised.table.count, 0);
		assert_int_equal(atomic_load(&run.rig->board.floor[RIG_SHARD_STREAM]), UINT64_MAX);
		assert_int_equal(mr_expect_failures(), 0);
		rig_free(run.rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ledger_balances_under_random_outcomes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
