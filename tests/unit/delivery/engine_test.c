#include "engine.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net_fake.h"

enum { PEERS = 16, CALLS_MAX = 512 };
#define MS     UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

struct call {
	struct mr_result result;
	uint64_t tag;
	uint64_t at_ns;
};

// One engine, its net, some peers, and what came of each request.
static struct rig {
	struct mr_arena arena;
	struct mr_engine *engine;
	struct mr_net *net;
	struct mr_stats_stage stats;
	struct mr_fake_peer peers[PEERS];
	struct mr_endpoint *endpoints[PEERS];
	uint64_t now_ns;
	struct call calls[CALLS_MAX];
	uint32_t calls_count;
} rig;

static const struct mr_engine_limits limits = {
	.endpoints_max = 64,
	.connections_max = 16,
	.connections_per_endpoint = 4,
	.connections_per_host = 8,
	.body_size = 1000,
};

static void serve_ok(struct mr_fake_peer *peer, const char *request, size_t length, uint64_t now_ns,
	struct mr_fake_answer *ret_answer)
{
	static char bytes[256];

	(void)peer, (void)request, (void)length, (void)now_ns;
	mr_fake_status(ret_answer, bytes, sizeof(bytes), 200, "fine");
	ret_answer->delay_ns = 1 * MS;
}

static void serve_nothing(struct mr_fake_peer *peer, const char *request, size_t length,
	uint64_t now_ns, struct mr_fake_answer *ret_answer)
{
	(void)peer, (void)request, (void)length, (void)now_ns, (void)ret_answer;
}

// peer->state is the answer.
static void serve_script(struct mr_fake_peer *peer, const char *request, size_t length,
	uint64_t now_ns, struct mr_fake_answer *ret_answer)
{
	(void)request, (void)length, (void)now_ns;
	*ret_answer = *(const struct mr_fake_answer *)peer->state;
}

// Peers 0..15 are hosts 10.0.0.1, 10.0.0.2 and so on, each with port 80.
static struct mr_address address_of(uint32_t peer)
{
	return (struct mr_address){
		.ip = {[10] = 0xff, [11] = 0xff, 10, 0, 0, (uint8_t)(1 + peer)}, .port = 80};
}

static int open_rig_with(const struct mr_engine_limits *with)
{
	memset(&rig, 0, sizeof(rig));
	assert_int_equal(mr_arena_open(&rig.arena, 8 << 20, false), 0);
	assert_int_equal(mr_net_open(64, &rig.net), 0);
	rig.engine = mr_engine_new(&rig.arena, with, &rig.stats);
	assert_non_null(rig.engine);
	mr_arena_seal(&rig.arena);
	mr_engine_attach(rig.engine, rig.net);
	rig.now_ns = SECOND;
	mr_fake_advance(rig.net, rig.now_ns);
	for (uint32_t i = 0; i < PEERS; i++) {
		char host[32];
		rig.peers[i] = (struct mr_fake_peer){.address = address_of(i), .serve = serve_ok};
		mr_fake_add(rig.net, &rig.peers[i]);
		snprintf(host, sizeof(host), "10.0.0.%u", 1 + i);
		rig.endpoints[i] = mr_endpoint_get(rig.engine, host, &rig.peers[i].address);
		assert_non_null(rig.endpoints[i]);
	}
	return 0;
}

static int open_rig(void **state)
{
	(void)state;
	return open_rig_with(&limits);
}

static int close_rig(void **state)
{
	(void)state;
	mr_engine_free(rig.engine);
	mr_net_close(rig.net);
	mr_arena_close(&rig.arena);
	return 0;
}

// Runs everything that happens up to `until_ns`.
static void run_until(uint64_t until_ns)
{
	for (;;) {
		while (mr_net_poll(rig.net) + (uint32_t)mr_engine_step(rig.engine, rig.now_ns) > 0)
			continue;
		uint64_t due_ns = mr_fake_next_due(rig.net);
		uint64_t engine_due_ns = mr_engine_next_due(rig.engine);
		if (engine_due_ns < due_ns)
			due_ns = engine_due_ns;
		if (due_ns > until_ns)
			break;
		rig.now_ns = due_ns > rig.now_ns ? due_ns : rig.now_ns + 1;
		mr_fake_advance(rig.net, rig.now_ns);
	}
	rig.now_ns = until_ns;
	mr_fake_advance(rig.net, rig.now_ns);
	mr_engine_step(rig.engine, rig.now_ns);
}

