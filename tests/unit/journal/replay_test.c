// The rules of ADR 13, each a claim about what a sequence of records leaves.
#include "replay.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "history.h"
#include "record_codec.h"
#include "replay_state.h"

enum { SHARD = 10, OTHER_SHARD = 11, DELIVERY = 12, NODE = 13, WEBHOOK = 501, OTHER = 502 };

static const uint64_t one[] = {WEBHOOK, 0};
static const uint64_t both[] = {WEBHOOK, OTHER, 0};

static void expect_events(struct history *history, const mr_position *expected,
	const uint32_t *expected_hops, uint32_t expected_count)
{
	struct mr_replay_event *events = NULL;
	uint32_t count = 0;
	const struct mr_replay_source source = history_source(history);
	assert_int_equal(mr_replay_events(history->replay, &source, &events, &count), 0);
	assert_int_equal(count, expected_count);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(events[i].position, expected[i]);
		assert_int_equal(events[i].hops, expected_hops[i]);
	}
	free(events);
}

static struct mr_replay_lane lane_of(struct history *history, uint64_t webhook, uint32_t in_flight)
{
	struct mr_replay_lane lane;
	const struct mr_replay_source source = history_source(history);
	for (uint32_t i = 0; i < mr_replay_lanes(history->replay); i++) {
		if (mr_replay_lane_webhook(history->replay, i) != webhook)
			continue;
		assert_int_equal(mr_replay_lane(history->replay, i, in_flight, &source, &lane), 0);
		return lane;
	}
	fail_msg("no lane");
	return (struct mr_replay_lane){0};
}

static void expect_items(const struct mr_replay_sublane *sublane, const mr_position *expected)
{
	for (uint32_t i = 0; i < sublane->count; i++)
		assert_int_equal(sublane->items[i].position, expected[i]);
	assert_int_equal(expected[sublane->count], 0);
}

static mr_position event(struct history *history, uint64_t object, uint64_t sequence)
{
	return history_event(history, SHARD,
		&(struct history_event){
			.object = object, .sequence = sequence, .ancestors = {900, 901}});
}

// -- Events

static void an_event_waits_until_a_record_says_distributed(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	const mr_position a = event(&history, 100, 1);
	const mr_position b = event(&history, 101, 2);
	history_distributed(&history, SHARD, a);
	expect_events(&history, (mr_position[]){b}, (uint32_t[]){0}, 1);
	history_close(&history);
}

static void a_hop_with_a_match_record_is_done_and_the_others_are_not(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	const mr_position a = event(&history, 100, 1);
	history_match(&history, OTHER_SHARD, a, 1, 3, one);
	history_match(&history, SHARD, a, MR_VIA_OBJECT, 3, one);
	expect_events(
		&history, (mr_position[]){a}, (uint32_t[]){2 | (uint32_t)MR_REPLAY_HOP_OBJECT}, 1);
	history_close(&history);
}

// The webhook was added between the two: `a` found nothing at 900, `b` did. `b` is answered at all
// its hops and `a` is not: without the rule the webhook would hear of `a` after `b`.
static void an_earlier_event_is_done_where_a_later_one_is(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	const mr_position a = event(&history, 100, 1);
	const mr_position other = event(&history, 101, 2);
	const mr_position b = event(&history, 100, 3);
	history_match(&history, OTHER_SHARD, b, 0, 3, one);
	history_distributed(&history, SHARD, b);
	expect_events(&history, (mr_position[]){a, other}, (uint32_t[]){1, 0}, 2);
	history_close(&history);
}

static void a_later_event_is_not_done_where_an_earlier_one_is(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	const mr_position a = event(&history, 100, 1);
	const mr_position b = event(&history, 100, 2);
	history_match(&history, OTHER_SHARD, a, 0, 3, one);
	expect_events(&history, (mr_position[]){a, b}, (uint32_t[]){1, 0}, 2);
	history_close(&history);
}

