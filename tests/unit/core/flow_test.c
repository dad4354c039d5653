// One flow's window beside a plain array of fates, and the ACK that is written of it.
#include "flow.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <millrace/reason.h>

#include "ack.h"
#include "credit.h"
#include "rng.h"
#include "wire_codec.h"

enum { RUNS = 64, SEQUENCES = 40000 };

static struct mr_arena arena;
static struct mr_refused_pool pool;
static struct mr_flow flow;
static const struct mr_refusal full = {.reason = MR_REASON_OBJECT_FULL, .scope_id = 9};

static int setup(void **state)
{
	(void)state;
	memset(&flow, 0, sizeof(flow));
	if (mr_arena_open(&arena, 4 << 20, false) < 0)
		return -1;
	return mr_refused_pool_init(&pool, &arena, RUNS) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	mr_arena_close(&arena);
	return 0;
}

// A producer whose newest refusals are always unknown keeps one run open for ever.
static void run_that_never_ends_stays_within_the_window(void **state)
{
	(void)state;
	mr_flow_open(&flow, 0);
	for (uint32_t i = 0; i < 1000; i++) {
		flow.edge = flow.settled + MR_WINDOW_MAX;
		assert_true(mr_flow_refuse(&flow, &pool, 200, &full));
		mr_flow_known(&flow, &pool, flow.next - 150);
		assert_int_equal(pool.used, 1);
		const struct mr_refused_run *run = &pool.runs[flow.refused.head];
		assert_true(run->first >= flow.known && run->count <= MR_WINDOW_MAX);
		assert_int_equal(run->first + run->count, flow.next);
	}
}

// More runs than one ACK tells: the producer may send no further than a window beyond what it was
// told, or the packet would be discarded although it kept to the edge.
static void an_ack_that_tells_a_part_grants_no_more_than_its_window(void **state)
{
	(void)state;
	mr_flow_open(&flow, 0);
	flow.edge = flow.settled + MR_WINDOW_MAX;
	for (uint32_t i = 0; i < 50; i++) {
		const uint64_t sequence = flow.next;
		mr_flow_accept(&flow);
		assert_true(mr_flow_refuse(&flow, &pool, 1, &full));
		assert_true(mr_flow_durable(&flow, sequence));
	}
	flow.edge = flow.settled + MR_WINDOW_MAX;
	static uint8_t body[MR_ACK_BYTES_MAX];
	struct mr_wire_ack_view view;
	assert_int_equal(mr_wire_parse_ack(body, mr_ack_write(&flow, &pool, body), &view), 0);
	assert_true(view.ack.settled < flow.settled);
	mr_flow_known(&flow, &pool, view.ack.settled);
	assert_int_equal(mr_flow_place(&flow, view.ack.edge - 1, 1), MR_PLACE_AHEAD);
}

static void place_is_judged_by_next_edge_and_known(void **state)
{
	(void)state;
	mr_flow_open(&flow, 0);
	assert_int_equal(flow.next, 1);
	assert_int_equal(mr_flow_place(&flow, 1, 1), MR_PLACE_BEYOND); // nothing granted yet
	flow.edge = 101;
	assert_int_equal(mr_flow_place(&flow, 1, 100), MR_PLACE_NEXT);
	assert_int_equal(mr_flow_place(&flow, 1, 101), MR_PLACE_BEYOND);
	assert_int_equal(mr_flow_place(&flow, 2, 99), MR_PLACE_AHEAD);
	assert_int_equal(mr_flow_place(&flow, 101, 1), MR_PLACE_BEYOND);
	assert_int_equal(mr_flow_place(&flow, UINT64_MAX, 1), MR_PLACE_BEYOND);
	for (uint32_t i = 0; i < 10; i++)
		mr_flow_accept(&flow);
	assert_int_equal(mr_flow_place(&flow, 1, 10), MR_PLACE_BEHIND);
	assert_int_equal(mr_flow_place(&flow, 1, 11), MR_PLACE_NEXT);
	assert_int_equal(mr_flow_place(&flow, 0, 1), MR_PLACE_BEHIND);
}

