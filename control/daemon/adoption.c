#include "adoption.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "act_json.h"
#include "audit.h"
#include "ban_list.h"
#include "direct_acts.h"
#include "log.h"
#include "store.h"

// The last act of a boot that was looked at; 0: none.
static uint64_t adopted(struct mr_store *store, uint64_t boot_id)
{
	uint64_t number = 0;

	mr_store_lock(store);
	sqlite3_stmt *statement =
		mr_store_prepare(store, "SELECT number FROM adopted WHERE boot_id = ?1");

	if (statement) {
		sqlite3_bind_int64(statement, 1, (sqlite3_int64)boot_id);
		if (sqlite3_step(statement) == SQLITE_ROW)
			number = (uint64_t)sqlite3_column_int64(statement, 0);
		sqlite3_reset(statement);
	}
	mr_store_unlock(store);
	return number;
}

static void remember(struct mr_store *store, uint64_t boot_id, uint64_t number)
{
	mr_store_lock(store);
	sqlite3_stmt *statement = mr_store_prepare(store,
		"INSERT INTO adopted (boot_id, number) VALUES (?1, ?2)"
		" ON CONFLICT (boot_id) DO UPDATE SET number = excluded.number");

	if (statement) {
		sqlite3_bind_int64(statement, 1, (sqlite3_int64)boot_id);
		sqlite3_bind_int64(statement, 2, (sqlite3_int64)number);
	}
	mr_store_run(store, statement);
	mr_store_unlock(store);
}

static const char *act_name(uint32_t kind)
{
	static const char *const names[] = {[MR_ACT_BANNED] = "ban",
		[MR_ACT_UNBANNED] = "unban",
		[MR_ACT_BAN_EXPIRED] = "ban expired",
		[MR_ACT_PURGED] = "purge",
		[MR_ACT_PAUSED] = "pause",
		[MR_ACT_RESUMED] = "resume",
		[MR_ACT_PAUSE_EXPIRED] = "pause expired",
		[MR_ACT_WEBHOOK_PUT] = "webhook put",
		[MR_ACT_WEBHOOK_REMOVED] = "webhook remove",
		[MR_ACT_APP_PUT] = "app put",
		[MR_ACT_APP_REMOVED] = "app remove",
		[MR_ACT_RELOADED] = "reload"};

	return kind < sizeof(names) / sizeof(names[0]) && names[kind] ? names[kind] : "unknown act";
}

static void subject_text(const struct mr_act *act, char ret_text[MR_SCOPE_TEXT_BYTES])
{
	switch (act->kind) {
	case MR_ACT_BANNED:
	case MR_ACT_UNBANNED:
	case MR_ACT_BAN_EXPIRED:
	case MR_ACT_PURGED:
		mr_scope_text(&act->ban.rule.scope, ret_text);
		break;
	case MR_ACT_PAUSED:
	case MR_ACT_RESUMED:
	case MR_ACT_PAUSE_EXPIRED:
		snprintf(ret_text, MR_SCOPE_TEXT_BYTES, "%s%s%s",
			act->subject & MR_PAUSE_INGEST ? "ingest " : "",
			act->subject & MR_PAUSE_DISTRIBUTION ? "distribution " : "",
			act->subject & MR_PAUSE_DELIVERY ? "delivery" : "");
		break;
	case MR_ACT_RELOADED:
		snprintf(ret_text, MR_SCOPE_TEXT_BYTES, "configuration");
		break;
	default:
		snprintf(ret_text, MR_SCOPE_TEXT_BYTES, "%" PRIu64, act->subject);
		break;
	}
}

static bool ended_by_itself(const struct mr_act *act)
{
	return act->kind == MR_ACT_BAN_EXPIRED || act->kind == MR_ACT_PAUSE_EXPIRED;
}

static void audit_act(struct mr_store *store, const struct mr_act *act)
{
	char who[MR_AUTHOR_BYTES_MAX];
	char scope[MR_SCOPE_TEXT_BYTES];
	char result[64] = "ok";
	const bool is_ban = act->kind == MR_ACT_BANNED;
	const bool was_ban = act->kind == MR_ACT_UNBANNED || act->kind == MR_ACT_BAN_EXPIRED;
	json_t *ban = is_ban || was_ban ? mr_json_ban(&act->ban) : NULL;

	if (ended_by_itself(act))
		snprintf(who, sizeof(who), "time");
	else if (act->ban.author[0])
		snprintf(who, sizeof(who), "%s", act->ban.author);
	else
		snprintf(who, sizeof(who), "uid %u", act->uid);
	if (act->result != 0)
		snprintf(result, sizeof(result), "failed: errno %u", act->result);
	subject_text(act, scope);
	mr_audit_add(store,
		&(struct mr_audit_row){.at_ns = act->at_ns,
			.who = who,
			.via = ended_by_itself(act) ? "router" : "direct",
			.act = act_name(act->kind),
			.scope = scope,
			.before = was_ban ? ban : NULL,
			.after = is_ban ? ban : NULL,
			.result = result});
	json_decref(ban);
}

// Audits what is new; how many acts were, or a negative errno.
static int adopt(struct mr_daemon *daemon, struct mr_direct *direct, char *ret_why)
{
	static struct mr_control_acts page; // of the ticker's thread
	const uint64_t boot_id = direct->welcome.boot_id;
	const uint64_t known = adopted(daemon->store, boot_id);
	uint64_t number = known;

	do {
		const int r = mr_direct_acts(direct, number, &page, ret_why);

		if (r < 0)
			return r;
		if (page.boot_id != boot_id)
			return -ECONNRESET;
		for (uint32_t i = 0; i < page.count; i++) {
			if (page.acts[i].direct || ended_by_itself(&page.acts[i]))
				audit_act(daemon->store, &page.acts[i]);
			number = page.acts[i].number;
		}
	} while (page.more && page.count > 0);
	if (number != known)
		remember(daemon->store, boot_id, number);
	return number != known;
}

void mr_adoption_tick(struct mr_daemon *daemon, struct mr_direct *direct)
{
	char why[MR_DIRECT_WHY_BYTES];
	int r = adopt(daemon, direct, why);

	if (r >= 0)
		r = mr_ban_list_read(daemon->bans, direct, why);
	if (r == -ECONNRESET || r == -EPIPE || r == -EPROTO)
		mr_direct_close(direct);
}
