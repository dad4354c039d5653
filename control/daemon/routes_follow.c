// /v1/explain and /v1/tail: what would happen to an event, and what happens to an object.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "act_json.h"
#include "answer.h"
#include "daemon.h"
#include "direct_acts.h"
#include "event_codec.h"
#include "event_json.h"
#include "line.h"
#include "routes.h"
#include "snapshot.h"
#include "tail_log.h"

enum { TAIL_TTL_S_MAX = 3600, TAIL_STEPS_MAX = 1000 };

// -- Explain

static const char *why_name(uint8_t why)
{
	static const char *const names[] = {
		"unknown", "wanted", "filtered", "cut: named before", "cut: a cycle"};

	return names[why < sizeof(names) / sizeof(names[0]) ? why : 0];
}

static json_t *webhooks_of(const struct mr_control_explained *explained)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < explained->webhooks_count && i < MR_EXPLAIN_WEBHOOKS_MAX; i++) {
		const struct mr_explain_webhook *row = &explained->webhooks[i];

		json_array_append_new(list,
			json_pack("{s:o, s:o, s:o, s:s}", "webhook", mr_json_id(row->webhook),
				"resource", mr_json_id(row->resource), "ancestor",
				row->ancestor == MR_VIA_OBJECT ? json_null()
							       : json_integer(row->ancestor),
				"why", why_name(row->why)));
	}
	return list;
}

static json_t *json_of(const struct mr_control_explained *explained)
{
	const bool is_refused = explained->reason != MR_REASON_OK;
	char scope[MR_SCOPE_TEXT_BYTES];

	mr_scope_text(&explained->scope, scope);
	return json_pack("{s:s, s:o, s:o, s:o, s:i, s:i, s:i, s:{s:i, s:b, s:b}, s:i, s:o, s:i}",
		"admission", is_refused ? "refused" : "accepted", "reason",
		is_refused ? json_string(mr_reason_info(explained->reason)->label) : json_null(),
		"scope", explained->scope.kind != MR_SCOPE_NONE ? json_string(scope) : json_null(),
		"ban", explained->ban ? mr_json_id(explained->ban) : json_null(), "slot",
		(int)explained->slot, "flow", (int)explained->flow, "shard", (int)explained->shard,
		"queue", "events", (int)explained->object_events, "penalised",
		explained->object_penalised != 0, "held", explained->object_held != 0, "hops",
		(int)explained->hops, "webhooks", webhooks_of(explained), "more",
		(int)explained->more);
}

static void ask_explain(struct mr_request *request, const struct mr_control_explain *question)
{
	struct mr_control_explained *explained = calloc(1, sizeof(*explained));
	char why[MR_DIRECT_WHY_BYTES] = "no memory";
	int r = -ENOMEM;

	if (explained) {
		do {
			r = mr_line_open(request->line, why);
			if (r == 0)
				r = mr_direct_ask(&request->line->direct, MR_CONTROL_EXPLAIN,
					question, sizeof(*question), explained, sizeof(*explained),
					why);
		} while (mr_line_again(request->line, r));
	}
	if (r == 0 && explained->result < 0) {
		r = explained->result;
		explained->message[sizeof(explained->message) - 1] = 0;
		memcpy(why, explained->message, sizeof(explained->message));
	}
	if (r < 0)
		mr_problem_plane(request, r, why);
	else
		mr_answer_json(request, 200, json_of(explained));
	free(explained);
}

static void post_explain(struct mr_request *request)
{
	struct mr_event event;
	struct mr_control_explain question = {0};

	mr_event_json_read(request, &event);
	mr_body_id(request, "app", true, &question.app);
	if (!mr_body_done(request))
		return;
	const ssize_t length = mr_event_encode(&event, question.event, sizeof(question.event));

	if (length < 0) {
		mr_problem(request, 422,
			"no producer could send this event: field and value go with change_action and action changed, parent with added or removed, types with their gid");
		return;
	}
	question.event_bytes = (uint32_t)length;
	ask_explain(request, &question);
}

