// /v1/bans and /v1/purges: what operators stop, by scope.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "act_json.h"
#include "answer.h"
#include "audit.h"
#include "ban_list.h"
#include "daemon.h"
#include "direct_acts.h"
#include "etag.h"
#include "line.h"
#include "routes.h"
#include "snapshot.h"

enum { TTL_S_MAX = 366 * 86400, RATE_MAX = 100000000 };

// False after answering: nobody has told what is banned.
static bool check_known(struct mr_request *request)
{
	if (mr_ban_list_known(request->daemon->bans))
		return true;
	mr_problem(request, 503, "the bans are not known yet: %s",
		request->snapshot->connected ? "millraced has not listed them"
					     : request->snapshot->why);
	return false;
}

// What the act answered, and how it stands now.
static void read_list(struct mr_request *request)
{
	char why[MR_DIRECT_WHY_BYTES];

	if (mr_line_open(request->line, why) == 0)
		(void)mr_line_again(request->line,
			mr_ban_list_read(request->daemon->bans, &request->line->direct, why));
}

static json_t *find_json(struct mr_request *request, const struct mr_scope *scope)
{
	struct mr_ban ban;

	return mr_ban_list_find(request->daemon->bans, scope, &ban) ? mr_json_ban(&ban) : NULL;
}

static void get_bans(struct mr_request *request)
{
	uint64_t limit;
	uint64_t after;
	struct mr_ban ban;
	char next[24];
	json_t *data;

	if (!check_known(request) || !mr_query_u64(request, "limit", 1, 1000, 100, &limit)
		|| !mr_query_u64(request, "iterator", 0, UINT64_MAX, 0, &after))
		return;
	data = json_array();
	while (json_array_size(data) < limit
		&& mr_ban_list_next(request->daemon->bans, after, &ban)) {
		json_array_append_new(data, mr_json_ban(&ban));
		after = ban.id;
	}
	snprintf(next, sizeof(next), "%" PRIu64, after);
	mr_answer_list(
		request, data, mr_ban_list_next(request->daemon->bans, after, &ban) ? next : NULL);
}

// The ban that the path names; false after answering.
static bool find_ban(struct mr_request *request, struct mr_ban *ret_ban)
{
	struct mr_scope scope;

	if (!mr_param_scope(request, &scope) || !check_known(request))
		return false;
	if (mr_ban_list_find(request->daemon->bans, &scope, ret_ban))
		return true;
	mr_problem(request, 404, "%s %" PRIu64 " is not banned", mr_scope_kind_name(scope.kind),
		scope.id);
	return false;
}

static void get_ban(struct mr_request *request)
{
	struct mr_ban ban;
	char etag[MR_ETAG_BYTES];

	if (!find_ban(request, &ban))
		return;
	mr_etag_of(ban.id, (uint64_t)ban.created_at_ns, etag);
	mr_answer_header(request, "ETag", etag);
	mr_answer_json(request, 200, mr_json_ban(&ban));
}

static void read_scope(struct mr_request *request, struct mr_scope *ret_scope)
{
	uint32_t kind = 0;

	mr_body_choice(request, "kind", true, "app object workspace database user", &kind);
	mr_body_id(request, "id", true, &ret_scope->id);
	ret_scope->kind = kind + MR_SCOPE_APP;
}

static void read_flags(struct mr_request *request, uint32_t *ret_flags)
{
	bool dry_run = false;

	*ret_flags = 0;
	if (!mr_query_bool(request, "dry_run", &dry_run))
		return;
	*ret_flags |= dry_run ? MR_ACT_DRY_RUN : 0;
	*ret_flags |= mr_body_bool(request, "confirm_all") ? MR_ACT_CONFIRM_ALL : 0;
}

// False after answering what is wrong with the body.
static bool read_ban(struct mr_request *request, struct mr_control_ban *ret_ban)
{
	uint32_t mode = 0;
	double rate = 0;
	double ttl_s = 0;
	struct mr_control_ban *ban = ret_ban;

	*ban = (struct mr_control_ban){0};
	mr_body_only(request, "kind id mode rate with_descendants ttl_s reason purge confirm_all");
	read_scope(request, &ban->rule.scope);
	mr_body_choice(request, "mode", true, "drop hold throttle", &mode);
	ban->rule.mode = (uint8_t)(mode + MR_BAN_DROP);
	const bool has_rate = mr_body_number(request, "rate", 1, RATE_MAX, &rate);

	if (ban->rule.mode == MR_BAN_THROTTLE && !has_rate)
		mr_body_mistake(request, "rate", "a throttle needs events per second");
	if (ban->rule.mode != MR_BAN_THROTTLE && has_rate)
		mr_body_mistake(request, "rate", "only a throttle has a rate");
	ban->rule.rate = (uint32_t)rate;
	ban->rule.flags = mr_body_bool(request, "with_descendants") ? MR_BAN_DESCENDANTS : 0;
	if (ban->rule.flags && ban->rule.scope.kind != MR_SCOPE_OBJECT)
		mr_body_mistake(request, "with_descendants", "only objects have descendants");
	mr_body_number(request, "ttl_s", 1, TTL_S_MAX, &ttl_s);
	ban->ttl_ns = (uint64_t)(ttl_s * 1e9);
	mr_body_text(request, "reason", true, ban->reason, sizeof(ban->reason));
	read_flags(request, &ban->flags);
	ban->flags |= mr_body_bool(request, "purge") ? MR_ACT_PURGE : 0;
	memcpy(ban->author.name, request->caller.name, sizeof(ban->author.name));
	return request->answer.status == 0 && mr_body_done(request);
}

