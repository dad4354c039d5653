// millraced: the data plane of Millrace.
#include <errno.h>
#include <stdlib.h>

#include <millrace/exit_code.h>

#include "boot.h"
#include "clock.h"
#include "config.h"
#include "config_print.h"
#include "config_table.h"
#include "failpoint.h"
#include "log.h"
#include "options.h"
#include "plan.h"
#include "steward.h"
#include "topology.h"

extern char **environ;

// The plan on stdout, or the sentence that it does not fit.
static int print_plan(const struct mr_config *config, const struct mr_plan *plan)
{
	char why[256];
	mr_plan_print(config, plan, stdout);
	if (mr_plan_check(plan, why, sizeof(why)) == 0)
		return MR_EXIT_DONE;
	mr_log(MR_LOG_ERROR, "%s", why);
	return MR_EXIT_CONFIG;
}

static int check(
	enum mr_task task, const struct mr_config *config, const struct mr_topology *topology)
{
	struct mr_eal_options eal = mr_boot_eal_options(config, topology);
	struct mr_plan *plan = calloc(1, sizeof(*plan));
	char why[320] = "no memory";
	int code = MR_EXIT_DONE;
	if (plan == NULL || mr_plan_make(config, topology, plan, why, sizeof(why)) != 0) {
		mr_log(MR_LOG_ERROR, "%s", why);
		code = MR_EXIT_CONFIG;
	} else if (task == MR_TASK_CHECK_CONFIG) {
		code = print_plan(config, plan);
	} else if (mr_host_check(&eal, plan->arena.used + plan->segment_bytes, stdout) > 0) {
		code = MR_EXIT_FAILED;
	}
	free(plan);
	return code;
}

static int run(const struct mr_options *options, uint64_t exec_ns)
{
	struct mr_config_sources sources = {.path = options->config,
		.environment = environ,
		.sets = options->sets,
		.sets_count = options->sets_count,
		.check_host = true};
	struct mr_config_report report = {.err = stderr};
	uint32_t cpus[MR_LCORES_MAX * 4];
	uint32_t cpus_count = mr_cpus_allowed(cpus, sizeof(cpus) / sizeof(cpus[0]));
	struct mr_topology *topology = calloc(1, sizeof(*topology));
	struct mr_config *config = mr_config_new();
	int code = MR_EXIT_CONFIG;
	if (config == NULL || topology == NULL || mr_config_load(config, &sources, &report) != 0
		|| mr_topology_make(config, cpus, cpus_count, &report, topology) != 0) {
		mr_config_free(config);
	} else if (options->task != MR_TASK_RUN) {
		code = check(options->task, config, topology);
		mr_config_free(config);
	} else {
		struct mr_boot boot = {
			.sources = &sources, .signals = mr_steward_signals(), .exec_ns = exec_ns};
		code = mr_boot_run(&boot, config, topology);
	}
	free(topology);
	return code;
}

// One name a line, when this build can be killed at them.
static int print_failpoints(void)
{
	if (!mr_failpoint_built()) {
		mr_log(MR_LOG_ERROR,
			"this build has no failpoints: configure one with -Dfailpoints=true");
		return MR_EXIT_FAILED;
	}
	for (enum mr_failpoint point = 0; point < MR_FAILPOINT_COUNT; point++)
		printf("%-24s %s\n", mr_failpoint_info(point)->name,
			mr_failpoint_info(point)->when);
	return MR_EXIT_DONE;
}

static int arm_failpoint(void)
{
	const char *text = getenv("MILLRACE_FAILPOINT");
	int r = text != NULL ? mr_failpoint_arm(text) : 0;
	if (r < 0)
		mr_log(MR_LOG_ERROR, "MILLRACE_FAILPOINT=%s: %s", text,
			r == -ENOTSUP ? "this build has no failpoints"
				      : "give a name of --failpoints and a count, as name:3");
	return r;
}

int main(int argc, char **argv)
{
	struct mr_options options;
	char why[256];
	uint64_t exec_ns = mr_clock_mono_ns();
	if (mr_options_parse(argc, argv, &options, why, sizeof(why)) != 0) {
		fprintf(stderr, "millraced: %s\n", why);
		mr_options_help(stderr);
		return MR_EXIT_USAGE;
	}
	if (arm_failpoint() < 0)
		return MR_EXIT_CONFIG;
	if (options.task == MR_TASK_FAILPOINTS)
		return print_failpoints();
	if (options.task == MR_TASK_HELP)
		mr_options_help(stdout);
	else if (options.task == MR_TASK_VERSION)
		printf("millraced %s\n", MR_VERSION);
	else if (options.task == MR_TASK_PRINT_CONFIG)
		mr_config_print(stdout, &mr_config_schema);
	else
		return run(&options, exec_ns);
	return fflush(stdout) == 0 ? MR_EXIT_DONE : MR_EXIT_IO;
}
