// Random bans, unbans and purges over lanes under load, against a model of what may be sent.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "delivery_rig.h"
#include "rng.h"

enum { EVENTS_MAX = 6000, WEBHOOKS = 3, OBJECTS = 6, APPS = 3 };

struct event {
	uint8_t lane, object, app;
	bool sent; // at least once
	bool done; // answered with 2xx
	bool purged; // if it was not sent by then
};

static struct {
	struct rig *rig;
	struct mr_rng rng;
	struct event events[EVENTS_MAX + 1]; // by number
	uint32_t count;
	bool apps[APPS], objects[OBJECTS + 1]; // banned, and in force
	uint64_t seen; // requests
	uint64_t last[WEBHOOKS + 1][OBJECTS + 1]; // number sent first
	uint64_t held_most;
} model;

static bool is_banned(const struct event *event)
{
	return model.apps[event->app] || model.objects[event->object];
}

static uint64_t numbers[MR_BATCH_EVENTS_MAX];

// What was sent since the last look.
static void look(void)
{
	for (uint32_t i = 0; i < FAKE_REQUESTS_MAX; i++) {
		const struct fake_request *request = &fake_engine.requests[i];
		if (!request->sent || request->order <= model.seen)
			continue;
		uint32_t count = rig_parse(request, numbers, MR_BATCH_EVENTS_MAX);
		for (uint32_t k = 0; k < count; k++) {
			struct event *event = &model.events[numbers[k]];
			if (event->sent)
				continue;
			uint64_t *last = &model.last[event->lane][event->object];
			assert_false(is_banned(event));
			assert_false(event->purged);
			assert_true(numbers[k] > *last);
			*last = numbers[k];
			event->sent = true;
		}
	}
	model.seen = fake_engine.order;
}

static void step(uint64_t later_ns)
{
	struct rig *rig = model.rig;
	rig_step(rig, later_ns);
	look();
	char why[256];
	if (!mr_delivery_audit(rig->delivery, why, sizeof(why)))
		fail_msg("%s", why);
	if (rig->delivery->lanes.held > model.held_most)
		model.held_most = rig->delivery->lanes.held;
	for (struct mr_desc word; mr_ring_pop_burst(rig->hold_msgs, &word, 1) == 1;)
		continue;
}

static void answer(bool ok)
{
	struct fake_request *request = fake_engine_oldest();
	if (request == NULL)
		return;
	uint32_t count = rig_parse(request, numbers, MR_BATCH_EVENTS_MAX);
	for (uint32_t k = 0; k < count && ok; k++) {
		assert_false(model.events[numbers[k]].done);
		model.events[numbers[k]].done = true;
	}
	fake_engine_answer(request, ok ? MR_OUTCOME_OK : MR_OUTCOME_STATUS, ok ? 200 : 503);
}

static void match(void)
{
	struct rig *rig = model.rig;
	if (model.count == EVENTS_MAX)
		return;
	struct event *event = &model.events[++model.count];
	assert_int_equal(rig->sequence, model.count);
	*event = (struct event){.lane = (uint8_t)(1 + mr_rng_below(&model.rng, WEBHOOKS)),
		.object = (uint8_t)(1 + mr_rng_below(&model.rng, OBJECTS)),
		.app = (uint8_t)mr_rng_below(&model.rng, APPS)};
	rig->app = event->app;
	bool marked = event->object == 2 && mr_rng_below(&model.rng, 3) > 0;
	rig_match(rig, event->lane, rig_event(rig, event->object), event->object, marked);
}

// A rule binds when it is in force, and what is lifted binds no longer once that was asked for.
static void set_rule(enum mr_scope_kind kind, uint64_t id, bool banned)
{
	struct rig *rig = model.rig;
	bool *rule = kind == MR_SCOPE_APP ? &model.apps[id] : &model.objects[id];
	rig->messages_count = WEBHOOKS + 1;
	const struct mr_steward_msg *msg = banned
		? rig_ban(rig, kind, id, mr_rng_below(&model.rng, 2) ? MR_BAN_DROP : MR_BAN_HOLD)
		: rig_unban(rig, kind, id);
	*rule = *rule && banned;
	for (uint32_t i = 0; !rig_is_in_force(rig, msg); i++) {
		assert_in_range(i, 0, 1000);
		rig->durable = mr_rng_below(&model.rng, 2) == 0;
		step(MS);
	}
	*rule = banned;
}

