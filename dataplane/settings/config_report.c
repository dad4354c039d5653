#include "config_report.h"

#include <stdarg.h>
#include <string.h>

static void format_place(
	const struct mr_config_report *report, struct mr_config_at at, char *ret_text, size_t size)
{
	const char *path = report->path != NULL ? report->path : "defaults";
	if (at.line > 0)
		snprintf(ret_text, size, "%s:%u:%u", path, at.line, at.column);
	else
		snprintf(ret_text, size, "%s", at.where != NULL ? at.where : path);
}

static void print_line(const struct mr_config_report *report, struct mr_config_at at)
{
	const char *line = report->text;
	const char *end = report->text + report->length;
	for (uint32_t number = 1; number < at.line && line != NULL; number++) {
		line = memchr(line, '\n', (size_t)(end - line));
		line = line != NULL ? line + 1 : NULL;
	}
	if (line == NULL || line >= end)
		return;
	const char *stop = memchr(line, '\n', (size_t)(end - line));
	size_t length = (size_t)((stop != NULL ? stop : end) - line);
	fprintf(report->err, "    %.*s\n    ", (int)length, line);
	for (uint32_t i = 1; i < at.column;
		i++) // a tab stays a tab: the caret stands where the eye expects it
		fputc(i <= length && line[i - 1] == '\t' ? '\t' : ' ', report->err);
	fputc('^', report->err);
	for (uint32_t i = 1; i < at.width && at.column - 1 + i < length; i++)
		fputc('~', report->err);
	fputc('\n', report->err);
}

void mr_config_error(
	struct mr_config_report *report, struct mr_config_at at, const char *format, ...)
{
	char place[320];
	char message[512];
	va_list arguments;

	format_place(report, at, place, sizeof(place));
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	if (report->errors++ == 0)
		snprintf(report->first, sizeof(report->first), "%.250s: %.255s", place, message);
	if (report->err == NULL)
		return;
	fprintf(report->err, "%s: error: %s\n", place, message);
	if (at.line > 0 && report->text != NULL)
		print_line(report, at);
}
