// What operators have stopped: at the door of a shard, in its queues, and when it ends.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <millrace/scope.h>

#include "hash.h"
#include "shard_rig.h"

enum { OTHER_APP = 701, USER = 50, PARENT = 60, WORKSPACE = 5, DATABASE = 6, OBJECT = 42 };

static struct rig rig;
static const struct rig_event task = {
	.object = OBJECT,
	.workspace = WORKSPACE,
	.database = DATABASE,
	.user = USER,
	.ancestors = 1,
	.gids = {PARENT},
	.via = {MR_VIA_OBJECT},
};
static struct rig_event of_other_user;

static void open_rig(struct rig_options options)
{
	rig_open(&rig, &options);
	rig_session(&rig, 0);
	rig_session_of(&rig, 1, OTHER_APP);
	rig_subscribe(&rig, 1, OBJECT);
	of_other_user = task;
	of_other_user.user = USER + 1;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static struct mr_scope scope(uint32_t kind, uint64_t id)
{
	return (struct mr_scope){.kind = kind, .id = id};
}

static struct mr_ban_rule rule(uint8_t mode, uint32_t kind, uint64_t id)
{
	return (struct mr_ban_rule){.scope = scope(kind, id), .mode = mode};
}

static void send_of(uint16_t session, uint64_t first, const struct rig_event *event, uint32_t count)
{
	rig_lend(&rig, rig_packet(&rig, session, first, 0, event, count));
}

static void dropped_scope_is_refused_and_named(void **state)
{
	static const uint64_t ids[] = {RIG_APP, OBJECT, WORKSPACE, DATABASE, USER};
	(void)state;
	open_rig((struct rig_options){0});
	for (uint32_t kind = MR_SCOPE_APP; kind <= MR_SCOPE_USER; kind++) {
		rig_ban(&rig, rule(MR_BAN_DROP, kind, ids[kind - 1]));
		send_of(0, kind * 2 - 1, &task, 1);
		rig_step(&rig);
		rig_unban(&rig, scope(kind, ids[kind - 1]));
		rig_ban(&rig, rule(MR_BAN_DROP, kind, 12345)); // of somebody else
		send_of(0, kind * 2, &task, 1);
		rig_run(&rig, 4);
		const struct mr_wire_refused *run = &rig.acks[0][0].runs[kind - 1];
		assert_int_equal(rig.acks[0][0].runs_count, kind);
		assert_int_equal(run->reason, MR_REASON_BANNED);
		assert_int_equal(run->scope_kind, kind);
		assert_int_equal(run->scope_id, ids[kind - 1]);
		assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), kind);
	}
	assert_int_equal(rig_reason(&rig, MR_REASON_BANNED), 5);
	assert_int_equal(rig_heard(&rig, 1), 5);
}

static void ancestor_is_the_scope_only_with_descendants(void **state)
{
	struct mr_ban_rule ban = rule(MR_BAN_DROP, MR_SCOPE_OBJECT, PARENT);
	(void)state;
	open_rig((struct rig_options){0});
	rig_ban(&rig, ban);
	send_of(0, 1, &task, 1);
	rig_step(&rig);
	assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), 1);
	ban.flags = MR_BAN_DESCENDANTS;
	rig_ban(&rig, ban);
	send_of(0, 2, &task, 1);
	rig_run(&rig, 4);
	assert_int_equal(rig_reason(&rig, MR_REASON_BANNED), 1);
	assert_int_equal(rig.acks[0][0].runs[0].scope_id, PARENT);
}

static void verdict_of_ingest_keeps_its_scope(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig_ban(&rig, rule(MR_BAN_DROP, MR_SCOPE_USER, USER));
	for (uint32_t round = 0; round < 2; round++) {
		struct mr_packet *packet = rig_packet(&rig, 0, 1 + round, 0, &task, 1);
		packet->verdicts = 1;
		packet->verdict[0] = MR_REASON_BANNED;
		rig_lend(&rig, packet);
		rig_run(&rig, 4);
		rig_unban(&rig, scope(MR_SCOPE_USER, USER)); // ingest has not heard of it
	}
	assert_int_equal(rig_reason(&rig, MR_REASON_BANNED), 2);
	assert_int_equal(rig.acks[0][0].runs[0].scope_id, USER);
	assert_int_equal(rig.acks[0][0].runs[1].scope_kind, MR_SCOPE_NONE);
}

