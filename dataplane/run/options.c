#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>

enum { OPTION_TASK = 256 };

static const struct option known[] = {
	{"config", required_argument, NULL, 'c'},
	{"set", required_argument, NULL, 's'},
	{"check-config", no_argument, NULL, OPTION_TASK + MR_TASK_CHECK_CONFIG},
	{"check-host", no_argument, NULL, OPTION_TASK + MR_TASK_CHECK_HOST},
	{"print-config", no_argument, NULL, OPTION_TASK + MR_TASK_PRINT_CONFIG},
	{"failpoints", no_argument, NULL, OPTION_TASK + MR_TASK_FAILPOINTS},
	{"version", no_argument, NULL, OPTION_TASK + MR_TASK_VERSION},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

void mr_options_help(FILE *out)
{
	fputs("usage: millraced [--config FILE] [--set KEY=VALUE]... [TASK]\n"
	      "\n"
	      "The data plane of Millrace, a change-event router. Without a task it runs until SIGTERM.\n"
	      "\n"
	      "  -c, --config FILE   read the configuration from FILE (YAML); without it every key has its default\n"
	      "  -s, --set KEY=VALUE set one key, stronger than file and environment; may be repeated\n"
	      "      --check-config  say everything that is wrong with the configuration, print the memory plan\n"
	      "      --check-host    say what this host lacks for the configuration\n"
	      "      --print-config  print every key with its default, as a file\n"
	      "      --failpoints    print the points at which a test build can be killed (MILLRACE_FAILPOINT=NAME:COUNT)\n"
	      "      --version       print the version\n"
	      "  -h, --help          print this\n"
	      "\n"
	      "Examples:\n"
	      "  millraced --print-config > millrace.yaml\n"
	      "  millraced --config millrace.yaml --check-config\n"
	      "  millraced --config millrace.yaml --set port.device=net_tap0,iface=millrace0\n"
	      "  kill -HUP $(pidof millraced)    # reads the configuration again\n"
	      "\n"
	      "Exit codes: 0 done, 1 failed, 2 wrong usage, 65 journal corrupt, 74 input/output error,\n"
	      "78 wrong configuration, or another process has the journal.\n",
		out);
}

int mr_options_parse(
	int argc, char **argv, struct mr_options *ret_options, char *ret_why, size_t why_size)
{
	struct mr_options options = {.task = MR_TASK_RUN};
	int option;
	optind = 0; // from the start, also in a second call
	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:c:s:h", known, NULL)) != -1) {
		if (option == '?' || option == ':') {
			snprintf(ret_why, why_size, "%s %s", argv[optind - 1],
				option == ':' ? "needs a value" : "is no option of millraced");
			return -EINVAL;
		}
		if (option == 'c') {
			options.config = optarg;
		} else if (option == 's' && options.sets_count == MR_SETS_MAX) {
			snprintf(ret_why, why_size, "at most %d times --set: use a file",
				MR_SETS_MAX);
			return -EINVAL;
		} else if (option == 's') {
			options.sets[options.sets_count++] = optarg;
		} else {
			options.task =
				option == 'h' ? MR_TASK_HELP : (enum mr_task)(option - OPTION_TASK);
		}
	}
	if (optind < argc) {
		snprintf(ret_why, why_size, "what is \"%s\" for? millraced takes options only",
			argv[optind]);
		return -EINVAL;
	}
	*ret_options = options;
	return 0;
}
