// The beginning of an order: what is in force changes, goes out to the stages, and is written down.
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "acts.h"
#include "failpoint.h"
#include "mr_assert.h"

void mr_order_fail(struct mr_order *order, int result, const char *format, ...)
{
	va_list arguments;
	mr_assert(result < 0);
	va_start(arguments, format);
	vsnprintf(order->effect.message, sizeof(order->effect.message), format, arguments);
	va_end(arguments);
	order->effect.result = result;
	order->is_idle = true;
	order->state = MR_ORDER_DONE;
}

// -- Messages

bool mr_acts_send_ban(struct mr_acts *acts, const struct mr_listed_ban *ban)
{
	struct mr_post *post = mr_postbox_take(acts->config.postbox);
	if (post == NULL)
		return false;
	post->msg.kind = MR_STEWARD_BAN;
	post->msg.ban = (struct mr_ban_entry){.rule = ban->ban.rule, .throttle = ban->throttle};
	mr_postbox_send(acts->config.postbox, post, acts->config.all, NULL, NULL, 0);
	return true;
}

static bool send_unban(struct mr_acts *acts, const struct mr_listed_ban *ban)
{
	struct mr_post *post = mr_postbox_take(acts->config.postbox);
	if (post == NULL)
		return false;
	post->msg.kind = MR_STEWARD_UNBAN;
	post->msg.ban = (struct mr_ban_entry){.rule = ban->ban.rule, .throttle = ban->throttle};
	mr_postbox_send(acts->config.postbox, post, acts->config.all, NULL, NULL, 0);
	return true;
}

bool mr_acts_send_stop(struct mr_acts *acts)
{
	struct mr_post *post = mr_postbox_take(acts->config.postbox);
	if (post == NULL)
		return false;
	post->msg.kind = MR_STEWARD_STOP;
	post->msg.stopped = mr_acts_paused(acts);
	mr_postbox_send(acts->config.postbox, post, acts->config.workers, NULL, NULL, 0);
	return true;
}

// It stands in the rings; its record comes next.
static void sent(struct mr_acts *acts, struct mr_order *order)
{
	order->generation = acts->config.postbox->generation;
	order->state = MR_ORDER_SENT;
	(void)mr_postbox_work(acts->config.postbox);
	MR_FAILPOINT(ban_sent);
}

static void await_what_is_there(struct mr_acts *acts, struct mr_order *order)
{
	order->generation = acts->config.postbox->generation;
	order->record_end = mr_node_end(acts->config.node);
	order->is_idle = true;
	order->state = MR_ORDER_SENT;
}

static int64_t end_of(const struct mr_acts *acts, uint64_t ttl_ns)
{
	return ttl_ns == 0 ? 0 : acts->now.wall_ns + (int64_t)ttl_ns;
}

// -- Bans

// A ban without an end that says what the one in force says: whoever asks again hears the same.
static bool is_same(const struct mr_ban *ban, const struct mr_order *order)
{
	const struct mr_ban *wanted = &order->act.ban;
	return ban->expires_at_ns == 0 && order->ttl_ns == 0
		&& memcmp(&ban->rule, &wanted->rule, sizeof(ban->rule)) == 0
		&& strcmp(ban->author, wanted->author) == 0
		&& strcmp(ban->reason, wanted->reason) == 0;
}

// The throttle of the new ban: a throttle of the same scope goes on. MR_NO_THROTTLE: none is free.
static uint16_t find_throttle(
	struct mr_acts *acts, const struct mr_ban_rule *rule, const struct mr_listed_ban *old)
{
	if (rule->mode != MR_BAN_THROTTLE)
		return 0;
	if (old == NULL || old->ban.rule.mode != MR_BAN_THROTTLE)
		return mr_throttles_take(&acts->throttles, rule->rate);
	mr_throttles_change(&acts->throttles, old->throttle, rule->rate);
	return old->throttle;
}

static void give_back_throttle(struct mr_acts *acts, const struct mr_listed_ban *old)
{
	if (old->ban.rule.mode == MR_BAN_THROTTLE)
		mr_throttles_give_back(
			&acts->throttles, old->throttle, acts->config.postbox->generation);
}

static void set_ban(struct mr_acts *acts, struct mr_order *order, const struct mr_listed_ban *old)
{
	struct mr_ban *ban = &order->act.ban;
	struct mr_listed_ban listed = {.throttle = find_throttle(acts, &ban->rule, old)};
	if (listed.throttle == MR_NO_THROTTLE) {
		mr_order_fail(order, -ENOSPC,
			"%d scopes are throttled already: lift a throttle, or use drop",
			MR_THROTTLES_MAX);
		return;
	}
	ban->id = acts->bans.last_id + 1;
	ban->created_at_ns = acts->now.wall_ns;
	ban->expires_at_ns = end_of(acts, order->ttl_ns);
	listed.ban = *ban;
	const bool done = mr_acts_send_ban(acts, &listed);
	mr_assert(done); // there was room
	order->effect.id = ban->id;
	order->effect.replaced = old != NULL;
	const struct mr_ban replaced = old != NULL ? old->ban : (struct mr_ban){0};
	if (old != NULL) {
		if (ban->rule.mode != MR_BAN_THROTTLE)
			give_back_throttle(acts, old);
		mr_ban_list_remove(&acts->bans, ban->rule.scope);
	}
	mr_ban_list_add(&acts->bans, &listed);
	sent(acts, order);
	order->record_end = mr_node_ban(acts->config.node, ban, 0);
	if (order->effect.replaced)
		order->record_end = mr_node_ban(acts->config.node, &replaced, MR_BAN_RECORD_LIFTED);
}

