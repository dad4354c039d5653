// What the sender makes and when, and what it counts: without a port, the flows' windows are opened
// by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "sender.h"

enum { FLOWS = 4, BUFFER = 64 };
#define START_NS UINT64_C(1000000000)
#define MS       UINT64_C(1000000)

struct world {
	struct mr_send_options options;
	struct mr_sender sender;
	char path[64];
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	assert_non_null(world);
	world->options = (struct mr_send_options){
		.rate = 10000, .events_per_packet = 20, .linger_ns = 200000, .mtu = 1500};
	world->options.workload = (struct mr_workload_options){.seed = 1,
		.objects = 100,
		.first_object = 1000,
		.hot_object = 5,
		.workspaces = 1,
		.databases = 1,
		.projects = 1,
		.project_base = 301,
		.sessions = 2};
	const char *why;
	struct mr_sender *sender = &world->sender;
	sender->options = &world->options;
	assert_int_equal(mr_workload_init(&sender->workload, &world->options.workload, &why), 0);
	sender->sessions_count = 2;
	sender->flows = FLOWS;
	sender->start_ns = START_NS;
	sender->offering = true;
	for (uint32_t i = 0; i < 2; i++) {
		const struct mr_producer_session_config config = {
			.key_id = 1, .session_id = 1 + i, .buffer_events = BUFFER};
		assert_int_equal(mr_producer_session_init(&sender->sessions[i], &config), 0);
		sender->sessions[i].state = MR_PRODUCER_OPEN;
		sender->sessions[i].flows_count = FLOWS;
		for (uint32_t flow = 0; flow < FLOWS; flow++)
			mr_producer_flow_grant(&sender->sessions[i].flows[flow],
				&(struct mr_wire_grant){.next = 1, .edge = 11});
	}
	snprintf(world->path, sizeof(world->path), "/tmp/millrace-traffic-%d", (int)getpid());
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	for (uint32_t i = 0; i < 2; i++)
		mr_producer_session_fini(&world->sender.sessions[i]);
	mr_retry_queue_fini(&world->sender.retries);
	mr_ledger_close(&world->sender.ledger);
	mr_workload_fini(&world->sender.workload);
	unlink(world->path);
	free(world);
	return 0;
}

static void open_ledger(struct world *world, uint64_t capacity)
{
	assert_int_equal(mr_ledger_create(&world->sender.ledger, world->path, capacity,
				 &world->options.workload, 0, FLOWS),
		0);
}

static void pace_is(struct world *world, double rate)
{
	world->options.rate = rate;
	world->sender.pace = (struct mr_pace){.rate = rate};
}

// Makes whatever is due at `now_ns`, in as many turns as it takes.
static uint64_t generate(struct world *world, uint64_t now_ns)
{
	uint64_t total = 0;
	uint32_t made;
	while ((made = mr_sender_generate(&world->sender, now_ns)) > 0)
		total += made;
	return total;
}

static void events_are_made_when_they_are_due(void **state)
{
	struct world *world = *state;
	pace_is(world, 10000);
	world->options.duration_ns = 1000 * MS;
	assert_int_equal(generate(world, START_NS - 1), 0);
	assert_int_equal(generate(world, START_NS), 1);
	assert_int_equal(generate(world, START_NS + 5 * MS), 50);
	assert_int_equal(generate(world, START_NS + 5 * MS), 0);
	assert_int_equal(world->sender.counts.offered, 51);
	assert_true(world->sender.offering);
}

static void who_comes_late_still_offers_what_was_due(void **state)
{
	struct world *world = *state;
	pace_is(world, 10000);
	world->options.duration_ns = 10 * MS;
	open_ledger(world, 1000);
	assert_int_equal(generate(world, START_NS + 500 * MS), 100);
	assert_false(world->sender.offering);
	struct mr_ledger_view view;
	assert_true(mr_ledger_get(&world->sender.ledger, 100, &view));
	assert_int_equal(view.intended_ns, START_NS + 9900000); // its own time, not ours
}

static void a_full_buffer_ends_events_as_unsent(void **state)
{
	struct world *world = *state;
	pace_is(world, 1e6);
	open_ledger(world, 5000);
	world->options.events = 5000;
	assert_int_equal(
		generate(world, START_NS + 100 * MS), 5000); // two sessions of four flows of 64
	assert_int_equal(world->sender.counts.unsent, 5000 - 2 * FLOWS * BUFFER);
	assert_int_equal(mr_sender_unsettled(&world->sender), 2 * FLOWS * BUFFER);
	uint64_t unsent = 0;
	for (uint64_t n = 1; n <= 5000; n++) {
		struct mr_ledger_view view;
		assert_true(mr_ledger_get(&world->sender.ledger, n, &view));
		unsent += view.state == MR_LEDGER_UNSENT;
	}
	assert_int_equal(unsent, world->sender.counts.unsent);
}

static void as_fast_as_possible_waits_for_the_window(void **state)
{
	struct world *world = *state;
	pace_is(world, 0);
	uint64_t made = generate(world, START_NS);
	assert_in_range(made, 10, 2 * FLOWS * 10); // until the first flow is at its edge
	assert_int_equal(world->sender.counts.unsent, 0);
	uint64_t held = world->sender.held_object;
	assert_int_not_equal(held, 0);
	for (uint32_t i = 0; i < 2; i++) {
		for (uint32_t flow = 0; flow < FLOWS; flow++)
			mr_producer_flow_grant(&world->sender.sessions[i].flows[flow],
				&(struct mr_wire_grant){.edge = 21});
	}
	assert_true(generate(world, START_NS + MS) > 0); // the held one goes first
	uint32_t session = mr_workload_session(&world->sender.workload, held);
	bool found = false;
	for (uint32_t flow = 0; flow < FLOWS; flow++) {
		const struct mr_producer_flow *of = &world->sender.sessions[session].flows[flow];
		for (uint64_t s = 1; s < of->end; s++)
			found |= mr_producer_flow_event(of, s)->number == made + 1
				&& mr_producer_flow_event(of, s)->object == held;
	}
	assert_true(found);
}

