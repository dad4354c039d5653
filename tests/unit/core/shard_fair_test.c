// June 2020 in small: one object is written without end; everybody else keeps a share that can be
// told in advance.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "shard_rig.h"

enum { BOUND = 400, COLD = 10, HOT = 1, STEPS = 300 };

static struct rig rig;
static uint64_t sent[RIG_SESSIONS_MAX];

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static void open_rig(void)
{
	const struct rig_options options = {.buffer_bytes = 1 << 24,
		.limits = {.object_queue_events = BOUND, .quantum_units = 8}};
	rig_open(&rig, &options);
	for (uint16_t session = 0; session < 2; session++) {
		rig_session(&rig, session);
		sent[session] = 0;
	}
	rig.units = 200; // of which distribution has half: about 50 events a step
}

static void send(uint16_t session, uint64_t object, uint64_t workspace, uint32_t count)
{
	const struct rig_event event = {.object = object, .workspace = workspace};
	rig_lend(&rig,
		rig_packet(&rig, session, 1 + sent[session], rig.acks[session][0].settled, &event,
			count));
	sent[session] += count;
}

// The hot object is offered twice of what the shard can do, the cold ones together a quarter of it.
static void offer(uint16_t cold_session, uint64_t cold_workspace)
{
	for (uint32_t step = 0; step < STEPS; step++) {
		send(0, HOT, 1, 100);
		for (uint64_t i = 0; i < COLD; i++)
			send(cold_session, 100 + i, cold_workspace, step % 8 == i % 8 ? 10 : 1);
		rig_step(&rig);
		assert_true(rig_total(&rig, MR_SHARD_OBJECT_QUEUE_MAX) <= BOUND);
	}
}

static void expect_only_the_hot_object_is_refused(void)
{
	uint64_t cold = 0;
	for (uint32_t step = 0; step < STEPS; step++) {
		for (uint64_t i = 0; i < COLD; i++)
			cold += step % 8 == i % 8 ? 10 : 1;
	}
	const uint64_t refused = rig_reason(&rig, MR_REASON_OBJECT_FULL);
	assert_true(refused > 0);
	assert_int_equal(rig_total(&rig, MR_SHARD_REFUSED), refused);
	const struct mr_stats_scope *workspace = &rig.scopes[MR_LEDGER_SCOPES_MAX];
	assert_int_equal(mr_read(&workspace[0].id), 1);
	assert_int_equal(mr_read(&workspace[0].refused), refused); // the hot one's workspace
	assert_int_equal(mr_read(&workspace[1].id), 2);
	assert_int_equal(mr_read(&workspace[1].refused), 0);
	assert_int_equal(mr_read(&workspace[1].accepted), cold);
	assert_in_range(mr_read(&workspace[1].queued), 0, 3 * COLD * 10); // none waits long
	assert_int_equal(rig_total(&rig, MR_SHARD_OBJECTS_PENALISED), 1);
}

static void hot_object_cannot_starve_other_workspaces(void **state)
{
	(void)state;
	open_rig();
	offer(1, 2);
	expect_only_the_hot_object_is_refused();
}

static void hot_object_in_the_same_session_cannot_either(void **state)
{
	(void)state;
	open_rig();
	offer(0, 2);
	expect_only_the_hot_object_is_refused();
}

static void hot_object_cannot_starve_others_of_its_workspace(void **state)
{
	(void)state;
	open_rig();
	rig_subscribe(&rig, 1, 100);
	offer(1, 1);
	uint64_t offered = 0;
	for (uint32_t step = 0; step < STEPS; step++)
		offered += step % 8 == 0 ? 10 : 1;
	rig_run(&rig, 2); // durable, distributed, matched, durable, told
	assert_in_range(rig_heard(&rig, 1), offered - 20, offered);
}

static void backlogged_objects_share_exactly(void **state)
{
	(void)state;
	open_rig();
	for (uint64_t object = 1; object <= 4; object++) {
		rig_subscribe(&rig, object, object);
		rig_hold(&rig, object, MR_HOLD); // until all are there
		rig_step(&rig);
		send(0, object, object <= 1 ? 1 : 2, 100); // one alone, three together
	}
	rig_run(&rig, 10);
	for (uint64_t object = 1; object <= 4; object++)
		rig_hold(&rig, object, MR_RELEASE);
	while (rig_heard(&rig, 1) < 60)
		rig_step(&rig);
	const uint32_t alone = rig_heard(&rig, 1);
	uint32_t together = 0;
	for (uint32_t lane = 2; lane <= 4; lane++) {
		const uint32_t heard = rig_heard(&rig, lane);
		assert_in_range(heard * 3, alone - 12, alone + 12); // a quantum more or less
		together += heard;
	}
	assert_in_range(together, alone - 6, alone + 6);
	rig_run(&rig, 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(hot_object_cannot_starve_other_workspaces, teardown),
		cmocka_unit_test_teardown(hot_object_in_the_same_session_cannot_either, teardown),
		cmocka_unit_test_teardown(
			hot_object_cannot_starve_others_of_its_workspace, teardown),
		cmocka_unit_test_teardown(backlogged_objects_share_exactly, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