static void window_never_reaches_further_than_what_is_known(void **state)
{
	(void)state;
	mr_flow_open(&flow, 1);
	flow.edge = 1 + MR_WINDOW_MAX;
	assert_true(mr_flow_refuse(&flow, &pool, MR_WINDOW_MAX, &full));
	assert_int_equal(flow.settled, 1 + MR_WINDOW_MAX);
	flow.edge = flow.settled + MR_WINDOW_MAX;
	assert_int_equal(mr_flow_place(&flow, flow.next, 1), MR_PLACE_BEYOND);
	mr_flow_known(&flow, &pool, 11);
	assert_int_equal(mr_flow_place(&flow, flow.next, 10), MR_PLACE_NEXT);
	assert_int_equal(mr_flow_place(&flow, flow.next, 11), MR_PLACE_BEYOND);
	mr_flow_known(&flow, &pool, UINT64_MAX); // nobody can know what is not settled
	assert_int_equal(flow.known, flow.settled);
	assert_int_equal(pool.used, 0);
}

static void reorder_list_is_sorted_and_free_of_doubles(void **state)
{
	(void)state;
	static struct mr_packet packets[MR_REORDER_PACKETS_MAX + 1];
	mr_flow_open(&flow, 1);
	for (uint32_t i = 0; i < MR_REORDER_PACKETS_MAX; i++) {
		packets[i].first_sequence = 2 + (i * 37) % MR_REORDER_PACKETS_MAX;
		assert_int_equal(mr_flow_reorder(&flow, &packets[i]), 0);
		if (i == 5) {
			packets[MR_REORDER_PACKETS_MAX].first_sequence = packets[3].first_sequence;
			assert_int_equal(
				mr_flow_reorder(&flow, &packets[MR_REORDER_PACKETS_MAX]), -EEXIST);
		}
	}
	assert_int_equal(mr_flow_reorder(&flow, &packets[MR_REORDER_PACKETS_MAX]), -ENOSPC);
	assert_null(mr_flow_take_ready(&flow));
	flow.next = 2 + MR_REORDER_PACKETS_MAX / 2;
	uint64_t expected = 2;
	struct mr_packet *packet;
	while ((packet = mr_flow_take_ready(&flow)) != NULL)
		assert_int_equal(packet->first_sequence, expected++);
	assert_int_equal(expected, flow.next + 1);
	while ((packet = mr_flow_take_any(&flow)) != NULL)
		assert_int_equal(packet->first_sequence, expected++);
	assert_int_equal(flow.reorder_count, 0);
}

enum fate { UNDECIDED, ACCEPTED, DURABLE, REFUSED };

static uint64_t settled_of(const uint8_t *fates)
{
	uint64_t at = 1;
	while (fates[at] == DURABLE || fates[at] == REFUSED)
		at++;
	return at;
}

// What an ACK says of every sequence from `known` on must be so.
static void check_ack(const uint8_t *fates)
{
	static uint8_t body[MR_ACK_BYTES_MAX];
	struct mr_wire_ack_view view;
	const uint32_t length = mr_ack_write(&flow, &pool, body);
	assert_true(length <= MR_ACK_BYTES_MAX - MR_WIRE_HEADER_BYTES - MR_WIRE_TAG_BYTES);
	assert_int_equal(mr_wire_parse_ack(body, length, &view), 0);
	assert_true(view.ack.settled <= flow.settled && view.ack.settled >= flow.known);
	uint64_t refused = 0;
	for (uint32_t i = 0; i < view.ack.refused_runs; i++) {
		const struct mr_wire_refused run = mr_wire_ack_refused(&view, i);
		for (uint64_t at = run.first; at < run.first + run.count; at++)
			assert_int_equal(fates[at], REFUSED);
		assert_true(run.first >= flow.known && run.first + run.count <= view.ack.settled);
		refused += run.count;
	}
	for (uint64_t at = flow.known; at < view.ack.settled; at++)
		refused -= fates[at] == REFUSED;
	assert_int_equal(refused, 0);
	for (uint32_t bit = 0; bit < view.ack.bitmap_words * 64u; bit++) {
		const bool received = view.bitmap[bit / 8] >> bit % 8 & 1;
		assert_int_equal(received, fates[view.ack.settled + bit] != UNDECIDED);
	}
}

