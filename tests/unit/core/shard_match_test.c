// The owner's side of a hop: late reads, full streams, and the parts behind it: answers, pins, shed
// entries, ledger rows.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "answer.h"
#include "ledger.h"
#include "pin.h"
#include "record_codec.h"
#include "shard_rig.h"
#include "shard_state.h"
#include "shed.h"

static struct rig rig;

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

// A file behind the streams that needs a while: every other fetch of a position answers WAIT.
struct slow_file {
	struct mr_stream *stream;
	uint32_t waits_left;
	uint32_t waits;
};

static enum mr_read fetch(void *state, mr_position position, void *ret_bytes, uint32_t *ret_length)
{
	struct slow_file *file = state;
	if (file->waits_left > 0) {
		file->waits_left--;
		file->waits++;
		return MR_READ_WAIT;
	}
	const uint64_t offset = mr_position_offset(position);
	*ret_length = (uint32_t)mr_stream_word_own(file->stream, offset);
	mr_stream_copy_own(file->stream, offset, ret_bytes, *ret_length);
	return MR_READ_HIT;
}

static void late_read_answers_wait_and_is_retried(void **state)
{
	(void)state;
	static struct slow_file file;
	static struct mr_stream empty; // what the reader sees instead of the origin's buffer
	const struct rig_options options = {
		.shards = 2, .flows = 2, .backend = {.state = &file, .fetch = fetch}};
	rig_open(&rig, &options);
	rig_session(&rig, 0);
	const uint64_t object = rig_object_of(&rig, 0, 0);
	struct rig_event event = {.object = object,
		.ancestors = 1,
		.gids = {rig_object_of(&rig, 1, 0)},
		.via = {MR_VIA_OBJECT}};
	rig_subscribe(&rig, 1, event.gids[0]);
	memset(&empty, 0, sizeof(empty));
	empty.size = rig.streams[0].size;
	file = (struct slow_file){.stream = &rig.streams[0], .waits_left = 7};
	rig.stream_pointers[0] = &empty;
	rig_send(&rig, 1, &event, 20);
	rig_run(&rig, 5);
	assert_int_equal(rig_heard(&rig, 1), 0);
	assert_true(rig_counter(&rig, 1, MR_SHARD_READ_WAITS) > 0);
	assert_int_equal(rig_total(&rig, MR_SHARD_QUEUED), 20);
	rig_audit(&rig);
	rig_run(&rig, 20);
	assert_int_equal(file.waits, 7);
	assert_int_equal(rig_counter(&rig, 1, MR_SHARD_READ_WAITS), 7);
	assert_int_equal(rig_heard(&rig, 1), 20);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(rig.log[i].sequence, i + 1); // in order, although late
	assert_int_equal(rig_total(&rig, MR_SHARD_DISTRIBUTED), 20);
}

static void two_short_buffers_do_not_wait_for_each_other(void **state)
{
	(void)state;
	const struct rig_options options = {.shards = 2,
		.flows = 2,
		.buffer_bytes = 65536,
		.limits = {.object_queue_events = 8000}};
	rig_open(&rig, &options);
	rig_session(&rig, 0);
	struct rig_event events[2];
	for (uint32_t i = 0; i < 2; i++) {
		events[i] = (struct rig_event){.object = rig_object_of(&rig, i, 0),
			.ancestors = 1,
			.gids = {rig_object_of(&rig, 1 - i, 1)},
			.via = {MR_VIA_OBJECT}};
		for (uint64_t id = 1; id <= 60; id++) // matches of 520 bytes for events of 160
			rig_subscribe(&rig, 100 * i + id, events[i].gids[0]);
	}
	for (uint32_t round = 0; round < 60; round++) {
		rig.deliveries_stopped = round % 8 < 6; // answers wait, matches pile up
		for (uint32_t i = 0; i < 2; i++) {
			const struct rig_ack *ack = &rig.acks[0][i];
			const uint64_t first = ack->settled > 0 ? ack->settled : 1;
			rig_lend(&rig, rig_packet(&rig, 0, first, first, &events[i], 60));
		}
		rig_run(&rig, 5);
		rig_audit(&rig);
	}
	rig.deliveries_stopped = false;
	rig_run(&rig, 500);
	assert_int_equal(rig_total(&rig, MR_SHARD_QUEUED), 0);
	const uint64_t accepted = rig_total(&rig, MR_SHARD_ACCEPTED);
	assert_true(accepted > 1000);
	assert_int_equal(rig_heard(&rig, 1) + rig_heard(&rig, 101), accepted);
}

