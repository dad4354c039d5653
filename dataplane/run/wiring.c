#include "wiring.h"

#include <arpa/inet.h>
#include <string.h>

#include "mr_assert.h"

enum {
	SOURCE_RING = 4096, // packets to one shard; a full one is discarded as busy
	LANE_RING = 8192, // deliveries always empty theirs first
	HOLD_RING = 1024,
	STEWARD_RING = 128,
	ACK_INTERVAL_NS = 300000,
	STREAM_BYTES_MIN = 65536,
};

struct mr_stage_numbers mr_number_stages(const struct mr_topology *topology)
{
	struct mr_stage_numbers numbers = {.shard = topology->sources};
	numbers.journal = numbers.shard + topology->shards;
	numbers.delivery = numbers.journal + 1;
	numbers.steward = numbers.delivery + topology->deliveries;
	numbers.count = numbers.steward + 1;
	mr_assert(numbers.count <= MR_STAGES_MAX);
	return numbers;
}

uint32_t mr_stage_number(const struct mr_stage_numbers *numbers, struct mr_place place)
{
	const uint32_t first[MR_STAGE_KIND_COUNT] = {[MR_STAGE_INGEST] = numbers->source,
		[MR_STAGE_SHARD] = numbers->shard,
		[MR_STAGE_JOURNAL] = numbers->journal,
		[MR_STAGE_DELIVERY] = numbers->delivery,
		[MR_STAGE_STEWARD] = numbers->steward};
	return first[place.kind] + place.index;
}

struct mr_tune mr_tune_of(const struct mr_config *config)
{
	return (struct mr_tune){
		.object_queue_events = (uint32_t)config->object_queue_events,
		.object_queue_bytes = (uint32_t)config->object_queue_bytes,
		.penalty_after = (uint32_t)config->object_penalty_after,
		.penalised_max = (uint32_t)config->lane_penalised_max,
		.batch_events_max = (uint32_t)config->batch_events_max,
		.batch_bytes_max = (uint32_t)config->batch_bytes_max,
		.batch_age_ns = config->batch_age_ns,
		.connect_timeout_ns = config->connect_timeout_ns,
		.request_timeout_ns = config->request_timeout_ns,
		.retry_base_ns = config->retry_base_ns,
		.retry_cap_ns = config->retry_cap_ns,
		.expire_after_ns = config->expire_after_ns,
		.heartbeat_ns = config->heartbeat_ns,
	};
}

// A stage's part of a total, at least `min`.
static uint32_t part(uint64_t total, uint32_t stages, uint32_t min)
{
	uint64_t each = total / stages;
	return (uint32_t)(each > min ? each : min);
}

// Largest power of two that fits the part.
static uint64_t stream_bytes(uint64_t total, uint32_t stages)
{
	uint64_t each = total / stages;
	uint64_t bytes = STREAM_BYTES_MIN;
	while (bytes * 2 <= each)
		bytes *= 2;
	return bytes;
}

// -- Streams and rings

static bool wire_streams(struct mr_wiring *wiring, struct mr_arena *arena)
{
	const struct mr_topology *topology = wiring->topology;
	bool done = true;
	wiring->streams_count = topology->shards + topology->deliveries;
	for (uint32_t i = 0; i < wiring->streams_count; i++) {
		bool is_shard = i < topology->shards;
		uint64_t bytes = is_shard
			? stream_bytes(wiring->config->shard_buffer_bytes, topology->shards)
			: stream_bytes(wiring->config->delivery_buffer_bytes, topology->deliveries);
		done = mr_stream_init(
			       &wiring->streams[i], arena, (uint16_t)i, bytes, MR_STREAM_START)
			&& done;
		wiring->stream_table[i] = &wiring->streams[i];
	}
	return done;
}

static bool wire_ring(
	struct mr_ring **ret_ring, struct mr_arena *arena, const char *name, uint64_t capacity)
{
	*ret_ring = mr_ring_new(arena, name, (uint32_t)capacity);
	return *ret_ring != NULL;
}

static bool wire_shard_rings(struct mr_wiring *wiring, struct mr_arena *arena, uint32_t shard)
{
	const struct mr_topology *topology = wiring->topology;
	// Every frame and every ACK may be on its way back beside as many SHED messages: never
	// full.
	uint64_t back = 2 * (wiring->config->port_mbufs + MR_SHARD_ACK_SLOTS);
	bool done = true;
	for (uint32_t i = 0; i < topology->sources; i++) {
		done = wire_ring(&wiring->source_shard[i][shard], arena, "rings: source to shard",
			       SOURCE_RING)
			&& done;
		done = wire_ring(&wiring->shard_source[shard][i], arena, "rings: shard to source",
			       back)
			&& done;
	}
	for (uint32_t i = 0; i < topology->shards; i++)
		if (i != shard)
			done = wire_ring(&wiring->shard_shard[shard][i], arena,
				       "rings: shard to shard", 2 * MR_HOP_CREDITS)
				&& done;
	for (uint32_t i = 0; i < topology->deliveries; i++) {
		done = wire_ring(&wiring->shard_delivery[shard][i], arena,
			       "rings: shard to delivery", LANE_RING)
			&& done;
		done = wire_ring(&wiring->delivery_shard[i][shard], arena,
			       "rings: delivery to shard", HOLD_RING)
			&& done;
	}
	return done;
}

