// Requests before they reach a handler, and bodies: what does not fit is refused with the right
// status, says where it is wrong, and changes nothing.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "answer.h"
#include "daemon_rig.h"
#include "snapshot.h"

static struct rig rig;

static int setup(void **state)
{
	(void)state;
	rig_open(&rig);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static void every_bad_body_is_refused_with_its_pointers(void **state)
{
	static const struct {
		const char *body;
		unsigned status;
		const char *pointers;
	} cases[] = {
		{"", 422, "/kind /id /mode /reason"},
		{"{}", 422, "/kind /id /mode /reason"},
		{"[]", 400, ""},
		{"{", 400, ""},
		{"\"drop\"", 400, ""},
		{"{\"id\":\"1\",\"id\":\"2\"}", 400, ""},
		{"{\"reason\":\"a\\u0000b\"}", 400, ""},
		{"{\"kind\":\"object\",\"id\":\"0\",\"mode\":\"drop\",\"reason\":\"r\"}", 422,
			"/id"},
		{"{\"kind\":\"object\",\"id\":\"18446744073709551616\",\"mode\":\"drop\",\"reason\":\"r\"}",
			422, "/id"},
		{"{\"kind\":\"object\",\"id\":-1,\"mode\":\"drop\",\"reason\":\"r\"}", 422, "/id"},
		{"{\"kind\":\"object\",\"id\":1.5,\"mode\":\"drop\",\"reason\":\"r\"}", 422, "/id"},
		{"{\"kind\":\"planet\",\"id\":\"1\",\"mode\":\"drop\",\"reason\":\"r\"}", 422,
			"/kind"},
		{"{\"kind\":\"app\",\"id\":\"1\",\"mode\":\"drop\",\"reason\":\"\"}", 422,
			"/reason"},
		{"{\"kind\":\"app\",\"id\":\"1\",\"mode\":\"drop\",\"reason\":\"a\\nb\"}", 422,
			"/reason"},
		{"{\"kind\":\"app\",\"id\":\"1\",\"mode\":\"drop\",\"reason\":\"a\\u009b1m\"}", 422,
			"/reason"},
		{"{\"kind\":\"app\",\"id\":\"1\",\"mode\":\"throttle\",\"reason\":\"r\"}", 422,
			"/rate"},
		{"{\"kind\":\"app\",\"id\":\"1\",\"mode\":\"drop\",\"rate\":5,\"reason\":\"r\"}",
			422, "/rate"},
		{"{\"kind\":\"app\",\"id\":\"1\",\"mode\":\"drop\",\"ttl_s\":0,\"reason\":\"r\"}",
			422, "/ttl_s"},
		{"{\"kind\":\"app\",\"id\":\"1\",\"mode\":\"drop\",\"ttl_s\":\"1h\",\"reason\":\"r\"}",
			422, "/ttl_s"},
		{"{\"kind\":\"app\",\"id\":\"1\",\"mode\":\"drop\",\"purge\":1,\"reason\":\"r\"}",
			422, "/purge"},
		{"{\"kind\":\"app\",\"id\":\"1\",\"mode\":\"drop\",\"with_descendants\":true,\"reason\":\"r\"}",
			422, "/with_descendants"},
		{"{\"kind\":\"app\",\"id\":\"1\",\"mode\":\"drop\",\"reason\":\"r\",\"reasons\":1}",
			422, "/reasons"},
		// fits: there is no data plane to say so
		{"{\"kind\":\"app\",\"id\":\"1\",\"mode\":\"drop\",\"reason\":\"r\"}", 503, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("# %s\n", cases[i].body);
		assert_int_equal(rig_ask(&rig, "POST", "/v1/bans", cases[i].body), cases[i].status);
		assert_string_equal(rig.request.answer.content_type, "application/problem+json");
		char *pointers = rig_pointers(&rig);

		assert_string_equal(pointers, cases[i].pointers);
		free(pointers);
	}
}

static void deep_json_is_refused(void **state)
{
	enum { DEEP = 20000 };
	char *body = malloc(2 * DEEP + 1);

	(void)state;
	assert_non_null(body);
	memset(body, '[', DEEP);
	memset(body + DEEP, ']', DEEP);
	body[2 * DEEP] = 0;
	assert_int_equal(rig_ask(&rig, "POST", "/v1/bans", body), 400);
	free(body);
}

static void a_parameter_that_is_spelled_wrong_changes_nothing(void **state)
{
	static const char ban[] =
		"{\"kind\":\"app\",\"id\":\"1\",\"mode\":\"drop\",\"reason\":\"r\"}";

	(void)state;
	rig_query(&rig, "dryrun", "true");
	assert_int_equal(rig_ask(&rig, "POST", "/v1/bans", ban), 400);
	rig_query(&rig, "dry_run", "yes");
	assert_int_equal(rig_ask(&rig, "POST", "/v1/bans", ban), 400);
	rig_query(&rig, "dry_run", "false");
	rig_query(&rig, "dry_run", "true");
	assert_int_equal(rig_ask(&rig, "POST", "/v1/bans", ban), 400);
	rig_query(&rig, "limit", "0");
	assert_int_equal(rig_ask(&rig, "GET", "/v1/audit", NULL), 400);
	rig_query(&rig, "limit", "1001");
	assert_int_equal(rig_ask(&rig, "GET", "/v1/audit", NULL), 400);
}

static void paths_and_methods_that_are_none_are_named(void **state)
{
	(void)state;
	assert_int_equal(rig_ask(&rig, "GET", "/v1/none", NULL), 404);
	assert_int_equal(rig_ask(&rig, "GET", "/v1/bans/", NULL), 404);
	assert_int_equal(rig_ask(&rig, "GET", "/v1/bans/app", NULL), 404);
	assert_int_equal(rig_ask(&rig, "GET", "/v1/bans/app//", NULL), 404);
	assert_int_equal(rig_ask(&rig, "GET", "/v1/bans/planet/1", NULL), 404);
	assert_int_equal(rig_ask(&rig, "GET", "/v1/bans/app/x", NULL), 404);
	assert_int_equal(rig_ask(&rig, "PUT", "/v1/pauses/lunch", "{\"reason\":\"r\"}"), 404);
	assert_int_equal(rig_ask(&rig, "PATCH", "/v1/bans", "{}"), 405);
	assert_string_equal(rig.request.answer.headers[0].name, "Allow");
	assert_string_equal(rig.request.answer.headers[0].value, "GET, HEAD, POST");
	assert_int_equal(rig_ask(&rig, "HEAD", "/v1/audit", NULL), 200);
}

static void a_body_of_another_type_is_refused(void **state)
{
	(void)state;
	rig_header(&rig, "Content-Type", "text/plain");
	assert_int_equal(rig_ask(&rig, "POST", "/v1/bans", "{}"), 415);
	rig_header(&rig, "Content-Type", "application/json; charset=utf-8");
	assert_int_equal(rig_ask(&rig, "POST", "/v1/bans", "{}"), 422);
}

static void roles_decide(void **state)
{
	static const struct {
		enum mr_role role;
		const char *method, *path;
		unsigned status;
	} cases[] = {
		{MR_ROLE_NOBODY, "GET", "/healthz", 200},
		{MR_ROLE_NOBODY, "GET", "/openapi.json", 200},
		{MR_ROLE_NOBODY, "GET", "/v1/audit", 401},
		{MR_ROLE_VIEW, "GET", "/v1/audit", 200},
		{MR_ROLE_VIEW, "POST", "/v1/bans", 403},
		{MR_ROLE_VIEW, "DELETE", "/v1/bans/app/1", 403},
		{MR_ROLE_VIEW, "PUT", "/v1/pauses/ingest", 403},
		{MR_ROLE_OPERATE, "POST", "/v1/bans", 422},
		{MR_ROLE_OPERATE, "GET", "/v1/tokens", 403},
		{MR_ROLE_ADMIN, "GET", "/v1/tokens", 200},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("# %s %s\n", cases[i].method, cases[i].path);
		assert_int_equal(
			rig_ask_as(&rig, cases[i].role, cases[i].method, cases[i].path, NULL, 0),
			cases[i].status);
	}
}

static void a_token_of_an_app_sees_its_own_webhooks_only(void **state)
{
	(void)state;
	rig.app = 42;
	assert_int_equal(rig_ask(&rig, "GET", "/v1/webhooks", NULL), 403);
	assert_int_equal(rig_ask(&rig, "GET", "/v1/bans", NULL), 403);
	assert_int_equal(rig_ask(&rig, "GET", "/healthz", NULL), 200);
	rig.app = 0;
	assert_int_not_equal(rig_ask(&rig, "GET", "/v1/bans", NULL), 403);
}

static void pages_of_other_sites_change_nothing(void **state)
{
	(void)state;
	rig_header(&rig, "Host", "evil.example");
	assert_int_equal(rig_ask(&rig, "GET", "/healthz", NULL), 421);
	rig_header(&rig, "Host", "127.0.0.1:7490");
	assert_int_equal(rig_ask(&rig, "GET", "/healthz", NULL), 200);
	rig_header(&rig, "Host", "[::1]:7490");
	rig_header(&rig, "Origin", "http://[::1]:7490");
	assert_int_equal(rig_ask(&rig, "POST", "/v1/bans", "{}"), 422);
	rig_header(&rig, "Origin", "https://evil.example");
	assert_int_equal(rig_ask(&rig, "POST", "/v1/bans", "{}"), 403);
	rig_header(&rig, "Origin", "null");
	assert_int_equal(rig_ask(&rig, "POST", "/v1/bans", "{}"), 403);
	rig_header(&rig, "Sec-Fetch-Site", "cross-site");
	assert_int_equal(rig_ask(&rig, "DELETE", "/v1/tokens/1", NULL), 403);
}

static void refusals_of_the_router_are_no_outages(void **state)
{
	static const struct {
		int error;
		unsigned status, status_lost; // with the data plane, and without
	} cases[] = {{-EINVAL, 422, 422}, {-ENOENT, 404, 503}, {-EEXIST, 409, 503},
		{-EPERM, 422, 503}, {-EBUSY, 409, 503}, {-ENOTCONN, 409, 503}, {-ENOSPC, 507, 507},
		{-ETIMEDOUT, 503, 503}, {-ECONNREFUSED, 503, 503}};
	static const struct mr_snapshot there = {.connected = true};
	static const struct mr_snapshot lost;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig.request.path = "/v1/bans";
		rig.request.snapshot = &there;
		mr_problem_plane(&rig.request, cases[i].error, "why");
		assert_int_equal(rig.request.answer.status, cases[i].status);
		mr_answer_clear(&rig.request.answer);
		rig.request.snapshot = &lost;
		mr_problem_plane(&rig.request, cases[i].error, "why");
		assert_int_equal(rig.request.answer.status, cases[i].status_lost);
		mr_answer_clear(&rig.request.answer);
	}
	rig.request.snapshot = NULL;
}

static void a_request_that_was_cut_is_refused(void **state)
{
	(void)state;
	rig_header(&rig, "X-Last-That-Fits", "1");
	rig.request.too_many = true;
	assert_int_equal(rig_ask(&rig, "GET", "/healthz", NULL), 431);
}

static void a_key_makes_a_change_once(void **state)
{
	static const char other[] = "{\"name\":\"b\",\"role\":\"view\"}";
	static const char token[] = "{\"name\":\"a\",\"role\":\"view\"}";

	(void)state;
	rig_header(&rig, "Idempotency-Key", "k1");
	assert_int_equal(rig_ask(&rig, "POST", "/v1/tokens", "{}"), 422);
	rig_header(&rig, "Idempotency-Key", "k1");
	assert_int_equal(rig_ask(&rig, "POST", "/v1/tokens", "{}"), 422);
	assert_string_equal(rig.request.answer.headers[0].name, "Idempotency-Replayed");
	rig_header(&rig, "Idempotency-Key", "k2");
	assert_int_equal(rig_ask(&rig, "POST", "/v1/tokens", token), 201);
	rig_header(&rig, "Idempotency-Key", "k2");
	assert_int_equal(rig_ask(&rig, "POST", "/v1/tokens", other), 422);
	// its answer held a secret: it is not told again, and no second token is made
	rig_header(&rig, "Idempotency-Key", "k2");
	assert_int_equal(rig_ask(&rig, "POST", "/v1/tokens", token), 409);
	rig_header(&rig, "Idempotency-Key", "");
	assert_int_equal(rig_ask(&rig, "POST", "/v1/tokens", other), 400);
	// what failed for want of a data plane may be tried again
	for (int i = 0; i < 2; i++) {
		rig_header(&rig, "Idempotency-Key", "k3");
		assert_int_equal(rig_ask(&rig, "POST", "/v1/purges",
					 "{\"kind\":\"app\",\"id\":\"1\",\"reason\":\"r\"}"),
			503);
		assert_string_equal(rig.request.answer.headers[0].name, "Retry-After");
	}
}

static void what_failed_is_audited_too(void **state)
{
	(void)state;
	rig_ask(&rig, "POST", "/v1/bans",
		"{\"kind\":\"object\",\"id\":\"7\",\"mode\":\"hold\",\"reason\":\"r\"}");
	assert_int_equal(rig_ask(&rig, "GET", "/v1/audit", NULL), 200);
	json_t *answer = rig_answer(&rig);
	const json_t *row = json_array_get(json_object_get(answer, "data"), 0);

	assert_string_equal(json_string_value(json_object_get(row, "who")), "tester");
	assert_string_equal(json_string_value(json_object_get(row, "act")), "ban");
	assert_string_equal(json_string_value(json_object_get(row, "scope")), "object 7");
	assert_string_not_equal(json_string_value(json_object_get(row, "result")), "ok");
	json_decref(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			every_bad_body_is_refused_with_its_pointers, setup, teardown),
		cmocka_unit_test_setup_teardown(deep_json_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_parameter_that_is_spelled_wrong_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			paths_and_methods_that_are_none_are_named, setup, teardown),
		cmocka_unit_test_setup_teardown(a_body_of_another_type_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(roles_decide, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_token_of_an_app_sees_its_own_webhooks_only, setup, teardown),
		cmocka_unit_test_setup_teardown(
			pages_of_other_sites_change_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_request_that_was_cut_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			refusals_of_the_router_are_no_outages, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_makes_a_change_once, setup, teardown),
		cmocka_unit_test_setup_teardown(what_failed_is_audited_too, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
