// Random histories of a stage, cut anywhere: what a start replays from the last checkpoint that
// holds is what the stage owed, and nothing of it has been retired.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "delivery_rig.h"
#include "record_codec.h"
#include "replay.h"
#include "rng.h"

enum { EVENTS_MAX = 24000, STEPS_MAX = 40000, WEBHOOKS = 3, OBJECTS = 10 };

struct ends {
	uint64_t shard, own;
};

struct history {
	struct rig *rig;
	struct mr_rng rng;
	mr_position events[EVENTS_MAX]; // rising
	uint8_t objects[EVENTS_MAX];
	uint32_t events_count;
	struct ends steps[STEPS_MAX]; // what was durable after each
	uint32_t steps_count;
	// Of the checkpoint that is asked for, and of the one that holds: where a replay begins.
	struct ends asked, begins;
	uint64_t asked_segment, begins_segment;
	uint64_t epoch;
	bool is_open;
	bool has_acts; // of operators
	uint64_t acts;
};
static struct history history;

static void step(uint64_t later_ns)
{
	struct rig *rig = history.rig;
	rig_step(rig, later_ns);
	assert_in_range(history.steps_count, 0, STEPS_MAX - 1);
	history.steps[history.steps_count++] = (struct ends){
		atomic_load(&rig->shard_stream.tail), atomic_load(&rig->own_stream.watermark)};
	for (struct mr_desc word; mr_ring_pop_burst(rig->hold_msgs, &word, 1) == 1;)
		continue; // the shard takes its holds
}

static void match(uint32_t lane)
{
	struct rig *rig = history.rig;
	uint64_t object = 1 + mr_rng_below(&history.rng, OBJECTS);
	bool marked = object < 3 && mr_rng_below(&history.rng, 3) > 0;
	assert_in_range(history.events_count, 0, EVENTS_MAX - 1);
	mr_position event = rig_event(rig, object);
	history.events[history.events_count] = event;
	history.objects[history.events_count++] = (uint8_t)object;
	uint64_t webhook = 5000 + lane;
	struct mr_record_match record = {.origin = event,
		.resource = 1,
		.count = 1,
		.ancestor = UINT8_MAX,
		.object_hash = (uint8_t)object};
	mr_record_seal(&record, sizeof(record), &webhook, sizeof(webhook), MR_RECORD_MATCH,
		marked ? MR_MATCH_PENALISED : 0);
	mr_stream_retire(&rig->shard_stream, mr_stream_next(&rig->shard_stream));
	mr_stream_append(&rig->shard_stream, &record, sizeof(record), &webhook, sizeof(webhook));
	mr_stream_publish(&rig->shard_stream);
	rig_match(rig, lane, event, object, marked);
}

// What the journal does between two steps.
static void journal(void)
{
	struct rig *rig = history.rig;
	if (history.is_open && atomic_load(&rig->owner.epoch) == history.epoch
		&& atomic_load(&rig->owner.epoch_end) <= atomic_load(&rig->own_stream.watermark)) {
		history.begins = history.asked;
		history.begins_segment = history.asked_segment;
		history.is_open = false;
	} else if (!history.is_open && mr_rng_below(&history.rng, 30) == 0) {
		history.asked = history.steps[history.steps_count - 1];
		history.asked_segment = rig->segments;
		history.is_open = true;
		atomic_store(&rig->journal.epoch, ++history.epoch);
	}
	if (mr_rng_below(&history.rng, 25) == 0)
		rig_segment_begin(rig);
	for (;;) {
		uint64_t oldest = mr_segment_map_oldest(rig->map);
		if (oldest >= history.begins_segment
			|| atomic_load(&rig->needs.segments[oldest % MR_SEGMENTS_MAX]) > 0)
			return;
		rig_segment_retire(rig);
	}
}

static void answer(void)
{
	struct fake_request *request = fake_engine_oldest();
	if (request == NULL || mr_rng_below(&history.rng, 3) > 0)
		return;
	if (mr_rng_below(&history.rng, 12) == 0)
		fake_engine_answer(request, MR_OUTCOME_STATUS, 500);
	else
		fake_engine_answer(request, MR_OUTCOME_OK, 200);
}

// Nothing comes, and most of what is owed is delivered.
static void calm(void)
{
	history.rig->answer = MR_READ_HIT;
	history.rig->budget = 100000;
	for (uint32_t i = 0; i < 40; i++) {
		rig_answer_all(MR_OUTCOME_OK, 200);
		step(20 * MS);
	}
	journal();
}

