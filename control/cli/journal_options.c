// `millrace journal` and `millrace impact`: what was typed, for the tools.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "journal_tool.h"

#define DIRECTORY "/var/lib/millrace"
enum { LATE_SECONDS = 10 };

static const struct tool {
	const char *command;
	int (*run)(struct mr_tool *tool);
	int (*open)(struct mr_tool *tool, const struct mr_tool_options *options);
} tools[] = {
	{"journal ls", mr_tool_ls, mr_tool_open},
	{"journal cat", mr_tool_cat, mr_tool_open},
	{"journal verify", mr_tool_verify, mr_tool_open},
	{"journal stats", mr_tool_stats, mr_tool_open},
	{"journal salvage", mr_tool_salvage, mr_tool_open_disk},
	{"impact", mr_tool_impact, mr_tool_open},
};

static const struct tool *find(const char *command)
{
	const struct tool *tool = tools;

	while (strcmp(tool->command, command) != 0)
		tool++;
	return tool;
}

static int64_t time_of(const struct mr_line *line, enum mr_option_id option, int64_t otherwise)
{
	return mr_line_has(line, option) ? (int64_t)line->numbers[option] : otherwise;
}

static uint64_t number_of(const struct mr_line *line, enum mr_option_id option, uint64_t otherwise)
{
	return mr_line_has(line, option) ? line->numbers[option] : otherwise;
}

// A stream that cannot be has no records.
static int32_t stream_of(const struct mr_line *line)
{
	const uint64_t stream = line->numbers[MR_OPTION_STREAM];

	return stream <= UINT16_MAX ? (int32_t)stream : INT32_MAX;
}

static struct mr_tool_options options_of(const struct mr_call *call)
{
	const struct mr_line *line = call->line;
	const char *environment = getenv("MILLRACE_JOURNAL_DIR");
	const char *directory = environment && environment[0] ? environment : DIRECTORY;
	const char *kind = line->values[MR_OPTION_KIND];

	return (struct mr_tool_options){
		.directory =
			mr_line_has(line, MR_OPTION_DIR) ? line->values[MR_OPTION_DIR] : directory,
		.to = line->values[MR_OPTION_TO],
		.render = call->render,
		.stream = mr_line_has(line, MR_OPTION_STREAM) ? stream_of(line) : -1,
		.kind = kind ? mr_record_kind_find(kind) : 0,
		.object = line->numbers[MR_OPTION_OBJECT],
		.webhook = line->numbers[MR_OPTION_WEBHOOK],
		.since_ns = time_of(line, MR_OPTION_SINCE, INT64_MIN),
		.until_ns = time_of(line, MR_OPTION_UNTIL, INT64_MAX),
		.late_ns = number_of(line, MR_OPTION_LATE, LATE_SECONDS * UINT64_C(1000000000)),
		.limit = number_of(line, MR_OPTION_LIMIT, UINT64_MAX),
	};
}

int mr_call_journal(struct mr_call *call)
{
	const struct tool *row = find(call->line->command->name);
	const struct mr_tool_options options = options_of(call);
	struct mr_tool tool = {.doc = call->doc};
	int r = row->open(&tool, &options);

	if (r == 0)
		r = row->run(&tool);
	if (r < 0)
		mr_call_fail(call, r, "%.400s%s", tool.error.text,
			tool.is_live && r != -EINVAL
				? " (a router is writing: what was read may have moved; try again)"
				: "");
	mr_tool_close(&tool);
	return r;
}