static bool wire_rings(struct mr_wiring *wiring, struct mr_arena *arena)
{
	const struct mr_stage_numbers *numbers = &wiring->numbers;
	bool done = true;
	for (uint32_t shard = 0; shard < wiring->topology->shards; shard++)
		done = wire_shard_rings(wiring, arena, shard) && done;
	for (uint32_t i = 0; i < numbers->steward; i++) {
		bool is_shard = i >= numbers->shard && i < numbers->journal;
		if (i == numbers->journal)
			continue;
		done = wire_ring(&wiring->from_steward[i], arena, "rings: steward", STEWARD_RING)
			&& done;
		if (!is_shard)
			done = wire_ring(&wiring->to_steward[i], arena, "rings: steward",
				       STEWARD_RING)
				&& done;
	}
	return done;
}

// -- Stages

static struct mr_stats_stage *stats_of(const struct mr_wiring *wiring, uint32_t number)
{
	return &wiring->segment->stages[number];
}

static bool wire_stage(struct mr_wiring *wiring, struct mr_place place, void *state,
	enum mr_poll (*step)(void *, struct mr_now, struct mr_budget), uint64_t (*next_due)(void *))
{
	uint32_t number = mr_stage_number(&wiring->numbers, place);
	mr_place_format(place, wiring->names[number], sizeof(wiring->names[number]));
	wiring->stages[number] = (struct mr_stage){.name = wiring->names[number],
		.kind = place.kind,
		.index = place.index,
		.state = state,
		.step = step,
		.next_due = next_due,
		.stats = stats_of(wiring, number)};
	return state != NULL;
}

static bool wire_source(struct mr_wiring *wiring, struct mr_arena *arena,
	const struct mr_wiring_port *port, uint32_t index)
{
	const struct mr_config *config = wiring->config;
	uint32_t number = wiring->numbers.source + index;
	struct mr_ingest_config ingest = {.index = index,
		.shards = wiring->topology->shards,
		.flows = (uint32_t)config->flows,
		.hash_seed = config->hash_seed,
		.is_volatile = config->is_volatile,
		.port_base = (uint16_t)config->ingest_port,
		.sessions_max = (uint32_t)config->sessions_max,
		.nic = port->nic,
		.from_steward = wiring->from_steward[number],
		.to_steward = wiring->to_steward[number],
		.stats = stats_of(wiring, number)};
	memcpy(ingest.mac, port->mac, sizeof(ingest.mac));
	// None is all zeros; anything else was checked when it was read.
	bool has_ipv4 = inet_pton(AF_INET, config->port_ipv4, ingest.ipv4) == 1;
	bool has_ipv6 = inet_pton(AF_INET6, config->port_ipv6, ingest.ipv6) == 1;
	mr_assert(has_ipv4 == (config->port_ipv4[0] != '\0')
		&& has_ipv6 == (config->port_ipv6[0] != '\0'));
	for (uint32_t shard = 0; shard < wiring->topology->shards; shard++) {
		ingest.to_shard[shard] = wiring->source_shard[index][shard];
		ingest.from_shard[shard] = wiring->shard_source[shard][index];
	}
	return wire_stage(wiring, (struct mr_place){MR_STAGE_INGEST, index},
		mr_ingest_new(arena, &ingest), mr_ingest_step, NULL);
}

static struct mr_shard_limits shard_limits(const struct mr_config *config, uint32_t shards)
{
	return (struct mr_shard_limits){
		.objects_max = part(config->objects_max, shards, 64),
		.positions_max = part(config->positions_max, shards, 64),
		.sessions_max = (uint32_t)config->sessions_max,
		.refused_runs_max = part(config->refused_runs_max, shards, 64),
		.webhooks_max =
			(uint32_t)config
				->webhooks_max, // all of them may be on the objects of one shard
		.reorder_packets_max = part(config->port_mbufs / 4, shards, 1),
		.object_queue_events = (uint32_t)config->object_queue_events,
		.object_queue_bytes = (uint32_t)config->object_queue_bytes,
		.penalty_after = (uint32_t)config->object_penalty_after,
		.quantum_units = (uint32_t)config->object_quantum_units,
		.ack_interval_ns = ACK_INTERVAL_NS,
		.progress_interval_ns = config->progress_interval_ns,
	};
}

