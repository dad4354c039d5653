// millrace-load: the open-loop sender, the verifying receiver, and the report over both.
#include <stdio.h>
#include <string.h>

#include <millrace/exit_code.h>

#include "report.h"
#include "send.h"
#include "sink.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
};

static const struct command commands[] = {
	{"send", mr_send_main, "send change events to a router, open loop, through a DPDK port"},
	{"sink", mr_sink_main,
		"receive webhooks: verify signatures, order, loss, duplicates; measure latency"},
	{"report", mr_report_main, "merge the JSON reports of both into the verdict on a run"},
};

static void usage(FILE *out)
{
	fprintf(out, "usage: millrace-load COMMAND [options]\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
	fprintf(out,
		"\n`millrace-load COMMAND --help` has the options and examples. Version " MR_VERSION
		".\n");
}

int main(int argc, char **argv)
{
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		usage(stdout);
		return MR_EXIT_DONE;
	}
	if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
		printf("millrace-load " MR_VERSION "\n");
		return MR_EXIT_DONE;
	}
	for (size_t i = 0; argc >= 2 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	if (argc >= 2)
		fprintf(stderr, "millrace-load: '%s' is no command\n", argv[1]);
	usage(stderr);
	return MR_EXIT_USAGE;
}
