// Messages to the stages: in order, in force only when all have applied them, memory used again
// only then.
#include "postbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { STAGES = 3, RING = 4 };

struct world {
	struct mr_arena arena;
	struct mr_postbox postbox;
	struct mr_ring *rings[STAGES];
	mr_counter generations[STAGES];
	uint64_t applied[16]; // tags in the order in which they were applied
	uint32_t applied_count;
};

static struct world world;

static int setup(void **state)
{
	(void)state;
	world = (struct world){0};
	assert_int_equal(mr_arena_open(&world.arena, 8 << 20, false), 0);
	assert_true(mr_postbox_init(&world.postbox, &world.arena));
	for (uint32_t i = 0; i < STAGES; i++) {
		world.rings[i] = mr_ring_new(&world.arena, "ring", RING);
		mr_postbox_stage(&world.postbox, i, world.rings[i], &world.generations[i]);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mr_arena_close(&world.arena);
	return 0;
}

static void note_applied(void *owner, const struct mr_post *post)
{
	assert_ptr_equal(owner, &world);
	world.applied[world.applied_count++] = post->tag;
}

static void post(uint32_t stages, uint64_t tag)
{
	struct mr_stage_set set = {.bits = {stages}};
	struct mr_post *message = mr_postbox_take(&world.postbox);
	assert_non_null(message);
	message->msg.kind = MR_STEWARD_PAUSE;
	message->msg.reason = (uint32_t)tag;
	mr_postbox_send(&world.postbox, message, set, note_applied, &world, tag);
}

// A stage handles one message; what it was told. 0: none.
static uint32_t handle(uint32_t stage)
{
	struct mr_desc desc;
	if (mr_ring_pop_burst(world.rings[stage], &desc, 1) == 0)
		return 0;
	const struct mr_steward_msg *msg = (const struct mr_steward_msg *)(uintptr_t)desc.word[0];
	uint32_t reason = msg->reason;
	atomic_store_explicit(&world.generations[stage], msg->generation, memory_order_release);
	return reason;
}

static void generation_is_in_force_only_when_all_stages_have_applied_it(void **state)
{
	(void)state;
	post(7, 1);
	mr_postbox_work(&world.postbox);
	assert_int_equal(mr_postbox_in_force(&world.postbox), 0);
	for (uint32_t stage = 0; stage < STAGES; stage++) {
		assert_int_equal(world.applied_count, 0);
		assert_int_equal(mr_postbox_in_force(&world.postbox), 0);
		assert_int_equal(handle(stage), 1);
		mr_postbox_work(&world.postbox);
	}
	assert_int_equal(mr_postbox_in_force(&world.postbox), 1);
	assert_int_equal(world.applied_count, 1);
	assert_true(mr_postbox_idle(&world.postbox));
}

static void later_message_in_force_does_not_put_an_earlier_one_in_force(void **state)
{
	(void)state;
	post(1, 1);
	post(2, 2);
	mr_postbox_work(&world.postbox);
	assert_int_equal(handle(1), 2);
	mr_postbox_work(&world.postbox);
	assert_int_equal(world.applied[0], 2);
	assert_int_equal(mr_postbox_in_force(&world.postbox), 0);
	assert_int_equal(handle(0), 1);
	mr_postbox_work(&world.postbox);
	assert_int_equal(mr_postbox_in_force(&world.postbox), 2);
}

static void full_ring_delays_and_never_reorders(void **state)
{
	(void)state;
	for (uint64_t tag = 1; tag <= 10; tag++)
		post(tag % 2 == 0 ? 3 : 1, tag);
	uint32_t told[16];
	uint32_t count = 0;
	for (uint32_t round = 0; round < 40 && count < 10; round++) {
		mr_postbox_work(&world.postbox);
		uint32_t reason = handle(0);
		if (reason != 0)
			told[count++] = reason;
		if (round % 3 == 0)
			(void)handle(1);
	}
	assert_int_equal(count, 10);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(told[i], i + 1);
}

static void memory_is_used_again_only_after_all_have_applied_it(void **state)
{
	(void)state;
	struct mr_post *kept[MR_POSTS_MAX];
	post(5, 9);
	mr_postbox_work(&world.postbox);
	assert_int_equal(handle(0), 9);
	mr_postbox_work(&world.postbox);
	for (uint32_t i = 0; i < MR_POSTS_MAX - 1; i++) {
		kept[i] = mr_postbox_take(&world.postbox);
		assert_non_null(kept[i]);
	}
	assert_null(mr_postbox_take(&world.postbox)); // the one under way is not handed out
	assert_int_equal(handle(2), 9); // and still says what it said
	mr_postbox_work(&world.postbox);
	assert_non_null(mr_postbox_take(&world.postbox));
	mr_postbox_give_back(&world.postbox, kept[0]);
	assert_ptr_equal(mr_postbox_take(&world.postbox), kept[0]);
}

static void post_again(void *owner, const struct mr_post *done)
{
	note_applied(owner, done);
	if (done->tag < 3)
		post(1, done->tag + 1);
}

static void applied_may_send_the_next_message(void **state)
{
	(void)state;
	struct mr_stage_set set = {.bits = {1}};
	mr_postbox_send(
		&world.postbox, mr_postbox_take(&world.postbox), set, post_again, &world, 2);
	for (uint32_t round = 0; round < 4; round++) {
		mr_postbox_work(&world.postbox);
		(void)handle(0);
	}
	mr_postbox_work(&world.postbox);
	assert_int_equal(world.applied_count, 2);
	assert_int_equal(world.applied[1], 3);
	assert_true(mr_postbox_idle(&world.postbox));
}

static void planning_arena_counts_the_messages(void **state)
{
	(void)state;
	struct mr_arena plan;
	struct mr_postbox postbox;
	mr_arena_plan(&plan);
	assert_false(mr_postbox_init(&postbox, &plan));
	assert_true(plan.used >= MR_POSTS_MAX * sizeof(struct mr_post));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			generation_is_in_force_only_when_all_stages_have_applied_it, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			later_message_in_force_does_not_put_an_earlier_one_in_force, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			full_ring_delays_and_never_reorders, setup, teardown),
		cmocka_unit_test_setup_teardown(
			memory_is_used_again_only_after_all_have_applied_it, setup, teardown),
		cmocka_unit_test_setup_teardown(applied_may_send_the_next_message, setup, teardown),
		cmocka_unit_test(planning_arena_counts_the_messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
