// Webhooks wanted and webhooks known, with a shard and two delivery stages played by the test.
#include "registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hash.h"

// Stage 0 is the shard, stages 1 and 2 deliver.
enum { STAGES = 3, LANES = 4 };

struct world {
	struct mr_arena arena;
	struct mr_postbox postbox;
	struct mr_registry registry;
	struct mr_ring *rings[STAGES];
	mr_counter generations[STAGES];
	struct mr_stats_webhook rows[LANES];
	uint64_t subscribed[LANES]; // at the shard, by lane
	uint64_t lanes[LANES]; // at the deliveries
	uint32_t delivery_of[LANES];
	uint32_t adds;
	struct mr_config *config;
};

static struct world *world;

static int setup(void **state)
{
	(void)state;
	world = calloc(1, sizeof(*world));
	assert_int_equal(mr_arena_open(&world->arena, 16 << 20, false), 0);
	assert_true(mr_postbox_init(&world->postbox, &world->arena));
	struct mr_registry_config config = {.flows = 4,
		.shards = 1,
		.deliveries = 2,
		.webhooks_max = LANES,
		.first_delivery = 1,
		.rows = world->rows};
	assert_true(mr_registry_init(&world->registry, &world->arena, &world->postbox, &config));
	for (uint32_t i = 0; i < STAGES; i++) {
		world->rings[i] = mr_ring_new(&world->arena, "ring", 64);
		mr_postbox_stage(&world->postbox, i, world->rings[i], &world->generations[i]);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mr_config_free(world->config);
	mr_arena_close(&world->arena);
	free(world);
	return 0;
}

// The shard and the deliveries hold each other to the order: never a subscription without its lane.
static void apply(uint32_t stage, const struct mr_steward_msg *msg)
{
	const struct mr_webhook *webhook = &msg->webhook;
	uint64_t *known = stage == 0 ? world->subscribed : world->lanes;
	assert_true(webhook->lane < LANES);
	assert_int_equal(webhook->delivery, stage == 0 ? webhook->delivery : stage - 1);
	if (msg->kind == MR_STEWARD_WEBHOOK_ADD) {
		assert_int_equal(known[webhook->lane], 0);
		if (stage == 0)
			assert_int_equal(world->lanes[webhook->lane], webhook->id);
		assert_true(webhook->port > 0);
		known[webhook->lane] = webhook->id;
		world->delivery_of[webhook->lane] = webhook->delivery;
		world->adds++;
	} else {
		assert_int_equal(msg->kind, MR_STEWARD_WEBHOOK_REMOVE);
		assert_int_equal(known[webhook->lane], webhook->id);
		if (stage != 0)
			assert_int_equal(world->subscribed[webhook->lane], 0);
		known[webhook->lane] = 0;
	}
	atomic_store_explicit(&world->generations[stage], msg->generation, memory_order_release);
}

static void turn(void)
{
	struct mr_desc desc;
	mr_registry_work(&world->registry);
	mr_postbox_work(&world->postbox);
	for (uint32_t stage = 0; stage < STAGES; stage++)
		while (mr_ring_pop_burst(world->rings[stage], &desc, 1) == 1)
			apply(stage, (const struct mr_steward_msg *)(uintptr_t)desc.word[0]);
	mr_postbox_work(&world->postbox);
}

static void settle(void)
{
	for (uint32_t i = 0; i < 12; i++)
		turn();
	assert_true(mr_postbox_idle(&world->postbox));
	assert_int_equal(world->registry.todo.count, 0);
}

// A new configuration with these webhooks; a name with a digit behind it has another target than
// without.
static void want(const char *const *names, uint32_t count)
{
	struct mr_config *config = mr_config_new();
	config->webhooks = calloc(count + 1, sizeof(*config->webhooks));
	for (uint32_t i = 0; i < count; i++) {
		struct mr_config_webhook *entry = &config->webhooks[config->webhooks_count++];
		entry->webhook.name[0] = names[i][0];
		entry->webhook.id = mr_hash_bytes(entry->webhook.name, 1, 0);
		entry->webhook.resource = (uint64_t)names[i][0];
		entry->webhook.port = (uint16_t)(1000 + names[i][0]);
		snprintf(entry->url, sizeof(entry->url), "http://10.0.0.1/%s", names[i]);
		snprintf(entry->webhook.host, sizeof(entry->webhook.host), "10.0.0.1");
	}
	mr_registry_want(&world->registry, config);
	mr_config_free(world->config);
	world->config = config;
}

static uint32_t lane_of(char name)
{
	uint64_t id = mr_hash_bytes(&name, 1, 0);
	for (uint32_t lane = 0; lane < LANES; lane++)
		if (world->lanes[lane] == id)
			return lane;
	return LANES;
}

static void expect(const char *names)
{
	uint32_t lanes = 0;
	for (uint32_t lane = 0; lane < LANES; lane++) {
		assert_int_equal(world->lanes[lane], world->subscribed[lane]);
		lanes += world->lanes[lane] != 0;
	}
	assert_int_equal(lanes, strlen(names));
	for (; *names != '\0'; names++)
		assert_true(lane_of(*names) < LANES);
}

static void webhooks_are_added_and_removed_lane_first_and_last(void **state)
{
	(void)state;
	want((const char *const[]){"a", "b", "c"}, 3);
	settle();
	expect("abc");
	assert_string_equal(world->rows[lane_of('b')].name, "b");
	assert_string_equal(world->rows[lane_of('b')].origin, "http://10.0.0.1:1098");
	want((const char *const[]){"c"}, 1);
	settle();
	expect("c");
}

static void unchanged_webhook_is_left_alone(void **state)
{
	(void)state;
	want((const char *const[]){"a", "b"}, 2);
	settle();
	uint32_t adds = world->adds;
	want((const char *const[]){"b", "a"}, 2);
	settle();
	expect("ab");
	assert_int_equal(world->adds, adds);
}

static void changed_webhook_is_removed_and_added(void **state)
{
	(void)state;
	want((const char *const[]){"a", "b"}, 2);
	settle();
	uint32_t adds = world->adds;
	want((const char *const[]){"a2", "b"}, 2);
	settle();
	expect("ab");
	assert_int_equal(world->adds, adds + 2); // its lane and its subscription
}

static void mind_may_be_changed_at_any_moment(void **state)
{
	(void)state;
	static const char *const wishes[][3] = {{"a", "b", "c"}, {"a2", NULL, NULL},
		{"a", "c2", NULL}, {"b", NULL, NULL}, {NULL, NULL, NULL}, {"a", "b", "c"},
		{"c", "d", NULL}};
	for (uint32_t turns = 0; turns < 5; turns++) {
		for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
			uint32_t count = 0;
			while (count < 3 && wishes[i][count] != NULL)
				count++;
			want(wishes[i], count);
			for (uint32_t t = 0; t < turns; t++)
				turn();
		}
		settle();
		expect("cd");
	}
}