static void run_for(uint64_t ns)
{
	run_until(rig.now_ns + ns);
}

static void note(struct mr_request *request, const struct mr_result *result)
{
	assert_true(rig.calls_count < CALLS_MAX);
	rig.calls[rig.calls_count++] = (struct call){*result, request->tag, rig.now_ns};
}

static bool post(uint32_t peer, uint64_t tag)
{
	uint64_t retry_ns;
	struct mr_request *request =
		mr_request_begin(rig.engine, rig.endpoints[peer], rig.now_ns, &retry_ns);

	if (request == NULL)
		return false;
	memcpy(request->body, "{\"events\":[]}", 13);
	request->tag = tag;
	request->done = note;
	mr_request_send(request, "/hook?x=1", "X-Hook-Signature: abc\r\n", 13, rig.now_ns);
	return true;
}

// Begins as many requests as there are slots for.
static uint32_t post_all(uint32_t peer, uint64_t tag)
{
	uint32_t begun = 0;

	while (post(peer, tag))
		begun++;
	return begun;
}

static const struct mr_result *only_result(void)
{
	assert_int_equal(rig.calls_count, 1);
	return &rig.calls[0].result;
}

static uint64_t counter(enum mr_counter_id id)
{
	return mr_read(&rig.stats.counters[id]);
}

static char seen_request[2048];

static void serve_recorded(struct mr_fake_peer *peer, const char *request, size_t length,
	uint64_t now_ns, struct mr_fake_answer *ret_answer)
{
	assert_true(length < sizeof(seen_request));
	memcpy(seen_request, request, length);
	seen_request[length] = '\0';
	serve_ok(peer, request, length, now_ns, ret_answer);
}

static void request_is_written_to_the_byte(void **state)
{
	(void)state;
	rig.peers[0].serve = serve_recorded;
	assert_true(post(0, 7));
	run_for(10 * MS);
	assert_string_equal(seen_request,
		"POST /hook?x=1 HTTP/1.1\r\nHost: 10.0.0.1\r\nUser-Agent: Millrace/" MR_VERSION
		"\r\nContent-Type: application/json\r\nX-Hook-Signature: abc\r\n"
		"Content-Length: 13\r\n\r\n{\"events\":[]}");
	assert_int_equal(only_result()->outcome, MR_OUTCOME_OK);
	assert_int_equal(only_result()->status, 200);
	assert_int_equal(only_result()->excerpt_length, 4);
	assert_memory_equal(only_result()->excerpt, "fine", 4);
	assert_int_equal(rig.calls[0].tag, 7);
}

static void port_that_is_not_80_stands_in_the_host_header(void **state)
{
	static struct mr_fake_peer peer;

	(void)state;
	peer = (struct mr_fake_peer){.address = address_of(0), .serve = serve_recorded};
	peer.address.port = 8081;
	mr_fake_add(rig.net, &peer);
	rig.endpoints[1] = mr_endpoint_get(rig.engine, "10.0.0.1", &peer.address);
	assert_true(post(1, 0));
	run_for(10 * MS);
	assert_non_null(strstr(seen_request, "\r\nHost: 10.0.0.1:8081\r\n"));
}

static void connection_is_kept_and_used_again(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		assert_true(post(0, i));
		run_for(5 * MS);
		assert_int_equal(rig.calls_count, i + 1);
		assert_int_equal(rig.calls[i].result.outcome, MR_OUTCOME_OK);
	}
	assert_int_equal(rig.peers[0].connects, 1);
	assert_int_equal(counter(MR_DELIVERY_CONNECTS), 1);
	assert_int_equal(counter(MR_DELIVERY_CONNECTIONS), 1);
	assert_int_equal(counter(MR_DELIVERY_REQUESTS), 10);
	assert_int_equal(counter(MR_DELIVERY_REQUESTS_FAILED), 0);
	assert_int_equal(mr_read(&rig.stats.histograms[MR_HISTOGRAM_DELIVERY_REQUEST].count), 10);
}