static void throttled_scope_gets_what_is_granted(void **state)
{
	struct mr_ban_rule user = rule(MR_BAN_THROTTLE, MR_SCOPE_USER, USER);
	struct mr_ban_rule app = rule(MR_BAN_THROTTLE, MR_SCOPE_APP, RIG_APP);
	struct mr_throttle_board *board;
	(void)state;
	open_rig((struct rig_options){0});
	board = rig.throttles;
	user.rate = 2;
	app.rate = 1000;
	rig_ban(&rig, user);
	rig_ban(&rig, app);
	mr_count(&board->granted[MR_SCOPE_USER], 3);
	send_of(0, 1, &task, 5); // the app has nothing
	rig_run(&rig, 4);
	assert_int_equal(rig_reason(&rig, MR_REASON_THROTTLED), 5);
	assert_int_equal(rig.acks[0][0].runs[0].scope_kind, MR_SCOPE_APP);
	assert_int_equal(rig.acks[0][0].runs[0].retry_after_ms, 100);
	assert_int_equal(mr_read(&board->used[MR_SCOPE_USER]), 0);
	mr_count(&board->granted[MR_SCOPE_APP], 10);
	send_of(0, 6, &task, 5);
	rig_run(&rig, 4);
	assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), 3);
	assert_int_equal(rig.acks[0][0].runs[1].scope_kind, MR_SCOPE_USER);
	assert_int_equal(rig.acks[0][0].runs[1].retry_after_ms, 500);
	for (uint32_t i = MR_SCOPE_APP; i <= MR_SCOPE_USER; i += MR_SCOPE_USER - MR_SCOPE_APP) {
		assert_int_equal(mr_read(&board->wanted[i]), 10);
		assert_int_equal(mr_read(&board->used[i]), 3);
	}
	assert_int_equal(rig_heard(&rig, 1), 3);
}

static void held_scope_is_accepted_up_to_the_bound(void **state)
{
	(void)state;
	open_rig((struct rig_options){.limits = {.object_queue_events = 10}});
	rig_ban(&rig, rule(MR_BAN_HOLD, MR_SCOPE_WORKSPACE, WORKSPACE));
	send_of(0, 1, &task, 8);
	rig_run(&rig, 10);
	send_of(0, 9, &task, 8);
	rig_run(&rig, 10);
	assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), 10);
	assert_int_equal(rig_reason(&rig, MR_REASON_OBJECT_FULL), 6);
	assert_int_equal(rig_total(&rig, MR_SHARD_BAN_HELD), 10);
	assert_int_equal(rig_total(&rig, MR_SHARD_QUEUED), 10);
	assert_int_equal(rig_heard(&rig, 1), 0);
	rig_audit(&rig);
}

static void held_object_costs_nothing_per_step(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig_ban(&rig, rule(MR_BAN_HOLD, MR_SCOPE_OBJECT, OBJECT));
	send_of(0, 1, &task, 10);
	rig_run(&rig, 30);
	assert_int_equal(mr_shard_step(rig.shards[0], rig.now, (struct mr_budget){.units = 100}),
		MR_POLL_IDLE);
	assert_true(mr_shard_next_due(rig.shards[0]) == UINT64_MAX);
}

// What waited when the rule came: none of it is distributed once it is in force, and all of it
// when the rule has ended, before what came later, in order.
static void queue_is_held_and_released_in_order(void **state)
{
	(void)state;
	for (uint32_t mode = MR_BAN_DROP; mode <= MR_BAN_HOLD; mode++) {
		open_rig((struct rig_options){.limits = {.penalty_after = 200}});
		rig_stop(&rig, MR_PAUSE_DISTRIBUTION);
		send_of(0, 1, &task, 100);
		rig_run(&rig, 5);
		rig_ban(&rig, rule((uint8_t)mode, MR_SCOPE_USER, USER));
		rig_stop(&rig, 0);
		rig_run(&rig, 20);
		assert_int_equal(rig_heard(&rig, 1), 0);
		assert_int_equal(rig_total(&rig, MR_SHARD_BAN_HELD), 100);
		rig_unban(&rig, scope(MR_SCOPE_USER, USER));
		send_of(0, 101, &task, 100);
		rig_run(&rig, 60);
		assert_int_equal(rig_heard(&rig, 1), 200);
		for (uint32_t i = 0; i < 200; i++)
			assert_int_equal(rig.log[i].sequence, i + 1);
		if (mode == MR_BAN_DROP)
			rig_close(&rig);
	}
}