// Fills a stream with records of no consequence until so much of it is used.
static void fill(uint32_t shard, uint64_t used)
{
	struct mr_stream *stream = &rig.streams[shard];
	static uint8_t bytes[1024];
	uint64_t left = used - (stream->size - mr_stream_room(stream));
	while (left > 0) {
		struct mr_record head = {.length = 0};
		uint64_t length = left > sizeof(bytes) ? sizeof(bytes) / 2 : left;
		mr_record_seal(
			&head, sizeof(head), bytes, length - sizeof(head), MR_RECORD_DROPPED, 0);
		(void)mr_stream_append(stream, &head, sizeof(head), bytes, length - sizeof(head));
		left -= length;
	}
	mr_stream_publish(stream);
}

// Whether a match of the hop is refused just beyond `parts` of 64 and written just below.
static void check_room(struct mr_hop hop, uint64_t resource, uint64_t parts)
{
	const uint64_t record = sizeof(struct mr_record_match) + sizeof(uint64_t);
	const uint64_t limit = rig.options.buffer_bytes / 64 * parts;
	const uint64_t written = rig_counter(&rig, 1, MR_SHARD_MATCHES);
	uint32_t matches;
	fill(1, limit - record);
	assert_int_equal(mr_match_hop(rig.shards[1], &hop, resource, &matches), MR_MATCH_WRITTEN);
	assert_int_equal(matches, 1);
	assert_int_equal(rig_counter(&rig, 1, MR_SHARD_MATCHES), written + 1);
	assert_int_equal(mr_match_hop(rig.shards[1], &hop, resource, &matches), MR_MATCH_BLOCKED);
	assert_int_equal(rig_counter(&rig, 1, MR_SHARD_MATCHES), written + 1);
}

static void room_is_granted_by_class(void **state)
{
	(void)state;
	const uint64_t size = 65536;
	rig_open(&rig, &(struct rig_options){.shards = 2, .flows = 2, .buffer_bytes = size});
	rig_session(&rig, 0);
	const struct rig_event here = {.object = rig_object_of(&rig, 1, 0)};
	const struct rig_event there = {.object = rig_object_of(&rig, 0, 0),
		.ancestors = 1,
		.gids = {here.object},
		.via = {MR_VIA_OBJECT}};
	rig_subscribe(&rig, 1, here.object);
	rig_hold(&rig, here.object, MR_HOLD);
	rig_hold(&rig, there.object, MR_HOLD);
	rig_send(&rig, 1, &here, 1);
	rig_send(&rig, 1, &there, 1);
	rig_run(&rig, 3);
	struct mr_hop own = {.offset = MR_STREAM_START, .stream = 1, .ancestor = MR_VIA_OBJECT};
	struct mr_hop other = {.offset = MR_STREAM_START, .stream = 0, .ancestor = 0};
	check_room(other, here.object, 60);
	fill(0, size / 8 * 7); // not short yet
	uint32_t matches;
	assert_int_equal(
		mr_match_hop(rig.shards[1], &other, here.object, &matches), MR_MATCH_BLOCKED);
	fill(0, size / 8 * 7 + 16);
	check_room(other, here.object, 62);
	assert_int_equal(
		mr_match_hop(rig.shards[1], &own, here.object, &matches), MR_MATCH_BLOCKED);
	other.flags = MR_HOP_URGENT;
	check_room(other, here.object, 63);
	own.flags = MR_HOP_URGENT;
	check_room(own, here.object, 64);
	mr_arena_close(&rig.arena); // nobody has sent these hops: it cannot go on
}

