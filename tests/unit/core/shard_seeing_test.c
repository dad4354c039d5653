// What shards say of an event that nobody has sent, and of the events of an object that is
// followed.
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "shard_rig.h"

enum { OBJECT = 42, PARENT = 43, GRAND = 44, BOUND = 8 };

static struct rig rig;
static struct mr_explain explain;
static alignas(8) uint8_t bytes[4096];

// The task reaches its parent, by that the grandparent and itself again, and the parent once more.
static const struct rig_event task = {
	.object = OBJECT,
	.workspace = 31,
	.database = 32,
	.ancestors = 4,
	.gids = {PARENT, GRAND, OBJECT, PARENT},
	.via = {MR_VIA_OBJECT, 0, 0, 1},
};

static int teardown(void **state)
{
	(void)state;
	rig.journal_stopped = false;
	rig_run(&rig, 20);
	rig_close(&rig);
	return 0;
}

static void open_rig(uint32_t shards)
{
	const struct rig_options options = {
		.shards = shards,
		.shows_activity = true,
		.limits = {.object_queue_events = BOUND},
	};
	rig_open(&rig, &options);
	rig_session(&rig, 0);
}

// Asks every shard, as the steward does.
static const struct mr_control_explained *ask(const struct rig_event *event)
{
	explain = (struct mr_explain){
		.event = bytes,
		.event_bytes = (uint32_t)rig_encode(event, bytes, sizeof(bytes)),
		.app = RIG_APP,
	};
	for (uint32_t i = 0; i < rig.options.shards; i++) {
		memset(rig.message, 0, sizeof(*rig.message));
		rig.message->kind = MR_STEWARD_EXPLAIN;
		rig.message->explain = &explain;
		explain.shard = i;
		rig_tell(&rig);
	}
	return &explain.answer;
}

static const struct mr_explain_webhook *find(uint64_t webhook, uint8_t ancestor)
{
	static const struct mr_explain_webhook none;
	for (uint32_t i = 0; i < explain.answer.webhooks_count; i++) {
		const struct mr_explain_webhook *row = &explain.answer.webhooks[i];
		if (row->webhook == webhook && row->ancestor == ancestor)
			return row;
	}
	return &none;
}

static void subscribe_to_stories(uint64_t id, uint64_t resource)
{
	static struct mr_webhook webhook;
	webhook.id = id;
	webhook.resource = resource;
	webhook.lane = (uint32_t)id;
	webhook.filters_count = 1;
	memcpy(webhook.filters[0].type, "story", sizeof("story"));
	rig_webhook(&rig, &webhook);
}

static void every_webhook_on_the_way_says_why(void **state)
{
	(void)state;
	open_rig(3);
	rig_subscribe(&rig, 1, OBJECT);
	rig_subscribe(&rig, 2, PARENT);
	rig_subscribe(&rig, 3, GRAND);
	subscribe_to_stories(9, PARENT);
	const struct mr_control_explained *answer = ask(&task);
	assert_int_equal(answer->result, 0);
	assert_int_equal(answer->reason, MR_REASON_OK);
	assert_int_equal(answer->shard, rig_owner(&rig, OBJECT));
	assert_int_equal(answer->flow, rig_flow(&rig, OBJECT));
	assert_int_equal(answer->hops, 3);
	assert_int_equal(answer->webhooks_count, 7); // the parent is named twice, the task too
	assert_int_equal(find(1, MR_VIA_OBJECT)->why, MR_EXPLAIN_WANTED);
	assert_int_equal(find(2, 0)->why, MR_EXPLAIN_WANTED);
	assert_int_equal(find(9, 0)->why, MR_EXPLAIN_FILTERED);
	assert_int_equal(find(3, 1)->why, MR_EXPLAIN_WANTED);
	assert_int_equal(find(1, 2)->why, MR_EXPLAIN_CUT_CYCLE);
	assert_int_equal(find(2, 3)->why, MR_EXPLAIN_CUT_CYCLE);
	assert_int_equal(find(9, 3)->why, MR_EXPLAIN_CUT_CYCLE);
	assert_int_equal(find(2, 0)->resource, PARENT);
	assert_int_equal(find(9, 0)->lane, 9);
	const struct rig_event twice = {
		.object = OBJECT,
		.ancestors = 2,
		.gids = {PARENT, PARENT},
		.via = {MR_VIA_OBJECT, MR_VIA_OBJECT},
	};
	(void)ask(&twice);
	assert_int_equal(find(2, 1)->why, MR_EXPLAIN_CUT_DIAMOND);
}