static void distributed_events_that_no_earlier_one_needs_are_forgotten(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	for (uint64_t i = 1; i < 1000; i++) {
		const mr_position a = event(&history, 100, i);
		history_match(&history, OTHER_SHARD, a, 0, 3, one);
		history_distributed(&history, SHARD, a);
	}
	assert_in_range(history.replay->events.used, 1, 64);
	expect_events(&history, NULL, NULL, 0);
	history_close(&history);
}

static void a_checkpoint_brings_events_from_before_the_replayed_frames(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	const mr_position a = event(&history, 100, 1);
	const mr_position b = event(&history, 100, 2);
	const mr_position c = event(&history, 100, 3);
	const uint32_t from = history.count;
	// Another shard's match record may come in an earlier frame than the list.
	history_match(&history, OTHER_SHARD, a, 0, 3, one);
	history_queued(&history, SHARD, a);
	history_queued(&history, SHARD, b);
	history_match(&history, OTHER_SHARD, c, 1, 3, one); // under way as the checkpoint began
	history_distributed(&history, SHARD, c);
	history_replay(&history, from, history.count);
	expect_events(&history, (mr_position[]){a, b}, (uint32_t[]){1, 0}, 2);
	history_close(&history);
}

static void a_copied_event_keeps_the_hops_of_earlier_boots(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	const mr_position a = history_event(&history, SHARD,
		&(struct history_event){.object = 100,
			.sequence = 9,
			.ancestors = {900, 901},
			.flags = MR_EVENT_COPIED | MR_EVENT_OBJECT_DONE,
			.hops_done = 2});
	expect_events(
		&history, (mr_position[]){a}, (uint32_t[]){2 | (uint32_t)MR_REPLAY_HOP_OBJECT}, 1);
	assert_int_equal(mr_replay_flows(history.replay), 0); // no window of its own
	history_close(&history);
}

static void only_its_own_shard_gives_up_a_whole_event(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	const mr_position a = event(&history, 100, 1);
	const mr_position b = event(&history, 101, 2);
	history_dropped(&history, DELIVERY, a, 0); // a delivery of a webhook that was gone
	history_dropped(&history, SHARD, b, 0);
	expect_events(&history, (mr_position[]){a}, (uint32_t[]){0}, 1);
	history_close(&history);
}

// -- Sessions and windows

// A window of zeros when there is none.
static const struct mr_replay_flow *flow_of(const struct history *history, uint16_t flow)
{
	static const struct mr_replay_flow none;
	uint32_t session = 0;
	for (uint32_t i = 0; i < mr_replay_flows(history->replay); i++) {
		const struct mr_replay_flow *found = mr_replay_flow(history->replay, i, &session);
		if (found != NULL && found->flow == flow)
			return found;
	}
	return &none;
}

static bool is_accepted(const struct mr_replay_flow *flow, uint64_t sequence)
{
	return (flow->accepted[sequence % MR_WINDOW_MAX / 64] >> sequence % 64 & 1) != 0;
}

static void accept(struct history *history, uint16_t flow, uint64_t sequence)
{
	history_event(history, SHARD,
		&(struct history_event){.object = 100, .sequence = sequence, .flow = flow});
}

static void a_window_has_holes_where_sequences_were_refused(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	history_session(&history, NODE, 1, 1, false);
	accept(&history, 3, 1);
	accept(&history, 3, 2);
	accept(&history, 3, 5);
	const struct mr_replay_flow *flow = flow_of(&history, 3);
	assert_int_equal(flow->next, 6);
	const bool expected[] = {false, true, true, false, false, true};
	for (uint64_t s = 1; s < 6; s++)
		assert_int_equal(is_accepted(flow, s), expected[s]);
	history_close(&history);
}

