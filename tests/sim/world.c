#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "mr_assert.h"

enum {
	AUDIT_ROUNDS = 64,
	FRAME_BYTES = 2048,
	START_ROUNDS = 20000,
	OVER_ROUNDS = 200,
	CUT_CHANGES = 400,
};
#define START_NS      UINT64_C(1000000000)
#define NAP_NS        UINT64_C(1000000)
#define STALL_NS      UINT64_C(20000000)
#define QUICK_NS      UINT64_C(100000)
#define CALM_NS       UINT64_C(120000000000)
#define COST_UNIT_NS  UINT64_C(5000)
#define COST_ROUND_NS UINT64_C(20000)

bool sim_world_boot(struct sim_world *world)
{
	const struct sim_boot boot = {.options = &world->options,
		.config = sim_config(&world->options),
		.journal = world->options.journal.on ? &world->journal : NULL,
		.number = world->boot,
		.now_ns = world->now_ns};
	sim_receivers_configure(&world->receivers, world->boot, boot.config);
	if (!sim_router_open(&world->router, &boot))
		return false;
	sim_receivers_attach(&world->receivers, world->router.net);
	if (world->options.bans) {
		sim_operator_boot(&world->op, &world->router, world->now_ns);
		sim_watch_boot(&world->watch, &world->router);
	}
	sim_cost_init(&world->cost, COST_UNIT_NS);
	memset(world->stalled_until_ns, 0, sizeof(world->stalled_until_ns));
	return true;
}

void sim_world_open(struct sim_world *world, const struct sim_options *options)
{
	*world = (struct sim_world){
		.options = *options, .now_ns = START_NS, .expectations = mr_expect_failures()};
	options = &world->options;
	mr_rng_seed(&world->rng, options->seed ^ 0x3017d);
	sim_network_init(&world->network, &world->faults, options->seed);
	sim_traffic_init(&world->traffic, options, &world->network, world->now_ns);
	if (options->bans) {
		sim_operator_init(&world->op, options, &world->traffic.workload);
		world->traffic.op = &world->op;
	}
	sim_receivers_init(&world->receivers, options, &world->faults, &world->traffic.ledger,
		sim_hash_seed(options));
	if (options->bans)
		sim_watch_init(&world->watch, &world->op, &world->receivers, &world->traffic);
	if (options->journal.on)
		sim_journal_init(&world->journal, options);
	bool made = sim_world_boot(world);
	mr_assert(made);
}

void sim_world_close(struct sim_world *world)
{
	sim_router_close(&world->router);
	sim_receivers_fini(&world->receivers);
	if (world->options.bans) {
		sim_watch_fini(&world->watch);
		sim_operator_fini(&world->op);
	}
	sim_traffic_fini(&world->traffic);
	sim_network_fini(&world->network);
	if (world->options.journal.on)
		sim_journal_fini(&world->journal);
}

bool sim_world_fails(struct sim_world *world, const char *what)
{
	if (world->why[0] == '\0')
		snprintf(world->why, sizeof(world->why), "%s", what);
	return false;
}

// -- One round

static void move_frames(struct sim_world *world)
{
	uint8_t bytes[FRAME_BYTES];
	struct sim_frame *frame;
	uint32_t length;
	for (uint16_t queue = 0; queue < world->options.sources; queue++)
		while ((length = mr_nic_fake_sent(world->router.nic, queue, bytes, sizeof(bytes)))
			> 0)
			sim_network_send(
				&world->network, world->now_ns, false, queue, bytes, length);
	while ((frame = sim_network_arrived(&world->network, world->now_ns)) != NULL) {
		if (frame->to_router) // without room it is lost
			(void)mr_nic_fake_receive(
				world->router.nic, frame->queue, frame->bytes, frame->length, 0);
		else
			sim_traffic_receive(
				&world->traffic, world->now_ns, frame->bytes, frame->length);
		free(frame);
	}
}

static bool is_away(struct sim_world *world, uint32_t stage)
{
	uint32_t chance = world->faults.stall;
	if (world->options.costs && world->cost.free_at_ns[stage] > world->now_ns)
		return true;
	if (chance > 0 && mr_rng_chance(&world->rng, chance, SIM_CHANCE_ONE))
		world->stalled_until_ns[stage] =
			world->now_ns + mr_rng_below(&world->rng, STALL_NS);
	return world->stalled_until_ns[stage] > world->now_ns;
}

// Every stage once, in any order. True: somebody did something, or could not.
static bool step_stages(struct sim_world *world)
{
	uint8_t order[MR_STAGES_MAX];
	uint32_t count = sim_router_stages(&world->router);
	bool busy = false;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t at = world->options.costs ? i : mr_rng_below(&world->rng, i + 1);
		order[i] = order[at];
		order[at] = (uint8_t)i;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t stage = order[i];
		uint32_t units =
			world->options.costs ? 32 : (uint32_t)(32 + mr_rng_below(&world->rng, 200));
		if (is_away(world, stage)) {
			busy = true;
			continue;
		}
		sim_cost_before(&world->cost, &world->router, stage);
		busy |= sim_router_step(&world->router, stage, world->now_ns, units)
			== MR_POLL_BUSY;
		sim_cost_after(&world->cost, &world->router, stage, world->now_ns);
	}
	return busy;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

