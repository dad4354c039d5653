// Webhooks that are asked for over the control socket: what is answered, when, and what stays. A
// shard and a delivery stage are played by the test, and the journal's writer.
#include "webhook_acts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "record_codec.h"

enum { STAGES = 2, LANES = 4, STREAM_BYTES = 65536 };
#define PATIENCE_NS UINT64_C(20000000000)

struct world {
	struct mr_arena arena;
	struct mr_stream stream;
	struct mr_journal_board board;
	struct mr_owner_board owner;
	struct mr_node node;
	struct mr_postbox postbox;
	struct mr_posted_set posted;
	struct mr_registry registry;
	struct mr_control control;
	struct mr_act_log log;
	struct mr_webhook_acts acts;
	struct mr_guard guard;
	struct mr_ring *rings[STAGES];
	mr_counter generations[STAGES];
	struct mr_stats_webhook rows[LANES];
	struct mr_webhook lane; // as the delivery stage has it last
	bool has_lane, has_subscription, was_tested;
	uint32_t lane_adds;
	int peer;
	uint64_t now_ns;
};

static struct world *world;
static char directory[64];
static struct mr_control_webhook_done done; // the last answer
static struct mr_control_webhooks list;

static int setup(void **state)
{
	int fds[2];
	const char *why;
	(void)state;
	world = calloc(1, sizeof(*world));
	snprintf(directory, sizeof(directory), "/tmp/millrace-acts-XXXXXX");
	assert_non_null(mkdtemp(directory));
	assert_int_equal(mr_arena_open(&world->arena, 16 << 20, false), 0);
	assert_true(
		mr_stream_init(&world->stream, &world->arena, 7, STREAM_BYTES, MR_STREAM_START));
	world->node = (struct mr_node){.stream = &world->stream,
		.journal = &world->board,
		.owner = &world->owner,
		.wall_ns = 1000};
	assert_true(mr_act_log_init(&world->log, &world->arena));
	assert_true(mr_postbox_init(&world->postbox, &world->arena));
	struct mr_registry_config config = {.flows = 4,
		.shards = 1,
		.deliveries = 1,
		.webhooks_max = LANES,
		.first_delivery = 1,
		.rows = world->rows,
		.posted = &world->posted};
	assert_true(mr_posted_init(&world->posted, &world->arena, LANES, directory, 1));
	assert_true(mr_registry_init(&world->registry, &world->arena, &world->postbox, &config));
	for (uint32_t i = 0; i < STAGES; i++) {
		world->rings[i] = mr_ring_new(&world->arena, "ring", 64);
		mr_postbox_stage(&world->postbox, i, world->rings[i], &world->generations[i]);
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	world->control.clients[0] = (struct mr_control_client){.fd = fds[0], .visit = 1};
	world->peer = fds[1];
	world->acts = (struct mr_webhook_acts){.posted = &world->posted,
		.registry = &world->registry,
		.postbox = &world->postbox,
		.node = &world->node,
		.control = &world->control,
		.log = &world->log,
		.patience_ns = PATIENCE_NS};
	assert_int_equal(mr_guard_allow(&world->guard, "127.0.0.0/8", &why), 0);
	return 0;
}

static int teardown(void **state)
{
	char command[128];
	(void)state;
	mr_posted_free(&world->posted);
	close(world->control.clients[0].fd);
	close(world->peer);
	mr_arena_close(&world->arena);
	free(world);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) == 0 ? 0 : -1;
}

static void apply(uint32_t stage, const struct mr_steward_msg *msg)
{
	if (msg->kind == MR_STEWARD_WEBHOOK_ADD && stage == 1) {
		world->lane = msg->webhook;
		world->has_lane = true;
		world->lane_adds++;
	} else if (msg->kind == MR_STEWARD_WEBHOOK_ADD) {
		assert_true(world->has_lane);
		world->has_subscription = true;
	} else if (msg->kind == MR_STEWARD_WEBHOOK_REMOVE && stage == 1) {
		assert_false(world->has_subscription);
		world->has_lane = false;
	} else if (msg->kind == MR_STEWARD_WEBHOOK_REMOVE) {
		world->has_subscription = false;
	} else {
		assert_int_equal(msg->kind, MR_STEWARD_WEBHOOK_TEST);
		world->was_tested = true;
	}
	atomic_store_explicit(&world->generations[stage], msg->generation, memory_order_release);
}

