#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "bytes.h"
#include "cli_options.h"

enum { OPTION_DIRECT = 256, OPTION_SOCKET, OPTION_WATCH, OPTION_VERSION };
enum { WATCH_SECONDS_MAX = 3600 };

static const struct mr_command commands[] = {
	{"status", "", "state, both ledgers, stages", mr_command_status, 0},
	{"stats", "[counters|webhooks|scopes]",
		"every counter, reasons and latencies; webhooks; apps, workspaces, databases",
		mr_command_stats, 1},
};

void mr_cli_usage(FILE *out)
{
	fputs("usage: millrace --direct [OPTION...] COMMAND [ARGUMENT]\n"
	      "       millrace journal ...       look into a journal's directory\n"
	      "       millrace impact ...        who was affected in a time, out of the journal\n"
	      "       millrace load ...          the load generator, as millrace-load\n\n"
	      "Commands\n",
		out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-7s%-28s %s\n", commands[i].name, commands[i].arguments,
			commands[i].help);
	fputs("\nOptions\n"
	      "  --direct         ask the data plane itself, over its own socket\n"
	      "  --socket PATH    that socket (MILLRACE_DIRECT_SOCKET, else " MR_CLI_SOCKET ")\n"
	      "  -o text|json     json: one document a line\n"
	      "  --watch SECONDS  again and again\n"
	      "  -h, --help; --version\n\n"
	      "Examples\n"
	      "  millrace --direct status\n"
	      "  millrace --direct --watch 1 stats webhooks\n"
	      "  millrace --direct -o json stats | jq '.refused_events'\n\n"
	      "Exit codes: 0 done, 1 failed, 2 wrong usage, 74 input/output error, 77 not permitted.\n",
		out);
}

static int find_command(const char *name, struct mr_cli_options *options, char *ret_why)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) == 0) {
			options->command = &commands[i];
			return 0;
		}
	}
	snprintf(ret_why, MR_CLI_WHY_BYTES, "there is no command \"%.64s\"", name);
	return -EINVAL;
}

static int take_option(int option, const char *value, struct mr_cli_options *options, char *ret_why)
{
	uint64_t seconds;

	switch (option) {
	case OPTION_DIRECT:
		options->direct = true;
		return 0;
	case OPTION_SOCKET:
		options->socket = value;
		return 0;
	case OPTION_VERSION:
		options->version = true;
		return 0;
	case 'h':
		options->help = true;
		return 0;
	case 'o':
		options->render = mr_render_find(value);
		if (options->render)
			return 0;
		snprintf(ret_why, MR_CLI_WHY_BYTES, "-o wants text or json, not \"%.64s\"", value);
		return -EINVAL;
	case OPTION_WATCH:
		if (mr_parse_u64(value, strlen(value), &seconds) < 0 || seconds == 0
			|| seconds > WATCH_SECONDS_MAX) {
			snprintf(ret_why, MR_CLI_WHY_BYTES, "--watch wants 1 to %d seconds",
				WATCH_SECONDS_MAX);
			return -EINVAL;
		}
		options->watch_seconds = (uint32_t)seconds;
		return 0;
	default:
		snprintf(ret_why, MR_CLI_WHY_BYTES, "an option is unknown or lacks its value");
		return -EINVAL;
	}
}

static int take_words(int argc, char **argv, struct mr_cli_options *options, char *ret_why)
{
	if (argc == 0) {
		snprintf(ret_why, MR_CLI_WHY_BYTES, "a command is missing");
		return -EINVAL;
	}
	int r = find_command(argv[0], options, ret_why);
	if (r < 0)
		return r;
	if ((uint32_t)argc - 1 > options->command->arguments_max) {
		snprintf(ret_why, MR_CLI_WHY_BYTES, "%s takes at most %u arguments", argv[0],
			options->command->arguments_max);
		return -EINVAL;
	}
	options->topic = argc > 1 ? argv[1] : NULL;
	if (!options->direct) {
		snprintf(ret_why, MR_CLI_WHY_BYTES,
			"this release has no control daemon: ask the data plane with --direct");
		return -EINVAL;
	}
	return 0;
}

int mr_cli_options_parse(int argc, char **argv, const char *environment_socket,
	struct mr_cli_options *ret_options, char *ret_why)
{
	static const struct option longs[] = {
		{"direct", no_argument, NULL, OPTION_DIRECT},
		{"help", no_argument, NULL, 'h'},
		{"socket", required_argument, NULL, OPTION_SOCKET},
		{"version", no_argument, NULL, OPTION_VERSION},
		{"watch", required_argument, NULL, OPTION_WATCH},
		{0},
	};
	struct mr_cli_options options = {
		.socket = environment_socket && environment_socket[0] ? environment_socket
								      : MR_CLI_SOCKET,
		.render = &mr_render_text,
	};

	optind = 0; // from the start, also when called again
	opterr = 0;
	for (int option; (option = getopt_long(argc, argv, "ho:", longs, NULL)) != -1;) {
		int r = take_option(option, optarg, &options, ret_why);

		if (r < 0)
			return r;
	}
	if (!options.help && !options.version) {
		int r = take_words(argc - optind, argv + optind, &options, ret_why);

		if (r < 0)
			return r;
	}
	*ret_options = options;
	return 0;
}