static void what_is_told_comes_true(void **state)
{
	(void)state;
	open_rig(2);
	rig_subscribe(&rig, 1, OBJECT);
	rig_subscribe(&rig, 3, GRAND);
	subscribe_to_stories(9, PARENT);
	(void)ask(&task);
	rig_send(&rig, 1, &task, 1);
	rig_run(&rig, 10);
	static const uint64_t webhooks[] = {1, 3, 9};
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t wanted = 0;
		for (uint32_t row = 0; row < explain.answer.webhooks_count; row++)
			wanted += explain.answer.webhooks[row].webhook == webhooks[i]
				&& explain.answer.webhooks[row].why == MR_EXPLAIN_WANTED;
		assert_int_equal(rig_heard(&rig, (uint32_t)webhooks[i]), wanted);
	}
	assert_int_equal(rig_total(&rig, MR_SHARD_HOPS), explain.answer.hops);
}

static void asking_changes_nothing(void **state)
{
	(void)state;
	open_rig(2);
	rig_subscribe(&rig, 1, OBJECT);
	rig_run(&rig, 3);
	static struct mr_stats_stage before;
	const uint32_t owner = rig_owner(&rig, OBJECT);
	memcpy(&before, &rig.stats[owner], sizeof(before));
	(void)ask(&task);
	assert_memory_equal(before.counters, rig.stats[owner].counters, sizeof(before.counters));
	assert_memory_equal(before.reasons, rig.stats[owner].reasons, sizeof(before.reasons));
	assert_int_equal(mr_read(&rig.scopes[MR_LEDGER_SCOPES_MAX].id), 0); // no row was claimed
	assert_int_equal(rig_heard(&rig, 1), 0);
}

static void a_full_object_would_be_refused(void **state)
{
	(void)state;
	open_rig(1);
	rig.journal_stopped = true;
	rig_send(&rig, 1, &task, BOUND);
	rig_step(&rig);
	const struct mr_control_explained *answer = ask(&task);
	assert_int_equal(answer->reason, MR_REASON_OBJECT_FULL);
	assert_int_equal(answer->scope.kind, MR_SCOPE_OBJECT);
	assert_int_equal(answer->scope.id, OBJECT);
	assert_int_equal(answer->object_events, BOUND);
	assert_int_equal(rig_reason(&rig, MR_REASON_OBJECT_FULL), 0);
	assert_int_equal(rig.sheds, 0);
}

static struct mr_ban_rule rule(enum mr_ban_mode mode, enum mr_scope_kind kind, uint64_t id)
{
	return (struct mr_ban_rule){
		.scope = {.id = id, .kind = kind}, .mode = mode, .rate = mode == MR_BAN_THROTTLE};
}

static void what_operators_have_stopped_is_named(void **state)
{
	(void)state;
	open_rig(1);
	const struct mr_control_explained *answer;
	rig_ban(&rig, rule(MR_BAN_HOLD, MR_SCOPE_APP, RIG_APP));
	answer = ask(&task);
	assert_int_equal(answer->reason, MR_REASON_OK);
	assert_int_equal(answer->object_held, 1);
	assert_int_equal(answer->scope.kind, MR_SCOPE_APP);
	rig_ban(&rig, rule(MR_BAN_THROTTLE, MR_SCOPE_DATABASE, 32));
	answer = ask(&task);
	assert_int_equal(answer->reason, MR_REASON_THROTTLED);
	assert_int_equal(answer->scope.kind, MR_SCOPE_DATABASE);
	assert_int_equal(mr_read(&rig.throttles[0].wanted[MR_SCOPE_DATABASE]), 0); // no demand
	rig_ban(&rig, rule(MR_BAN_DROP, MR_SCOPE_WORKSPACE, 31));
	answer = ask(&task);
	assert_int_equal(answer->reason, MR_REASON_BANNED);
	assert_int_equal(answer->scope.kind, MR_SCOPE_WORKSPACE);
	assert_int_equal(answer->scope.id, 31);
	rig_stop(&rig, MR_PAUSE_INGEST);
	answer = ask(&task);
	assert_int_equal(answer->reason, MR_REASON_PAUSED);
	rig_stop(&rig, 0);
}

