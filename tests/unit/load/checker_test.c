// The receiver's judgement: a run without a fault passes, and each planted fault is found for what
// it is.
#include "checker.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <millrace/reason.h>

enum { EVENTS = 100, BODY_BYTES = 65536, PER_BODY = 10 };

struct world {
	char path[64];
	struct mr_ledger ledger; // the sender's
	struct mr_ledger view; // the receiver's
	struct mr_latency latency;
	struct mr_checker checker;
	struct mr_workload_options workload;
	int webhook[2]; // projects 301 and 302
	uint64_t order[EVENTS]; // event numbers as the router sends them
	char body[BODY_BYTES];
	uint32_t bodies;
};

static uint64_t object_of(uint64_t number)
{
	return 1000 + number % 7;
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	assert_non_null(world);
	snprintf(
		world->path, sizeof(world->path), "/tmp/millrace-checker-%d.ledger", (int)getpid());
	world->workload = (struct mr_workload_options){.objects = 10,
		.first_object = 1000,
		.hot_object = 1003,
		.hot_share = 0.5,
		.workspaces = 2,
		.databases = 1,
		.projects = 2,
		.project_base = 301,
		.sessions = 1};
	assert_int_equal(
		mr_ledger_create(&world->ledger, world->path, EVENTS, &world->workload, 5, 16), 0);
	assert_int_equal(mr_ledger_open(&world->view, world->path), 0);
	assert_int_equal(mr_checker_init(&world->checker, &world->latency), 0);
	mr_latency_layout(&world->latency, &world->view.header->workload, 5, 16, 4);
	world->checker.ledger = &world->view;
	world->webhook[0] = mr_checker_path(&world->checker, "0/project/301", 13);
	world->webhook[1] = mr_checker_path(&world->checker, "0/project/302", 13);
	assert_int_equal(world->webhook[1], 1);
	assert_int_equal(mr_checker_path(&world->checker, "0/project/301", 13), 0);
	for (uint64_t n = 1; n <= EVENTS; n++) {
		assert_int_equal(mr_ledger_offer(&world->ledger, n, object_of(n), 1000 * n), 0);
		mr_ledger_settle(&world->ledger, n, MR_LEDGER_ACCEPTED, 0);
		world->order[n - 1] = n;
	}
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	mr_checker_fini(&world->checker);
	mr_ledger_close(&world->ledger);
	mr_ledger_close(&world->view);
	unlink(world->path);
	free(world);
	return 0;
}

static size_t render(struct world *world, const uint64_t *numbers, uint32_t count)
{
	size_t at = (size_t)snprintf(world->body, BODY_BYTES, "{\"events\":[");
	for (uint32_t i = 0; i < count; i++) {
		at += (size_t)snprintf(world->body + at, BODY_BYTES - at,
			"%s{\"user\":null,\"created_at\":\"2026-01-01T00:00:00.000Z\",\"type\":\"task\",\"action\":\"changed\","
			"\"resource\":{\"gid\":\"%llu\",\"resource_type\":\"task\"},\"parent\":null,\"change\":{\"field\":\"name\","
			"\"action\":\"changed\",\"new_value\":{\"gid\":\"%llu\",\"resource_type\":\"user\"}}}",
			i > 0 ? "," : "", (unsigned long long)object_of(numbers[i]),
			(unsigned long long)numbers[i]);
	}
	at += (size_t)snprintf(world->body + at, BODY_BYTES - at, "]}");
	return at;
}

static int post(struct world *world, int webhook, const char *id, size_t body_length, bool answered)
{
	const struct mr_checked_request request = {.path = (uint32_t)webhook,
		.id = id,
		.id_length = strlen(id),
		.body = world->body,
		.body_length = body_length,
		.answered = answered,
		.now_ns = 2000000};
	return mr_checker_request(&world->checker, &request);
}

// Delivers what `order` names to the webhooks they belong to, in bodies of ten; 0 in `order` is
// left out.
static void deliver_all(struct world *world)
{
	for (int webhook = 0; webhook < 2; webhook++) {
		uint64_t numbers[PER_BODY];
		uint32_t count = 0;
		for (int i = 0; i <= EVENTS; i++) {
			if (i < EVENTS && world->order[i] != 0
				&& (int)(object_of(world->order[i]) % 2) == webhook)
				numbers[count++] = world->order[i];
			if (count == PER_BODY || (i == EVENTS && count > 0)) {
				char id[32];
				snprintf(id, sizeof(id), "msg_%u", world->bodies++);
				size_t length = render(world, numbers, count);
				assert_int_equal(
					post(world, world->webhook[webhook], id, length, true), 0);
				count = 0;
			}
		}
	}
}

