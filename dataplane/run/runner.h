// The loop of one lcore over its stages: who is served next, how much it may do at once, what is
// measured, and what an idle core does.
//
// Fair: the stage that has used least of its weight goes next; one that found nothing to do is put
// level with the one that used most, so idling earns no credit. Bounded: budgets are steered so
// that a step takes about 50 us. Idle: first spin, then yield, then nap in mr_net_wait; a core that
// did something rings the doorbells of those that sleep. The clock is read once per step.
#pragma once

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <millrace/limits.h>

#include "net.h"
#include "stage.h"

enum {
	MR_STEP_TARGET_NS = 50000,
	MR_STEP_UNITS_MIN = 32,
	MR_STEP_UNITS_START = 128,
	MR_STEP_UNITS_MAX = 1024,
};

// What a stage has in the kernel.
struct mr_runner_sockets {
	void *state;
	// before its first step
	void (*attach)(void *state, struct mr_net *net);
	// after its last step, while the sockets are still there
	void (*detach)(void *state);
};

struct mr_runner_slot {
	struct mr_stage stage;
	uint32_t weight; // 1 and more
	uint32_t units; // of the next step
	uint64_t used_ns; // divided by the weight
	uint64_t served; // turn in which it was last
	struct mr_runner_sockets sockets; // zero: none
};

struct mr_runner {
	// constant after start
	uint32_t cpu;
	uint32_t peers_count;
	struct mr_runner *const *peers; // the other lcores
	uint64_t idle_max_latency_ns;
	bool shared_cpu; // another lcore has the same CPU
	// written by the steward, with release: whoever sees it knows of every doorbell rung before
	alignas(64) _Atomic bool stop;
	// written by the lcore
	alignas(64) _Atomic(struct mr_net *) net; // NULL: not started, or ended
	_Atomic int failure; // negative errno of the start
	_Atomic bool left; // the loop: it will ring no doorbell any more
	// private to the lcore
	alignas(64) struct mr_runner_slot slots[MR_STAGES_MAX];
	uint32_t slots_count;
	uint32_t idle_turns; // in a row
	uint64_t turn;
	uint64_t now_ns;
	uint64_t wall_mono_ns; // when the wall clock was read last
	int64_t wall_ns;
	uint64_t work_ns; // when something was done last
	uint64_t nap_ns; // length of the next nap
	uint64_t window_start_ns, window_cpu_ns, window_napped_ns; // does this thread get its CPU?
	bool yields; // it does not, or shares it: no spinning
};

void mr_runner_init(
	struct mr_runner *runner, uint32_t cpu, uint64_t idle_max_latency_ns, bool shared_cpu);
// `sockets`: NULL: it has none.
void mr_runner_add(struct mr_runner *runner, const struct mr_stage *stage, uint32_t weight,
	const struct mr_runner_sockets *sockets);
// The thread of the lcore: opens its sockets, attaches the stages, runs until `stop`, and cleans up
// once its peers have stopped too. Argument: struct mr_runner *. 0 or negative errno.
int mr_runner_main(void *runner);
// One stage's step (tests and mr_runner_main).
enum mr_poll mr_runner_turn(struct mr_runner *runner);
// From any thread, before `stop` is set: ends the nap of this lcore.
void mr_runner_wake(struct mr_runner *runner);
