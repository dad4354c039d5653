// /v1/drills: what each injects, and the act of it.
#include <errno.h>

#include "answer.h"
#include "audit.h"
#include "daemon.h"
#include "drill.h"
#include "routes.h"

static json_t *drill_json(const struct mr_drill *drill)
{
	const char *name = mr_alert_info(drill->alarm)->name;

	return json_pack("{s:s, s:s, s:s, s:s, s:b}", "name", name, "safety",
		drill->safe ? "safe" : "lab", "alarm", name, "fault", drill->fault, "by_hand",
		drill->begin == NULL);
}

static void get_drills(struct mr_request *request)
{
	json_t *data = json_array();

	for (int i = 0; i < MR_ALERT_ID_COUNT; i++)
		json_array_append_new(data, drill_json(mr_drill_of((enum mr_alert_id)i)));
	mr_answer_list(request, data, NULL);
}

static void post_drill(struct mr_request *request)
{
	char name[MR_PATH_PARAMETER_BYTES_MAX], why[MR_DRILL_WHY_BYTES] = "";
	struct mr_drill_result result;

	mr_param_text(request, "name", name);
	mr_body_only(request, "lab");
	const bool in_lab = mr_body_bool(request, "lab");
	const int alarm = mr_alert_find(name);

	if (!mr_body_done(request))
		return;
	if (alarm < 0) {
		mr_problem(
			request, 404, "there is no drill \"%s\": GET /v1/drills lists them", name);
		return;
	}
	const struct mr_drill *drill = mr_drill_of((enum mr_alert_id)alarm);
	const int r = mr_drill_run(request->daemon, request->line, drill, in_lab, &result, why);

	mr_audit_request(request, "drill", name, NULL, NULL,
		r < 0                   ? why
			: result.passed ? "passed"
					: "failed");
	if (r == -EBUSY || r == -EALREADY || r == -EPERM) {
		mr_problem(request, 409, "%s", why);
		return;
	}
	if (r < 0) {
		mr_problem_plane(request, r, why);
		return;
	}
	json_t *answer = drill_json(drill);

	json_object_set_new(answer, "passed", json_boolean(result.passed));
	json_object_set_new(answer, "took_s", json_real(result.took_s));
	json_object_set_new(answer, "steps", result.steps);
	mr_answer_json(request, 200, answer);
}

static const struct mr_route routes[] = {
	{"GET", "/v1/drills", "listDrills", NULL, get_drills, MR_ROLE_VIEW, MR_ROUTE_HERE, 0},
	{"POST", "/v1/drills/{name}", "runDrill", NULL, post_drill, MR_ROLE_OPERATE, MR_ROUTE_SLOW,
		0},
};
const struct mr_route_list mr_drill_routes = MR_ROUTE_LIST(routes);
