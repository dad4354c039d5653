#include "log.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_BYTES = 1024 };

void mr_log(enum mr_log_level level, const char *format, ...)
{
	char line[LINE_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	for (char *at = line; *at; at++) // what others have sent may stand in it
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	fprintf(stderr, "<%d>millrace-controld: %s\n", (int)level, line);
}
