// Times of the wall clock as people write them.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bytes.h"
#include "journal_tool.h"

static const int64_t SECOND = 1000000000;

void mr_time_text(int64_t at_ns, char *ret_text, size_t size)
{
	const time_t seconds = (time_t)(at_ns / SECOND);
	char date[32];
	struct tm at;

	ret_text[0] = 0;
	if (at_ns <= 0 || !gmtime_r(&seconds, &at))
		return;
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &at);
	snprintf(ret_text, size, "%s.%03dZ", date, (int)(at_ns % SECOND / 1000000));
}

static int parse_age(const char *text, int64_t now_ns, int64_t *ret_at_ns)
{
	static const char units[] = "smhd";
	static const int64_t seconds[] = {1, 60, 3600, 86400};
	const size_t length = strlen(text);
	const char *unit = length > 1 ? strchr(units, text[length - 1]) : NULL;
	uint64_t count;

	if (unit == NULL || mr_parse_u64(text, length - 1, &count) < 0 || count > 1000000)
		return -EINVAL;
	*ret_at_ns = now_ns - (int64_t)count * seconds[unit - units] * SECOND;
	return 0;
}

int mr_time_parse(const char *text, int64_t now_ns, int64_t *ret_at_ns)
{
	struct tm at = {0};
	uint64_t seconds;

	if (text[0] == '@') {
		if (mr_parse_u64(text + 1, strlen(text + 1), &seconds) < 0
			|| seconds > INT64_MAX / SECOND)
			return -EINVAL;
		*ret_at_ns = (int64_t)seconds * SECOND;
		return 0;
	}
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &at);
	if (end == NULL)
		return parse_age(text, now_ns, ret_at_ns);
	char *rest = (char *)(uintptr_t)end;
	const double fraction = *end == '.' ? strtod(end, &rest) : 0;
	if (strcmp(rest, "Z") != 0 && *rest != 0)
		return -EINVAL;
	*ret_at_ns = (int64_t)timegm(&at) * SECOND + (int64_t)(fraction * 1e9);
	return 0;
}
