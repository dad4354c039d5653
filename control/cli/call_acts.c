// Acts past millrace-controld: the same answers, made out of the data plane's own.
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <millrace/exit_code.h>

#include "answer.h"
#include "bytes.h"
#include "direct_acts.h"
#include "journal_tool.h"

static json_t *id_json(uint64_t id)
{
	return json_sprintf("%llu", (unsigned long long)id);
}

static json_t *time_json(int64_t at_ns)
{
	char text[40];

	mr_time_text(at_ns, text, sizeof(text));
	return text[0] ? json_string(text) : json_null();
}

// Until a time of the wall clock; null: never.
static json_t *left_json(int64_t until_ns)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	const double left_s =
		(double)until_ns / 1e9 - (double)now.tv_sec - (double)now.tv_nsec / 1e9;

	return until_ns == 0 ? json_null() : json_real(left_s > 0 ? left_s : 0);
}

// Text of the data plane is what somebody typed: made valid UTF-8.
static json_t *text_json(const char *text)
{
	json_t *json = json_string(text);

	return json ? json : json_string("(not UTF-8)");
}

static struct mr_scope scope_of(const struct mr_call *call)
{
	struct mr_scope scope = {0};

	while (strcmp(mr_scope_kind_name(++scope.kind), call->line->arguments[0]) != 0)
		;
	mr_parse_u64(call->line->arguments[1], strlen(call->line->arguments[1]), &scope.id);
	return scope;
}

static uint32_t flags_of(const struct mr_call *call)
{
	return (mr_line_has(call->line, MR_OPTION_DRY_RUN) ? MR_ACT_DRY_RUN : 0u)
		| (mr_line_has(call->line, MR_OPTION_CONFIRM_ALL) ? MR_ACT_CONFIRM_ALL : 0u)
		| (mr_line_has(call->line, MR_OPTION_PURGE) ? MR_ACT_PURGE : 0u);
}

// Who types, behind sudo, too; empty: the router takes the peer's user.
static struct mr_control_author author(void)
{
	const char *sudo = secure_getenv("SUDO_USER");
	const struct passwd *user = getpwuid(getuid());
	struct mr_control_author author = {0};
	const char *name = sudo && sudo[0] ? sudo : user ? user->pw_name : "";

	mr_copy_text(author.name, sizeof(author.name), name, strlen(name));
	return author;
}

static int take_reason(struct mr_call *call, char *ret_reason)
{
	const char *reason = call->line->values[MR_OPTION_REASON];

	if (reason && !mr_copy_text(ret_reason, MR_BAN_REASON_BYTES_MAX, reason, strlen(reason)))
		return mr_call_fail(call, -EINVAL, "--reason holds at most %d bytes",
			MR_BAN_REASON_BYTES_MAX - 1);
	return 0;
}

// Asks and prints.
static int act(struct mr_call *call, enum mr_control_type type, const void *body, size_t body_bytes)
{
	struct mr_control_effect effect;
	int r = mr_direct_act(&call->direct, type, body, body_bytes, &effect, call->why);

	if (r < 0)
		return r;
	json_t *answer = json_pack("{s:{s:I,s:I,s:I,s:I,s:b},s:o,s:f}", "effect", "queued_events",
		(json_int_t)effect.queued_events, "pending_deliveries",
		(json_int_t)effect.pending_deliveries, "recent_events",
		(json_int_t)effect.recent_events, "webhooks", (json_int_t)effect.webhooks,
		"replaced", effect.replaced != 0, "generation", id_json(effect.generation),
		"took_ms", (double)effect.took_ns / 1e6);

	return mr_answer_change(call, answer, call->line->command->api.shape);
}

int mr_call_ban_direct(struct mr_call *call)
{
	static const char *const modes[] = {"", "drop", "hold", "throttle"};
	const char *mode = call->line->values[MR_OPTION_MODE];
	struct mr_control_ban ban = {
		.author = author(),
		.rule = {.scope = scope_of(call),
			.rate = (uint32_t)call->line->numbers[MR_OPTION_RATE],
			.mode = MR_BAN_DROP,
			.flags = mr_line_has(call->line, MR_OPTION_WITH_DESCENDANTS)
				? MR_BAN_DESCENDANTS
				: 0},
		.ttl_ns = call->line->numbers[MR_OPTION_TTL],
		.flags = flags_of(call),
	};
	int r = take_reason(call, ban.reason);

	for (uint8_t i = MR_BAN_DROP; mode && i <= MR_BAN_THROTTLE; i++) {
		if (strcmp(modes[i], mode) == 0)
			ban.rule.mode = i;
	}
	return r < 0 ? r : act(call, MR_CONTROL_BAN, &ban, sizeof(ban));
}

int mr_call_unban_direct(struct mr_call *call)
{
	const struct mr_control_unban unban = {.author = author(), .scope = scope_of(call)};

	return act(call, MR_CONTROL_UNBAN, &unban, sizeof(unban));
}

int mr_call_purge_direct(struct mr_call *call)
{
	const struct mr_control_purge purge = {
		.author = author(),
		.scope = scope_of(call),
		.flags = flags_of(call),
		.with_descendants = mr_line_has(call->line, MR_OPTION_WITH_DESCENDANTS),
	};

	return act(call, MR_CONTROL_PURGE, &purge, sizeof(purge));
}

static uint32_t pause_bit(const char *name)
{
	uint32_t bit = 1;

	while (strcmp(mr_pause_name(bit), name) != 0)
		bit <<= 1;
	return bit;
}

int mr_call_pause_direct(struct mr_call *call)
{
	struct mr_control_pause pause = {
		.author = author(),
		.what = pause_bit(call->line->arguments[0]),
		.on = strcmp(call->line->command->name, "pause") == 0,
		.ttl_ns = call->line->numbers[MR_OPTION_TTL],
	};
	int r = take_reason(call, pause.reason);

	return r < 0 ? r : act(call, MR_CONTROL_PAUSE, &pause, sizeof(pause));
}