static void answer_effect(struct mr_request *request, unsigned status, json_t *ban,
	const struct mr_control_effect *effect)
{
	mr_answer_json(request, status,
		json_pack("{s:o?, s:o, s:o, s:f}", "ban", ban, "effect", mr_json_effect(effect),
			"generation", mr_json_id(effect->generation), "took_ms",
			(double)(effect->took_ns / 1000) / 1000));
}

static void post_ban(struct mr_request *request)
{
	struct mr_control_ban ban;
	struct mr_control_effect effect;
	char why[MR_DIRECT_WHY_BYTES];
	char scope[MR_SCOPE_TEXT_BYTES];

	if (!read_ban(request, &ban))
		return;
	const bool is_dry = (ban.flags & MR_ACT_DRY_RUN) != 0;
	json_t *before = is_dry ? NULL : find_json(request, &ban.rule.scope);
	const int r = mr_line_act(request->line, MR_CONTROL_BAN, &ban, sizeof(ban), &effect, why);

	mr_scope_text(&ban.rule.scope, scope);
	if (r < 0) {
		mr_problem_plane(request, r, why);
		if (!is_dry)
			mr_audit_request(request, "ban", scope, before, NULL, why);
		return;
	}
	if (is_dry) {
		answer_effect(request, 200, NULL, &effect);
		return;
	}
	read_list(request);
	json_t *after = find_json(request, &ban.rule.scope);

	answer_effect(request, effect.replaced ? 200 : 201, json_incref(after), &effect);
	mr_audit_request(request, ban.flags & MR_ACT_PURGE ? "ban and purge" : "ban", scope, before,
		after, "ok");
}

static void delete_ban(struct mr_request *request)
{
	struct mr_ban ban;
	struct mr_control_unban unban = {0};
	struct mr_control_effect effect;
	char why[MR_DIRECT_WHY_BYTES];
	char scope[MR_SCOPE_TEXT_BYTES];

	if (!find_ban(request, &ban) || !mr_etag_fits(request, ban.id, (uint64_t)ban.created_at_ns))
		return;
	unban.scope = ban.rule.scope;
	memcpy(unban.author.name, request->caller.name, sizeof(unban.author.name));
	const int r =
		mr_line_act(request->line, MR_CONTROL_UNBAN, &unban, sizeof(unban), &effect, why);

	if (r < 0) {
		mr_problem_plane(request, r, why);
	} else {
		read_list(request);
		answer_effect(request, 200, NULL, &effect);
	}
	mr_scope_text(&unban.scope, scope);
	mr_audit_request(request, "unban", scope, mr_json_ban(&ban), NULL, r < 0 ? why : "ok");
}

static void post_purge(struct mr_request *request)
{
	struct mr_control_purge purge = {0};
	struct mr_control_effect effect;
	char why[MR_DIRECT_WHY_BYTES];
	char scope[MR_SCOPE_TEXT_BYTES];
	char reason[MR_BAN_REASON_BYTES_MAX];

	mr_body_only(request, "kind id with_descendants reason confirm_all");
	read_scope(request, &purge.scope);
	purge.with_descendants = mr_body_bool(request, "with_descendants");
	if (purge.with_descendants && purge.scope.kind != MR_SCOPE_OBJECT)
		mr_body_mistake(request, "with_descendants", "only objects have descendants");
	mr_body_text(request, "reason", true, reason, sizeof(reason));
	read_flags(request, &purge.flags);
	if (request->answer.status != 0 || !mr_body_done(request))
		return;
	memcpy(purge.author.name, request->caller.name, sizeof(purge.author.name));
	const int r =
		mr_line_act(request->line, MR_CONTROL_PURGE, &purge, sizeof(purge), &effect, why);

	if (r < 0)
		mr_problem_plane(request, r, why);
	else
		answer_effect(request, 200, NULL, &effect);
	if (purge.flags & MR_ACT_DRY_RUN)
		return;
	json_t *after = r < 0 ? NULL : mr_json_effect(&effect);

	if (after)
		json_object_set_new(after, "reason", json_string(reason));
	mr_scope_text(&purge.scope, scope);
	mr_audit_request(request, "purge", scope, NULL, after, r < 0 ? why : "ok");
}

static const struct mr_route routes[] = {
	{"GET", "/v1/bans", "listBans", "limit iterator", get_bans, MR_ROLE_VIEW, MR_ROUTE_HERE, 0},
	{"POST", "/v1/bans", "setBan", "dry_run", post_ban, MR_ROLE_OPERATE, MR_ROUTE_QUICK, 0},
	{"GET", "/v1/bans/{kind}/{id}", "getBan", NULL, get_ban, MR_ROLE_VIEW, MR_ROUTE_HERE, 0},
	{"DELETE", "/v1/bans/{kind}/{id}", "liftBan", NULL, delete_ban, MR_ROLE_OPERATE,
		MR_ROUTE_QUICK, 0},
	{"POST", "/v1/purges", "purge", "dry_run", post_purge, MR_ROLE_OPERATE, MR_ROUTE_SLOW, 0},
};
const struct mr_route_list mr_ban_routes = MR_ROUTE_LIST(routes);
