#include "options.h"

#include <inttypes.h>
#include <stdio.h>

#include "rng.h"

#define US  UINT64_C(1000)
#define MS  (US * 1000)
#define MIB UINT64_C(1048576)

static uint64_t pick(struct mr_rng *rng, const uint64_t *choices, uint32_t count)
{
	return choices[mr_rng_below(rng, count)];
}
#define PICK(rng, ...)                               \
	pick((rng), (const uint64_t[]){__VA_ARGS__}, \
		(uint32_t)(sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)))

static uint64_t between(struct mr_rng *rng, uint64_t low, uint64_t high)
{
	return low + mr_rng_below(rng, high - low + 1);
}

// Off in half of all runs, so that faults are met alone and together.
static uint32_t fault(struct mr_rng *rng, uint32_t most)
{
	return mr_rng_chance(rng, 1, 2) ? 0 : (uint32_t)between(rng, 1, most);
}

static void draw_faults(struct sim_faults *faults, struct mr_rng *rng)
{
	bool calm_network = mr_rng_chance(rng, 1, 4);
	bool calm_receivers = mr_rng_chance(rng, 1, 4);
	*faults = (struct sim_faults){
		.drop = fault(rng, SIM_CHANCE_ONE / 10),
		.duplicate = fault(rng, SIM_CHANCE_ONE / 10),
		.delay = fault(rng, SIM_CHANCE_ONE / 10),
		.corrupt = fault(rng, SIM_CHANCE_ONE / 50),
		.error = fault(rng, SIM_CHANCE_ONE / 5),
		.reject = fault(rng, SIM_CHANCE_ONE / 50),
		.hang = fault(rng, SIM_CHANCE_ONE / 20),
		.lose_answer = fault(rng, SIM_CHANCE_ONE / 10),
		.cut_answer = fault(rng, SIM_CHANCE_ONE / 20),
		.trickle = fault(rng, SIM_CHANCE_ONE / 10),
		.down = fault(rng, SIM_CHANCE_ONE / 500),
		.close_all = fault(rng, SIM_CHANCE_ONE / 500),
		.fail_send = fault(rng, SIM_CHANCE_ONE / 200),
		.stall = fault(rng, SIM_CHANCE_ONE / 500),
	};
	if (calm_network)
		faults->drop = faults->duplicate = faults->delay = faults->corrupt = 0;
	if (calm_receivers)
		faults->error = faults->reject = faults->hang = faults->lose_answer =
			faults->cut_answer = faults->trickle = faults->down = faults->close_all =
				faults->fail_send = 0;
}

static void draw_sizes(struct sim_options *options, struct mr_rng *rng)
{
	options->shard_stream_bytes = PICK(rng, 1 << 16, 1 << 17, 1 << 18, 1 << 20);
	options->delivery_stream_bytes = PICK(rng, 1 << 16, 1 << 18);
	options->mbufs = (uint32_t)PICK(rng, 64, 256, 1024);
	options->object_queue_events = (uint32_t)PICK(rng, 8, 64, 1024);
	options->lane_entries = (uint32_t)PICK(rng, 1 << 10, 1 << 14, 1 << 18);
	options->penalised_max = (uint32_t)PICK(rng, 4, 64, 1024);
	options->penalty_after = (uint32_t)PICK(rng, 1, 8);
	options->connections = (uint32_t)PICK(rng, 4, 16, 64);
	options->connections_per_endpoint = (uint32_t)PICK(rng, 1, 4, 16);
	options->batch_events_max = (uint32_t)PICK(rng, 1, 10, 100, 1000);
	options->in_flight = (uint32_t)PICK(rng, 1, 2, 4, 8);
	options->batch_age_ns = PICK(rng, 0, 2 * MS, 20 * MS);
	options->request_timeout_ns = PICK(rng, 50 * MS, 300 * MS);
	options->retry_cap_ns = PICK(rng, 20 * MS, 500 * MS);
	options->disk = (enum sim_disk_kind)mr_rng_below(rng, SIM_DISK_KINDS);
	options->disk_lag_ns = PICK(rng, 100 * US, 2 * MS, 10 * MS);
}