static void idle_connection_goes_after_a_while(void **state)
{
	(void)state;
	assert_true(post(0, 0));
	run_for(50 * SECOND);
	assert_int_equal(mr_fake_open_sockets(rig.net), 1);
	run_for(20 * SECOND);
	assert_int_equal(mr_fake_open_sockets(rig.net), 0);
	assert_int_equal(counter(MR_DELIVERY_CONNECTIONS), 0);
}

static void idle_connection_that_the_peer_ends_goes_at_once(void **state)
{
	(void)state;
	assert_true(post(0, 0));
	run_for(10 * MS);
	mr_fake_close_all(rig.net, &rig.peers[0]);
	run_for(1 * MS);
	assert_int_equal(mr_fake_open_sockets(rig.net), 0);
	assert_true(post(0, 1));
	run_for(10 * MS);
	assert_int_equal(rig.calls_count, 2);
	assert_int_equal(rig.calls[1].result.outcome, MR_OUTCOME_OK);
	assert_int_equal(rig.peers[0].connects, 2);
}

static void bytes_nobody_asked_for_end_an_idle_connection(void **state)
{
	(void)state;
	assert_true(post(0, 0));
	run_for(10 * MS);
	mr_fake_say_to_all(rig.net, &rig.peers[0], "HTTP/1.1 200 OK\r\n\r\n");
	run_for(1 * MS);
	assert_int_equal(mr_fake_open_sockets(rig.net), 0);
}

static void keep_alive_closed_as_we_write_is_retried_once(void **state)
{
	(void)state;
	assert_true(post(0, 0));
	run_for(10 * MS);
	mr_fake_fail_next_send(rig.net, &rig.peers[0], EPIPE);
	assert_true(post(0, 1));
	run_for(10 * MS);
	assert_int_equal(rig.calls_count, 2);
	assert_int_equal(rig.calls[1].result.outcome, MR_OUTCOME_OK);
	assert_int_equal(rig.peers[0].connects, 2);
	assert_int_equal(counter(MR_DELIVERY_REQUESTS_FAILED), 0);
}

static void serve_then_close(struct mr_fake_peer *peer, const char *request, size_t length,
	uint64_t now_ns, struct mr_fake_answer *ret_answer)
{
	if (peer->requests == 1)
		serve_ok(peer, request, length, now_ns, ret_answer);
	else
		*ret_answer = (struct mr_fake_answer){.then = MR_FAKE_CLOSE};
}

static void second_silent_end_is_a_failure(void **state)
{
	(void)state;
	rig.peers[0].serve = serve_then_close;
	assert_true(post(0, 0));
	run_for(10 * MS);
	assert_true(post(0, 1));
	run_for(10 * MS);
	assert_int_equal(rig.calls_count, 2);
	assert_int_equal(rig.calls[1].result.outcome, MR_OUTCOME_RESET);
	assert_int_equal(rig.peers[0].connects, 2);
	assert_int_equal(rig.peers[0].requests, 3);
	assert_int_equal(counter(MR_DELIVERY_REQUESTS_FAILED), 1);
}

static void end_while_the_body_is_filled_is_retried(void **state)
{
	uint64_t retry_ns;

	(void)state;
	assert_true(post(0, 0));
	run_for(10 * MS);
	struct mr_request *request =
		mr_request_begin(rig.engine, rig.endpoints[0], rig.now_ns, &retry_ns);
	assert_non_null(request);
	mr_fake_close_all(rig.net, &rig.peers[0]);
	run_for(1 * MS);
	request->done = note;
	mr_request_send(request, "/", "", 0, rig.now_ns);
	run_for(10 * MS);
	assert_int_equal(rig.calls_count, 2);
	assert_int_equal(rig.calls[1].result.outcome, MR_OUTCOME_OK);
}

static void abandoned_request_gives_its_slot_back(void **state)
{
	uint64_t retry_ns;

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct mr_request *request =
			mr_request_begin(rig.engine, rig.endpoints[0], rig.now_ns, &retry_ns);
		assert_non_null(request);
		mr_request_abandon(request);
		run_for(1 * MS);
	}
	assert_int_equal(mr_fake_open_sockets(rig.net), 0);
	assert_true(post(0, 0));
	run_for(10 * MS);
	struct mr_request *request =
		mr_request_begin(rig.engine, rig.endpoints[0], rig.now_ns, &retry_ns);
	mr_request_abandon(request);
	assert_int_equal(mr_fake_open_sockets(rig.net), 1); // kept
	assert_true(post(0, 1));
	run_for(10 * MS);
	assert_int_equal(rig.peers[0].connects, 1);
	assert_int_equal(rig.calls_count, 2);
}

