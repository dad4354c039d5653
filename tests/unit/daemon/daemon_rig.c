#include "daemon_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "ban_list.h"
#include "dispatch.h"
#include "history.h"
#include "line.h"
#include "settings.h"
#include "snapshot.h"
#include "store.h"
#include "tail_log.h"
#include "tokens.h"

static struct mr_settings settings;

static void check(bool good)
{
	if (!good) {
		perror("daemon_rig");
		abort();
	}
}

void rig_open(struct rig *rig)
{
	char why[MR_STORE_WHY_BYTES];
	struct mr_config_report report = {0};

	*rig = (struct rig){.daemon = {.settings = &settings}};
	check(mr_settings_load(&settings, &(struct mr_config_sources){0}, &report) == 0);
	check(mr_store_open(&rig->daemon.store, NULL, why) == 0);
	check(mr_tokens_new(&rig->daemon.tokens, rig->daemon.store) == 0);
	check(mr_ban_list_new(&rig->daemon.bans) == 0);
	check(mr_board_new(&rig->daemon.board) == 0);
	check(mr_history_new(&rig->daemon.history) == 0);
	check(mr_tail_log_new(&rig->daemon.tail) == 0);
}

void rig_close(struct rig *rig)
{
	mr_request_clear(&rig->request);
	mr_tail_log_free(rig->daemon.tail);
	mr_history_free(rig->daemon.history);
	mr_board_free(rig->daemon.board);
	mr_ban_list_free(rig->daemon.bans);
	mr_tokens_free(rig->daemon.tokens);
	mr_store_close(rig->daemon.store);
}

// Clears the request before, once its headers were not used up.
static struct mr_request *next(struct rig *rig)
{
	if (rig->request.answer.status != 0) {
		mr_request_clear(&rig->request);
		rig->request = (struct mr_request){0};
	}
	return &rig->request;
}

void rig_header(struct rig *rig, const char *name, const char *value)
{
	struct mr_request *request = next(rig);

	request->headers[request->headers_count++] = (struct mr_pair){name, value};
}

void rig_query(struct rig *rig, const char *name, const char *value)
{
	struct mr_request *request = next(rig);

	request->query[request->query_count++] = (struct mr_pair){name, value};
}

unsigned rig_ask_as(struct rig *rig, enum mr_role role, const char *method, const char *path,
	const void *body, size_t length)
{
	struct mr_request *request = next(rig);
	struct mr_line line;

	mr_line_init(&line, "/nonexistent/direct.sock", 100);
	request->daemon = &rig->daemon;
	request->line = &line;
	request->method = method;
	request->path = path;
	request->caller = (struct mr_caller){
		.role = role, .name = "tester", .via = "socket", .app = rig->app};
	if (!mr_request_header(request, "Host"))
		rig_header(rig, "Host", "localhost");
	if (body) {
		if (!mr_request_header(request, "Content-Type"))
			rig_header(rig, "Content-Type", "application/json");
		request->body = malloc(length + 1);
		check(request->body != NULL);
		memcpy(request->body, body, length);
		request->body[length] = 0;
		request->body_length = length;
	}
	if (mr_dispatch_check(request))
		mr_dispatch_run(request);
	mr_line_close(&line);
	return request->answer.status;
}

unsigned rig_ask(struct rig *rig, const char *method, const char *path, const char *body)
{
	return rig_ask_as(rig, MR_ROLE_ADMIN, method, path, body, body ? strlen(body) : 0);
}

json_t *rig_answer(const struct rig *rig)
{
	const struct mr_answer *answer = &rig->request.answer;

	return json_loadb(answer->body ? answer->body : answer->text, answer->length, 0, NULL);
}

char *rig_pointers(const struct rig *rig)
{
	char *text = calloc(1, 4096);
	json_t *answer = rig_answer(rig);
	const json_t *mistake;
	size_t i;

	check(text != NULL);
	json_array_foreach(json_object_get(answer, "errors"), i, mistake)
		snprintf(text + strlen(text), 4096 - strlen(text), "%s%s", i > 0 ? " " : "",
			json_string_value(json_object_get(mistake, "pointer")));
	json_decref(answer);
	return text;
}
