// /v1/pauses: ingest, distribution or delivery stopped as a whole.
#include <string.h>

#include "act_json.h"
#include "answer.h"
#include "audit.h"
#include "ban_list.h"
#include "daemon.h"
#include "etag.h"
#include "line.h"
#include "routes.h"
#include "snapshot.h"

enum { TTL_S_MAX = 366 * 86400 };

static void get_pauses(struct mr_request *request)
{
	struct mr_paused paused;
	json_t *data = json_array();

	for (uint32_t what = MR_PAUSE_INGEST; what <= MR_PAUSE_DELIVERY; what <<= 1)
		if (mr_ban_list_paused(request->daemon->bans, what, &paused))
			json_array_append_new(data, mr_json_paused(&paused));
	mr_answer_list(request, data, NULL);
}

// The bit that the path names; 0 after answering 404.
static enum mr_pause what_of(struct mr_request *request)
{
	char name[MR_PATH_PARAMETER_BYTES_MAX];

	mr_param_text(request, "what", name);
	for (uint32_t what = MR_PAUSE_INGEST; what <= MR_PAUSE_DELIVERY; what <<= 1)
		if (strcmp(name, mr_pause_name(what)) == 0)
			return what;
	mr_problem(request, 404, "\"%s\" cannot be paused: ingest, distribution or delivery can",
		name);
	return 0;
}

static void change(struct mr_request *request, struct mr_control_pause *pause)
{
	struct mr_paused paused;
	struct mr_control_effect effect;
	char why[MR_DIRECT_WHY_BYTES];
	struct mr_ban_list *list = request->daemon->bans;
	const bool was_on = mr_ban_list_paused(list, pause->what, &paused);

	if (!mr_etag_fits(request, pause->what, was_on ? (uint64_t)paused.since_ns : 0))
		return;
	json_t *before = was_on ? mr_json_paused(&paused) : NULL;
	json_t *after = NULL;

	memcpy(pause->author.name, request->caller.name, sizeof(pause->author.name));
	const int r =
		mr_line_act(request->line, MR_CONTROL_PAUSE, pause, sizeof(*pause), &effect, why);

	if (r < 0) {
		mr_problem_plane(request, r, why);
	} else {
		char ignored[MR_DIRECT_WHY_BYTES];

		if (mr_line_open(request->line, ignored) == 0)
			(void)mr_line_again(request->line,
				mr_ban_list_read(list, &request->line->direct, ignored));
		if (mr_ban_list_paused(list, pause->what, &paused))
			after = mr_json_paused(&paused);
		mr_answer_json(request, 200,
			json_pack("{s:O?, s:o, s:f}", "pause", after, "generation",
				mr_json_id(effect.generation), "took_ms",
				(double)(effect.took_ns / 1000) / 1000));
	}
	mr_audit_request(request, pause->on ? "pause" : "resume", mr_pause_name(pause->what),
		before, after, r < 0 ? why : "ok");
}

static void put_pause(struct mr_request *request)
{
	struct mr_control_pause pause = {.on = 1, .what = what_of(request)};
	double ttl_s = 0;

	if (pause.what == 0)
		return;
	mr_body_only(request, "ttl_s reason");
	mr_body_number(request, "ttl_s", 1, TTL_S_MAX, &ttl_s);
	mr_body_text(request, "reason", true, pause.reason, sizeof(pause.reason));
	pause.ttl_ns = (uint64_t)(ttl_s * 1e9);
	if (mr_body_done(request))
		change(request, &pause);
}

static void delete_pause(struct mr_request *request)
{
	struct mr_paused paused;
	struct mr_control_pause pause = {.on = 0, .what = what_of(request)};

	if (pause.what == 0)
		return;
	if (mr_ban_list_paused(request->daemon->bans, pause.what, &paused))
		change(request, &pause);
	else
		mr_problem(request, 404, "%s is not paused", mr_pause_name(pause.what));
}

static const struct mr_route routes[] = {
	{"GET", "/v1/pauses", "listPauses", NULL, get_pauses, MR_ROLE_VIEW, MR_ROUTE_HERE, 0},
	{"PUT", "/v1/pauses/{what}", "pause", NULL, put_pause, MR_ROLE_OPERATE, MR_ROUTE_QUICK, 0},
	{"DELETE", "/v1/pauses/{what}", "resume", NULL, delete_pause, MR_ROLE_OPERATE,
		MR_ROUTE_QUICK, 0},
};
const struct mr_route_list mr_pause_routes = MR_ROUTE_LIST(routes);