#define REPLY(text)                                       \
	{                                                 \
		.bytes = text, .length = sizeof(text) - 1 \
	}

static const struct {
	struct mr_fake_answer answer;
	enum mr_outcome outcome;
	uint16_t status;
	bool kept;
	uint64_t retry_after_ns;
} replies[] = {
	{REPLY("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), MR_OUTCOME_OK, 200, true, 0},
	{REPLY("HTTP/1.1 204 No\r\n\r\n"), MR_OUTCOME_OK, 204, true, 0},
	{REPLY("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n"),
		MR_OUTCOME_OK, 202, true, 0},
	{REPLY("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), MR_OUTCOME_OK,
		200, false, 0},
	{REPLY("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
		MR_OUTCOME_OK, 200, false, 0},
	{REPLY("HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n"), MR_OUTCOME_OK, 204, false, 0},
	{REPLY("HTTP/1.1 301 Moved\r\nLocation: http://10.0.0.2/\r\nContent-Length: 0\r\n\r\n"),
		MR_OUTCOME_STATUS, 301, true, 0},
	{REPLY("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"), MR_OUTCOME_STATUS, 410, true, 0},
	{REPLY("HTTP/1.1 429 Slow\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n"),
		MR_OUTCOME_STATUS, 429, true, 30 * SECOND},
	{REPLY("HTTP/1.1 503 Slow\r\nRetry-After: 99999999999\r\nContent-Length: 0\r\n\r\n"),
		MR_OUTCOME_STATUS, 503, true, 3600 * SECOND},
	{REPLY("HTTP/1.1 503 Slow\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"),
		MR_OUTCOME_STATUS, 503, true, 0},
	{REPLY("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n"),
		MR_OUTCOME_BAD_RESPONSE, 0, false, 0},
	{REPLY("SSH-2.0-OpenSSH_9.2\r\n"), MR_OUTCOME_BAD_RESPONSE, 0, false, 0},
	{REPLY("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"), MR_OUTCOME_BAD_RESPONSE, 0, false, 0},
	{{.bytes = "HTTP/1.1 200 OK\r\n\r\nbody", .length = 23, .then = MR_FAKE_CLOSE},
		MR_OUTCOME_OK, 200, false, 0},
	{{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody",
		 .length = 42,
		 .then = MR_FAKE_CLOSE},
		MR_OUTCOME_RESET, 200, false, 0},
	{{.bytes = "HTTP/1.1 200 OK\r\n", .length = 17, .then = MR_FAKE_RESET}, MR_OUTCOME_RESET, 0,
		false, 0},
	{{.then = MR_FAKE_RESET}, MR_OUTCOME_RESET, 0, false, 0},
	{{.then = MR_FAKE_CLOSE}, MR_OUTCOME_RESET, 0, false, 0},
};

static void answer_is_judged_however_its_bytes_come(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		for (size_t piece = 0; piece < 3; piece++) {
			struct mr_fake_answer answer = replies[i].answer;
			answer.piece = piece;
			answer.gap_ns = 1;
			if (piece > 0 && i == 4)
				continue; // what comes later is seen by the idle connection
			close_rig(NULL);
			open_rig(NULL);
			rig.peers[0].serve = serve_script;
			rig.peers[0].state = &answer;
			assert_true(post(0, 0));
			run_for(100 * MS);
			assert_int_equal(only_result()->outcome, replies[i].outcome);
			assert_int_equal(only_result()->status, replies[i].status);
			assert_int_equal(only_result()->retry_after_ns, replies[i].retry_after_ns);
			assert_int_equal(mr_fake_open_sockets(rig.net), replies[i].kept);
			assert_int_equal(rig.peers[1].connects, 0); // 3xx is never followed
			assert_int_equal(counter(MR_DELIVERY_ENDPOINTS_FAILING),
				replies[i].outcome != MR_OUTCOME_OK);
		}
	}
}

static void secret_and_excerpt_come_with_the_result(void **state)
{
	struct mr_fake_answer answer = REPLY(
		"HTTP/1.1 500 No\r\nX-Hook-Secret: s3cret\r\nContent-Length: 6\r\n\r\na\x1b[31\x80");

	(void)state;
	rig.peers[0].serve = serve_script;
	rig.peers[0].state = &answer;
	assert_true(post(0, 0));
	run_for(10 * MS);
	assert_int_equal(only_result()->secret_length, 6);
	assert_memory_equal(only_result()->secret, "s3cret", 6);
	assert_int_equal(only_result()->excerpt_length, 6);
	assert_memory_equal(only_result()->excerpt, "a\x1b[31\x80", 6); // as it came
}

static void endless_body_is_cut_and_judged_by_status(void **state)
{
	static char bytes[4096];
	struct mr_fake_answer answer = {
		.bytes = bytes, .length = sizeof(bytes), .endless = true, .gap_ns = MS};

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	memcpy(bytes, "HTTP/1.1 200 OK\r\n\r\n", 19);
	rig.peers[0].serve = serve_script;
	rig.peers[0].state = &answer;
	assert_true(post(0, 0));
	run_for(SECOND);
	assert_int_equal(only_result()->outcome, MR_OUTCOME_OK);
	assert_true(rig.calls[0].at_ns <= SECOND + 20 * MS);
	assert_int_equal(mr_fake_open_sockets(rig.net), 0);
}

static void one_byte_per_second_hits_the_total_deadline(void **state)
{
	struct mr_fake_answer answer = REPLY("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");

	(void)state;
	answer.piece = 1;
	answer.gap_ns = SECOND;
	rig.peers[0].serve = serve_script;
	rig.peers[0].state = &answer;
	assert_true(post(0, 0));
	run_for(60 * SECOND);
	assert_int_equal(only_result()->outcome, MR_OUTCOME_TIMEOUT);
	assert_in_range(rig.calls[0].at_ns, 11 * SECOND, 11 * SECOND + 10 * MS);
	assert_int_equal(mr_fake_open_sockets(rig.net), 0);
}

static void interim_flood_fails(void **state)
{
	struct mr_fake_answer answer = REPLY("HTTP/1.1 102 Processing\r\n\r\n");

	(void)state;
	answer.endless = true;
	answer.gap_ns = 1;
	rig.peers[0].serve = serve_script;
	rig.peers[0].state = &answer;
	assert_true(post(0, 0));
	run_for(10 * MS);
	assert_int_equal(only_result()->outcome, MR_OUTCOME_BAD_RESPONSE);
}

static void refused_and_unanswered_connects_are_told_apart_from_answers(void **state)
{
	const struct mr_tune tune = {
		.connect_timeout_ns = 2 * SECOND, .request_timeout_ns = 7 * SECOND};

	(void)state;
	mr_engine_tune(rig.engine, &tune);
	rig.peers[0].accept = MR_FAKE_REFUSE;
	rig.peers[1].accept = MR_FAKE_BLACK_HOLE;
	rig.peers[2].serve = serve_nothing;
	for (uint32_t i = 0; i < 3; i++)
		assert_true(post(i, i));
	run_for(60 * SECOND);
	assert_int_equal(rig.calls_count, 3);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(rig.calls[i].tag, i);
		assert_int_equal(rig.calls[i].result.outcome, MR_OUTCOME_CONNECT);
	}
	assert_in_range(rig.calls[1].at_ns, 3 * SECOND, 3 * SECOND + 10 * MS);
	assert_int_equal(rig.calls[2].result.outcome, MR_OUTCOME_TIMEOUT);
	assert_in_range(rig.calls[2].at_ns, 8 * SECOND, 8 * SECOND + 10 * MS);
	assert_int_equal(mr_fake_open_sockets(rig.net), 0);
	assert_int_equal(counter(MR_DELIVERY_ENDPOINTS_FAILING), 3);
}

static void success_doubles_what_an_endpoint_may_have(void **state)
{
	static const uint32_t expected[] = {1, 2, 4, 4, 4};

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		uint64_t retry_ns = 1;
		// One success per round: the others of a round would double it again.
		assert_int_equal(post_all(0, i), i < 2 ? expected[i] : 4);
		assert_null(mr_request_begin(rig.engine, rig.endpoints[0], rig.now_ns, &retry_ns));
		assert_int_equal(retry_ns, 0); // when a request of this endpoint is done
		run_for(10 * MS);
	}
	assert_int_equal(rig.peers[0].open_most, 4);
}

static void failure_takes_an_endpoint_back_to_one(void **state)
{
	struct mr_fake_answer answer = REPLY("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");

	(void)state;
	for (int i = 0; i < 3; i++) {
		post_all(0, 0);
		run_for(10 * MS);
	}
	assert_int_equal(mr_fake_open_sockets(rig.net), 4);
	rig.peers[0].serve = serve_script;
	rig.peers[0].state = &answer;
	assert_int_equal(post_all(0, 0), 4);
	run_for(10 * MS);
	assert_int_equal(mr_fake_open_sockets(rig.net), 1); // the others are given back
	assert_int_equal(post_all(0, 0), 1);
	run_for(10 * MS);
	rig.peers[0].serve = serve_ok;
	assert_int_equal(post_all(0, 0), 1);
	run_for(10 * MS);
	assert_int_equal(post_all(0, 0), 2);
}

static void refusal_of_one_request_leaves_the_endpoint_its_connections(void **state)
{
	struct mr_fake_answer answer = REPLY("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n");

	(void)state;
	for (int i = 0; i < 3; i++) {
		post_all(0, 0);
		run_for(10 * MS);
	}
	rig.peers[0].serve = serve_script;
	rig.peers[0].state = &answer;
	assert_int_equal(post_all(0, 0), 4);
	run_for(10 * MS);
	assert_int_equal(post_all(0, 0), 4);
}

static void dead_endpoint_is_asked_ever_more_seldom_and_recovers(void **state)
{
	uint64_t asked_ns[64];
	uint32_t asked = 0;

	(void)state;
	rig.peers[0].accept = MR_FAKE_REFUSE;
	while (rig.now_ns < 200 * SECOND) {
		if (post(0, 0))
			asked_ns[asked++] = rig.now_ns;
		run_for(100 * MS);
	}
	assert_in_range(asked, 8, 14);
	for (uint32_t i = 4; i < asked; i++) {
		uint64_t pause_ns = asked_ns[i] - asked_ns[i - 1];
		assert_true(pause_ns >= asked_ns[i - 1] - asked_ns[i - 2]);
		assert_true(pause_ns <= 33 * SECOND);
	}
	uint64_t retry_ns = 0;
	rig.peers[0].accept = MR_FAKE_ACCEPT;
	assert_null(mr_request_begin(rig.engine, rig.endpoints[0], rig.now_ns, &retry_ns));
	assert_true(retry_ns > rig.now_ns && retry_ns < rig.now_ns + 33 * SECOND);
	run_until(retry_ns);
	assert_int_equal(post_all(0, 1), 1); // one probe
	run_for(10 * MS);
	assert_int_equal(rig.calls[rig.calls_count - 1].result.outcome, MR_OUTCOME_OK);
	assert_int_equal(post_all(0, 1), 2);
}

static void hung_endpoint_holds_only_its_own_slots(void **state)
{
	struct mr_engine_limits wide = limits;

	(void)state;
	close_rig(NULL);
	wide.connections_max = 32;
	open_rig_with(&wide);
	// 0..11 hang, proven ones among them; 12..15 answer.
	for (uint32_t i = 0; i < 4; i++) {
		for (int round = 0; round < 3; round++) {
			post_all(i, 0);
			run_for(5 * MS);
		}
		rig.peers[i].serve = serve_nothing;
	}
	for (uint32_t i = 4; i < 12; i++)
		rig.peers[i].serve = serve_nothing;
	for (uint32_t i = 0; i < 12; i++)
		post_all(i, 1);
	rig.calls_count = 0;
	uint32_t answered = 0;
	uint64_t until_ns = rig.now_ns + 9 * SECOND; // before any of them times out
	while (rig.now_ns < until_ns) {
		for (uint32_t i = 0; i < 12; i++)
			post_all(i, 1);
		for (uint32_t i = 12; i < 16; i++)
			answered += post(i, 2);
		run_for(20 * MS);
		assert_int_equal(rig.calls_count, answered);
		rig.calls_count = answered = 0;
		for (uint32_t i = 12; i < 16; i++)
			assert_true(rig.peers[i].requests > 0);
	}
	for (uint32_t i = 12; i < 16; i++)
		assert_true(rig.peers[i].requests > 400);
}

static void slots_of_idle_connections_go_to_those_who_need_them(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 8; i++) {
		for (int round = 0; round < 3; round++) {
			post_all(i, 0);
			run_for(5 * MS);
		}
	}
	rig.calls_count = 0;
	for (uint32_t i = 8; i < 16; i++) {
		for (int attempt = 0; attempt < 3 && !post(i, i); attempt++)
			run_for(5 * MS);
		run_for(5 * MS);
	}
	assert_int_equal(rig.calls_count, 8);
	assert_true(mr_fake_open_sockets(rig.net) <= limits.connections_max);
}

