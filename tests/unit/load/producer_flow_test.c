// The producer's flow against hand-written ACKs: each test is one situation that a real network
// brings about. The session's test has the random ones.
#include "producer_flow.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <millrace/reason.h>

enum { CAPACITY = 128, MS = 1000000 };

struct fates {
	uint64_t count;
	uint64_t numbers[CAPACITY * 4];
	uint8_t reasons[CAPACITY * 4];
	uint32_t retry_after_ms[CAPACITY * 4];
};

struct world {
	struct mr_producer_flow flow;
	struct mr_pending ring[CAPACITY];
	struct fates fates;
	uint64_t now_ns;
};

// Too large for a stack frame.
static struct world world;
static struct mr_range ranges[CAPACITY];

static void settle_event(
	void *context, const struct mr_pending *event, uint8_t reason, uint32_t retry_after_ms)
{
	struct fates *fates = context;
	assert_true(fates->count < CAPACITY * 4);
	fates->numbers[fates->count] = event->number;
	fates->reasons[fates->count] = reason;
	fates->retry_after_ms[fates->count++] = retry_after_ms;
}

static void begin(uint64_t edge, uint64_t events)
{
	world = (struct world){.now_ns = 1000 * (uint64_t)MS};
	mr_producer_flow_init(&world.flow, world.ring, CAPACITY, false);
	mr_producer_flow_grant(&world.flow, &(struct mr_wire_grant){.next = 1, .edge = edge});
	for (uint64_t i = 1; i <= events; i++)
		assert_true(mr_producer_flow_push(&world.flow,
			&(struct mr_pending){
				.number = 100 + i, .object = i, .intended_ns = world.now_ns}));
}

// Sends all that may go; their ranges stand in `ranges`.
static uint32_t send_all(uint32_t per_packet)
{
	uint32_t count = 0;
	while (mr_producer_flow_next(&world.flow, per_packet, &ranges[count])) {
		mr_producer_flow_sent(
			&world.flow, &ranges[count], ranges[count].count, world.now_ns);
		count++;
	}
	return count;
}

struct ack {
	uint64_t settled;
	uint64_t edge;
	uint64_t bitmap;
	uint64_t echo_ns;
	uint32_t retry_after_ms;
	bool busy;
	uint16_t runs_count;
	struct mr_wire_refused runs[4];
};

static int ack(const struct ack *ack)
{
	struct mr_wire_ack_view view = {
		.ack = {.settled = ack->settled,
			.edge = ack->edge,
			.echo_send_time_ns = ack->echo_ns,
			.retry_after_ms = ack->retry_after_ms,
			.bitmap_words = ack->bitmap != 0,
			.refused_runs = ack->runs_count},
		.bitmap = (const uint8_t *)&ack->bitmap,
		.refused = (const uint8_t *)ack->runs,
	};
	struct mr_settle settle = {.context = &world.fates, .event = settle_event};
	return mr_producer_flow_ack(&world.flow, &view, ack->busy, world.now_ns, &settle);
}

static void window_edge_is_respected(void **state)
{
	(void)state;
	begin(8, 20);
	assert_int_equal(send_all(4), 2);
	assert_int_equal(ranges[1].first, 5);
	assert_int_equal(ranges[1].count, 3); // 5, 6, 7: below the edge
	assert_int_equal(ack(&(struct ack){.settled = 8, .edge = 12}), 0);
	assert_int_equal(send_all(8), 1);
	assert_int_equal(ranges[0].count, 4);
}

static void credits_can_be_ignored(void **state)
{
	(void)state;
	begin(8, 20);
	world.flow.ignore_credits = true;
	assert_int_equal(send_all(20), 1);
	assert_int_equal(ranges[0].count, 20);
}

static void an_old_ack_never_moves_the_edge_back(void **state)
{
	(void)state;
	begin(8, 20);
	send_all(4);
	assert_int_equal(ack(&(struct ack){.settled = 5, .edge = 16}), 0);
	assert_int_equal(ack(&(struct ack){.settled = 3, .edge = 10}), 0);
	assert_int_equal(world.flow.edge, 16);
	assert_int_equal(world.flow.settled, 5);
	assert_int_equal(world.fates.count, 4);
}

