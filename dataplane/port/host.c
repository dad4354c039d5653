#include "host.h"

#include <ctype.h>
#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "mr_assert.h"

enum { HUGEPAGE_MIB = 2, TEXT_MAX = 512 };

__attribute__((format(printf, 2, 3))) static void say_fine(
	struct mr_host_report *report, const char *format, ...)
{
	va_list args;

	if (report->out == NULL)
		return;
	va_start(args, format);
	fputs("ok     ", report->out);
	vfprintf(report->out, format, args);
	fputc('\n', report->out);
	va_end(args);
}

__attribute__((format(printf, 2, 3))) static void say_lacking(
	struct mr_host_report *report, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (report->out != NULL)
		fprintf(report->out, "lacks  %s\n", text);
	if (report->lacking == 0 && report->first != NULL)
		snprintf(report->first, report->first_size, "%s", text);
	report->lacking++;
}

// First line of a small file of the kernel's; empty when it is not there.
static void read_line(const char *path, char *ret_line, size_t size)
{
	ret_line[0] = '\0';
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return;
	if (fgets(ret_line, (int)size, file) == NULL)
		ret_line[0] = '\0';
	ret_line[strcspn(ret_line, "\n")] = '\0';
	fclose(file);
}

// The number behind `key` in a file of "key: value" lines; false when there is none.
static bool read_field(const char *path, const char *key, int base, uint64_t *ret_value)
{
	char line[256];
	bool found = false;

	FILE *file = fopen(path, "re");
	if (file == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), file) != NULL) {
		size_t length = strlen(key);
		if (strncmp(line, key, length) != 0 || line[length] != ':')
			continue;
		*ret_value = strtoull(line + length + 1, NULL, base);
		found = true;
	}
	fclose(file);
	return found;
}

// Whether a kernel list such as "0-3,8" holds the number.
static bool list_holds(const char *list, uint32_t number)
{
	while (isdigit((unsigned char)*list)) {
		char *end;
		unsigned long first = strtoul(list, &end, 10);
		unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;
		if (number >= first && number <= last)
			return true;
		list = *end == ',' ? end + 1 : end;
	}
	return false;
}

static int node_of_cpu(uint32_t cpu)
{
	char path[96], list[256];

	for (int node = 0; node < 64; node++) {
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist", node);
		read_line(path, list, sizeof(list));
		if (list_holds(list, cpu))
			return node;
	}
	return -1;
}

static void examine_cpu(
	uint32_t cpu, const char *online, const cpu_set_t *allowed, struct mr_host_report *report)
{
	if (!list_holds(online, cpu))
		say_lacking(report,
			"CPU %u of the topology is not online (online: %s): change the topology",
			cpu, online);
	else if (cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, allowed))
		say_lacking(report,
			"CPU %u is closed to this process: widen its affinity (taskset, cpuset, CPUAffinity=) or change the topology",
			cpu);
}

static void examine_cpus(const struct mr_eal_options *options, struct mr_host_report *report)
{
	char online[256];
	cpu_set_t allowed;
	uint32_t before = report->lacking;

	read_line("/sys/devices/system/cpu/online", online, sizeof(online));
	CPU_ZERO(&allowed);
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return; // more CPUs than the set holds: the EAL will tell
	examine_cpu(options->main_cpu, online, &allowed, report);
	for (uint32_t i = 0; i < options->lcores_count; i++) {
		examine_cpu(options->cpus[i], online, &allowed, report);
		for (uint32_t k = 0; k < i; k++)
			if (options->cpus[k] == options->cpus[i])
				say_fine(report,
					"lcores %u and %u share CPU %u: they yield to each other",
					k + 1, i + 1, options->cpus[i]);
	}
	if (report->lacking == before)
		say_fine(report, "CPUs: main %u, %u worker lcores; online: %s", options->main_cpu,
			options->lcores_count, online);
}

static void examine_hugepages(const struct mr_eal_options *options, struct mr_host_report *report)
{
	char line[32];
	uint64_t need = (options->memory_mib + HUGEPAGE_MIB - 1) / HUGEPAGE_MIB;

	read_line("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", line, sizeof(line));
	uint64_t have = strtoull(line, NULL, 10);
	if (have >= need)
		say_fine(report, "hugepages: %lu of 2 MiB needed, %lu free", need, have);
	else
		say_lacking(report,
			"hugepages: %lu of 2 MiB needed, %lu free: `sysctl -w vm.nr_hugepages=%lu`, or start without hugepages",
			need, have, need);
}

static void examine_memory(
	const struct mr_eal_options *options, uint64_t memory_bytes, struct mr_host_report *report)
{
	uint64_t available_kib = 0;

	if (options->hugepages)
		examine_hugepages(options, report);
	uint64_t need_mib = (memory_bytes >> 20) + (options->hugepages ? 0 : options->memory_mib);
	if (!read_field("/proc/meminfo", "MemAvailable", 10, &available_kib))
		return;
	if (need_mib > (available_kib >> 10) / 2)
		say_lacking(report,
			"memory: %lu MiB needed, half of what is available is %lu MiB: lower the totals (shard.buffer_bytes first) or give the machine more",
			need_mib, (available_kib >> 10) / 2);
	else
		say_fine(report, "memory: %lu MiB needed, %lu MiB available", need_mib,
			available_kib >> 10);
}

