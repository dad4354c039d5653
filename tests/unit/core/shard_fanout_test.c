// The way of an accepted event: when it is distributed, to whom, how often, and what holds it up.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "shard_rig.h"

enum { PORTFOLIO = 4000, INITIATIVE = 5000 };

static struct rig rig;
static const struct rig_event task = {.object = 42, .workspace = 5, .database = 6};

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static void open_rig(struct rig_options options)
{
	rig_open(&rig, &options);
	rig_session(&rig, 0);
}

static void event_is_distributed_only_when_durable(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig_subscribe(&rig, 1, task.object);
	rig.journal_stopped = true;
	rig_send(&rig, 1, &task, 10);
	rig_run(&rig, 5);
	assert_int_equal(rig_total(&rig, MR_SHARD_HOPS), 0);
	assert_int_equal(rig_total(&rig, MR_SHARD_QUEUED), 10);
	rig_audit(&rig);
	rig.journal_stopped = false;
	rig_step(&rig); // the watermark moves at its end
	rig.journal_stopped = true;
	rig_run(&rig, 3);
	assert_int_equal(rig_total(&rig, MR_SHARD_MATCHES), 10);
	assert_int_equal(rig.log_count, 0); // a match is told when it is durable itself
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 0);
	rig.journal_stopped = false;
	rig_run(&rig, 5);
	assert_int_equal(rig_heard(&rig, 1), 10);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 10);
}

static void nothing_is_distributed_before_the_configuration_is_in_force(void **state)
{
	(void)state;
	open_rig((struct rig_options){.awaits_go = true});
	rig_send(&rig, 1, &task, 3);
	rig_run(&rig, 5);
	assert_int_equal(rig_total(&rig, MR_SHARD_ACCEPTED), 3);
	assert_int_equal(rig_total(&rig, MR_SHARD_QUEUED), 3);
	rig_subscribe(&rig, 7, task.object);
	rig.message->kind = MR_STEWARD_GO;
	rig_tell(&rig);
	rig_run(&rig, 5);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 3);
	assert_int_equal(rig_heard(&rig, 7), 3);
}

static void event_that_nobody_wants_is_distributed(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig_send(&rig, 1, &task, 10);
	rig_run(&rig, 4);
	assert_int_equal(rig_total(&rig, MR_SHARD_HOPS), 10);
	assert_int_equal(rig_total(&rig, MR_SHARD_MATCHES), 0);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 10);
	assert_int_equal(rig_total(&rig, MR_SHARD_OBJECTS), 0);
}

// story -> task -> two projects -> one initiative
static void describe_story(struct rig_event *story)
{
	*story = (struct rig_event){
		.object = 900,
		.type = "story",
		.ancestors = 5,
		.gids = {42, 2001, 2002, INITIATIVE, INITIATIVE},
		.via = {MR_VIA_OBJECT, 0, 0, 1, 2},
		.types = {"task", NULL, NULL, "initiative", "initiative"},
	};
}

static void diamond_is_sent_once(void **state)
{
	(void)state;
	struct rig_event story;
	describe_story(&story);
	open_rig((struct rig_options){.shards = 3, .flows = 8});
	const uint64_t resources[] = {900, 42, 2001, 2002, INITIATIVE};
	for (uint32_t i = 0; i < 5; i++)
		rig_subscribe(&rig, 1 + i, resources[i]);
	rig_send(&rig, 1, &story, 7);
	rig_run(&rig, 12);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(rig_heard(&rig, 1 + i), 7);
	assert_int_equal(rig_total(&rig, MR_SHARD_DIAMONDS_CUT), 7);
	assert_int_equal(rig_total(&rig, MR_SHARD_CYCLES_CUT), 0);
	assert_int_equal(rig_total(&rig, MR_SHARD_HOPS), 35);
	assert_int_equal(rig_total(&rig, MR_SHARD_MATCHED), 35);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 7);
}