static void turns(void)
{
	struct mr_desc desc;
	for (uint32_t i = 0; i < 8; i++) {
		mr_webhook_acts_work(&world->acts, world->now_ns);
		mr_registry_work(&world->registry);
		mr_postbox_work(&world->postbox);
		for (uint32_t stage = 0; stage < STAGES; stage++)
			while (mr_ring_pop_burst(world->rings[stage], &desc, 1) == 1)
				apply(stage,
					(const struct mr_steward_msg *)(uintptr_t)desc.word[0]);
		mr_postbox_work(&world->postbox);
	}
}

static void make_durable(void)
{
	atomic_store_explicit(
		&world->stream.watermark, mr_stream_next(&world->stream), memory_order_release);
}

static const struct mr_control_request *request(enum mr_control_type type, const void *body)
{
	static struct mr_control_request made;
	made = (struct mr_control_request){.ticket = {.visit = 1, .type = type}, .body = body};
	return &made;
}

static const struct mr_control_webhook_id *named(uint64_t id)
{
	static struct mr_control_webhook_id webhook;
	webhook = (struct mr_control_webhook_id){.id = id};
	return &webhook;
}

static bool answered(void)
{
	static struct {
		struct mr_control_header header;
		struct mr_control_webhook_done done;
	} reply;
	ssize_t length = recv(world->peer, &reply, sizeof(reply), 0);
	if (length < 0)
		return false;
	assert_int_equal(length, sizeof(reply));
	done = reply.done;
	return true;
}

// Until the next call.
static struct mr_control_webhook *wish(const char *target, const char *filters)
{
	static struct mr_control_webhook webhook;
	webhook = (struct mr_control_webhook){.resource = 7, .owner = 1, .user = 2, .workspace = 3};
	snprintf(webhook.author.name, sizeof(webhook.author.name), "test");
	snprintf(webhook.target, sizeof(webhook.target), "%s", target);
	snprintf(webhook.filters, sizeof(webhook.filters), "%s", filters);
	return &webhook;
}

static void put(const struct mr_control_webhook *webhook)
{
	mr_webhook_acts_put(&world->acts, request(MR_CONTROL_WEBHOOK_PUT, webhook), &world->guard);
	turns();
}

// A webhook that shook hands and is durable; its id.
static uint64_t made(const char *target)
{
	struct mr_control_webhook *webhook = wish(target, "");
	put(webhook);
	assert_true(mr_webhook_acts_shaken(&world->acts, world->lane.id));
	turns();
	make_durable();
	turns();
	assert_true(answered());
	assert_int_equal(done.result, 0);
	return done.id;
}

static void new_webhook_is_answered_when_shaken_in_force_and_durable(void **state)
{
	(void)state;
	struct mr_control_webhook *webhook = wish("http://127.0.0.1:8080/a", "type=task");
	put(webhook);
	assert_true(world->has_lane && world->lane.handshake);
	assert_int_equal(world->lane.secret_length, 64);
	assert_false(world->has_subscription);
	assert_true(mr_webhook_acts_shaken(&world->acts, world->lane.id));
	turns();
	assert_true(world->has_subscription);
	assert_false(answered()); // its record is not durable
	make_durable();
	turns();
	assert_true(answered());
	assert_int_equal(done.result, 0);
	assert_int_equal(done.id, world->lane.id);
	assert_memory_equal(done.secret, world->lane.secret, 64);
	assert_int_equal(world->acts.count, 0);
}

static void failed_handshake_leaves_nothing_behind(void **state)
{
	(void)state;
	struct mr_control_webhook *webhook = wish("http://127.0.0.1:8080/a", "");
	put(webhook);
	mr_webhook_acts_tried(&world->acts, world->lane.id, 404);
	turns();
	assert_true(answered());
	assert_int_equal(done.result, -ECONNREFUSED);
	assert_int_equal(done.http_status, 404);
	assert_false(world->has_lane || world->has_subscription);
	assert_int_equal(mr_posted_count(&world->posted), 0);
	assert_int_equal(mr_stream_next(&world->stream), MR_STREAM_START);
	put(webhook);
	world->now_ns = UINT64_MAX / 2; // nobody says anything
	turns();
	assert_true(answered());
	assert_int_equal(done.result, -ETIMEDOUT);
	assert_int_equal(mr_posted_count(&world->posted), 0);
}

