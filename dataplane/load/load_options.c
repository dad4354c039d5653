#include "load_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "mr_assert.h"

enum { OPTIONS_MAX = 64, FIRST_LONG = 256 };

static const char *const value_hints[] = {
	[MR_OPTION_FLAG] = "",
	[MR_OPTION_COUNT] = "a whole number such as 500, 50k or 2M",
	[MR_OPTION_REAL] = "a number such as 0.5, 50k or 2M",
	[MR_OPTION_TIME] = "a time such as 200us, 5ms, 20s or 2m",
	[MR_OPTION_TEXT] = "a text",
	[MR_OPTION_TEXT_MAYBE] = "a text",
};

static bool scale_of(const char *suffix, double *ret_scale)
{
	static const struct {
		const char *suffix;
		double scale;
	} scales[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}};
	for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
		if (strcmp(suffix, scales[i].suffix) == 0) {
			*ret_scale = scales[i].scale;
			return true;
		}
	}
	return false;
}

static bool time_scale_of(const char *suffix, double *ret_scale)
{
	static const struct {
		const char *suffix;
		double scale;
	} scales[] = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
	for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
		if (strcmp(suffix, scales[i].suffix) == 0) {
			*ret_scale = scales[i].scale;
			return true;
		}
	}
	return false;
}

// A plain decimal without sign, exponent or blanks, then the unit.
static bool parse_scaled(const char *text, bool is_time, double *ret_value)
{
	char *end;
	double scale = 0; // of a time of "0", which needs no unit
	size_t digits = strspn(text, "0123456789.");
	if (digits == 0)
		return false;
	double number = strtod(text, &end);
	if (end != text + digits)
		return false;
	bool zero = is_time && number == 0 && *end == '\0';
	if (!zero && !(is_time ? time_scale_of(end, &scale) : scale_of(end, &scale)))
		return false;
	*ret_value = number * scale;
	return true;
}

static bool set_value(const struct mr_option *option, const char *text, uint8_t *values)
{
	uint8_t *at = values + option->at;
	if (option->kind == MR_OPTION_FLAG) {
		*(bool *)at = true;
		return true;
	}
	if (option->kind == MR_OPTION_TEXT || option->kind == MR_OPTION_TEXT_MAYBE) {
		const char *value = text != NULL ? text : option->fallback;
		memcpy(at, &value, sizeof(value));
		return value != NULL && value[0] != '\0';
	}
	double number;
	if (!parse_scaled(text, option->kind == MR_OPTION_TIME, &number) || number < option->min
		|| (option->max > 0 && number > option->max))
		return false;
	uint64_t whole = (uint64_t)number;
	if (option->kind == MR_OPTION_REAL) {
		memcpy(at, &number, sizeof(number));
		return true;
	}
	if (number >= 9007199254740992.0
		|| (option->kind == MR_OPTION_COUNT && (double)whole != number)) // 2^53
		return false;
	memcpy(at, &whole, sizeof(whole));
	return true;
}

static void complain(
	const struct mr_option_set *set, const struct mr_option *option, const char *text)
{
	fprintf(stderr, "%s: --%s '%s' will not do: give %s", set->command, option->name,
		text != NULL ? text : "", value_hints[option->kind]);
	if (option->max > 0)
		fprintf(stderr, ", %g to %g", option->min, option->max);
	else if (option->min > 0)
		fprintf(stderr, ", at least %g", option->min);
	fprintf(stderr, " (%s)\n", option->help);
}

static void build_getopt(const struct mr_option_set *set, struct option *ret_long, char *ret_short)
{
	*ret_short++ = ':';
	for (uint32_t i = 0; i < set->count; i++) {
		const struct mr_option *option = &set->options[i];
		int argument = option->kind == MR_OPTION_FLAG  ? no_argument
			: option->kind == MR_OPTION_TEXT_MAYBE ? optional_argument
							       : required_argument;
		ret_long[i] = (struct option){option->name, argument, NULL, FIRST_LONG + (int)i};
		if (option->letter != 0) {
			*ret_short++ = option->letter;
			if (argument == required_argument)
				*ret_short++ = ':';
		}
	}
	ret_long[set->count] = (struct option){"help", no_argument, NULL, 'h'};
	ret_long[set->count + 1] = (struct option){0};
	*ret_short++ = 'h';
	*ret_short = '\0';
}

static const struct mr_option *option_of(const struct mr_option_set *set, int code)
{
	if (code >= FIRST_LONG)
		return &set->options[code - FIRST_LONG];
	for (uint32_t i = 0; i < set->count; i++) {
		if (set->options[i].letter == code)
			return &set->options[i];
	}
	return NULL;
}

int mr_options_parse(const struct mr_option_set *set, int argc, char **argv, void *values)
{
	struct option longs[OPTIONS_MAX + 2];
	char shorts[2 * OPTIONS_MAX + 4];
	mr_assert(set->count <= OPTIONS_MAX);
	build_getopt(set, longs, shorts);
	optind = 1;
	int code;
	while ((code = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (code == 'h') {
			mr_options_help(set, stdout);
			return MR_OPTIONS_HELP;
		}
		if (code == '?' || code == ':') {
			fprintf(stderr, "%s: %s %s; `%s --help` lists the options\n", set->command,
				argv[optind - 1],
				code == ':' ? "needs a value" : "is no option here", set->command);
			return -EINVAL;
		}
		const struct mr_option *option = option_of(set, code);
		if (option == NULL || !set_value(option, optarg, values)) {
			if (option != NULL)
				complain(set, option, optarg);
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: '%s' belongs to no option; `%s --help` lists them\n",
			set->command, argv[optind], set->command);
		return -EINVAL;
	}
	return 0;
}

void mr_options_help(const struct mr_option_set *set, FILE *out)
{
	fprintf(out, "usage: %s [options]\n%s\n\n", set->command, set->summary);
	for (uint32_t i = 0; i < set->count; i++) {
		const struct mr_option *option = &set->options[i];
		char name[64];
		if (option->letter != 0)
			snprintf(name, sizeof(name), "-%c, --%s", option->letter, option->name);
		else
			snprintf(name, sizeof(name), "--%s", option->name);
		char text[96];
		if (option->kind == MR_OPTION_FLAG)
			snprintf(text, sizeof(text), "%s", name);
		else if (option->kind == MR_OPTION_TEXT_MAYBE)
			snprintf(text, sizeof(text), "%s[=%s]", name, option->value);
		else
			snprintf(text, sizeof(text), "%s %s", name, option->value);
		fprintf(out, "  %-30s %s\n", text, option->help);
	}
	fprintf(out, "  %-30s %s\n\nExamples:\n%s", "-h, --help", "this text", set->examples);
}