static void draw_traffic(struct sim_options *options, struct mr_rng *rng)
{
	struct mr_workload_options *workload = &options->workload;
	*workload = (struct mr_workload_options){
		.seed = mr_rng_next(rng),
		.objects = PICK(rng, 3, 50, 1000),
		.first_object = 1001,
		.hot_object = 1001,
		.workspaces = PICK(rng, 1, 5, 300),
		.workspace_base = 5001,
		.databases = PICK(rng, 1, 4),
		.database_base = 9001,
		.projects = PICK(rng, 1, 7),
		.project_base = 300001,
		.sessions = between(rng, 1, 4),
		.zipf = (double)mr_rng_below(rng, 3) * 0.6,
		.lineage = (uint32_t)mr_rng_below(rng, MR_LINEAGE_CYCLE + 1),
		.payload_bytes = (uint32_t)PICK(rng, 0, 0, 40, 300),
		.awkward = mr_rng_chance(rng, 1, 3),
		.hot_session = mr_rng_chance(rng, 1, 2),
	};
	options->cold_rate = PICK(rng, 5000, 30000, 100000);
	options->hot_rate = PICK(rng, 0, 0, 20000, 200000);
	options->events_per_packet = (uint32_t)PICK(rng, 1, 4, 128);
	options->linger_ns = PICK(rng, 0, 200 * US);
	options->ignore_credits = mr_rng_chance(rng, 1, 4);
	options->retry_refused = mr_rng_chance(rng, 1, 2);
}

static uint64_t draw_resource(const struct mr_workload_options *workload, struct mr_rng *rng)
{
	uint64_t object = workload->first_object + mr_rng_below(rng, workload->objects);
	switch (mr_rng_below(rng, 6)) {
	case 0:
		return object;
	case 1:
		return MR_WORKLOAD_TASK_BASE + object / MR_WORKLOAD_STORIES_PER_TASK;
	case 2:
		return MR_WORKLOAD_INITIATIVE_BASE + object % MR_WORKLOAD_INITIATIVES;
	case 3:
		return MR_WORKLOAD_PORTFOLIO;
	default:
		return workload->project_base + mr_rng_below(rng, workload->projects);
	}
}

void sim_options_draw(struct sim_options *options, uint64_t seed, uint32_t rounds)
{
	struct mr_rng rng;
	mr_rng_seed(&rng, seed);
	*options = (struct sim_options){.seed = seed};
	options->shards = (uint32_t)between(&rng, 1, 4);
	options->sources = (uint32_t)between(&rng, 1, 2);
	options->deliveries = (uint32_t)between(&rng, 1, 3);
	options->flows = (uint32_t)PICK(&rng, 4, 16, 64);
	draw_sizes(options, &rng);
	draw_traffic(options, &rng);
	options->endpoints = (uint32_t)between(&rng, 1, 8);
	options->webhooks = (uint32_t)between(&rng, 1, 24);
	options->answer_ns = PICK(&rng, 100 * US, 2 * MS, 20 * MS);
	for (uint32_t i = 0; i < options->webhooks; i++)
		options->resources[i] = draw_resource(&options->workload, &rng);
	draw_faults(&options->faults, &rng);
	options->round_ns = PICK(&rng, 20 * US, 100 * US, 400 * US);
	options->rounds = (uint32_t)between(&rng, 1500, 4000);
	if (rounds > 0)
		options->rounds = rounds;
}

static void draw_disk_faults(struct sim_journal_options *journal, struct mr_rng *rng)
{
	journal->write_ns = PICK(rng, 0, 100 * US, 2 * MS, 10 * MS);
	journal->read_ns = PICK(rng, 0, 100 * US, 5 * MS);
	journal->shuffled = mr_rng_chance(rng, 1, 2);
	journal->shorten = fault(rng, SIM_CHANCE_ONE / 100);
	journal->slow = fault(rng, SIM_CHANCE_ONE / 2000);
	journal->full = fault(rng, SIM_CHANCE_ONE / 1000);
	journal->fail = mr_rng_chance(rng, 1, 2) ? fault(rng, SIM_CHANCE_ONE / 1000) : 0;
	journal->kill = fault(rng, SIM_CHANCE_ONE);
	journal->cut = fault(rng, SIM_CHANCE_ONE);
}

