// The engine over io_uring and the kernel's TCP, against a receiver that misbehaves.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "engine.h"
#include "hostile_server.h"

enum { BODY_BYTES = 100000, CALLS_MAX = 4096 };
#define MS UINT64_C(1000000)

static struct rig {
	struct mr_arena arena;
	struct mr_engine *engine;
	struct mr_net *net;
	struct mr_stats_stage stats;
	struct hostile_server *server;
	struct mr_endpoint *endpoint;
	struct mr_result results[CALLS_MAX];
	uint32_t done;
} rig;

static int open_rig(void **state)
{
	const struct mr_engine_limits limits = {
		.endpoints_max = 16,
		.connections_max = 32,
		.connections_per_endpoint = 8,
		.connections_per_host = 16,
		.body_size = BODY_BYTES,
	};
	const struct mr_tune tune = {
		.connect_timeout_ns = 500 * MS,
		.request_timeout_ns = 600 * MS,
	};

	(void)state;
	memset(&rig, 0, sizeof(rig));
	assert_int_equal(mr_arena_open(&rig.arena, 16 << 20, false), 0);
	assert_int_equal(mr_net_open(128, &rig.net), 0);
	rig.engine = mr_engine_new(&rig.arena, &limits, &rig.stats);
	assert_non_null(rig.engine);
	mr_engine_attach(rig.engine, rig.net);
	mr_engine_tune(rig.engine, &tune);
	rig.server = hostile_server_start();
	struct mr_address address = hostile_server_address(rig.server);
	rig.endpoint = mr_endpoint_get(rig.engine, "127.0.0.1", &address);
	assert_non_null(rig.endpoint);
	return 0;
}

static int close_rig(void **state)
{
	(void)state;
	mr_engine_free(rig.engine);
	mr_net_close(rig.net);
	hostile_server_stop(rig.server);
	mr_arena_close(&rig.arena);
	return 0;
}

static void note(struct mr_request *request, const struct mr_result *result)
{
	(void)request;
	assert_true(rig.done < CALLS_MAX);
	rig.results[rig.done++] = *result;
}

static bool post(struct mr_endpoint *endpoint, const char *path, size_t body_length)
{
	uint64_t now_ns = mr_clock_mono_ns();
	uint64_t retry_ns;
	struct mr_request *request = mr_request_begin(rig.engine, endpoint, now_ns, &retry_ns);

	if (request == NULL)
		return false;
	for (size_t i = 0; i < body_length; i++)
		request->body[i] = (uint8_t)('a' + i % 26);
	request->done = note;
	mr_request_send(request, path, "", body_length, now_ns);
	return true;
}

static void step(void)
{
	uint32_t ran = mr_net_poll(rig.net);

	if (mr_engine_step(rig.engine, mr_clock_mono_ns()) == MR_POLL_IDLE && ran == 0)
		mr_net_wait(rig.net, MS);
}

static const struct mr_result *answer_of(const char *path, size_t body_length)
{
	uint64_t deadline_ns = mr_clock_mono_ns() + 5000 * MS;
	uint32_t before = rig.done;

	while (!post(rig.endpoint, path, body_length) && mr_clock_mono_ns() < deadline_ns)
		step();
	while (rig.done == before && mr_clock_mono_ns() < deadline_ns)
		step();
	assert_int_equal(rig.done, before + 1);
	return &rig.results[before];
}

static void many_requests_go_over_few_connections(void **state)
{
	enum { REQUESTS = 2000 };
	uint32_t begun = 0;
	uint64_t deadline_ns = mr_clock_mono_ns() + 20000 * MS;

	(void)state;
	while (rig.done < REQUESTS && mr_clock_mono_ns() < deadline_ns) {
		while (begun < REQUESTS && post(rig.endpoint, "/ok", begun % 700))
			begun++;
		step();
	}
	assert_int_equal(rig.done, REQUESTS);
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < REQUESTS; i++) {
		assert_int_equal(rig.results[i].outcome, MR_OUTCOME_OK);
		bytes += i % 700;
	}
	assert_int_equal(hostile_server_body_bytes(rig.server), bytes);
	assert_true(hostile_server_connections(rig.server) <= 8);
	assert_int_equal(mr_read(&rig.stats.counters[MR_DELIVERY_CONNECTS]),
		hostile_server_connections(rig.server));
}

static void largest_body_arrives_whole(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(answer_of("/ok", BODY_BYTES)->outcome, MR_OUTCOME_OK);
	assert_int_equal(hostile_server_body_bytes(rig.server), 20 * BODY_BYTES);
	assert_int_equal(hostile_server_connections(rig.server), 1);
}

static void each_misbehaviour_has_its_outcome(void **state)
{
	static const struct {
		const char *path;
		enum mr_outcome outcome;
		uint16_t status;
	} cases[] = {
		{"/close", MR_OUTCOME_RESET, 0},
		{"/ok", MR_OUTCOME_OK, 200},
		{"/reset", MR_OUTCOME_RESET, 0},
		{"/ok", MR_OUTCOME_OK, 200},
		{"/cut", MR_OUTCOME_RESET, 200},
		{"/ok", MR_OUTCOME_OK, 200},
		{"/endless", MR_OUTCOME_OK, 200},
		{"/after", MR_OUTCOME_OK, 200},
		{"/hang", MR_OUTCOME_TIMEOUT, 0},
		{"/slow", MR_OUTCOME_TIMEOUT, 0},
		{"/ok", MR_OUTCOME_OK, 200},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct mr_result *result = answer_of(cases[i].path, 1000);
		print_message("# %s\n", cases[i].path);
		assert_int_equal(result->outcome, cases[i].outcome);
		assert_int_equal(result->status, cases[i].status);
	}
}

static void answer_before_the_body_is_read_counts(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		const struct mr_result *result = answer_of("/early", BODY_BYTES);
		assert_int_equal(result->outcome, MR_OUTCOME_STATUS);
		assert_int_equal(result->status, 413);
	}
}

// The peer says nothing and closes after each answer: the end is seen while idle, or the request
// goes out again.
static void connection_closed_after_its_answer_costs_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++)
		assert_int_equal(answer_of("/after", 10)->outcome, MR_OUTCOME_OK);
	assert_int_equal(mr_read(&rig.stats.counters[MR_DELIVERY_REQUESTS_FAILED]), 0);
}

static void nobody_there_is_a_connect_failure(void **state)
{
	struct mr_address address = hostile_server_address(rig.server);
	uint64_t deadline_ns = mr_clock_mono_ns() + 5000 * MS;

	(void)state;
	address.port = 1; // reserved, nobody listens
	struct mr_endpoint *endpoint = mr_endpoint_get(rig.engine, "127.0.0.1", &address);
	assert_true(post(endpoint, "/", 0));
	while (rig.done == 0 && mr_clock_mono_ns() < deadline_ns)
		step();
	assert_int_equal(rig.results[0].outcome, MR_OUTCOME_CONNECT);
	assert_int_equal(mr_read(&rig.stats.counters[MR_DELIVERY_ENDPOINTS_FAILING]), 1);
}

#define rig_test(name) cmocka_unit_test_setup_teardown(name, open_rig, close_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(many_requests_go_over_few_connections),
		rig_test(largest_body_arrives_whole),
		rig_test(each_misbehaviour_has_its_outcome),
		rig_test(answer_before_the_body_is_read_counts),
		rig_test(connection_closed_after_its_answer_costs_nothing),
		rig_test(nobody_there_is_a_connect_failure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
