#include "command_line.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "suggest.h"

enum { LONG_FIRST = 256, WORDS_MAX = 64, LINE_BYTES_MAX = 4096 };

static int fail(char *ret_why, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(char *ret_why, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(ret_why, MR_LINE_WHY_BYTES, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

bool mr_line_has(const struct mr_line *line, enum mr_option_id option)
{
	return line->values[option] != NULL;
}

// -- Options
static int unknown_option(const char *word, char *ret_why)
{
	const char *name = word + strspn(word, "-");
	struct mr_suggest suggest = mr_suggest_begin(name, strcspn(name, "="));

	for (uint32_t i = 0; i < MR_OPTION_COUNT; i++)
		mr_suggest_offer(&suggest, mr_options[i].name);
	return fail(ret_why, "there is no option \"%.64s\"%s%s%s", word,
		suggest.best ? ": did you mean --" : "", suggest.best ? suggest.best : "",
		suggest.best ? "?" : "");
}

static int take_option(int index, const char *value, struct mr_line *line, char *ret_why)
{
	const struct mr_option *option = &mr_options[index];
	char why[MR_LINE_WHY_BYTES];

	line->values[index] = value ? value : "";
	if (option->kind == MR_WORD_FLAG)
		return 0;
	if (mr_word_parse(option->kind, option->words, value, &line->numbers[index], why) == 0)
		return 0;
	return fail(ret_why, "--%s wants %.200s, not \"%.64s\"", option->name, why, value);
}

static int index_of_letter(int letter)
{
	for (int i = 0; i < MR_OPTION_COUNT; i++) {
		if (mr_options[i].letter && mr_options[i].letter == letter)
			return i;
	}
	return -1;
}

static int take_options(int argc, char **argv, struct mr_line *line, char *ret_why)
{
	struct option longs[MR_OPTION_COUNT + 1] = {{0}};

	for (int i = 0; i < MR_OPTION_COUNT; i++)
		longs[i] = (struct option){.name = mr_options[i].name,
			.has_arg = mr_options[i].kind == MR_WORD_FLAG ? no_argument
								      : required_argument,
			.val = LONG_FIRST + i};
	optind = 0; // from the start, also when called again
	opterr = 0;
	for (int found; (found = getopt_long(argc, argv, ":ho:", longs, NULL)) != -1;) {
		const int index = found >= LONG_FIRST ? found - LONG_FIRST : index_of_letter(found);

		if (found == ':')
			return fail(ret_why, "%.64s lacks its value", argv[optind - 1]);
		if (found == '?' && optopt >= LONG_FIRST)
			return fail(ret_why, "--%s takes no value",
				mr_options[optopt - LONG_FIRST].name);
		if (found == '?')
			return unknown_option(argv[optind - 1], ret_why);
		int r = take_option(index, optarg, line, ret_why);
		if (r < 0)
			return r;
	}
	return 0;
}

// -- Commands
static int unknown_command(const char *first, const char *second, char *ret_why)
{
	const bool is_group = mr_command_is_group(first);
	const char *word = is_group ? second : first;
	struct mr_suggest suggest = mr_suggest_begin(word, strlen(word));
	const size_t skip = is_group ? strlen(first) + 1 : 0;

	for (uint32_t i = 0; i < mr_commands_count; i++) {
		const char *name = mr_commands[i].name;

		if (!is_group || (strncmp(name, first, skip - 1) == 0 && name[skip - 1] == ' '))
			mr_suggest_offer(&suggest, name + skip);
	}
	if (is_group && suggest.best == NULL)
		return fail(ret_why,
			"there is no command \"%.64s %.64s\"; those of %.64s: millrace --help",
			first, second, first);
	return fail(ret_why, "there is no command \"%.64s%s%.64s\"%s%s%s%s%s", first,
		is_group ? " " : "", is_group ? second : "",
		suggest.best ? ": did you mean \"" : "", suggest.best && is_group ? first : "",
		suggest.best && is_group ? " " : "", suggest.best ? suggest.best : "",
		suggest.best ? "\"?" : "");
}

static int take_arguments(int count, char **words, struct mr_line *line, char *ret_why)
{
	const struct mr_command *command = line->command;
	char why[MR_LINE_WHY_BYTES];

	for (int i = 0; i < MR_ARGUMENTS_MAX && command->arguments[i].name; i++) {
		const struct mr_argument *argument = &command->arguments[i];

		if (i >= count && argument->optional)
			return 0;
		if (i >= count)
			return fail(ret_why, "%s lacks its %s", command->name, argument->name);
		line->arguments[i] = words[i];
		if (mr_word_parse(argument->kind, argument->words, words[i], NULL, why) < 0)
			return fail(ret_why, "%s of %s is %.200s, not \"%.64s\"", argument->name,
				command->name, why, words[i]);
	}
	for (int i = 0; i < count; i++) {
		if (i >= MR_ARGUMENTS_MAX || line->arguments[i] == NULL)
			return fail(ret_why, "%s takes no further word, \"%.64s\" is one too many",
				command->name, words[i]);
	}
	return 0;
}

static int check_options(const struct mr_line *line, char *ret_why)
{
	const struct mr_command *command = line->command;

	for (int i = 0; i < MR_OPTION_COUNT; i++) {
		if (line->values[i] && !((mr_options_global | command->options) >> i & 1))
			return fail(ret_why,
				"%s has no option --%s; it has those of: millrace %s --help",
				command->name, mr_options[i].name, command->name);
	}
	for (int i = 0; i < MR_OPTION_COUNT; i++) {
		if (command->needs >> i & 1 && line->values[i] == NULL)
			return fail(ret_why, "%s wants --%s %s: %s", command->name,
				mr_options[i].name, mr_options[i].value, mr_options[i].help);
	}
	return 0;
}

// Whom the command asks, and in which form it can answer.
static int check_way(const struct mr_line *line, char *ret_why)
{
	const struct mr_command *command = line->command;
	const char *output = line->values[MR_OPTION_OUTPUT];

	if (output && strcmp(output, "prom") == 0 && !command->has_prom)
		return fail(ret_why, "%s prints text or json; prom is for stats", command->name);
	if (command->role == NULL)
		return 0; // asks nobody
	if (mr_line_has(line, MR_OPTION_DIRECT))
		return command->direct
			? 0
			: fail(ret_why, "%s needs millrace-controld: --direct cannot do it",
				command->name);
	if (command->api.path == NULL && command->run == NULL)
		return fail(ret_why, "%s is not for millrace-controld: sudo millrace --direct %s",
			command->name, command->name);
	return 0;
}

static int take_words(int count, char **words, struct mr_line *line, char *ret_why)
{
	int used = 0;

	if (count == 0)
		return fail(ret_why, "a command is missing");
	line->command = mr_command_find(words[0], count > 1 ? words[1] : NULL, &used);
	if (line->command == NULL)
		return unknown_command(words[0], count > 1 ? words[1] : "", ret_why);
	if (mr_line_has(line, MR_OPTION_HELP))
		return 0;
	int r = check_options(line, ret_why);
	if (r == 0)
		r = check_way(line, ret_why);
	if (r == 0)
		r = take_arguments(count - used, words + used, line, ret_why);
	if (r == 0 && line->command->check)
		r = line->command->check(line, ret_why);
	return r;
}

int mr_line_parse(int argc, char **argv, struct mr_line *ret_line, char *ret_why)
{
	struct mr_line line = {0};
	int r = take_options(argc, argv, &line, ret_why);
	const bool alone = mr_line_has(&line, MR_OPTION_HELP)
		|| mr_line_has(&line, MR_OPTION_VERSION)
		|| mr_line_has(&line, MR_OPTION_CHECK_COMMAND);

	if (r == 0 && (optind < argc || !alone))
		r = take_words(argc - optind, argv + optind, &line, ret_why);
	if (r == 0)
		*ret_line = line;
	return r;
}

// -- Lines of pages and alarms
// What a shell reads for itself: the rest is not ours.
static bool ends_line(const char *word)
{
	static const char *const ends[] = {"|", "||", "&&", ";", ">", "<", "#"};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (strcmp(word, ends[i]) == 0)
			return true;
	}
	return false;
}

// Splits in place; the count, or -EINVAL.
static int split(char *text, char **ret_words, char *ret_why)
{
	int count = 0;

	for (char *at = text; *(at += strspn(at, " \t")) != 0;) {
		char *into = at;

		if (count == WORDS_MAX)
			return fail(ret_why, "the line has more than %d words", WORDS_MAX);
		ret_words[count++] = at;
		for (char quote = 0; *at && (quote || !strchr(" \t", *at)); at++) {
			if (quote ? *at == quote : *at == '\'' || *at == '"')
				quote = quote ? 0 : *at;
			else
				*into++ = *at;
			if (quote && at[1] == 0)
				return fail(ret_why, "a quote is not closed");
		}
		at += *at != 0;
		*into = 0;
		if (ends_line(ret_words[count - 1]))
			return count - 1;
	}
	return count;
}

int mr_line_check(const char *text, char *ret_why)
{
	char copy[LINE_BYTES_MAX], *words[WORDS_MAX + 2];
	struct mr_line line;
	char **first = words;

	if ((size_t)snprintf(copy, sizeof(copy), "%s", text) >= sizeof(copy))
		return fail(ret_why, "the line is longer than %d bytes", LINE_BYTES_MAX - 1);
	int count = split(copy, words + 1, ret_why);
	if (count < 0)
		return count;
	words[0] = (char[]){"millrace"};
	for (int i = 0; i < 2 && count > 0; i++) {
		if (strcmp(first[1], i == 0 ? "sudo" : "millrace") == 0) {
			first++;
			count--;
		}
	}
	first[count + 1] = NULL;
	first[0] = words[0];
	if (count > 0 && strcmp(first[1], "load") == 0)
		return 0; // millrace-load knows its own words
	return mr_line_parse(count + 1, first, &line, ret_why);
}
