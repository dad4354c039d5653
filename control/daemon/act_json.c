#include "act_json.h"

#include <inttypes.h>
#include <stdio.h>

#include "answer.h"
#include "clock.h"

void mr_scope_text(const struct mr_scope *scope, char ret_text[MR_SCOPE_TEXT_BYTES])
{
	snprintf(ret_text, MR_SCOPE_TEXT_BYTES, "%s %" PRIu64, mr_scope_kind_name(scope->kind),
		scope->id);
}

static json_t *time_left(int64_t expires_at_ns)
{
	if (expires_at_ns == 0)
		return json_null();
	const int64_t left_ns = expires_at_ns - mr_now_wall_ns();

	return mr_json_seconds(left_ns > 0 ? (uint64_t)left_ns : 0);
}

json_t *mr_json_ban(const struct mr_ban *ban)
{
	const struct mr_ban_rule *rule = &ban->rule;

	return json_pack("{s:o, s:s, s:o, s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:b}", "id",
		mr_json_id(ban->id), "kind", mr_scope_kind_name(rule->scope.kind), "scope",
		mr_json_id(rule->scope.id), "mode", mr_ban_mode_name(rule->mode), "rate",
		rule->mode == MR_BAN_THROTTLE ? json_integer(rule->rate) : json_null(),
		"with_descendants", (rule->flags & MR_BAN_DESCENDANTS) != 0, "reason",
		mr_json_text(ban->reason, sizeof(ban->reason)), "author",
		mr_json_text(ban->author, sizeof(ban->author)), "created_at",
		mr_json_time(ban->created_at_ns), "expires_at", mr_json_time(ban->expires_at_ns),
		"expires_in_s", time_left(ban->expires_at_ns), "direct",
		(rule->flags & MR_BAN_BY_DIRECT) != 0);
}

json_t *mr_json_paused(const struct mr_paused *paused)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "what", mr_pause_name(paused->what),
		"since", mr_json_time(paused->since_ns), "expires_at",
		mr_json_time(paused->expires_at_ns), "expires_in_s",
		time_left(paused->expires_at_ns), "author",
		mr_json_text(paused->author, sizeof(paused->author)), "reason",
		mr_json_text(paused->reason, sizeof(paused->reason)));
}

json_t *mr_json_effect(const struct mr_control_effect *effect)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:b}", "queued_events",
		(json_int_t)effect->queued_events, "pending_deliveries",
		(json_int_t)effect->pending_deliveries, "recent_events",
		(json_int_t)effect->recent_events, "webhooks", (json_int_t)effect->webhooks,
		"replaced", effect->replaced != 0);
}
