// Random histories of a router against a model that keeps lists: whatever the history, and wherever
// it ends, a replay from the last whole checkpoint on finds what the router had.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "history.h"
#include "replay.h"
#include "rng.h"

enum {
	SHARDS = 2,
	SHARD = 10, // streams
	DELIVERY = 12,
	NODE = 13,
	OBJECTS = 6,
	RESOURCES = 4,
	RESOURCE = 900,
	WEBHOOKS = 4, // one per resource
	EVENTS_MAX = 1500,
	ENTRIES_MAX = 4096,
	HOPS = 2, // of an event: two ancestors
	RECORD_ENTRIES = 4, // in a lane record
};

struct event {
	mr_position position;
	uint32_t object;
	uint32_t at; // in the history
	uint64_t resources[HOPS];
	uint8_t sent; // hops, in order
	uint8_t answered;
	uint8_t matched; // bits
	bool is_distributed; // recorded
	bool is_started; // had sent hops as the checkpoint listed the queues
	bool is_passed; // ... as the last whole one did: nothing need be said of it any more
};

struct hop { // sent, and not answered
	uint32_t event;
	uint8_t ancestor;
};

struct entry {
	mr_position position;
	mr_position match;
	uint32_t object;
	uint32_t at; // of the match record, in the history
	mr_position record; // lane record that holds it; 0: in memory
	uint64_t order; // of matching, or of the last checkpoint of the lane
};

struct sublane {
	struct entry entries[ENTRIES_MAX]; // all of the batch first
	uint32_t count;
	uint32_t batch;
	uint64_t batch_number;
};

struct lane {
	bool is_open;
	uint32_t sublanes_count;
	uint64_t number;
	struct sublane sublanes[MR_IN_FLIGHT_MAX];
	struct entry ring[ENTRIES_MAX]; // matched and not taken
	uint32_t ring_count;
};

struct world {
	struct history history;
	struct mr_rng rng;
	struct event events[EVENTS_MAX];
	uint32_t count;
	uint32_t next[OBJECTS]; // event of the object that sends its hops; EVENTS_MAX: none
	struct hop hops[SHARDS][EVENTS_MAX * HOPS]; // at the owner of the resource, in order
	uint32_t hops_head[SHARDS], hops_tail[SHARDS];
	struct lane lanes[WEBHOOKS];
	uint64_t sequence[SHARDS]; // one flow each
	uint64_t accepted[SHARDS][MR_WINDOW_MAX / 64];
	// The last whole checkpoint, and the one under way.
	uint32_t from, begun;
	uint32_t step; // 0: none is under way
	uint64_t orders;
};

static struct world world;

static uint32_t below(uint32_t limit)
{
	return (uint32_t)mr_rng_below(&world.rng, limit);
}

static uint32_t shard_of(uint64_t resource)
{
	return (uint32_t)(resource % SHARDS);
}

static uint8_t hash_of(uint32_t object)
{
	return (uint8_t)(object * 37);
}

static bool is_finished(const struct event *event)
{
	return event->answered == HOPS;
}

// -- What a router does

static void accept(void)
{
	if (world.count == EVENTS_MAX)
		return;
	struct event *event = &world.events[world.count];
	const uint32_t object = below(OBJECTS), shard = object % SHARDS;
	*event = (struct event){.object = object, .at = world.history.count};
	event->resources[0] = RESOURCE + below(RESOURCES);
	event->resources[1] =
		RESOURCE + (event->resources[0] + 1 + below(RESOURCES - 1)) % RESOURCES;
	world.sequence[shard] += 1 + (below(5) == 0 ? below(3) : 0); // some were refused
	const uint64_t sequence = world.sequence[shard];
	world.accepted[shard][sequence % MR_WINDOW_MAX / 64] |= UINT64_C(1) << sequence % 64;
	event->position = history_event(&world.history, (uint16_t)(SHARD + shard),
		&(struct history_event){.object = 100 + object,
			.sequence = sequence,
			.flow = (uint16_t)shard,
			.ancestors = {event->resources[0], event->resources[1]}});
	if (world.next[object] == EVENTS_MAX)
		world.next[object] = world.count;
	world.count++;
}

