// The command lines of `millrace journal` and `millrace impact`.
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <millrace/exit_code.h>

#include "bytes.h"
#include "journal_tool.h"

#define DIRECTORY "/var/lib/millrace"
enum { LATE_SECONDS = 10, WHY_BYTES = 256 };
enum { OPTION_SINCE = 256, OPTION_UNTIL, OPTION_TO, OPTION_LATE };

static const struct command {
	const char *name;
	const char *help;
	int (*run)(struct mr_tool *tool);
	int (*open)(struct mr_tool *tool, const struct mr_tool_options *options);
} commands[] = {
	{"ls", "segments: number, boot, frames, bytes, times, streams", mr_tool_ls, mr_tool_open},
	{"cat", "records, one a line", mr_tool_cat, mr_tool_open},
	{"verify", "check every frame and every record", mr_tool_verify, mr_tool_open},
	{"stats", "records by kind, bytes, rates", mr_tool_stats, mr_tool_open},
	{"salvage", "copy what is sound of a damaged journal to --to DIR, report the rest",
		mr_tool_salvage, mr_tool_open_disk},
};
static const struct command impact = {"impact",
	"webhooks, apps and workspaces that were late or lost something", mr_tool_impact,
	mr_tool_open};

static void usage(bool is_impact)
{
	printf("usage: millrace %s\n\n",
		is_impact ? "impact --since TIME [--until TIME] [OPTION...]"
			  : "journal COMMAND [OPTION...]");
	for (size_t i = 0; !is_impact && i < sizeof(commands) / sizeof(commands[0]); i++)
		printf("  %-8s  %s\n", commands[i].name, commands[i].help);
	fputs(is_impact ? "Says which webhooks, apps and workspaces were affected in that time, how\n"
			  "late, what was lost and why, out of the journal's records.\n\n"
			: "\nReads only, without a lock, offline and while a router writes.\n\n",
		stdout);
	fputs("  --dir DIR       the journal (MILLRACE_JOURNAL_DIR, else " DIRECTORY ")\n"
	      "  -o text|json\n"
	      "  --since TIME, --until TIME\n"
	      "                  2026-11-22T02:20:00Z, @1795314000, or an age: 90s, 10m, 3h, 2d\n",
		stdout);
	fputs(is_impact ? "  --late TIME     a delivery is late after 10s (default), 1m ...\n\n"
			  "Examples\n"
			  "  millrace impact --since 2h\n"
			  "  millrace impact --since 2026-11-22T02:00:00Z --until 2026-11-22T02:30:00Z -o json\n\n"
			: "  --stream N, --kind KIND, --object ID, --webhook ID, --limit N   of cat\n"
			  "  --to DIR        of salvage: a directory that does not exist yet\n\n"
			  "Examples\n"
			  "  millrace journal ls\n"
			  "  millrace journal cat --kind dropped --since 1h\n"
			  "  millrace journal cat --object 1201 -o json | jq '.records[]'\n"
			  "  millrace journal verify && echo sound\n"
			  "  millrace journal salvage --dir damaged --to salvaged\n\n",
		stdout);
	fputs("Exit codes: 0 done, 1 failed, 2 wrong usage, 65 journal corrupt (file and offset are\n"
	      "named), 74 input/output error, 77 not permitted.\n",
		stdout);
}

static int take_number(const char *name, const char *text, uint64_t *ret_value, char *ret_why)
{
	int err = mr_parse_u64(text, strlen(text), ret_value);

	if (err < 0)
		snprintf(ret_why, WHY_BYTES, "--%s wants a number, not \"%.64s\"", name, text);
	return err;
}

static int take_time(const char *name, const char *text, int64_t *ret_at_ns, char *ret_why)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	int err = mr_time_parse(text, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec, ret_at_ns);
	if (err < 0)
		snprintf(ret_why, WHY_BYTES,
			"--%s wants 2026-11-22T02:20:00Z, @seconds, or an age as 10m, not \"%.64s\"",
			name, text);
	return err;
}

static int take_filter(int option, const char *value, struct mr_tool_options *options, char *why)
{
	uint64_t number;
	int err;

	switch (option) {
	case 's':
		err = take_number("stream", value, &number, why);
		options->stream = err == 0 && number <= UINT16_MAX ? (int32_t)number : INT32_MAX;
		return err;
	case 'k':
		options->kind = mr_record_kind_find(value);
		if (options->kind != 0)
			return 0;
		snprintf(why, WHY_BYTES,
			"there are no records of kind \"%.64s\": event, match, distributed, dropped, "
			"checkpoint, batch, progress, lane, session, webhook, queued, taken, expired",
			value);
		return -EINVAL;
	case 'b':
		return take_number("object", value, &options->object, why);
	case 'w':
		return take_number("webhook", value, &options->webhook, why);
	default:
		return take_number("limit", value, &options->limit, why);
	}
}