static void purge(enum mr_scope_kind kind, uint64_t id)
{
	struct rig *rig = model.rig;
	rig->durable = true;
	rig->answer = MR_READ_HIT;
	rig->messages_count = WEBHOOKS + 1;
	uint64_t before = rig_dropped(rig, MR_REASON_PURGED);
	step(0); // all that was matched is in lanes
	const struct mr_survey_part *part = rig_survey(rig, kind, id, MR_REASON_PURGED);
	look();
	assert_int_equal(part->deliveries, rig_dropped(rig, MR_REASON_PURGED) - before);
	uint64_t dropped = 0;
	for (uint32_t i = 1; i <= model.count; i++) {
		struct event *event = &model.events[i];
		bool of = kind == MR_SCOPE_APP ? event->app == id : event->object == id;
		dropped += of && !event->sent && !event->purged;
		event->purged = event->purged || (of && !event->sent);
	}
	assert_int_equal(dropped, part->deliveries);
}

static void act(void)
{
	bool by_app = mr_rng_below(&model.rng, 2) == 0;
	enum mr_scope_kind kind = by_app ? MR_SCOPE_APP : MR_SCOPE_OBJECT;
	uint64_t id =
		by_app ? mr_rng_below(&model.rng, APPS) : 1 + mr_rng_below(&model.rng, OBJECTS / 2);
	uint64_t what = mr_rng_below(&model.rng, 8);
	if (what == 0)
		purge(kind, id);
	else
		set_rule(kind, id, what < 5);
}

static void live(void)
{
	struct rig *rig = model.rig;
	while (model.count < EVENTS_MAX) {
		for (uint64_t i = mr_rng_below(&model.rng, 40); i > 0; i--)
			match();
		rig->answer = mr_rng_below(&model.rng, 4) == 0 ? MR_READ_WAIT : MR_READ_HIT;
		rig->overwritten = mr_rng_below(&model.rng, 3) == 0;
		rig->durable = mr_rng_below(&model.rng, 3) > 0;
		rig->budget = mr_rng_below(&model.rng, 3) == 0 ? 20 : 100000;
		if (mr_rng_below(&model.rng, 10) == 0)
			act();
		step(mr_rng_below(&model.rng, 30) * MS);
		if (mr_rng_below(&model.rng, 2) == 0)
			answer(mr_rng_below(&model.rng, 10) > 0);
	}
}

// All rules are lifted: what was not purged is delivered.
static void settle(void)
{
	struct rig *rig = model.rig;
	for (uint64_t id = 0; id < APPS; id++)
		set_rule(MR_SCOPE_APP, id, false);
	for (uint64_t id = 1; id <= OBJECTS; id++)
		set_rule(MR_SCOPE_OBJECT, id, false);
	rig->answer = MR_READ_HIT;
	rig->overwritten = false;
	rig->durable = true;
	rig->budget = 100000;
	for (uint32_t i = 0; rig->delivery->lanes.pending > 0; i++) {
		assert_in_range(i, 0, 20000);
		step(20 * MS);
		answer(true);
	}
	for (uint32_t i = 1; i <= model.count; i++) {
		const struct event *event = &model.events[i];
		assert_true(event->done != (event->purged && !event->sent));
	}
	assert_int_equal(rig->delivery->lanes.held_objects.table.count, 0);
	assert_int_equal(rig_dropped(rig, MR_REASON_EXPIRED), 0);
}

static void run(bool on_disk, uint64_t seeds)
{
	uint64_t held = 0, voided = 0, purged = 0;
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		memset(&model, 0, sizeof(model));
		mr_rng_seed(&model.rng, seed);
		model.rig = on_disk ? rig_new_on_disk(seed % 2 == 0 ? 2048 : 40000) : rig_new();
		struct mr_tune *tune = rig_tune(model.rig);
		tune->batch_events_max = 60;
		tune->retry_cap_ns = SECOND;
		rig_retune(model.rig);
		for (uint32_t lane = 1; lane <= WEBHOOKS; lane++)
			rig_add(model.rig, rig_webhook(model.rig, lane, lane));
		live();
		settle();
		held += model.held_most;
		voided += rig_counter(model.rig, MR_DELIVERY_VOIDED);
		purged += rig_dropped(model.rig, MR_REASON_PURGED);
		rig_free(model.rig);
	}
	assert_true(held > 100 * seeds && voided > 0 && purged > 100 * seeds); // it did happen
}

static void random_acts_never_differ_from_the_model_in_memory(void **state)
{
	(void)state;
	run(false, 8);
}

static void random_acts_never_differ_from_the_model_on_disk(void **state)
{
	(void)state;
	run(true, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_acts_never_differ_from_the_model_in_memory),
		cmocka_unit_test(random_acts_never_differ_from_the_model_on_disk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