static void send_hop(void)
{
	const uint32_t object = below(OBJECTS), index = world.next[object];
	if (index == EVENTS_MAX)
		return;
	struct event *event = &world.events[index];
	const uint32_t owner = shard_of(event->resources[event->sent]);
	world.hops[owner][world.hops_tail[owner]++] =
		(struct hop){.event = index, .ancestor = event->sent};
	if (++event->sent < HOPS)
		return;
	world.next[object] = EVENTS_MAX;
	for (uint32_t i = index + 1; i < world.count; i++) {
		if (world.events[i].object != object)
			continue;
		world.next[object] = i;
		break;
	}
}

static void answer_hop(void)
{
	const uint32_t owner = below(SHARDS);
	if (world.hops_head[owner] == world.hops_tail[owner])
		return;
	const struct hop *hop = &world.hops[owner][world.hops_head[owner]++];
	struct event *event = &world.events[hop->event];
	const uint32_t webhook = (uint32_t)(event->resources[hop->ancestor] - RESOURCE);
	struct lane *lane = &world.lanes[webhook];
	event->answered++;
	if (!lane->is_open)
		return;
	const uint64_t webhooks[] = {1 + webhook, 0};
	const mr_position match = history_match(&world.history, (uint16_t)(SHARD + owner),
		event->position, hop->ancestor, hash_of(event->object), webhooks);
	event->matched |= (uint8_t)(1u << hop->ancestor);
	lane->ring[lane->ring_count++] = (struct entry){.position = event->position,
		.match = match,
		.at = world.history.count - 1,
		.object = event->object};
}

static void say_distributed(void)
{
	for (uint32_t tries = 0; tries < 4 && world.count > 0; tries++) {
		struct event *event = &world.events[below(world.count)];
		if (!is_finished(event) || event->is_distributed)
			continue;
		event->is_distributed = true;
		history_distributed(
			&world.history, mr_position_stream(event->position), event->position);
	}
}

static void open_lane(void)
{
	struct lane *lane = &world.lanes[below(WEBHOOKS)];
	if (below(20) == 0)
		lane->is_open = true;
}

static void take_in(struct lane *lane, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct sublane *sublane =
			&lane->sublanes[hash_of(lane->ring[i].object) % lane->sublanes_count];
		lane->ring[i].order = ++world.orders;
		sublane->entries[sublane->count++] = lane->ring[i];
	}
	lane->ring_count -= count;
	memmove(lane->ring, lane->ring + count, lane->ring_count * sizeof(lane->ring[0]));
}

static void take(void)
{
	struct lane *lane = &world.lanes[below(WEBHOOKS)];
	take_in(lane, below(lane->ring_count + 1));
}

// The newest entries, none of which is on disk, go there.
static void spill(void)
{
	const uint32_t webhook = below(WEBHOOKS);
	struct lane *lane = &world.lanes[webhook];
	const uint32_t k = below(lane->sublanes_count);
	struct sublane *sublane = &lane->sublanes[k];
	mr_position positions[RECORD_ENTRIES + 1] = {0};
	uint32_t first = sublane->count;
	while (first > sublane->batch && sublane->entries[first - 1].record == 0)
		first--;
	if (first + RECORD_ENTRIES > sublane->count)
		return;
	for (uint32_t i = 0; i < RECORD_ENTRIES; i++)
		positions[i] = sublane->entries[first + i].position;
	const mr_position record = history_lane(&world.history, DELIVERY,
		&(struct history_lane){.webhook = 1 + webhook,
			.sublane = (uint16_t)k,
			.sublanes = (uint16_t)lane->sublanes_count,
			.last_number = lane->number,
			.positions = positions});
	for (uint32_t i = 0; i < RECORD_ENTRIES; i++)
		sublane->entries[first + i].record = record;
}

// A record at the front is read back.
static void read_back(struct sublane *sublane)
{
	const mr_position record =
		sublane->count > sublane->batch ? sublane->entries[sublane->batch].record : 0;
	for (uint32_t i = sublane->batch; record != 0 && i < sublane->count; i++) {
		if (sublane->entries[i].record != record)
			break;
		sublane->entries[i].record = 0;
	}
}

// Some entries in memory, of each object the first ones, come to the front.
static void choose_batch(struct sublane *sublane)
{
	bool is_left_out[OBJECTS] = {false};
	uint32_t chosen = 0;
	for (uint32_t i = 0; i < sublane->count && sublane->entries[i].record == 0; i++) {
		const struct entry entry = sublane->entries[i];
		if (is_left_out[entry.object] || below(3) == 0) {
			is_left_out[entry.object] = true;
			continue;
		}
		memmove(sublane->entries + chosen + 1, sublane->entries + chosen,
			(i - chosen) * sizeof(entry));
		sublane->entries[chosen++] = entry;
	}
	sublane->batch = chosen;
}

