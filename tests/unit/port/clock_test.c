#include "clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

static void monotonic_clock_never_goes_back(void **state)
{
	uint64_t before = mr_clock_mono_ns();

	(void)state;
	for (int i = 0; i < 10000; i++) {
		uint64_t now = mr_clock_mono_ns();
		assert_true(now >= before);
		before = now;
	}
}

static void wall_clock_is_that_of_the_system(void **state)
{
	(void)state;
	assert_in_range(mr_clock_wall_ns() / 1000000000, time(NULL) - 2, time(NULL) + 2);
}

static void cpu_clock_stands_while_the_thread_sleeps(void **state)
{
	const struct timespec nap = {.tv_nsec = 20000000};

	(void)state;
	uint64_t cpu = mr_clock_cpu_ns();
	uint64_t mono = mr_clock_mono_ns();
	nanosleep(&nap, NULL);
	mono = mr_clock_mono_ns() - mono;
	cpu = mr_clock_cpu_ns() - cpu;
	assert_true(mono >= 20000000);
	assert_true(cpu < mono / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(monotonic_clock_never_goes_back),
		cmocka_unit_test(wall_clock_is_that_of_the_system),
		cmocka_unit_test(cpu_clock_stands_while_the_thread_sleeps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