static void others_pass_what_is_held_but_not_the_same_app(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig_ban(&rig, rule(MR_BAN_HOLD, MR_SCOPE_USER, USER));
	send_of(0, 1, &of_other_user, 3); // passes
	send_of(0, 4, &task, 3); // held
	send_of(0, 7, &of_other_user, 3); // behind it
	send_of(1, 1, &of_other_user, 4); // another app: passes
	rig_run(&rig, 20);
	assert_int_equal(rig_heard(&rig, 1), 7);
	assert_int_equal(rig_total(&rig, MR_SHARD_BAN_HELD), 6);
	rig_audit(&rig);
	rig_unban(&rig, scope(MR_SCOPE_USER, USER));
	rig_run(&rig, 20);
	assert_int_equal(rig_heard(&rig, 1), 13);
	for (uint32_t i = 0; i < 6; i++)
		assert_int_equal(rig.log[7 + i].sequence, 4 + i);
	assert_int_equal(rig_total(&rig, MR_SHARD_BAN_HELD), 0);
}

static void event_of_two_rules_waits_for_both(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig_ban(&rig, rule(MR_BAN_HOLD, MR_SCOPE_USER, USER));
	rig_ban(&rig, rule(MR_BAN_HOLD, MR_SCOPE_WORKSPACE, WORKSPACE));
	send_of(0, 1, &task, 5);
	rig_run(&rig, 10);
	rig_unban(&rig, scope(MR_SCOPE_WORKSPACE, WORKSPACE));
	rig_run(&rig, 10);
	assert_int_equal(rig_total(&rig, MR_SHARD_BAN_HELD), 5);
	rig_unban(&rig, scope(MR_SCOPE_USER, USER));
	rig_run(&rig, 10);
	assert_int_equal(rig_heard(&rig, 1), 5);
}

static void rule_that_takes_anothers_place_releases(void **state)
{
	struct mr_ban_rule throttle = rule(MR_BAN_THROTTLE, MR_SCOPE_USER, USER);
	(void)state;
	open_rig((struct rig_options){0});
	throttle.rate = 1;
	rig_ban(&rig, rule(MR_BAN_HOLD, MR_SCOPE_USER, USER));
	send_of(0, 1, &task, 5);
	rig_run(&rig, 10);
	assert_int_equal(rig_heard(&rig, 1), 0);
	rig_ban(&rig, throttle);
	rig_run(&rig, 10);
	assert_int_equal(rig_heard(&rig, 1), 5);
}

static void unban_is_no_burst(void **state)
{
	(void)state;
	open_rig((struct rig_options){.limits = {.quantum_units = 4}});
	rig_ban(&rig, rule(MR_BAN_HOLD, MR_SCOPE_USER, USER));
	send_of(0, 1, &task, 100);
	rig_run(&rig, 10);
	const struct rig_event other = {.object = OBJECT + 1, .workspace = WORKSPACE};
	rig_subscribe(&rig, 2, other.object);
	rig.units = 40;
	rig_stop(&rig, MR_PAUSE_DISTRIBUTION);
	send_of(0, 101, &other, 20);
	rig_run(&rig, 10);
	rig_unban(&rig, scope(MR_SCOPE_USER, USER));
	rig_stop(&rig, 0);
	for (uint32_t i = 0; i < 100 && rig_heard(&rig, 2) < 20; i++)
		rig_step(&rig);
	assert_int_equal(rig_heard(&rig, 2), 20); // turn by turn with what was held
	assert_in_range(rig_heard(&rig, 1), 10, 40);
	rig_run(&rig, 100);
	assert_int_equal(rig_heard(&rig, 1), 100);
}