static void cycle_is_cut_and_counted(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	const struct rig_event event = {
		.object = 42,
		.ancestors = 4,
		.gids = {50, 42, 50, 60}, // 42 -> 50 -> 42, 50 -> 50, and one more
		.via = {MR_VIA_OBJECT, 0, 0, 3}, // the last names itself
	};
	rig_subscribe(&rig, 1, 42);
	rig_subscribe(&rig, 2, 50);
	rig_subscribe(&rig, 3, 60);
	rig_send(&rig, 1, &event, 3);
	rig_run(&rig, 8);
	for (uint32_t lane = 1; lane <= 3; lane++)
		assert_int_equal(rig_heard(&rig, lane), 3);
	assert_int_equal(rig_total(&rig, MR_SHARD_CYCLES_CUT), 6);
	assert_int_equal(rig_total(&rig, MR_SHARD_DIAMONDS_CUT), 0);
}

static void portfolio_never_hears_of_a_task(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	static struct mr_webhook webhook = {
		.id = 1,
		.resource = PORTFOLIO,
		.lane = 1,
		.filters_count = 1,
	};
	rig_webhook(&rig, &webhook);
	struct rig_event event = {
		.object = 42,
		.ancestors = 1,
		.gids = {PORTFOLIO},
		.via = {MR_VIA_OBJECT},
		.types = {"portfolio"},
	};
	rig_send(&rig, 1, &event, 2);
	event.type = "story";
	rig_send(&rig, 3, &event, 2);
	rig_run(&rig, 8);
	assert_int_equal(rig.log_count, 0);
	event.type = "project";
	rig_send(&rig, 5, &event, 2);
	rig_run(&rig, 8);
	assert_int_equal(rig_heard(&rig, 1), 2);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 6);
}

static void lane_message_names_event_and_sublane(void **state)
{
	(void)state;
	open_rig((struct rig_options){.shards = 2, .flows = 2});
	const uint64_t object = rig_object_of(&rig, 0, 3);
	const uint64_t project = rig_object_of(&rig, 1, 0);
	const struct rig_event event = {
		.object = object, .ancestors = 1, .gids = {project}, .via = {MR_VIA_OBJECT}};
	rig_subscribe(&rig, 9, project);
	rig_send(&rig, 1, &event, 1);
	rig_run(&rig, 8);
	assert_int_equal(rig.log_count, 1);
	assert_int_equal(mr_position_stream(rig.log[0].message.position), 0);
	assert_int_equal(rig.log[0].object, object);
	assert_int_equal(rig.log[0].message.flags, 0);
	rig_send(&rig, 2, &event, 1);
	rig_run(&rig, 8);
	assert_int_equal(rig.log[1].message.object_hash, rig.log[0].message.object_hash);
}

static void removed_webhook_hears_nothing_more(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig_subscribe(&rig, 1, task.object);
	rig.journal_stopped = true;
	rig_send(&rig, 1, &task, 2);
	rig_step(&rig);
	rig.journal_stopped = false;
	rig_step(&rig);
	rig.journal_stopped = true;
	rig_step(&rig); // matched, not yet durable
	assert_int_equal(rig_total(&rig, MR_SHARD_MATCHES), 2);
	rig.message->kind = MR_STEWARD_WEBHOOK_REMOVE;
	rig_tell(&rig);
	rig.journal_stopped = false;
	rig_run(&rig, 5);
	assert_int_equal(rig.log_count, 0);
	assert_int_equal(rig_total(&rig, MR_SHARD_MATCHED), 0); // nobody is owed anything
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 2);
}

static void hop_waits_for_credit_without_losing_its_place(void **state)
{
	(void)state;
	open_rig((struct rig_options){.shards = 2,
		.flows = 2,
		.buffer_bytes = 1 << 23,
		.limits = {.object_queue_events = 4000}});
	const uint64_t object = rig_object_of(&rig, 0, 0);
	const uint64_t project = rig_object_of(&rig, 1, 0);
	const struct rig_event event = {.object = object,
		.ancestors = 2,
		.gids = {project, rig_object_of(&rig, 0, 1)},
		.via = {MR_VIA_OBJECT, 0}};
	rig_subscribe(&rig, 1, object);
	rig_subscribe(&rig, 2, project);
	rig_subscribe(&rig, 3, event.gids[1]);
	rig.deliveries_stopped = true; // nothing is answered
	for (uint64_t i = 0; i < 15; i++)
		rig_send(&rig, 1 + i * 100, &event, 100);
	rig_run(&rig, 200);
	assert_true(rig_total(&rig, MR_SHARD_HOP_WAITS) > 0);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 0);
	assert_int_equal(rig_total(&rig, MR_SHARD_QUEUED), 1500);
	rig_audit(&rig);
	rig.deliveries_stopped = false;
	rig_run(&rig, 300);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 1500);
	for (uint32_t lane = 1; lane <= 3; lane++) {
		uint64_t sequence = 0;
		for (uint32_t i = 0; i < rig.log_count; i++) {
			if (rig.log[i].message.lane == lane)
				assert_int_equal(rig.log[i].sequence, ++sequence);
		}
		assert_int_equal(sequence, 1500);
	}
}

