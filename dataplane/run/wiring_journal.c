// The journal's part of the wiring: what its stage and the owners of streams tell each other, and
// who reads what has left memory. With durability: memory only the volatile back end is left of it.
#include <errno.h>
#include <stdio.h>

#include "hash.h"
#include "mr_assert.h"
#include "wiring.h"

uint32_t mr_streams_count(const struct mr_wiring *wiring)
{
	uint32_t stages = wiring->topology->shards + wiring->topology->deliveries;
	return wiring->disk != NULL ? stages + 1 : stages; // the node's
}

static bool wire_owners(struct mr_wiring *wiring, struct mr_arena *arena)
{
	uint32_t count = mr_streams_count(wiring);
	struct mr_owner_board *owners =
		mr_arena_array(arena, "journal: boards", struct mr_owner_board, count);
	for (uint32_t i = 0; i < count && owners != NULL; i++)
		wiring->owners[i] = &owners[i];
	return owners != NULL;
}

static bool wire_feeds(struct mr_wiring *wiring, struct mr_arena *arena)
{
	const struct mr_topology *topology = wiring->topology;
	bool done = true;
	for (uint32_t i = 0; i < topology->deliveries; i++) {
		wiring->needs[i] = mr_arena_array(arena, "journal: boards", struct mr_needs, 1);
		done = wiring->needs[i] != NULL && done;
		for (uint32_t shard = 0; shard < topology->shards; shard++) {
			wiring->feeds[shard][i] =
				mr_arena_array(arena, "journal: boards", struct mr_lane_feed, 1);
			done = wiring->feeds[shard][i] != NULL && done;
		}
	}
	return done;
}

bool mr_wire_boards(struct mr_wiring *wiring, struct mr_arena *arena)
{
	bool done = true;
	for (uint32_t i = 0; i < wiring->topology->deliveries; i++) {
		wiring->boards[i] =
			mr_arena_array(arena, "delivery boards", struct mr_delivery_board, 1);
		done = wiring->boards[i] != NULL && done;
	}
	for (uint32_t i = 0; i < wiring->topology->shards; i++) {
		wiring->throttles[i] =
			mr_arena_array(arena, "throttles", struct mr_throttle_board, 1);
		done = wiring->throttles[i] != NULL && done;
	}
	if (wiring->disk == NULL)
		return done;
	wiring->journal_board = &wiring->board; // also while planning: it says that there is one
	done = wire_owners(wiring, arena) && done;
	done = wire_feeds(wiring, arena) && done;
	wiring->maker = mr_maker_new(arena, wiring->disk->disk);
	return done && wiring->maker != NULL;
}

struct mr_backend_reader mr_wire_reader(
	struct mr_wiring *wiring, struct mr_arena *arena, uint32_t number, uint32_t chunks)
{
	if (wiring->disk == NULL)
		return wiring->backend.reader;
	const bool is_shard = number < wiring->numbers.journal;
	mr_counter *counters = wiring->segment->stages[number].counters;
	struct mr_journal_reader_config config = {.map = wiring->disk->map,
		.chunks = chunks,
		.reads = &counters[is_shard ? MR_SHARD_FILE_READS : MR_DELIVERY_FILE_READS],
		.reads_failed = &counters[is_shard ? MR_SHARD_FILE_READS_FAILED
						   : MR_DELIVERY_FILE_READS_FAILED]};
	struct mr_journal_reader *reader = mr_journal_reader_new(arena, &config);
	wiring->sockets[number].reader = reader;
	return reader != NULL ? mr_journal_reader_backend(reader) : (struct mr_backend_reader){0};
}

