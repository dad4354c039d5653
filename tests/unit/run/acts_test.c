// Bans, pauses and purges of the router: what the stages are told, when it counts, what ends by
// itself, and what the journal gives back.
#include "acts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <millrace/reason.h>

#include "record_codec.h"

enum { STAGES = 3, RING = 512, SOURCE = 0, SHARD = 1, DELIVERY = 2, STREAM_BYTES = 1 << 20 };
#define SECOND INT64_C(1000000000)
#define WALL   (INT64_C(1700000000) * SECOND)

struct world {
	struct mr_arena arena;
	struct mr_postbox postbox;
	struct mr_ring *rings[STAGES];
	mr_counter generations[STAGES];
	struct mr_stream stream;
	struct mr_journal_board board;
	struct mr_owner_board owner;
	struct mr_node node;
	struct mr_segment segment;
	struct mr_throttle_board *boards[1];
	struct mr_acts acts;
	mr_counter bans, paused;
	struct mr_now now;
};

static struct world world;

static void begin(void)
{
	const struct mr_segment_layout layout = {
		.shards = 1, .deliveries = 1, .stages_count = STAGES, .webhooks_max = 1};
	struct mr_acts_config config = {.postbox = &world.postbox,
		.node = &world.node,
		.all.bits = {7},
		.workers.bits = {6},
		.bans = &world.bans,
		.paused = &world.paused};
	assert_int_equal(mr_arena_open(&world.arena, 32 << 20, false), 0);
	assert_int_equal(mr_segment_open(&world.segment, &layout), 0);
	assert_true(mr_postbox_init(&world.postbox, &world.arena));
	for (uint32_t i = 0; i < STAGES; i++) {
		world.rings[i] = mr_ring_new(&world.arena, "ring", RING);
		mr_postbox_stage(&world.postbox, i, world.rings[i], &world.generations[i]);
	}
	assert_true(mr_stream_init(&world.stream, &world.arena, 7, STREAM_BYTES, MR_STREAM_START));
	world.node = (struct mr_node){
		.stream = &world.stream, .journal = &world.board, .owner = &world.owner};
	world.boards[0] = mr_arena_array(&world.arena, "board", struct mr_throttle_board, 1);
	assert_true(mr_acts_init(&world.acts, &world.arena, &config));
	assert_true(mr_recent_init(&world.acts.recent, &world.arena, &world.segment, 1));
	assert_true(mr_throttles_init(&world.acts.throttles, &world.arena, world.boards, 1));
	world.now = (struct mr_now){.mono_ns = 1, .wall_ns = WALL};
}

static int setup(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	begin();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mr_segment_close(&world.segment);
	mr_arena_close(&world.arena);
	return 0;
}

static void work(void)
{
	world.node.wall_ns = world.now.wall_ns;
	(void)mr_acts_work(&world.acts, world.now);
	(void)mr_postbox_work(&world.postbox);
}

static void pass(int64_t ns)
{
	world.now.mono_ns += (uint64_t)ns;
	world.now.wall_ns += ns;
	work();
}

static void make_durable(void)
{
	atomic_store_explicit(
		&world.stream.watermark, mr_stream_next(&world.stream), memory_order_release);
}

// The next message to a stage, in force there from now on; its kind, 0: none.
static uint32_t hear(uint32_t stage, struct mr_steward_msg *ret_msg)
{
	struct mr_desc desc;
	if (mr_ring_pop_burst(world.rings[stage], &desc, 1) == 0)
		return 0;
	*ret_msg = *(const struct mr_steward_msg *)(uintptr_t)desc.word[0];
	atomic_store_explicit(&world.generations[stage], ret_msg->generation, memory_order_release);
	return ret_msg->kind;
}

static void hear_all(void)
{
	static struct mr_steward_msg msg;
	for (uint32_t stage = 0; stage < STAGES; stage++)
		while (hear(stage, &msg) != 0)
			;
}

static void settle(void)
{
	for (uint32_t i = 0; i < 4; i++) {
		work();
		hear_all();
		make_durable();
	}
	work();
}

