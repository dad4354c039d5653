// The manual page and docs/CLI.md, written from the table.
#include <ctype.h>
#include <string.h>

#include "command_help.h"

static bool takes_options(const struct mr_command *command, int option)
{
	return command->options >> option & 1;
}

// -- millrace.1, for scdoc
static void put_scd(FILE *out, const char *text)
{
	for (const char *at = text; *at; at++) {
		if (strchr("_*\\#[]<>~", *at))
			fputc('\\', out);
		fputc(*at, out);
	}
}

static void put_scd_synopsis(FILE *out, const struct mr_command *command)
{
	fprintf(out, "*%s*", command->name);
	for (int i = 0; i < MR_ARGUMENTS_MAX && command->arguments[i].name; i++) {
		const struct mr_argument *argument = &command->arguments[i];

		fprintf(out, argument->optional ? " [_%s_]" : " _%s_", argument->name);
	}
	fputs(command->options ? " [_option_...]" : "", out);
}

static void put_scd_option_name(FILE *out, int option)
{
	const struct mr_option *row = &mr_options[option];

	if (row->letter)
		fprintf(out, "*-%c*, ", row->letter);
	fprintf(out, "*--%s*", row->name);
	if (row->value)
		fprintf(out, " _%s_", row->value);
}

static void put_scd_command(FILE *out, const struct mr_command *command)
{
	const char *separator = "Options: ";

	if (command->heading)
		fprintf(out, "## %s\n\n", command->heading);
	put_scd_synopsis(out, command);
	fputs("\n\t", out);
	fputc(toupper((unsigned char)command->help[0]), out);
	put_scd(out, command->help + 1);
	fputs(".", out);
	if (command->more) {
		fputc(' ', out);
		put_scd(out, command->more);
	}
	for (int i = 0; i < MR_ARGUMENTS_MAX && command->arguments[i].name; i++) {
		if (command->arguments[i].kind == MR_WORD_CHOICE)
			fprintf(out, " _%s_: %s.", command->arguments[i].name,
				command->arguments[i].words);
	}
	fputc(' ', out);
	for (int i = 0; i < MR_OPTION_COUNT; i++) {
		if (!takes_options(command, i))
			continue;
		fputs(separator, out);
		put_scd_option_name(out, i);
		separator = ", ";
	}
	fputs(command->options ? ".\n\n" : "\n\n", out);
}

static void put_scd_options(FILE *out, uint64_t options)
{
	for (int i = 0; i < MR_OPTION_COUNT; i++) {
		if (!(options >> i & 1))
			continue;
		put_scd_option_name(out, i);
		fputs("\n\t", out);
		put_scd(out, mr_options[i].help);
		if (mr_options[i].kind == MR_WORD_CHOICE)
			fprintf(out, "; one of %s", mr_options[i].words);
		fputs("\n\n", out);
	}
}

static void put_examples(FILE *out, const struct mr_command *command)
{
	for (int i = 0; i < MR_EXAMPLES_MAX && command->examples[i]; i++)
		fprintf(out, "%s\n", command->examples[i]);
}

void mr_help_man(FILE *out)
{
	uint64_t options = 0;

	fputs("millrace(1)\n\n"
	      "# NAME\n\n"
	      "millrace - see and steer a running Millrace router, look into its journal\n\n"
	      "# SYNOPSIS\n\n"
	      "*millrace* [_option_...] _command_ [_argument_...]\n\n"
	      "# DESCRIPTION\n\n"
	      "*millrace* asks *millrace-controld* over its socket, or over TCP with *--url* and a token. What must work\n"
	      "in an emergency also works past it: *--direct* speaks the data plane's own socket, as root. *millrace-controld* finds\n"
	      "on its return what was done meanwhile, and audits it.\n\n"
	      "The answer to a change comes when it is in force on every core. It says what is in force, in how many milliseconds,\n"
	      "and how to undo it.\n\n"
	      "*millrace* _command_ *--help* shows the options and examples of one command.\n\n"
	      "# COMMANDS\n\n",
		out);
	for (uint32_t i = 0; i < mr_commands_count; i++) {
		options |= mr_commands[i].options;
		put_scd_command(out, &mr_commands[i]);
	}
	fputs("# OPTIONS OF EVERY COMMAND\n\n", out);
	put_scd_options(out, mr_options_global);
	fputs("# OPTIONS OF SOME\n\n", out);
	put_scd_options(out, options);
	fputs("# ENVIRONMENT\n\n"
	      "*MILLRACE_CONTROL_SOCKET*\n"
	      "\tStands behind *--control*. Without both: _/run/millrace/control.sock_.\n\n"
	      "*MILLRACE_TOKEN_FILE*\n"
	      "\tStands behind *--token-file*. A token is never an argument: other users could read it.\n\n"
	      "*MILLRACE_DIRECT_SOCKET*\n"
	      "\tStands behind *--socket*. Without both: _/run/millrace/direct.sock_.\n\n"
	      "*MILLRACE_JOURNAL_DIR*\n"
	      "\tStands behind *--dir*. Without both: _/var/lib/millrace_.\n\n"
	      "*NO_COLOR*\n"
	      "\tNo colour, also on a terminal.\n\n"
	      "# EXIT STATUS\n\n"
	      "0 done; 1 failed: nobody answers, or the answer is no; 2 wrong usage; 65 journal corrupt; 74 input or output error;\n"
	      "77 not permitted; 78 a file of settings or secrets is wrong.\n\n"
	      "# EXAMPLES\n\n```\n",
		out);
	for (uint32_t i = 0; i < mr_commands_count; i++)
		put_examples(out, &mr_commands[i]);
	fputs("```\n\n# SEE ALSO\n\n*millrace*(8)\n", out);
}