static void full_delivery_ring_stops_the_walk_at_its_webhook(void **state)
{
	(void)state;
	open_rig((struct rig_options){.buffer_bytes = 1 << 23});
	for (uint64_t id = 1; id <= 500; id++)
		rig_subscribe(&rig, 2 * id, task.object); // one ring for all of them
	rig.deliveries_stopped = true;
	rig_send(&rig, 1, &task, 40);
	rig_run(&rig, 60);
	assert_int_equal(rig_total(&rig, MR_SHARD_MATCHES), 40);
	assert_true(rig_total(&rig, MR_SHARD_MATCHED) < 20000);
	rig.deliveries_stopped = false;
	rig_run(&rig, 60);
	assert_int_equal(rig.log_count, 20000);
	assert_int_equal(rig_total(&rig, MR_SHARD_MATCHED), 20000);
	for (uint32_t i = 0; i < rig.log_count; i++)
		assert_int_equal(rig.log[i].message.lane, 2 * (1 + i % 500));
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 40);
}

static void floor_never_passes_an_unanswered_event(void **state)
{
	(void)state;
	open_rig((struct rig_options){.shards = 2, .flows = 2});
	const uint64_t object = rig_object_of(&rig, 0, 0);
	const struct rig_event event = {.object = object,
		.ancestors = 1,
		.gids = {rig_object_of(&rig, 1, 0)},
		.via = {MR_VIA_OBJECT}};
	rig_subscribe(&rig, 1, event.gids[0]);
	rig_send(&rig, 1, &(struct rig_event){.object = object}, 3);
	rig_run(&rig, 4);
	rig.deliveries_stopped = true;
	const uint64_t at = mr_stream_next(&rig.streams[0]);
	rig_send(&rig, 4, &event, 5);
	rig_send(&rig, 9, &(struct rig_event){.object = object}, 5);
	rig_run(&rig, 50);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 8); // all but those with a match
	assert_true(atomic_load(&rig.streams[0].floor) <= at + 200);
	assert_true(atomic_load(&rig.streams[0].floor) >= at);
	const uint64_t floor = atomic_load(&rig.streams[1].floor);
	assert_true(floor < mr_stream_next(&rig.streams[1])); // the match stays as well
	rig.deliveries_stopped = false;
	rig_run(&rig, 50);
	assert_int_equal(atomic_load(&rig.streams[0].floor), mr_stream_next(&rig.streams[0]));
	assert_int_equal(atomic_load(&rig.streams[1].floor), mr_stream_next(&rig.streams[1]));
}

static void lane_keeps_the_floor_back(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig.lanes_pin = true;
	rig_send(&rig, 1, &task, 5);
	rig_run(&rig, 20);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 5);
	assert_int_equal(atomic_load(&rig.streams[0].floor), MR_STREAM_START);
}

static void held_object_keeps_its_queue(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig_subscribe(&rig, 1, task.object);
	rig_hold(&rig, task.object, MR_HOLD);
	rig_hold(&rig, task.object, MR_HOLD);
	rig_step(&rig);
	assert_int_equal(rig_total(&rig, MR_SHARD_OBJECTS_HELD), 1);
	rig_send(&rig, 1, &task, 10);
	rig_send(&rig, 11, &(struct rig_event){.object = 43}, 10);
	rig_run(&rig, 10);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 10);
	assert_int_equal(rig_heard(&rig, 1), 0);
	rig_hold(&rig, task.object, MR_RELEASE);
	rig_run(&rig, 10);
	assert_int_equal(rig_heard(&rig, 1), 0); // two lanes held it
	rig_hold(&rig, task.object, MR_RELEASE);
	rig_hold(&rig, task.object, MR_RELEASE); // one too many does no harm
	rig_run(&rig, 10);
	assert_int_equal(rig_heard(&rig, 1), 10);
	assert_int_equal(rig_total(&rig, MR_SHARD_OBJECTS), 0);
}