// What an operator does; it is in force when it returns.
static void act(void)
{
	struct rig *rig = history.rig;
	uint64_t id = mr_rng_below(&history.rng, 3); // app; object
	bool by_object = mr_rng_below(&history.rng, 2) == 0;
	enum mr_scope_kind kind = by_object ? MR_SCOPE_OBJECT : MR_SCOPE_APP;
	rig->messages_count = WEBHOOKS + 1;
	const struct mr_steward_msg *msg;
	if (mr_rng_below(&history.rng, 3) > 0)
		msg = rig_ban(rig, kind, id + by_object, MR_BAN_HOLD);
	else
		msg = rig_unban(rig, kind, id + by_object);
	for (uint32_t i = 0; !rig_is_in_force(rig, msg); i++) {
		assert_in_range(i, 0, 1000);
		step(MS);
	}
	history.acts++;
	if (mr_rng_below(&history.rng, 4) > 0)
		return;
	msg = rig_message(rig, MR_STEWARD_SURVEY);
	memset(&rig->survey, 0, sizeof(rig->survey));
	rig->survey.scope = (struct mr_scope){.kind = kind, .id = id + by_object};
	rig->survey.drop_reason = MR_REASON_PURGED;
	rig->messages[rig->messages_count - 1].survey = &rig->survey;
	rig_send(rig, msg);
	const struct mr_survey_part *part = &rig->survey.parts[rig->delivery->config.number];
	for (uint32_t i = 0; atomic_load(&part->done) == 0; i++) {
		assert_in_range(i, 0, 10000);
		rig->answer = MR_READ_HIT;
		step(MS);
		journal();
	}
}

static void live(uint32_t events)
{
	while (history.events_count < events) {
		if (mr_rng_below(&history.rng, 30) == 0)
			calm();
		if (history.has_acts && mr_rng_below(&history.rng, 8) == 0)
			act();
		history.rig->app = mr_rng_below(&history.rng, 3);
		uint32_t count = (uint32_t)mr_rng_below(&history.rng, 200);
		uint32_t lane = 1 + (uint32_t)mr_rng_below(&history.rng, WEBHOOKS);
		for (uint32_t i = 0; i < count && history.events_count < events; i++)
			match(lane);
		history.rig->answer =
			mr_rng_below(&history.rng, 4) == 0 ? MR_READ_WAIT : MR_READ_HIT;
		history.rig->budget = mr_rng_below(&history.rng, 4) == 0 ? 50 : 100000;
		step(mr_rng_below(&history.rng, 40) * MS);
		answer();
		journal();
	}
	// Until everything is taken and said, the batches that are under way but for.
	history.rig->answer = MR_READ_HIT;
	history.rig->budget = 100000;
	for (uint32_t i = 0; i < 60; i++)
		step(20 * MS);
	assert_int_equal(rig_counter(history.rig, MR_DELIVERY_MATCHED), events);
}

// -- Two lists of one sub-lane

struct owed {
	mr_position positions[EVENTS_MAX];
	uint32_t count;
};
static struct owed stage_owes, start_finds;

static void add(struct owed *owed, mr_position position)
{
	assert_in_range(owed->count, 0, EVENTS_MAX - 1);
	assert_true(mr_segment_map_find(history.rig->map, position) != 0); // nobody has retired it
	owed->positions[owed->count++] = position;
}

static void add_record(struct owed *owed, mr_position position)
{
	assert_true(mr_segment_map_find(history.rig->map, position) != 0);
	const struct mr_record_lane *record =
		(const void *)(history.rig->own_file + mr_position_offset(position));
	assert_int_equal(record->record.kind, MR_RECORD_LANE);
	for (uint32_t i = 0; i < record->count; i++)
		add(owed, ((const mr_position *)(record + 1))[i]);
}

static void add_held(const struct mr_fifo *held)
{
	struct mr_fifo_iter iter = mr_fifo_begin(held);
	mr_position position, object;
	while (mr_fifo_next(&iter, &history.rig->delivery->lanes.pool, &position)
		&& mr_fifo_next(&iter, &history.rig->delivery->lanes.pool, &object))
		add(&stage_owes, position);
}

