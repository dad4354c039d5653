// Completions made of the table: static text, so that a shell needs nobody to ask.
#include <string.h>

#include <millrace/exit_code.h>

#include "call.h"
#include "command_help.h"

static bool takes(const struct mr_command *command, int option)
{
	return (mr_options_global | command->options) >> option & 1;
}

// First words, each once.
static void put_first_words(FILE *out)
{
	size_t before_length = 0;

	for (uint32_t i = 0; i < mr_commands_count; i++) {
		const char *name = mr_commands[i].name;
		const size_t length = strcspn(name, " ");

		if (i > 0 && length == before_length
			&& strncmp(name, mr_commands[i - 1].name, length) == 0)
			continue;
		fprintf(out, "%s%.*s", i ? " " : "", (int)length, name);
		before_length = length;
	}
}

// Second words of a group.
static void put_second_words(FILE *out, const char *first, size_t length)
{
	const char *separator = "";

	for (uint32_t i = 0; i < mr_commands_count; i++) {
		const char *name = mr_commands[i].name;

		if (strncmp(name, first, length) == 0 && name[length] == ' ') {
			fprintf(out, "%s%s", separator, name + length + 1);
			separator = " ";
		}
	}
}

static void put_option_names(FILE *out, const struct mr_command *command)
{
	for (int i = 0; i < MR_OPTION_COUNT; i++) {
		if (takes(command, i))
			fprintf(out, "%s--%s", i ? " " : "", mr_options[i].name);
	}
}

// -- bash
static void put_bash_values(FILE *out)
{
	fputs("\tcase $previous in\n", out);
	for (int i = 0; i < MR_OPTION_COUNT; i++) {
		const struct mr_option *option = &mr_options[i];

		if (option->kind == MR_WORD_FLAG)
			continue;
		fprintf(out, "\t--%s%s%c)", option->name, option->letter ? "|-" : "",
			option->letter ? option->letter : ' ');
		if (option->kind == MR_WORD_CHOICE)
			fprintf(out, " COMPREPLY=($(compgen -W '%s' -- \"$word\"))", option->words);
		else if (option->kind == MR_WORD_FILE)
			fputs(" COMPREPLY=($(compgen -f -- \"$word\"))", out);
		else if (option->kind == MR_WORD_DIRECTORY)
			fputs(" COMPREPLY=($(compgen -d -- \"$word\"))", out);
		fputs("\n\t\treturn ;;\n", out);
	}
	fputs("\tesac\n", out);
}

static void put_bash_command(FILE *out, const struct mr_command *command)
{
	fprintf(out, "\t'%s') options='", command->name);
	put_option_names(out, command);
	fputs("'", out);
	for (int i = 0; i < MR_ARGUMENTS_MAX && command->arguments[i].name; i++) {
		if (command->arguments[i].kind == MR_WORD_CHOICE)
			fprintf(out, " words%d='%s'", i, command->arguments[i].words);
		else if (command->arguments[i].kind == MR_WORD_FILE)
			fprintf(out, " files=%d", i);
	}
	fputs(" ;;\n", out);
}

static void put_bash(FILE *out)
{
	fputs("# millrace(1) completion for bash. Load it with: source <(millrace completion bash)\n"
	      "_millrace() {\n"
	      "\tlocal word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
	      "\tlocal options='' words='' words0='' words1='' files='' first='' command='' at=0 i\n"
	      "\tCOMPREPLY=()\n",
		out);
	put_bash_values(out);
	fputs("\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tcase ${COMP_WORDS[i]} in\n"
	      "\t\t",
		out);
	const char *separator = "";

	for (int i = 0; i < MR_OPTION_COUNT; i++) {
		if (mr_options[i].kind == MR_WORD_FLAG)
			continue;
		fprintf(out, "%s--%s", separator, mr_options[i].name);
		separator = "|";
	}
	fputs("|-o) i=$((i + 1)) ;;\n"
	      "\t\t-*) ;;\n"
	      "\t\t*)\n"
	      "\t\t\tif [[ -z $first ]]; then first=${COMP_WORDS[i]} command=$first\n"
	      "\t\t\telif [[ $command == \"$first\" && -n $(_millrace_second \"$first\") ]]; then\n"
	      "\t\t\t\tcommand=\"$first ${COMP_WORDS[i]}\"\n"
	      "\t\t\telse at=$((at + 1)); fi ;;\n"
	      "\t\tesac\n"
	      "\tdone\n"
	      "\tcase $command in\n"
	      "\t'') words0='",
		out);
	put_first_words(out);
	fputs("' options='", out);
	put_option_names(out, &(struct mr_command){0});
	fputs("' ;;\n", out);
	for (uint32_t i = 0; i < mr_commands_count; i++)
		put_bash_command(out, &mr_commands[i]);
	fputs("\t*) words0=$(_millrace_second \"$command\") ;;\n"
	      "\tesac\n"
	      "\tif [[ $word == -* ]]; then words=$options\n"
	      "\telif [[ $files == \"$at\" ]]; then COMPREPLY=($(compgen -f -- \"$word\")); return\n"
	      "\telif ((at == 0)); then words=$words0\n"
	      "\telse words=$words1; fi\n"
	      "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
	      "}\n"
	      "_millrace_second() {\n"
	      "\tcase $1 in\n",
		out);
	for (uint32_t i = 0; i < mr_commands_count; i++) {
		const char *name = mr_commands[i].name;
		const size_t length = strcspn(name, " ");

		if (name[length] == 0
			|| (i > 0 && strncmp(name, mr_commands[i - 1].name, length + 1) == 0))
			continue;
		fprintf(out, "\t%.*s) echo '", (int)length, name);
		put_second_words(out, name, length);
		fputs("' ;;\n", out);
	}
	fputs("\tesac\n"
	      "}\n"
	      "complete -F _millrace millrace\n",
		out);
}