static void lost_ack_is_harmless(void **state)
{
	(void)state;
	begin(64, 12);
	send_all(4);
	// The ACK for the first eight is lost; the next one says it all again.
	struct ack last = {.settled = 13, .edge = 64, .runs_count = 1};
	last.runs[0] = (struct mr_wire_refused){.first = 3, .count = 2, .reason = MR_REASON_BANNED};
	assert_int_equal(ack(&last), 0);
	assert_int_equal(world.fates.count, 12);
	assert_int_equal(world.fates.reasons[1], MR_REASON_OK);
	assert_int_equal(world.fates.reasons[2], MR_REASON_BANNED);
	assert_int_equal(world.fates.reasons[3], MR_REASON_BANNED);
	assert_int_equal(world.fates.reasons[4], MR_REASON_OK);
	assert_int_equal(world.flow.due_ns, UINT64_MAX); // nothing under way: no timer
}

static void refused_run_ends_events_as_refused(void **state)
{
	(void)state;
	begin(64, 10);
	send_all(10);
	struct ack refusing = {.settled = 11, .edge = 64, .runs_count = 3};
	refusing.runs[0] = (struct mr_wire_refused){
		.first = 9, .count = 2, .reason = MR_REASON_OBJECT_FULL, .retry_after_ms = 70};
	refusing.runs[1] =
		(struct mr_wire_refused){.first = 1, .count = 1, .reason = MR_REASON_MALFORMED};
	refusing.runs[2] =
		(struct mr_wire_refused){.first = 4, .count = 1, .reason = MR_REASON_BANNED};
	assert_int_equal(ack(&refusing), 0);
	const uint8_t expected[10] = {MR_REASON_MALFORMED, 0, 0, MR_REASON_BANNED, 0, 0, 0, 0,
		MR_REASON_OBJECT_FULL, MR_REASON_OBJECT_FULL};
	assert_memory_equal(world.fates.reasons, expected, sizeof(expected));
	assert_int_equal(world.fates.retry_after_ms[9], 70);
	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(world.fates.numbers[i],
			101 + i); // in order, and without the flow's own mark
}

static void gap_in_bitmap_is_resent_once(void **state)
{
	(void)state;
	begin(64, 12);
	send_all(4);
	struct ack gap = {
		.settled = 1, .edge = 64, .bitmap = 0xff0}; // 5 .. 12 are there, 1 .. 4 are not
	assert_int_equal(ack(&gap), 0);
	assert_int_equal(send_all(20), 1);
	assert_int_equal(ranges[0].first, 1);
	assert_int_equal(ranges[0].count, 4);
	assert_true(ranges[0].again);
	assert_int_equal(ack(&gap), 0); // under way already
	assert_int_equal(send_all(20), 0);
	assert_int_equal(world.flow.packets_resent, 1);
}

static void what_was_received_is_not_sent_again(void **state)
{
	(void)state;
	begin(64, 12);
	send_all(3);
	assert_int_equal(
		ack(&(struct ack){.settled = 1, .edge = 64, .bitmap = 0x1f8}), 0); // 4 .. 9
	assert_int_equal(send_all(20), 1); // 1 .. 3; 10 .. 12 may still come
	assert_int_equal(ranges[0].first, 1);
	assert_int_equal(ranges[0].count, 3);
	world.now_ns += 100 * (uint64_t)MS;
	mr_producer_flow_tick(&world.flow, world.now_ns);
	assert_int_equal(send_all(20), 2); // the timer takes both
	assert_int_equal(ranges[0].first, 1);
	assert_int_equal(ranges[1].first, 10);
	assert_int_equal(ranges[1].count, 3);
}

static void received_but_not_durable_is_no_gap(void **state)
{
	(void)state;
	begin(64, 4);
	send_all(4);
	assert_int_equal(ack(&(struct ack){.settled = 1, .edge = 64, .bitmap = 0xf}), 0);
	assert_int_equal(send_all(4), 0);
	assert_int_equal(world.flow.bursts_by_gap, 0);
}

static void packets_are_sent_again_with_their_borders(void **state)
{
	(void)state;
	begin(64, 10);
	assert_int_equal(send_all(4), 3);
	world.now_ns += 5 * (uint64_t)MS;
	mr_producer_flow_tick(&world.flow, world.now_ns);
	assert_int_equal(send_all(20), 3); // 20 would fit, the borders stay
	assert_int_equal(ranges[0].count, 4);
	assert_int_equal(ranges[1].first, 5);
	assert_int_equal(ranges[2].count, 2);
}