static void webhook_beyond_the_lanes_waits_for_one(void **state)
{
	(void)state;
	want((const char *const[]){"a", "b", "c", "d"}, 4);
	settle();
	want((const char *const[]){"e", "f", "c", "d"}, 4);
	assert_true(world->registry.waiting);
	settle();
	expect("cdef");
	assert_false(world->registry.waiting);
}

static void webhook_that_was_given_up_stays_out_until_it_changes(void **state)
{
	(void)state;
	want((const char *const[]){"a", "b"}, 2);
	settle();
	uint32_t lane = lane_of('a');
	uint64_t id = world->lanes[lane];
	assert_string_equal(mr_registry_name(&world->registry, lane, id), "a");
	mr_registry_gone(&world->registry, lane, id);
	settle();
	expect("b");
	assert_null(mr_registry_name(&world->registry, lane, id));
	want((const char *const[]){"a", "b"}, 2);
	settle();
	expect("b");
	want((const char *const[]){"a2", "b"}, 2);
	settle();
	expect("ab");
}

static void gone_of_a_removed_webhook_means_nothing(void **state)
{
	(void)state;
	want((const char *const[]){"a"}, 1);
	settle();
	uint32_t lane = lane_of('a');
	uint64_t id = world->lanes[lane];
	want(NULL, 0);
	settle();
	mr_registry_gone(&world->registry, lane, id);
	mr_registry_gone(&world->registry, LANES + 1, id);
	settle();
	expect("");
}