static void follow(uint64_t object)
{
	memset(rig.message, 0, sizeof(*rig.message));
	rig.message->kind = MR_STEWARD_TAP;
	rig.message->tap.count = object != 0;
	rig.message->tap.objects[0] = object;
	rig_tell(&rig);
}

static uint32_t count_steps(enum mr_tap_step step)
{
	uint32_t count = 0;
	for (uint32_t shard = 0; shard < rig.options.shards; shard++)
		for (uint32_t i = 0; i < MR_TAP_ROWS; i++)
			count += (mr_read(&rig.taps[shard].rows[i].what) & 0xff) == step;
	return count;
}

static void a_followed_object_leaves_its_steps(void **state)
{
	(void)state;
	open_rig(2);
	rig_subscribe(&rig, 1, OBJECT);
	rig_subscribe(&rig, 2, OBJECT);
	rig_subscribe(&rig, 3, GRAND);
	follow(OBJECT);
	const struct rig_event other = {.object = 7};
	rig_send(&rig, 1, &task, 2);
	if (rig_flow(&rig, 7) != rig_flow(&rig, OBJECT))
		rig_send(&rig, 1, &other, 2);
	rig_run(&rig, 10);
	assert_int_equal(count_steps(MR_TAP_ACCEPTED), 2);
	assert_int_equal(count_steps(MR_TAP_DISTRIBUTED), 2);
	assert_int_equal(count_steps(MR_TAP_MATCHED), 6);
	const uint32_t owner = rig_owner(&rig, OBJECT);
	const struct mr_stats_tap *row = &rig.taps[owner].rows[1];
	assert_int_equal(mr_read(&row->number), 1);
	assert_int_equal(mr_read(&row->object), OBJECT);
	assert_int_equal(mr_read(&row->app), RIG_APP);
	assert_int_equal(mr_read(&row->sequence), 1);
	assert_true(mr_read(&row->position) != 0 && mr_read(&row->at_ns) != 0);
	follow(0);
	rig_send(&rig, 3, &task, 2);
	rig_run(&rig, 10);
	assert_int_equal(count_steps(MR_TAP_ACCEPTED), 2);
}

static void refusals_and_holds_are_steps_too(void **state)
{
	(void)state;
	open_rig(1);
	follow(OBJECT);
	rig_ban(&rig, rule(MR_BAN_HOLD, MR_SCOPE_OBJECT, OBJECT));
	rig_send(&rig, 1, &task, BOUND + 3);
	rig_run(&rig, 10);
	assert_int_equal(count_steps(MR_TAP_ACCEPTED), BOUND);
	assert_int_equal(count_steps(MR_TAP_REFUSED), 3);
	assert_int_equal(count_steps(MR_TAP_HELD), BOUND);
	assert_int_equal(count_steps(MR_TAP_DISTRIBUTED), 0);
	const struct mr_stats_tap *row = &rig.taps[0].rows[BOUND + 1];
	assert_int_equal(
		mr_read(&row->what), MR_TAP_REFUSED | (uint64_t)MR_REASON_OBJECT_FULL << 16);
	assert_int_equal(mr_read(&row->sequence), BOUND + 1);
	assert_int_equal(mr_read(&row->position), 0);
	rig_unban(&rig, (struct mr_scope){.id = OBJECT, .kind = MR_SCOPE_OBJECT});
}

#define IN_A_RIG(test) cmocka_unit_test_teardown(test, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_RIG(every_webhook_on_the_way_says_why),
		IN_A_RIG(what_is_told_comes_true),
		IN_A_RIG(asking_changes_nothing),
		IN_A_RIG(a_full_object_would_be_refused),
		IN_A_RIG(what_operators_have_stopped_is_named),
		IN_A_RIG(a_followed_object_leaves_its_steps),
		IN_A_RIG(refusals_and_holds_are_steps_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