static void a_window_moves_over_what_it_held_before(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	history_session(&history, NODE, 1, 1, false);
	for (uint64_t s = 1; s <= 100; s++)
		accept(&history, 3, s);
	accept(&history, 3, MR_WINDOW_MAX + 50); // 1 .. 50 fall out; 51 .. 100 are in
	const struct mr_replay_flow *flow = flow_of(&history, 3);
	for (uint64_t s = 51; s <= MR_WINDOW_MAX + 50; s++)
		assert_int_equal(is_accepted(flow, s), s <= 100 || s == MR_WINDOW_MAX + 50);
	accept(&history, 3, 5 * MR_WINDOW_MAX);
	flow = flow_of(&history, 3);
	for (uint64_t s = 4 * MR_WINDOW_MAX + 1; s < 5 * MR_WINDOW_MAX; s++)
		assert_false(is_accepted(flow, s));
	assert_true(is_accepted(flow, 5 * MR_WINDOW_MAX));
	history_close(&history);
}

static void a_checkpoint_replaces_a_window(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	history_session(&history, NODE, 1, 1, false);
	accept(&history, 3, 20);
	uint64_t accepted[MR_WINDOW_MAX / 64] = {UINT64_C(1) << 18 | UINT64_C(1) << 20};
	history_checkpoint(&history, SHARD, 1, 3, 23, accepted);
	accept(&history, 3, 24);
	const struct mr_replay_flow *flow = flow_of(&history, 3);
	assert_int_equal(flow->next, 25);
	for (uint64_t s = 17; s < 25; s++)
		assert_int_equal(is_accepted(flow, s), s == 18 || s == 20 || s == 24);
	history_close(&history);
}

static void a_closed_session_takes_its_windows_along(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	history_session(&history, NODE, 1, 1, false);
	history_session(&history, NODE, 2, 1, false);
	accept(&history, 3, 1);
	history_session(&history, NODE, 1, 1, true);
	assert_int_equal(flow_of(&history, 3)->next, 0);
	uint32_t open = 0;
	for (uint32_t i = 0; i < mr_replay_sessions(history.replay); i++) {
		const struct mr_replay_session *session = mr_replay_session(history.replay, i);
		if (session == NULL)
			continue;
		assert_int_equal(session->session_id, 2);
		assert_int_equal(session->key_id, 9);
		open++;
	}
	assert_int_equal(open, 1);
	// Opened again under another epoch: a window of the earlier one is none of it.
	accept(&history, 4, 7);
	history_session(&history, NODE, 1, 2, false);
	assert_int_equal(flow_of(&history, 4)->next, 0);
	history_close(&history);
}

static void the_last_expiry_of_a_webhook_stands(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	history_expired(&history, NODE, WEBHOOK, 1111);
	history_expired(&history, NODE, WEBHOOK, 2222);
	assert_int_equal(mr_replay_expiries(history.replay), 1);
	assert_int_equal(mr_replay_expiry(history.replay, 0)->entry_hash, 2222);
	history_close(&history);
}

// -- Lanes

static mr_position matched(struct history *history, uint64_t sequence, uint8_t object_hash)
{
	const mr_position a = event(history, 100 + sequence, sequence);
	history_match(history, OTHER_SHARD, a, 0, object_hash, one);
	return a;
}

static void put_webhook(
	struct history *history, uint64_t webhook, uint64_t resource, uint16_t flags)
{
	struct mr_record_webhook record = {.webhook = webhook, .resource = resource};
	history_put(history, 9, &record, sizeof(record), NULL, 0, MR_RECORD_WEBHOOK, flags);
}

static void put_app(struct history *history, uint64_t key_id, uint64_t app, uint16_t flags)
{
	struct mr_record_app record = {.app = app, .key_id = key_id};
	history_put(history, 9, &record, sizeof(record), NULL, 0, MR_RECORD_APP, flags);
}