static void add_side(struct mr_lane_cursor *cursor, enum mr_lane_side side, uint32_t count)
{
	struct mr_lane_entry entry;
	while (count-- > 0 && mr_lane_next(&history.rig->delivery->lanes, cursor, side, &entry))
		add(&stage_owes, entry.position);
}

// As it would be served: of each object, in order.
static void list_stage(const struct mr_sublane *sublane)
{
	const struct mr_lanes *lanes = &history.rig->delivery->lanes;
	struct mr_lane_cursor cursor = mr_lane_begin(sublane);
	struct mr_spill_iter records = mr_spill_begin(&sublane->spill);
	struct mr_fifo_iter tail = mr_fifo_begin(&sublane->spill.tail);
	mr_position position;
	stage_owes.count = 0;
	for (uint32_t side = 0; side < MR_LANE_SIDES; side++)
		add_side(&cursor, side, sublane->batch[side]);
	add_side(&cursor, MR_LANE_RELEASED, UINT32_MAX);
	add_held(&sublane->held.kept);
	for (uint32_t side = 0; side < MR_LANE_SIDES; side++)
		add_side(&cursor, side, sublane->older[side]);
	add_held(&sublane->held.list);
	add_side(&cursor, MR_LANE_NORMAL, UINT32_MAX);
	add_side(&cursor, MR_LANE_PENALTY, UINT32_MAX);
	for (uint32_t entries;
		mr_spill_next(lanes, &sublane->spill, &records, &position, &entries);)
		if (entries > 0) // a purge may have left nothing of it
			add_record(&stage_owes, position);
	while (mr_fifo_next(&tail, &lanes->pool, &position))
		add(&stage_owes, position);
}

static void list_start(const struct mr_replay_sublane *sublane)
{
	start_finds.count = 0;
	for (uint32_t i = 0; i < sublane->count; i++) {
		if (sublane->items[i].is_record)
			add_record(&start_finds, sublane->items[i].position);
		else
			add(&start_finds, sublane->items[i].position);
	}
}

static uint32_t event_at(mr_position position)
{
	uint32_t at = 0;
	for (uint32_t high = history.events_count; high - at > 1;) {
		uint32_t middle = (at + high) / 2;
		bool above = history.events[middle] > position;
		high = above ? middle : high;
		at = above ? at : middle;
	}
	assert_true(history.events[at] == position);
	return at;
}

static void expect_order_per_object(const struct owed *owed)
{
	mr_position last[OBJECTS + 1] = {0};
	for (uint32_t i = 0; i < owed->count; i++) {
		uint8_t object = history.objects[event_at(owed->positions[i])];
		assert_true(owed->positions[i] > last[object]);
		last[object] = owed->positions[i];
	}
}

static int compare(const void *a, const void *b)
{
	mr_position left = *(const mr_position *)a, right = *(const mr_position *)b;
	return (left > right) - (left < right);
}

static void expect_same(const struct mr_sublane *sublane, const struct mr_replay_sublane *found)
{
	list_stage(sublane);
	list_start(found);
	expect_order_per_object(&stage_owes);
	expect_order_per_object(&start_finds);
	assert_int_equal(found->batch_number, sublane->number);
	assert_int_equal(found->batch_count, mr_lane_sum(sublane->batch));
	static mr_position batch[MR_BATCH_EVENTS_MAX];
	mr_lane_batch(&history.rig->delivery->lanes, sublane, sublane->batch, batch);
	assert_memory_equal(start_finds.positions, batch, found->batch_count * sizeof(mr_position));
	assert_int_equal(start_finds.count, stage_owes.count);
	qsort(start_finds.positions, start_finds.count, sizeof(mr_position), compare);
	qsort(stage_owes.positions, stage_owes.count, sizeof(mr_position), compare);
	assert_memory_equal(start_finds.positions, stage_owes.positions,
		stage_owes.count * sizeof(mr_position));
}

// -- A start

static int read_record(void *owner, mr_position position, const struct mr_record **ret_record)
{
	const struct rig *rig = owner;
	assert_int_equal(mr_position_stream(position), rig->own_stream.id);
	assert_true(mr_segment_map_find(rig->map, position) != 0); // a start would miss it
	*ret_record = (const void *)(rig->own_file + mr_position_offset(position));
	return 0;
}

