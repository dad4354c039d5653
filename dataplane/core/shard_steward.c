// What the steward and the delivery stages tell a shard: sessions, subscriptions, limits, holds.
#include <errno.h>
#include <stddef.h>

#include "hash.h"
#include "mr_assert.h"
#include "shard_state.h"
#include "steward_msg.h"

static uint64_t key_of(uint64_t app, uint64_t session_id)
{
	const uint64_t key = mr_hash_u64(session_id, app);
	return key != 0 ? key : 1;
}

static bool is_session(const struct mr_shard_session *session, uint64_t app, uint64_t session_id)
{
	return session->is_open && session->session_id == session_id && session->app == app;
}

struct mr_shard_session *mr_shard_find_session(
	struct mr_shard *shard, uint64_t app, uint64_t session_id, uint32_t *ret_index)
{
	uint32_t index = shard->session_hint;
	if (!is_session(&shard->sessions[index], app, session_id)) {
		if (!mr_table_find(&shard->by_session, key_of(app, session_id), &index)
			|| !is_session(&shard->sessions[index], app, session_id))
			return NULL;
		shard->session_hint = index;
	}
	*ret_index = index;
	return &shard->sessions[index];
}

void mr_shard_learn(struct mr_shard *shard, struct mr_flow *flow, uint64_t known)
{
	const uint64_t before = mr_credit_of(flow);
	mr_flow_known(flow, &shard->refused, known);
	mr_credit_changed(&shard->credit, flow, before);
}

static void close_session(struct mr_shard *shard, uint32_t index)
{
	struct mr_shard_session *session = &shard->sessions[index];
	if (!session->is_open)
		return;
	for (uint32_t i = 0; i < shard->own_flows; i++) {
		const uint32_t at = index * shard->own_flows + i;
		struct mr_flow *flow = &shard->flows[at];
		mr_admission_drop_reorder(shard, flow);
		mr_refused_forget(&flow->refused, &shard->refused, UINT64_MAX);
		mr_acks_cancel(&shard->acks, at);
		const uint64_t granted = mr_credit_of(flow);
		flow->edge = flow->next;
		mr_credit_changed(&shard->credit, flow, granted);
	}
	uint32_t found = 0;
	const uint64_t key = key_of(session->app, session->session_id);
	if (mr_table_find(&shard->by_session, key, &found) && found == index)
		(void)mr_table_remove(&shard->by_session, key);
	session->is_open = false;
}

bool mr_shard_open_session(
	struct mr_shard *shard, uint32_t index, uint64_t app, uint64_t session_id, uint32_t epoch)
{
	mr_assert(index < shard->limits.sessions_max && session_id != 0);
	struct mr_shard_session *session = &shard->sessions[index];
	const bool resumes = is_session(session, app, session_id);
	if (!resumes) {
		close_session(shard, index);
		*session = (struct mr_shard_session){
			.app = app,
			.session_id = session_id,
			.is_open = true,
		};
		// Producers choose their ids: one that is made to have another's key finds no place
		// and never hears that anything is settled. Nobody else notices.
		const int r = mr_table_add(&shard->by_session, key_of(app, session_id), index);
		mr_assert(r == 0 || r == -EEXIST); // as many keys as sessions
	}
	session->epoch = epoch;
	return resumes;
}

static void open_session(struct mr_shard *shard, struct mr_session *message)
{
	const struct mr_shard_config *config = &shard->config;
	const bool resumes = mr_shard_open_session(
		shard, message->index, message->app, message->session_id, message->epoch);
	for (uint32_t i = 0; i < shard->own_flows; i++) {
		const uint32_t number = i * config->shards + config->index;
		struct mr_flow *flow = &shard->flows[message->index * shard->own_flows + i];
		if (number >= config->flows)
			break;
		if (resumes)
			mr_shard_learn(shard, flow, message->known[number]);
		else
			mr_flow_open(flow, message->known[number]);
		(void)mr_credit_extend(&shard->credit, flow, mr_shard_free(shard));
		message->grants[number] =
			(struct mr_wire_grant){.next = flow->next, .edge = flow->edge};
	}
}

