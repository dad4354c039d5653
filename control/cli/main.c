// millrace: the command people type.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <millrace/exit_code.h>

#include "call.h"
#include "command_help.h"

#define DIRECT_SOCKET  "/run/millrace/direct.sock"
#define CONTROL_SOCKET "/run/millrace/control.sock"

static int exit_code_of(int error)
{
	switch (-error) {
	case EACCES:
	case EPERM:
		return MR_EXIT_NOT_PERMITTED;
	case EINVAL:
		return MR_EXIT_USAGE;
	case EBADMSG:
		return MR_EXIT_JOURNAL_CORRUPT;
	case ENOKEY:
		return MR_EXIT_CONFIG;
	case EIO:
	case EPIPE:
	case ENOMEM:
	case ETIMEDOUT:
	case ECONNRESET:
	case ENAMETOOLONG:
		return MR_EXIT_IO;
	default:
		return MR_EXIT_FAILED;
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

// What was typed, else the environment, else `otherwise`.
static const char *setting(const struct mr_line *line, enum mr_option_id option,
	const char *variable, const char *otherwise)
{
	const char *environment = getenv(variable);

	if (mr_line_has(line, option))
		return line->values[option];
	return environment && environment[0] ? environment : otherwise;
}

static struct mr_call call_of(const struct mr_line *line)
{
	const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
	const bool is_terminal = isatty(STDOUT_FILENO);
	const bool is_plain = (no_colour && no_colour[0]) || (term && strcmp(term, "dumb") == 0);
	const char *output = line->values[MR_OPTION_OUTPUT];
	struct winsize size;
	struct mr_call call = {
		.line = line,
		.render = output ? mr_render_find(output) : &mr_render_text,
		.doc = {.out = stdout, .colour = is_terminal && !is_plain},
		.direct = {.fd = -1},
		.socket = setting(line, MR_OPTION_SOCKET, "MILLRACE_DIRECT_SOCKET", DIRECT_SOCKET),
		.control =
			setting(line, MR_OPTION_CONTROL, "MILLRACE_CONTROL_SOCKET", CONTROL_SOCKET),
		.url = line->values[MR_OPTION_URL],
		.token_file = setting(line, MR_OPTION_TOKEN_FILE, "MILLRACE_TOKEN_FILE", NULL),
	};

	if (is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		call.doc.width = size.ws_col;
	return call;
}

static int run_once(struct mr_call *call)
{
	const struct mr_command *command = call->line->command;

	if (mr_call_is_direct(call))
		return command->direct(call);
	return command->run ? command->run(call) : mr_call_request(call);
}

static int run_command(const struct mr_line *line)
{
	const uint64_t watch_ns = line->numbers[MR_OPTION_WATCH];
	const struct timespec nap = {.tv_sec = (time_t)(watch_ns / 1000000000),
		.tv_nsec = (int64_t)(watch_ns % 1000000000)};
	struct mr_call call = call_of(line);
	int r = 0;

	if (mr_call_is_direct(&call))
		r = mr_direct_open(&call.direct, call.socket, call.why);
	while (r == 0) {
		if (watch_ns && call.doc.colour && call.render == &mr_render_text)
			fputs("\033[H\033[2J", stdout); // the same place again
		r = run_once(&call);
		if (r != 0 || watch_ns == 0 || ferror(stdout))
			break;
		nanosleep(&nap, NULL);
	}
	mr_direct_close(&call.direct);
	if (r < 0)
		fprintf(stderr, "millrace: %s\n", call.why);
	if (r != 0)
		return r < 0 ? exit_code_of(r) : r;
	return fflush(stdout) != 0 || ferror(stdout) ? MR_EXIT_IO : MR_EXIT_DONE;
}

static int check_command(const struct mr_line *line)
{
	char why[MR_LINE_WHY_BYTES];

	if (mr_line_check(line->values[MR_OPTION_CHECK_COMMAND], why) == 0)
		return MR_EXIT_DONE;
	fprintf(stderr, "millrace: %s\n", why);
	return MR_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct mr_line line;
	char why[MR_LINE_WHY_BYTES];

	if (argc > 1 && strcmp(argv[1], "load") == 0)
		return run_load(argv + 1);
	if (mr_line_parse(argc, argv, &line, why) < 0) {
		fprintf(stderr, "millrace: %s\ntry: millrace --help\n", why);
		return MR_EXIT_USAGE;
	}
	if (mr_line_has(&line, MR_OPTION_HELP)) {
		if (line.command)
			mr_help_command(stdout, line.command);
		else
			mr_help_all(stdout);
		return MR_EXIT_DONE;
	}
	if (mr_line_has(&line, MR_OPTION_VERSION)) {
		puts("millrace " MR_VERSION);
		return MR_EXIT_DONE;
	}
	if (mr_line_has(&line, MR_OPTION_CHECK_COMMAND))
		return check_command(&line);
	return run_command(&line);
}
