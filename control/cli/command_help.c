#include "command_help.h"

#include <ctype.h>
#include <string.h>

enum { NAME_WIDTH = 19, OPTION_WIDTH = 24, MARGIN = 79 };

// Breaks a text at blanks; later lines begin after `indent` blanks.
static void put_wrapped(FILE *out, const char *text, int indent)
{
	int column = indent;

	for (const char *at = text; *at;) {
		const int length = (int)strcspn(at, " ");

		if (column > indent && column + 1 + length > MARGIN) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", length, at);
		column += length;
		at += length;
		at += strspn(at, " ");
	}
	fputc('\n', out);
}

void mr_help_synopsis(FILE *out, const struct mr_command *command)
{
	fputs(command->name, out);
	for (int i = 0; i < MR_ARGUMENTS_MAX && command->arguments[i].name; i++) {
		const struct mr_argument *argument = &command->arguments[i];

		fputs(argument->optional ? " [" : " ", out);
		for (const char *at = argument->name; *at; at++)
			fputc(toupper((unsigned char)*at), out);
		fputs(argument->optional ? "]" : "", out);
	}
	fputs(command->options ? " [OPTION...]" : "", out);
}

void mr_help_option(FILE *out, int option)
{
	const struct mr_option *row = &mr_options[option];

	if (row->letter)
		fprintf(out, "-%c, ", row->letter);
	fprintf(out, "--%s%s%s", row->name, row->value ? " " : "", row->value ? row->value : "");
}

static void put_option(FILE *out, int option)
{
	char name[64] = "";
	FILE *memory = fmemopen(name, sizeof(name), "w");

	if (memory) {
		mr_help_option(memory, option);
		fclose(memory);
	}
	fprintf(out, "  %-*s", OPTION_WIDTH, name);
	put_wrapped(out, mr_options[option].help, OPTION_WIDTH + 2);
	if (mr_options[option].kind == MR_WORD_CHOICE && !strstr(mr_options[option].help, ": ")) {
		fprintf(out, "%*s", OPTION_WIDTH + 2, "");
		put_wrapped(out, mr_options[option].words, OPTION_WIDTH + 2);
	}
}

static void put_options(FILE *out, uint64_t options)
{
	for (int i = 0; i < MR_OPTION_COUNT; i++) {
		if (options >> i & 1)
			put_option(out, i);
	}
}

void mr_help_all(FILE *out)
{
	fputs("usage: millrace [OPTION...] COMMAND [ARGUMENT...]\n", out);
	for (uint32_t i = 0; i < mr_commands_count; i++) {
		const struct mr_command *command = &mr_commands[i];

		if (command->heading)
			fprintf(out, "\n%s\n", command->heading);
		fprintf(out, "  %-*s", NAME_WIDTH, command->name);
		put_wrapped(out, command->help, NAME_WIDTH + 2);
	}
	fputs("\nOptions of every command\n", out);
	put_options(out, mr_options_global);
	fputs("\nExamples\n"
	      "  millrace top\n"
	      "  millrace hot app\n"
	      "  millrace ban app 42 --mode hold --ttl 15m --reason \"loop\"\n"
	      "  sudo millrace --direct status      (millrace-controld is not needed)\n"
	      "  millrace COMMAND --help\n\n"
	      "Exit codes: 0 done, 1 failed, 2 wrong usage, 65 journal corrupt, 74 input/output\n"
	      "error, 77 not permitted, 78 configuration wrong.\n",
		out);
}

static void put_arguments(FILE *out, const struct mr_command *command)
{
	for (int i = 0; i < MR_ARGUMENTS_MAX && command->arguments[i].name; i++) {
		const struct mr_argument *argument = &command->arguments[i];

		if (argument->kind == MR_WORD_CHOICE)
			fprintf(out, "  %s: one of %s\n", argument->name, argument->words);
	}
}

static const char *needs(const struct mr_command *command)
{
	if (command->role == NULL)
		return NULL;
	if (command->api.path == NULL && command->run == NULL)
		return "Only with --direct, as root.";
	return command->direct ? "With --direct, too: past millrace-controld, as root." : NULL;
}

void mr_help_command(FILE *out, const struct mr_command *command)
{
	fputs("usage: millrace ", out);
	mr_help_synopsis(out, command);
	fputc('\n', out);
	fputc('\n', out);
	put_wrapped(out, command->help, 0);
	put_arguments(out, command);
	if (command->more) {
		fputc('\n', out);
		put_wrapped(out, command->more, 0);
	}
	if (needs(command))
		fprintf(out, "\n%s Role: %s.\n", needs(command), command->role);
	else if (command->role)
		fprintf(out, "\nRole: %s.\n", command->role);
	if (command->options) {
		fputs("\nOptions\n", out);
		put_options(out, command->options);
	}
	fputs("\nExamples\n", out);
	for (int i = 0; i < MR_EXAMPLES_MAX && command->examples[i]; i++)
		fprintf(out, "  %s\n", command->examples[i]);
	fputs("\nWhat every command takes: millrace --help\n", out);
}