static void say_batch(struct sublane *sublane, uint32_t webhook, uint32_t k)
{
	static mr_position positions[ENTRIES_MAX + 1];
	for (uint32_t i = 0; i < sublane->batch; i++)
		positions[i] = sublane->entries[i].position;
	positions[sublane->batch] = 0;
	history_batch(&world.history, DELIVERY, 1 + webhook, sublane->batch_number, (uint16_t)k,
		positions);
}

static void settle(struct sublane *sublane)
{
	sublane->count -= sublane->batch;
	memmove(sublane->entries, sublane->entries + sublane->batch,
		sublane->count * sizeof(sublane->entries[0]));
	sublane->batch = 0;
	sublane->batch_number = 0;
}

static int compare_orders(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;
	return (left->order > right->order) - (left->order < right->order);
}

// One entry is given up: the batch is none any more, and the others wait where they did before. Not
// with lane records behind it, among whose entries they might have to wait.
static void give_up(struct sublane *sublane, uint32_t webhook)
{
	history_dropped(&world.history, DELIVERY, sublane->entries[0].position, 1 + webhook);
	sublane->batch = 1;
	settle(sublane);
	qsort(sublane->entries, sublane->count, sizeof(sublane->entries[0]), compare_orders);
}

static void deliver(void)
{
	const uint32_t webhook = below(WEBHOOKS);
	struct lane *lane = &world.lanes[webhook];
	const uint32_t k = below(lane->sublanes_count);
	struct sublane *sublane = &lane->sublanes[k];
	const uint64_t number = sublane->batch_number;
	const uint32_t what = below(4);
	bool is_here = true;
	for (uint32_t i = 0; i < sublane->count; i++)
		is_here = is_here && sublane->entries[i].record == 0;
	if (number != 0 && what == 0 && is_here) {
		give_up(sublane, webhook);
		return;
	}
	if (number != 0)
		settle(sublane);
	read_back(sublane);
	if (number == 0 || what == 1)
		choose_batch(sublane);
	if (sublane->batch > 0) { // says that the one before is settled
		sublane->batch_number = ++lane->number;
		say_batch(sublane, webhook, k);
	} else if (number != 0) {
		history_progress(&world.history, DELIVERY, 1 + webhook, (uint16_t)k, number);
	}
}

// -- Checkpoints

static void dump_group(struct world *at, uint32_t webhook, uint32_t k, mr_position *positions,
	uint32_t *count, uint16_t *flags, mr_position taken, uint16_t index)
{
	const struct lane *lane = &at->lanes[webhook];
	if (*count == 0)
		return;
	positions[*count] = 0;
	history_lane(&at->history, DELIVERY,
		&(struct history_lane){.webhook = 1 + webhook,
			.taken = taken,
			.last_number = lane->number,
			.sublane = (uint16_t)k,
			.sublanes = (uint16_t)lane->sublanes_count,
			.flags = (uint16_t)(*flags | index),
			.positions = positions});
	*flags &= (uint16_t)~MR_LANE_RECORD_FIRST;
	*count = 0;
}

static void dump_sublane(uint32_t webhook, uint32_t k, uint16_t *flags, mr_position taken)
{
	struct sublane *sublane = &world.lanes[webhook].sublanes[k];
	mr_position positions[RECORD_ENTRIES + 1];
	uint32_t count = 0;
	uint16_t index = 0;
	mr_position last = 0;
	for (uint32_t i = 0; i < sublane->count; i++) {
		const struct entry *entry = &sublane->entries[i];
		if (entry->record != 0 && entry->record == last)
			continue;
		const uint16_t wanted = entry->record != 0 ? MR_LANE_RECORD_INDEX : 0;
		if (wanted != index || count == RECORD_ENTRIES)
			dump_group(&world, webhook, k, positions, &count, flags, taken, index);
		index = wanted;
		last = entry->record;
		positions[count++] = last != 0 ? last : entry->position;
	}
	dump_group(&world, webhook, k, positions, &count, flags, taken, index);
	for (uint32_t i = 0; i < sublane->count; i++)
		sublane->entries[i].order = ++world.orders;
}