static void the_timer_doubles_and_progress_resets_it(void **state)
{
	(void)state;
	begin(64, 4);
	send_all(2);
	assert_int_equal(world.flow.due_ns, world.now_ns + MR_PRODUCER_RTO_MIN_NS);
	mr_producer_flow_tick(&world.flow, world.now_ns);
	assert_int_equal(world.flow.timeouts, 0); // not due yet
	for (int i = 1; i <= 20; i++) {
		world.now_ns = world.flow.due_ns;
		mr_producer_flow_tick(&world.flow, world.now_ns);
		uint64_t expected = MR_PRODUCER_RTO_MIN_NS << (i < 8 ? i : 8);
		assert_int_equal(world.flow.rto_ns,
			expected < MR_PRODUCER_RTO_MAX_NS ? expected : MR_PRODUCER_RTO_MAX_NS);
	}
	assert_int_equal(ack(&(struct ack){.settled = 3, .edge = 64}), 0);
	assert_int_equal(world.flow.rto_ns, MR_PRODUCER_RTO_MIN_NS);
	assert_int_equal(world.flow.due_ns, world.now_ns + MR_PRODUCER_RTO_MIN_NS);
}

static void the_timer_adapts_to_the_round_trip(void **state)
{
	(void)state;
	begin(64, 40);
	for (uint64_t i = 1; i <= 40; i++) {
		struct mr_range range;
		assert_true(mr_producer_flow_next(&world.flow, 1, &range));
		mr_producer_flow_sent(&world.flow, &range, 1, world.now_ns);
		uint64_t echo_ns = world.now_ns;
		world.now_ns += 30 * (uint64_t)MS;
		assert_int_equal(
			ack(&(struct ack){.settled = i + 1, .edge = 64, .echo_ns = echo_ns}), 0);
	}
	assert_in_range(world.flow.rto_ns, 30 * MS, 40 * MS); // steady: little above the round trip
}

static void busy_holds_new_events_back_for_the_time_it_says(void **state)
{
	(void)state;
	begin(64, 12);
	struct mr_range range;
	assert_true(mr_producer_flow_next(&world.flow, 4, &range));
	mr_producer_flow_sent(&world.flow, &range, 4, world.now_ns);
	assert_int_equal(
		ack(&(struct ack){.settled = 1, .edge = 64, .busy = true, .retry_after_ms = 40}),
		0);
	assert_false(mr_producer_flow_ready(&world.flow));
	assert_int_equal(world.flow.due_ns, world.now_ns + 40 * (uint64_t)MS);
	world.now_ns = world.flow.due_ns;
	mr_producer_flow_tick(&world.flow, world.now_ns);
	assert_int_equal(send_all(4), 3); // the old packet, then the new ones
	assert_true(ranges[0].again);
	assert_int_equal(ranges[1].first, 5);
}

static void the_timer_asks_again_even_if_all_was_received(void **state)
{
	(void)state;
	begin(64, 8);
	send_all(4);
	// Received, not settled; the ACK that settles them is lost.
	assert_int_equal(ack(&(struct ack){.settled = 1, .edge = 64, .bitmap = 0xff}), 0);
	world.now_ns = world.flow.due_ns;
	mr_producer_flow_tick(&world.flow, world.now_ns);
	assert_int_equal(send_all(4), 1);
	assert_int_equal(ranges[0].first, 1);
	assert_int_equal(ranges[0].count, 1);
}

static void a_shut_window_is_probed(void **state)
{
	(void)state;
	begin(5, 10);
	send_all(4);
	assert_int_equal(ack(&(struct ack){.settled = 5, .edge = 5}),
		0); // shut; the ACK that opens it gets lost
	assert_int_equal(send_all(4), 0);
	assert_true(world.flow.due_ns != UINT64_MAX);
	world.now_ns = world.flow.due_ns;
	mr_producer_flow_tick(&world.flow, world.now_ns);
	assert_int_equal(send_all(4), 1);
	assert_int_equal(ranges[0].count, 1); // one event beyond the edge
	assert_int_equal(ack(&(struct ack){.settled = 5, .edge = 20, .busy = true}), 0);
	world.now_ns = world.flow.due_ns;
	mr_producer_flow_tick(&world.flow, world.now_ns);
	assert_int_equal(send_all(20), 2);
}

static void an_event_pushed_at_a_shut_window_is_not_forgotten(void **state)
{
	(void)state;
	begin(5, 4);
	send_all(4);
	assert_int_equal(ack(&(struct ack){.settled = 5, .edge = 5}), 0);
	assert_int_equal(world.flow.due_ns, UINT64_MAX);
	assert_true(mr_producer_flow_push(
		&world.flow, &(struct mr_pending){.number = 1, .intended_ns = world.now_ns}));
	assert_true(world.flow.due_ns <= world.now_ns + MR_PRODUCER_RTO_MIN_NS);
}

static void a_burst_is_bounded(void **state)
{
	(void)state;
	begin(128, 100);
	assert_int_equal(send_all(1), 100);
	world.now_ns = world.flow.due_ns;
	mr_producer_flow_tick(&world.flow, world.now_ns);
	assert_int_equal(send_all(1), MR_PRODUCER_BURST_PACKETS);
}