static void one_host_is_bounded_over_all_its_ports(void **state)
{
	static struct mr_fake_peer peers[4];

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		peers[i] = (struct mr_fake_peer){.address = address_of(0), .serve = serve_ok};
		peers[i].address.port = (uint16_t)(9000 + i);
		mr_fake_add(rig.net, &peers[i]);
		rig.endpoints[i] = mr_endpoint_get(rig.engine, "10.0.0.1", &peers[i].address);
	}
	uint32_t most = 0;
	for (int round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < 4; i++)
			post_all(i, 0);
		uint32_t open = 0;
		for (uint32_t i = 0; i < 4; i++)
			open += peers[i].open;
		most = open > most ? open : most;
		run_for(5 * MS);
		rig.calls_count = 0;
	}
	assert_int_equal(most, limits.connections_per_host);
	for (uint32_t i = 0; i < 4; i++)
		assert_true(peers[i].requests > 5);
}

static void want_of_descriptors_is_backpressure(void **state)
{
	uint64_t retry_ns = 0;

	(void)state;
	mr_fake_limit_sockets(rig.net, 1);
	assert_true(post(0, 0));
	assert_null(mr_request_begin(rig.engine, rig.endpoints[1], rig.now_ns, &retry_ns));
	assert_true(retry_ns > rig.now_ns);
	mr_fake_limit_sockets(rig.net, 2);
	assert_true(post(1, 1));
	run_for(10 * MS);
	assert_int_equal(rig.calls_count, 2);
}