static struct mr_checker_audit audit(const struct world *world)
{
	struct mr_checker_audit audit;
	mr_checker_audit(&world->checker, &audit);
	return audit;
}

static void checker_passes_a_run_without_fault(void **state)
{
	struct world *world = *state;
	deliver_all(world);
	struct mr_checker_audit found = audit(world);
	assert_true(mr_checker_clean(&world->checker.counts));
	assert_int_equal(world->checker.counts.events, EVENTS);
	assert_int_equal(found.accepted, EVENTS);
	assert_int_equal(found.lost + found.unclaimed + found.phantom + found.unsettled, 0);
	assert_int_equal(mr_read(&world->latency.classes[MR_LATENCY_ALL].count), EVENTS);
	uint64_t hot = mr_read(&world->latency.classes[MR_LATENCY_HOT].count);
	assert_int_equal(hot + mr_read(&world->latency.classes[MR_LATENCY_COLD].count), EVENTS);
	assert_in_range(hot, 14, 15);
}

static void checker_finds_a_swap(void **state)
{
	struct world *world = *state;
	world->order[10] = 18; // events 11 and 18 are of one object
	world->order[17] = 11;
	deliver_all(world);
	assert_int_equal(world->checker.counts.out_of_order, 1);
	assert_false(mr_checker_clean(&world->checker.counts));
	assert_int_equal(audit(world).lost, 0);
}

static void a_swap_of_different_objects_is_no_fault(void **state)
{
	struct world *world = *state;
	world->order[10] = 13;
	world->order[12] = 11;
	deliver_all(world);
	assert_true(mr_checker_clean(&world->checker.counts));
}

static void checker_finds_a_loss(void **state)
{
	struct world *world = *state;
	world->order[41] = 0;
	deliver_all(world);
	assert_true(mr_checker_clean(&world->checker.counts));
	assert_int_equal(audit(world).lost, 1);
	assert_int_equal(audit(world).first_lost, 42);
}

static void checker_finds_a_duplicate(void **state)
{
	struct world *world = *state;
	deliver_all(world);
	const uint64_t again[] = {95};
	assert_int_equal(post(world, world->webhook[object_of(95) % 2], "msg_new",
				 render(world, again, 1), true),
		0);
	assert_int_equal(world->checker.counts.duplicates_different, 1);
	assert_int_equal(world->checker.counts.events, EVENTS);
}

static void the_same_request_again_is_no_duplicate(void **state)
{
	struct world *world = *state;
	const uint64_t numbers[] = {1, 3, 5};
	for (int with_id = 0; with_id < 2; with_id++) {
		size_t length = render(world, numbers + with_id, 1);
		int webhook = world->webhook[object_of(numbers[with_id]) % 2];
		assert_int_equal(post(world, webhook, with_id ? "msg_1" : "", length, true), 0);
		assert_int_equal(post(world, webhook, with_id ? "msg_1" : "", length, true), 0);
		assert_int_equal(world->checker.counts.redelivered, with_id + 1);
		assert_int_equal(world->checker.counts.duplicates_same, with_id + 1);
	}
	assert_true(mr_checker_clean(&world->checker.counts));
}

static void checker_finds_a_changed_body(void **state)
{
	struct world *world = *state;
	const uint64_t numbers[] = {1, 2};
	assert_int_equal(post(world, 0, "msg_1", render(world, numbers, 1), false), 0);
	assert_int_equal(post(world, 0, "msg_1", render(world, numbers, 2), true), -EBADMSG);
	assert_int_equal(world->checker.counts.changed_bodies, 1);
}

static void what_was_answered_with_failure_is_not_delivered(void **state)
{
	struct world *world = *state;
	const uint64_t numbers[] = {1};
	int webhook = world->webhook[object_of(1) % 2];
	size_t length = render(world, numbers, 1);
	assert_int_equal(post(world, webhook, "msg_1", length, false), 0);
	assert_int_equal(world->checker.counts.events, 0);
	assert_int_equal(post(world, webhook, "msg_1", length, true), 0);
	assert_int_equal(world->checker.counts.events, 1);
	assert_int_equal(world->checker.counts.redelivered, 0);
	assert_true(mr_checker_clean(&world->checker.counts));
}

static void checker_finds_events_of_another_project(void **state)
{
	struct world *world = *state;
	const uint64_t numbers[] = {1};
	int wrong = world->webhook[1 - object_of(1) % 2];
	assert_int_equal(post(world, wrong, "msg_1", render(world, numbers, 1), true), 0);
	assert_int_equal(world->checker.counts.misrouted, 1);
}

static void checker_finds_events_that_were_never_offered(void **state)
{
	struct world *world = *state;
	const uint64_t numbers[] = {EVENTS + 1};
	assert_int_equal(post(world, 0, "msg_1", render(world, numbers, 1), true), 0);
	assert_int_equal(world->checker.counts.unknown, 1);
}

