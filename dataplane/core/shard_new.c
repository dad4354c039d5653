// Building a shard: everything it will ever have is taken from the arena here.
#include <stddef.h>
#include <string.h>

#include "mr_assert.h"
#include "shard_state.h"

static bool init_peers(struct mr_shard *shard, struct mr_arena *arena)
{
	const struct mr_shard_config *config = &shard->config;
	bool has_all = true;
	for (uint32_t i = 0; i < config->shards; i++) {
		shard->shard_of_stream[config->shard_streams[i] - config->streams[0]->id] =
			(uint8_t)i;
		if (i == config->index)
			continue;
		shard->peers[i].waiting =
			mr_arena_array(arena, "waiting hops", struct mr_hop, MR_HOP_CREDITS);
		has_all &= shard->peers[i].waiting != NULL;
	}
	return has_all;
}

// Takes everything even if some of it fails: a planning arena wants to see the whole.
static bool init(
	struct mr_shard *shard, struct mr_arena *arena, const struct mr_shard_config *config)
{
	const struct mr_shard_limits *limits = &config->limits;
	const uint64_t seed = config->table_seed;
	bool has_all = true;
	memset(shard, 0, sizeof(*shard));
	shard->config = *config;
	shard->limits = *limits;
	shard->awaits_go = config->awaits_go;
	shard->own_flows = (config->flows - config->index + config->shards - 1) / config->shards;
	shard->sessions =
		mr_arena_array(arena, "sessions", struct mr_shard_session, limits->sessions_max);
	shard->flows = mr_arena_array(arena, "flow windows", struct mr_flow,
		(size_t)limits->sessions_max * shard->own_flows);
	has_all &= shard->sessions != NULL && shard->flows != NULL;
	has_all &= mr_table_init(&shard->by_session, arena, "sessions", limits->sessions_max, seed);
	has_all &= mr_refused_pool_init(&shard->refused, arena, limits->refused_runs_max);
	has_all &= mr_acks_init(&shard->acks, arena, shard->flows, config->sources,
		MR_SHARD_ACK_SLOTS, limits->ack_interval_ns);
	has_all &= mr_objects_init(&shard->objects, arena, limits->objects_max,
		config->deliveries * MR_LANE_PENALISED_MAX, limits->positions_max, seed);
	has_all &= mr_scheduler_init(&shard->scheduler, arena, &shard->objects,
		limits->quantum_units, limits->penalty_after, seed);
	has_all &= mr_ledger_init(&shard->ledger, arena, config->stats, config->scopes, seed);
	has_all &= mr_bans_init(&shard->bans, arena, MR_BANS_MAX, seed);
	has_all &= mr_subscriptions_init(&shard->subscriptions, arena, limits->webhooks_max, seed);
	has_all &= mr_pin_init(&shard->pin, arena, config->stream,
		config->journal != NULL ? config->shards * MR_HOP_CREDITS : 0, seed);
	has_all &= mr_answers_init(&shard->answers, arena, config->shards * MR_HOP_CREDITS,
		shard->config.boards, config->deliveries, config->index);
	has_all &= init_peers(shard, arena);
	return has_all;
}

struct mr_shard *mr_shard_new(struct mr_arena *arena, const struct mr_shard_config *config)
{
	static struct mr_shard planned; // what a planning arena has no memory for
	mr_assert(config->shards > 0 && config->shards <= config->flows);
	mr_assert(config->index < config->shards && config->flows <= MR_FLOWS_MAX);
	mr_assert(config->sources > 0 && config->sources <= MR_SOURCES_MAX);
	mr_assert(config->deliveries <= MR_DELIVERIES_MAX);
	struct mr_shard *shard = mr_arena_array(arena, "shards", struct mr_shard, 1);
	if (!init(shard != NULL ? shard : &planned, arena, config) || shard == NULL)
		return NULL;
	mr_tap_init(&shard->tap, config->taps);
	mr_activity_init(&shard->activity, config->tops, config->scopes, config->table_seed);
	mr_progress_init(&shard->progress);
	mr_reader_init(&shard->reader, config->streams, config->streams_count, config->backend);
	shard->walked = mr_stream_next(config->stream);
	shard->watermark = shard->walked;
	shard->undurable_max = UINT64_MAX;
	if (config->journal != NULL) {
		const uint64_t half = config->stream->size / 2;
		shard->undurable_max = config->limits.undurable_bytes_max;
		mr_assert(shard->undurable_max >= MR_RECORD_BYTES_MAX);
		if (shard->undurable_max > half)
			shard->undurable_max = half; // the buffer is short later than the disk
		for (uint32_t i = 0; i < config->deliveries; i++)
			mr_assert(mr_ring_free(config->to_delivery[i]) >= MR_MATCH_WEBHOOKS_MAX);
	}
	mr_credit_init(&shard->credit, mr_shard_free(shard));
	for (uint32_t i = 0; i < config->sources; i++)
		shard->source_ring_sizes[i] = mr_ring_free(config->to_source[i]);
	mr_gauge(mr_shard_counter(shard, MR_SHARD_BUFFER_BYTES), config->stream->size);
	return shard;
}
