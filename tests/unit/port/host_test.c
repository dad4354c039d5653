// What a host lacks, told before the EAL is asked. The host is this machine: the options ask for
// what no machine has.
#include "host.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct mr_eal_options modest = {
	// on the CPU that runs this
	.memory_mib = 16,
	.file_prefix = "millrace-test",
	.devices = {"net_null0"},
	.devices_count = 1,
	.lcores_count = 1,
};

static char first[512];

static uint32_t lacking(const struct mr_eal_options *options, uint64_t memory_bytes)
{
	struct mr_host_report report = {.first = first, .first_size = sizeof(first)};

	first[0] = '\0';
	mr_host_examine(options, memory_bytes, &report);
	return report.lacking;
}

static void modest_wishes_are_met(void **state)
{
	(void)state;
	if (lacking(&modest, 1 << 20) != 0)
		fail_msg("%s", first);
	assert_string_equal(first, "");
}

static void cpu_that_is_not_there_is_told(void **state)
{
	(void)state;
	struct mr_eal_options options = modest;

	options.cpus[0] = 9999;
	assert_int_equal(lacking(&options, 0), 1);
	assert_non_null(strstr(first, "CPU 9999"));
	options.main_cpu = 8888; // both, the main one first
	assert_int_equal(lacking(&options, 0), 2);
	assert_non_null(strstr(first, "CPU 8888"));
}

static void missing_hugepages_come_with_the_command(void **state)
{
	(void)state;
	struct mr_eal_options options = modest;

	options.hugepages = true;
	options.memory_mib = 1u << 30;
	assert_int_equal(lacking(&options, 0), 1);
	assert_non_null(strstr(first, "sysctl -w vm.nr_hugepages=536870912"));
	assert_non_null(strstr(first, "536870912 of 2 MiB needed"));
}

static void more_memory_than_there_is_is_told(void **state)
{
	(void)state;
	assert_int_equal(lacking(&modest, UINT64_C(1) << 50), 1);
	assert_non_null(strstr(first, "memory"));
}

static void device_that_cannot_be_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *device;
		const char *said;
	} bad[] = {
		{"eth0", "neither a PCI address"},
		{"ffff:ff:1f.7", "no PCI device"},
		{"net_nonsense0", "librte_net_nonsense"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mr_eal_options options = modest;
		options.devices[0] = bad[i].device;
		assert_int_equal(lacking(&options, 0), 1);
		if (strstr(first, bad[i].said) == NULL)
			fail_msg("%s: %s", bad[i].device, first);
	}
}

static void report_prints_every_finding_on_a_line(void **state)
{
	(void)state;
	struct mr_eal_options options = modest;
	char *text = NULL;
	size_t length = 0;

	options.cpus[0] = 9999;
	options.devices[0] = "eth0";
	FILE *out = open_memstream(&text, &length);
	assert_non_null(out);
	assert_int_equal(mr_host_check(&options, 1 << 20, out), 2);
	fclose(out);
	assert_non_null(strstr(text, "lacks  CPU 9999"));
	assert_non_null(strstr(text, "lacks  port device eth0"));
	assert_non_null(strstr(text, "ok     memory"));
	free(text);
}

static int choose_cpu(void **state)
{
	(void)state;
	int cpu = sched_getcpu();

	modest.main_cpu = (uint32_t)cpu;
	modest.cpus[0] = (uint32_t)cpu;
	return cpu < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modest_wishes_are_met),
		cmocka_unit_test(cpu_that_is_not_there_is_told),
		cmocka_unit_test(missing_hugepages_come_with_the_command),
		cmocka_unit_test(more_memory_than_there_is_is_told),
		cmocka_unit_test(device_that_cannot_be_is_told),
		cmocka_unit_test(report_prints_every_finding_on_a_line),
	};

	return cmocka_run_group_tests(tests, choose_cpu, NULL);
}
