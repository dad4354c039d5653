// The loop of a core under a clock of ours: who is served, how budgets are steered, when it naps.
#include "runner.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "histogram.h"

// -- The outside world: time passes only where a test says so.

static uint64_t mono_ns;
static uint64_t cpu_ns;
static int open_result;
static uint32_t waits;
static uint64_t last_wait_ns;
static uint32_t doorbells;
static struct mr_runner *to_stop; // stopped after `stop_after_waits` naps
static uint32_t stop_after_waits;

struct mr_net {
	int dummy;
};
static struct mr_net the_net;

uint64_t mr_clock_mono_ns(void)
{
	return mono_ns;
}

int64_t mr_clock_wall_ns(void)
{
	return (int64_t)mono_ns + 1000;
}

uint64_t mr_clock_cpu_ns(void)
{
	return cpu_ns;
}

int mr_net_open(uint32_t entries, struct mr_net **ret_net)
{
	assert_true(entries > 0);
	*ret_net = &the_net;
	return open_result;
}

void mr_net_close(struct mr_net *net)
{
	assert_ptr_equal(net, &the_net);
}

uint32_t mr_net_poll(struct mr_net *net)
{
	assert_ptr_equal(net, &the_net);
	return 0;
}

void mr_net_announce_nap(struct mr_net *net)
{
	assert_ptr_equal(net, &the_net);
}

void mr_net_wait(struct mr_net *net, uint64_t timeout_ns)
{
	assert_ptr_equal(net, &the_net);
	last_wait_ns = timeout_ns;
	mono_ns += timeout_ns;
	if (++waits == stop_after_waits)
		atomic_store(&to_stop->stop, true);
}

void mr_net_ring_doorbell(struct mr_net *net)
{
	assert_ptr_equal(net, &the_net);
	doorbells++;
}

bool mr_net_sleeping(const struct mr_net *net)
{
	return net != NULL;
}

// -- Stages that take as long as they are told

struct fake {
	uint64_t step_ns; // of a busy step
	uint64_t unit_ns; // if not 0: a step takes its budget
	uint32_t busy_left; // steps that find work
	uint32_t steps;
	uint32_t units; // of the last budget
	uint64_t due_ns;
};

static struct mr_stats_stage stats[3];

static enum mr_poll fake_step(void *state, struct mr_now now, struct mr_budget budget)
{
	struct fake *fake = state;
	assert_int_equal(now.mono_ns, mono_ns);
	fake->steps++;
	fake->units = budget.units;
	if (fake->busy_left == 0) {
		mono_ns += 100;
		return MR_POLL_IDLE;
	}
	fake->busy_left--;
	mono_ns += fake->unit_ns > 0 ? fake->unit_ns * budget.units : fake->step_ns;
	return MR_POLL_BUSY;
}

static uint64_t fake_due(void *state)
{
	return ((struct fake *)state)->due_ns;
}

static struct mr_runner *runner_new(struct fake *fakes, const uint32_t *weights, uint32_t count)
{
	struct mr_runner *runner = aligned_alloc(64, (sizeof(*runner) + 63) / 64 * 64);
	memset(stats, 0, sizeof(stats));
	mr_runner_init(runner, 1, 200000, false);
	for (uint32_t i = 0; i < count; i++) {
		struct mr_stage stage = {.name = "fake",
			.kind = MR_STAGE_SHARD,
			.index = i,
			.state = &fakes[i],
			.step = fake_step,
			.next_due = fakes[i].due_ns != 0 ? fake_due : NULL,
			.stats = &stats[i]};
		mr_runner_add(runner, &stage, weights[i], NULL);
	}
	runner->now_ns = mono_ns;
	waits = doorbells = 0;
	open_result = 0;
	to_stop = runner;
	return runner;
}

static void stages_are_served_by_weight(void **state)
{
	(void)state;
	struct fake fakes[3] = {{.step_ns = 20000, .busy_left = UINT32_MAX},
		{.step_ns = 20000, .busy_left = UINT32_MAX},
		{.step_ns = 40000, .busy_left = UINT32_MAX}};
	struct mr_runner *runner = runner_new(fakes, (const uint32_t[]){1, 2, 1}, 3);
	for (uint32_t turn = 0; turn < 4000; turn++)
		mr_runner_turn(runner);
	uint64_t one = mr_read(&stats[0].busy_ns);
	uint64_t two = mr_read(&stats[1].busy_ns);
	uint64_t slow = mr_read(&stats[2].busy_ns);
	assert_in_range(two * 100 / one, 195, 205); // twice the weight, twice the time
	assert_in_range(slow * 100 / one, 95, 105); // slow steps do not buy time
	assert_int_equal(mr_read(&stats[2].step_max_ns), 40000);
	assert_int_equal(mr_read(&stats[0].steps), fakes[0].steps);
	free(runner);
}

static void idling_earns_no_credit(void **state)
{
	(void)state;
	struct fake fakes[2] = {{.step_ns = 10000, .busy_left = UINT32_MAX}, {.step_ns = 10000}};
	struct mr_runner *runner = runner_new(fakes, (const uint32_t[]){1, 1}, 2);
	for (uint32_t turn = 0; turn < 1000; turn++)
		mr_runner_turn(runner);
	assert_in_range(fakes[1].steps, 400, 600); // it is asked as often as the other works
	uint32_t before = fakes[0].steps;
	fakes[1].busy_left = UINT32_MAX;
	for (uint32_t turn = 0; turn < 100; turn++)
		mr_runner_turn(runner);
	assert_in_range(fakes[0].steps - before, 49, 51); // no backlog of turns to make up for
	free(runner);
}

