// One stage's copy of the rules, by itself.
#include "bans.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { BANS_MAX = 64, APP = 1, OBJECT, WORKSPACE, DATABASE, USER, PARENT, GRANDPARENT };

static struct mr_arena arena;
static struct mr_bans bans;
static const uint64_t ancestors[] = {PARENT, GRANDPARENT, PARENT};
static const struct mr_event_scopes event = {
	.ids = {APP, OBJECT, WORKSPACE, DATABASE, USER},
	.ancestors = ancestors,
	.ancestors_count = 3,
};

static int setup(void **state)
{
	(void)state;
	return mr_arena_open(&arena, 1 << 20, false) || !mr_bans_init(&bans, &arena, BANS_MAX, 5);
}

static int teardown(void **state)
{
	(void)state;
	mr_arena_close(&arena);
	return 0;
}

static bool set(uint32_t kind, uint64_t id, uint8_t mode, uint8_t flags)
{
	const struct mr_ban_entry entry = {
		.rule = {.scope = {.kind = kind, .id = id}, .mode = mode, .flags = flags}};
	return mr_bans_set(&bans, &entry);
}

static struct mr_scope scope(uint32_t kind, uint64_t id)
{
	return (struct mr_scope){.kind = kind, .id = id};
}

static void strictest_rule_is_found_and_then_the_first_kind(void **state)
{
	(void)state;
	assert_null(mr_bans_find(&bans, &event));
	assert_true(set(MR_SCOPE_USER, USER, MR_BAN_HOLD, 0));
	assert_true(set(MR_SCOPE_APP, APP, MR_BAN_THROTTLE, 0));
	assert_int_equal(mr_bans_find(&bans, &event)->rule.scope.kind, MR_SCOPE_USER);
	assert_true(set(MR_SCOPE_DATABASE, DATABASE, MR_BAN_HOLD, 0));
	assert_int_equal(mr_bans_find(&bans, &event)->rule.scope.kind, MR_SCOPE_DATABASE);
	assert_true(set(MR_SCOPE_OBJECT, GRANDPARENT, MR_BAN_DROP, MR_BAN_DESCENDANTS));
	assert_int_equal(mr_bans_find(&bans, &event)->rule.scope.id, GRANDPARENT);
}

static void id_of_another_kind_is_another_scope(void **state)
{
	(void)state;
	assert_true(set(MR_SCOPE_WORKSPACE, USER, MR_BAN_DROP, 0));
	assert_true(set(MR_SCOPE_OBJECT, APP, MR_BAN_DROP, 0));
	assert_true(set(MR_SCOPE_OBJECT, PARENT, MR_BAN_DROP, 0)); // without descendants
	assert_null(mr_bans_find(&bans, &event));
}

static void every_rule_of_an_event_is_found_once(void **state)
{
	const struct mr_ban_entry *entries[MR_BANS_PER_EVENT_MAX];
	(void)state;
	for (uint32_t kind = MR_SCOPE_APP; kind <= MR_SCOPE_USER; kind++)
		assert_true(set(kind, kind, MR_BAN_THROTTLE, 0));
	assert_true(set(MR_SCOPE_OBJECT, PARENT, MR_BAN_THROTTLE, MR_BAN_DESCENDANTS));
	assert_int_equal(mr_bans_find_all(&bans, &event, entries), 6);
	assert_int_equal(entries[5]->rule.scope.id, PARENT);
}

static void second_rule_of_a_scope_takes_the_firsts_place(void **state)
{
	(void)state;
	assert_true(set(MR_SCOPE_USER, USER, MR_BAN_DROP, MR_BAN_DESCENDANTS));
	assert_true(set(MR_SCOPE_USER, USER, MR_BAN_HOLD, 0));
	assert_int_equal(bans.count, 1);
	assert_int_equal(bans.descendants, 0);
	assert_int_equal(mr_bans_get(&bans, scope(MR_SCOPE_USER, USER))->rule.mode, MR_BAN_HOLD);
	assert_true(mr_bans_lift(&bans, scope(MR_SCOPE_USER, USER)));
	assert_false(mr_bans_lift(&bans, scope(MR_SCOPE_USER, USER)));
	assert_null(mr_bans_get(&bans, scope(MR_SCOPE_USER, USER)));
	assert_false(mr_bans_any(&bans));
}

static void as_many_rules_fit_as_were_asked_for(void **state)
{
	(void)state;
	for (uint64_t id = 1; id <= BANS_MAX; id++)
		assert_true(set(MR_SCOPE_OBJECT, id, MR_BAN_DROP, 0));
	assert_false(set(MR_SCOPE_OBJECT, BANS_MAX + 1, MR_BAN_DROP, 0));
	assert_true(set(MR_SCOPE_OBJECT, 1, MR_BAN_HOLD, 0));
	assert_true(mr_bans_lift(&bans, scope(MR_SCOPE_OBJECT, 7)));
	assert_true(set(MR_SCOPE_OBJECT, BANS_MAX + 1, MR_BAN_DROP, 0));
}

static void scope_takes_its_events_and_descendants_if_asked(void **state)
{
	static const struct mr_scope parent = {.kind = MR_SCOPE_OBJECT, .id = PARENT};
	static const struct mr_scope wrong = {.kind = MR_SCOPE_USER, .id = PARENT};
	(void)state;
	for (uint32_t kind = MR_SCOPE_APP; kind <= MR_SCOPE_USER; kind++) {
		const struct mr_scope own = scope(kind, kind);
		assert_true(mr_scope_takes(&own, false, &event));
	}
	assert_false(mr_scope_takes(&parent, false, &event));
	assert_true(mr_scope_takes(&parent, true, &event));
	assert_false(mr_scope_takes(&wrong, true, &event));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			strictest_rule_is_found_and_then_the_first_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(
			id_of_another_kind_is_another_scope, setup, teardown),
		cmocka_unit_test_setup_teardown(
			every_rule_of_an_event_is_found_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			second_rule_of_a_scope_takes_the_firsts_place, setup, teardown),
		cmocka_unit_test_setup_teardown(
			as_many_rules_fit_as_were_asked_for, setup, teardown),
		cmocka_unit_test_setup_teardown(
			scope_takes_its_events_and_descendants_if_asked, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