static void webhook_that_an_earlier_boot_gave_up_stays_out_until_its_entry_changes(void **state)
{
	(void)state;
	uint64_t webhook = 0;
	uint64_t print = 0;
	want((const char *const[]){"a", "b"}, 2);
	settle();
	uint32_t lane = lane_of('a');
	mr_registry_gone(&world->registry, lane, world->lanes[lane]);
	assert_true(mr_registry_given_up(&world->registry, lane, &webhook, &print));
	settle();
	assert_true(mr_registry_given_up(&world->registry, lane, &webhook, &print));
	assert_false(mr_registry_given_up(&world->registry, lane_of('b'), &webhook, &print));

	assert_int_equal(teardown(state), 0); // another start
	assert_int_equal(setup(state), 0);
	want((const char *const[]){"a", "b"}, 2);
	uint32_t delivery;
	uint16_t in_flight;
	assert_false(mr_registry_home(
		&world->registry, mr_hash_bytes("a", 1, 0), print, &delivery, &in_flight));
	assert_true(mr_registry_home(
		&world->registry, mr_hash_bytes("a", 1, 0), print + 1, &delivery, &in_flight));
	assert_true(mr_registry_stays_out(&world->registry, mr_hash_bytes("a", 1, 0), print));
	assert_false(mr_registry_stays_out(&world->registry, mr_hash_bytes("b", 1, 0), print));
	assert_false(mr_registry_stays_out(&world->registry, 12345, print));
	settle();
	expect("b");
	want((const char *const[]){"a1", "b"}, 2);
	settle();
	expect("ab");
}

static void home_is_where_the_webhook_will_be(void **state)
{
	(void)state;
	uint32_t delivery = 77;
	uint16_t in_flight = 77;
	want((const char *const[]){"a", "b", "c"}, 3);
	for (const char *name = "abc"; *name != '\0'; name++) {
		uint64_t id = mr_hash_bytes(name, 1, 0);
		assert_true(mr_registry_home(&world->registry, id, 0, &delivery, &in_flight));
		assert_int_equal(in_flight, 0);
		assert_true(delivery < 2);
		// apply() holds every message to its stage; here only that both are the same place
		uint32_t again = 77;
		settle();
		assert_true(mr_registry_home(&world->registry, id, 0, &again, &in_flight));
		assert_int_equal(again, delivery);
		assert_int_equal(world->delivery_of[lane_of(*name)], delivery);
	}
	assert_false(mr_registry_home(&world->registry, 12345, 0, &delivery, &in_flight));
}

static void nothing_is_lent_before_the_lane_stands_or_when_it_may_be_gone(void **state)
{
	(void)state;
	want((const char *const[]){"a"}, 1);
	for (uint32_t lane = 0; lane < LANES; lane++)
		assert_false(mr_registry_lends(&world->registry, lane));
	settle();
	uint32_t lane = lane_of('a');
	assert_true(mr_registry_lends(&world->registry, lane));
	assert_false(mr_registry_lends(&world->registry, LANES));
	want(NULL, 0);
	turn();
	turn(); // the subscription has ended, the lane is told to
	turn();
	assert_int_equal(world->lanes[lane], 0);
	assert_false(mr_registry_lends(&world->registry, lane));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			webhooks_are_added_and_removed_lane_first_and_last, setup, teardown),
		cmocka_unit_test_setup_teardown(unchanged_webhook_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(
			changed_webhook_is_removed_and_added, setup, teardown),
		cmocka_unit_test_setup_teardown(mind_may_be_changed_at_any_moment, setup, teardown),
		cmocka_unit_test_setup_teardown(
			webhook_beyond_the_lanes_waits_for_one, setup, teardown),
		cmocka_unit_test_setup_teardown(
			webhook_that_was_given_up_stays_out_until_it_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(
			gone_of_a_removed_webhook_means_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			webhook_that_an_earlier_boot_gave_up_stays_out_until_its_entry_changes,
			setup, teardown),
		cmocka_unit_test_setup_teardown(home_is_where_the_webhook_will_be, setup, teardown),
		cmocka_unit_test_setup_teardown(
			nothing_is_lent_before_the_lane_stands_or_when_it_may_be_gone, setup,
			teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
