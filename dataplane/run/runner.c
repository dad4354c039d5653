#include "runner.h"

#include <errno.h>
#include <sched.h>

#include "clock.h"
#include "histogram.h"
#include "mr_assert.h"

enum {
	SPIN_ROUNDS = 256, // without work, before the core gives way
	YIELD_ROUNDS = 8,
	NET_ENTRIES = 1024,
	WALL_EVERY_NS = 1000000,
	NAP_FIRST_NS = 50000,
	CALM_AFTER_NS = 100000000, // without work: longer naps
	CALM_FACTOR = 5,
	WINDOW_NS = 1000000000,
	CPU_SHARE_PERCENT = 90,
};

void mr_runner_init(
	struct mr_runner *runner, uint32_t cpu, uint64_t idle_max_latency_ns, bool shared_cpu)
{
	*runner = (struct mr_runner){.cpu = cpu,
		.idle_max_latency_ns = idle_max_latency_ns,
		.shared_cpu = shared_cpu,
		.yields = shared_cpu,
		.nap_ns = NAP_FIRST_NS};
}

void mr_runner_add(struct mr_runner *runner, const struct mr_stage *stage, uint32_t weight,
	const struct mr_runner_sockets *sockets)
{
	mr_assert(runner->slots_count < MR_STAGES_MAX && weight > 0);
	mr_assert(stage->step != NULL && stage->stats != NULL);
	runner->slots[runner->slots_count++] = (struct mr_runner_slot){.stage = *stage,
		.weight = weight,
		.units = MR_STEP_UNITS_START,
		.sockets = sockets != NULL ? *sockets : (struct mr_runner_sockets){0}};
}

// Least used first; of equals the one that has waited longest.
static struct mr_runner_slot *next_slot(struct mr_runner *runner)
{
	struct mr_runner_slot *best = &runner->slots[0];
	for (uint32_t i = 1; i < runner->slots_count; i++) {
		struct mr_runner_slot *slot = &runner->slots[i];
		if (slot->used_ns < best->used_ns
			|| (slot->used_ns == best->used_ns && slot->served < best->served))
			best = slot;
	}
	return best;
}

static void level(struct mr_runner *runner, struct mr_runner_slot *idle)
{
	for (uint32_t i = 0; i < runner->slots_count; i++)
		if (runner->slots[i].used_ns > idle->used_ns)
			idle->used_ns = runner->slots[i].used_ns;
}

// Steers the budget so that a full step takes the target: down at once, up slowly.
static void steer(struct mr_runner_slot *slot, uint64_t spent_ns)
{
	uint64_t units = slot->units;
	if (spent_ns > MR_STEP_TARGET_NS) {
		uint64_t fitting = units * MR_STEP_TARGET_NS / spent_ns;
		units = fitting > units / 2
			? fitting
			: units / 2; // it may have been the kernel that took the time
	} else if (spent_ns < MR_STEP_TARGET_NS / 2) {
		units += units / 16;
	}
	units = units > MR_STEP_UNITS_MIN ? units : MR_STEP_UNITS_MIN;
	slot->units = (uint32_t)(units < MR_STEP_UNITS_MAX ? units : MR_STEP_UNITS_MAX);
}

static void account(
	struct mr_runner_slot *slot, enum mr_poll poll, uint64_t spent_ns, uint64_t now_ns)
{
	struct mr_stats_stage *stats = slot->stage.stats;
	mr_count(&stats->steps, 1);
	mr_gauge(&stats->heartbeat_ns, now_ns);
	if (poll == MR_POLL_IDLE)
		return;
	mr_count(&stats->steps_busy, 1);
	mr_count(&stats->busy_ns, spent_ns);
	mr_histogram_record(&stats->step_ns, spent_ns);
	if (spent_ns > mr_read(&stats->step_max_ns))
		mr_gauge(&stats->step_max_ns, spent_ns);
}

static int64_t wall_now(struct mr_runner *runner)
{
	uint64_t age = runner->now_ns - runner->wall_mono_ns;
	if (age > WALL_EVERY_NS || runner->wall_ns == 0) {
		runner->wall_ns = mr_clock_wall_ns();
		runner->wall_mono_ns = runner->now_ns;
		age = 0;
	}
	return runner->wall_ns + (int64_t)age;
}

static struct mr_net *net_of(const struct mr_runner *runner)
{
	return atomic_load_explicit(&runner->net, memory_order_relaxed);
}

enum mr_poll mr_runner_turn(struct mr_runner *runner)
{
	struct mr_runner_slot *slot = next_slot(runner);
	struct mr_now now = {.mono_ns = runner->now_ns, .wall_ns = wall_now(runner)};
	enum mr_poll poll = MR_POLL_IDLE;
	if (slot->sockets.attach != NULL && mr_net_poll(net_of(runner)) > 0)
		poll = MR_POLL_BUSY; // its completions are its work
	if (slot->stage.step(slot->stage.state, now, (struct mr_budget){.units = slot->units})
		== MR_POLL_BUSY)
		poll = MR_POLL_BUSY;
	uint64_t before_ns = runner->now_ns;
	runner->now_ns = mr_clock_mono_ns();
	uint64_t spent_ns = runner->now_ns - before_ns;
	account(slot, poll, spent_ns, runner->now_ns);
	slot->served = ++runner->turn;
	if (poll == MR_POLL_BUSY) {
		slot->used_ns += spent_ns / slot->weight;
		steer(slot, spent_ns);
	} else {
		level(runner, slot);
	}
	return poll;
}

