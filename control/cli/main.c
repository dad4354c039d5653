// millrace: the command people type.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <millrace/exit_code.h>

#include "cli_options.h"
#include "journal_tool.h"

static int exit_code_of(int error)
{
	switch (-error) {
	case EACCES:
	case EPERM:
		return MR_EXIT_NOT_PERMITTED;
	case EINVAL:
		return MR_EXIT_USAGE;
	case ENOENT:
	case ECONNREFUSED:
	case EPROTO:
		return MR_EXIT_FAILED;
	default:
		return MR_EXIT_IO;
	}
}

// millrace-load stands beside this program or in the path.
static int run_load(char **argv)
{
	char path[4096];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - sizeof("millrace-load"));
	char *name = length > 0 ? memrchr(path, '/', (size_t)length) : NULL;

	argv[0] = (char[]){"millrace-load"};
	if (name) {
		memcpy(name + 1, "millrace-load", sizeof("millrace-load"));
		execv(path, argv);
	}
	execvp("millrace-load", argv);
	fprintf(stderr, "millrace: millrace-load is neither beside this program nor in the path\n");
	return MR_EXIT_FAILED;
}

static int run_command(const struct mr_cli_options *options)
{
	struct mr_direct direct;
	struct mr_document doc = {
		.out = stdout, .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR")};
	char why[MR_DIRECT_WHY_BYTES];
	int r = mr_direct_open(&direct, options->socket, why);

	const struct mr_view view = {
		.direct = &direct, .render = options->render, .doc = &doc, .topic = options->topic};

	while (r == 0) {
		if (options->watch_seconds && doc.colour && options->render == &mr_render_text)
			fputs("\033[H\033[2J", stdout); // the same place again
		r = options->command->run(&view, why);
		if (r < 0 || options->watch_seconds == 0 || ferror(stdout))
			break;
		sleep(options->watch_seconds);
	}
	mr_direct_close(&direct);
	if (r < 0) {
		fprintf(stderr, "millrace: %s\n", why);
		return exit_code_of(r);
	}
	return ferror(stdout) ? MR_EXIT_IO : MR_EXIT_DONE;
}

int main(int argc, char **argv)
{
	struct mr_cli_options options;
	char why[MR_CLI_WHY_BYTES];

	if (argc > 1 && strcmp(argv[1], "load") == 0)
		return run_load(argv + 1);
	if (argc > 1 && (strcmp(argv[1], "journal") == 0 || strcmp(argv[1], "impact") == 0))
		return mr_journal_main(argc - 1, argv + 1);
	if (mr_cli_options_parse(argc, argv, getenv("MILLRACE_DIRECT_SOCKET"), &options, why) < 0) {
		fprintf(stderr, "millrace: %s\ntry: millrace --help\n", why);
		return MR_EXIT_USAGE;
	}
	if (options.help) {
		mr_cli_usage(stdout);
		return MR_EXIT_DONE;
	}
	if (options.version) {
		puts("millrace " MR_VERSION);
		return MR_EXIT_DONE;
	}
	return run_command(&options);
}