// Idle worlds jump to the next thing that is going to happen.
static void move_clock(struct sim_world *world, bool busy)
{
	uint64_t step_ns = world->options.costs
		? COST_ROUND_NS
		: 1000 + mr_rng_below(&world->rng, world->options.round_ns);
	uint64_t next_ns = world->now_ns + step_ns;
	if (!busy && !world->traffic.offering) {
		uint64_t due_ns = min_u64(sim_router_next_due(&world->router),
			min_u64(sim_network_next_due(&world->network),
				sim_traffic_next_due(&world->traffic)));
		due_ns = min_u64(due_ns, world->now_ns + NAP_NS);
		next_ns = due_ns > next_ns ? due_ns : next_ns;
	}
	world->now_ns = next_ns;
}

// The journal has failed: the router ends in its time, or somebody ends it sooner.
static bool is_over(struct sim_world *world)
{
	return sim_router_fails(&world->router)
		&& (world->is_calm || mr_rng_chance(&world->rng, 1, OVER_ROUNDS)
			|| sim_router_has_failed(&world->router, world->now_ns));
}

bool sim_world_round(struct sim_world *world)
{
	char why[256];
	move_frames(world);
	sim_traffic_step(&world->traffic, world->now_ns);
	sim_receivers_step(&world->receivers, world->now_ns);
	if (world->options.bans)
		sim_operator_step(&world->op, world->now_ns);
	if (world->options.journal.on && !world->is_calm)
		sim_journal_step(&world->journal, world->now_ns);
	bool busy = step_stages(world);
	busy |= sim_router_steward(&world->router, world->now_ns);
	if (++world->rounds % AUDIT_ROUNDS == 0
		&& !sim_router_audit(&world->router, why, sizeof(why)))
		return sim_world_fails(world, why);
	if (world->options.bans && !sim_watch_round(&world->watch))
		return sim_world_fails(world, world->watch.why);
	if (mr_expect_failures() > world->expectations)
		return sim_world_fails(world, "an expectation failed");
	move_clock(world, busy);
	return !is_over(world) || sim_world_restart(world);
}

// -- Phases

bool sim_world_start(struct sim_world *world)
{
	for (uint32_t i = 0; i < START_ROUNDS; i++) {
		if (world->router.steward.state == MR_ROUTER_RUNNING
			&& sim_traffic_open(&world->traffic)) {
			sim_traffic_start(&world->traffic, world->now_ns);
			return true;
		}
		if (!sim_world_round(world))
			return false;
	}
	return sim_world_fails(world, "sessions do not open");
}

bool sim_world_run_for(struct sim_world *world, uint64_t duration_ns)
{
	uint64_t end_ns = world->now_ns + duration_ns;
	while (world->now_ns < end_ns)
		if (!sim_world_round(world))
			return false;
	return true;
}

bool sim_world_calm(struct sim_world *world)
{
	uint64_t end_ns = world->now_ns + CALM_NS;
	world->faults = (struct sim_faults){0};
	world->is_calm = true;
	world->op.is_calm = true;
	if (world->options.journal.on)
		sim_journal_calm(&world->journal);
	world->options.answer_ns = world->options.answer_min_ns + QUICK_NS;
	world->router.disk.lag_ns = 0;
	world->traffic.offering = false;
	while (world->now_ns < end_ns) {
		if (!sim_world_round(world))
			return false;
		if (world->rounds % AUDIT_ROUNDS == 0 && world->network.count == 0
			&& (!world->options.bans || sim_operator_is_idle(&world->op))
			&& sim_traffic_unsettled(&world->traffic) == 0
			&& sim_router_is_done(&world->router))
			return true;
	}
	snprintf(world->why, sizeof(world->why),
		"not done after a long calm: %" PRIu64 " unsettled, %" PRIu64 " queued, %" PRIu64
		" pending, %u frames and %u replies out",
		sim_traffic_unsettled(&world->traffic), sim_sum(&world->router, MR_SHARD_QUEUED),
		sim_sum(&world->router, MR_DELIVERY_PENDING),
		mr_nic_fake_frames_out(world->router.nic),
		mr_nic_fake_replies_out(world->router.nic));
	return false;
}

static bool run_rounds(struct sim_world *world, uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++)
		if (!sim_world_round(world))
			return false;
	return true;
}

// The disk may be gone a while before the router is.
static bool run_until_crash(struct sim_world *world)
{
	const struct sim_journal_options *journal = &world->options.journal;
	uint64_t rounds = 2 * world->options.rounds / (journal->crashes + 1);
	if (mr_rng_chance(&world->rng, journal->cut, SIM_CHANCE_ONE))
		sim_journal_cut_at(&world->journal, 1 + mr_rng_below(&world->rng, CUT_CHANGES));
	return run_rounds(world, mr_rng_below(&world->rng, rounds)) && sim_world_restart(world);
}

const char *sim_world_run(struct sim_world *world, const struct sim_options *options)
{
	sim_world_open(world, options);
	world->faults = world->options.faults;
	bool good = sim_world_start(world);
	for (uint32_t i = 0; good && i < options->journal.crashes; i++)
		good = run_until_crash(world);
	good = good && run_rounds(world, options->rounds / (options->journal.crashes + 1))
		&& sim_world_calm(world) && sim_world_judge(world);
	return good ? NULL : world->why;
}
