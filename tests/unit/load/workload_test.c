// The traffic: every event is sound, says its number where receivers look for it, and reaches the
// webhooks it should.
#include "workload.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "asana_json.h"
#include "awkward.h"
#include "delivered.h"
#include "event_codec.h"

static struct mr_workload workload; // too large for a stack frame

static struct mr_workload_options plain(void)
{
	return (struct mr_workload_options){.seed = 1,
		.objects = 1000,
		.first_object = 5000000,
		.hot_object = 5001000,
		.workspaces = 3,
		.workspace_base = 11,
		.databases = 2,
		.database_base = 21,
		.projects = 5,
		.project_base = 301,
		.sessions = 4};
}

static void make(const struct mr_workload_options *options)
{
	const char *why = NULL;
	int r = mr_workload_init(&workload, options, &why);
	if (r < 0)
		fail_msg("%s", why);
}

// Encodes event `number` and gives the decoded form, whose texts live in `bytes`.
static struct mr_event encoded(uint64_t number, uint64_t object, uint8_t *bytes)
{
	struct mr_event event;
	uint32_t length = mr_workload_encode(
		&workload, number, object, 1700000000123456789, bytes, MR_WIRE_BYTES_MAX);
	uint32_t wrong_at = 0;
	assert_true(length > 0);
	assert_int_equal(mr_event_check(bytes, length, &wrong_at), length);
	mr_event_decode(bytes, &event);
	return event;
}

static uint64_t number_in(const struct mr_event *event)
{
	if (event->action == MR_ACTION_CHANGED)
		return event->value_gid;
	if (event->action == MR_ACTION_ADDED || event->action == MR_ACTION_REMOVED)
		return event->parent_gid;
	return event->user;
}

static void ordinary_events_are_sound_and_carry_their_number(void **state)
{
	(void)state;
	struct mr_workload_options options = plain();
	make(&options);
	uint8_t bytes[MR_WIRE_BYTES_MAX];
	for (uint64_t number = 1; number < 2000; number++) {
		uint64_t object = mr_workload_draw(&workload);
		struct mr_event event = encoded(number, object, bytes);
		assert_int_equal(event.object, object);
		assert_int_equal(number_in(&event), number);
		assert_int_equal(event.workspace, 11 + object % 3);
		assert_int_equal(event.database, 21 + object % 2);
		assert_int_equal(event.ancestors_count, 1);
		assert_int_equal(event.ancestors[0].gid, 301 + object % 5);
		assert_int_equal(event.created_at_ns, 1700000000123456789);
	}
	mr_workload_fini(&workload);
}

static void awkward_events_pass_mr_event_check(void **state)
{
	(void)state;
	uint32_t actions[MR_ACTION_COUNT] = {0};
	uint32_t null_users = 0;
	for (uint32_t lineage = MR_LINEAGE_FLAT; lineage <= MR_LINEAGE_CYCLE; lineage++) {
		struct mr_workload_options options = plain();
		options.awkward = 1;
		options.lineage = lineage;
		options.payload_bytes = 100;
		make(&options);
		uint8_t bytes[MR_WIRE_BYTES_MAX];
		for (uint64_t number = 1; number <= mr_shape_texts_count; number++) {
			struct mr_event event = encoded(number, 5000007, bytes);
			assert_int_equal(number_in(&event), number);
			assert_int_equal(event.payload.length, 100);
			actions[event.action]++;
			null_users += event.user == 0;
		}
		mr_workload_fini(&workload);
	}
	for (unsigned action = MR_ACTION_ADDED; action < MR_ACTION_COUNT; action++)
		assert_true(actions[action] > 0);
	assert_true(null_users > 0);
}

struct seen {
	uint64_t object;
	uint64_t number;
};

static void see(void *context, const struct mr_delivered *event)
{
	*(struct seen *)context = (struct seen){event->object, event->number};
}