static void tune(struct mr_shard *shard, const struct mr_tune *tune)
{
	mr_assert(tune->object_queue_events > 0 && tune->object_queue_bytes > 0);
	shard->limits.object_queue_events = tune->object_queue_events;
	shard->limits.object_queue_bytes = tune->object_queue_bytes;
	shard->limits.penalty_after = tune->penalty_after;
	shard->scheduler.penalty_after = tune->penalty_after;
}

static void handle(struct mr_shard *shard, struct mr_steward_msg *message)
{
	switch (message->kind) {
	case MR_STEWARD_SESSION_OPEN:
		open_session(shard, &message->session);
		break;
	case MR_STEWARD_SESSION_CLOSE:
		if (message->session.index < shard->limits.sessions_max)
			close_session(shard, message->session.index);
		break;
	case MR_STEWARD_WEBHOOK_ADD:
		if (message->webhook.shard == shard->config.index) {
			const int r =
				mr_subscriptions_add(&shard->subscriptions, &message->webhook);
			mr_expect(r == 0); // the steward keeps to webhooks.max
		}
		break;
	case MR_STEWARD_WEBHOOK_REMOVE:
		(void)mr_subscriptions_remove(&shard->subscriptions, message->webhook.id);
		break;
	case MR_STEWARD_TUNE:
		tune(shard, &message->tune);
		break;
	case MR_STEWARD_GO:
		shard->awaits_go = false;
		break;
	case MR_STEWARD_BAN:
		mr_shard_ban(shard, &message->ban);
		break;
	case MR_STEWARD_UNBAN:
		mr_shard_unban(shard, message->ban.rule.scope);
		break;
	case MR_STEWARD_STOP:
		mr_assert(message->stopped <= MR_PAUSE_ALL);
		shard->stopped = message->stopped;
		break;
	case MR_STEWARD_SURVEY:
		mr_shard_begin_survey(shard, message->survey);
		break;
	case MR_STEWARD_EXPLAIN:
		mr_shard_explain(shard, message->explain);
		break;
	case MR_STEWARD_TAP:
		mr_tap_follow(&shard->tap, message->tap.objects, message->tap.count);
		break;
	case MR_STEWARD_WEBHOOK_TEST:
	case MR_STEWARD_KEYS:
	case MR_STEWARD_PAUSE:
	case MR_STEWARD_WELCOME:
		break; // for sources
	}
}

uint32_t mr_shard_obey(struct mr_shard *shard)
{
	struct mr_desc burst[MR_BURST_MAX];
	const uint32_t taken = mr_ring_pop_burst(shard->config.from_steward, burst, MR_BURST_MAX);
	for (uint32_t i = 0; i < taken; i++) {
		struct mr_steward_msg *message =
			(struct mr_steward_msg *)(uintptr_t)burst[i].word[0];
		const uint64_t generation = message->generation;
		handle(shard, message);
		// From here on the message may be gone.
		atomic_store_explicit(
			&shard->config.stats->generation, generation, memory_order_release);
	}
	return taken;
}

static void take_hold(struct mr_shard *shard, const struct mr_hold_msg *message)
{
	mr_assert(message->object != 0);
	if (message->kind == MR_HOLD) {
		mr_objects_hold(&shard->objects, message->object);
		return;
	}
	const uint32_t index = mr_objects_find(&shard->objects, message->object);
	if (index == 0 || shard->objects.states[index].holds == 0)
		return; // one too many
	mr_objects_release(&shard->objects, index);
	mr_scheduler_settle(&shard->scheduler, index);
}

uint32_t mr_shard_take_holds(struct mr_shard *shard)
{
	struct mr_desc burst[MR_BURST_MAX];
	uint32_t handled = 0;
	for (uint32_t i = 0; i < shard->config.deliveries; i++) {
		const uint32_t taken =
			mr_ring_pop_burst(shard->config.from_delivery[i], burst, MR_BURST_MAX);
		for (uint32_t at = 0; at < taken; at++) {
			const struct mr_hold_msg message =
				mr_desc_to(struct mr_hold_msg, burst[at]);
			take_hold(shard, &message);
		}
		handled += taken;
	}
	return handled;
}