static void budgets_are_steered_to_the_target(void **state)
{
	(void)state;
	struct fake fakes[1] = {{.unit_ns = 400, .busy_left = UINT32_MAX}};
	struct mr_runner *runner = runner_new(fakes, (const uint32_t[]){1}, 1);
	for (uint32_t turn = 0; turn < 50; turn++)
		mr_runner_turn(runner);
	uint64_t step_ns = fakes[0].units * fakes[0].unit_ns;
	assert_in_range(step_ns, MR_STEP_TARGET_NS / 3, MR_STEP_TARGET_NS);
	fakes[0].unit_ns = 20; // cheap units: the budget grows, but not beyond its bound
	for (uint32_t turn = 0; turn < 200; turn++)
		mr_runner_turn(runner);
	assert_int_equal(fakes[0].units, MR_STEP_UNITS_MAX);
	fakes[0].unit_ns = 5000; // dear ones: down to the smallest at most
	for (uint32_t turn = 0; turn < 20; turn++)
		mr_runner_turn(runner);
	assert_int_equal(fakes[0].units, MR_STEP_UNITS_MIN);
	free(runner);
}

static void idle_core_naps_longer_and_longer_up_to_its_bound(void **state)
{
	(void)state;
	struct fake fakes[1] = {{0}};
	struct mr_runner *runner = runner_new(fakes, (const uint32_t[]){1}, 1);
	mono_ns = 1000000;
	stop_after_waits = 4;
	assert_int_equal(mr_runner_main(runner), 0);
	assert_int_equal(last_wait_ns, 200000); // 50, 100, 200, 200 us
	assert_true(atomic_load(&runner->left));
	atomic_store(&runner->stop, false);
	waits = 0;
	stop_after_waits = 2000; // more than 100 ms without work
	assert_int_equal(mr_runner_main(runner), 0);
	assert_int_equal(last_wait_ns, 1000000);
	free(runner);
}

static void nap_ends_when_a_stage_is_due(void **state)
{
	(void)state;
	struct fake fakes[1] = {{.due_ns = UINT64_MAX}};
	struct mr_runner *runner = runner_new(fakes, (const uint32_t[]){1}, 1);
	stop_after_waits = 1;
	mono_ns = 5000000;
	fakes[0].due_ns = 5000000 + 60000; // spinning and yielding take 26 us of it
	assert_int_equal(mr_runner_main(runner), 0);
	assert_true(last_wait_ns <= 60000 - 26000);
	assert_true(last_wait_ns > 0);
	free(runner);
}

static void work_rings_the_doorbells_of_peers(void **state)
{
	(void)state;
	struct fake fakes[1] = {{.step_ns = 1000, .busy_left = 3}};
	struct mr_runner *runner = runner_new(fakes, (const uint32_t[]){1}, 1);
	struct mr_runner *peer = runner_new(fakes, (const uint32_t[]){1}, 1);
	struct mr_runner *const peers[] = {peer};
	runner->peers = peers;
	runner->peers_count = 1;
	to_stop = runner;
	atomic_store(&peer->net, &the_net);
	atomic_store(&peer->left, true);
	stop_after_waits = 1;
	assert_int_equal(mr_runner_main(runner), 0);
	assert_int_equal(doorbells, 3); // once per busy step, none for idle ones
	free(peer);
	free(runner);
}

static void core_that_does_not_get_its_cpu_stops_spinning(void **state)
{
	(void)state;
	struct fake fakes[1] = {{.step_ns = 1000, .busy_left = UINT32_MAX}};
	struct mr_runner *runner = runner_new(fakes, (const uint32_t[]){1}, 1);
	assert_false(runner->yields);
	fakes[0].busy_left =
		4000000; // 4 s of work; this thread has had 2 s of CPU by its own clock
	fakes[0].step_ns = 1000;
	stop_after_waits = 1;
	mono_ns = UINT64_C(1000000000000);
	cpu_ns = 0; // the CPU clock stands still: others had it
	assert_int_equal(mr_runner_main(runner), 0);
	assert_true(runner->yields);
	free(runner);
}

static void core_without_sockets_says_why(void **state)
{
	(void)state;
	struct fake fakes[1] = {{0}};
	struct mr_runner *runner = runner_new(fakes, (const uint32_t[]){1}, 1);
	open_result = -EPERM;
	assert_int_equal(mr_runner_main(runner), -EPERM);
	assert_int_equal(atomic_load(&runner->failure), -EPERM);
	assert_true(atomic_load(&runner->left));
	assert_int_equal(fakes[0].steps, 0);
	free(runner);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stages_are_served_by_weight),
		cmocka_unit_test(idling_earns_no_credit),
		cmocka_unit_test(budgets_are_steered_to_the_target),
		cmocka_unit_test(idle_core_naps_longer_and_longer_up_to_its_bound),
		cmocka_unit_test(nap_ends_when_a_stage_is_due),
		cmocka_unit_test(work_rings_the_doorbells_of_peers),
		cmocka_unit_test(core_that_does_not_get_its_cpu_stops_spinning),
		cmocka_unit_test(core_without_sockets_says_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