static void object_held_in_its_turn_stops(void **state)
{
	(void)state;
	open_rig((struct rig_options){0});
	rig.units = 30;
	rig_send(&rig, 1, &task, 100);
	rig_run(&rig, 4);
	const uint64_t before = rig_total(&rig, MR_SHARD_DISTRIBUTED);
	assert_true(before > 0 && before < 100);
	rig_hold(&rig, task.object, MR_HOLD);
	rig_run(&rig, 20);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), before);
	assert_true(mr_shard_next_due(rig.shards[0]) > rig.now.mono_ns);
	rig_hold(&rig, task.object, MR_RELEASE);
	rig_run(&rig, 40);
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 100);
}

static void penalty_marks_hops_until_the_queue_is_empty(void **state)
{
	(void)state;
	open_rig((struct rig_options){.limits = {.penalty_after = 2, .quantum_units = 8}});
	rig_subscribe(&rig, 1, task.object);
	rig_send(&rig, 1, &task, 40);
	rig_run(&rig, 30);
	assert_int_equal(rig_heard(&rig, 1), 40);
	uint32_t penalised = 0;
	for (uint32_t i = 0; i < 40; i++) {
		const bool mark = rig.log[i].message.flags & MR_LANE_PENALISED;
		assert_true(mark || penalised == 0); // once under penalty, until empty
		penalised += mark;
	}
	assert_true(penalised > 20 && penalised < 40);
	rig_send(&rig, 41, &task, 1);
	rig_run(&rig, 10);
	assert_int_equal(rig.log[40].message.flags, 0);
}

static void short_buffer_distributes_its_oldest_event_first(void **state)
{
	(void)state;
	open_rig((struct rig_options){.buffer_bytes = 65536,
		.limits = {.quantum_units = 1000, .object_queue_events = 8000}});
	rig.units = 40;
	for (uint64_t id = 1; id <= 30; id++)
		rig_subscribe(&rig, id, task.object); // matches are longer than the events
	uint64_t sent = 0;
	for (uint32_t i = 0; i < 400; i++) {
		struct rig_event event = task;
		event.object = 42 + i % 3;
		rig_lend(&rig, rig_packet(&rig, 0, 1 + sent, rig.acks[0][0].settled, &event, 50));
		rig_run(&rig, 3);
		sent = rig.acks[0][0].settled - 1;
		assert_true(rig_total(&rig, MR_SHARD_BUFFER_USED) <= 65536);
	}
	rig_run(&rig, 2000);
	assert_int_equal(rig_total(&rig, MR_SHARD_QUEUED), 0);
	assert_true(rig_total(&rig, MR_SHARD_ACCEPTED) > 500);
}

static void send_one(const struct rig_event *event, uint64_t *sequence)
{
	rig_send(&rig, (*sequence)++, event, 1);
	rig_run(&rig, 3);
}

// The pin of a short buffer stops after 64 records wherever that is: here at a match record that
// shares its cell with the start of an event that waits. It must not be taken for that event.
static void pin_that_stops_beside_a_waiting_event_finds_nothing(void **state)
{
	(void)state;
	for (uint32_t shift = 0; shift < MR_STREAM_CELL_BYTES / 8; shift++) {
		open_rig((struct rig_options){.buffer_bytes = 65536,
			.limits = {.progress_interval_ns = UINT64_C(1) << 60}});
		const struct rig_event oldest = {.object = 41, .payload_bytes = 8 * shift};
		const struct rig_event heard = {.object = 42};
		const struct rig_event held = {.object = 43};
		struct rig_event wide = {.object = 44, .ancestors = MR_ANCESTORS_MAX};
		uint64_t sequence = 1;
		for (uint32_t i = 0; i < MR_ANCESTORS_MAX; i++) {
			wide.gids[i] = 100 + i;
			wide.via[i] = MR_VIA_OBJECT;
			rig_subscribe(&rig, 100 + i, 100 + i);
		}
		rig_subscribe(&rig, 1, heard.object);
		rig_hold(&rig, oldest.object, MR_HOLD);
		rig_hold(&rig, held.object, MR_HOLD);
		rig_hold(&rig, wide.object, MR_HOLD);
		send_one(&oldest, &sequence);
		for (uint32_t i = 0; i < 32; i++) // 64 records after the oldest event
			send_one(&heard, &sequence);
		send_one(&held, &sequence);
		while (rig_reason(&rig, MR_REASON_SHARD_FULL) == 0)
			send_one(&wide, &sequence);
		rig_hold(&rig, wide.object, MR_RELEASE); // its matches fill the buffer
		rig_run(&rig, 20);
		assert_true(rig_counter(&rig, 0, MR_SHARD_BUFFER_USED) > 65536 / 8 * 7);
		rig_hold(&rig, oldest.object, MR_RELEASE);
		rig_run(&rig, 20);
		assert_int_equal(rig_total(&rig, MR_SHARD_OBJECTS_HELD), 1);
		rig_hold(&rig, held.object, MR_RELEASE);
		rig_run(&rig, 200);
		assert_int_equal(rig_total(&rig, MR_SHARD_QUEUED), 0);
		rig_close(&rig);
	}
	open_rig((struct rig_options){0});
}