static void what_is_rendered_is_what_the_receiver_reads(void **state)
{
	(void)state;
	struct mr_workload_options options = plain();
	options.awkward = 1;
	make(&options);
	for (uint64_t number = 1; number <= 3 * mr_shape_texts_count; number++) {
		uint8_t bytes[MR_WIRE_BYTES_MAX];
		static uint8_t body[MR_FRAGMENT_BYTES_MAX + 32] = MR_ASANA_PREFIX;
		struct mr_event event = encoded(number, 5000000 + number, bytes);
		size_t at = strlen(MR_ASANA_PREFIX);
		ssize_t length = mr_asana_render_event(&event, body + at, MR_FRAGMENT_BYTES_MAX);
		assert_true(length > 0);
		at += (size_t)length;
		memcpy(body + at, MR_ASANA_SUFFIX, strlen(MR_ASANA_SUFFIX));
		struct seen seen = {0};
		struct mr_delivered_sink sink = {.context = &seen, .event = see};
		assert_int_equal(mr_delivered_scan(body, at + strlen(MR_ASANA_SUFFIX), &sink), 1);
		assert_int_equal(seen.object, 5000000 + number);
		assert_int_equal(seen.number, number);
	}
	mr_workload_fini(&workload);
}

static void the_hot_share_is_kept(void **state)
{
	(void)state;
	struct mr_workload_options options = plain();
	options.hot_share = 0.9;
	make(&options);
	uint32_t hot = 0;
	for (int i = 0; i < 100000; i++) {
		uint64_t object = mr_workload_draw(&workload);
		hot += object == options.hot_object;
		assert_true(
			object == options.hot_object || (object >= 5000000 && object < 5001000));
	}
	assert_in_range(hot, 89500, 90500);
	mr_workload_fini(&workload);
}

static void an_object_keeps_to_its_session(void **state)
{
	(void)state;
	struct mr_workload_options options = plain();
	make(&options);
	assert_int_equal(mr_workload_sessions(&options), 4);
	uint32_t used[4] = {0};
	for (uint64_t object = 5000000; object < 5001000; object++)
		used[mr_workload_session(&workload, object)]++;
	for (int i = 0; i < 4; i++)
		assert_int_equal(used[i], 250);
	mr_workload_fini(&workload);
	options.hot_session = 1;
	make(&options);
	assert_int_equal(mr_workload_sessions(&options), 5);
	assert_int_equal(mr_workload_session(&workload, options.hot_object), 4);
	assert_true(mr_workload_session(&workload, options.first_object) < 4);
	mr_workload_fini(&workload);
}

static void the_same_seed_gives_the_same_traffic(void **state)
{
	(void)state;
	struct mr_workload_options options = plain();
	options.zipf = 1.1;
	uint64_t first[200];
	make(&options);
	for (int i = 0; i < 200; i++)
		first[i] = mr_workload_draw(&workload);
	mr_workload_fini(&workload);
	make(&options);
	for (int i = 0; i < 200; i++)
		assert_int_equal(mr_workload_draw(&workload), first[i]);
	mr_workload_fini(&workload);
	options.seed = 2;
	make(&options);
	uint32_t same = 0;
	for (int i = 0; i < 200; i++)
		same += mr_workload_draw(&workload) == first[i];
	assert_true(same < 100);
	mr_workload_fini(&workload);
}

// Every ancestor named in the event is owed the event, but for the portfolio; nobody else is.
static void reach_follows_the_ancestors_of_the_event(void **state)
{
	(void)state;
	for (uint32_t lineage = MR_LINEAGE_FLAT; lineage <= MR_LINEAGE_CYCLE; lineage++) {
		struct mr_workload_options options = plain();
		options.lineage = lineage;
		make(&options);
		for (uint64_t object = 5000000; object < 5000100; object++) {
			uint8_t bytes[MR_WIRE_BYTES_MAX];
			struct mr_event event = encoded(1, object, bytes);
			uint32_t projects = 0;
			for (uint32_t i = 0; i < event.ancestors_count; i++) {
				uint64_t gid = event.ancestors[i].gid;
				assert_int_equal(mr_workload_reaches(&options, object, gid),
					gid != MR_WORKLOAD_PORTFOLIO);
			}
			for (uint64_t project = 301; project < 306; project++)
				projects += mr_workload_reaches(&options, object, project);
			assert_int_equal(projects, lineage == MR_LINEAGE_DIAMOND ? 2 : 1);
			assert_true(mr_workload_reaches(&options, object, object));
			assert_false(mr_workload_reaches(&options, object, 306));
			assert_false(mr_workload_reaches(&options, object, object + 1));
		}
		mr_workload_fini(&workload);
	}
}