static void the_last_record_of_a_webhook_or_key_stands_until_one_removes_it(void **state)
{
	(void)state;
	struct history history;
	uint64_t resources = 0, apps = 0;
	history_open(&history);
	put_webhook(&history, 1, 10, 0);
	put_app(&history, 1, 20, 0); // another thing of the same number
	put_webhook(&history, 2, 11, 0);
	put_webhook(&history, 1, 12, MR_WEBHOOK_RECORD_DISABLED);
	put_webhook(&history, 2, 11, MR_WEBHOOK_RECORD_REMOVED);
	put_webhook(&history, 3, 13, MR_WEBHOOK_RECORD_REMOVED); // never heard of
	put_app(&history, 2, 21, 0);
	put_app(&history, 1, 20, MR_APP_RECORD_REMOVED);
	for (uint32_t i = 0; i < mr_replay_kept_count(history.replay); i++) {
		const struct mr_record *record = mr_replay_kept(history.replay, i);
		if (record != NULL && record->kind == MR_RECORD_WEBHOOK)
			resources +=
				((const struct mr_record_webhook *)(const void *)record)->resource;
		else if (record != NULL && record->kind == MR_RECORD_APP)
			apps += ((const struct mr_record_app *)(const void *)record)->app;
	}
	assert_int_equal(resources, 12);
	assert_int_equal(apps, 21);
	history_close(&history);
}

static void put_ban(struct history *history, uint64_t id, struct mr_scope scope, uint16_t flags)
{
	struct mr_record_ban record = {.ban = {.id = id, .rule.scope = scope}};
	history_put(history, 9, &record, sizeof(record), NULL, 0, MR_RECORD_BAN, flags);
}

// A kill may come between the record of a ban and the end of the one whose place it takes: the
// first one must not come back when the second one is lifted.
static void a_scope_has_one_ban_and_the_end_of_an_earlier_one_is_not_its_end(void **state)
{
	(void)state;
	const struct mr_scope user = {.id = 5, .kind = MR_SCOPE_USER};
	const struct mr_scope app = {.id = 5, .kind = MR_SCOPE_APP};
	struct history history;
	uint64_t ids = 0;
	history_open(&history);
	put_ban(&history, 1, user, 0);
	put_ban(&history, 2, user, 0); // the end of the first one was not written any more
	put_ban(&history, 2, user, MR_BAN_RECORD_LIFTED);
	put_ban(&history, 4, app, 0);
	put_ban(&history, 8, app, 0);
	put_ban(&history, 4, app, MR_BAN_RECORD_LIFTED);
	put_ban(&history, 16, (struct mr_scope){0}, 0); // the id that was given out last
	for (uint32_t i = 0; i < mr_replay_kept_count(history.replay); i++) {
		const struct mr_record *record = mr_replay_kept(history.replay, i);
		if (record != NULL)
			ids += ((const struct mr_record_ban *)(const void *)record)->ban.id;
	}
	assert_int_equal(ids, 8 + 16);
	history_close(&history);
}

static void a_match_record_is_owed_to_every_webhook_in_it(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	const mr_position a = event(&history, 100, 1);
	history_match(&history, OTHER_SHARD, a, 0, 3, both);
	const uint64_t webhooks[] = {WEBHOOK, OTHER};
	for (uint32_t i = 0; i < 2; i++) {
		const struct mr_replay_lane lane = lane_of(&history, webhooks[i], 1);
		expect_items(&lane.sublanes[0], (mr_position[]){a, 0});
		assert_int_equal(lane.sublanes[0].batch_number, 0);
	}
	history_close(&history);
}

static void objects_spread_over_the_sublanes_of_today_when_nothing_says_otherwise(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	const mr_position a = matched(&history, 1, 0);
	const mr_position b = matched(&history, 2, 1);
	const mr_position c = matched(&history, 3, 4);
	const struct mr_replay_lane lane = lane_of(&history, WEBHOOK, 4);
	assert_int_equal(lane.sublanes_count, 4);
	expect_items(&lane.sublanes[0], (mr_position[]){a, c, 0});
	expect_items(&lane.sublanes[1], (mr_position[]){b, 0});
	history_close(&history);
}