static void window_agrees_with_a_list_of_fates(void **state)
{
	(void)state;
	static uint8_t fates[SEQUENCES + 2 * MR_WINDOW_MAX];
	struct mr_rng rng;
	mr_rng_seed(&rng, 8);
	mr_flow_open(&flow, 0);
	uint64_t durable = 1;
	while (flow.next < SEQUENCES) {
		flow.edge = flow.settled + MR_WINDOW_MAX;
		const uint64_t room = flow.known + MR_WINDOW_MAX - flow.next;
		const uint32_t count = 1 + (uint32_t)mr_rng_below(&rng, 90);
		if (count <= room && mr_rng_chance(&rng, 1, 3)) {
			const uint64_t from = flow.next;
			if (mr_flow_refuse(&flow, &pool, count, &full))
				memset(&fates[from], REFUSED, count);
			assert_true(flow.next == from || flow.next == from + count);
		} else if (count <= room) {
			memset(&fates[flow.next], ACCEPTED, count);
			for (uint32_t i = 0; i < count; i++)
				mr_flow_accept(&flow);
		}
		for (uint64_t i = mr_rng_below(&rng, 150); i > 0 && durable < flow.next;
			durable++) {
			if (fates[durable] != ACCEPTED)
				continue;
			assert_false(mr_flow_durable(&flow, durable + 1));
			assert_true(mr_flow_durable(&flow, durable));
			fates[durable] = DURABLE;
			i--;
		}
		assert_int_equal(flow.settled, settled_of(fates));
		check_ack(fates);
		if (mr_rng_chance(&rng, 1, 4) || pool.used == RUNS)
			mr_flow_known(&flow, &pool, flow.acked - mr_rng_below(&rng, 2));
	}
}

enum { EVENT_BYTES = 1000 };

static void begin_credit(struct mr_credit *credit, uint64_t room_bytes)
{
	mr_credit_init(credit, room_bytes);
	for (uint32_t i = 0; i < 200; i++)
		mr_credit_event(credit, EVENT_BYTES);
	mr_credit_tick(credit, 1);
}

static void credit_is_divided_among_those_who_sent_lately(void **state)
{
	(void)state;
	static struct mr_flow flows[8];
	struct mr_credit credit;
	const uint64_t free_bytes = 8 << 20;
	begin_credit(&credit, free_bytes);
	for (uint32_t i = 0; i < 8; i++) {
		mr_flow_open(&flows[i], 0);
		mr_credit_seen(&credit, &flows[i]);
		mr_credit_seen(&credit, &flows[i]); // counts once
	}
	uint64_t granted = 0;
	for (uint32_t i = 0; i < 8; i++)
		granted += mr_credit_extend(&credit, &flows[i], free_bytes);
	assert_in_range(granted * EVENT_BYTES, free_bytes / 4, free_bytes / 4 * 3);
	assert_int_equal(credit.granted, granted);
	assert_int_equal(mr_credit_extend(&credit, &flows[0], free_bytes / 2), 0); // never back
	begin_credit(&credit, free_bytes);
	mr_credit_tick(&credit, 2 + MR_CREDIT_PERIOD_NS);
	mr_credit_tick(&credit, 4 + 2 * (uint64_t)MR_CREDIT_PERIOD_NS);
	mr_flow_open(&flow, 0);
	flow.seen_period = 1;
	assert_int_equal(mr_credit_extend(&credit, &flow, free_bytes * 100),
		MR_WINDOW_MAX); // alone: the whole window
	assert_false(mr_credit_is_short(&flow));
}

// Whatever flows do and in whichever order they ask: what is granted beside the packet that each is
// always owed fits, and close to the end of the room everything does.
static void grants_never_exceed_what_is_free(void **state)
{
	(void)state;
	static struct mr_flow flows[64];
	struct mr_credit credit;
	struct mr_rng rng;
	mr_rng_seed(&rng, 3);
	const uint64_t room_bytes = 4 << 20;
	begin_credit(&credit, room_bytes);
	for (uint32_t i = 0; i < 64; i++)
		mr_flow_open(&flows[i], 0);
	uint64_t free_bytes = room_bytes;
	uint64_t now_ns = 1;
	for (uint32_t round = 0; round < 20000; round++) {
		struct mr_flow *one = &flows[mr_rng_below(&rng, 64)];
		const uint64_t count = mr_rng_below(&rng, mr_credit_of(one) + 1);
		const uint64_t before = credit.granted;
		mr_credit_tick(&credit, now_ns += 1000 * 1000);
		mr_credit_seen(&credit, one);
		if (count * EVENT_BYTES <= free_bytes) {
			for (uint64_t i = 0; i < count; i++)
				mr_flow_accept(one);
			for (uint64_t at = one->settled; at < one->next; at++)
				assert_true(mr_flow_durable(one, at));
			mr_credit_changed(&credit, one, mr_credit_of(one) + count);
			assert_int_equal(credit.granted, before - count);
			free_bytes -= count * EVENT_BYTES;
		}
		if (mr_rng_chance(&rng, 1, 3))
			free_bytes += mr_rng_below(&rng, room_bytes - free_bytes + 1);
		const uint64_t moved = mr_credit_extend(&credit, one, free_bytes);
		if (moved == 0)
			continue;
		const bool fits = credit.granted * EVENT_BYTES <= free_bytes / 4 * 3;
		assert_true(fits || free_bytes > room_bytes / 4);
		assert_true(fits || mr_credit_of(one) <= MR_PACKET_EVENTS_MAX);
	}
}

