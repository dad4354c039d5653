#include "act_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "mr_assert.h"

enum { WORDS = 160 };

bool mr_act_log_init(struct mr_act_log *log, struct mr_arena *arena)
{
	*log = (struct mr_act_log){
		.acts = mr_arena_array(arena, "steward: acts", struct mr_act, MR_ACTS_MAX)};
	return log->acts != NULL;
}

void mr_act_sign(
	struct mr_act *act, const struct mr_control_author *author, uint32_t uid, bool is_direct)
{
	act->uid = uid;
	act->direct = is_direct;
	if (author->name[0] != '\0')
		memcpy(act->ban.author, author->name, sizeof(author->name));
	else if (uid == 0)
		snprintf(act->ban.author, sizeof(act->ban.author), "root");
	else
		snprintf(act->ban.author, sizeof(act->ban.author), "uid %u", uid);
}

// -- Lines for people

static void say_until(const struct mr_act *act, int64_t expires_at_ns, char *ret_text, size_t size)
{
	ret_text[0] = '\0';
	if (expires_at_ns != 0)
		snprintf(ret_text, size, " for %" PRIi64 " s",
			(expires_at_ns - act->at_ns + 500000000) / 1000000000);
}

static void say_ban(const struct mr_act *act, char *ret_text, size_t size)
{
	const struct mr_ban_rule *rule = &act->ban.rule;
	char until[32], rate[32] = "";
	say_until(act, act->ban.expires_at_ns, until, sizeof(until));
	if (rule->mode == MR_BAN_THROTTLE)
		snprintf(rate, sizeof(rate), " to %u events/s", rule->rate);
	snprintf(ret_text, size, "ban %" PRIu64 ": %s %s %" PRIu64 "%s%s%s", act->ban.id,
		mr_ban_mode_name(rule->mode), mr_scope_kind_name(rule->scope.kind), rule->scope.id,
		rule->flags & MR_BAN_DESCENDANTS ? " with descendants" : "", rate, until);
}

static void say_pauses(const struct mr_act *act, const char *verb, char *ret_text, size_t size)
{
	char until[32], names[64] = "";
	size_t length = 0;
	say_until(act, act->ban.expires_at_ns, until, sizeof(until));
	for (uint32_t i = 0; i < MR_PAUSES; i++)
		if (act->subject & UINT64_C(1) << i)
			length += (size_t)snprintf(names + length, sizeof(names) - length, " %s",
				mr_pause_name(1u << i));
	snprintf(ret_text, size, "%s%s%s", verb, names, until);
}

static void say_scope(const struct mr_act *act, const char *verb, char *ret_text, size_t size)
{
	const struct mr_scope *scope = &act->ban.rule.scope;
	snprintf(
		ret_text, size, "%s %s %" PRIu64, verb, mr_scope_kind_name(scope->kind), scope->id);
}

static void say_subject(const struct mr_act *act, const char *verb, char *ret_text, size_t size)
{
	snprintf(ret_text, size, "%s %" PRIu64, verb, act->subject);
}

static void say(const struct mr_act *act, char *ret_text, size_t size)
{
	switch ((enum mr_act_kind)act->kind) {
	case MR_ACT_BANNED:
		say_ban(act, ret_text, size);
		return;
	case MR_ACT_UNBANNED:
		say_scope(act, "lifted the ban of", ret_text, size);
		return;
	case MR_ACT_BAN_EXPIRED:
		say_scope(act, "a ban has expired: of", ret_text, size);
		return;
	case MR_ACT_PURGED:
		say_scope(act, "purged", ret_text, size);
		snprintf(ret_text + strlen(ret_text), size - strlen(ret_text),
			": %" PRIu64 " events and deliveries were dropped", act->subject);
		return;
	case MR_ACT_PAUSED:
		say_pauses(act, "paused", ret_text, size);
		return;
	case MR_ACT_RESUMED:
		say_pauses(act, "resumed", ret_text, size);
		return;
	case MR_ACT_PAUSE_EXPIRED:
		say_pauses(act, "a pause has expired:", ret_text, size);
		return;
	case MR_ACT_WEBHOOK_PUT:
		say_subject(act, "put webhook", ret_text, size);
		return;
	case MR_ACT_WEBHOOK_REMOVED:
		say_subject(act, "removed webhook", ret_text, size);
		return;
	case MR_ACT_APP_PUT:
		say_subject(act, "put app", ret_text, size);
		return;
	case MR_ACT_APP_REMOVED:
		say_subject(act, "removed app", ret_text, size);
		return;
	case MR_ACT_RELOADED:
		snprintf(ret_text, size, "reloaded the configuration");
		return;
	}
	mr_assert(false); // no such act
}

uint64_t mr_act_log_add(struct mr_act_log *log, const struct mr_act *act)
{
	char words[WORDS];
	struct mr_act *kept = &log->acts[(log->last + 1) % MR_ACTS_MAX];
	*kept = *act;
	kept->number = ++log->last;
	say(act, words, sizeof(words));
	mr_log(act->result == 0 ? MR_LOG_NOTICE : MR_LOG_WARNING,
		"act %" PRIu64 " by %s%s: %s%s%s%s", kept->number,
		act->ban.author[0] != '\0' ? act->ban.author : "nobody",
		act->direct ? " (direct)" : "", words,
		act->ban.reason[0] != '\0' ? ", because " : "", act->ban.reason,
		act->result != 0 ? ": not in force everywhere, or not durable" : "");
	return kept->number;
}

void mr_act_log_page(const struct mr_act_log *log, uint64_t after, struct mr_control_acts *ret_acts)
{
	const uint64_t oldest = log->last >= MR_ACTS_MAX ? log->last - MR_ACTS_MAX + 1 : 1;
	uint64_t number = after + 1 > oldest && after != UINT64_MAX ? after + 1 : oldest;
	if (after >= log->last)
		number = log->last + 1;
	ret_acts->count = 0;
	for (; number <= log->last && ret_acts->count < MR_CONTROL_ACTS_MAX; number++)
		ret_acts->acts[ret_acts->count++] = log->acts[number % MR_ACTS_MAX];
	ret_acts->more = number <= log->last;
}
