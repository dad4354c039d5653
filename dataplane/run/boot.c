#include "boot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <millrace/exit_code.h>

#include "boot_journal.h"
#include "clock.h"
#include "crypto.h"
#include "device.h"
#include "log.h"
#include "mr_assert.h"
#include "nic.h"
#include "paths.h"
#include "plan.h"
#include "runner.h"
#include "steward.h"
#include "telemetry.h"
#include "wiring.h"

// Beside connections: rings, control socket and those who ask there, the port, DPDK's own, secrets.
enum { NIC_RING = 1024, WHY_BYTES = 512, OTHER_DESCRIPTORS = 128 };

struct router {
	const struct mr_boot *boot;
	struct mr_config *config; // the steward's once it has started
	const struct mr_topology *topology;
	struct mr_nic *nic;
	struct mr_nic_info nic_info;
	struct mr_segment segment;
	struct mr_arena arena;
	struct mr_wiring wiring;
	struct mr_steward steward;
	struct mr_boot_journal journal; // durability: disk
	struct mr_plan plan;
	struct mr_runner runners[MR_LCORES_MAX];
	struct mr_runner *runner_table[MR_LCORES_MAX];
	struct mr_runner *peers[MR_LCORES_MAX][MR_LCORES_MAX];
	uint64_t boot_id;
	uint32_t launched;
	int code; // enum mr_exit_code, of an error
	char why[WHY_BYTES];
};

struct mr_eal_options mr_boot_eal_options(
	const struct mr_config *config, const struct mr_topology *topology)
{
	struct mr_eal_options options = {.hugepages = config->hugepages,
		.memory_mib = (uint32_t)(config->eal_memory_bytes >> 20),
		.file_prefix = config->file_prefix,
		.devices = {config->port_device},
		.devices_count = 1,
		.main_cpu = topology->main_cpu,
		.lcores_count = topology->lcores_count};
	for (uint32_t i = 0; i < topology->lcores_count; i++)
		options.cpus[i] = topology->lcores[i].cpu;
	return options;
}

// -- Steps. Each: 0, or negative errno with a sentence in router->why.

// /run/millrace is there under systemd (RuntimeDirectory); elsewhere we make it.
static void make_directories(const struct mr_config *config)
{
	struct mr_device device;
	char socket[MR_PATH_BYTES_MAX];
	char why[WHY_BYTES];
	mr_make_parent(config->direct_socket);
	if (mr_device_parse(config->port_device, &device, why, sizeof(why)) == 0
		&& mr_device_argument(&device, "socket", socket, sizeof(socket)))
		mr_make_parent(socket);
}

static int start_eal(struct router *router)
{
	struct mr_eal_options options = mr_boot_eal_options(router->config, router->topology);
	return mr_eal_start(&options, router->why, sizeof(router->why));
}

static int open_port(struct router *router)
{
	struct mr_device device;
	const char *why = "";
	int err = mr_device_parse(
		router->config->port_device, &device, router->why, sizeof(router->why));
	if (err != 0)
		return err;
	struct mr_nic_options options = {.device = device.name,
		.queues = (uint16_t)router->topology->sources,
		.ring_size = NIC_RING,
		.mbufs = (uint32_t)router->config->port_mbufs,
		.mtu = (uint16_t)router->config->port_mtu};
	err = mr_nic_open(&options, &router->nic, &why);
	if (err != 0)
		snprintf(router->why, sizeof(router->why), "port %s: %s", device.name, why);
	else
		mr_nic_info(router->nic, &router->nic_info);
	return err;
}

static int open_segment(struct router *router)
{
	struct mr_segment_layout layout = {.boot_id = router->boot_id,
		.flows = (uint32_t)router->config->flows,
		.shards = router->topology->shards,
		.deliveries = router->topology->deliveries,
		.stages_count = router->wiring.numbers.count,
		.webhooks_max = (uint32_t)router->config->webhooks_max,
		.is_volatile = router->config->is_volatile};
	int err = mr_segment_open(&router->segment, &layout);
	if (err != 0)
		snprintf(router->why, sizeof(router->why),
			"no memory for the statistics segment: %s", strerror(-err));
	return err;
}

// An exit code of the journal as an error.
static int journal_error(struct router *router, int code)
{
	if (code == 0)
		return 0;
	router->code = code;
	snprintf(router->why, sizeof(router->why), "%s", router->journal.why);
	return -EIO;
}

static int say_no_memory(struct router *router)
{
	snprintf(router->why, sizeof(router->why),
		"no memory for the stages: %zu MiB are needed. Raise the limit on address "
		"space or memory (ulimit -v, MemoryMax=), or lower the plan: --check-config",
		router->plan.arena.used >> 20);
	return -ENOMEM;
}