static void wake_peers(const struct mr_runner *runner)
{
	for (uint32_t i = 0; i < runner->peers_count; i++)
		mr_runner_wake(runner->peers[i]);
}

void mr_runner_wake(struct mr_runner *runner)
{
	struct mr_net *net = atomic_load_explicit(&runner->net, memory_order_acquire);
	if (net != NULL)
		mr_net_ring_doorbell(net);
}

// -- Idle

// Once a second: did this thread get the CPU whenever it wanted it? When not, spinning takes it
// from whom we wait for.
static void judge_cpu_share(struct mr_runner *runner)
{
	uint64_t window_ns = runner->now_ns - runner->window_start_ns;
	if (window_ns < WINDOW_NS)
		return;
	uint64_t cpu_ns = mr_clock_cpu_ns();
	uint64_t awake_ns =
		window_ns > runner->window_napped_ns ? window_ns - runner->window_napped_ns : 0;
	bool starved = runner->window_start_ns != 0 && awake_ns > WINDOW_NS / 100
		&& (cpu_ns - runner->window_cpu_ns) * 100 < awake_ns * CPU_SHARE_PERCENT;
	runner->yields = runner->shared_cpu || starved;
	runner->window_start_ns = runner->now_ns;
	runner->window_cpu_ns = cpu_ns;
	runner->window_napped_ns = 0;
}

static uint64_t nap_limit(const struct mr_runner *runner)
{
	uint64_t limit_ns = runner->idle_max_latency_ns;
	if (runner->now_ns - runner->work_ns > CALM_AFTER_NS)
		limit_ns *= CALM_FACTOR;
	for (uint32_t i = 0; i < runner->slots_count; i++) {
		const struct mr_stage *stage = &runner->slots[i].stage;
		uint64_t due_ns =
			stage->next_due != NULL ? stage->next_due(stage->state) : UINT64_MAX;
		uint64_t left_ns = due_ns > runner->now_ns ? due_ns - runner->now_ns : 0;
		limit_ns = left_ns < limit_ns ? left_ns : limit_ns;
	}
	return limit_ns;
}

// One last turn of every stage after the nap was announced: who pushes later rings the doorbell.
static bool looks_idle(struct mr_runner *runner)
{
	for (uint32_t i = 0; i < runner->slots_count; i++)
		if (mr_runner_turn(runner) == MR_POLL_BUSY)
			return false;
	return true;
}

// True when work came up instead.
static bool nap(struct mr_runner *runner)
{
	uint64_t limit_ns = nap_limit(runner);
	uint64_t nap_ns = runner->nap_ns < limit_ns ? runner->nap_ns : limit_ns;
	if (nap_ns == 0)
		return false;
	mr_net_announce_nap(net_of(runner));
	bool idle = looks_idle(runner);
	uint64_t before_ns = runner->now_ns;
	mr_net_wait(net_of(runner), idle ? nap_ns : 0);
	runner->now_ns = mr_clock_mono_ns();
	runner->window_napped_ns += runner->now_ns - before_ns;
	runner->nap_ns = nap_ns * 2 > NAP_FIRST_NS ? nap_ns * 2 : NAP_FIRST_NS;
	return !idle;
}

// What a core does after a round without work. True when work came up.
static bool rest(struct mr_runner *runner)
{
	uint32_t rounds = runner->idle_turns / runner->slots_count;
	uint32_t spins = runner->yields ? 0 : SPIN_ROUNDS;
	if (rounds >= spins + YIELD_ROUNDS)
		return nap(runner);
	if (rounds < spins)
		__builtin_ia32_pause();
	else
		sched_yield();
	return false;
}

static void run(struct mr_runner *runner)
{
	runner->now_ns = runner->work_ns = mr_clock_mono_ns();
	while (!atomic_load_explicit(&runner->stop, memory_order_acquire)) {
		bool busy = mr_runner_turn(runner) == MR_POLL_BUSY;
		if (!busy && ++runner->idle_turns % runner->slots_count == 0)
			busy = rest(runner);
		if (busy) {
			runner->work_ns = runner->now_ns;
			runner->idle_turns = 0;
			runner->nap_ns = NAP_FIRST_NS;
			wake_peers(runner);
		}
		judge_cpu_share(runner);
	}
}

// Doorbells stand in the nets of those they wake: nobody closes one that may still be rung.
static void await_peers(struct mr_runner *runner)
{
	atomic_store_explicit(&runner->left, true, memory_order_release);
	for (uint32_t i = 0; i < runner->peers_count; i++)
		while (!atomic_load_explicit(&runner->peers[i]->left, memory_order_acquire))
			sched_yield();
}

int mr_runner_main(void *argument)
{
	struct mr_runner *runner = argument;
	struct mr_net *net;
	mr_assert(runner->slots_count > 0);
	int err = mr_net_open(NET_ENTRIES, &net);
	atomic_store_explicit(&runner->failure, err, memory_order_release);
	if (err != 0) {
		await_peers(runner);
		return err;
	}
	for (uint32_t i = 0; i < runner->slots_count; i++)
		if (runner->slots[i].sockets.attach != NULL)
			runner->slots[i].sockets.attach(runner->slots[i].sockets.state, net);
	atomic_store_explicit(&runner->net, net, memory_order_release);
	run(runner);
	await_peers(runner);
	for (uint32_t i = 0; i < runner->slots_count; i++)
		if (runner->slots[i].sockets.detach != NULL)
			runner->slots[i].sockets.detach(runner->slots[i].sockets.state);
	mr_net_close(net);
	return 0;
}