static void post_again(struct mr_request *request, const struct mr_result *result)
{
	uint64_t tag = request->tag;

	note(request, result);
	if (tag > 0)
		assert_true(post(0, tag - 1));
	if (rig.calls_count < 20) {
		uint64_t retry_ns;
		struct mr_request *next =
			mr_request_begin(rig.engine, rig.endpoints[0], rig.now_ns, &retry_ns);
		assert_non_null(next);
		next->done = post_again;
		mr_request_send(next, "/", "", 0, rig.now_ns);
	}
}

static void next_request_may_begin_where_the_last_one_ends(void **state)
{
	uint64_t retry_ns;

	(void)state;
	struct mr_request *request =
		mr_request_begin(rig.engine, rig.endpoints[0], rig.now_ns, &retry_ns);
	request->done = post_again;
	mr_request_send(request, "/", "", 0, rig.now_ns);
	run_for(SECOND);
	assert_int_equal(rig.calls_count, 20);
	assert_int_equal(rig.peers[0].connects, 1);
}

static void endpoint_is_one_per_host_address_and_port(void **state)
{
	struct mr_address other = address_of(0);

	(void)state;
	struct mr_endpoint *first = mr_endpoint_get(rig.engine, "10.0.0.1", &other);
	assert_ptr_equal(first, rig.endpoints[0]);
	assert_ptr_not_equal(mr_endpoint_get(rig.engine, "a.example", &other), first);
	other.port = 81;
	assert_ptr_not_equal(mr_endpoint_get(rig.engine, "10.0.0.1", &other), first);
	assert_int_equal(counter(MR_DELIVERY_ENDPOINTS), PEERS + 2);
	mr_endpoint_put(rig.engine, first);
	assert_int_equal(counter(MR_DELIVERY_ENDPOINTS), PEERS + 2);
	mr_endpoint_put(rig.engine, first);
	assert_int_equal(counter(MR_DELIVERY_ENDPOINTS), PEERS + 1);
}

