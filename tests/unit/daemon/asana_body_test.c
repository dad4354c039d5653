// What clients of Asana's API send: forms and JSON become the same data, filters become lines, and
// what is wrong is answered in Asana's form.
#include "asana_body.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "answer.h"
#include "webhook_json.h"

static struct mr_request request;

static void ask(const char *type, const char *body)
{
	mr_answer_clear(&request.answer);
	free(request.body);
	request = (struct mr_request){.path = "/api/1.0/webhooks",
		.headers_count = 1,
		.headers = {{"Content-Type", type}},
		.body = strdup(body),
		.body_length = strlen(body)};
}

static int teardown(void **state)
{
	(void)state;
	mr_answer_clear(&request.answer);
	free(request.body);
	request.body = NULL;
	return 0;
}

static void forms_and_json_say_the_same(void **state)
{
	static const struct {
		const char *type, *body;
	} good[] = {
		{"application/json; charset=UTF-8",
			"{\"data\":{\"resource\":\"12\",\"target\":\"http://[::1]/a b\"}}"},
		{"application/json",
			"{\"data\":{\"resource\":12,\"target\":\"http://[::1]/a b\"}}"},
		{"application/x-www-form-urlencoded", "resource=12&target=http%3A%2F%2f[::1]/a+b"},
		{"application/x-www-form-urlencoded",
			"data[resource]=12&data%5Btarget%5D=http://[::1]/a%20b"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t id;
		char target[32];

		ask(good[i].type, good[i].body);
		json_t *data = mr_asana_data(&request);

		assert_non_null(data);
		assert_true(mr_asana_id(&request, data, "resource", &id));
		assert_int_equal(id, 12);
		assert_true(mr_asana_text(&request, data, "target", target, sizeof(target)));
		assert_string_equal(target, "http://[::1]/a b");
		assert_false(mr_asana_text(&request, data, "target", target, 8));
		assert_int_equal(request.answer.status, 400);
		json_decref(data);
	}
}

static void what_cannot_be_read_is_refused_in_asanas_form(void **state)
{
	static const struct {
		const char *type, *body;
		unsigned status;
	} wrong[] = {
		{"application/json", "", 400},
		{"application/json", "{", 400},
		{"application/json", "[]", 400},
		{"application/json", "{\"resource\":\"1\"}", 400},
		{"application/json", "{\"data\":[]}", 400},
		{"application/json", "{\"data\":{\"a\":1,\"a\":2}}", 400},
		{"text/plain", "resource=1", 415},
		{"application/x-www-form-urlencoded", "a=%", 400},
		{"application/x-www-form-urlencoded", "a=%4", 400},
		{"application/x-www-form-urlencoded", "a=%zz", 400},
		{"application/x-www-form-urlencoded", "a=%00", 400},
		{"application/x-www-form-urlencoded", "a=%ff", 400},
		{"application/x-www-form-urlencoded", "=1", 400},
		{"application/x-www-form-urlencoded", "&", 400},
		{"application/x-www-form-urlencoded", "a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a&a", 400},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ask(wrong[i].type, wrong[i].body);
		assert_null(mr_asana_data(&request));
		assert_int_equal(request.answer.status, wrong[i].status);
		assert_memory_equal(request.answer.body, "{\"errors\":[{\"message\":", 22);
	}
}

static void ids_are_digits_or_numbers(void **state)
{
	static const char *const wrong[] = {"{}", "{\"id\":\"\"}", "{\"id\":\"0\"}", "{\"id\":-1}",
		"{\"id\":1.5}", "{\"id\":\"18446744073709551616\"}", "{\"id\":null}",
		"{\"id\":[]}"};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint64_t id;
		json_t *data = json_loads(wrong[i], 0, NULL);

		ask("application/json", "");
		assert_false(mr_asana_id(&request, data, "id", &id));
		assert_int_equal(request.answer.status, 400);
		json_decref(data);
	}
}

static void filters_become_lines_and_come_back(void **state)
{
	static const char good[] =
		"[{\"resource_type\":\"task\",\"action\":\"changed\",\"fields\":[\"name\",\"notes\"]},"
		"{\"resource_subtype\":\"milestone\"},{}]";
	static const struct {
		const char *json, *words;
	} wrong[] = {
		{"{}", "expected a list"},
		{"[1]", "filters[0]: expected an object"},
		{"[{},{\"kind\":\"task\"}]", "filters[1]: known are"},
		{"[{\"resource_type\":\"a b\"}]", "without blanks"},
		{"[{\"resource_type\":\"a\\nb\"}]", "without blanks"},
		{"[{\"resource_type\":\"a action=added\"}]", "without blanks"},
		{"[{\"resource_type\":\"\"}]", "without blanks"},
		{"[{\"action\":[\"added\"]}]", "without blanks"},
		{"[{\"fields\":\"name\"}]", "expected a list of names"},
		{"[{\"fields\":[1]}]", "expected a list of names"},
		{"[{\"resource_type\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}]",
			"too long"},
	};
	char text[96];
	char why[128];
	json_t *json = json_loads(good, 0, NULL);

	(void)state;
	assert_int_equal(mr_filters_of_json(json, text, sizeof(text), why, sizeof(why)), 0);
	assert_string_equal(
		text, "type=task action=changed fields=name,notes\nsubtype=milestone\n*");
	json_t *back = mr_json_filters(text);

	assert_true(json_equal(json, back));
	json_decref(back);
	json_decref(json);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		json = json_loads(wrong[i].json, 0, NULL);
		assert_int_equal(mr_filters_of_json(json, text, 64, why, sizeof(why)), -EINVAL);
		assert_non_null(strstr(why, wrong[i].words));
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(forms_and_json_say_the_same, teardown),
		cmocka_unit_test_teardown(what_cannot_be_read_is_refused_in_asanas_form, teardown),
		cmocka_unit_test_teardown(ids_are_digits_or_numbers, teardown),
		cmocka_unit_test(filters_become_lines_and_come_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
