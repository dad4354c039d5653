// Questions that the stages answer: shard after shard for an event, all of them for what is
// followed, and what a client hears when it cannot be done.
#include "seeing.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "event_codec.h"
#include "hash.h"

enum { SHARDS = 4, FLOWS = 16, RING = 16, SEED = 9, OBJECT = 42, PARENT = 43 };

static char directory[64];
static char path[96];
static struct mr_arena arena;
static struct mr_postbox postbox;
static struct mr_ring *rings[SHARDS];
static mr_counter generations[SHARDS];
static mr_counter counters[2];
static struct mr_control control;
static struct mr_ban_list bans;
static struct mr_seeing seeing;
static uint64_t now_ns;
static int client;
static struct {
	struct mr_control_header header;
	union {
		struct mr_control_explained explained;
		struct mr_control_effect effect;
		struct mr_control_error error;
	} body;
} reply;

static void explain(void *owner, const struct mr_control_request *request)
{
	mr_seeing_explain(owner, &request->ticket, request->body);
}

static void tap(void *owner, const struct mr_control_request *request)
{
	mr_seeing_tap(owner, &request->ticket, request->body, now_ns);
}

static int dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	memcpy(address.sun_path, path, sizeof(path));
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int setup(void **state)
{
	(void)state;
	static const struct mr_control_handler handlers[] = {
		{MR_CONTROL_EXPLAIN, explain}, {MR_CONTROL_TAP, tap}};
	const struct mr_control_host host = {.owner = &seeing,
		.handlers = handlers,
		.handlers_count = 2,
		.requests = &counters[0],
		.rejected = &counters[1]};
	struct mr_seeing_config config = {.hash_seed = SEED, .flows = FLOWS, .shards = SHARDS};
	char why[256];
	snprintf(directory, sizeof(directory), "/tmp/millrace-seeing-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/direct.sock", directory);
	assert_int_equal(mr_arena_open(&arena, 8 << 20, false), 0);
	postbox = (struct mr_postbox){0};
	assert_true(mr_postbox_init(&postbox, &arena));
	assert_true(mr_ban_list_init(&bans, &arena, 8));
	for (uint32_t i = 0; i < SHARDS; i++) {
		rings[i] = mr_ring_new(&arena, "ring", RING);
		mr_gauge(&generations[i], 0);
		mr_postbox_stage(&postbox, i, rings[i], &generations[i]);
		mr_stage_set_add(&config.followers, i);
	}
	assert_int_equal(mr_control_open(&control, path, &host, why, sizeof(why)), 0);
	mr_seeing_init(&seeing, &config, &postbox, &control, &bans);
	now_ns = 1000;
	client = dial();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(client);
	mr_control_close(&control);
	mr_arena_close(&arena);
	return rmdir(directory);
}

// Rounds of the steward and of shards that say which of them was asked.
static void run(void)
{
	for (uint32_t round = 0; round < 20; round++) {
		struct mr_desc desc;
		(void)mr_control_serve(&control);
		(void)mr_seeing_work(&seeing, now_ns);
		(void)mr_postbox_work(&postbox);
		for (uint32_t i = 0; i < SHARDS; i++) {
			if (mr_ring_pop_burst(rings[i], &desc, 1) == 0)
				continue;
			const struct mr_steward_msg *msg =
				(const struct mr_steward_msg *)(uintptr_t)desc.word[0];
			if (msg->kind == MR_STEWARD_EXPLAIN) {
				struct mr_control_explained *answer = &msg->explain->answer;
				assert_int_equal(msg->explain->shard, i);
				answer->webhooks[answer->webhooks_count++] =
					(struct mr_explain_webhook){.lane = i,
						.ancestor = (uint8_t)(2 - answer->webhooks_count)};
				answer->scope = (struct mr_scope){.id = 5, .kind = MR_SCOPE_APP};
			}
			mr_gauge(&generations[i], msg->generation);
		}
	}
}

static uint32_t ask(enum mr_control_type type, const void *body, size_t bytes)
{
	static struct {
		struct mr_control_header header;
		uint8_t body[sizeof(struct mr_control_explain)];
	} request;
	request.header = (struct mr_control_header){.magic = MR_CONTROL_MAGIC,
		.length = (uint32_t)(sizeof(request.header) + bytes),
		.type = type,
		.version = MR_CONTROL_VERSION};
	memcpy(request.body, body, bytes);
	assert_true(send(client, &request, request.header.length, 0) > 0);
	run();
	assert_true(recv(client, &reply, sizeof(reply), MSG_DONTWAIT) > 0);
	return reply.header.type;
}

