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
	// A checkpoint writes the whole state of a lane at once: eight sub-lanes, their batches and
	// lists.
	DURABLE_DELIVERY_BYTES_MIN = 1 << 19,
	NODE_BYTES = 1 << 20,
	SHARD_CHUNKS = 16, // of the journal, kept by a shard
	DELIVERY_CHUNKS = 64, // and by a delivery stage: a lane that drains uses one
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
	uint64_t bytes = STREAM_BYTES_MIN;
	while (bytes * 2 <= total / stages)
		bytes *= 2;
	return bytes;
}

// -- Streams and rings

static uint64_t buffer_of(const struct mr_wiring *wiring, uint32_t stream)
{
	const struct mr_topology *topology = wiring->topology;
	if (stream < topology->shards)
		return stream_bytes(wiring->config->shard_buffer_bytes, topology->shards);
	if (stream >= topology->shards + topology->deliveries)
		return NODE_BYTES;
	uint64_t bytes = stream_bytes(wiring->config->delivery_buffer_bytes, topology->deliveries);
	bool is_small = wiring->disk != NULL && bytes < DURABLE_DELIVERY_BYTES_MIN;
	return is_small ? DURABLE_DELIVERY_BYTES_MIN : bytes;
}

static bool wire_streams(struct mr_wiring *wiring, struct mr_arena *arena)
{
	const struct mr_wiring_disk *disk = wiring->disk;
	bool done = true;
	if (wiring->backend.commit == NULL && disk == NULL)
		wiring->backend = mr_backend_volatile();
	wiring->streams_count = mr_streams_count(wiring);
	for (uint32_t i = 0; i < wiring->streams_count; i++) {
		uint32_t id = disk != NULL ? disk->place.first_stream + i : i;
		bool goes_on = disk != NULL && disk->ends[i] != 0;
		done = mr_stream_init(&wiring->streams[i], arena, (uint16_t)id,
			       buffer_of(wiring, i), goes_on ? disk->ends[i] : MR_STREAM_START)
			&& done;
		wiring->stream_table[i] = &wiring->streams[i];
	}
	if (disk != NULL)
		wiring->node = &wiring->streams[wiring->streams_count - 1];
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

bool mr_wire_stage(struct mr_wiring *wiring, struct mr_place place, void *state,
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
	struct mr_ingest *source = mr_ingest_new(arena, &ingest);
	wiring->seen[index] = source != NULL ? mr_ingest_seen(source) : NULL;
	return mr_wire_stage(
		wiring, (struct mr_place){MR_STAGE_INGEST, index}, source, mr_ingest_step, NULL);
}

// Bytes of events that one shard may have under way to the disk.
static uint64_t undurable_bytes(const struct mr_wiring *wiring, uint32_t shards)
{
	uint64_t bytes = wiring->disk != NULL ? wiring->disk->plan.segment_bytes / 2 / shards : 0;
	return bytes > MR_RECORD_BYTES_MAX ? bytes : MR_RECORD_BYTES_MAX;
}

static struct mr_shard_limits shard_limits(const struct mr_wiring *wiring, uint32_t shards)
{
	const struct mr_config *config = wiring->config;
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
		.undurable_bytes_max = undurable_bytes(wiring, shards),
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
		.awaits_go = wiring->disk != NULL,
		.limits = shard_limits(wiring, topology->shards),
		.stream = &wiring->streams[index],
		.streams = wiring->stream_table,
		.streams_count = wiring->streams_count,
		.backend = mr_wire_reader(wiring, arena, number, SHARD_CHUNKS),
		.from_steward = wiring->from_steward[number],
		.journal = wiring->journal_board,
		.owner = wiring->owners[index],
		.throttles = wiring->throttles[index],
		.stats = stats_of(wiring, number),
		.scopes = mr_segment_scopes(wiring->segment, index),
		.taps = &wiring->segment->taps[index],
		.tops = mr_segment_tops(wiring->segment, index)};
	for (uint32_t i = 0; i < topology->sources; i++) {
		shard.from_source[i] = wiring->source_shard[i][index];
		shard.to_source[i] = wiring->shard_source[index][i];
	}
	for (uint32_t i = 0; i < topology->shards; i++) {
		shard.shard_streams[i] = wiring->streams[i].id;
		shard.from_shard[i] = wiring->shard_shard[i][index];
		shard.to_shard[i] = wiring->shard_shard[index][i];
	}
	for (uint32_t i = 0; i < topology->deliveries; i++) {
		shard.to_delivery[i] = wiring->shard_delivery[index][i];
		shard.from_delivery[i] = wiring->delivery_shard[i][index];
		shard.boards[i] = wiring->boards[i];
		shard.feeds[i] = wiring->feeds[index][i];
	}
	return mr_wire_stage(wiring, (struct mr_place){MR_STAGE_SHARD, index},
		mr_shard_new(arena, &shard), mr_shard_step, mr_shard_next_due);
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
		.number = number,
		.shards = topology->shards,
		.boot_id = wiring->boot_id,
		.limits = delivery_limits(wiring->config, topology->deliveries),
		.stream = &wiring->streams[topology->shards + index],
		.streams = wiring->stream_table,
		.streams_count = wiring->streams_count,
		.backend = mr_wire_reader(wiring, arena, number, DELIVERY_CHUNKS),
		.from_steward = wiring->from_steward[number],
		.to_steward = wiring->to_steward[number],
		.board = wiring->boards[index],
		.journal = wiring->journal_board,
		.is_durable = wiring->disk != NULL,
		.map = wiring->disk != NULL ? wiring->disk->map : NULL,
		.owner = wiring->owners[topology->shards + index],
		.needs = wiring->needs[index],
		.stats = stats_of(wiring, number),
		.webhooks = wiring->segment->webhooks,
		.rng_seed = wiring->secret_seed + index};
	if (wiring->segment->attempts != NULL)
		delivery.attempts = &wiring->segment->attempts[index];
	if (wiring->segment->taps != NULL)
		delivery.taps = &wiring->segment->taps[topology->shards + index];
	for (uint32_t shard = 0; shard < topology->shards; shard++) {
		delivery.shard_streams[shard] = wiring->streams[shard].id;
		delivery.feeds[shard] = wiring->feeds[shard][index];
		delivery.from_shard[shard] = wiring->shard_delivery[shard][index];
		delivery.to_shard[shard] = wiring->delivery_shard[index][shard];
	}
	wiring->sockets[number].delivery = mr_delivery_new(arena, &delivery);
	return mr_wire_stage(wiring, (struct mr_place){MR_STAGE_DELIVERY, index},
		wiring->sockets[number].delivery, mr_delivery_step, mr_delivery_next_due);
}