static struct mr_order *ban(uint32_t kind, uint64_t id, uint8_t mode)
{
	struct mr_order *order = mr_acts_order(&world.acts, MR_ACT_BANNED);
	assert_non_null(order);
	order->act.ban.rule = (struct mr_ban_rule){.scope = {.id = id, .kind = kind}, .mode = mode};
	if (mode == MR_BAN_THROTTLE)
		order->act.ban.rule.rate = 100;
	snprintf(order->act.ban.author, sizeof(order->act.ban.author), "ann");
	return order;
}

static struct mr_order *unban(uint32_t kind, uint64_t id)
{
	struct mr_order *order = mr_acts_order(&world.acts, MR_ACT_UNBANNED);
	assert_non_null(order);
	order->act.ban.rule.scope = (struct mr_scope){.id = id, .kind = kind};
	return order;
}

static struct mr_order *pause(enum mr_act_kind kind, uint32_t what)
{
	struct mr_order *order = mr_acts_order(&world.acts, kind);
	assert_non_null(order);
	order->act.subject = what;
	return order;
}

static uint32_t acts_count(void)
{
	static struct mr_control_acts page;
	mr_act_log_page(&world.acts.log, 0, &page);
	return page.count;
}

static const struct mr_act *act(uint32_t number)
{
	static struct mr_control_acts page;
	mr_act_log_page(&world.acts.log, number - 1, &page);
	assert_true(page.count > 0);
	return &page.acts[0];
}

// -- In force and durable

static void ban_is_answered_when_every_stage_has_it_and_the_journal_too(void **state)
{
	(void)state;
	static struct mr_steward_msg msg;
	struct mr_order *order = ban(MR_SCOPE_OBJECT, 5, MR_BAN_DROP);
	work();
	for (uint32_t stage = 0; stage < STAGES; stage++) {
		assert_int_equal(order->state, MR_ORDER_SENT);
		assert_int_equal(hear(stage, &msg), MR_STEWARD_BAN);
		assert_int_equal(msg.ban.rule.scope.id, 5);
		work();
	}
	assert_int_equal(order->state, MR_ORDER_SENT); // in force, and not durable
	assert_int_equal(acts_count(), 0);
	make_durable();
	work();
	assert_int_equal(order->state, MR_ORDER_DONE);
	assert_int_equal(order->effect.result, 0);
	assert_int_equal(order->effect.id, 1);
	assert_int_equal(act(1)->kind, MR_ACT_BANNED);
	assert_int_equal(mr_read(&world.bans), 1);
	assert_true(mr_acts_idle(&world.acts));
}

static void record_alone_is_not_enough(void **state)
{
	(void)state;
	struct mr_order *order = ban(MR_SCOPE_APP, 5, MR_BAN_HOLD);
	work();
	make_durable();
	work();
	assert_int_equal(order->state, MR_ORDER_SENT);
	hear_all();
	work();
	assert_int_equal(order->state, MR_ORDER_DONE);
}

static void stage_or_journal_that_does_not_answer_is_named_after_three_seconds(void **state)
{
	(void)state;
	struct mr_order *order = ban(MR_SCOPE_APP, 5, MR_BAN_DROP);
	work();
	pass(2900 * SECOND / 1000);
	assert_int_equal(order->state, MR_ORDER_SENT);
	pass(SECOND / 10);
	assert_int_equal(order->effect.result, -ETIMEDOUT);
	assert_non_null(strstr(order->effect.message, "not in force on every stage"));
	order = ban(MR_SCOPE_APP, 6, MR_BAN_DROP);
	work();
	hear_all();
	pass(3 * SECOND);
	assert_int_equal(order->effect.result, -ETIMEDOUT);
	assert_non_null(strstr(order->effect.message, "not durable"));
	assert_int_equal(act(2)->result, ETIMEDOUT);
	assert_int_equal(mr_read(&world.bans), 2); // they are not taken back
}

