// Commands of more than one request: explain, tail, drill.
#include <errno.h>
#include <string.h>
#include <time.h>

#include <millrace/exit_code.h>

#include "answer.h"
#include "api_client.h"

enum { EVENT_BYTES_MAX = 64 << 10, TAIL_PAUSE_MS = 500 };
static const uint64_t TAIL_NS = UINT64_C(600000000000); // without --ttl

static int read_event(struct mr_call *call, json_t **ret_event)
{
	const char *path = call->line->arguments[0];
	const bool is_input = strcmp(path, "-") == 0;
	FILE *file = is_input ? stdin : fopen(path, "re");
	json_error_t error;

	if (file == NULL)
		return mr_call_fail(call, -errno, "%s: %s", path, strerror(errno));
	*ret_event = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
	if (!is_input)
		fclose(file);
	if (json_is_object(*ret_event))
		return 0;
	if (*ret_event == NULL)
		return mr_call_fail(call, -EINVAL, "%s:%d:%d: %s", is_input ? "input" : path,
			error.line, error.column, error.text);
	json_decref(*ret_event);
	return mr_call_fail(call, -EINVAL, "%s holds no JSON object", is_input ? "input" : path);
}

int mr_call_explain(struct mr_call *call)
{
	const char *app = call->line->values[MR_OPTION_APP];
	json_t *event = NULL, *answer = NULL;
	int r = read_event(call, &event);

	if (r < 0)
		return r;
	if (app)
		json_object_set_new(event, "app", json_string(app));
	r = mr_api_ask(call, "POST", "/v1/explain", event, &answer, NULL);
	json_decref(event);
	return r < 0 ? r : mr_answer_print(call, answer, &mr_shape_explained);
}

// One step on one line: its time, what happened, and the rest as key=value.
static void print_step(struct mr_call *call, const json_t *step)
{
	static const struct mr_column columns[] = {{"at", "", MR_COLUMN_TEXT, 24},
		{"step", "", MR_COLUMN_TEXT, 11}, {"webhook", "webhook ", MR_COLUMN_TEXT, 0},
		{"reason", "", MR_COLUMN_TEXT, 0}, {"batch", "batch ", MR_COLUMN_TEXT, 0},
		{"status", "status ", MR_COLUMN_TEXT, 0}, {"hops", "hops ", MR_COLUMN_TEXT, 0},
		{"app", "app ", MR_COLUMN_TEXT, 0}};

	if (call->render == &mr_render_json) {
		json_dumpf(step, call->doc.out, MR_ANSWER_FORM);
		fputc('\n', call->doc.out);
		return;
	}
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		mr_answer_put(call, step, &columns[i]);
	fputc('\n', call->doc.out);
}

// Prints what came after `after`, and moves it on.
static int print_steps(struct mr_call *call, json_int_t *after)
{
	char path[MR_API_PATH_BYTES];
	json_t *answer = NULL;
	const json_t *step;
	size_t index;

	snprintf(path, sizeof(path), "/v1/tail/%s?after=%lld", call->line->arguments[0],
		(long long)*after);
	int r = mr_api_ask(call, "GET", path, NULL, &answer, NULL);
	if (r < 0)
		return r;
	json_array_foreach(json_object_get(answer, "data"), index, step) print_step(call, step);
	const json_t *next = json_object_get(answer, "after");
	if (json_is_integer(next))
		*after = json_integer_value(next);
	json_decref(answer);
	fflush(call->doc.out);
	return ferror(call->doc.out) ? mr_call_fail(call, -EIO, "the output cannot be written") : 0;
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int mr_call_tail(struct mr_call *call)
{
	const struct timespec nap = {.tv_nsec = TAIL_PAUSE_MS * 1000000L};
	const uint64_t ttl_ns = mr_line_has(call->line, MR_OPTION_TTL)
		? call->line->numbers[MR_OPTION_TTL]
		: TAIL_NS;
	const uint64_t end_ns = monotonic_ns() + ttl_ns;
	json_t *answer = NULL;
	json_int_t after = 0;
	json_t *body = json_pack(
		"{s:s,s:f}", "object", call->line->arguments[0], "ttl_s", (double)ttl_ns / 1e9);
	int r = mr_api_ask(call, "POST", "/v1/tail", body, &answer, NULL);

	json_decref(body);
	if (r < 0)
		return r;
	json_decref(answer);
	do {
		r = print_steps(call, &after);
		nanosleep(&nap, NULL);
	} while (r == 0 && monotonic_ns() < end_ns);
	return r;
}

int mr_call_drill(struct mr_call *call)
{
	const struct mr_api *api = &call->line->command->api;
	char path[MR_API_PATH_BYTES];
	json_t *answer = NULL;

	if (!mr_api_fill(call->line, api->path, true, path, sizeof(path)))
		return mr_call_fail(call, -EINVAL, "the name is too long");
	json_t *body = mr_api_body(call->line);
	int r = mr_api_ask(call, api->method, path, body, &answer, NULL);

	json_decref(body);
	if (r < 0)
		return r;
	const bool passed = json_is_true(json_object_get(answer, "passed"));

	r = mr_answer_print(call, answer, api->shape);
	return r == 0 && !passed ? MR_EXIT_FAILED : r;
}
