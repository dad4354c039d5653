// What would happen to an event, by the code that would make it happen: nothing is accepted,
// nothing changes. The owner of the object tells what admission would say and how the object
// stands; the owner of each resource which webhooks would hear of it.
#include <string.h>

#include "event_codec.h"
#include "mr_assert.h"
#include "shard_state.h"
#include "steward_msg.h"

// As the event would stand in a record.
static struct mr_lineage lineage_of(const struct mr_explain *explain)
{
	uint8_t bytes[MR_LINEAGE_BYTES] = {0};
	const size_t room = sizeof(bytes) - sizeof(struct mr_record_event);
	const struct mr_record_event head = {
		.record.length = (uint32_t)sizeof(head) + explain->event_bytes,
		.app = explain->app,
	};
	struct mr_lineage lineage;
	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), explain->event,
		explain->event_bytes < room ? explain->event_bytes : room);
	mr_lineage_parse(bytes, &lineage);
	return lineage;
}

// Whether an event of the app is held, and this one would go behind it.
static bool is_behind(const struct mr_shard *shard, uint32_t index, uint64_t app)
{
	uint32_t row = MR_LEDGER_OTHER;
	if (app != 0)
		(void)mr_table_find(&shard->ledger.rows[0], app, &row);
	return mr_objects_is_behind(&shard->objects, index, (uint8_t)row);
}

// How the object stands, and whether its next event would wait for a ban.
static void tell_object(const struct mr_shard *shard, uint32_t index,
	const struct mr_lineage *lineage, struct mr_control_explained *answer)
{
	const struct mr_object *state = &shard->objects.states[index];
	const struct mr_ban_entry *ban = mr_shard_holding(shard, lineage);
	answer->object_held = ban != NULL;
	if (ban != NULL && answer->reason == MR_REASON_OK)
		answer->scope = ban->rule.scope;
	if (index == 0)
		return;
	answer->object_events = mr_object_events(state);
	answer->object_penalised = (state->flags & MR_OBJECT_PENALISED) != 0;
	answer->object_held = answer->object_held || state->holds > 0
		|| is_behind(shard, index, lineage->origin.app);
}

static void tell_admission(
	const struct mr_shard *shard, struct mr_explain *explain, const struct mr_lineage *lineage)
{
	struct mr_control_explained *answer = &explain->answer;
	const uint64_t object = lineage->gids[0];
	const uint32_t slot = mr_slot_of(object, shard->config.hash_seed);
	struct mr_refusal refusal = {.reason = MR_REASON_OK};
	struct mr_tolls tolls;
	uint32_t index = 0;
	answer->slot = slot;
	answer->flow = (uint16_t)mr_flow_of_slot(slot, shard->config.flows);
	answer->shard = (uint16_t)shard->config.index;
	answer->reason = mr_shard_judge(shard, object, lineage->bytes, &index);
	if (answer->reason == MR_REASON_OBJECT_FULL)
		answer->scope = (struct mr_scope){.id = object, .kind = MR_SCOPE_OBJECT};
	// What operators have stopped comes first at admission, too.
	const uint8_t restriction =
		mr_shard_restrict(shard, explain->app, explain->event, false, &refusal, &tolls);
	if (restriction != MR_REASON_OK) {
		answer->reason = restriction;
		answer->scope = (struct mr_scope){
			.id = refusal.scope_id,
			.kind = refusal.scope_kind,
		};
	}
	tell_object(shard, index, lineage, answer);
	for (uint32_t at = 0; at < lineage->count; at++)
		if (mr_lineage_cut(lineage, at) == MR_LINEAGE_GOES)
			answer->hops++;
}

static uint8_t why_of(enum mr_lineage_cut cut, bool wants)
{
	if (cut == MR_LINEAGE_DIAMOND)
		return MR_EXPLAIN_CUT_DIAMOND;
	if (cut == MR_LINEAGE_CYCLE)
		return MR_EXPLAIN_CUT_CYCLE;
	return wants ? MR_EXPLAIN_WANTED : MR_EXPLAIN_FILTERED;
}

static void tell_webhooks(const struct mr_shard *shard, const struct mr_event *event,
	const struct mr_lineage *lineage, uint32_t at, struct mr_control_explained *answer)
{
	struct mr_subscription_verdict verdicts[MR_EXPLAIN_WEBHOOKS_MAX];
	const uint8_t ancestor = at == 0 ? MR_VIA_OBJECT : (uint8_t)(at - 1);
	const uint32_t room = MR_EXPLAIN_WEBHOOKS_MAX - answer->webhooks_count;
	const uint32_t count = mr_subscriptions_judge(
		&shard->subscriptions, lineage->gids[at], event, ancestor, room, verdicts);
	const uint32_t told = count < room ? count : room;
	const enum mr_lineage_cut cut = mr_lineage_cut(lineage, at);
	mr_assert(answer->webhooks_count <= MR_EXPLAIN_WEBHOOKS_MAX);
	for (uint32_t i = 0; i < told; i++)
		answer->webhooks[answer->webhooks_count++] = (struct mr_explain_webhook){
			.webhook = verdicts[i].webhook,
			.resource = lineage->gids[at],
			.lane = verdicts[i].lane,
			.ancestor = ancestor,
			.why = why_of(cut, verdicts[i].wants),
		};
	answer->more += count - told;
}

void mr_shard_explain(const struct mr_shard *shard, struct mr_explain *explain)
{
	const struct mr_lineage lineage = lineage_of(explain);
	struct mr_event event;
	if (explain->shard != shard->config.index)
		return; // another one is asked
	mr_event_decode(explain->event, &event);
	mr_assert(event.object == lineage.gids[0]);
	if (mr_shard_owner(shard, event.object) == shard->config.index)
		tell_admission(shard, explain, &lineage);
	for (uint32_t at = 0; at < lineage.count; at++)
		if (mr_shard_owner(shard, lineage.gids[at]) == shard->config.index)
			tell_webhooks(shard, &event, &lineage, at, &explain->answer);
}