static void what_may_not_be_is_refused_with_its_reason(void **state)
{
	(void)state;
	static const struct {
		const char *target, *type, *filters;
		int result;
		const char *words;
	} wrong[] = {
		{"ftp://127.0.0.1/", "", "", -EINVAL, "target: "},
		{"http://localhost/", "", "", -EINVAL, "target: "},
		{"http://10.0.0.1/", "", "", -EACCES, "delivery.allow_targets"},
		{"http://127.0.0.1/", "", "type=task\naction=eaten", -EINVAL, "line 2"},
		{"http://127.0.0.1/", "workspace", "", -EINVAL, "needs filters"},
		{"http://127.0.0.1/", "team", "type=task", -EINVAL, "line 1"},
		{"http://127.0.0.1:8080/a", "", "", -EEXIST, "this resource and target"},
	};
	(void)made("http://127.0.0.1:8080/a");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct mr_control_webhook *webhook = wish(wrong[i].target, wrong[i].filters);
		snprintf(webhook->resource_type, sizeof(webhook->resource_type), "%s",
			wrong[i].type);
		put(webhook);
		assert_true(answered());
		assert_int_equal(done.result, wrong[i].result);
		assert_non_null(strstr(done.message, wrong[i].words));
	}
	assert_int_equal(mr_posted_count(&world->posted), 1);
}

static void change_is_told_to_the_lane_that_stands(void **state)
{
	(void)state;
	uint64_t id = made("http://127.0.0.1:8080/a");
	char before[64];
	memcpy(before, world->lane.secret, sizeof(before));
	struct mr_control_webhook *webhook = wish("", "type=story");
	webhook->id = id;
	webhook->flags = MR_WEBHOOK_ROTATE;
	put(webhook);
	assert_false(answered());
	make_durable();
	turns();
	assert_true(answered());
	assert_int_equal(done.result, 0);
	assert_int_equal(world->lane_adds, 2); // again, and never removed
	assert_string_equal(world->lane.filters[0].type, "story");
	assert_false(world->lane.handshake);
	assert_memory_not_equal(world->lane.secret, before, 64);
	assert_memory_equal(done.secret, world->lane.secret, 64);
}

static void disabled_webhook_keeps_its_place_and_comes_back_without_a_handshake(void **state)
{
	(void)state;
	uint64_t id = made("http://127.0.0.1:8080/a");
	struct mr_control_webhook *webhook = wish("", "");
	webhook->id = id;
	webhook->flags = MR_WEBHOOK_DISABLED | MR_WEBHOOK_KEEP_FILTERS;
	put(webhook);
	make_durable();
	turns();
	assert_true(answered());
	assert_false(world->has_lane);
	mr_webhook_acts_list(&world->acts, 0, &list);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.rows[0].flags, MR_WEBHOOK_DISABLED);
	assert_int_equal(list.rows[0].lane, UINT32_MAX);
	mr_webhook_acts_test(&world->acts, request(MR_CONTROL_WEBHOOK_TEST, named(webhook->id)));
	assert_true(answered());
	assert_int_equal(done.result, -ENOTCONN);
	webhook->flags = MR_WEBHOOK_KEEP_FILTERS;
	put(webhook);
	make_durable();
	turns();
	assert_true(answered());
	assert_int_equal(done.result, 0);
	assert_true(world->has_lane && world->has_subscription && !world->lane.handshake);
}

static void removed_webhook_is_gone_everywhere(void **state)
{
	(void)state;
	uint64_t id = made("http://127.0.0.1:8080/a");
	mr_webhook_acts_remove(&world->acts, request(MR_CONTROL_WEBHOOK_REMOVE, named(id)));
	turns();
	assert_false(answered());
	make_durable();
	turns();
	assert_true(answered());
	assert_int_equal(done.result, 0);
	assert_false(world->has_lane || world->has_subscription);
	mr_webhook_acts_remove(&world->acts, request(MR_CONTROL_WEBHOOK_REMOVE, named(id)));
	assert_true(answered());
	assert_int_equal(done.result, -ENOENT);
}

static void test_says_what_the_endpoint_answered(void **state)
{
	(void)state;
	uint64_t id = made("http://127.0.0.1:8080/a");
	mr_webhook_acts_test(&world->acts, request(MR_CONTROL_WEBHOOK_TEST, named(id)));
	turns();
	assert_true(world->was_tested);
	assert_false(answered());
	mr_webhook_acts_test(&world->acts, request(MR_CONTROL_WEBHOOK_TEST, named(id)));
	assert_true(answered());
	assert_int_equal(done.result, -EBUSY);
	mr_webhook_acts_tried(&world->acts, id, 503);
	turns();
	assert_true(answered());
	assert_int_equal(done.result, 0);
	assert_int_equal(done.http_status, 503);
}