static const struct mr_control_explain *question(void)
{
	static struct mr_control_explain body;
	const struct mr_event event = {
		.action = MR_ACTION_CHANGED,
		.object = OBJECT,
		.type = {"task", 4},
		.ancestors_count = 2,
		.ancestors = {{PARENT, {"project", 7}, MR_VIA_OBJECT},
			{PARENT + 1, {"project", 7}, MR_VIA_OBJECT}},
	};
	memset(&body, 0, sizeof(body));
	const ssize_t length = mr_event_encode(&event, body.event, sizeof(body.event));
	assert_true(length > 0);
	body.event_bytes = (uint32_t)length;
	return &body;
}

static uint32_t shard_of(uint64_t gid)
{
	return mr_shard_of_flow(mr_flow_of_slot(mr_slot_of(gid, SEED), FLOWS), SHARDS);
}

static void every_owner_on_the_way_is_asked_once(void **state)
{
	(void)state;
	const uint32_t owners =
		1u << shard_of(OBJECT) | 1u << shard_of(PARENT) | 1u << shard_of(PARENT + 1);
	const struct mr_listed_ban ban = {
		.ban = {.id = 77, .rule = {.scope = {.id = 5, .kind = MR_SCOPE_APP}}}};
	mr_ban_list_add(&bans, &ban);
	assert_int_equal(ask(MR_CONTROL_EXPLAIN, question(), sizeof(struct mr_control_explain)),
		MR_CONTROL_EXPLAIN);
	uint32_t asked = 0;
	for (uint32_t i = 0; i < reply.body.explained.webhooks_count; i++) {
		assert_int_equal(asked >> reply.body.explained.webhooks[i].lane & 1, 0);
		asked |= 1u << reply.body.explained.webhooks[i].lane;
	}
	assert_int_equal(asked, owners);
	for (uint32_t i = 1; i < reply.body.explained.webhooks_count; i++)
		assert_true(reply.body.explained.webhooks[i - 1].ancestor
			<= reply.body.explained.webhooks[i].ancestor);
	assert_int_equal(reply.body.explained.ban, 77);
	for (uint32_t i = 0; i < 2 * MR_EXPLAINS_MAX; i++) // its place is free again
		assert_int_equal(
			ask(MR_CONTROL_EXPLAIN, question(), sizeof(struct mr_control_explain)),
			MR_CONTROL_EXPLAIN);
}

static void an_event_that_does_not_decode_says_where(void **state)
{
	(void)state;
	struct mr_control_explain body = *question();
	body.event[4] = 99; // no such action
	assert_int_equal(ask(MR_CONTROL_EXPLAIN, &body, sizeof(body)), MR_CONTROL_EXPLAIN);
	assert_int_equal(reply.body.explained.result, -EBADMSG);
	assert_non_null(strstr(reply.body.explained.message, "byte 4 "));
	body = *question();
	body.event_bytes += 8; // something behind it
	assert_int_equal(ask(MR_CONTROL_EXPLAIN, &body, sizeof(body)), MR_CONTROL_EXPLAIN);
	assert_int_equal(reply.body.explained.result, -EBADMSG);
	assert_non_null(strstr(reply.body.explained.message, "send one event"));
	body.event_bytes = 0;
	assert_int_equal(ask(MR_CONTROL_EXPLAIN, &body, sizeof(body)), MR_CONTROL_EXPLAIN);
	assert_int_equal(reply.body.explained.result, -EBADMSG);
}

static uint32_t follow(uint64_t object, uint64_t ttl_ns)
{
	const struct mr_control_tap body = {.object = object, .ttl_ns = ttl_ns};
	return ask(MR_CONTROL_TAP, &body, sizeof(body));
}

static void so_many_objects_are_followed_and_no_more(void **state)
{
	(void)state;
	for (uint64_t object = 1; object <= MR_TAPS_MAX; object++) {
		assert_int_equal(follow(object, 5000000000), MR_CONTROL_TAP);
		assert_int_equal(reply.body.effect.result, 0);
		assert_true(reply.body.effect.generation > 0);
	}
	assert_int_equal(follow(3, 9000000000), MR_CONTROL_TAP); // one of them, for longer
	assert_int_equal(follow(99, 5000000000), MR_CONTROL_ERROR);
	assert_int_equal(reply.body.error.result, -ENOSPC);
	assert_int_equal(follow(7, 0), MR_CONTROL_TAP);
	assert_int_equal(follow(99, 5000000000), MR_CONTROL_TAP);
	now_ns += 6000000000;
	run();
	assert_int_equal(seeing.followed_count, 1);
	assert_int_equal(seeing.followed[0].object, 3);
	now_ns += 6000000000;
	run();
	assert_int_equal(seeing.followed_count, 0);
	assert_false(seeing.wants_tap);
}

#define SEEING(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SEEING(every_owner_on_the_way_is_asked_once),
		SEEING(an_event_that_does_not_decode_says_where),
		SEEING(so_many_objects_are_followed_and_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