static struct mr_backend_disk *wire_writer(struct mr_wiring *wiring, struct mr_arena *arena)
{
	const struct mr_wiring_disk *disk = wiring->disk;
	const struct mr_config *config = wiring->config;
	struct mr_backend_disk_config backend = {.disk = disk->disk,
		.map = disk->map,
		.place = disk->place,
		.segment_bytes = disk->plan.segment_bytes,
		.commit_bytes_max = disk->plan.commit_bytes_max,
		.commit_delay_ns = config->commit_delay_ns,
		.retention_bytes = disk->plan.retention_bytes,
		.retention_age_ns = config->retention_age_ns,
		.checkpoint_bytes = disk->plan.checkpoint_bytes,
		.flows = (uint32_t)config->flows,
		.hash_seed = config->hash_seed,
		.streams_count = wiring->streams_count,
		.board = wiring->journal_board,
		.maker = wiring->maker,
		.stats = &wiring->segment->stages[wiring->numbers.journal]};
	for (uint32_t i = 0; i < wiring->streams_count; i++)
		backend.owners[i] = wiring->owners[i];
	for (uint32_t i = 0; i < wiring->topology->deliveries; i++)
		backend.needs[i] = wiring->needs[i];
	return mr_backend_disk_new(arena, &backend);
}

bool mr_wire_journal(struct mr_wiring *wiring, struct mr_arena *arena)
{
	uint32_t number = wiring->numbers.journal;
	if (wiring->disk != NULL) {
		struct mr_backend_disk *writer = wire_writer(wiring, arena);
		wiring->backend = writer != NULL ? mr_backend_disk(writer) : mr_backend_volatile();
	}
	struct mr_journal_config config = {.streams = wiring->stream_table,
		.streams_count = wiring->streams_count,
		.backend = wiring->backend,
		.stats = &wiring->segment->stages[number]};
	struct mr_journal *journal = mr_journal_new(arena, &config);
	if (wiring->disk != NULL)
		wiring->sockets[number].journal = journal;
	return mr_wire_stage(wiring, (struct mr_place){MR_STAGE_JOURNAL, 0}, journal,
		mr_journal_step, mr_journal_next_due);
}

// -- What a start has recovered

static struct mr_shard *shard_at(const struct mr_wiring *wiring, uint32_t index)
{
	mr_assert(index < wiring->topology->shards);
	return wiring->stages[wiring->numbers.shard + index].state;
}

static void recover_sessions(const struct mr_wiring *wiring, const struct mr_recovered *recovered)
{
	uint32_t shards = wiring->topology->shards;
	for (uint32_t i = 0; i < recovered->sessions_count; i++) {
		const struct mr_recovered_session *session = &recovered->sessions[i];
		for (uint32_t shard = 0; shard < shards; shard++)
			mr_shard_recover_session(shard_at(wiring, shard), i, session->app,
				session->session_id, session->epoch);
	}
	for (uint32_t i = 0; i < recovered->flows_count; i++) {
		const struct mr_recovered_flow *flow = &recovered->flows[i];
		mr_shard_recover_flow(shard_at(wiring, mr_shard_of_flow(flow->flow, shards)),
			flow->session, flow->flow, flow->next, flow->accepted);
	}
}

int mr_wire_recovered(const struct mr_wiring *wiring, const struct mr_recovered *recovered,
	char *ret_why, size_t why_size)
{
	if (recovered->sessions_count > wiring->config->sessions_max) {
		snprintf(ret_why, why_size,
			"sessions.max is %u, but the journal has %u open sessions: raise it",
			(uint32_t)wiring->config->sessions_max, recovered->sessions_count);
		return -E2BIG;
	}
	recover_sessions(wiring, recovered);
	for (uint64_t i = 0; i < recovered->events_count; i++) {
		const struct mr_recovered_event *event = &recovered->events[i];
		if (mr_shard_recover_event(shard_at(wiring, event->shard), event))
			continue;
		snprintf(ret_why, why_size,
			"%llu events of the journal wait for distribution, more than there is room for: raise objects.max and positions.max",
			(unsigned long long)recovered->events_count);
		return -E2BIG;
	}
	for (uint32_t i = 0; i < wiring->topology->deliveries; i++) {
		uint32_t number = wiring->numbers.delivery + i;
		if (mr_delivery_recover(wiring->sockets[number].delivery, recovered->lanes,
			    recovered->lanes_count))
			continue;
		snprintf(ret_why, why_size,
			"%u webhooks are owed deliveries, more than there is room for: raise webhooks.max",
			recovered->lanes_count);
		return -E2BIG;
	}
	return 0;
}
