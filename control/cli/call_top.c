// millrace top: the screen, kept up to date, and its keys.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answer.h"
#include "api_client.h"
#include "direct_status.h"
#include "terminal.h"
#include "top.h"

enum { INTERVAL_MS = 2000, FIRST_MS = 300, ANSWER_MS = 3000, ROWS = 20 };

struct session {
	struct mr_call *call;
	struct mr_direct_sample sample;
	struct mr_top_screen top;
	struct mr_screen screen;
	uint64_t interval_ns;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

// A router that was started anew has another socket behind the same name.
static int reopen(struct mr_call *call)
{
	mr_direct_close(&call->direct);
	return mr_direct_open(&call->direct, call->socket, call->why);
}

static int fetch_direct(struct session *session, json_t **ret_status, json_t **ret_hot)
{
	struct mr_call *call = session->call;
	int r = call->direct.fd < 0 ? reopen(call) : 0;

	if (r == 0)
		r = mr_direct_status_document(call, &session->sample, ret_status);
	if (r < 0) {
		mr_direct_close(&call->direct);
		return r;
	}
	return mr_hot_document(call, session->top.kind, session->top.by, ROWS, ret_hot);
}

static int fetch_http(struct session *session, json_t **ret_status, json_t **ret_hot)
{
	char path[128];
	int r = mr_api_ask(session->call, "GET", "/v1/status", NULL, ret_status, NULL);

	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/v1/hot?kind=%s&by=%s&limit=%d", session->top.kind,
		session->top.by, ROWS);
	return mr_api_ask(session->call, "GET", path, NULL, ret_hot, NULL);
}

// What is shown stays when there are no news.
static int fetch(struct session *session)
{
	struct mr_top_screen *top = &session->top;
	json_t *status = NULL, *hot = NULL;
	int r = mr_call_is_direct(session->call) ? fetch_direct(session, &status, &hot)
						 : fetch_http(session, &status, &hot);

	if (r < 0) {
		json_decref(status);
		json_decref(hot);
		snprintf(top->trouble, sizeof(top->trouble), "%.200s", session->call->why);
		return r;
	}
	json_decref(top->status);
	json_decref(top->hot);
	top->status = status;
	top->hot = hot;
	top->trouble[0] = 0;
	return 0;
}

static void draw(struct session *session)
{
	uint32_t width, height;

	mr_terminal_size(&width, &height);
	mr_screen_clear(&session->screen, width, height);
	mr_top_fill(&session->top, &session->screen);
	mr_screen_draw(&session->screen, session->call->doc.out, session->call->doc.colour);
}

// -- Keys
static const char *next_of(const char *const *words, const char *now)
{
	size_t i = 0;

	while (words[i] && strcmp(words[i], now) != 0)
		i++;
	return words[i] && words[i + 1] ? words[i + 1] : words[0];
}

static void next_kind(struct mr_top_screen *top)
{
	static const char *const kinds[] = {"object", "app", "workspace", "database", "user", NULL};

	top->kind = next_of(kinds, top->kind);
	if (strcmp(top->by, "queue") == 0)
		top->by = "rate"; // only objects have one
}

static void next_order(struct mr_top_screen *top)
{
	static const char *const orders[] = {"rate", "refused", "queue", NULL},
				 *const unqueued[] = {"rate", "refused", NULL};

	top->by = next_of(strcmp(top->kind, "object") == 0 ? orders : unqueued, top->by);
}

static void take_note(struct session *session, int r, const char *answer)
{
	json_t *json = r < 0 ? NULL : json_loads(answer ? answer : "", 0, NULL);
	const char *done = json_string_value(json_object_get(json, "done"));
	const char *undo = json_string_value(json_object_get(json, "undo"));
	const double took_ms = json_number_value(json_object_get(json, "took_ms"));

	if (r < 0)
		snprintf(session->top.note, sizeof(session->top.note), "not done: %.200s",
			session->call->why);
	else
		snprintf(session->top.note, sizeof(session->top.note),
			"%.80s, in force after %.1f ms%s%.80s", done ? done : "done", took_ms,
			undo ? "; undo: " : "", undo ? undo : "");
	json_decref(json);
}

// A command as if it had been typed; what it answers becomes the note.
static void run(struct session *session, char **words, int count)
{
	struct mr_call *call = session->call;
	const struct mr_line *before = call->line;
	const struct mr_render *render = call->render;
	struct mr_line line;
	char why[MR_LINE_WHY_BYTES], *answer = NULL;
	FILE *out = call->doc.out;
	size_t length;

	if (mr_line_parse(count, words, &line, why) < 0) {
		snprintf(session->top.note, sizeof(session->top.note), "not done: %.200s", why);
		return;
	}
	line.values[MR_OPTION_DIRECT] = before->values[MR_OPTION_DIRECT];
	call->doc.out = open_memstream(&answer, &length);
	if (call->doc.out == NULL) {
		call->doc.out = out;
		return;
	}
	call->line = &line;
	call->render = &mr_render_json;
	int r = mr_call_is_direct(call) ? line.command->direct(call) : mr_call_request(call);

	fclose(call->doc.out);
	call->doc.out = out;
	call->render = render;
	call->line = before;
	take_note(session, r, answer);
	free(answer);
}