static bool wire_shard(struct mr_wiring *wiring, struct mr_arena *arena, uint32_t index)
{
	const struct mr_topology *topology = wiring->topology;
	uint32_t number = wiring->numbers.shard + index;
	struct mr_shard_config shard = {.index = index,
		.shards = topology->shards,
		.flows = (uint32_t)wiring->config->flows,
		.sources = topology->sources,
		.deliveries = topology->deliveries,
		.hash_seed = wiring->config->hash_seed,
		.table_seed = wiring->secret_seed,
		.is_volatile = wiring->config->is_volatile,
		.limits = shard_limits(wiring->config, topology->shards),
		.stream = &wiring->streams[index],
		.streams = wiring->stream_table,
		.streams_count = wiring->streams_count,
		.backend = wiring->backend.reader,
		.from_steward = wiring->from_steward[number],
		.stats = stats_of(wiring, number),
		.scopes = mr_segment_scopes(wiring->segment, index)};
	for (uint32_t i = 0; i < topology->sources; i++) {
		shard.from_source[i] = wiring->source_shard[i][index];
		shard.to_source[i] = wiring->shard_source[index][i];
	}
	for (uint32_t i = 0; i < topology->shards; i++) {
		shard.shard_streams[i] = (uint16_t)i;
		shard.from_shard[i] = wiring->shard_shard[i][index];
		shard.to_shard[i] = wiring->shard_shard[index][i];
	}
	for (uint32_t i = 0; i < topology->deliveries; i++) {
		shard.to_delivery[i] = wiring->shard_delivery[index][i];
		shard.from_delivery[i] = wiring->delivery_shard[i][index];
		shard.boards[i] = wiring->boards[i];
	}
	return wire_stage(wiring, (struct mr_place){MR_STAGE_SHARD, index},
		mr_shard_new(arena, &shard), mr_shard_step, mr_shard_next_due);
}

static bool wire_journal(struct mr_wiring *wiring, struct mr_arena *arena)
{
	struct mr_journal_config journal = {.streams = wiring->stream_table,
		.streams_count = wiring->streams_count,
		.backend = wiring->backend,
		.stats = stats_of(wiring, wiring->numbers.journal)};
	return wire_stage(wiring, (struct mr_place){MR_STAGE_JOURNAL, 0},
		mr_journal_new(arena, &journal), mr_journal_step, NULL);
}

static struct mr_delivery_limits delivery_limits(
	const struct mr_config *config, uint32_t deliveries)
{
	return (struct mr_delivery_limits){
		.lanes_max = (uint32_t)config->webhooks_max,
		.entries_max = part(config->lane_entries_max, deliveries, 64),
		.endpoints_max = part(config->endpoints_max, deliveries, 1),
		.connections_max = part(config->connections_max, deliveries, 2),
		.connections_per_endpoint = (uint32_t)config->connections_per_endpoint,
		.connections_per_host = (uint32_t)config->connections_per_host,
		.fragment_cache_bytes = config->fragment_cache_bytes / deliveries,
		.progress_interval_ns = config->progress_interval_ns,
		.tune = mr_tune_of(config),
	};
}

static bool wire_delivery(struct mr_wiring *wiring, struct mr_arena *arena, uint32_t index)
{
	const struct mr_topology *topology = wiring->topology;
	uint32_t number = wiring->numbers.delivery + index;
	struct mr_delivery_config delivery = {.index = index,
		.shards = topology->shards,
		.boot_id = wiring->boot_id,
		.limits = delivery_limits(wiring->config, topology->deliveries),
		.stream = &wiring->streams[topology->shards + index],
		.streams = wiring->stream_table,
		.streams_count = wiring->streams_count,
		.backend = wiring->backend.reader,
		.from_steward = wiring->from_steward[number],
		.to_steward = wiring->to_steward[number],
		.board = wiring->boards[index],
		.stats = stats_of(wiring, number),
		.webhooks = wiring->segment->webhooks,
		.rng_seed = wiring->secret_seed + index};
	for (uint32_t shard = 0; shard < topology->shards; shard++) {
		delivery.shard_streams[shard] = (uint16_t)shard;
		delivery.from_shard[shard] = wiring->shard_delivery[shard][index];
		delivery.to_shard[shard] = wiring->delivery_shard[index][shard];
	}
	return wire_stage(wiring, (struct mr_place){MR_STAGE_DELIVERY, index},
		mr_delivery_new(arena, &delivery), mr_delivery_step, mr_delivery_next_due);
}

void mr_stage_attach(void *state, struct mr_net *net)
{
	mr_delivery_attach(state, net);
}

void mr_stage_detach(void *state)
{
	mr_delivery_free(state);
}

bool mr_wire(struct mr_wiring *wiring, struct mr_arena *arena, const struct mr_wiring_port *port)
{
	const struct mr_topology *topology = wiring->topology;
	wiring->numbers = mr_number_stages(topology);
	if (wiring->backend.commit == NULL)
		wiring->backend = mr_backend_volatile();
	bool done = wire_streams(wiring, arena);
	done = wire_rings(wiring, arena) && done;
	for (uint32_t i = 0; i < topology->deliveries; i++)
		wiring->boards[i] =
			mr_arena_array(arena, "delivery boards", struct mr_delivery_board, 1);
	for (uint32_t i = 0; i < topology->deliveries;
		i++) // first: they fill the boards that the shards read
		done = wire_delivery(wiring, arena, i) && done;
	for (uint32_t i = 0; i < topology->shards; i++)
		done = wire_shard(wiring, arena, i) && done;
	done = wire_journal(wiring, arena) && done;
	for (uint32_t i = 0; i < topology->sources; i++)
		done = wire_source(wiring, arena, port, i) && done;
	return done;
}
