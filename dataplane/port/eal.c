#include "eal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_log.h>

#include "device.h"
#include "host.h"
#include "mr_assert.h"

enum { ARGUMENTS_MAX = 48, ARGUMENT_BYTES_MAX = 8192 };

// The EAL keeps pointers into its arguments and reorders them: static, like the EAL itself.
static struct {
	char text[ARGUMENT_BYTES_MAX];
	char *argv[ARGUMENTS_MAX + 1];
	size_t used;
	int argc;
	bool overflow;
} arguments;

__attribute__((format(printf, 1, 2))) static void argue(const char *format, ...)
{
	va_list args;
	size_t left = sizeof(arguments.text) - arguments.used;

	va_start(args, format);
	int length = vsnprintf(arguments.text + arguments.used, left, format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= left || arguments.argc == ARGUMENTS_MAX) {
		arguments.overflow = true;
		return;
	}
	arguments.argv[arguments.argc++] = arguments.text + arguments.used;
	arguments.used += (size_t)length + 1;
}

static void argue_lcores(const struct mr_eal_options *options)
{
	char map[MR_LCORES_MAX * 12 + 16];

	size_t at = (size_t)snprintf(map, sizeof(map), "0@%u", options->main_cpu);
	for (uint32_t i = 0; i < options->lcores_count; i++) {
		at += (size_t)snprintf(
			map + at, sizeof(map) - at, ",%u@%u", i + 1, options->cpus[i]);
		mr_assert(at < sizeof(map));
	}
	argue("--lcores=%s", map);
	argue("--main-lcore=0");
}

// Loading every driver that is installed takes longer than all the rest of a start: name those we
// need, when they are where this DPDK keeps them.
static void argue_plugins(const struct mr_device *devices, uint32_t count)
{
	char paths[1 + 8][256];

	if (!mr_device_plugin("mempool_ring", paths[0], sizeof(paths[0])))
		return;
	for (uint32_t i = 0; i < count; i++)
		if (devices[i].pci
			|| !mr_device_plugin(devices[i].driver, paths[i + 1], sizeof(paths[0])))
			return;
	for (uint32_t i = 0; i <= count; i++)
		argue("-d%s", paths[i]);
}

static void argue_all(
	const struct mr_eal_options *options, const struct mr_device *devices, uint32_t count)
{
	bool pci = false;

	argue("millrace");
	argue(options->hugepages ? "--in-memory" : "--no-huge");
	if (!options->hugepages)
		argue("--no-shconf");
	argue("-m%u", options->memory_mib);
	argue("--file-prefix=%s", options->file_prefix);
	argue("--log-level=error");
	argue_lcores(options);
	argue_plugins(devices, count);
	for (uint32_t i = 0; i < count; i++) {
		pci = pci || devices[i].pci;
		argue(devices[i].pci ? "--allow=%s" : "--vdev=%s", devices[i].text);
	}
	if (!pci)
		argue("--no-pci"); // or the EAL probes the card this machine is managed by
}

// There are no secondary processes here: complaints about the way to them say nothing.
static bool matters(const char *text)
{
	return strstr(text, "mp action") == NULL && strstr(text, "secondary") == NULL;
}

// What DPDK says after the start are errors of ports: one line each, to whoever reads our stderr.
static ssize_t log_write(void *cookie, const char *text, size_t length)
{
	char line[256];

	(void)cookie;
	snprintf(line, sizeof(line), "%.*s", (int)length, text);
	line[strcspn(line, "\n")] = '\0';
	if (line[0] != '\0' && matters(line))
		dprintf(STDERR_FILENO, "dpdk: %s\n", line);
	return (ssize_t)length;
}

// While the EAL starts, what it prints (to stdout, to stderr, to its log) is kept for us to choose
// from.
struct capture {
	int memory;
	int out;
	int err;
};

static bool capture_begin(struct capture *ret_capture)
{
	struct capture capture = {.memory = memfd_create("millrace-eal", MFD_CLOEXEC)};

	if (capture.memory < 0)
		return false;
	fflush(stdout);
	fflush(stderr);
	capture.out = dup(STDOUT_FILENO);
	capture.err = dup(STDERR_FILENO);
	dup2(capture.memory, STDOUT_FILENO);
	dup2(capture.memory, STDERR_FILENO);
	*ret_capture = capture;
	return true;
}

static void restore(int saved, int fd)
{
	if (saved < 0) { // it was closed before, too
		close(fd);
		return;
	}
	dup2(saved, fd);
	close(saved);
}

// Keeps the first complaint: that is the cause, what follows gives up because of it.
static void capture_end(struct capture *capture, char *ret_text, size_t size)
{
	char line[256];

	fflush(stdout);
	fflush(stderr);
	restore(capture->out, STDOUT_FILENO);
	restore(capture->err, STDERR_FILENO);
	ret_text[0] = '\0';
	FILE *file = fdopen(capture->memory, "r");
	if (file == NULL) {
		close(capture->memory);
		return;
	}
	rewind(file);
	while (ret_text[0] == '\0' && fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		const char *at = strncmp(line, "dpdk: ", 6) == 0 ? line + 6 : line;
		at += strncmp(at, "EAL: ", 5) == 0 ? 5 : 0;
		if (matters(at))
			snprintf(ret_text, size, "%s", at);
	}
	fclose(file);
}

