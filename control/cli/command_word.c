// Values on the command line.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bytes.h"
#include "command_line.h"
#include "journal_tool.h"

static int expect(char *ret_why, const char *what)
{
	snprintf(ret_why, MR_LINE_WHY_BYTES, "%s", what);
	return -EINVAL;
}

static int parse_choice(const char *words, const char *text, char *ret_why)
{
	const size_t length = strlen(text);

	for (const char *at = words; *at; at += strspn(at, " ")) {
		const size_t word = strcspn(at, " ");

		if (word == length && memcmp(at, text, word) == 0)
			return 0;
		at += word;
	}
	snprintf(ret_why, MR_LINE_WHY_BYTES, "one of %s", words);
	return -EINVAL;
}

// Number and unit, again and again: "1h30m".
static int parse_duration(const char *text, uint64_t *ret_ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {{"d", UINT64_C(86400000000000)}, {"h", UINT64_C(3600000000000)},
		{"m", UINT64_C(60000000000)}, {"min", UINT64_C(60000000000)}, {"s", 1000000000},
		{"ms", 1000000}, {"us", 1000}};
	uint64_t sum = 0;

	do {
		const size_t digits = strspn(text, "0123456789");
		const size_t letters = strspn(text + digits, "dhminsu");
		uint64_t value, factor = 0;

		if (mr_parse_u64(text, digits, &value) < 0)
			return -EINVAL;
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
			if (strlen(units[i].name) == letters
				&& memcmp(units[i].name, text + digits, letters) == 0)
				factor = units[i].ns;
		}
		if (factor == 0 || __builtin_mul_overflow(value, factor, &value)
			|| __builtin_add_overflow(sum, value, &sum))
			return -EINVAL;
		text += digits + letters;
	} while (*text);
	*ret_ns = sum;
	return sum > 0 && sum <= INT64_MAX ? 0 : -EINVAL;
}

static int parse_rate(const char *text, uint64_t *ret_rate)
{
	const size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;
	uint64_t factor = 1;

	if (*unit == 'k' || *unit == 'M')
		factor = *unit++ == 'k' ? 1000 : 1000000;
	if (strcmp(unit, "/s") != 0 || mr_parse_u64(text, digits, ret_rate) < 0
		|| __builtin_mul_overflow(*ret_rate, factor, ret_rate))
		return -EINVAL;
	return *ret_rate > 0 && *ret_rate <= UINT32_MAX ? 0 : -EINVAL;
}

static int parse_time(const char *text, uint64_t *ret_number)
{
	struct timespec now;
	int64_t at_ns = 0;

	clock_gettime(CLOCK_REALTIME, &now);
	int r = mr_time_parse(text, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec, &at_ns);
	*ret_number = (uint64_t)at_ns;
	return r;
}

int mr_word_parse(enum mr_word_kind kind, const char *words, const char *text, uint64_t *ret_number,
	char *ret_why)
{
	uint64_t number = 0;
	int r = 0;

	switch (kind) {
	case MR_WORD_FLAG:
		break;
	case MR_WORD_CHOICE:
		return parse_choice(words, text, ret_why);
	case MR_WORD_ID:
		if (mr_parse_u64(text, strlen(text), &number) < 0)
			r = expect(ret_why, "a decimal id below 2^64");
		break;
	case MR_WORD_COUNT:
		if (mr_parse_u64(text, strlen(text), &number) < 0 || number > UINT32_MAX)
			r = expect(ret_why, "a number up to 4294967295");
		break;
	case MR_WORD_DURATION:
		if (parse_duration(text, &number) < 0)
			r = expect(ret_why, "a time with its unit (500ms, 90s, 15m, 1h30m, 7d)");
		break;
	case MR_WORD_RATE:
		if (parse_rate(text, &number) < 0)
			r = expect(ret_why, "a rate per second (100/s, 5k/s)");
		break;
	case MR_WORD_TIME:
		if (parse_time(text, &number) < 0)
			r = expect(ret_why, "2026-11-22T02:20:00Z, @seconds, or an age as 10m");
		break;
	case MR_WORD_TEXT:
	case MR_WORD_FILE:
	case MR_WORD_DIRECTORY:
		if (text[0] == 0)
			r = expect(ret_why, "something that is not empty");
		break;
	}
	if (r == 0 && ret_number)
		*ret_number = number;
	return r;
}