static void begin_ban(struct mr_acts *acts, struct mr_order *order)
{
	const struct mr_listed_ban *old = mr_ban_list_find(&acts->bans, order->act.ban.rule.scope);
	if (old != NULL && is_same(&old->ban, order)) {
		order->act.ban = old->ban;
		order->effect.id = old->ban.id;
		order->effect.replaced = 1;
		await_what_is_there(acts, order);
	} else if (old == NULL && mr_ban_list_is_full(&acts->bans)) {
		mr_order_fail(
			order, -ENOSPC, "%u bans are in force already: lift one", acts->bans.max);
	} else {
		set_ban(acts, order, old);
	}
}

// Who lifts a ban stands in the act; the rest of the ban is the one that ends.
static void begin_unban(struct mr_acts *acts, struct mr_order *order)
{
	const struct mr_scope scope = order->act.ban.rule.scope;
	const struct mr_listed_ban *found = mr_ban_list_find(&acts->bans, scope);
	const bool expires = order->act.kind == MR_ACT_BAN_EXPIRED;
	if (found == NULL || (expires && found->ban.id != order->act.ban.id)) {
		mr_order_fail(order, -ENOENT, "%s %" PRIu64 " is not banned: see millrace bans",
			mr_scope_kind_name(scope.kind), scope.id);
		return;
	}
	const struct mr_listed_ban old = *found;
	const bool done = send_unban(acts, &old);
	mr_assert(done); // there was room
	give_back_throttle(acts, &old);
	mr_ban_list_remove(&acts->bans, scope);
	sent(acts, order);
	(void)mr_node_ban(acts->config.node, &old.ban, MR_BAN_RECORD_LIFTED);
	order->record_end = mr_node_ban_id(acts->config.node, acts->bans.last_id);
	order->effect.id = old.ban.id;
	struct mr_ban ban = old.ban;
	memcpy(ban.author, order->act.ban.author, sizeof(ban.author));
	order->act.ban = ban;
}

// -- Pauses

static void begin_pause(struct mr_acts *acts, struct mr_order *order)
{
	order->act.ban.created_at_ns = acts->now.wall_ns;
	order->act.ban.expires_at_ns = end_of(acts, order->ttl_ns);
	for (uint32_t i = 0; i < MR_PAUSES; i++) {
		struct mr_paused *paused = &acts->paused[i];
		const uint32_t bit = 1u << i;
		if (!(order->act.subject & bit))
			continue;
		*paused = (struct mr_paused){.what = bit,
			.since_ns = paused->what != 0 ? paused->since_ns : acts->now.wall_ns,
			.expires_at_ns = order->act.ban.expires_at_ns};
		memcpy(paused->author, order->act.ban.author, sizeof(paused->author));
		memcpy(paused->reason, order->act.ban.reason, sizeof(paused->reason));
	}
}

// False: nothing of it is paused, or (expiry) not any more.
static bool begin_resume(struct mr_acts *acts, struct mr_order *order)
{
	const bool expires = order->act.kind == MR_ACT_PAUSE_EXPIRED;
	uint64_t resumed = 0;
	for (uint32_t i = 0; i < MR_PAUSES; i++) {
		struct mr_paused *paused = &acts->paused[i];
		const bool ends = !expires
			|| (paused->expires_at_ns != 0
				&& paused->expires_at_ns <= acts->now.wall_ns);
		if (!(order->act.subject & paused->what) || !ends)
			continue;
		resumed |= paused->what;
		*paused = (struct mr_paused){0};
	}
	if (resumed == 0)
		mr_order_fail(order, -ENOENT, "that is not paused: see millrace bans");
	else
		order->act.subject = resumed;
	return resumed != 0;
}

static void begin_stop(struct mr_acts *acts, struct mr_order *order)
{
	if (order->act.kind == MR_ACT_PAUSED)
		begin_pause(acts, order);
	else if (!begin_resume(acts, order))
		return;
	const bool done = mr_acts_send_stop(acts);
	mr_assert(done); // there was room
	sent(acts, order);
	order->record_end = mr_node_paused(acts->config.node, acts->paused);
}

static bool has_room(const struct mr_acts *acts)
{
	return acts->config.postbox->free != NULL && mr_node_has_room(acts->config.node);
}

bool mr_order_begin(struct mr_acts *acts, struct mr_order *order)
{
	const bool only_looks = order->flags & MR_ACT_DRY_RUN || order->act.kind == MR_ACT_PURGED;
	if (only_looks) {
		order->state = MR_ORDER_SURVEY;
		return true;
	}
	if (!has_room(acts))
		return false;
	if (order->act.kind == MR_ACT_BANNED)
		begin_ban(acts, order);
	else if (order->act.kind == MR_ACT_UNBANNED || order->act.kind == MR_ACT_BAN_EXPIRED)
		begin_unban(acts, order);
	else
		begin_stop(acts, order);
	return true;
}
