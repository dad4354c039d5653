// Bans, purges and pauses as they come over the control socket: requests become orders, and lists
// become pages.
#include "control_acts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "steward.h"

// NULL after a refusal.
static struct mr_order *take_order(struct mr_steward *steward,
	const struct mr_control_request *request, const struct mr_control_author *author,
	enum mr_act_kind kind)
{
	if (steward->state == MR_ROUTER_RECOVERING || !mr_acts_restored(&steward->acts)) {
		mr_control_refuse(&steward->control, &request->ticket, -EAGAIN,
			"the router is starting, and what was stopped before it is in force again before the first event: ask again when it runs");
		return NULL;
	}
	struct mr_order *order = mr_acts_order(&steward->acts, kind);
	if (order == NULL) {
		mr_control_refuse(&steward->control, &request->ticket, -EBUSY,
			"%d acts are under way already: ask again", MR_ORDERS_MAX);
		return NULL;
	}
	order->is_asked = true;
	order->ticket = request->ticket;
	mr_act_sign(&order->act, author, request->uid, !request->is_daemon);
	return order;
}

// A scope that is everything has to be meant; a dry run says so.
static void judge_all(struct mr_steward *steward, struct mr_order *order)
{
	const struct mr_scope scope = order->act.ban.rule.scope;
	if (order->flags & MR_ACT_CONFIRM_ALL || !mr_recent_is_all(&steward->acts.recent, scope))
		return;
	if (order->flags & MR_ACT_DRY_RUN)
		snprintf(order->effect.message, sizeof(order->effect.message),
			"every event of the last minute was of this %s: it would need --confirm-all",
			mr_scope_kind_name(scope.kind));
	else
		mr_order_fail(order, -EPERM,
			"every event of the last minute was of %s %" PRIu64
			": that stops all traffic. Repeat with --confirm-all if it is meant",
			mr_scope_kind_name(scope.kind), scope.id);
}

void mr_handle_ban(void *owner, const struct mr_control_request *request)
{
	struct mr_steward *steward = owner;
	const struct mr_control_ban *ban = request->body;
	struct mr_order *order = take_order(steward, request, &ban->author, MR_ACT_BANNED);
	if (order == NULL)
		return;
	order->act.ban.rule = ban->rule;
	if (order->act.direct)
		order->act.ban.rule.flags |= MR_BAN_BY_DIRECT;
	memcpy(order->act.ban.reason, ban->reason, sizeof(ban->reason));
	order->with_descendants = ban->rule.flags & MR_BAN_DESCENDANTS;
	order->flags = ban->flags;
	order->ttl_ns = ban->ttl_ns;
	if (ban->flags & MR_ACT_DRY_RUN)
		order->effect.replaced =
			mr_ban_list_find(&steward->acts.bans, ban->rule.scope) != NULL;
	if (ban->rule.mode != MR_BAN_THROTTLE)
		judge_all(steward, order);
}

void mr_handle_unban(void *owner, const struct mr_control_request *request)
{
	struct mr_steward *steward = owner;
	const struct mr_control_unban *unban = request->body;
	struct mr_order *order = take_order(steward, request, &unban->author, MR_ACT_UNBANNED);
	if (order != NULL)
		order->act.ban.rule.scope = unban->scope;
}

void mr_handle_purge(void *owner, const struct mr_control_request *request)
{
	struct mr_steward *steward = owner;
	const struct mr_control_purge *purge = request->body;
	struct mr_order *order = take_order(steward, request, &purge->author, MR_ACT_PURGED);
	if (order == NULL)
		return;
	order->act.ban.rule.scope = purge->scope;
	order->with_descendants = purge->with_descendants;
	order->flags = purge->flags;
	judge_all(steward, order);
}

void mr_handle_pause(void *owner, const struct mr_control_request *request)
{
	struct mr_steward *steward = owner;
	const struct mr_control_pause *pause = request->body;
	struct mr_order *order = take_order(
		steward, request, &pause->author, pause->on ? MR_ACT_PAUSED : MR_ACT_RESUMED);
	if (order == NULL)
		return;
	order->act.subject = pause->what;
	order->ttl_ns = pause->ttl_ns;
	memcpy(order->act.ban.reason, pause->reason, sizeof(pause->reason));
}

void mr_handle_bans(void *owner, const struct mr_control_request *request)
{
	struct mr_steward *steward = owner;
	const struct mr_control_from *from = request->body;
	struct mr_control_bans *page = (void *)steward->control.answer;
	const struct mr_listed_ban *ban = mr_ban_list_after(&steward->acts.bans, from->after);
	memset(page, 0, sizeof(*page));
	memcpy(page->paused, steward->acts.paused, sizeof(page->paused));
	while (ban != NULL && page->count < MR_CONTROL_BANS_MAX) {
		page->bans[page->count++] = ban->ban;
		ban = mr_ban_list_after(&steward->acts.bans, ban->ban.id);
	}
	page->more = ban != NULL;
	mr_control_reply(&steward->control, &request->ticket, page);
}

void mr_handle_acts(void *owner, const struct mr_control_request *request)
{
	struct mr_steward *steward = owner;
	const struct mr_control_from *from = request->body;
	struct mr_control_acts *page = (void *)steward->control.answer;
	memset(page, 0, sizeof(*page));
	page->boot_id = steward->config.boot_id;
	mr_act_log_page(&steward->acts.log, from->after, page);
	mr_control_reply(&steward->control, &request->ticket, page);
}
