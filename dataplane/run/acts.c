#include "acts.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "failpoint.h"
#include "log.h"
#include "mr_assert.h"

#define SWEEP_NS  INT64_C(1000000000) // how often expiries are looked for
#define ANSWER_NS UINT64_C(3000000000) // what is not in force by then is answered so

bool mr_acts_init(struct mr_acts *acts, struct mr_arena *arena, const struct mr_acts_config *config)
{
	struct mr_order *orders =
		mr_arena_array(arena, "steward: orders", struct mr_order, MR_ORDERS_MAX);
	*acts = (struct mr_acts){.config = *config};
	acts->survey = mr_arena_array(arena, "steward: survey", struct mr_survey, 1);
	bool done = mr_ban_list_init(&acts->bans, arena, MR_BANS_MAX);
	done = mr_act_log_init(&acts->log, arena) && done;
	if (orders == NULL || acts->survey == NULL || !done)
		return false;
	for (uint32_t i = 0; i < MR_ORDERS_MAX; i++) {
		orders[i].next = acts->free;
		acts->free = &orders[i];
	}
	return true;
}

// -- Orders

struct mr_order *mr_acts_order(struct mr_acts *acts, enum mr_act_kind kind)
{
	struct mr_order *order = acts->free;
	if (order == NULL)
		return NULL;
	acts->free = order->next;
	*order = (struct mr_order){.act.kind = kind, .began_ns = acts->now.mono_ns};
	if (acts->last != NULL)
		acts->last->next = order;
	else
		acts->first = order;
	acts->last = order;
	return order;
}

bool mr_acts_idle(const struct mr_acts *acts)
{
	return acts->first == NULL && !acts->restoring;
}

static void answer(struct mr_acts *acts, struct mr_order *order)
{
	order->effect.took_ns = acts->now.mono_ns - order->began_ns;
	if (order->is_asked)
		mr_control_reply(acts->config.control, &order->ticket, &order->effect);
	order->is_asked = false;
}

static void remember(struct mr_acts *acts, struct mr_order *order)
{
	if (order->is_idle || order->flags & MR_ACT_DRY_RUN)
		return;
	order->act.at_ns = acts->now.wall_ns;
	order->act.result = (uint32_t)-order->effect.result;
	const uint64_t number = mr_act_log_add(&acts->log, &order->act);
	if (order->effect.id == 0)
		order->effect.id = number;
}

// The purge that comes with a ban begins when the ban is in force; nobody waits for it.
static void go_on_with_purge(struct mr_order *order)
{
	order->act.kind = MR_ACT_PURGED;
	order->effect = (struct mr_control_effect){0};
	order->state = MR_ORDER_SURVEY;
}

static void in_force(struct mr_acts *acts, struct mr_order *order)
{
	const bool is_ban = order->act.kind == MR_ACT_BANNED;
	order->effect.generation = mr_postbox_in_force(acts->config.postbox);
	remember(acts, order);
	answer(acts, order);
	order->state = MR_ORDER_DONE;
	if (is_ban && order->flags & MR_ACT_PURGE && order->effect.result == 0)
		go_on_with_purge(order);
}

// It is on its way and will not be taken back; whoever asked hears what is missing.
static bool is_late(struct mr_acts *acts, struct mr_order *order, bool applied)
{
	if (acts->now.mono_ns - order->began_ns < ANSWER_NS)
		return false;
	order->effect.result = -ETIMEDOUT;
	snprintf(order->effect.message, sizeof(order->effect.message),
		applied ? "in force on all stages, but not durable: the journal does not take it, and "
			  "a crash would forget it. See millrace status"
			: "not in force on every stage after 3 s: one does not answer. See "
			  "millrace status, column step");
	return true;
}

static bool work_on_sent(struct mr_acts *acts, struct mr_order *order)
{
	const bool applied = mr_postbox_in_force(acts->config.postbox) >= order->generation;
	const bool durable = mr_node_durable(acts->config.node, order->record_end);
	if (!(applied && durable) && !is_late(acts, order, applied))
		return false;
	if (order->effect.result == 0)
		MR_FAILPOINT(ban_recorded);
	in_force(acts, order);
	return true;
}