static void later_ban_of_a_scope_takes_the_place_of_the_first(void **state)
{
	(void)state;
	(void)ban(MR_SCOPE_USER, 9, MR_BAN_DROP);
	settle();
	struct mr_order *order = ban(MR_SCOPE_USER, 9, MR_BAN_HOLD);
	settle();
	assert_int_equal(order->effect.replaced, 1);
	assert_int_equal(order->effect.id, 2);
	assert_int_equal(mr_read(&world.bans), 1);
	assert_int_equal(world.acts.bans.bans[0].ban.rule.mode, MR_BAN_HOLD);
}

static void same_ban_again_changes_nothing_and_is_no_act(void **state)
{
	(void)state;
	(void)ban(MR_SCOPE_USER, 9, MR_BAN_DROP);
	struct mr_order *again = ban(MR_SCOPE_USER, 9, MR_BAN_DROP);
	work();
	assert_int_equal(again->state, MR_ORDER_SENT); // not before the first one is in force
	settle();
	assert_int_equal(again->effect.result, 0);
	assert_int_equal(again->effect.id, 1);
	assert_int_equal(acts_count(), 1);
}

static void what_is_not_banned_cannot_be_lifted(void **state)
{
	(void)state;
	struct mr_order *order = unban(MR_SCOPE_OBJECT, 4);
	settle();
	assert_int_equal(order->effect.result, -ENOENT);
	assert_non_null(strstr(order->effect.message, "object 4 is not banned"));
	(void)ban(MR_SCOPE_OBJECT, 4, MR_BAN_DROP);
	order = unban(MR_SCOPE_OBJECT, 4); // in the order in which they came
	settle();
	assert_int_equal(order->effect.result, 0);
	assert_int_equal(mr_read(&world.bans), 0);
	assert_int_equal(act(2)->kind, MR_ACT_UNBANNED);
}

static void full_list_of_bans_says_so_and_takes_replacements(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= MR_BANS_MAX; i++) {
		(void)ban(MR_SCOPE_OBJECT, i, MR_BAN_DROP);
		if (i % 32 == 0)
			settle();
		mr_stream_retire(&world.stream, mr_stream_watermark(&world.stream));
	}
	settle();
	struct mr_order *order = ban(MR_SCOPE_OBJECT, MR_BANS_MAX + 1, MR_BAN_DROP);
	settle();
	assert_int_equal(order->effect.result, -ENOSPC);
	mr_stream_retire(&world.stream, mr_stream_watermark(&world.stream));
	order = ban(MR_SCOPE_OBJECT, 7, MR_BAN_HOLD);
	settle();
	assert_int_equal(order->effect.result, 0);
	assert_int_equal(order->effect.replaced, 1);
}

static void orders_wait_for_room_in_the_node_stream_in_their_order(void **state)
{
	(void)state;
	struct mr_ban filler = {.id = 999};
	while (mr_node_has_room(&world.node))
		(void)mr_node_ban(&world.node, &filler, 0);
	struct mr_order *first = ban(MR_SCOPE_APP, 1, MR_BAN_DROP);
	struct mr_order *second = unban(MR_SCOPE_APP, 1);
	work();
	assert_int_equal(first->state, MR_ORDER_WAITING);
	assert_int_equal(second->state, MR_ORDER_WAITING);
	make_durable();
	mr_stream_retire(&world.stream, mr_stream_watermark(&world.stream));
	settle();
	assert_int_equal(first->effect.result, 0);
	assert_int_equal(second->effect.result, 0);
}

static void order_that_finds_no_room_is_answered_after_three_seconds_and_comes_not_later(
	void **state)
{
	(void)state;
	struct mr_ban filler = {.id = 999};
	struct mr_order *order = ban(MR_SCOPE_APP, 1, MR_BAN_DROP);
	order->ttl_ns = (uint64_t)SECOND;
	settle();
	while (mr_node_has_room(&world.node))
		(void)mr_node_ban(&world.node, &filler, 0);
	order = ban(MR_SCOPE_APP, 2, MR_BAN_DROP);
	work();
	assert_int_equal(order->state, MR_ORDER_WAITING);
	for (uint32_t i = 0; i < 3; i++)
		pass(SECOND);
	assert_int_equal(order->effect.result, -EAGAIN);
	assert_non_null(strstr(order->effect.message, "nothing was changed"));
	for (uint32_t i = 0; i < MR_ORDERS_MAX; i++)
		pass(SECOND); // the first one has ended, and is found again and again
	assert_non_null(world.acts.free);
	make_durable();
	mr_stream_retire(&world.stream, mr_stream_watermark(&world.stream));
	settle();
	pass(SECOND);
	settle();
	assert_int_equal(mr_read(&world.bans), 0);
}