static void the_diamond_and_the_cycle_are_in_the_event(void **state)
{
	(void)state;
	uint8_t bytes[MR_WIRE_BYTES_MAX];
	struct mr_workload_options options = plain();
	options.lineage = MR_LINEAGE_DIAMOND;
	make(&options);
	struct mr_event event = encoded(1, 5000000, bytes);
	assert_int_equal(event.ancestors_count, 6);
	assert_int_equal(
		event.ancestors[3].gid, event.ancestors[4].gid); // one initiative, reached twice
	assert_int_not_equal(event.ancestors[3].via, event.ancestors[4].via);
	assert_int_not_equal(event.ancestors[1].gid, event.ancestors[2].gid);
	mr_workload_fini(&workload);
	options.lineage = MR_LINEAGE_CYCLE;
	make(&options);
	event = encoded(1, 5000000, bytes);
	assert_int_equal(event.ancestors[0].gid, event.ancestors[2].gid);
	mr_workload_fini(&workload);
}

static void an_event_that_does_not_fit_is_not_written(void **state)
{
	(void)state;
	struct mr_workload_options options = plain();
	make(&options);
	uint8_t bytes[MR_WIRE_BYTES_MAX];
	uint32_t length = mr_workload_encode(&workload, 1, 5000000, 0, bytes, sizeof(bytes));
	memset(bytes, 0xee, sizeof(bytes));
	assert_int_equal(mr_workload_encode(&workload, 1, 5000000, 0, bytes, length - 1), 0);
	assert_int_equal(bytes[0], 0xee);
	assert_int_equal(mr_workload_encode(&workload, 1, 5000000, 0, bytes, length), length);
	assert_int_equal(bytes[length], 0xee);
	mr_workload_fini(&workload);
}

static void options_out_of_range_are_named(void **state)
{
	(void)state;
	struct mr_workload_options bad[12];
	for (int i = 0; i < 12; i++)
		bad[i] = plain();
	bad[0].objects = 0;
	bad[1].first_object = 0;
	bad[2].hot_object = 0;
	bad[3].workspaces = 0;
	bad[4].databases = 0;
	bad[5].projects = 0;
	bad[6].sessions = 0;
	bad[7].hot_share = 1.5;
	bad[8].zipf = -1;
	bad[9].payload_bytes = 1;
	bad[10].first_object = UINT64_C(1) << 44;
	bad[11].payload_bytes = MR_WIRE_BYTES_MAX; // no room is left for the event
	for (int i = 0; i < 12; i++) {
		const char *why = NULL;
		assert_true(mr_workload_init(&workload, &bad[i], &why) < 0);
		assert_non_null(strstr(why, "--"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_events_are_sound_and_carry_their_number),
		cmocka_unit_test(awkward_events_pass_mr_event_check),
		cmocka_unit_test(what_is_rendered_is_what_the_receiver_reads),
		cmocka_unit_test(the_hot_share_is_kept),
		cmocka_unit_test(an_object_keeps_to_its_session),
		cmocka_unit_test(the_same_seed_gives_the_same_traffic),
		cmocka_unit_test(reach_follows_the_ancestors_of_the_event),
		cmocka_unit_test(the_diamond_and_the_cycle_are_in_the_event),
		cmocka_unit_test(an_event_that_does_not_fit_is_not_written),
		cmocka_unit_test(options_out_of_range_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