static void endpoints_are_bounded_and_given_back(void **state)
{
	struct mr_endpoint *made[64];
	uint32_t count = 0;

	(void)state;
	for (uint16_t port = 1; count < 64; port++) {
		struct mr_address address = address_of(30);
		address.port = port;
		made[count] = mr_endpoint_get(rig.engine, "10.0.0.31", &address);
		if (made[count] == NULL)
			break;
		count++;
	}
	assert_int_equal(count, 64 - PEERS);
	for (uint32_t i = 0; i < count; i++)
		mr_endpoint_put(rig.engine, made[i]);
	assert_int_equal(counter(MR_DELIVERY_ENDPOINTS), PEERS);
	assert_non_null(mr_endpoint_get(rig.engine, "10.0.0.31", &(struct mr_address){.port = 1}));
}

static void endpoint_given_back_closes_its_connections_and_ends_its_request(void **state)
{
	(void)state;
	assert_true(post(0, 0));
	run_for(10 * MS);
	mr_endpoint_put(rig.engine, rig.endpoints[0]); // idle
	run_for(1 * MS);
	assert_int_equal(mr_fake_open_sockets(rig.net), 0);
	assert_int_equal(counter(MR_DELIVERY_ENDPOINTS), PEERS - 1);
	assert_true(post(1, 1));
	mr_endpoint_put(rig.engine, rig.endpoints[1]); // at work
	assert_int_equal(counter(MR_DELIVERY_ENDPOINTS), PEERS - 1);
	run_for(10 * MS);
	assert_int_equal(rig.calls_count, 2);
	assert_int_equal(rig.calls[1].result.outcome, MR_OUTCOME_OK);
	assert_int_equal(counter(MR_DELIVERY_ENDPOINTS), PEERS - 2);
	assert_int_equal(mr_fake_open_sockets(rig.net), 0);
}