static void too_many_orders_are_turned_away(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < MR_ORDERS_MAX; i++)
		(void)ban(MR_SCOPE_APP, i + 1, MR_BAN_DROP);
	assert_null(mr_acts_order(&world.acts, MR_ACT_BANNED));
	settle();
	assert_non_null(mr_acts_order(&world.acts, MR_ACT_BANNED));
}

// -- Time

static void ban_ends_with_its_time_to_live(void **state)
{
	(void)state;
	struct mr_order *order = ban(MR_SCOPE_APP, 3, MR_BAN_DROP);
	order->ttl_ns = (uint64_t)(5 * SECOND);
	settle();
	pass(4 * SECOND);
	settle();
	assert_int_equal(mr_read(&world.bans), 1);
	pass(2 * SECOND);
	settle();
	assert_int_equal(mr_read(&world.bans), 0);
	assert_int_equal(act(2)->kind, MR_ACT_BAN_EXPIRED);
	assert_int_equal(acts_count(), 2);
	pass(2 * SECOND);
	settle();
	assert_int_equal(acts_count(), 2); // once
}

static void pause_adds_up_ends_by_itself_and_is_resumed(void **state)
{
	(void)state;
	static struct mr_steward_msg msg;
	struct mr_order *order = pause(MR_ACT_PAUSED, MR_PAUSE_DELIVERY);
	order->ttl_ns = (uint64_t)(2 * SECOND);
	settle();
	(void)pause(MR_ACT_PAUSED, MR_PAUSE_INGEST);
	work();
	assert_int_equal(hear(SHARD, &msg), MR_STEWARD_STOP);
	assert_int_equal(msg.stopped, MR_PAUSE_DELIVERY | MR_PAUSE_INGEST);
	assert_int_equal(hear(SOURCE, &msg), 0);
	settle();
	assert_int_equal(mr_read(&world.paused), MR_PAUSE_DELIVERY | MR_PAUSE_INGEST);
	pass(3 * SECOND);
	settle();
	assert_int_equal(mr_read(&world.paused), MR_PAUSE_INGEST);
	assert_int_equal(act(3)->kind, MR_ACT_PAUSE_EXPIRED);
	order = pause(MR_ACT_RESUMED, MR_PAUSE_ALL);
	settle();
	assert_int_equal(order->effect.result, 0);
	assert_int_equal(act(4)->subject, MR_PAUSE_INGEST);
	order = pause(MR_ACT_RESUMED, MR_PAUSE_ALL);
	settle();
	assert_int_equal(order->effect.result, -ENOENT);
}

// -- Surveys

static void end_survey(uint32_t stage, uint64_t events, uint64_t deliveries)
{
	static struct mr_steward_msg msg;
	uint32_t kind = 0;
	while (kind != MR_STEWARD_SURVEY) {
		kind = hear(stage, &msg);
		assert_int_not_equal(kind, 0);
	}
	msg.survey->parts[stage].events = events;
	msg.survey->parts[stage].deliveries = deliveries;
	msg.survey->parts[stage].webhooks = deliveries > 0;
	atomic_store_explicit(&msg.survey->parts[stage].done, 1, memory_order_release);
}