static void answers_wait_for_every_stage_of_their_generation(void **state)
{
	(void)state;
	static struct mr_delivery_board boards[2];
	const struct mr_delivery_board *pointers[2] = {&boards[0], &boards[1]};
	struct mr_arena arena;
	struct mr_answers answers;
	struct mr_hop hop;
	assert_int_equal(mr_arena_open(&arena, 1 << 16, false), 0);
	assert_true(mr_answers_init(&answers, &arena, 5, pointers, 2, 3));
	assert_int_equal(mr_answers_floor(&answers), UINT64_MAX);
	assert_false(mr_answers_take(&answers, &hop));
	for (uint64_t round = 0; round < 100; round++) { // the ring comes round
		answers.pushed[0]++;
		mr_answers_add(&answers, &(struct mr_answer){{.offset = 8 * round}, 100 + round});
		assert_false(mr_answers_take(&answers, &hop)); // the snapshot is taken here
		answers.pushed[1]++;
		mr_answers_add(&answers, &(struct mr_answer){{.offset = 9 * round}, 200 + round});
		assert_int_equal(mr_answers_floor(&answers), 100 + round);
		atomic_store(&boards[0].taken[3], round + 1);
		assert_true(mr_answers_take(&answers, &hop));
		assert_int_equal(hop.offset, 8 * round);
		assert_int_equal(mr_answers_floor(&answers), 200 + round);
		assert_false(mr_answers_take(&answers, &hop)); // the other stage has not taken it
		atomic_store(&boards[1].taken[3], round + 1);
		assert_true(mr_answers_take(&answers, &hop));
		assert_int_equal(hop.offset, 9 * round);
		assert_false(mr_answers_take(&answers, &hop));
	}
	mr_arena_close(&arena);
}

static void pin_stops_at_the_first_unfinished_event(void **state)
{
	(void)state;
	struct mr_arena arena;
	struct mr_stream stream;
	struct mr_pin pin;
	struct mr_origin origin = {.app = 0};
	uint64_t record[17] = {136 | (uint64_t)MR_RECORD_EVENT << 32};
	const uint64_t other[2] = {16 | (uint64_t)MR_RECORD_DISTRIBUTED << 32};
	uint64_t offsets[3];
	assert_int_equal(mr_arena_open(&arena, 1 << 20, false), 0);
	assert_true(mr_stream_init(&stream, &arena, 0, 65536, MR_STREAM_START));
	assert_true(mr_pin_init(&pin, &arena, &stream, 0, 1));
	for (uint32_t i = 0; i < 3; i++) {
		offsets[i] = mr_stream_append(&stream, record, sizeof(record), NULL, 0);
		mr_pin_event(&pin, offsets[i]);
		(void)mr_stream_append(&stream, other, sizeof(other), NULL, 0);
	}
	const uint64_t end = mr_stream_next(&stream);
	assert_int_equal(mr_pin_advance(&pin, end, 100), offsets[0]);
	mr_pin_hop(&pin, offsets[0], &origin, 0);
	mr_pin_hop(&pin, offsets[0], &origin, 0);
	assert_false(
		mr_pin_answered(&pin, offsets[0], &origin)); // an early answer finishes nothing
	mr_pin_hop(&pin, offsets[1], &origin, 0);
	assert_false(mr_pin_answered(&pin, offsets[1], &origin));
	assert_true(mr_pin_sent(&pin, offsets[1])); // all were answered before
	assert_false(mr_pin_sent(&pin, offsets[0]));
	assert_int_equal(pin.outstanding, 1);
	assert_int_equal(mr_pin_advance(&pin, end, 100), offsets[0]);
	assert_true(mr_pin_answered(&pin, offsets[0], &origin));
	assert_int_equal(mr_pin_advance(&pin, end, 2), offsets[1]); // bounded
	assert_int_equal(mr_pin_advance(&pin, offsets[1], 100), offsets[1]);
	assert_int_equal(mr_pin_advance(&pin, end, 100), offsets[2]);
	assert_true(mr_pin_is_waiting(&pin, offsets[2]));
	assert_true(mr_pin_sent(&pin, offsets[2]));
	assert_int_equal(mr_pin_advance(&pin, end, 100), end);
	assert_int_equal(pin.outstanding, 0);
	mr_arena_close(&arena);
}

static bool tell(
	struct mr_shed *shed, uint64_t object, uint64_t now_ns, bool *has_slot, uint8_t *slot)
{
	const uint64_t ids[MR_TOP_KINDS] = {7, object, 8, 9, 10};
	return mr_shed_tell(shed, ids, (struct mr_ledger_rows){{1, 2, 3}}, now_ns, has_slot, slot);
}