static void purge_drops_the_scope_wherever_it_waits(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig_ban(&rig, rule(MR_BAN_HOLD, MR_SCOPE_APP, RIG_APP));
	send_of(0, 1, &task, 10);
	send_of(0, 11, &of_other_user, 10);
	rig_run(&rig, 10); // held
	rig_stop(&rig, MR_PAUSE_DISTRIBUTION);
	send_of(0, 21, &task, 5);
	send_of(1, 1, &task, 5);
	send_of(1, 6, &of_other_user, 5);
	rig_run(&rig, 5); // queued
	rig.journal_stopped = true;
	send_of(0, 26, &task, 3);
	rig_run(&rig, 5); // not walked
	rig_begin_survey(&rig, scope(MR_SCOPE_USER, USER), false, MR_REASON_OK);
	uint64_t events;
	rig_run(&rig, 5);
	assert_false(rig_survey_is_done(&rig, &events));
	rig.journal_stopped = false;
	rig_run(&rig, 5);
	assert_true(rig_survey_is_done(&rig, &events));
	assert_int_equal(events, 23);
	assert_int_equal(rig_total(&rig, MR_SHARD_QUEUED), 38); // only counted
	assert_int_equal(rig_survey(&rig, scope(MR_SCOPE_USER, USER), false, MR_REASON_PURGED), 23);
	assert_int_equal(rig_total(&rig, MR_SHARD_DROPPED), 23);
	assert_int_equal(rig_reason(&rig, MR_REASON_PURGED), 23);
	rig_audit(&rig);
	rig_stop(&rig, 0);
	rig_run(&rig, 10);
	assert_int_equal(rig_heard(&rig, 1), 5); // of the other app and the other user
	rig_unban(&rig, scope(MR_SCOPE_APP, RIG_APP));
	rig_run(&rig, 10);
	assert_int_equal(rig_heard(&rig, 1), 15);
	assert_int_equal(rig_total(&rig, MR_SHARD_QUEUED), 0);
	assert_int_equal(rig_survey(&rig, scope(MR_SCOPE_USER, USER), false, MR_REASON_OK), 0);
}

static void what_was_behind_a_purged_event_goes_on(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig_ban(&rig, rule(MR_BAN_HOLD, MR_SCOPE_USER, USER));
	send_of(0, 1, &task, 3);
	send_of(0, 4, &of_other_user, 3);
	rig_run(&rig, 10);
	assert_int_equal(rig_heard(&rig, 1), 0);
	assert_int_equal(
		rig_survey(&rig, scope(MR_SCOPE_USER, USER), false, MR_REASON_BANNED_PENDING), 3);
	send_of(0, 7, &of_other_user, 3);
	rig_run(&rig, 10);
	assert_int_equal(rig_heard(&rig, 1), 6);
	assert_int_equal(rig_total(&rig, MR_SHARD_BAN_HELD), 0);
}

static void purge_of_an_object_looks_at_no_other(void **state)
{
	struct rig_event other = task;
	(void)state;
	open_rig((struct rig_options){0});
	rig_stop(&rig, MR_PAUSE_DISTRIBUTION);
	uint64_t first = 1;
	for (uint32_t i = 0; i < 300; i++, first++) {
		other.object = 1000 + i;
		send_of(0, first, &other, 1);
		rig_step(&rig);
	}
	send_of(0, first, &task, 4);
	rig_run(&rig, 4);
	uint64_t events;
	rig_begin_survey(&rig, scope(MR_SCOPE_OBJECT, OBJECT), false, MR_REASON_PURGED);
	assert_true(rig_survey_is_done(&rig, &events)); // in the step in which it came
	assert_int_equal(events, 4);
	assert_int_equal(rig_survey(&rig, scope(MR_SCOPE_OBJECT, PARENT), false, MR_REASON_OK), 0);
	assert_int_equal(
		rig_survey(&rig, scope(MR_SCOPE_OBJECT, PARENT), true, MR_REASON_PURGED), 300);
	assert_int_equal(rig_total(&rig, MR_SHARD_QUEUED), 0);
	rig_stop(&rig, 0);
	rig_run(&rig, 2);
	assert_int_equal(rig_total(&rig, MR_SHARD_OBJECTS), 0);
}

static void pause_of_ingest_refuses_everything(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig_stop(&rig, MR_PAUSE_INGEST);
	send_of(0, 1, &task, 5);
	rig_run(&rig, 4);
	assert_int_equal(rig_reason(&rig, MR_REASON_PAUSED), 5);
	assert_true(rig.acks[0][0].runs[0].retry_after_ms > 0);
	assert_int_equal(rig.acks[0][0].runs[0].scope_kind, MR_SCOPE_NONE);
	rig_stop(&rig, 0);
	send_of(0, 6, &task, 5);
	rig_run(&rig, 4);
	assert_int_equal(rig_heard(&rig, 1), 5);
}