// -- Tail

static void post_tail(struct mr_request *request)
{
	struct mr_control_tap tap = {0};
	struct mr_control_effect effect;
	char why[MR_DIRECT_WHY_BYTES];
	double ttl_s = 0;

	mr_body_only(request, "object ttl_s");
	mr_body_id(request, "object", true, &tap.object);
	if (!mr_body_number(request, "ttl_s", 0, TAIL_TTL_S_MAX, &ttl_s))
		ttl_s = 60;
	if (!mr_body_done(request))
		return;
	tap.ttl_ns = (uint64_t)(ttl_s * 1e9);
	const int r = mr_line_act(request->line, MR_CONTROL_TAP, &tap, sizeof(tap), &effect, why);

	if (r < 0)
		mr_problem_plane(request, r, why);
	else
		mr_answer_json(request, 200,
			json_pack("{s:o, s:f, s:I}", "object", mr_json_id(tap.object), "ttl_s",
				ttl_s, "after",
				(json_int_t)mr_tail_log_last(request->daemon->tail)));
}

static const char *step_name(uint8_t step)
{
	static const char *const names[] = {"unknown", "accepted", "refused", "held", "distributed",
		"matched", "attempted", "delivered", "failed", "dropped"};

	return names[step < sizeof(names) / sizeof(names[0]) ? step : 0];
}

// What `detail` says of a step; NULL: nothing.
static const char *detail_name(uint8_t step)
{
	switch (step) {
	case MR_TAP_DISTRIBUTED:
		return "hops";
	case MR_TAP_ATTEMPTED:
		return "batch";
	case MR_TAP_DELIVERED:
	case MR_TAP_FAILED:
		return "status";
	default:
		return NULL;
	}
}

static json_t *step_json(const struct mr_tail_row *row)
{
	const struct mr_tap_seen *step = &row->step;
	const char *detail = detail_name(step->step);
	json_t *json = json_pack("{s:I, s:o, s:s, s:o, s:o}", "number", (json_int_t)row->number,
		"at", mr_json_time((int64_t)step->at_ns), "step", step_name(step->step), "object",
		mr_json_id(step->object), "app", mr_json_id(step->app));

	if (step->webhook)
		json_object_set_new(json, "webhook", mr_json_id(step->webhook));
	if (step->sequence)
		json_object_set_new(json, "sequence", mr_json_id(step->sequence));
	if (step->reason != MR_REASON_OK)
		json_object_set_new(
			json, "reason", json_string(mr_reason_info(step->reason)->label));
	if (detail)
		json_object_set_new(json, detail, json_integer((json_int_t)step->detail));
	return json;
}

static void get_tail(struct mr_request *request)
{
	struct mr_tail_row row;
	uint64_t object;
	uint64_t after;
	json_t *data;

	if (!mr_param_id(request, "object", &object)
		|| !mr_query_u64(request, "after", 0, INT64_MAX, 0, &after))
		return;
	data = json_array();
	while (json_array_size(data) < TAIL_STEPS_MAX
		&& mr_tail_log_next(request->daemon->tail, object, after, &row)) {
		json_array_append_new(data, step_json(&row));
		after = row.number;
	}
	mr_answer_json(
		request, 200, json_pack("{s:o, s:I}", "data", data, "after", (json_int_t)after));
}

static const struct mr_route routes[] = {
	{"POST", "/v1/explain", "explain", NULL, post_explain, MR_ROLE_VIEW, MR_ROUTE_QUICK, 0},
	{"POST", "/v1/tail", "follow", NULL, post_tail, MR_ROLE_VIEW, MR_ROUTE_QUICK, 0},
	{"GET", "/v1/tail/{object}", "listSteps", "after", get_tail, MR_ROLE_VIEW, MR_ROUTE_HERE,
		0},
};
const struct mr_route_list mr_follow_routes = MR_ROUTE_LIST(routes);