// -- Lists
static json_t *ban_json(const struct mr_ban *ban)
{
	return json_pack("{s:o,s:s,s:o,s:s,s:o,s:b,s:o,s:o,s:o,s:o,s:o,s:b}", "id",
		id_json(ban->id), "kind", mr_scope_kind_name(ban->rule.scope.kind), "scope",
		id_json(ban->rule.scope.id), "mode", mr_ban_mode_name(ban->rule.mode), "rate",
		ban->rule.rate ? json_integer(ban->rule.rate) : json_null(), "with_descendants",
		(ban->rule.flags & MR_BAN_DESCENDANTS) != 0, "reason", text_json(ban->reason),
		"author", text_json(ban->author), "created_at", time_json(ban->created_at_ns),
		"expires_at", time_json(ban->expires_at_ns), "expires_in_s",
		left_json(ban->expires_at_ns), "direct", (ban->rule.flags & MR_BAN_BY_DIRECT) != 0);
}

static json_t *paused_json(const struct mr_paused *paused)
{
	return json_pack("{s:s,s:o,s:o,s:o,s:o,s:o}", "what", mr_pause_name(paused->what), "since",
		time_json(paused->since_ns), "expires_at", time_json(paused->expires_at_ns),
		"expires_in_s", left_json(paused->expires_at_ns), "author",
		text_json(paused->author), "reason", text_json(paused->reason));
}

int mr_call_bans_direct(struct mr_call *call)
{
	static struct mr_control_bans page;
	const uint64_t limit = call->line->numbers[MR_OPTION_LIMIT];
	json_t *rows = json_array();
	uint64_t after = 0;

	do {
		int r = mr_direct_bans(&call->direct, after, &page, call->why);

		if (r < 0) {
			json_decref(rows);
			return r;
		}
		for (uint32_t i = 0; i < page.count; i++) {
			after = page.bans[i].id;
			if (limit == 0 || json_array_size(rows) < limit)
				json_array_append_new(rows, ban_json(&page.bans[i]));
		}
	} while (page.more && page.count > 0);
	return mr_answer_print(
		call, json_pack("{s:o,s:b}", "data", rows, "done", 1), &mr_shape_bans);
}

int mr_call_pauses_direct(struct mr_call *call)
{
	static struct mr_control_bans page;
	int r = mr_direct_bans(&call->direct, 0, &page, call->why);

	if (r < 0)
		return r;
	json_t *rows = json_array();

	for (uint32_t i = 0; i < MR_PAUSES; i++) {
		if (page.paused[i].what)
			json_array_append_new(rows, paused_json(&page.paused[i]));
	}
	return mr_answer_print(
		call, json_pack("{s:o,s:b}", "data", rows, "done", 1), &mr_shape_pauses);
}

static const char *act_name(uint32_t kind)
{
	static const char *const names[] = {"unknown", "banned", "unbanned", "ban_expired",
		"purged", "paused", "resumed", "pause_expired", "webhook_put", "webhook_removed",
		"app_put", "app_removed", "reloaded"};

	return names[kind <= MR_ACT_RELOADED ? kind : 0];
}

static void subject_text(const struct mr_act *act, char *ret_text, size_t size)
{
	switch (act->kind) {
	case MR_ACT_PAUSED:
	case MR_ACT_RESUMED:
	case MR_ACT_PAUSE_EXPIRED:
		snprintf(ret_text, size, "%s", mr_pause_name((unsigned)act->subject));
		break;
	case MR_ACT_BANNED:
	case MR_ACT_UNBANNED:
	case MR_ACT_BAN_EXPIRED:
	case MR_ACT_PURGED:
		snprintf(ret_text, size, "%s %llu", mr_scope_kind_name(act->ban.rule.scope.kind),
			(unsigned long long)act->ban.rule.scope.id);
		break;
	default:
		snprintf(ret_text, size, "%llu", (unsigned long long)act->subject);
		break;
	}
}

static json_t *act_json(const struct mr_act *act)
{
	char subject[64];

	subject_text(act, subject, sizeof(subject));
	return json_pack("{s:I,s:o,s:s,s:s,s:o,s:I,s:b,s:o}", "number", (json_int_t)act->number,
		"at", time_json(act->at_ns), "act", act_name(act->kind), "subject", subject, "who",
		text_json(act->ban.author), "uid", (json_int_t)act->uid, "direct", act->direct != 0,
		"result", act->result ? json_string(strerror((int)act->result)) : json_null());
}

int mr_call_acts_direct(struct mr_call *call)
{
	static struct mr_control_acts page;
	json_t *rows = json_array();
	uint64_t after = 0;

	do {
		int r = mr_direct_acts(&call->direct, after, &page, call->why);

		if (r < 0) {
			json_decref(rows);
			return r;
		}
		for (uint32_t i = 0; i < page.count; i++) {
			after = page.acts[i].number;
			json_array_append_new(rows, act_json(&page.acts[i]));
		}
	} while (page.more && page.count > 0);
	return mr_answer_print(
		call, json_pack("{s:o,s:b}", "data", rows, "done", 1), &mr_shape_acts);
}

int mr_call_reload_direct(struct mr_call *call)
{
	int r = mr_direct_reload(&call->direct, call->why);

	if (r == -EINVAL) {
		fprintf(stderr, "millrace: %s\n", call->why);
		return MR_EXIT_CONFIG;
	}
	return r < 0 ? r
		     : mr_answer_print(call,
			     json_pack("{s:s}", "done", "the router has read its file again"),
			     &mr_shape_effect);
}