static int prepare(const struct mr_eal_options *options, struct mr_device *devices, char *ret_why,
	size_t why_size)
{
	struct mr_host_report report = {.first = ret_why, .first_size = why_size};

	mr_host_examine(options, 0, &report);
	if (report.lacking > 0)
		return -ENODEV;
	for (uint32_t i = 0; i < options->devices_count; i++) {
		int r = mr_device_parse(options->devices[i], &devices[i], ret_why, why_size);
		if (r == 0)
			r = mr_device_clear_socket(&devices[i], ret_why, why_size);
		if (r < 0)
			return r;
	}
	// Set but empty makes the EAL ask for a folder in /.
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	if (runtime != NULL && runtime[0] == '\0')
		unsetenv("XDG_RUNTIME_DIR");
	argue_all(options, devices, options->devices_count);
	if (arguments.overflow) {
		snprintf(ret_why, why_size,
			"port devices and topology are too long for DPDK's arguments");
		return -E2BIG;
	}
	return 0;
}

// A start is good only when every port asked for is there: a driver that fails leaves the EAL
// content without it.
static int confirm_ports(const struct mr_device *devices, uint32_t count, const char *said,
	char *ret_why, size_t why_size)
{
	for (uint32_t i = 0; i < count; i++) {
		uint16_t port;
		if (rte_eth_dev_get_port_by_name(devices[i].name, &port) == 0)
			continue;
		snprintf(ret_why, why_size, "port %s did not come up%s%s: check port.device %s",
			devices[i].name, said[0] == '\0' ? "" : ": ", said, devices[i].text);
		return -ENODEV;
	}
	return 0;
}

static const char *hint(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return ": start as root, or give the user the runtime folder and devices";
	case ENOMEM:
		return ": lower the EAL memory, or free some";
	case EALREADY:
		return ": a process can start DPDK once";
	default:
		return "";
	}
}

int mr_eal_start(const struct mr_eal_options *options, char *ret_why, size_t why_size)
{
	struct mr_device devices[sizeof(options->devices) / sizeof(options->devices[0])];
	struct capture capture;
	char said[256] = "";

	mr_assert(arguments.argc == 0); // once per process
	int r = prepare(options, devices, ret_why, why_size);
	if (r < 0) {
		arguments.argc = 0;
		arguments.used = 0;
		return r;
	}
	FILE *log = fopencookie(NULL, "w", (cookie_io_functions_t){.write = log_write});
	if (log == NULL || !capture_begin(&capture)) {
		snprintf(ret_why, why_size, "no memory or file descriptors to start DPDK with");
		return -ENOMEM;
	}
	setvbuf(log, NULL, _IOLBF, 0);
	rte_openlog_stream(log);
	r = rte_eal_init(arguments.argc, arguments.argv);
	int error = rte_errno;
	capture_end(&capture, said, sizeof(said));
	if (r < 0) {
		snprintf(ret_why, why_size, "DPDK did not start: %s%s",
			said[0] == '\0' ? rte_strerror(error) : said, hint(error));
		return error > 0 ? -error : -EIO;
	}
	r = confirm_ports(devices, options->devices_count, said, ret_why, why_size);
	if (r < 0)
		mr_eal_stop();
	return r;
}

void mr_eal_stop(void)
{
	char folder[256];
	char telemetry[sizeof(folder) + 32];

	// The folder of the file prefix stays behind with the telemetry socket in it, unless
	// somebody sweeps.
	snprintf(folder, sizeof(folder), "%s", rte_eal_get_runtime_dir());
	(void)rte_eal_cleanup();
	snprintf(telemetry, sizeof(telemetry), "%s/dpdk_telemetry.v2", folder);
	(void)unlink(telemetry);
	(void)rmdir(folder);
}

// What an lcore was told to do. DPDK orders its end before who waits for it; `ended` says so to
// ThreadSanitizer, too, which cannot look into DPDK.
struct errand {
	int (*fn)(void *arg);
	void *arg;
	_Atomic bool ended;
};
static struct errand errands[RTE_MAX_LCORE];

static int run_errand(void *arg)
{
	struct errand *errand = arg;
	int result = errand->fn(errand->arg);
	atomic_store_explicit(&errand->ended, true, memory_order_release);
	return result;
}

int mr_eal_launch(uint32_t lcore, int (*fn)(void *), void *arg)
{
	mr_assert(lcore > 0 && lcore < RTE_MAX_LCORE);
	mr_assert(rte_eal_get_lcore_state(lcore) == WAIT);
	errands[lcore] = (struct errand){.fn = fn, .arg = arg};
	return rte_eal_remote_launch(run_errand, &errands[lcore], lcore);
}

int mr_eal_wait(uint32_t lcore)
{
	mr_assert(lcore > 0 && lcore < RTE_MAX_LCORE);
	int result = rte_eal_wait_lcore(lcore);
	(void)atomic_load_explicit(&errands[lcore].ended, memory_order_acquire);
	return result;
}