static void dump_lane(uint32_t webhook)
{
	struct lane *lane = &world.lanes[webhook];
	const uint16_t shard = (uint16_t)(SHARD + shard_of(RESOURCE + webhook));
	uint16_t flags = MR_LANE_RECORD_STATE | MR_LANE_RECORD_FIRST;
	// Matches from before the replayed frames are taken before the lane tells its state.
	while (lane->ring_count > 0 && lane->ring[0].at < world.begun)
		take_in(lane, 1);
	const mr_position taken = lane->ring_count > 0
		? lane->ring[0].match
		: mr_position_make(shard, world.history.ends[shard]);
	for (uint32_t k = 0; k < lane->sublanes_count; k++)
		dump_sublane(webhook, k, &flags, taken);
	for (uint32_t k = 0; k < lane->sublanes_count; k++) {
		struct sublane *sublane = &lane->sublanes[k];
		if (sublane->batch > 0)
			say_batch(sublane, webhook, k);
		history_progress(&world.history, DELIVERY, 1 + webhook, (uint16_t)k,
			sublane->batch > 0 ? sublane->batch_number - 1 : lane->number);
	}
}

static void list_queues(void)
{
	history_session(&world.history, NODE, 1, 1, false);
	for (uint16_t shard = 0; shard < SHARDS; shard++)
		if (world.sequence[shard] > 0)
			history_checkpoint(&world.history, (uint16_t)(SHARD + shard), 1, shard,
				world.sequence[shard] + 1, world.accepted[shard]);
	for (uint32_t i = 0; i < world.count; i++) {
		const struct event *event = &world.events[i];
		if (event->sent == 0)
			history_queued(&world.history, mr_position_stream(event->position),
				event->position);
	}
}

static bool has_settled(void) // of what was under way as the queues were listed
{
	for (uint32_t i = 0; i < world.count; i++) {
		const struct event *event = &world.events[i];
		if (event->at < world.begun && event->is_started && !is_finished(event))
			return false;
	}
	return true;
}

static void checkpoint(void)
{
	if (world.step == 0) {
		world.begun = world.history.count;
		world.step = 1;
	} else if (world.step <= WEBHOOKS) {
		dump_lane(world.step - 1);
		world.step++;
	} else if (world.step == WEBHOOKS + 1) {
		for (uint32_t i = 0; i < world.count; i++)
			world.events[i].is_started = world.events[i].sent > 0;
		list_queues();
		world.step++;
	} else if (has_settled()) {
		world.from = world.begun;
		for (uint32_t i = 0; i < world.count; i++)
			world.events[i].is_passed =
				world.events[i].at < world.from && world.events[i].is_started;
		world.step = 0;
	}
}

// -- What a start finds

static uint32_t hops_of(uint32_t index)
{
	const struct event *event = &world.events[index];
	uint32_t hops = event->matched;
	for (uint32_t i = index + 1; i < world.count; i++) {
		const struct event *later = &world.events[i];
		for (uint32_t h = 0; h < HOPS * HOPS && later->object == event->object; h++)
			if ((later->matched >> h / HOPS & 1) != 0
				&& later->resources[h / HOPS] == event->resources[h % HOPS])
				hops |= 1u << h % HOPS;
	}
	return hops;
}

static void expect_waiting(void)
{
	struct mr_replay_event *events = NULL;
	uint32_t count = 0, at = 0;
	const struct mr_replay_source source = history_source(&world.history);
	assert_int_equal(mr_replay_events(world.history.replay, &source, &events, &count), 0);
	for (uint16_t shard = 0; shard < SHARDS; shard++) {
		for (uint32_t i = 0; i < world.count; i++) {
			const struct event *event = &world.events[i];
			if (mr_position_stream(event->position) != SHARD + shard
				|| event->is_distributed || event->is_passed)
				continue;
			assert_true(at < count);
			assert_int_equal(events[at].position, event->position);
			assert_int_equal(events[at].hops, hops_of(i));
			at++;
		}
	}
	assert_int_equal(at, count);
	free(events);
}

static void expect_item(const struct mr_replay_sublane *sublane, uint32_t *at, uint32_t *within,
	mr_position position)
{
	assert_true(*at < sublane->count);
	const struct mr_replay_item *item = &sublane->items[*at];
	if (!item->is_record) {
		assert_int_equal(item->position, position);
		(*at)++;
		return;
	}
	const struct mr_record_lane *record =
		(const void *)history_find(&world.history, item->position);
	assert_int_equal(((const mr_position *)(record + 1))[*within], position);
	if (++*within < record->count)
		return;
	*within = 0;
	(*at)++;
}