#define WORD(text) ((char[]){text})

static void ban(struct session *session, int key)
{
	const char *id = mr_top_chosen_id(&session->top);
	char kind[16], text[32], mode[8];
	char *words[] = {WORD("millrace"), WORD("ban"), kind, text, WORD("--mode"), mode,
		WORD("--ttl"), WORD("15m"), WORD("--reason"), WORD("millrace top"), NULL};

	session->top.mode = MR_TOP_LOOKING;
	if (id == NULL || (key != 'd' && key != 'h')) {
		snprintf(session->top.note, sizeof(session->top.note), "nothing was banned");
		return;
	}
	snprintf(kind, sizeof(kind), "%s", session->top.kind);
	snprintf(text, sizeof(text), "%s", id);
	snprintf(mode, sizeof(mode), "%s", key == 'd' ? "drop" : "hold");
	run(session, words, 10);
}

static void unban(struct session *session)
{
	const char *id = mr_top_chosen_id(&session->top);
	char kind[16], text[32];
	char *words[] = {WORD("millrace"), WORD("unban"), kind, text, NULL};

	if (id == NULL)
		return;
	snprintf(kind, sizeof(kind), "%s", session->top.kind);
	snprintf(text, sizeof(text), "%s", id);
	run(session, words, 4);
}

// True: what is shown has to be asked for anew.
static bool take_key(struct session *session, int key)
{
	struct mr_top_screen *top = &session->top;
	const size_t rows = json_array_size(mr_answer_get(top->hot, "data"));

	if (top->mode == MR_TOP_ASKING) {
		ban(session, key);
		return true;
	}
	top->note[0] = 0;
	if (key == 'p')
		top->paused = !top->paused;
	else if (key == 's')
		next_order(top);
	else if (key == 'k')
		next_kind(top);
	else if (key == 'b' && mr_top_chosen_id(top))
		top->mode = MR_TOP_ASKING;
	else if (key == 'u')
		unban(session);
	else if (key == '?')
		top->mode = top->mode == MR_TOP_HELP ? MR_TOP_LOOKING : MR_TOP_HELP;
	else if (key == MR_KEY_UP && top->chosen > 0)
		top->chosen--;
	else if (key == MR_KEY_DOWN && top->chosen + 1 < rows)
		top->chosen++;
	if (key == 's' || key == 'k')
		top->chosen = 0;
	return strchr("sku", key) != NULL;
}

static int watch(struct session *session)
{
	uint64_t next_ns = now_ns() + FIRST_MS * UINT64_C(1000000); // the first rates
	int r = mr_terminal_open();

	if (r < 0)
		return mr_call_fail(session->call, r, "the terminal cannot be used: --once");
	for (;;) {
		draw(session);
		const uint64_t at_ns = now_ns();
		const int key = mr_terminal_key(
			next_ns > at_ns ? (int)((next_ns - at_ns) / 1000000 + 1) : 0);

		if (key == 'q' || key == MR_KEY_END)
			break;
		const bool is_news = key != MR_KEY_NONE && take_key(session, key);
		const bool is_due = now_ns() >= next_ns && !session->top.paused
			&& session->top.mode != MR_TOP_ASKING;

		if (is_news || is_due)
			fetch(session);
		if (now_ns() >= next_ns)
			next_ns = now_ns() + session->interval_ns;
	}
	mr_terminal_close();
	return 0;
}

// Two looks, for the rates past the daemon need them.
static int show_once(struct session *session)
{
	const struct timespec nap = {.tv_nsec = FIRST_MS * 1000000L};
	struct mr_call *call = session->call;
	struct mr_top_screen *top = &session->top;

	if (mr_call_is_direct(call)) {
		nanosleep(&nap, NULL);
		int r = fetch(session);
		if (r < 0)
			return r;
	}
	if (call->render == &mr_render_json) {
		json_t *both = json_pack("{s:O,s:O}", "status", top->status, "hot", top->hot);

		json_dumpf(both, call->doc.out, MR_ANSWER_FORM);
		fputc('\n', call->doc.out);
		json_decref(both);
		return 0;
	}
	mr_screen_clear(&session->screen, 80, 24);
	mr_top_fill(top, &session->screen);
	session->screen.lines--; // without the keys
	mr_screen_print(&session->screen, call->doc.out);
	return 0;
}

int mr_call_top(struct mr_call *call)
{
	static struct session session;
	const char *kind = call->line->arguments[0], *by = call->line->values[MR_OPTION_BY];
	const uint64_t interval_ns = call->line->numbers[MR_OPTION_INTERVAL];

	session = (struct session){.call = call,
		.interval_ns = interval_ns ? interval_ns : INTERVAL_MS * UINT64_C(1000000),
		.top = {.kind = kind ? kind : "object", .by = by ? by : "rate"}};
	call->answer_ms = ANSWER_MS;
	int r = fetch(&session);

	if (r == 0
		&& (call->doc.width == 0 || call->render == &mr_render_json
			|| mr_line_has(call->line, MR_OPTION_ONCE)))
		r = show_once(&session);
	else if (r == 0)
		r = watch(&session);
	json_decref(session.top.status);
	json_decref(session.top.hot);
	return r;
}