// -- docs/CLI.md
static const char *way_of(const struct mr_command *command)
{
	if (command->api.path == NULL && command->run == NULL)
		return "only with `--direct`";
	return command->direct ? "also with `--direct`" : "through `millrace-controld`";
}

static void put_page_option(FILE *out, int option)
{
	fputs("| `", out);
	mr_help_option(out, option);
	fprintf(out, "` | %s", mr_options[option].help);
	if (mr_options[option].kind == MR_WORD_CHOICE)
		fprintf(out, " (%s)", mr_options[option].words);
	fputs(" |\n", out);
}

static void put_page_options(FILE *out, uint64_t options)
{
	fputs("\n| option | |\n|---|---|\n", out);
	for (int i = 0; i < MR_OPTION_COUNT; i++) {
		if (options >> i & 1)
			put_page_option(out, i);
	}
}

static void put_page_command(FILE *out, const struct mr_command *command)
{
	if (command->heading)
		fprintf(out, "\n## %s\n", command->heading);
	fputs("\n### `millrace ", out);
	mr_help_synopsis(out, command);
	fprintf(out, "`\n\n%c%s.", toupper((unsigned char)command->help[0]), command->help + 1);
	if (command->more)
		fprintf(out, " %s", command->more);
	for (int i = 0; i < MR_ARGUMENTS_MAX && command->arguments[i].name; i++) {
		if (command->arguments[i].kind == MR_WORD_CHOICE)
			fprintf(out, " %s: `%s`.", command->arguments[i].name,
				command->arguments[i].words);
	}
	if (command->role)
		fprintf(out, "\n\nRole %s, %s.", command->role, way_of(command));
	fputc('\n', out);
	if (command->options)
		put_page_options(out, command->options);
	fputs("\n```sh\n", out);
	put_examples(out, command);
	fputs("```\n", out);
}

void mr_help_page(FILE *out)
{
	fputs("# The command line\n\n"
	      "`millrace` is what people type. This page is written from the program's own table of commands, as are the manual page\n"
	      "millrace(1), `millrace COMMAND --help` and the completions of three shells.\n\n"
	      "- **Two ways.** Without `--direct` a command asks `millrace-controld` ([API.md](API.md)) over its socket (`--control`,\n"
	      "  `MILLRACE_CONTROL_SOCKET`), or over TCP (`--url`, with the token in the file of `--token-file` or `MILLRACE_TOKEN_FILE`, never\n"
	      "  in an argument). With `--direct` it asks the data plane itself, as root; what was done that way is found and audited by\n"
	      "  `millrace-controld` on its return.\n"
	      "- **Changes** answer when they are in force on every core, and say what is in force, in how many milliseconds, and how to undo it.\n"
	      "- **`-o json`** prints one document a line: the answer of the API as it came. Ids are strings. With `--direct` lists and changes have\n"
	      "  the same form; `status` and `stats` that of [CONTROL.md](CONTROL.md#json).\n"
	      "- **Colour** only on a terminal, not with `NO_COLOR` or `TERM=dumb`. Tables fit 80 columns.\n"
	      "- **Exit codes**: 0 done, 1 failed, 2 wrong usage, 65 journal corrupt, 74 input/output error, 77 not permitted, 78 settings wrong.\n"
	      "- **Completion**: `source <(millrace completion bash)`, `millrace completion zsh`, `millrace completion fish | source`.\n"
	      "- `millrace --check-command \"LINE\"` parses a line and does nothing: for tests of pages that tell people what to type.\n",
		out);
	put_page_options(out, mr_options_global);
	for (uint32_t i = 0; i < mr_commands_count; i++)
		put_page_command(out, &mr_commands[i]);
}