// With two sub-lanes, and a batch under way in each: today's four would tear objects apart.
static void a_batch_under_way_says_how_many_sublanes_there_were(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	const mr_position a = matched(&history, 1, 2);
	const mr_position b = matched(&history, 2, 3);
	const mr_position c = matched(&history, 3, 2);
	history_batch(&history, DELIVERY, WEBHOOK, 7, 0, (mr_position[]){a, 0});
	history_batch(&history, DELIVERY, WEBHOOK, 8, 1, (mr_position[]){b, 0});
	const struct mr_replay_lane lane = lane_of(&history, WEBHOOK, 4);
	assert_int_equal(lane.sublanes_count, 2);
	assert_int_equal(lane.last_number, 8);
	assert_int_equal(lane.sublanes[0].batch_number, 7);
	assert_int_equal(lane.sublanes[0].batch_count, 1);
	expect_items(&lane.sublanes[0], (mr_position[]){a, c, 0});
	expect_items(&lane.sublanes[1], (mr_position[]){b, 0});
	history_close(&history);
}

static void a_batch_without_progress_comes_first_and_a_settled_one_leaves(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	const mr_position a = matched(&history, 1, 0);
	const mr_position b = matched(&history, 2, 0);
	const mr_position c = matched(&history, 3, 0);
	const mr_position d = matched(&history, 4, 0);
	history_batch(&history, DELIVERY, WEBHOOK, 5, 0, (mr_position[]){a, 0});
	history_progress(&history, DELIVERY, WEBHOOK, 0, 5);
	// From the normal side `b`, from the penalty side `d`.
	history_batch(&history, DELIVERY, WEBHOOK, 6, 0, (mr_position[]){b, d, 0});
	history_progress(&history, DELIVERY, WEBHOOK, 0, 5);
	const struct mr_replay_lane lane = lane_of(&history, WEBHOOK, 1);
	assert_int_equal(lane.sublanes[0].settled_number, 5);
	assert_int_equal(lane.sublanes[0].batch_number, 6);
	assert_int_equal(lane.sublanes[0].batch_count, 2);
	assert_int_equal(lane.sublanes[0].left, 1);
	expect_items(&lane.sublanes[0], (mr_position[]){b, d, c, 0});
	history_close(&history);
}

// The 2xx of the first one was not recorded yet as the next one was.
static void the_next_batch_of_a_sublane_settles_the_one_before(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	const mr_position a = matched(&history, 1, 0);
	const mr_position b = matched(&history, 2, 0);
	history_batch(&history, DELIVERY, WEBHOOK, 5, 0, (mr_position[]){a, 0});
	history_batch(&history, DELIVERY, WEBHOOK, 6, 0, (mr_position[]){b, 0});
	const struct mr_replay_lane lane = lane_of(&history, WEBHOOK, 1);
	assert_int_equal(lane.sublanes[0].settled_number, 5);
	assert_int_equal(lane.sublanes[0].batch_number, 6);
	expect_items(&lane.sublanes[0], (mr_position[]){b, 0});
	history_close(&history);
}

static void a_batch_that_lost_an_entry_is_none_any_more(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	const mr_position a = matched(&history, 1, 0);
	const mr_position b = matched(&history, 2, 0);
	history_batch(&history, DELIVERY, WEBHOOK, 5, 0, (mr_position[]){a, b, 0});
	history_dropped(&history, DELIVERY, a, WEBHOOK);
	const struct mr_replay_lane lane = lane_of(&history, WEBHOOK, 1);
	assert_int_equal(lane.sublanes[0].batch_number, 0);
	assert_int_equal(lane.last_number, 5);
	expect_items(&lane.sublanes[0], (mr_position[]){b, 0});
	history_close(&history);
}

static void a_checkpoint_of_a_lane_replaces_what_it_had_taken(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	const mr_position a = matched(&history, 1, 0);
	const mr_position b = matched(&history, 2, 0);
	const mr_position taken = mr_position_make(OTHER_SHARD, history.ends[OTHER_SHARD]);
	const mr_position c = matched(&history, 3, 0); // durable, and not taken yet
	history_batch(&history, DELIVERY, WEBHOOK, 4, 0, (mr_position[]){a, 0});
	const mr_position old = mr_position_make(3, 8192);
	const struct history_lane states = {.webhook = WEBHOOK,
		.taken = taken,
		.last_number = 9,
		.first_entry = 17,
		.flags = MR_LANE_RECORD_STATE | MR_LANE_RECORD_FIRST,
		.positions = (mr_position[]){old, b, 0}};
	history_lane(&history, DELIVERY, &states);
	history_batch(&history, DELIVERY, WEBHOOK, 9, 0, (mr_position[]){old, 0});
	history_progress(&history, DELIVERY, WEBHOOK, 0, 8);
	struct mr_replay_lane lane = lane_of(&history, WEBHOOK, 1);
	assert_int_equal(lane.sublanes[0].batch_number, 9);
	assert_int_equal(lane.sublanes[0].settled_number, 8);
	assert_int_equal(lane.sublanes[0].left, 17);
	assert_int_equal(lane.last_number, 9);
	expect_items(&lane.sublanes[0], (mr_position[]){old, b, c, 0});
	history_close(&history);
}