static void plan_is_what_is_taken(void **state)
{
	struct mr_arena plan;

	(void)state;
	mr_arena_plan(&plan);
	assert_null(mr_engine_new(&plan, &limits, &rig.stats));
	assert_int_equal(plan.used, rig.arena.used);
}

#define rig_test(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(request_is_written_to_the_byte),
		rig_test(port_that_is_not_80_stands_in_the_host_header),
		rig_test(connection_is_kept_and_used_again),
		rig_test(idle_connection_goes_after_a_while),
		rig_test(idle_connection_that_the_peer_ends_goes_at_once),
		rig_test(bytes_nobody_asked_for_end_an_idle_connection),
		rig_test(keep_alive_closed_as_we_write_is_retried_once),
		rig_test(second_silent_end_is_a_failure),
		rig_test(end_while_the_body_is_filled_is_retried),
		rig_test(abandoned_request_gives_its_slot_back),
		rig_test(answer_is_judged_however_its_bytes_come),
		rig_test(secret_and_excerpt_come_with_the_result),
		rig_test(endless_body_is_cut_and_judged_by_status),
		rig_test(one_byte_per_second_hits_the_total_deadline),
		rig_test(interim_flood_fails),
		rig_test(refused_and_unanswered_connects_are_told_apart_from_answers),
		rig_test(success_doubles_what_an_endpoint_may_have),
		rig_test(failure_takes_an_endpoint_back_to_one),
		rig_test(refusal_of_one_request_leaves_the_endpoint_its_connections),
		rig_test(dead_endpoint_is_asked_ever_more_seldom_and_recovers),
		rig_test(hung_endpoint_holds_only_its_own_slots),
		rig_test(slots_of_idle_connections_go_to_those_who_need_them),
		rig_test(one_host_is_bounded_over_all_its_ports),
		rig_test(want_of_descriptors_is_backpressure),
		rig_test(next_request_may_begin_where_the_last_one_ends),
		rig_test(endpoint_is_one_per_host_address_and_port),
		rig_test(endpoints_are_bounded_and_given_back),
		rig_test(endpoint_given_back_closes_its_connections_and_ends_its_request),
		rig_test(plan_is_what_is_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
