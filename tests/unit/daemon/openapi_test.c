// The description of the API and the routes of the daemon are the same list.
#include "openapi.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "route.h"

static json_t *description(void)
{
	json_t *json = json_loadb(mr_openapi_text, mr_openapi_length, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(json);
	return json;
}

static const json_t *operation_of(const json_t *paths, const struct mr_route *route)
{
	char method[16];
	size_t length = strlen(route->method);

	for (size_t i = 0; i <= length; i++)
		method[i] = route->method[i] ? (char)(route->method[i] | 0x20) : 0;
	return json_object_get(json_object_get(paths, route->path), method);
}

static void every_route_is_described(void **state)
{
	json_t *json = description();
	const json_t *paths = json_object_get(json, "paths");

	(void)state;
	for (size_t i = 0; mr_route_lists[i]; i++) {
		for (size_t j = 0; j < mr_route_lists[i]->count; j++) {
			const struct mr_route *route = &mr_route_lists[i]->routes[j];
			const json_t *operation = operation_of(paths, route);

			print_message("# %s %s\n", route->method, route->path);
			assert_non_null(operation);
			assert_string_equal(
				json_string_value(json_object_get(operation, "operationId")),
				route->operation);
			// open to all, or not
			assert_int_equal(json_object_get(operation, "security") != NULL,
				route->role == MR_ROLE_NOBODY);
		}
	}
	json_decref(json);
}

static bool is_routed(const char *path, const char *operation)
{
	for (size_t i = 0; mr_route_lists[i]; i++)
		for (size_t j = 0; j < mr_route_lists[i]->count; j++) {
			const struct mr_route *route = &mr_route_lists[i]->routes[j];

			if (strcmp(route->path, path) == 0
				&& strcmp(route->operation, operation) == 0)
				return true;
		}
	return false;
}

static void everything_described_is_routed(void **state)
{
	json_t *json = description();
	const char *path;
	const char *method;
	json_t *methods;
	json_t *operation;

	(void)state;
	json_object_foreach(json_object_get(json, "paths"), path, methods)
	{
		json_object_foreach(methods, method, operation)
		{
			if (strcmp(method, "parameters") == 0)
				continue;
			print_message("# %s %s\n", method, path);
			assert_true(is_routed(path,
				json_string_value(json_object_get(operation, "operationId"))));
		}
	}
	json_decref(json);
}

static void paths_find_their_route_and_values(void **state)
{
	struct mr_route_match match;

	(void)state;
	mr_route_find("DELETE", "/v1/bans/object/42", &match);
	assert_non_null(match.route);
	assert_string_equal(match.route->operation, "liftBan");
	assert_int_equal(match.lengths[0], 6);
	assert_memory_equal(match.values[1], "42", 3);
	mr_route_find("PUT", "/v1/bans/object/42", &match);
	assert_null(match.route);
	assert_int_equal(match.methods, MR_METHOD_GET | MR_METHOD_DELETE);
	mr_route_find("GET", "/v1/bans/object/42/", &match);
	assert_null(match.route);
	assert_int_equal(match.methods, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_route_is_described),
		cmocka_unit_test(everything_described_is_routed),
		cmocka_unit_test(paths_find_their_route_and_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