static void a_second_checkpoint_replaces_the_first(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	const mr_position old = mr_position_make(3, 8192), older = mr_position_make(3, 4096);
	struct history_lane states = {.webhook = WEBHOOK,
		.flags = MR_LANE_RECORD_STATE | MR_LANE_RECORD_FIRST,
		.positions = (mr_position[]){older, old, 0}};
	history_lane(&history, DELIVERY, &states);
	history_progress(&history, DELIVERY, WEBHOOK, 0, 0);
	const mr_position a = matched(&history, 1, 0);
	states.taken = mr_position_make(OTHER_SHARD, history.ends[OTHER_SHARD]);
	states.positions = (mr_position[]){old, a, 0};
	history_lane(&history, DELIVERY, &states);
	history_progress(&history, DELIVERY, WEBHOOK, 0, 0);
	const struct mr_replay_lane lane = lane_of(&history, WEBHOOK, 1);
	expect_items(&lane.sublanes[0], (mr_position[]){old, a, 0});
	history_close(&history);
}

// The crash came between two frames of one lane's checkpoint.
static void half_a_checkpoint_of_a_lane_says_nothing(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	const mr_position a = matched(&history, 1, 0);
	const mr_position b = matched(&history, 2, 1);
	const struct history_lane states = {.webhook = WEBHOOK,
		.taken = mr_position_make(OTHER_SHARD, history.ends[OTHER_SHARD]),
		.sublanes = 2,
		.flags = MR_LANE_RECORD_STATE | MR_LANE_RECORD_FIRST,
		.positions = (mr_position[]){a, 0}};
	history_lane(&history, DELIVERY, &states);
	history_progress(&history, DELIVERY, WEBHOOK, 0, 0);
	const struct mr_replay_lane lane = lane_of(&history, WEBHOOK, 2);
	expect_items(&lane.sublanes[0], (mr_position[]){a, 0});
	expect_items(&lane.sublanes[1], (mr_position[]){b, 0});
	history_close(&history);
}

// -- Lane records

static void spilling_says_nothing_new(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	const mr_position a = matched(&history, 1, 0);
	const mr_position b = matched(&history, 2, 0);
	history_lane(&history, DELIVERY,
		&(struct history_lane){.webhook = WEBHOOK, .positions = (mr_position[]){a, b, 0}});
	const struct mr_replay_lane lane = lane_of(&history, WEBHOOK, 1);
	expect_items(&lane.sublanes[0], (mr_position[]){a, b, 0});
	history_close(&history);
}

// Entries 1 2 in memory, 3 4 | 5 6 in lane records, 7 the tail.
static mr_position spilled[2];

static void spill(struct history *history)
{
	for (uint32_t i = 0; i < 2; i++)
		spilled[i] = history_lane(history, DELIVERY,
			&(struct history_lane){.webhook = WEBHOOK,
				.positions =
					(mr_position[]){mr_position_make(3, 4096 + 8 * (3 + 2 * i)),
						mr_position_make(3, 4096 + 8 * (4 + 2 * i)), 0}});
	struct history_lane states = {.webhook = WEBHOOK,
		.flags = MR_LANE_RECORD_STATE | MR_LANE_RECORD_FIRST,
		.positions =
			(mr_position[]){mr_position_make(3, 4104), mr_position_make(3, 4112), 0}};
	history_lane(history, DELIVERY, &states);
	states.flags = MR_LANE_RECORD_STATE | MR_LANE_RECORD_INDEX;
	states.positions = (mr_position[]){spilled[0], spilled[1], 0};
	history_lane(history, DELIVERY, &states);
	states.flags = MR_LANE_RECORD_STATE;
	states.positions = (mr_position[]){mr_position_make(3, 4096 + 8 * 7), 0};
	history_lane(history, DELIVERY, &states);
	history_progress(history, DELIVERY, WEBHOOK, 0, 0);
}