// Held events may leave the buffer; they are read again when they are looked at, to be released or
// to be dropped.
static void held_events_leave_the_buffer_and_come_back(void **state)
{
	(void)state;
	for (uint32_t purge = 0; purge < 2; purge++) {
		open_rig((struct rig_options){.is_durable = true,
			.first_stream = 40,
			.buffer_bytes = 1 << 16,
			.limits = {.penalty_after = 200}});
		rig.file_waits = true;
		rig_ban(&rig, rule(MR_BAN_HOLD, MR_SCOPE_USER, USER));
		for (uint64_t i = 0; i < 30; i++) {
			send_of(0, 1 + i * 20, i % 3 == 2 ? &of_other_user : &task, 20);
			rig_run(&rig, 10);
		}
		assert_int_equal(rig_total(&rig, MR_SHARD_BAN_HELD), 600);
		rig_audit(&rig);
		if (purge != 0)
			assert_int_equal(rig_survey(&rig, scope(MR_SCOPE_USER, USER), false,
						 MR_REASON_PURGED),
				400);
		rig_unban(&rig, scope(MR_SCOPE_USER, USER));
		for (uint32_t i = 0; i < 3000 && rig_total(&rig, MR_SHARD_QUEUED) > 0; i++)
			rig_step(&rig);
		assert_int_equal(rig_heard(&rig, 1), purge != 0 ? 200 : 600);
		for (uint32_t i = 1; i < rig.log_count; i++)
			assert_true(rig.log[i].sequence > rig.log[i - 1].sequence);
		if (purge == 0)
			rig_close(&rig);
	}
}

// In memory a held event has nowhere else to be: it must not fill the buffer for everybody.
static void held_event_of_a_volatile_shard_gives_way_to_others(void **state)
{
	const struct rig_event other = {.object = OBJECT + 1, .workspace = WORKSPACE + 1};
	const uint32_t rounds = 400, count = 20;
	(void)state;
	open_rig((struct rig_options){.buffer_bytes = 1 << 20});
	rig_subscribe(&rig, 2, other.object);
	rig_ban(&rig, rule(MR_BAN_HOLD, MR_SCOPE_USER, USER));
	send_of(0, 1, &task, 3);
	send_of(0, 4, &of_other_user, 2); // behind them
	rig_run(&rig, 10);
	for (uint32_t i = 0; i < rounds; i++) {
		send_of(1, 1 + i * count, &other, count);
		rig_run(&rig, 2);
	}
	rig_run(&rig, 20);
	assert_int_equal(rig_reason(&rig, MR_REASON_SHARD_FULL), 0);
	assert_int_equal(rig_heard(&rig, 2), rounds * count);
	assert_int_equal(rig_reason(&rig, MR_REASON_EXPIRED), 3);
	assert_int_equal(rig_heard(&rig, 1), 2); // nothing is before them any more
	assert_int_equal(rig_total(&rig, MR_SHARD_BAN_HELD), 0);
	assert_int_equal(rig_total(&rig, MR_SHARD_QUEUED), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(dropped_scope_is_refused_and_named, teardown),
		cmocka_unit_test_teardown(ancestor_is_the_scope_only_with_descendants, teardown),
		cmocka_unit_test_teardown(verdict_of_ingest_keeps_its_scope, teardown),
		cmocka_unit_test_teardown(throttled_scope_gets_what_is_granted, teardown),
		cmocka_unit_test_teardown(held_scope_is_accepted_up_to_the_bound, teardown),
		cmocka_unit_test_teardown(held_object_costs_nothing_per_step, teardown),
		cmocka_unit_test_teardown(queue_is_held_and_released_in_order, teardown),
		cmocka_unit_test_teardown(others_pass_what_is_held_but_not_the_same_app, teardown),
		cmocka_unit_test_teardown(event_of_two_rules_waits_for_both, teardown),
		cmocka_unit_test_teardown(rule_that_takes_anothers_place_releases, teardown),
		cmocka_unit_test_teardown(unban_is_no_burst, teardown),
		cmocka_unit_test_teardown(purge_drops_the_scope_wherever_it_waits, teardown),
		cmocka_unit_test_teardown(what_was_behind_a_purged_event_goes_on, teardown),
		cmocka_unit_test_teardown(purge_of_an_object_looks_at_no_other, teardown),
		cmocka_unit_test_teardown(pause_of_ingest_refuses_everything, teardown),
		cmocka_unit_test_teardown(held_events_leave_the_buffer_and_come_back, teardown),
		cmocka_unit_test_teardown(
			held_event_of_a_volatile_shard_gives_way_to_others, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
