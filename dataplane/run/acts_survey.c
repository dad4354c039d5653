// What waits of a scope, counted or dropped by all shards and delivery stages at once. There is one
// survey at a time; orders queue for it.
#include <string.h>

#include <millrace/reason.h>

#include "acts.h"
#include "mr_assert.h"

static bool is_worker(const struct mr_acts *acts, uint32_t stage)
{
	return acts->config.workers.bits[stage / 64] & UINT64_C(1) << stage % 64;
}

static uint8_t reason_of(const struct mr_order *order)
{
	if (order->flags & MR_ACT_DRY_RUN)
		return MR_REASON_OK;
	return order->flags & MR_ACT_PURGE ? MR_REASON_BANNED_PENDING : MR_REASON_PURGED;
}

static bool begin(struct mr_acts *acts, struct mr_order *order)
{
	struct mr_post *post = mr_postbox_take(acts->config.postbox);
	struct mr_survey *survey = acts->survey;
	if (post == NULL)
		return false;
	*survey = (struct mr_survey){.scope = order->act.ban.rule.scope,
		.with_descendants = order->with_descendants,
		.drop_reason = reason_of(order)};
	post->msg.kind = MR_STEWARD_SURVEY;
	post->msg.survey = survey;
	mr_postbox_send(acts->config.postbox, post, acts->config.workers, NULL, NULL, 0);
	order->state = MR_ORDER_WALKING;
	acts->surveyor = order;
	return true;
}

static bool is_walked(const struct mr_acts *acts)
{
	for (uint32_t stage = 0; stage < MR_STAGES_MAX; stage++)
		if (is_worker(acts, stage)
			&& !atomic_load_explicit(
				&acts->survey->parts[stage].done, memory_order_acquire))
			return false;
	return true;
}

static void end(struct mr_acts *acts, struct mr_order *order)
{
	struct mr_control_effect *effect = &order->effect;
	for (uint32_t stage = 0; stage < MR_STAGES_MAX; stage++) {
		const struct mr_survey_part *part = &acts->survey->parts[stage];
		if (!is_worker(acts, stage))
			continue;
		effect->queued_events += part->events;
		effect->pending_deliveries += part->deliveries;
		effect->webhooks += part->webhooks;
	}
	effect->generation = mr_postbox_in_force(acts->config.postbox);
	effect->recent_events =
		mr_recent_events(&acts->recent, order->act.ban.rule.scope, acts->now.mono_ns);
	order->act.subject = effect->queued_events + effect->pending_deliveries;
	order->act.at_ns = acts->now.wall_ns;
	if (!(order->flags & MR_ACT_DRY_RUN))
		effect->id = mr_act_log_add(&acts->log, &order->act);
	order->state = MR_ORDER_DONE;
	acts->surveyor = NULL;
}

static struct mr_order *next_surveyor(const struct mr_acts *acts)
{
	struct mr_order *order = acts->first;
	while (order != NULL && order->state != MR_ORDER_SURVEY)
		order = order->next;
	return order;
}

bool mr_survey_work(struct mr_acts *acts)
{
	bool moved = false;
	if (acts->surveyor != NULL && is_walked(acts)) {
		end(acts, acts->surveyor);
		moved = true;
	}
	if (acts->surveyor == NULL) {
		struct mr_order *order = next_surveyor(acts);
		moved |= order != NULL && begin(acts, order);
	}
	return moved;
}
