// Who hears of an event: filters as W1 has them, in tables, and the lists behind them under random
// work.
#include "subscription.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "rng.h"

enum { WEBHOOKS_MAX = 32, RESOURCE = 900 };

static struct mr_arena arena;
static struct mr_subscriptions subscriptions;
static struct mr_webhook webhook;
static struct mr_event event;
static uint64_t heard[MR_MATCH_WEBHOOKS_MAX];

static int setup(void **state)
{
	(void)state;
	memset(&webhook, 0, sizeof(webhook));
	memset(&event, 0, sizeof(event));
	if (mr_arena_open(&arena, 1 << 20, false) < 0)
		return -1;
	return mr_subscriptions_init(&subscriptions, &arena, WEBHOOKS_MAX, 9) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	mr_arena_close(&arena);
	return 0;
}

static struct mr_text text(const char *characters)
{
	return (struct mr_text){.data = characters, .length = (uint16_t)strlen(characters)};
}

static int add(uint64_t id, uint64_t resource)
{
	webhook.id = id;
	webhook.resource = resource;
	webhook.lane = (uint32_t)id;
	return mr_subscriptions_add(&subscriptions, &webhook);
}

struct wish { // a filter and an event, and whether they fit
	const char *filter_type;
	const char *filter_subtype;
	unsigned filter_actions;
	const char *filter_field;
	const char *type;
	const char *subtype;
	unsigned action;
	const char *field;
	bool fits;
};

static const struct wish wishes[] = {
	{"", "", 0, NULL, "task", "", MR_ACTION_ADDED, "", true},
	{"task", "", 0, NULL, "task", "milestone", MR_ACTION_ADDED, "", true},
	{"task", "", 0, NULL, "tasks", "", MR_ACTION_ADDED, "", false},
	{"task", "", 0, NULL, "tas", "", MR_ACTION_ADDED, "", false},
	{"task", "", 0, NULL, "", "", MR_ACTION_ADDED, "", false},
	{"task", "milestone", 0, NULL, "task", "milestone", MR_ACTION_ADDED, "", true},
	{"task", "milestone", 0, NULL, "task", "", MR_ACTION_ADDED, "", false},
	{"", "milestone", 0, NULL, "x", "milestone", MR_ACTION_ADDED, "", true},
	{"", "", 1u << MR_ACTION_DELETED, NULL, "task", "", MR_ACTION_DELETED, "", true},
	{"", "", 1u << MR_ACTION_DELETED, NULL, "task", "", MR_ACTION_UNDELETED, "", false},
	{"", "", 1u << MR_ACTION_ADDED | 1u << MR_ACTION_CHANGED, NULL, "task", "",
		MR_ACTION_CHANGED, "name", true},
	{"", "", 0, "name", "task", "", MR_ACTION_CHANGED, "name", true},
	{"", "", 0, "name", "task", "", MR_ACTION_CHANGED, "notes", false},
	{"", "", 0, "name", "task", "", MR_ACTION_CHANGED, "", false},
	{"", "", 0, "name", "task", "", MR_ACTION_ADDED, "name", false},
	{"story", "", 0, "name", "task", "", MR_ACTION_CHANGED, "name", false},
};

static void filter_passes_what_it_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		const struct wish *wish = &wishes[i];
		struct mr_filter *filter = &webhook.filters[0];
		memset(filter, 0, sizeof(*filter));
		strncpy(filter->type, wish->filter_type, MR_TYPE_BYTES_MAX);
		strncpy(filter->subtype, wish->filter_subtype, MR_TYPE_BYTES_MAX);
		filter->actions = (uint8_t)wish->filter_actions;
		if (wish->filter_field != NULL) {
			filter->fields_count = 2;
			strncpy(filter->fields[0], "other", MR_FIELD_BYTES_MAX);
			strncpy(filter->fields[1], wish->filter_field, MR_FIELD_BYTES_MAX);
		}
		webhook.filters_count = 1;
		event.type = text(wish->type);
		event.subtype = text(wish->subtype);
		event.action = (uint8_t)wish->action;
		event.field = text(wish->field);
		assert_int_equal(add(1, RESOURCE), 0); // replaces the filter of the row before
		const uint32_t count = mr_subscriptions_match(
			&subscriptions, RESOURCE, &event, MR_VIA_OBJECT, heard);
		if (count != wish->fits)
			fail_msg("row %zu", i);
	}
	assert_int_equal(subscriptions.filters_used, 1);
}

static void any_of_several_filters_suffices(void **state)
{
	(void)state;
	webhook.filters_count = 3;
	memcpy(webhook.filters[0].type, "story", 5);
	memcpy(webhook.filters[1].type, "task", 4);
	memcpy(webhook.filters[2].type, "tag", 3);
	assert_int_equal(add(1, RESOURCE), 0);
	event.type = text("task");
	assert_int_equal(
		mr_subscriptions_match(&subscriptions, RESOURCE, &event, MR_VIA_OBJECT, heard), 1);
	event.type = text("project");
	assert_int_equal(
		mr_subscriptions_match(&subscriptions, RESOURCE, &event, MR_VIA_OBJECT, heard), 0);
}

struct level { // a resource, its type as told and as the event has it, and an event's type
	const char *told;
	const char *ancestor;
	const char *type;
	uint8_t filters;
	bool hears;
};