static void a_burst_that_arrived_is_followed_by_the_next(void **state)
{
	(void)state;
	begin(128, 100);
	send_all(1); // all hundred get lost
	uint64_t first_ns = world.now_ns;
	world.now_ns = world.flow.due_ns;
	mr_producer_flow_tick(&world.flow, world.now_ns);
	send_all(1);
	// Progress of the first transmission says nothing of the rest: nothing more goes.
	assert_int_equal(ack(&(struct ack){.settled = 65, .edge = 128, .echo_ns = first_ns}), 0);
	assert_int_equal(send_all(1), 0);
	// The burst itself has been seen: what is still missing was lost.
	assert_int_equal(
		ack(&(struct ack){.settled = 65, .edge = 128, .echo_ns = world.now_ns}), 0);
	assert_int_equal(send_all(1), 36);
	assert_int_equal(ranges[0].first, 65);
}

static void what_the_port_did_not_take_was_never_sent(void **state)
{
	(void)state;
	begin(64, 12);
	assert_int_equal(send_all(4), 3);
	mr_producer_flow_unsent(&world.flow, &ranges[2]);
	mr_producer_flow_unsent(&world.flow, &ranges[1]);
	assert_int_equal(world.flow.next, 5);
	assert_int_equal(send_all(4), 2);
	assert_int_equal(ranges[0].first, 5);
	assert_false(ranges[0].again);
	world.now_ns = world.flow.due_ns;
	mr_producer_flow_tick(&world.flow, world.now_ns);
	struct mr_range range;
	assert_true(mr_producer_flow_next(&world.flow, 4, &range));
	mr_producer_flow_sent(&world.flow, &range, range.count, world.now_ns);
	mr_producer_flow_unsent(&world.flow, &range);
	assert_int_equal(world.flow.packets_resent, 0);
	assert_int_equal(send_all(4), 3);
	assert_int_equal(ranges[0].first, 1);
	assert_true(ranges[0].again);
}

static void a_full_ring_refuses_and_settling_makes_room(void **state)
{
	(void)state;
	begin(1000, CAPACITY);
	const struct mr_pending event = {.number = 999, .intended_ns = world.now_ns};
	assert_false(mr_producer_flow_push(&world.flow, &event));
	send_all(20);
	assert_int_equal(ack(&(struct ack){.settled = 2, .edge = 1000}), 0);
	assert_true(mr_producer_flow_push(&world.flow, &event));
	assert_false(mr_producer_flow_push(&world.flow, &event));
}

static void an_ack_beyond_what_was_sent_changes_nothing(void **state)
{
	(void)state;
	begin(64, 10);
	struct mr_range range;
	assert_true(mr_producer_flow_next(&world.flow, 4, &range));
	mr_producer_flow_sent(&world.flow, &range, 4, world.now_ns);
	struct mr_producer_flow before = world.flow;
	assert_int_equal(ack(&(struct ack){.settled = 6, .edge = 5000}), -EPROTO);
	assert_memory_equal(&before, &world.flow, sizeof(before));
	assert_int_equal(world.fates.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(window_edge_is_respected),
		cmocka_unit_test(credits_can_be_ignored),
		cmocka_unit_test(an_old_ack_never_moves_the_edge_back),
		cmocka_unit_test(lost_ack_is_harmless),
		cmocka_unit_test(refused_run_ends_events_as_refused),
		cmocka_unit_test(gap_in_bitmap_is_resent_once),
		cmocka_unit_test(what_was_received_is_not_sent_again),
		cmocka_unit_test(received_but_not_durable_is_no_gap),
		cmocka_unit_test(packets_are_sent_again_with_their_borders),
		cmocka_unit_test(the_timer_doubles_and_progress_resets_it),
		cmocka_unit_test(the_timer_adapts_to_the_round_trip),
		cmocka_unit_test(busy_holds_new_events_back_for_the_time_it_says),
		cmocka_unit_test(the_timer_asks_again_even_if_all_was_received),
		cmocka_unit_test(a_shut_window_is_probed),
		cmocka_unit_test(an_event_pushed_at_a_shut_window_is_not_forgotten),
		cmocka_unit_test(a_burst_is_bounded),
		cmocka_unit_test(a_burst_that_arrived_is_followed_by_the_next),
		cmocka_unit_test(what_the_port_did_not_take_was_never_sent),
		cmocka_unit_test(a_full_ring_refuses_and_settling_makes_room),
		cmocka_unit_test(an_ack_beyond_what_was_sent_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