static void an_object_keeps_its_flow_and_its_order(void **state)
{
	struct world *world = *state;
	pace_is(world, 100000);
	generate(world, START_NS + 3 * MS);
	for (uint64_t object = 1000; object < 1100; object++) {
		uint32_t flows = 0;
		for (uint32_t i = 0; i < 2 * FLOWS; i++) {
			const struct mr_producer_flow *flow =
				&world->sender.sessions[i / FLOWS].flows[i % FLOWS];
			uint64_t last = 0;
			for (uint64_t s = 1; s < flow->end; s++) {
				const struct mr_pending *event = mr_producer_flow_event(flow, s);
				if (event->object != object)
					continue;
				assert_true(event->number > last);
				flows += last == 0;
				last = event->number;
			}
		}
		assert_in_range(flows, 0, 1);
	}
}

static void fates_are_counted_by_reason(void **state)
{
	struct world *world = *state;
	pace_is(world, 10000);
	open_ledger(world, 100);
	generate(world, START_NS + MS);
	struct mr_settle settle = mr_sender_settle(&world->sender);
	const uint8_t fates[] = {MR_REASON_OK, MR_REASON_OBJECT_FULL, MR_REASON_BANNED,
		200}; // the last is from the future
	for (uint64_t n = 1; n <= 4; n++)
		settle.event(settle.context, &(struct mr_pending){.number = n, .object = 1000},
			fates[n - 1], 0);
	const struct mr_sender_counts *counts = &world->sender.counts;
	assert_int_equal(counts->accepted, 1);
	assert_int_equal(counts->refused, 3);
	assert_int_equal(counts->by_reason[MR_REASON_OBJECT_FULL], 1);
	assert_int_equal(counts->by_reason[MR_REASON_BANNED], 1);
	assert_int_equal(counts->by_reason[MR_REASON_MALFORMED], 1);
	struct mr_ledger_view view;
	assert_true(mr_ledger_get(&world->sender.ledger, 2, &view));
	assert_int_equal(view.state, MR_LEDGER_REFUSED + MR_REASON_OBJECT_FULL);
}

static void refused_events_come_back_as_new_ones_when_they_may(void **state)
{
	struct world *world = *state;
	pace_is(world, 1000);
	world->options.retry_refused = true;
	world->options.events = 2;
	assert_int_equal(mr_retry_queue_init(&world->sender.retries, 16), 0);
	assert_int_equal(generate(world, START_NS + 5 * MS), 2);
	assert_false(world->sender.offering);
	world->sender.now_ns = START_NS + 6 * MS;
	struct mr_settle settle = mr_sender_settle(&world->sender);
	settle.event(settle.context, &(struct mr_pending){.number = 1, .object = 1001},
		MR_REASON_OBJECT_FULL, 50);
	settle.event(settle.context, &(struct mr_pending){.number = 2, .object = 1002},
		MR_REASON_BANNED, 50); // not to be tried again
	assert_int_equal(generate(world, START_NS + 55 * MS), 0);
	assert_int_equal(generate(world, START_NS + 56 * MS), 1);
	assert_int_equal(world->sender.number, 3);
	assert_int_equal(world->sender.counts.retried, 1);
	assert_int_equal(world->sender.counts.offered, 3);
}

static void a_full_ledger_ends_the_offer(void **state)
{
	struct world *world = *state;
	pace_is(world, 10000);
	open_ledger(world, 20);
	assert_int_equal(generate(world, START_NS + 100 * MS), 20);
	assert_false(world->sender.offering);
	assert_int_equal(world->sender.counts.offered, 20);
}

static void naps_end_with_the_next_event_and_are_never_long(void **state)
{
	struct world *world = *state;
	pace_is(world, 10); // one every 100 ms
	generate(world, START_NS);
	world->sender.ready[0] = world->sender.ready[1] = 0;
	assert_int_equal(
		mr_sender_nap_ns(&world->sender, START_NS + MS), 100000); // an answer may come
	world->sender.counts.accepted = 1;
	assert_int_equal(mr_sender_nap_ns(&world->sender, START_NS + MS), MS);
	assert_int_equal(mr_sender_nap_ns(&world->sender, START_NS + 100 * MS - 70000), 70000);
	assert_int_equal(mr_sender_nap_ns(&world->sender, START_NS + 200 * MS), 50000);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(events_are_made_when_they_are_due),
		CASE(who_comes_late_still_offers_what_was_due),
		CASE(a_full_buffer_ends_events_as_unsent),
		CASE(as_fast_as_possible_waits_for_the_window),
		CASE(an_object_keeps_its_flow_and_its_order),
		CASE(fates_are_counted_by_reason),
		CASE(refused_events_come_back_as_new_ones_when_they_may),
		CASE(a_full_ledger_ends_the_offer),
		CASE(naps_end_with_the_next_event_and_are_never_long),
	};
#undef CASE
	return cmocka_run_group_tests(tests, NULL, NULL);
}