static mr_position old_entry(uint64_t number)
{
	return mr_position_make(3, 4096 + 8 * number);
}

static void lane_records_of_a_checkpoint_are_kept_unread(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	spill(&history);
	history_batch(&history, DELIVERY, WEBHOOK, 4, 0, (mr_position[]){old_entry(1), 0});
	history_progress(&history, DELIVERY, WEBHOOK, 0, 4);
	const mr_position a = matched(&history, 1, 0);
	const struct mr_replay_lane lane = lane_of(&history, WEBHOOK, 1);
	expect_items(&lane.sublanes[0],
		(mr_position[]){old_entry(2), spilled[0], spilled[1], old_entry(7), a, 0});
	const bool is_record[] = {false, true, true, false, false};
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(lane.sublanes[0].items[i].is_record, is_record[i]);
	assert_int_equal(history.reads, 0);
	history_close(&history);
}

static void lane_records_are_read_as_far_as_batches_came(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	spill(&history);
	history_batch(&history, DELIVERY, WEBHOOK, 4, 0,
		(mr_position[]){old_entry(1), old_entry(2), old_entry(3), 0});
	history_progress(&history, DELIVERY, WEBHOOK, 0, 4);
	const struct mr_replay_lane lane = lane_of(&history, WEBHOOK, 1);
	expect_items(&lane.sublanes[0], (mr_position[]){old_entry(4), spilled[1], old_entry(7), 0});
	assert_int_equal(history.reads, 1);
	history_close(&history);
}

static void a_batch_out_of_lane_records_comes_first_and_once(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	spill(&history);
	history_batch(&history, DELIVERY, WEBHOOK, 4, 0,
		(mr_position[]){old_entry(1), old_entry(2), old_entry(3), 0});
	const struct mr_replay_lane lane = lane_of(&history, WEBHOOK, 1);
	assert_int_equal(lane.sublanes[0].batch_count, 3);
	expect_items(&lane.sublanes[0],
		(mr_position[]){old_entry(1), old_entry(2), old_entry(3), old_entry(4), spilled[1],
			old_entry(7), 0});
	history_close(&history);
}

static void a_lane_record_that_was_given_up_is_gone_as_a_whole(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	spill(&history);
	history_dropped(&history, DELIVERY, spilled[0], WEBHOOK);
	const struct mr_replay_lane lane = lane_of(&history, WEBHOOK, 1);
	expect_items(&lane.sublanes[0],
		(mr_position[]){old_entry(1), old_entry(2), spilled[1], old_entry(7), 0});
	history_close(&history);
}

// -- Records that cannot be

static void expect_impossible(struct history *history, uint16_t stream, void *record, size_t bytes,
	enum mr_record_kind kind)
{
	mr_record_seal(record, bytes, NULL, 0, kind, 0);
	assert_int_equal(
		mr_replay_record(history->replay, stream, MR_STREAM_START, record), -EBADMSG);
}