// Whoever asked must not wait for good, and what ends by itself is found again.
static bool is_stuck(struct mr_acts *acts, struct mr_order *order)
{
	if (acts->now.mono_ns - order->began_ns < ANSWER_NS)
		return false;
	mr_order_fail(order, -EAGAIN,
		"nothing was changed: for 3 s the journal, or a stage, has taken nothing. See "
		"millrace status, and ask again");
	return true;
}

static bool work_on_order(struct mr_acts *acts, struct mr_order *order, bool *blocked)
{
	switch (order->state) {
	case MR_ORDER_WAITING:
		*blocked = *blocked || !mr_order_begin(acts, order);
		return !*blocked || is_stuck(acts, order);
	case MR_ORDER_SENT:
		return work_on_sent(acts, order);
	case MR_ORDER_SURVEY:
	case MR_ORDER_WALKING:
	case MR_ORDER_DONE:
		break;
	}
	return false;
}

static void retire(struct mr_acts *acts)
{
	struct mr_order *previous = NULL;
	struct mr_order *next;
	for (struct mr_order *order = acts->first; order != NULL; order = next) {
		next = order->next;
		if (order->state != MR_ORDER_DONE) {
			previous = order;
			continue;
		}
		answer(acts, order);
		if (previous != NULL)
			previous->next = next;
		else
			acts->first = next;
		if (acts->last == order)
			acts->last = previous;
		order->next = acts->free;
		acts->free = order;
	}
}

// -- What ends by itself

static bool has_ended(const struct mr_acts *acts, int64_t expires_at_ns)
{
	return expires_at_ns != 0 && expires_at_ns <= acts->now.wall_ns;
}

static void expire_bans(struct mr_acts *acts)
{
	for (uint32_t i = 0; i < acts->bans.count; i++) {
		const struct mr_ban *ban = &acts->bans.bans[i].ban;
		struct mr_order *order = has_ended(acts, ban->expires_at_ns)
			? mr_acts_order(acts, MR_ACT_BAN_EXPIRED)
			: NULL;
		if (order != NULL)
			order->act.ban = *ban;
	}
}

static void expire_pauses(struct mr_acts *acts)
{
	for (uint32_t i = 0; i < MR_PAUSES; i++) {
		const struct mr_paused *paused = &acts->paused[i];
		struct mr_order *order = paused->what != 0 && has_ended(acts, paused->expires_at_ns)
			? mr_acts_order(acts, MR_ACT_PAUSE_EXPIRED)
			: NULL;
		if (order == NULL)
			continue;
		order->act.subject = paused->what;
		memcpy(order->act.ban.author, paused->author, sizeof(paused->author));
	}
}

// Those whose order is still under way are found again: the second order finds nothing to do.
static void expire(struct mr_acts *acts)
{
	if (acts->now.wall_ns - acts->swept_ns < SWEEP_NS && acts->now.wall_ns >= acts->swept_ns)
		return;
	acts->swept_ns = acts->now.wall_ns;
	expire_bans(acts);
	expire_pauses(acts);
}

// -- Starts

static void recover_ban(struct mr_acts *acts, const struct mr_ban *ban)
{
	struct mr_listed_ban listed = {.ban = *ban};
	const struct mr_listed_ban *other = mr_ban_list_find(&acts->bans, ban->rule.scope);
	if (ban->id > acts->bans.last_id)
		acts->bans.last_id = ban->id;
	if (ban->rule.scope.kind == MR_SCOPE_NONE || (other != NULL && other->ban.id > ban->id))
		return;
	if (other != NULL) // whose end was not written any more
		mr_ban_list_remove(&acts->bans, ban->rule.scope);
	if (mr_ban_list_is_full(&acts->bans))
		mr_log(MR_LOG_ERROR, "ban %" PRIu64 " of the journal finds no room", ban->id);
	else
		mr_ban_list_add(&acts->bans, &listed);
	acts->restoring = true;
}