// Memory, what stands between the stages, and the steward, which answers from here on.
static int build_steward(struct router *router)
{
	struct mr_steward_config steward = {.sources = router->boot->sources,
		.wiring = &router->wiring,
		.segment = &router->segment,
		.nic = router->nic,
		.runners = router->runner_table,
		.runners_count = router->topology->lcores_count,
		.boot_id = router->boot_id,
		.exec_ns = router->boot->exec_ns};
	if (mr_arena_open(&router->arena, router->plan.arena.used, router->config->hugepages) != 0
		|| !mr_wire_paths(&router->wiring, &router->arena)
		|| !mr_steward_init(&router->steward, &router->arena, &steward))
		return say_no_memory(router);
	router->steward.signals = router->boot->signals;
	int err = mr_steward_start(
		&router->steward, router->config, router->why, sizeof(router->why));
	if (err == 0)
		router->config = NULL; // the steward's
	return err;
}

static int build_stages(struct router *router)
{
	struct mr_wiring_port port = {.nic = router->nic};
	bool has_journal = router->wiring.disk != NULL;
	memcpy(port.mac, router->nic_info.mac, sizeof(port.mac));
	int err = has_journal ? journal_error(router,
			  mr_boot_journal_recover(
				  &router->journal, &router->wiring, &router->steward))
			      : 0;
	if (err != 0)
		return err;
	if (!mr_wire_stages(&router->wiring, &router->arena, &port))
		return say_no_memory(router);
	mr_steward_wired(&router->steward);
	mr_arena_seal(&router->arena);
	if (!has_journal)
		return 0;
	mr_boot_journal_judge_disk(&router->journal, router->wiring.config);
	err = journal_error(router,
		mr_boot_journal_hand_over(&router->journal, &router->wiring, &router->steward));
	return err != 0 ? err : mr_maker_thread_start(&router->journal.maker, router->wiring.maker);
}

static bool shares_cpu(const struct mr_topology *topology, uint32_t lcore)
{
	for (uint32_t i = 0; i < topology->lcores_count; i++)
		if (i != lcore && topology->lcores[i].cpu == topology->lcores[lcore].cpu)
			return true;
	return false;
}

static void fill_runner(struct router *router, uint32_t lcore)
{
	// Behind a full queue it is the later stages that make room.
	static const uint32_t weights[MR_STAGE_KIND_COUNT] = {[MR_STAGE_INGEST] = 1,
		[MR_STAGE_SHARD] = 2,
		[MR_STAGE_JOURNAL] = 2,
		[MR_STAGE_DELIVERY] = 2};
	const struct mr_topology_lcore *from = &router->topology->lcores[lcore];
	struct mr_runner *runner = &router->runners[lcore];
	mr_runner_init(runner, from->cpu, router->wiring.config->idle_max_latency_ns,
		shares_cpu(router->topology, lcore));
	router->runner_table[lcore] = runner;
	for (uint32_t i = 0; i < from->places_count; i++) {
		uint32_t number = mr_stage_number(&router->wiring.numbers, from->places[i]);
		const struct mr_stage *stage = &router->wiring.stages[number];
		struct mr_stage_sockets *sockets = &router->wiring.sockets[number];
		struct mr_runner_sockets attached = {
			.state = sockets, .attach = mr_stage_attach, .detach = mr_stage_detach};
		stage->stats->kind = stage->kind;
		stage->stats->index = stage->index;
		stage->stats->lcore = lcore + 1;
		stage->stats->cpu = from->cpu;
		mr_runner_add(runner, stage, weights[stage->kind],
			mr_stage_has_sockets(sockets) ? &attached : NULL);
	}
}

static void fill_runners(struct router *router)
{
	uint32_t lcores = router->topology->lcores_count;
	struct mr_stats_stage *steward = &router->segment.stages[router->wiring.numbers.steward];
	steward->kind = MR_STAGE_STEWARD;
	steward->cpu = router->topology->main_cpu;
	for (uint32_t i = 0; i < lcores; i++)
		fill_runner(router, i);
	for (uint32_t i = 0; i < lcores; i++) {
		struct mr_runner *runner = &router->runners[i];
		for (uint32_t peer = 0; peer < lcores; peer++)
			if (peer != i)
				router->peers[i][runner->peers_count++] = &router->runners[peer];
		runner->peers = router->peers[i];
	}
}

static int launch(struct router *router)
{
	for (uint32_t i = 0; i < router->topology->lcores_count; i++) {
		int err = mr_eal_launch(i + 1, mr_runner_main, &router->runners[i]);
		if (err != 0) {
			snprintf(router->why, sizeof(router->why),
				"the core on CPU %u does not start: %s",
				router->topology->lcores[i].cpu, strerror(-err));
			return err;
		}
		router->launched++;
	}
	return 0;
}