// The match records of what is queued would take several times the room that is left.
static void queue_whose_matches_have_no_room_is_distributed_all_the_same(void **state)
{
	(void)state;
	for (uint32_t shards = 1; shards <= 4; shards += 3) {
		struct rig_event wide = {.object = 44, .ancestors = MR_ANCESTORS_MAX};
		uint64_t sequence = 1;
		open_rig((struct rig_options){.shards = shards, .buffer_bytes = 65536});
		for (uint32_t i = 0; i < MR_ANCESTORS_MAX; i++) {
			wide.gids[i] = 100 + i;
			wide.via[i] = MR_VIA_OBJECT;
			for (uint32_t webhook = 0; webhook < 20; webhook++)
				rig_subscribe(&rig, 100 * (1 + i) + webhook, wide.gids[i]);
		}
		rig_hold(&rig, wide.object, MR_HOLD);
		while (rig_reason(&rig, MR_REASON_SHARD_FULL) == 0)
			send_one(&wide, &sequence);
		rig_hold(&rig, wide.object, MR_RELEASE);
		rig_run(&rig, 2000);
		assert_int_equal(rig_total(&rig, MR_SHARD_QUEUED), 0);
		const uint64_t accepted = rig_total(&rig, MR_SHARD_ACCEPTED);
		assert_int_equal(rig.log_count, accepted * MR_ANCESTORS_MAX * 20);
		uint64_t heard = 0; // of one lane: in order, none missing
		for (uint32_t i = 0; i < rig.log_count; i++) {
			if (rig.log[i].message.lane == 100)
				assert_int_equal(rig.log[i].sequence, ++heard);
		}
		assert_int_equal(heard, accepted);
		rig_close(&rig);
	}
	open_rig((struct rig_options){0});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(event_is_distributed_only_when_durable, teardown),
		cmocka_unit_test_teardown(
			nothing_is_distributed_before_the_configuration_is_in_force, teardown),
		cmocka_unit_test_teardown(event_that_nobody_wants_is_distributed, teardown),
		cmocka_unit_test_teardown(diamond_is_sent_once, teardown),
		cmocka_unit_test_teardown(cycle_is_cut_and_counted, teardown),
		cmocka_unit_test_teardown(portfolio_never_hears_of_a_task, teardown),
		cmocka_unit_test_teardown(lane_message_names_event_and_sublane, teardown),
		cmocka_unit_test_teardown(removed_webhook_hears_nothing_more, teardown),
		cmocka_unit_test_teardown(hop_waits_for_credit_without_losing_its_place, teardown),
		cmocka_unit_test_teardown(
			full_delivery_ring_stops_the_walk_at_its_webhook, teardown),
		cmocka_unit_test_teardown(floor_never_passes_an_unanswered_event, teardown),
		cmocka_unit_test_teardown(lane_keeps_the_floor_back, teardown),
		cmocka_unit_test_teardown(held_object_keeps_its_queue, teardown),
		cmocka_unit_test_teardown(object_held_in_its_turn_stops, teardown),
		cmocka_unit_test_teardown(penalty_marks_hops_until_the_queue_is_empty, teardown),
		cmocka_unit_test_teardown(
			short_buffer_distributes_its_oldest_event_first, teardown),
		cmocka_unit_test_teardown(
			pin_that_stops_beside_a_waiting_event_finds_nothing, teardown),
		cmocka_unit_test_teardown(
			queue_whose_matches_have_no_room_is_distributed_all_the_same, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
