#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

enum { OPTION_TASK = 256 };

static const struct option known[] = {
	{"config", required_argument, NULL, 'c'},
	{"set", required_argument, NULL, 's'},
	{"role", required_argument, NULL, 'r'},
	{"check-config", no_argument, NULL, OPTION_TASK + MR_TASK_CHECK_CONFIG},
	{"print-config", no_argument, NULL, OPTION_TASK + MR_TASK_PRINT_CONFIG},
	{"version", no_argument, NULL, OPTION_TASK + MR_TASK_VERSION},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

void mr_options_help(FILE *out)
{
	fputs("usage: millrace-controld [--config FILE] [--set KEY=VALUE]... [TASK]\n"
	      "\n"
	      "The control plane of Millrace: API, alarms, audit and dashboard. Without a task it runs until SIGTERM.\n"
	      "\n"
	      "  -c, --config FILE   read the settings from FILE (YAML); without it every key has its default\n"
	      "  -s, --set KEY=VALUE set one key, stronger than file and environment; may be repeated\n"
	      "      --check-config  say everything that is wrong with the settings\n"
	      "      --print-config  print every key with its default, as a file\n"
	      "      --version       print the version\n"
	      "  -h, --help          print this\n"
	      "  token add NAME --role view|operate|admin\n"
	      "                      make a token for the API over TCP, and print it: once, only its hash is kept\n"
	      "\n"
	      "Examples:\n"
	      "  millrace-controld --print-config > controld.yaml\n"
	      "  millrace-controld --config controld.yaml --check-config\n"
	      "  millrace-controld --config controld.yaml token add ci --role operate > ci.token\n"
	      "  curl --unix-socket /run/millrace/control.sock http://localhost/v1/status\n"
	      "\n"
	      "Exit codes: 0 done, 1 failed, 2 wrong usage, 74 input/output error, 78 wrong settings.\n",
		out);
}

static int parse_role(const char *text, enum mr_role *ret_role)
{
	for (enum mr_role role = MR_ROLE_VIEW; role <= MR_ROLE_ADMIN; role++)
		if (strcmp(text, mr_role_name(role)) == 0) {
			*ret_role = role;
			return 0;
		}
	return -EINVAL;
}

static int take_option(
	struct mr_options *options, int option, const char *name, char *ret_why, size_t why_size)
{
	switch (option) {
	case 'c':
		options->config = optarg;
		return 0;
	case 's':
		if (options->sets_count == MR_SETS_MAX) {
			snprintf(ret_why, why_size, "at most %d times --set: use a file",
				MR_SETS_MAX);
			return -EINVAL;
		}
		options->sets[options->sets_count++] = optarg;
		return 0;
	case 'r':
		if (parse_role(optarg, &options->token_role) == 0)
			return 0;
		snprintf(ret_why, why_size, "--role takes view, operate or admin, not \"%s\"",
			optarg);
		return -EINVAL;
	case ':':
		snprintf(ret_why, why_size, "%s needs a value", name);
		return -EINVAL;
	case '?':
		snprintf(ret_why, why_size, "%s is no option of millrace-controld", name);
		return -EINVAL;
	default:
		options->task = option == 'h' ? MR_TASK_HELP : (enum mr_task)(option - OPTION_TASK);
		return 0;
	}
}

// What is no option: nothing, or "token add NAME".
static int take_words(
	struct mr_options *options, int count, char **words, char *ret_why, size_t why_size)
{
	if (count == 3 && strcmp(words[0], "token") == 0 && strcmp(words[1], "add") == 0) {
		options->task = MR_TASK_TOKEN_ADD;
		options->token_name = words[2];
	} else if (count > 0) {
		snprintf(ret_why, why_size,
			"what is \"%s\" for? beside options there is token add NAME", words[0]);
		return -EINVAL;
	}
	if ((options->task == MR_TASK_TOKEN_ADD) == (options->token_role != MR_ROLE_NOBODY))
		return 0;
	snprintf(ret_why, why_size, "token add NAME and --role ROLE come together");
	return -EINVAL;
}

int mr_options_parse(
	int argc, char **argv, struct mr_options *ret_options, char *ret_why, size_t why_size)
{
	struct mr_options options = {.task = MR_TASK_RUN};
	int option;

	optind = 0; // from the start, also in a second call
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:s:h", known, NULL)) != -1) {
		const int r = take_option(&options, option, argv[optind - 1], ret_why, why_size);

		if (r < 0)
			return r;
	}
	const int r = take_words(&options, argc - optind, argv + optind, ret_why, why_size);

	if (r == 0)
		*ret_options = options;
	return r;
}