static void expect_lane(uint32_t number)
{
	const uint32_t webhook = (uint32_t)mr_replay_lane_webhook(world.history.replay, number) - 1;
	const struct lane *lane = &world.lanes[webhook];
	const struct mr_replay_source source = history_source(&world.history);
	struct mr_replay_lane found;
	assert_int_equal(
		mr_replay_lane(world.history.replay, number, lane->sublanes_count, &source, &found),
		0);
	assert_int_equal(found.sublanes_count, lane->sublanes_count);
	assert_true(found.last_number <= lane->number);
	for (uint32_t k = 0; k < lane->sublanes_count; k++) {
		const struct sublane *sublane = &lane->sublanes[k];
		uint32_t at = 0, within = 0;
		assert_int_equal(found.sublanes[k].batch_count, sublane->batch);
		assert_int_equal(found.sublanes[k].batch_number, sublane->batch_number);
		for (uint32_t i = 0; i < sublane->count; i++)
			expect_item(&found.sublanes[k], &at, &within, sublane->entries[i].position);
		for (uint32_t i = 0; i < lane->ring_count; i++)
			if (hash_of(lane->ring[i].object) % lane->sublanes_count == k)
				expect_item(
					&found.sublanes[k], &at, &within, lane->ring[i].position);
		assert_int_equal(at, found.sublanes[k].count);
	}
}

static void expect_lanes(void)
{
	uint32_t owed = 0, found = 0;
	for (uint32_t i = 0; i < WEBHOOKS; i++) {
		uint32_t entries = world.lanes[i].ring_count;
		for (uint32_t k = 0; k < world.lanes[i].sublanes_count; k++)
			entries += world.lanes[i].sublanes[k].count;
		owed += entries > 0;
	}
	const uint32_t lanes = mr_replay_lanes(world.history.replay);
	for (uint32_t i = 0; i < lanes; i++) {
		const uint64_t webhook = mr_replay_lane_webhook(world.history.replay, i) - 1;
		uint32_t entries = world.lanes[webhook].ring_count;
		for (uint32_t k = 0; k < world.lanes[webhook].sublanes_count; k++)
			entries += world.lanes[webhook].sublanes[k].count;
		found += entries > 0;
		expect_lane(i);
	}
	assert_int_equal(found, owed);
}

static void expect_windows(void)
{
	uint32_t session = 0, found = 0, expected = 0;
	for (uint32_t i = 0; i < mr_replay_flows(world.history.replay); i++) {
		const struct mr_replay_flow *flow =
			mr_replay_flow(world.history.replay, i, &session);
		assert_non_null(flow);
		assert_int_equal(flow->next, world.sequence[flow->flow] + 1);
		assert_memory_equal(
			flow->accepted, world.accepted[flow->flow], sizeof(flow->accepted));
		found++;
	}
	for (uint32_t shard = 0; shard < SHARDS; shard++)
		expected += world.sequence[shard] > 0;
	assert_int_equal(found, expected);
}

static void expect_all(void)
{
	history_replay(&world.history, world.from, world.history.count);
	expect_waiting();
	expect_lanes();
	expect_windows();
	mr_replay_free(world.history.replay);
	world.history.replay = NULL;
}

// -- Histories

static void open_world(uint64_t seed)
{
	memset(&world, 0, sizeof(world));
	mr_rng_seed(&world.rng, seed);
	history_open(&world.history);
	mr_replay_free(world.history.replay);
	world.history.replay = NULL;
	for (uint32_t i = 0; i < OBJECTS; i++)
		world.next[i] = EVENTS_MAX;
	for (uint32_t i = 0; i < WEBHOOKS; i++)
		world.lanes[i].sublanes_count = 1u << below(3);
	history_session(&world.history, NODE, 1, 1, false);
}

static void whatever_the_history_a_replay_finds_what_the_router_had(void **state)
{
	(void)state;
	static void (*const acts[])(void) = {accept, accept, accept, send_hop, send_hop, send_hop,
		send_hop, answer_hop, answer_hop, answer_hop, say_distributed, open_lane, take,
		spill, deliver, deliver, checkpoint, checkpoint};
	for (uint64_t seed = 1; seed <= 40; seed++) {
		open_world(seed);
		for (uint32_t i = 0; i < 2000; i++) {
			acts[below(sizeof(acts) / sizeof(acts[0]))]();
			if (below(40) == 0)
				expect_all();
		}
		history_close(&world.history);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_the_history_a_replay_finds_what_the_router_had),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