static void silent_flows_do_not_starve_others(void **state)
{
	(void)state;
	static struct mr_flow flows[200];
	struct mr_credit credit;
	const uint64_t room_bytes = 1 << 20;
	begin_credit(&credit, room_bytes);
	for (uint32_t i = 0; i < 200; i++) {
		mr_flow_open(&flows[i], 0);
		(void)mr_credit_extend(&credit, &flows[i], room_bytes);
		assert_true(mr_credit_of(&flows[i]) >= 1);
	}
	mr_credit_seen(&credit, &flows[199]);
	(void)mr_credit_extend(&credit, &flows[199], room_bytes);
	assert_int_equal(mr_credit_of(&flows[199]), MR_PACKET_EVENTS_MAX);
	mr_flow_open(&flow, 0);
	assert_int_equal(mr_credit_extend(&credit, &flow, room_bytes / 4), 0); // all is promised
	assert_true(mr_credit_is_short(&flow));
}

// The grants of silent flows exceed what fits (events have become longer since), and more flows ask
// than events would fit: each gets on, if only by one event at a time.
static void flows_that_outnumber_what_fits_all_get_on(void **state)
{
	(void)state;
	enum { FLOWS = 200, EVENTS = 3, PERIODS = 40 };
	static struct mr_flow flows[FLOWS];
	struct mr_flow silent = {0};
	struct mr_credit credit;
	const uint64_t room_bytes = 64 << 10;
	mr_credit_init(&credit, room_bytes);
	mr_flow_open(&silent, 0);
	for (uint32_t i = 0; i < FLOWS; i++)
		mr_flow_open(&flows[i], 0);
	assert_true(mr_credit_extend(&credit, &silent, room_bytes) * EVENT_BYTES > room_bytes);
	for (uint32_t i = 0; i < 200; i++)
		mr_credit_event(&credit, EVENT_BYTES);
	uint32_t waiting = FLOWS;
	for (uint64_t period = 0; period < PERIODS && waiting > 0; period++) {
		mr_credit_tick(&credit, 1 + period * MR_CREDIT_PERIOD_NS);
		for (uint32_t i = 0; i < FLOWS; i++) {
			struct mr_flow *one = &flows[i];
			if (one->next > EVENTS)
				continue;
			mr_credit_seen(&credit, one);
			if (one->edge > one->next) {
				mr_flow_accept(one);
				mr_credit_changed(&credit, one, mr_credit_of(one) + 1);
				assert_true(mr_flow_durable(one, one->next - 1));
				waiting -= one->next > EVENTS;
			}
			(void)mr_credit_extend(&credit, one, room_bytes);
		}
		assert_true(credit.granted_now * EVENT_BYTES <= room_bytes);
	}
	assert_int_equal(waiting, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_ack_that_tells_a_part_grants_no_more_than_its_window, setup, teardown),
		cmocka_unit_test_setup_teardown(
			place_is_judged_by_next_edge_and_known, setup, teardown),
		cmocka_unit_test_setup_teardown(
			run_that_never_ends_stays_within_the_window, setup, teardown),
		cmocka_unit_test_setup_teardown(
			window_never_reaches_further_than_what_is_known, setup, teardown),
		cmocka_unit_test_setup_teardown(
			reorder_list_is_sorted_and_free_of_doubles, setup, teardown),
		cmocka_unit_test_setup_teardown(
			window_agrees_with_a_list_of_fates, setup, teardown),
		cmocka_unit_test_setup_teardown(
			credit_is_divided_among_those_who_sent_lately, setup, teardown),
		cmocka_unit_test_setup_teardown(grants_never_exceed_what_is_free, setup, teardown),
		cmocka_unit_test_setup_teardown(silent_flows_do_not_starve_others, setup, teardown),
		cmocka_unit_test_setup_teardown(
			flows_that_outnumber_what_fits_all_get_on, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