bool mr_stage_has_sockets(const struct mr_stage_sockets *sockets)
{
	return sockets->delivery != NULL || sockets->journal != NULL || sockets->reader != NULL;
}

void mr_stage_attach(void *state, struct mr_net *net)
{
	const struct mr_stage_sockets *sockets = state;
	if (sockets->reader != NULL)
		mr_journal_reader_attach(sockets->reader, net);
	if (sockets->journal != NULL)
		mr_journal_attach(sockets->journal, net);
	if (sockets->delivery != NULL)
		mr_delivery_attach(sockets->delivery, net);
}

void mr_stage_detach(void *state)
{
	const struct mr_stage_sockets *sockets = state;
	mr_delivery_free(sockets->delivery);
	if (sockets->journal != NULL)
		mr_journal_detach(sockets->journal);
	if (sockets->reader != NULL)
		mr_journal_reader_detach(sockets->reader);
}

bool mr_wire_paths(struct mr_wiring *wiring, struct mr_arena *arena)
{
	wiring->numbers = mr_number_stages(wiring->topology);
	bool done = wire_rings(wiring, arena);
	return mr_wire_boards(wiring, arena) && done;
}

bool mr_wire_stages(
	struct mr_wiring *wiring, struct mr_arena *arena, const struct mr_wiring_port *port)
{
	const struct mr_topology *topology = wiring->topology;
	bool done = wire_streams(wiring, arena);
	for (uint32_t i = 0; i < topology->deliveries;
		i++) // first: they fill the boards that the shards read
		done = wire_delivery(wiring, arena, i) && done;
	for (uint32_t i = 0; i < topology->shards; i++)
		done = wire_shard(wiring, arena, i) && done;
	done = mr_wire_journal(wiring, arena) && done;
	for (uint32_t i = 0; i < topology->sources; i++)
		done = wire_source(wiring, arena, port, i) && done;
	return done;
}

bool mr_wire(struct mr_wiring *wiring, struct mr_arena *arena, const struct mr_wiring_port *port)
{
	bool done = mr_wire_paths(wiring, arena);
	return mr_wire_stages(wiring, arena, port) && done;
}
