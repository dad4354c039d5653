#include "facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "direct.h"

static void copy_name(char *ret_name, const char *text)
{
	snprintf(ret_name, MR_FACTS_NAME_BYTES, "%.*s", MR_NAME_BYTES_MAX, text);
}

static void read_reasons(const struct mr_stats *stats, struct mr_facts *facts)
{
	for (uint32_t i = 0; i < MR_REASON_LIMIT; i++) {
		const uint64_t of_shards = mr_stats_sum_reason(stats, MR_STAGE_SHARD, i);
		const enum mr_reason_kind kind = mr_reason_info(i)->kind;

		facts->refused[i] = kind == MR_REASON_REFUSED ? of_shards : 0;
		facts->events_dropped[i] = kind == MR_REASON_DROPPED ? of_shards : 0;
		facts->deliveries_dropped[i] = mr_stats_sum_reason(stats, MR_STAGE_DELIVERY, i);
	}
	for (uint32_t i = 0; i < MR_DISCARD_COUNT; i++)
		facts->discards[i] = mr_stats_sum_discard(stats, i);
}

static void read_stages(const struct mr_stats *stats, struct mr_facts *facts)
{
	const struct mr_stats_stage *stages = mr_stats_stages(stats);

	facts->silent = (struct mr_facts_stage){0};
	for (uint32_t i = 0; i < stats->stages_count; i++) {
		const uint64_t heartbeat_ns = mr_read(&stages[i].heartbeat_ns);
		const uint64_t silent_ns =
			facts->now_ns > heartbeat_ns ? facts->now_ns - heartbeat_ns : 0;

		if (heartbeat_ns == 0 || silent_ns < facts->silent.silent_ns)
			continue; // it has not begun
		facts->silent.silent_ns = silent_ns;
		facts->silent.cpu = stages[i].cpu;
		snprintf(facts->silent.name, sizeof(facts->silent.name), "%s%u",
			mr_stage_kind_name(stages[i].kind), stages[i].index);
	}
}

static void take_webhook(const struct mr_stats_webhook *row, uint64_t id, uint64_t failing_ns,
	struct mr_facts_webhook *ret)
{
	ret->id = id;
	copy_name(ret->name, row->name);
	copy_name(ret->origin, row->origin);
	ret->pending = mr_read(&row->pending);
	ret->oldest_ns = mr_read(&row->oldest_ns);
	ret->failing_ns = failing_ns;
	ret->last_status = mr_read(&row->last_status);
	ret->eta_s = mr_read(&row->eta_s);
}

static void read_webhooks(const struct mr_stats *stats, struct mr_facts *facts)
{
	const struct mr_stats_webhook *rows = mr_stats_webhooks(stats);

	facts->lagging = facts->dead = (struct mr_facts_webhook){0};
	facts->dead_count = facts->dead_pending = 0;
	for (uint32_t i = 0; i < stats->webhooks_max; i++) {
		const uint64_t id = mr_read(&rows[i].webhook);
		const uint64_t since_ns = mr_read(&rows[i].failing_since_ns);
		const uint64_t wall_ns = (uint64_t)facts->wall_ns;

		if (id == 0 || mr_read(&rows[i].flags) & 4) // free, or gone
			continue;
		if (since_ns == 0) {
			if (mr_read(&rows[i].oldest_ns) > facts->lagging.oldest_ns)
				take_webhook(&rows[i], id, 0, &facts->lagging);
			continue;
		}
		const uint64_t failing_ns = wall_ns > since_ns ? wall_ns - since_ns : 1;

		facts->dead_count++;
		facts->dead_pending += mr_read(&rows[i].pending);
		if (failing_ns > facts->dead.failing_ns)
			take_webhook(&rows[i], id, failing_ns, &facts->dead);
	}
}

static bool is_banned(const struct mr_hot_row *row, const struct mr_facts_bans *bans)
{
	const struct mr_scope scopes[] = {
		{.kind = MR_SCOPE_OBJECT, .id = row->id},
		{.kind = MR_SCOPE_APP, .id = row->app},
		{.kind = MR_SCOPE_WORKSPACE, .id = row->workspace},
		{.kind = MR_SCOPE_DATABASE, .id = row->database},
	};

	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		if (scopes[i].id != 0 && bans->has(bans->context, &scopes[i]))
			return true;
	}
	return false;
}

static void take_object(const struct mr_hot *hot, uint32_t row, const struct mr_facts_bans *bans,
	struct mr_facts_object *ret)
{
	ret->row = hot->rows[row];
	ret->banned = is_banned(&ret->row, bans);
}

static void read_objects(
	const struct mr_stats *stats, const struct mr_facts_bans *bans, struct mr_facts *facts)
{
	struct mr_hot hot;
	uint32_t fastest = 0;

	facts->hot = facts->full = (struct mr_facts_object){0};
	facts->objects_per_s = 0;
	if (mr_hot_read(stats, MR_SCOPE_OBJECT, MR_HOT_BY_RATE, facts->now_ns, &hot) == 0
		&& hot.count > 0) {
		for (uint32_t i = 1; i < hot.count; i++) {
			if (hot.rows[i].now_per_s > hot.rows[fastest].now_per_s)
				fastest = i;
		}
		take_object(&hot, fastest, bans, &facts->hot);
		if (hot.window_ns > 0)
			facts->objects_per_s = (double)hot.total * 1e9 / (double)hot.window_ns;
	}
	if (mr_hot_read(stats, MR_SCOPE_OBJECT, MR_HOT_BY_REFUSED, facts->now_ns, &hot) == 0
		&& hot.count > 0)
		take_object(&hot, 0, bans, &facts->full);
}

void mr_facts_read(const struct mr_stats *stats, const struct mr_ledgers *ledgers,
	const struct mr_facts_bans *bans, struct mr_facts *facts)
{
	facts->boot_id = stats->boot_id;
	read_reasons(stats, facts);
	read_stages(stats, facts);
	read_webhooks(stats, facts);
	read_objects(stats, bans, facts);
	facts->journal_alarms = mr_stats_sum(stats, MR_STEWARD_JOURNAL_ALARMS);
	facts->paused = mr_stats_sum(stats, MR_STEWARD_PAUSED);
	facts->link_up = mr_stats_sum(stats, MR_STEWARD_LINK_UP);
	facts->sessions = mr_stats_sum(stats, MR_STEWARD_SESSIONS);
	facts->sessions_max = mr_stats_sum(stats, MR_STEWARD_SESSIONS_MAX);
	facts->reloads = mr_stats_sum(stats, MR_STEWARD_CONFIG_RELOADS);
	facts->reloads_failed = mr_stats_sum(stats, MR_STEWARD_CONFIG_RELOADS_FAILED);
	facts->ledgers = *ledgers;
}