static void dry_run_counts_and_changes_nothing(void **state)
{
	(void)state;
	struct mr_order *order = ban(MR_SCOPE_OBJECT, 5, MR_BAN_DROP);
	order->flags = MR_ACT_DRY_RUN | MR_ACT_PURGE;
	work();
	assert_int_equal(world.acts.survey->drop_reason, MR_REASON_OK);
	end_survey(SHARD, 70, 0);
	work();
	assert_int_equal(order->state, MR_ORDER_WALKING);
	end_survey(DELIVERY, 0, 30);
	work();
	assert_int_equal(order->state, MR_ORDER_DONE);
	assert_int_equal(order->effect.queued_events, 70);
	assert_int_equal(order->effect.pending_deliveries, 30);
	assert_int_equal(order->effect.webhooks, 1);
	assert_int_equal(mr_read(&world.bans), 0);
	assert_int_equal(acts_count(), 0);
}

static void ban_with_purge_is_answered_before_the_walk_and_is_two_acts(void **state)
{
	(void)state;
	struct mr_order *order = ban(MR_SCOPE_OBJECT, 5, MR_BAN_DROP);
	order->flags = MR_ACT_PURGE;
	work();
	hear_all();
	make_durable();
	work();
	assert_int_equal(acts_count(), 1);
	work();
	assert_int_equal(world.acts.survey->drop_reason, MR_REASON_BANNED_PENDING);
	end_survey(SHARD, 2, 0);
	end_survey(DELIVERY, 0, 3);
	work();
	assert_int_equal(act(2)->kind, MR_ACT_PURGED);
	assert_int_equal(act(2)->subject, 5);
	assert_true(mr_acts_idle(&world.acts));
}

static void surveys_take_turns(void **state)
{
	(void)state;
	struct mr_order *first = mr_acts_order(&world.acts, MR_ACT_PURGED);
	struct mr_order *second = mr_acts_order(&world.acts, MR_ACT_PURGED);
	first->act.ban.rule.scope = (struct mr_scope){.id = 1, .kind = MR_SCOPE_APP};
	second->act.ban.rule.scope = (struct mr_scope){.id = 2, .kind = MR_SCOPE_APP};
	work();
	work();
	assert_int_equal(world.acts.survey->scope.id, 1);
	assert_int_equal(world.acts.survey->drop_reason, MR_REASON_PURGED);
	assert_int_equal(second->state, MR_ORDER_SURVEY);
	end_survey(SHARD, 1, 0);
	end_survey(DELIVERY, 0, 0);
	work();
	assert_int_equal(first->state, MR_ORDER_DONE);
	work();
	assert_int_equal(world.acts.survey->scope.id, 2);
	end_survey(SHARD, 0, 0);
	end_survey(DELIVERY, 0, 0);
	work();
	assert_int_equal(second->state, MR_ORDER_DONE);
}

// -- The journal

static uint8_t kept[1 << 16];
static uint32_t kept_bytes;

// What stands in the node stream from `from` on.
static void keep(uint64_t from)
{
	kept_bytes = (uint32_t)(mr_stream_next(&world.stream) - from);
	assert_true(kept_bytes <= sizeof(kept));
	assert_true(mr_stream_read(&world.stream, from, kept, kept_bytes));
}

// A new steward hears it, but for the ban that is lifted in it.
static void restart_with(uint64_t without)
{
	const struct mr_now now = world.now;
	(void)teardown(NULL);
	memset(&world, 0, sizeof(world));
	begin();
	world.now = now;
	for (uint32_t at = 0; at < kept_bytes;) {
		const struct mr_record *record = (const void *)(kept + at);
		const struct mr_record_ban *ban = (const void *)record;
		assert_int_equal(mr_record_check(record, kept_bytes - at), 0);
		if (record->kind == MR_RECORD_PAUSE || ban->ban.id != without
			|| ban->ban.rule.scope.kind == MR_SCOPE_NONE)
			mr_acts_recover(&world.acts, record);
		at += record->length;
	}
}