static void shed_entry_rests_before_another_object_gets_it(void **state)
{
	(void)state;
	static struct mr_shed shed;
	const uint64_t tell_ns = MR_SHED_TELL_NS;
	bool has_slot = false;
	uint8_t slot = 0;
	uint64_t now_ns = 1;
	assert_true(tell(&shed, 77, now_ns, &has_slot, &slot));
	assert_true(has_slot);
	const uint8_t first = slot;
	assert_false(tell(&shed, 77, now_ns + tell_ns - 1, &has_slot, &slot));
	assert_true(tell(&shed, 77, now_ns + tell_ns, &has_slot, &slot));
	assert_int_equal(slot, first);
	for (uint32_t i = 1; i < MR_SHED_SET_MAX; i++) {
		bool has_other = false;
		uint8_t other = 0;
		assert_true(tell(&shed, 1000 + i, now_ns + tell_ns, &has_other, &other));
		assert_int_not_equal(other, first);
	}
	bool has_late = false;
	uint8_t late = 0;
	assert_false(tell(&shed, 5, now_ns + tell_ns, &has_late, &late));
	assert_false(has_late); // the set is full: refused here, not at the door
	assert_false(mr_shed_lift(&shed, 5, first, now_ns + tell_ns)); // not its entry
	assert_true(mr_shed_lift(&shed, 77, first, now_ns + tell_ns));
	assert_false(mr_shed_lift(&shed, 77, first, now_ns + tell_ns));
	assert_true(tell(&shed, 77, now_ns + tell_ns + 1, &has_slot, &slot));
	now_ns += tell_ns + UINT64_C(3) * MR_SHED_REST_NS;
	for (uint32_t i = 0; i < MR_SHED_SET_MAX; i++)
		if (!has_late)
			(void)tell(&shed, 5, now_ns, &has_late, &late);
	assert_true(has_late);
	shed.entries[slot].object = 5; // lost to another one
	assert_true(tell(&shed, 77, now_ns, &has_slot, &slot));
	assert_int_equal(shed.entries[slot].object, 77);
}

static void ledger_counts_others_together_when_rows_run_out(void **state)
{
	(void)state;
	static struct mr_stats_stage stats;
	static struct mr_stats_scope scopes[MR_LEDGER_TABLES * MR_LEDGER_SCOPES_MAX];
	static struct mr_ledger ledger;
	struct mr_arena arena;
	char why[64] = "";
	assert_int_equal(mr_arena_open(&arena, 1 << 20, false), 0);
	assert_true(mr_ledger_init(&ledger, &arena, &stats, scopes, 1));
	for (uint64_t i = 0; i < 400; i++)
		mr_ledger_accepted(&ledger, mr_ledger_find(&ledger, 7, 1 + i, 1 + i % 2));
	mr_ledger_refused(&ledger, mr_ledger_find(&ledger, 7, 0, 0), 5, MR_REASON_MALFORMED);
	const struct mr_stats_scope *workspaces = &scopes[MR_LEDGER_SCOPES_MAX];
	assert_int_equal(mr_read(&scopes[0].accepted), 400);
	assert_int_equal(mr_read(&scopes[0].refused), 5);
	assert_int_equal(mr_read(&workspaces[254].accepted), 1);
	assert_int_equal(mr_read(&workspaces[MR_LEDGER_OTHER].accepted), 400 - 255);
	assert_int_equal(mr_read(&workspaces[MR_LEDGER_OTHER].refused), 5);
	assert_int_equal(mr_read(&scopes[2 * MR_LEDGER_SCOPES_MAX].accepted), 200);
	assert_true(mr_ledger_balances(&ledger, 400, why, sizeof(why)));
	assert_false(mr_ledger_balances(&ledger, 399, why, sizeof(why)));
	assert_string_not_equal(why, "");
	mr_ledger_distributed(&ledger, mr_ledger_find(&ledger, 7, 3, 1));
	assert_true(mr_ledger_balances(&ledger, 399, why, sizeof(why)));
	mr_count(&scopes[2].queued, 1); // a row that does not agree
	assert_false(mr_ledger_balances(&ledger, 399, why, sizeof(why)));
	mr_arena_close(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(late_read_answers_wait_and_is_retried, teardown),
		cmocka_unit_test_teardown(two_short_buffers_do_not_wait_for_each_other, teardown),
		cmocka_unit_test(room_is_granted_by_class),
		cmocka_unit_test(answers_wait_for_every_stage_of_their_generation),
		cmocka_unit_test(pin_stops_at_the_first_unfinished_event),
		cmocka_unit_test(shed_entry_rests_before_another_object_gets_it),
		cmocka_unit_test(ledger_counts_others_together_when_rows_run_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