static void feed(
	struct mr_replay *replay, uint16_t stream, const uint8_t *bytes, uint64_t *at, uint64_t end)
{
	while (*at < end) {
		const struct mr_record *record = (const void *)(bytes + *at);
		assert_int_equal(mr_record_check(record, end - *at), 0);
		if (record->kind != MR_RECORD_EVENT) // of no session: it says nothing of lanes
			assert_int_equal(mr_replay_record(replay, stream, *at, record), 0);
		*at += record->length;
	}
}

static void start_and_compare(void)
{
	struct rig *rig = history.rig;
	struct mr_replay *replay = mr_replay_new(16, 1);
	uint64_t shard_end = atomic_load(&rig->shard_stream.tail);
	uint8_t *shard_file = malloc(shard_end);
	assert_non_null(replay);
	assert_non_null(shard_file);
	mr_stream_copy_own(&rig->shard_stream, MR_STREAM_START, shard_file + MR_STREAM_START,
		shard_end - MR_STREAM_START);
	struct ends at = history.begins;
	for (uint32_t i = 0; i < history.steps_count; i++) {
		feed(replay, rig->shard_stream.id, shard_file, &at.shard, history.steps[i].shard);
		feed(replay, rig->own_stream.id, rig->own_file, &at.own, history.steps[i].own);
	}
	const struct mr_replay_source source = {.owner = rig, .read = read_record};
	uint64_t found = 0;
	for (uint32_t i = 0; i < mr_replay_lanes(replay); i++) {
		struct mr_replay_lane lane;
		uint32_t number = (uint32_t)(mr_replay_lane_webhook(replay, i) - 5000);
		const struct mr_lane *owes = mr_lane_find(&rig->delivery->lanes, number);
		assert_non_null(owes);
		assert_int_equal(mr_replay_lane(replay, i, owes->in_flight, &source, &lane), 0);
		assert_int_equal(lane.sublanes_count, owes->in_flight);
		for (uint32_t k = 0; k < owes->in_flight; k++)
			expect_same(
				mr_lane_sublane(&rig->delivery->lanes, owes, k), &lane.sublanes[k]);
		found += owes->pending;
	}
	assert_int_equal(found, rig->delivery->lanes.pending);
	free(shard_file);
	mr_replay_free(replay);
}

struct happened {
	uint64_t checkpoints, retired, spilled, held, voided, purged;
};

static void live_and_start(uint64_t seed, bool has_acts, struct happened *happened)
{
	memset(&history, 0, sizeof(history));
	mr_rng_seed(&history.rng, seed);
	history.has_acts = has_acts;
	history.rig = rig_new_on_disk(seed % 3 == 0 ? 2048u : 40000u);
	history.begins = (struct ends){MR_STREAM_START, MR_STREAM_START};
	rig_tune(history.rig)->batch_events_max = seed % 2 == 0 ? 100 : 400;
	rig_retune(history.rig);
	static const uint32_t in_flight[] = {1, 2, 4};
	for (uint32_t lane = 1; lane <= WEBHOOKS; lane++)
		rig_add(history.rig, rig_webhook(history.rig, lane, in_flight[lane - 1]));
	live(2000 + (uint32_t)mr_rng_below(&history.rng, 16000));
	start_and_compare();
	happened->checkpoints += history.epoch;
	happened->retired += mr_segment_map_oldest(history.rig->map) - 1;
	happened->spilled += history.rig->delivery->lanes.spilled;
	happened->held += history.rig->delivery->lanes.held;
	happened->voided += rig_counter(history.rig, MR_DELIVERY_VOIDED);
	happened->purged += rig_dropped(history.rig, MR_REASON_PURGED);
	rig_free(history.rig);
}

static void what_a_start_finds_is_what_was_owed(void **state)
{
	(void)state;
	struct happened happened = {0};
	for (uint64_t seed = 1; seed <= 20; seed++)
		live_and_start(seed, false, &happened);
	assert_true(happened.checkpoints > 10 && happened.retired > 10); // it did happen
	assert_true(happened.spilled > 1000);
}

static void bans_and_purges_leave_it_so(void **state)
{
	(void)state;
	struct happened happened = {0};
	for (uint64_t seed = 21; seed <= 40; seed++)
		live_and_start(seed, true, &happened);
	assert_true(happened.held > 1000 && happened.purged > 1000 && happened.spilled > 1000);
	assert_true(happened.voided > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_a_start_finds_is_what_was_owed),
		cmocka_unit_test(bans_and_purges_leave_it_so)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