void mr_acts_recover(struct mr_acts *acts, const struct mr_record *record)
{
	const void *bytes = record;
	const struct mr_record_pause *pause = bytes;
	if (record->kind == MR_RECORD_BAN) {
		recover_ban(acts, &((const struct mr_record_ban *)bytes)->ban);
	} else if (record->kind == MR_RECORD_PAUSE) {
		memcpy(acts->paused, pause->paused, sizeof(acts->paused));
		acts->restoring = acts->restoring || mr_acts_paused(acts) != 0;
	}
}

bool mr_acts_restored(const struct mr_acts *acts)
{
	return !acts->restoring;
}

// What has ended while nobody was there comes not back.
static bool end_at_start(struct mr_acts *acts, const struct mr_ban *ban)
{
	const struct mr_act act = {
		.at_ns = acts->now.wall_ns, .kind = MR_ACT_BAN_EXPIRED, .ban = *ban};
	if (!mr_node_has_room(acts->config.node))
		return false;
	(void)mr_node_ban(acts->config.node, ban, MR_BAN_RECORD_LIFTED);
	(void)mr_node_ban_id(acts->config.node, acts->bans.last_id);
	(void)mr_act_log_add(&acts->log, &act);
	mr_ban_list_remove(&acts->bans, act.ban.rule.scope);
	return true;
}

static bool restore_ban(struct mr_acts *acts, struct mr_listed_ban *ban)
{
	if (has_ended(acts, ban->ban.expires_at_ns))
		return end_at_start(acts, &ban->ban);
	if (acts->config.postbox->free == NULL)
		return false;
	if (ban->ban.rule.mode == MR_BAN_THROTTLE)
		ban->throttle = mr_throttles_take(&acts->throttles, ban->ban.rule.rate);
	mr_assert(ban->throttle != MR_NO_THROTTLE); // there were no more of them before
	acts->restored_id = ban->ban.id;
	return mr_acts_send_ban(acts, ban);
}

static bool restore(struct mr_acts *acts)
{
	struct mr_listed_ban *ban;
	while ((ban = mr_ban_list_after(&acts->bans, acts->restored_id)) != NULL)
		if (!restore_ban(acts, ban))
			return false;
	if (mr_acts_paused(acts) != 0 && !mr_acts_send_stop(acts))
		return false;
	acts->restoring = false;
	mr_log(MR_LOG_NOTICE, "of the last boot: %u bans%s", acts->bans.count,
		mr_acts_paused(acts) != 0 ? ", and a pause" : "");
	return true;
}

bool mr_acts_record(const struct mr_acts *acts, uint64_t *after)
{
	struct mr_node *node = acts->config.node;
	const struct mr_listed_ban *ban = mr_ban_list_after(&acts->bans, *after);
	if (!mr_node_has_room(node))
		return false;
	if (ban == NULL) {
		if (acts->bans.last_id != 0)
			(void)mr_node_ban_id(node, acts->bans.last_id);
		(void)mr_node_paused(node, acts->paused);
		return true;
	}
	(void)mr_node_ban(node, &ban->ban, 0);
	*after = ban->ban.id;
	return false;
}

uint32_t mr_acts_paused(const struct mr_acts *acts)
{
	return acts->paused[0].what | acts->paused[1].what | acts->paused[2].what;
}

bool mr_acts_work(struct mr_acts *acts, struct mr_now now)
{
	bool blocked = acts->restoring, moved = false;
	acts->now = now;
	if (acts->restoring)
		moved = restore(acts);
	expire(acts);
	mr_recent_work(&acts->recent, now.mono_ns);
	mr_throttles_work(&acts->throttles, now.mono_ns, mr_postbox_in_force(acts->config.postbox));
	if (acts->first != NULL) // what the stages have applied meanwhile counts
		moved |= mr_postbox_work(acts->config.postbox);
	for (struct mr_order *order = acts->first; order != NULL; order = order->next)
		moved |= work_on_order(acts, order, &blocked);
	moved |= mr_survey_work(acts);
	retire(acts);
	mr_gauge(acts->config.bans, acts->bans.count);
	mr_gauge(acts->config.paused, mr_acts_paused(acts));
	return moved;
}