static void introduce(const struct router *router)
{
	const struct mr_config *config = router->wiring.config;
	char *lcores = calloc(1, 8192);
	if (lcores == NULL)
		return;
	mr_topology_format(router->topology, lcores, 8192);
	mr_log(MR_LOG_NOTICE, "millraced %s: %s; port %s (%s) %s %s udp %u; %s", MR_VERSION, lcores,
		router->nic_info.name, router->nic_info.driver, config->port_ipv4,
		config->port_ipv6, (unsigned)config->ingest_port,
		config->is_volatile
			? "VOLATILE: a crash forgets acknowledged events (durability: memory)"
			: "durable");
	if (config->apps_count == 0)
		mr_log(MR_LOG_WARNING, "no apps are configured: nobody can send");
	free(lcores);
}

static void stop_cores(struct router *router)
{
	// One that was never launched has no loop to leave.
	for (uint32_t i = router->launched; i < router->topology->lcores_count; i++)
		atomic_store_explicit(&router->runners[i].left, true, memory_order_release);
	for (uint32_t i = 0; i < router->launched; i++)
		atomic_store_explicit(&router->runners[i].stop, true, memory_order_release);
	for (uint32_t i = 0; i < router->launched; i++)
		(void)mr_eal_wait(i + 1);
}

static int plan(struct router *router)
{
	int err = mr_plan_make(
		router->config, router->topology, &router->plan, router->why, sizeof(router->why));
	return err != 0 ? err : mr_plan_check(&router->plan, router->why, sizeof(router->why));
}

// Connections and segments must not take the descriptors that the control socket needs.
static int reserve_descriptors(struct router *router)
{
	struct rlimit limit;
	uint64_t need = router->config->connections_max + router->plan.journal.segments_max
		+ OTHER_DESCRIPTORS;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return -errno;
	if (limit.rlim_cur < need && limit.rlim_max >= need) {
		limit.rlim_cur = need;
		return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? 0 : -errno;
	}
	if (limit.rlim_cur >= need)
		return 0;
	snprintf(router->why, sizeof(router->why),
		"connections.max and the journal need %llu descriptors, %llu are allowed: raise the limit "
		"(ulimit -n, LimitNOFILE=), or lower connections.max, or raise journal.segment_bytes",
		(unsigned long long)need, (unsigned long long)limit.rlim_max);
	return -EMFILE;
}

static int run_router(struct router *router)
{
	int err = build_steward(router);
	if (err == 0)
		err = build_stages(router);
	if (err != 0)
		return err;
	fill_runners(router);
	introduce(router);
	err = mr_telemetry_open(&router->segment);
	if (err != 0)
		mr_log(MR_LOG_WARNING, "DPDK telemetry does not take our commands: %s",
			strerror(-err));
	err = launch(router);
	if (err == 0)
		err = mr_steward_run(&router->steward);
	if (err == -EIO)
		router->code = MR_EXIT_IO;
	stop_cores(router);
	return err;
}

static int run_with_eal(struct router *router)
{
	int err = open_port(router);
	if (err == 0)
		err = open_segment(router);
	if (err == 0)
		err = run_router(router);
	if (router->config == NULL)
		mr_steward_stop(&router->steward);
	return err;
}

// What must be there before the EAL starts.
static int prepare(struct router *router)
{
	const struct mr_config *config = router->config;
	int err = mr_random_bytes(&router->boot_id, sizeof(router->boot_id));
	if (err == 0)
		err = mr_random_bytes(
			&router->wiring.secret_seed, sizeof(router->wiring.secret_seed));
	if (err != 0)
		return err;
	router->wiring.boot_id = router->boot_id;
	make_directories(config);
	err = reserve_descriptors(router);
	if (err != 0 || config->is_volatile)
		return err;
	router->wiring.disk = &router->journal.wiring;
	return journal_error(
		router, mr_boot_journal_open(&router->journal, config, &router->plan.journal));
}

int mr_boot_run(
	const struct mr_boot *boot, struct mr_config *config, const struct mr_topology *topology)
{
	struct router *router = aligned_alloc(64, (sizeof(*router) + 63) / 64 * 64);
	if (router == NULL) {
		mr_config_free(config);
		return MR_EXIT_FAILED;
	}
	memset(router, 0, sizeof(*router));
	router->boot = boot;
	router->config = config;
	router->topology = topology;
	router->wiring.config = config;
	router->wiring.topology = topology;
	router->wiring.segment = &router->segment;
	router->wiring.numbers = mr_number_stages(topology);
	router->code = MR_EXIT_CONFIG;
	int err = plan(router);
	if (err == 0) {
		router->code = MR_EXIT_FAILED;
		err = prepare(router);
	}
	if (err == 0)
		err = start_eal(router);
	if (err == 0) {
		err = run_with_eal(router);
		mr_nic_close(router->nic);
		mr_eal_stop();
	}
	if (err != 0)
		mr_log(MR_LOG_ERROR, "%s", router->why[0] != '\0' ? router->why : strerror(-err));
	int code = err == 0 ? MR_EXIT_DONE : router->code;
	mr_boot_journal_close(&router->journal);
	mr_segment_close(&router->segment);
	mr_arena_close(&router->arena);
	mr_config_free(router->config);
	free(router);
	return code;
}