static void checkpoint_brings_all_back_ahead_of_everything(void **state)
{
	(void)state;
	static struct mr_steward_msg msg;
	(void)ban(MR_SCOPE_OBJECT, 5, MR_BAN_DROP);
	(void)ban(MR_SCOPE_APP, 6, MR_BAN_THROTTLE);
	(void)ban(MR_SCOPE_APP, 7, MR_BAN_DROP);
	(void)unban(MR_SCOPE_APP, 7);
	(void)pause(MR_ACT_PAUSED, MR_PAUSE_DISTRIBUTION);
	settle();
	const uint64_t from = mr_stream_next(&world.stream);
	uint64_t after = 0;
	while (!mr_acts_record(&world.acts, &after))
		;
	keep(from);
	restart_with(0);
	assert_false(mr_acts_restored(&world.acts));
	struct mr_order *order = ban(MR_SCOPE_USER, 1, MR_BAN_DROP);
	work();
	assert_true(mr_acts_restored(&world.acts));
	assert_int_equal(hear(SHARD, &msg), MR_STEWARD_BAN);
	assert_int_equal(msg.ban.rule.scope.id, 5);
	assert_int_equal(hear(SHARD, &msg), MR_STEWARD_BAN);
	assert_int_equal(msg.ban.rule.rate, 100);
	assert_int_equal(hear(SHARD, &msg), MR_STEWARD_STOP);
	assert_int_equal(msg.stopped, MR_PAUSE_DISTRIBUTION);
	settle();
	assert_int_equal(order->effect.id, 4); // the id of the lifted one is not given out again
	assert_int_equal(mr_read(&world.paused), MR_PAUSE_DISTRIBUTION);
}

static void what_has_ended_meanwhile_does_not_come_back(void **state)
{
	(void)state;
	struct mr_order *order = ban(MR_SCOPE_OBJECT, 5, MR_BAN_DROP);
	order->ttl_ns = (uint64_t)(60 * SECOND);
	const uint64_t from = mr_stream_next(&world.stream);
	settle();
	keep(from);
	world.now.wall_ns += 61 * SECOND;
	restart_with(0);
	settle();
	assert_int_equal(mr_read(&world.bans), 0);
	assert_int_equal(act(1)->kind, MR_ACT_BAN_EXPIRED);
}

static void newer_ban_of_a_scope_wins_when_the_end_of_the_older_was_lost(void **state)
{
	(void)state;
	const uint64_t from = mr_stream_next(&world.stream);
	(void)ban(MR_SCOPE_OBJECT, 5, MR_BAN_DROP);
	settle();
	(void)ban(MR_SCOPE_OBJECT, 5, MR_BAN_HOLD);
	settle();
	keep(from);
	kept_bytes -= (uint32_t)sizeof(struct mr_record_ban); // torn off there
	restart_with(0);
	settle();
	assert_int_equal(mr_read(&world.bans), 1);
	assert_int_equal(world.acts.bans.bans[0].ban.id, 2);
	assert_int_equal(world.acts.bans.bans[0].ban.rule.mode, MR_BAN_HOLD);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(ban_is_answered_when_every_stage_has_it_and_the_journal_too),
		TEST(record_alone_is_not_enough),
		TEST(stage_or_journal_that_does_not_answer_is_named_after_three_seconds),
		TEST(later_ban_of_a_scope_takes_the_place_of_the_first),
		TEST(same_ban_again_changes_nothing_and_is_no_act),
		TEST(what_is_not_banned_cannot_be_lifted),
		TEST(full_list_of_bans_says_so_and_takes_replacements),
		TEST(orders_wait_for_room_in_the_node_stream_in_their_order),
		TEST(order_that_finds_no_room_is_answered_after_three_seconds_and_comes_not_later),
		TEST(too_many_orders_are_turned_away),
		TEST(ban_ends_with_its_time_to_live),
		TEST(pause_adds_up_ends_by_itself_and_is_resumed),
		TEST(dry_run_counts_and_changes_nothing),
		TEST(ban_with_purge_is_answered_before_the_walk_and_is_two_acts),
		TEST(surveys_take_turns),
		TEST(checkpoint_brings_all_back_ahead_of_everything),
		TEST(what_has_ended_meanwhile_does_not_come_back),
		TEST(newer_ban_of_a_scope_wins_when_the_end_of_the_older_was_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