static void records_that_cannot_be_are_refused_and_change_nothing(void **state)
{
	(void)state;
	struct history history;
	history_open(&history);
	struct mr_record_lane lanes[] = {{.webhook = 0, .sublanes = 1},
		{.webhook = WEBHOOK, .sublanes = 0},
		{.webhook = WEBHOOK, .sublanes = MR_IN_FLIGHT_MAX + 1},
		{.webhook = WEBHOOK, .sublanes = 2, .sublane = 2}};
	for (uint32_t i = 0; i < sizeof(lanes) / sizeof(lanes[0]); i++)
		expect_impossible(&history, DELIVERY, &lanes[i], sizeof(lanes[i]), MR_RECORD_LANE);
	struct mr_record_batch batches[] = {{.webhook = 0, .number = 1},
		{.webhook = WEBHOOK, .number = 0},
		{.webhook = WEBHOOK, .number = 1, .sublane = MR_IN_FLIGHT_MAX}};
	for (uint32_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++)
		expect_impossible(
			&history, DELIVERY, &batches[i], sizeof(batches[i]), MR_RECORD_BATCH);
	struct mr_record_progress progress = {.webhook = WEBHOOK, .sublane = MR_IN_FLIGHT_MAX};
	expect_impossible(&history, DELIVERY, &progress, sizeof(progress), MR_RECORD_PROGRESS);
	struct mr_record_checkpoint window = {.app = 42, .flow = HISTORY_FLOWS};
	expect_impossible(&history, SHARD, &window, sizeof(window), MR_RECORD_CHECKPOINT);
	struct mr_record_match match = {
		.origin = mr_position_make(SHARD, 4096), .ancestor = MR_ANCESTORS_MAX};
	expect_impossible(&history, SHARD, &match, sizeof(match), MR_RECORD_MATCH);
	assert_int_equal(mr_replay_lanes(history.replay), 0);
	assert_int_equal(mr_replay_flows(history.replay), 0);
	expect_events(&history, NULL, NULL, 0);
	history_close(&history);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_waits_until_a_record_says_distributed),
		cmocka_unit_test(a_hop_with_a_match_record_is_done_and_the_others_are_not),
		cmocka_unit_test(an_earlier_event_is_done_where_a_later_one_is),
		cmocka_unit_test(a_later_event_is_not_done_where_an_earlier_one_is),
		cmocka_unit_test(distributed_events_that_no_earlier_one_needs_are_forgotten),
		cmocka_unit_test(a_checkpoint_brings_events_from_before_the_replayed_frames),
		cmocka_unit_test(a_copied_event_keeps_the_hops_of_earlier_boots),
		cmocka_unit_test(only_its_own_shard_gives_up_a_whole_event),
		cmocka_unit_test(a_window_has_holes_where_sequences_were_refused),
		cmocka_unit_test(a_window_moves_over_what_it_held_before),
		cmocka_unit_test(a_checkpoint_replaces_a_window),
		cmocka_unit_test(a_closed_session_takes_its_windows_along),
		cmocka_unit_test(the_last_expiry_of_a_webhook_stands),
		cmocka_unit_test(the_last_record_of_a_webhook_or_key_stands_until_one_removes_it),
		cmocka_unit_test(a_scope_has_one_ban_and_the_end_of_an_earlier_one_is_not_its_end),
		cmocka_unit_test(a_match_record_is_owed_to_every_webhook_in_it),
		cmocka_unit_test(
			objects_spread_over_the_sublanes_of_today_when_nothing_says_otherwise),
		cmocka_unit_test(a_batch_under_way_says_how_many_sublanes_there_were),
		cmocka_unit_test(a_batch_without_progress_comes_first_and_a_settled_one_leaves),
		cmocka_unit_test(the_next_batch_of_a_sublane_settles_the_one_before),
		cmocka_unit_test(a_batch_that_lost_an_entry_is_none_any_more),
		cmocka_unit_test(a_checkpoint_of_a_lane_replaces_what_it_had_taken),
		cmocka_unit_test(a_second_checkpoint_replaces_the_first),
		cmocka_unit_test(half_a_checkpoint_of_a_lane_says_nothing),
		cmocka_unit_test(spilling_says_nothing_new),
		cmocka_unit_test(lane_records_of_a_checkpoint_are_kept_unread),
		cmocka_unit_test(lane_records_are_read_as_far_as_batches_came),
		cmocka_unit_test(a_batch_out_of_lane_records_comes_first_and_once),
		cmocka_unit_test(a_lane_record_that_was_given_up_is_gone_as_a_whole),
		cmocka_unit_test(records_that_cannot_be_are_refused_and_change_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