static int take_option(int option, const char *value, struct mr_tool_options *options, char *why)
{
	int64_t at_ns;
	int err;

	switch (option) {
	case 'd':
		options->directory = value;
		return 0;
	case OPTION_TO:
		options->to = value;
		return 0;
	case 'o':
		options->render = mr_render_find(value);
		if (options->render)
			return 0;
		snprintf(why, WHY_BYTES, "-o wants text or json, not \"%.64s\"", value);
		return -EINVAL;
	case OPTION_SINCE:
		return take_time("since", value, &options->since_ns, why);
	case OPTION_UNTIL:
		return take_time("until", value, &options->until_ns, why);
	case OPTION_LATE:
		err = mr_time_parse(value, 0, &at_ns);
		options->late_ns = err == 0 && at_ns < 0 ? (uint64_t)-at_ns : 0;
		if (options->late_ns > 0)
			return 0;
		snprintf(why, WHY_BYTES, "--late wants a time as 10s or 1m, not \"%.64s\"", value);
		return -EINVAL;
	case '?':
		snprintf(why, WHY_BYTES, "an option is unknown or lacks its value");
		return -EINVAL;
	default:
		return take_filter(option, value, options, why);
	}
}

// 0, 1: help is wanted, or -EINVAL.
static int parse(int argc, char **argv, struct mr_tool_options *ret_options, char *why)
{
	static const struct option longs[] = {
		{"dir", required_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'},
		{"kind", required_argument, NULL, 'k'},
		{"late", required_argument, NULL, OPTION_LATE},
		{"limit", required_argument, NULL, 'l'},
		{"object", required_argument, NULL, 'b'},
		{"since", required_argument, NULL, OPTION_SINCE},
		{"stream", required_argument, NULL, 's'},
		{"to", required_argument, NULL, OPTION_TO},
		{"until", required_argument, NULL, OPTION_UNTIL},
		{"webhook", required_argument, NULL, 'w'},
		{0},
	};

	optind = 0;
	opterr = 0;
	for (int option; (option = getopt_long(argc, argv, "ho:", longs, NULL)) != -1;) {
		if (option == 'h')
			return 1;
		int err = take_option(option, optarg, ret_options, why);
		if (err < 0)
			return -EINVAL;
	}
	return 0;
}

static const struct command *find(int argc, char **argv, char *why)
{
	const bool is_impact = strcmp(argv[0], "impact") == 0;
	const char *name = optind < argc ? argv[optind] : NULL;

	if (is_impact && name == NULL)
		return &impact;
	for (size_t i = 0; !is_impact && name && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(commands[i].name, name) == 0 && optind + 1 == argc)
			return &commands[i];
	}
	if (name)
		snprintf(why, WHY_BYTES, "\"%.64s\" is not understood", argv[argc - 1]);
	else
		snprintf(why, WHY_BYTES, "a command is missing: ls, cat, verify, stats or salvage");
	return NULL;
}

static int exit_code_of(int error)
{
	switch (-error) {
	case EBADMSG:
		return MR_EXIT_JOURNAL_CORRUPT;
	case EACCES:
	case EPERM:
		return MR_EXIT_NOT_PERMITTED;
	case EBUSY:
	case ENOENT:
	case ENOTDIR:
	case EEXIST:
	case EPROTONOSUPPORT:
		return MR_EXIT_FAILED;
	case EINVAL:
		return MR_EXIT_USAGE;
	default:
		return MR_EXIT_IO;
	}
}

int mr_journal_main(int argc, char **argv)
{
	const char *environment = getenv("MILLRACE_JOURNAL_DIR");
	struct mr_tool_options options = {
		.directory = environment && environment[0] ? environment : DIRECTORY,
		.render = &mr_render_text,
		.stream = -1,
		.since_ns = INT64_MIN,
		.until_ns = INT64_MAX,
		.late_ns = LATE_SECONDS * UINT64_C(1000000000),
		.limit = UINT64_MAX,
	};
	struct mr_tool tool = {
		.doc = {.out = stdout, .colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR")}};
	char why[WHY_BYTES];
	int r = parse(argc, argv, &options, why);

	if (r == 1) {
		usage(strcmp(argv[0], "impact") == 0);
		return MR_EXIT_DONE;
	}
	const struct command *command = r == 0 ? find(argc, argv, why) : NULL;
	if (command == NULL) {
		fprintf(stderr, "millrace: %s\ntry: millrace %s --help\n", why, argv[0]);
		return MR_EXIT_USAGE;
	}
	r = command->open(&tool, &options);
	if (r == 0)
		r = command->run(&tool);
	if (r < 0)
		fprintf(stderr, "millrace: %s%s\n", tool.error.text,
			tool.is_live && r != -EINVAL
				? " (a router is writing: what was read may have moved; try again)"
				: "");
	mr_tool_close(&tool);
	fflush(stdout);
	return r < 0 ? exit_code_of(r) : ferror(stdout) ? MR_EXIT_IO : MR_EXIT_DONE;
}