void sim_options_draw_journal(struct sim_options *options)
{
	struct sim_journal_options *journal = &options->journal;
	struct mr_rng rng;
	mr_rng_seed(&rng, options->seed ^ 0x10a4);
	*journal = (struct sim_journal_options){.on = true,
		.segment_bytes = PICK(&rng, MIB, MIB, 4 * MIB),
		.retention_bytes = 512 * MIB,
		.checkpoint_bytes = PICK(&rng, 128 << 10, MIB, 8 * MIB),
		.commit_bytes = PICK(&rng, 64 << 10, 256 << 10, MIB),
		.commit_delay_ns = PICK(&rng, 0, 300 * US),
		.progress_ns = PICK(&rng, 5 * MS, 50 * MS),
		.crashes = (uint32_t)between(&rng, 1, 5),
		.reshape = mr_rng_chance(&rng, 1, 2),
		.rehook = mr_rng_chance(&rng, 1, 3)};
	draw_disk_faults(journal, &rng);
	// With less, lanes give up what they cannot even list.
	options->lane_entries = (uint32_t)PICK(&rng, 1 << 15, 1 << 18);
}

void sim_options_draw_bans(struct sim_options *options)
{
	options->bans = true;
	options->lane_entries = 1 << 18; // what a ban has held comes at once
	// Each checkpoint lists what is held, and until then no segment is given back.
	if (options->journal.on && options->journal.checkpoint_bytes < MIB)
		options->journal.checkpoint_bytes = MIB;
}

void sim_options_reshape(struct sim_options *options, uint64_t boot)
{
	struct mr_rng rng;
	if (!options->journal.reshape)
		return;
	mr_rng_seed(&rng, options->seed ^ boot << 32);
	options->shards = (uint32_t)between(&rng, 1, 4);
	options->deliveries = (uint32_t)between(&rng, 1, 3);
	options->in_flight = (uint32_t)PICK(&rng, 1, 2, 4, 8);
}

static void print_journal(const struct sim_journal_options *journal)
{
	printf("  journal: segments of %" PRIu64 " KiB, commits of %" PRIu64 " KiB after %" PRIu64
	       " us, checkpoints at %" PRIu64 " KiB, progress %" PRIu64 " ms; writes %" PRIu64
	       " us, reads %" PRIu64 " us%s; shorten %u slow %u full %u "
	       "fail %u; %u crashes, kill %u cut %u%s%s\n",
		journal->segment_bytes >> 10, journal->commit_bytes >> 10,
		journal->commit_delay_ns / US, journal->checkpoint_bytes >> 10,
		journal->progress_ns / MS, journal->write_ns / US, journal->read_ns / US,
		journal->shuffled ? ", shuffled" : "", journal->shorten, journal->slow,
		journal->full, journal->fail, journal->crashes, journal->kill, journal->cut,
		journal->reshape ? ", reshapes" : "", journal->rehook ? ", rehooks" : "");
}

void sim_options_print(const struct sim_options *options)
{
	static const char *const disks[] = {"memory", "lags", "keeps"};
	const struct sim_faults *faults = &options->faults;
	printf("  %u sources, %u shards of %" PRIu64 " KiB, %u deliveries, F %u, disk %s; "
	       "%u webhooks at %u endpoints; rates %" PRIu64 " and %" PRIu64
	       " hot; lineage %u; %u rounds\n",
		options->sources, options->shards, options->shard_stream_bytes >> 10,
		options->deliveries, options->flows,
		options->journal.on ? "journal" : disks[options->disk], options->webhooks,
		options->endpoints, options->cold_rate, options->hot_rate,
		options->workload.lineage, options->rounds);
	printf("  faults: drop %u duplicate %u delay %u corrupt %u; error %u reject %u hang %u lose %u cut %u trickle %u; "
	       "down %u close %u send %u; stall %u\n",
		faults->drop, faults->duplicate, faults->delay, faults->corrupt, faults->error,
		faults->reject, faults->hang, faults->lose_answer, faults->cut_answer,
		faults->trickle, faults->down, faults->close_all, faults->fail_send, faults->stall);
	if (options->journal.on)
		print_journal(&options->journal);
}