static void endpoint_that_is_gone_disables_and_one_that_expired_removes(void **state)
{
	(void)state;
	struct mr_stats_webhook row = {0};
	uint64_t first = made("http://127.0.0.1:8080/a");
	uint64_t second = made("http://127.0.0.1:8080/b");
	mr_gauge(&row.last_status, 410);
	mr_gauge(&row.failing_since_ns, 1);
	assert_true(mr_webhook_acts_given_up(&world->acts, first, &row));
	mr_gauge(&row.last_status, 500);
	assert_true(mr_webhook_acts_given_up(&world->acts, second, &row));
	assert_false(mr_webhook_acts_given_up(&world->acts, 12345, &row));
	turns();
	make_durable();
	turns();
	mr_webhook_acts_list(&world->acts, 0, &list);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.rows[0].id, first);
	assert_int_equal(list.rows[0].flags, MR_WEBHOOK_DISABLED | 256);
	assert_int_equal(world->acts.count, 0);
}

static void webhook_whose_target_is_no_longer_allowed_is_out_of_force_until_it_is(void **state)
{
	(void)state;
	struct mr_guard nowhere = {0};
	(void)made("http://127.0.0.1:8080/a");
	mr_webhook_acts_judge_all(&world->acts, &nowhere);
	turns();
	assert_false(world->has_lane || world->has_subscription);
	mr_webhook_acts_judge_all(&world->acts, &world->guard);
	turns();
	assert_true(world->has_subscription && !world->lane.handshake);
}

// The world of the next start, with the same state directory or with an empty one.
static void start_again(bool keeps_secrets)
{
	char command[256];
	char before[64];
	snprintf(before, sizeof(before), "%s", directory);
	if (keeps_secrets) {
		snprintf(command, sizeof(command), "cp -r %s/secrets /tmp/%s", before,
			strrchr(before, '-'));
		assert_int_equal(system(command), 0);
	}
	assert_int_equal(teardown(NULL), 0);
	assert_int_equal(setup(NULL), 0);
	if (keeps_secrets) {
		snprintf(command, sizeof(command), "mv /tmp/%s %s/secrets", strrchr(before, '-'),
			directory);
		assert_int_equal(system(command), 0);
	}
}

static void kept_webhook_is_in_force_after_a_start_and_a_lost_key_is_said(void **state)
{
	(void)state;
	char secret[64];
	uint64_t id = made("http://127.0.0.1:8080/a");
	size_t bytes = mr_posted_find(&world->posted, id)->record.record.length;
	struct mr_record_webhook *record = malloc(bytes);
	assert_true(mr_stream_read(&world->stream, MR_STREAM_START, record, bytes));
	assert_int_equal(mr_record_check(record, bytes), 0);
	memcpy(secret, world->lane.secret, sizeof(secret));
	for (uint32_t lost = 0; lost < 2; lost++) {
		start_again(lost == 0);
		mr_webhook_acts_recover(&world->acts, record, &world->guard);
		turns();
		mr_webhook_acts_list(&world->acts, 0, &list);
		assert_int_equal(list.count, 1);
		assert_int_equal(list.rows[0].id, id);
		assert_int_equal(world->has_subscription, lost == 0);
		assert_int_equal(list.rows[0].flags, lost == 0 ? 0 : MR_WEBHOOK_DISABLED);
		if (lost == 0)
			assert_memory_equal(world->lane.secret, secret, sizeof(secret));
	}
	free(record);
}

int main(void)
{
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CLAIM(new_webhook_is_answered_when_shaken_in_force_and_durable),
		CLAIM(failed_handshake_leaves_nothing_behind),
		CLAIM(what_may_not_be_is_refused_with_its_reason),
		CLAIM(change_is_told_to_the_lane_that_stands),
		CLAIM(disabled_webhook_keeps_its_place_and_comes_back_without_a_handshake),
		CLAIM(removed_webhook_is_gone_everywhere),
		CLAIM(test_says_what_the_endpoint_answered),
		CLAIM(endpoint_that_is_gone_disables_and_one_that_expired_removes),
		CLAIM(webhook_whose_target_is_no_longer_allowed_is_out_of_force_until_it_is),
		CLAIM(kept_webhook_is_in_force_after_a_start_and_a_lost_key_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
