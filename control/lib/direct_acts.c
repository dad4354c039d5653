#include "direct_acts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

// The router answers an act within 3 s, in force or not; a purge, or a dry run, walks all queues.
enum { ACT_TIMEOUT_MS = 5000, WALK_TIMEOUT_MS = 30000, TIMEOUT_MS = 5000 };

#define terminate(text) ((text)[sizeof(text) - 1] = 0)

static int fail(char *ret_why, int error, const char *text)
{
	snprintf(ret_why, MR_DIRECT_WHY_BYTES, "%s", text);
	return error;
}

static uint32_t patience_ms(enum mr_control_type type, const void *body)
{
	const bool walks = type == MR_CONTROL_PURGE
		|| (type == MR_CONTROL_BAN
			&& ((const struct mr_control_ban *)body)->flags & MR_ACT_DRY_RUN);

	return walks ? WALK_TIMEOUT_MS : ACT_TIMEOUT_MS;
}

int mr_direct_act(struct mr_direct *direct, enum mr_control_type type, const void *body,
	size_t body_bytes, struct mr_control_effect *ret_effect, char *ret_why)
{
	int r = mr_direct_wait(direct, patience_ms(type, body));

	if (r == 0)
		r = mr_direct_ask(
			direct, type, body, body_bytes, ret_effect, sizeof(*ret_effect), ret_why);
	if (r == -ETIMEDOUT)
		return fail(ret_why, r,
			"millraced does not answer: its main thread is stuck. What was asked for may come into force when it goes on");
	if (r < 0)
		return r;
	mr_direct_wait(direct, TIMEOUT_MS);
	terminate(ret_effect->message);
	if (ret_effect->result == 0)
		return 0;
	return fail(ret_why, ret_effect->result < 0 ? ret_effect->result : -EPROTO,
		ret_effect->message[0] ? ret_effect->message : "millraced refused it");
}

static void terminate_ban(struct mr_ban *ban)
{
	terminate(ban->author);
	terminate(ban->reason);
}

int mr_direct_bans(
	struct mr_direct *direct, uint64_t after, struct mr_control_bans *ret_bans, char *ret_why)
{
	const struct mr_control_from from = {.after = after};
	int r = mr_direct_ask(
		direct, MR_CONTROL_BANS, &from, sizeof(from), ret_bans, sizeof(*ret_bans), ret_why);

	if (r < 0)
		return r;
	if (ret_bans->count > MR_CONTROL_BANS_MAX)
		return fail(ret_why, -EPROTO, "a list of millraced is longer than its message");
	for (uint32_t i = 0; i < MR_PAUSES; i++) {
		terminate(ret_bans->paused[i].author);
		terminate(ret_bans->paused[i].reason);
	}
	for (uint32_t i = 0; i < ret_bans->count; i++)
		terminate_ban(&ret_bans->bans[i]);
	return 0;
}

int mr_direct_acts(
	struct mr_direct *direct, uint64_t after, struct mr_control_acts *ret_acts, char *ret_why)
{
	const struct mr_control_from from = {.after = after};
	int r = mr_direct_ask(
		direct, MR_CONTROL_ACTS, &from, sizeof(from), ret_acts, sizeof(*ret_acts), ret_why);

	if (r < 0)
		return r;
	if (ret_acts->count > MR_CONTROL_ACTS_MAX)
		return fail(ret_why, -EPROTO, "a list of millraced is longer than its message");
	for (uint32_t i = 0; i < ret_acts->count; i++)
		terminate_ban(&ret_acts->acts[i].ban);
	return 0;
}

int mr_direct_reload(struct mr_direct *direct, char *ret_why)
{
	struct mr_control_reload reload;
	int r = mr_direct_ask(direct, MR_CONTROL_RELOAD, NULL, 0, &reload, sizeof(reload), ret_why);

	if (r < 0)
		return r;
	terminate(reload.message);
	if (reload.result == 0)
		return 0;
	snprintf(ret_why, MR_DIRECT_WHY_BYTES, "%.500s", reload.message);
	return reload.result < 0 ? reload.result : -EPROTO;
}