static void a_refused_event_must_not_arrive(void **state)
{
	struct world *world = *state;
	// A second ledger in which event 1 was refused: the fate of a settled event never changes.
	struct mr_ledger ledger;
	struct mr_ledger view;
	assert_int_equal(
		mr_ledger_create(&ledger, world->path, EVENTS, &world->workload, 5, 16), 0);
	assert_int_equal(mr_ledger_open(&view, world->path), 0);
	world->checker.ledger = &view;
	assert_int_equal(mr_ledger_offer(&ledger, 1, object_of(1), 1), 0);
	mr_ledger_settle(&ledger, 1, MR_LEDGER_REFUSED, MR_REASON_OBJECT_FULL);
	const uint64_t numbers[] = {1};
	assert_int_equal(post(world, world->webhook[object_of(1) % 2], "msg_1",
				 render(world, numbers, 1), true),
		0);
	assert_int_equal(audit(world).phantom, 1);
	world->checker.ledger = &world->view;
	mr_ledger_close(&ledger);
	mr_ledger_close(&view);
}

static void events_of_a_webhook_that_never_came_are_unclaimed(void **state)
{
	struct world *world = *state;
	struct mr_checker checker;
	assert_int_equal(mr_checker_init(&checker, &world->latency), 0);
	checker.ledger = &world->view;
	assert_int_equal(mr_checker_path(&checker, "0/project/301", 13), 0);
	struct mr_checker_audit found;
	mr_checker_audit(&checker, &found);
	uint64_t ours = 0;
	for (uint64_t n = 1; n <= EVENTS; n++)
		ours += object_of(n) % 2 == 0;
	assert_int_equal(found.lost, ours);
	assert_int_equal(found.unclaimed, EVENTS - ours);
	mr_checker_fini(&checker);
}

static void bad_bodies_are_found(void **state)
{
	struct world *world = *state;
	static const char *const bad[] = {
		"",
		"{}",
		"[]",
		"null",
		"{\"events\":[]",
		"{\"events\":[]}}",
		"{\"events\":[],\"more\":1}",
		"{ \"events\":[]}",
		"{\"event\":[]}",
		"{\"events\":{}}",
		"{\"events\":[1]}",
		"{\"events\":[{}]}",
		"{\"events\":[{\"action\":\"changed\",\"resource\":{\"gid\":\"1\"}}]}", // no number
		"{\"events\":[{\"action\":\"moved\",\"resource\":{\"gid\":\"1\"},\"parent\":{\"gid\":\"1\"}}]}",
		// gids are texts
		"{\"events\":[{\"action\":\"added\",\"resource\":{\"gid\":1},\"parent\":{\"gid\":\"1\"}}]}",
		"{\"events\":[{\"action\":\"added\",\"resource\":null,\"parent\":{\"gid\":\"1\"}}]}",
		"{\"events\":[{\"action\":\"added\",\"resource\":{\"gid\":\"x\"},\"parent\":{\"gid\":\"1\"}}]}",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char id[16];
		snprintf(id, sizeof(id), "bad_%zu", i);
		memcpy(world->body, bad[i], strlen(bad[i]));
		assert_int_equal(post(world, 0, id, strlen(bad[i]), true), -EBADMSG);
		assert_int_equal(world->checker.counts.bad_bodies, i + 1);
	}
}

static void a_heartbeat_is_no_event(void **state)
{
	struct world *world = *state;
	size_t length = (size_t)snprintf(world->body, BODY_BYTES, "{\"events\":[]}");
	for (int i = 0; i < 3; i++)
		assert_int_equal(post(world, 0, "", length, true), 0);
	assert_int_equal(world->checker.counts.heartbeats, 3);
	assert_int_equal(world->checker.counts.redelivered, 0);
	assert_int_equal(world->checker.counts.events, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(checker_passes_a_run_without_fault),
		CASE(checker_finds_a_swap),
		CASE(a_swap_of_different_objects_is_no_fault),
		CASE(checker_finds_a_loss),
		CASE(checker_finds_a_duplicate),
		CASE(the_same_request_again_is_no_duplicate),
		CASE(checker_finds_a_changed_body),
		CASE(what_was_answered_with_failure_is_not_delivered),
		CASE(checker_finds_events_of_another_project),
		CASE(checker_finds_events_that_were_never_offered),
		CASE(a_refused_event_must_not_arrive),
		CASE(events_of_a_webhook_that_never_came_are_unclaimed),
		CASE(bad_bodies_are_found),
		CASE(a_heartbeat_is_no_event),
	};
#undef CASE
	return cmocka_run_group_tests(tests, NULL, NULL);
}