static const struct level levels[] = {
	{"", "project", "task", 0, true},
	{"", "initiative", "story", 0, true}, // an ordinary type nobody has heard of
	{"", "portfolio", "task", 1, false}, {"", "portfolio", "subtask", 1, false},
	{"", "portfolio", "story", 1, false}, {"", "portfolio", "project", 1, true},
	{"", "portfolio", "project", 0, false}, // must have filters
	{"", "team", "task", 1, false}, {"", "team", "team_membership", 1, true},
	{"", "workspace", "story", 1, false}, {"", "workspace", "project", 1, true},
	{"portfolio", "thing", "task", 1, false}, // what the webhook says goes first
	{"thing", "portfolio", "task", 1, true}, {"thing", "portfolio", "task", 0, true},
	{"", "", "task", 0, true}, // type unknown: ordinary rules
};

static void higher_level_resources_hear_nothing_below_projects(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		const struct level *level = &levels[i];
		memset(&webhook, 0, sizeof(webhook));
		strncpy(webhook.resource_type, level->told, MR_TYPE_BYTES_MAX);
		webhook.filters_count = level->filters;
		assert_int_equal(add(1, RESOURCE), 0);
		event.type = text(level->type);
		event.ancestors_count = 1;
		event.ancestors[0].gid = RESOURCE;
		event.ancestors[0].type = text(level->ancestor);
		const uint32_t count =
			mr_subscriptions_match(&subscriptions, RESOURCE, &event, 0, heard);
		if (count != level->hears)
			fail_msg("row %zu", i);
	}
}

static void webhooks_hear_in_the_order_they_came(void **state)
{
	(void)state;
	for (uint64_t id = 1; id <= 5; id++)
		assert_int_equal(add(id, RESOURCE), 0);
	assert_int_equal(add(6, RESOURCE + 1), 0);
	assert_int_equal(add(2, RESOURCE), 0); // again: keeps its place
	assert_true(mr_subscriptions_remove(&subscriptions, 1));
	assert_true(mr_subscriptions_remove(&subscriptions, 4));
	assert_false(mr_subscriptions_remove(&subscriptions, 4));
	assert_int_equal(add(4, RESOURCE), 0);
	const uint64_t expected[] = {2, 3, 5, 4};
	assert_int_equal(
		mr_subscriptions_match(&subscriptions, RESOURCE, &event, MR_VIA_OBJECT, heard), 4);
	assert_memory_equal(heard, expected, sizeof(expected));
}

static void full_tables_and_nonsense_are_refused_whole(void **state)
{
	(void)state;
	assert_int_equal(add(0, RESOURCE), -EINVAL);
	assert_int_equal(add(1, 0), -EINVAL);
	webhook.filters_count = MR_FILTERS_MAX + 1;
	assert_int_equal(add(1, RESOURCE), -EINVAL);
	webhook.filters_count = 1;
	webhook.filters[0].fields_count = MR_FILTER_FIELDS_MAX + 1;
	assert_int_equal(add(1, RESOURCE), -EINVAL);
	webhook.filters[0].fields_count = 0;
	webhook.delivery = MR_DELIVERIES_MAX;
	assert_int_equal(add(1, RESOURCE), -EINVAL);
	webhook.delivery = 0;
	webhook.filters_count = MR_FILTERS_MAX;
	uint64_t id = 0;
	while (add(id + 1, RESOURCE) == 0)
		id++;
	assert_int_equal(id, (WEBHOOKS_MAX * 2 + MR_FILTERS_MAX) / MR_FILTERS_MAX);
	assert_null(mr_subscriptions_find(&subscriptions, id + 1));
	webhook.filters_count = 0;
	while (add(id + 1, RESOURCE) == 0)
		id++;
	assert_int_equal(id, WEBHOOKS_MAX);
	assert_int_equal(add(1, RESOURCE + 1), -EINVAL); // a webhook does not change its resource
}

static void lists_survive_random_work(void **state)
{
	(void)state;
	struct mr_rng rng;
	bool present[WEBHOOKS_MAX + 1] = {false};
	mr_rng_seed(&rng, 4);
	for (uint32_t round = 0; round < 20000; round++) {
		const uint64_t id = 1 + mr_rng_below(&rng, WEBHOOKS_MAX);
		if (mr_rng_chance(&rng, 1, 2)) {
			webhook.filters_count = (uint8_t)mr_rng_below(&rng, 3);
			present[id] |= add(id, 1 + id % 3) == 0;
		} else {
			assert_int_equal(mr_subscriptions_remove(&subscriptions, id), present[id]);
			present[id] = false;
		}
		const uint64_t resource = 1 + mr_rng_below(&rng, 3);
		uint32_t expected = 0;
		for (uint64_t other = 1; other <= WEBHOOKS_MAX; other++)
			expected += present[other] && 1 + other % 3 == resource;
		assert_int_equal(mr_subscriptions_match(
					 &subscriptions, resource, &event, MR_VIA_OBJECT, heard),
			expected);
		assert_int_equal(mr_subscriptions_any(&subscriptions, resource), expected > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(filter_passes_what_it_names, setup, teardown),
		cmocka_unit_test_setup_teardown(any_of_several_filters_suffices, setup, teardown),
		cmocka_unit_test_setup_teardown(
			higher_level_resources_hear_nothing_below_projects, setup, teardown),
		cmocka_unit_test_setup_teardown(
			webhooks_hear_in_the_order_they_came, setup, teardown),
		cmocka_unit_test_setup_teardown(
			full_tables_and_nonsense_are_refused_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(lists_survive_random_work, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