// -- fish
static void put_fish_option(FILE *out, const char *condition, int option)
{
	const struct mr_option *row = &mr_options[option];

	fprintf(out, "complete -c millrace %s -l %s", condition, row->name);
	if (row->letter)
		fprintf(out, " -s %c", row->letter);
	if (row->kind == MR_WORD_CHOICE)
		fprintf(out, " -x -a '%s'", row->words);
	else if (row->kind == MR_WORD_FILE || row->kind == MR_WORD_DIRECTORY)
		fputs(" -r -F", out);
	else if (row->kind != MR_WORD_FLAG)
		fputs(" -x", out);
	fprintf(out, " -d \"%s\"\n", row->help);
}

static void put_fish_command(FILE *out, const struct mr_command *command)
{
	const size_t length = strcspn(command->name, " ");
	const char *second = command->name[length] ? command->name + length + 1 : NULL;
	char condition[128];

	if (second)
		snprintf(condition, sizeof(condition),
			"-n '__fish_seen_subcommand_from %.*s; and __fish_seen_subcommand_from %s'",
			(int)length, command->name, second);
	else
		snprintf(condition, sizeof(condition), "-n '__fish_seen_subcommand_from %s'",
			command->name);
	if (second)
		fprintf(out,
			"complete -c millrace -n '__fish_seen_subcommand_from %.*s' -a %s -d \"%s\"\n",
			(int)length, command->name, second, command->help);
	else
		fprintf(out, "complete -c millrace -n __fish_use_subcommand -a %s -d \"%s\"\n",
			command->name, command->help);
	for (int i = 0; i < MR_ARGUMENTS_MAX && command->arguments[i].name; i++) {
		if (command->arguments[i].kind == MR_WORD_CHOICE)
			fprintf(out, "complete -c millrace %s -a '%s'\n", condition,
				command->arguments[i].words);
		else if (command->arguments[i].kind == MR_WORD_FILE)
			fprintf(out, "complete -c millrace %s -F\n", condition);
	}
	for (int i = 0; i < MR_OPTION_COUNT; i++) {
		if (command->options >> i & 1)
			put_fish_option(out, condition, i);
	}
}

static void put_fish(FILE *out)
{
	fputs("# millrace(1) completion for fish. Load it with: millrace completion fish | source\n"
	      "complete -c millrace -f\n",
		out);
	for (int i = 0; i < MR_OPTION_COUNT; i++) {
		if (mr_options_global >> i & 1)
			put_fish_option(out, "", i);
	}
	for (uint32_t i = 0; i < mr_commands_count; i++)
		put_fish_command(out, &mr_commands[i]);
}

void mr_help_completion(FILE *out, const char *shell)
{
	if (strcmp(shell, "fish") == 0) {
		put_fish(out);
		return;
	}
	if (strcmp(shell, "zsh") == 0) // whose own wrapper runs the completion of bash
		fputs("#compdef millrace\nautoload -U +X compinit bashcompinit\n"
		      "(( $+functions[compdef] )) || compinit\nbashcompinit\n",
			out);
	put_bash(out);
}

int mr_call_completion(struct mr_call *call)
{
	mr_help_completion(call->doc.out, call->line->arguments[0]);
	return 0;
}