static const struct privilege {
	const char *driver;
	uint32_t capability;
	const char *name;
} privileges[] = {
	{"net_af_packet", CAP_NET_RAW, "CAP_NET_RAW"},
	{"net_af_xdp", CAP_BPF, "CAP_BPF"},
	{"net_af_xdp", CAP_NET_ADMIN, "CAP_NET_ADMIN"},
	{"net_tap", CAP_NET_ADMIN, "CAP_NET_ADMIN"},
};

static void examine_privileges(const struct mr_device *device, struct mr_host_report *report)
{
	uint64_t effective = 0;

	(void)read_field("/proc/self/status", "CapEff", 16, &effective);
	for (size_t i = 0; i < sizeof(privileges) / sizeof(privileges[0]); i++) {
		const struct privilege *privilege = &privileges[i];
		if (strcmp(privilege->driver, device->driver) != 0
			|| (effective >> privilege->capability & 1) != 0)
			continue;
		say_lacking(report,
			"port %s needs %s: start as root, or `setcap %s+ep` on the program",
			device->name, privilege->name, privilege->name);
	}
}

static void examine_numa(const struct mr_eal_options *options, const struct mr_device *device,
	struct mr_host_report *report)
{
	char path[128], line[256];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/numa_node", device->name);
	read_line(path, line, sizeof(line));
	int node = line[0] == '\0' ? -1 : (int)strtol(line, NULL, 10);
	if (node < 0)
		return; // one node, or unknown: nothing to choose
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/distance", node);
	read_line(path, line, sizeof(line));
	for (uint32_t i = 0; i < options->lcores_count; i++) {
		int of_cpu = node_of_cpu(options->cpus[i]);
		if (of_cpu != node && of_cpu >= 0)
			say_fine(report,
				"port %s is on NUMA node %d, lcore %u (CPU %u) on node %d: every packet crosses (distances from node %d: %s)",
				device->name, node, i + 1, options->cpus[i], of_cpu, node, line);
	}
}

static void examine_pci(const struct mr_device *device, struct mr_host_report *report)
{
	char path[128], link[256];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", device->name);
	if (access(path, F_OK) < 0) {
		say_lacking(report,
			"there is no PCI device %s: `lspci -D | grep -i net` lists them",
			device->name);
		return;
	}
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", device->name);
	ssize_t length = readlink(path, link, sizeof(link) - 1);
	link[length < 0 ? 0 : length] = '\0';
	const char *driver = strrchr(link, '/') == NULL ? "no driver" : strrchr(link, '/') + 1;
	if (strstr(driver, "vfio") != NULL || strstr(driver, "uio") != NULL
		|| strncmp(driver, "mlx", 3) == 0)
		say_fine(report, "port %s is bound to %s", device->name, driver);
	else
		say_lacking(report,
			"port %s is bound to %s: `modprobe vfio-pci && dpdk-devbind.py -b vfio-pci %s`",
			device->name, driver, device->name);
}

static void examine_device(
	const struct mr_eal_options *options, const char *text, struct mr_host_report *report)
{
	struct mr_device device;
	char path[256], why[256];
	uint32_t before = report->lacking;

	if (mr_device_parse(text, &device, why, sizeof(why)) < 0) {
		say_lacking(report, "%s", why);
		return;
	}
	if (device.pci) {
		examine_pci(&device, report);
		examine_numa(options, &device, report);
		return;
	}
	// Without the folder of this DPDK its default loading decides.
	if (mr_device_plugin("mempool_ring", path, sizeof(path))
		&& !mr_device_plugin(device.driver, path, sizeof(path)))
		say_lacking(report, "DPDK's driver for %s is not installed: %s is missing",
			device.name, path);
	examine_privileges(&device, report);
	if (report->lacking == before)
		say_fine(report, "port %s: driver and privileges", device.name);
}

void mr_host_examine(
	const struct mr_eal_options *options, uint64_t memory_bytes, struct mr_host_report *report)
{
	mr_assert(options->lcores_count <= MR_LCORES_MAX);
	mr_assert(options->devices_count <= sizeof(options->devices) / sizeof(options->devices[0]));

	examine_cpus(options, report);
	examine_memory(options, memory_bytes, report);
	for (uint32_t i = 0; i < options->devices_count; i++)
		examine_device(options, options->devices[i], report);
}

uint32_t mr_host_check(const struct mr_eal_options *options, uint64_t memory_bytes, FILE *out)
{
	struct mr_host_report report = {.out = out};

	mr_host_examine(options, memory_bytes, &report);
	return report.lacking;
}
