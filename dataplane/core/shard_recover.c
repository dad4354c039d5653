// What a start has found in the journal, put where the first step expects it.
#include "mr_assert.h"
#include "shard_state.h"

void mr_shard_recover_session(
	struct mr_shard *shard, uint32_t index, uint64_t app, uint64_t session_id, uint32_t epoch)
{
	static const uint64_t none[MR_WINDOW_MAX / 64];
	const bool was_open = mr_shard_open_session(shard, index, app, session_id, epoch);
	mr_assert(!was_open);
	for (uint32_t i = 0; i < shard->own_flows; i++)
		mr_flow_recover(&shard->flows[index * shard->own_flows + i], 1, none);
}

void mr_shard_recover_flow(struct mr_shard *shard, uint32_t index, uint32_t flow, uint64_t next,
	const uint64_t accepted[MR_WINDOW_MAX / 64])
{
	const struct mr_shard_config *config = &shard->config;
	mr_assert(index < shard->limits.sessions_max && shard->sessions[index].is_open);
	mr_assert(flow < config->flows);
	mr_assert(mr_shard_of_flow(flow, config->shards) == config->index);
	mr_flow_recover(
		&shard->flows[index * shard->own_flows + flow / config->shards], next, accepted);
}

bool mr_shard_recover_event(struct mr_shard *shard, const struct mr_recovered_event *event)
{
	mr_assert(event->shard == shard->config.index && event->object != 0);
	if (!mr_objects_have_room(&shard->objects))
		return false;
	const uint32_t index = mr_objects_make(&shard->objects, event->object);
	if (index == 0)
		return false;
	if (mr_object_events(&shard->objects.states[index]) == 0)
		mr_scheduler_bind(&shard->scheduler, index, event->workspace);
	mr_objects_append(&shard->objects, index, event->bytes);
	mr_objects_enqueue(&shard->objects, index, event->offset);
	mr_scheduler_settle(&shard->scheduler, index);
	mr_pin_recovered(&shard->pin, event->offset);
	mr_ledger_recovered(&shard->ledger,
		mr_ledger_find(&shard->ledger, event->app, event->workspace, event->database));
	return true;
}
