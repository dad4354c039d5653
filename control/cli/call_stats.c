// Statistics, both ways, and whether the router works.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <millrace/exit_code.h>

#include "answer.h"
#include "api_client.h"
#include "cli_commands.h"
#include "ledgers.h"
#include "metrics.h"

static int print_text(struct mr_call *call, const char *text)
{
	fputs(text, call->doc.out);
	fflush(call->doc.out);
	return ferror(call->doc.out) ? mr_call_fail(call, -EIO, "the output cannot be written") : 0;
}

// -- Over HTTP
static const struct mr_shape counters_shape = {{
	{"counters", "data",
		{{"metric", "counter", MR_COLUMN_TEXT, 42}, {"value", "value", MR_COLUMN_TEXT, 16},
			{"labels", "of", MR_COLUMN_TEXT, 0}}},
}};

// A sample of the exposition: name{labels} value. Buckets are for programs.
static json_t *sample_json(char *line)
{
	const size_t name = strcspn(line, "{ ");
	char *value = strrchr(line, ' ');
	char *labels = line[name] == '{' ? line + name + 1 : NULL;
	char *close = labels ? strrchr(labels, '}') : NULL;

	if (line[0] == '#' || value == NULL || (labels && (close == NULL || close > value)))
		return NULL;
	if (close)
		*close = 0;
	line[name] = 0;
	if (name > 7 && strcmp(line + name - 7, "_bucket") == 0)
		return NULL;
	return json_pack("{s:s,s:s,s:s}", "metric", line, "labels", labels ? labels : "", "value",
		value + 1);
}

static int show_exposition(struct mr_call *call)
{
	json_t *answer = NULL, *rows;
	char *text = NULL, *place = NULL;
	int r = mr_api_ask(call, "GET", "/metrics", NULL, &answer, &text);

	if (r < 0)
		return r;
	if (text == NULL) {
		json_decref(answer);
		return mr_call_fail(call, -EPROTO, "/metrics of the daemon holds no metrics");
	}
	if (call->render == NULL) {
		r = print_text(call, text);
		free(text);
		return r;
	}
	rows = json_array();
	for (char *line = strtok_r(text, "\n", &place); line; line = strtok_r(NULL, "\n", &place)) {
		json_t *row = sample_json(line);

		if (row)
			json_array_append_new(rows, row);
	}
	free(text);
	return mr_answer_print(call, json_pack("{s:o}", "data", rows), &counters_shape);
}

int mr_call_stats(struct mr_call *call)
{
	static const struct {
		const char *topic, *path;
		const struct mr_shape *shape;
	} topics[] = {
		{"latencies", "/v1/latencies", &mr_shape_latencies},
		{"webhooks", "/v1/webhooks", &mr_shape_webhooks},
		{"scopes", "/v1/ledgers", &mr_shape_ledgers},
	};
	const char *topic = call->line->arguments[0];
	json_t *answer = NULL;

	for (size_t i = 0; topic && call->render && i < sizeof(topics) / sizeof(topics[0]); i++) {
		if (strcmp(topics[i].topic, topic) != 0)
			continue;
		int r = mr_api_list(call, topics[i].path, 0, &answer);
		return r < 0 ? r : mr_answer_print(call, answer, topics[i].shape);
	}
	return show_exposition(call);
}

int mr_call_health(struct mr_call *call)
{
	json_t *answer = NULL;
	int r = mr_api_ask(call, "GET", "/readyz", NULL, &answer, NULL);

	return r < 0 ? r : mr_answer_print(call, answer, &mr_shape_health);
}

// -- Past millrace-controld
static struct mr_view view_of(struct mr_call *call)
{
	return (struct mr_view){.direct = &call->direct,
		.render = call->render,
		.doc = &call->doc,
		.topic = call->line->arguments[0]};
}

int mr_call_status_direct(struct mr_call *call)
{
	const struct mr_view view = view_of(call);

	return mr_command_status(&view, call->why);
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int mr_call_stats_direct(struct mr_call *call)
{
	const struct mr_view view = view_of(call);
	struct mr_ledgers ledgers;

	if (call->render)
		return mr_command_stats(&view, call->why);
	mr_ledgers_read(call->direct.stats, &ledgers);
	mr_metrics_releases(call->doc.out, call->direct.welcome.release);
	mr_metrics_stats(call->doc.out, call->direct.stats, &ledgers, now_ns(CLOCK_MONOTONIC),
		now_ns(CLOCK_REALTIME));
	return print_text(call, "");
}

int mr_call_health_direct(struct mr_call *call)
{
	struct mr_control_status status;
	int r = mr_direct_status(&call->direct, &status, call->why);

	if (r < 0)
		return r;
	const char *state = mr_router_state_name(status.state);

	r = mr_answer_print(call,
		json_pack("{s:s,s:b}", "status", state, "ready", status.state == MR_ROUTER_RUNNING),
		&mr_shape_health);
	return r == 0 && status.state != MR_ROUTER_RUNNING ? MR_EXIT_FAILED : r;
}
