#include "log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

void mr_log(enum mr_log_level level, const char *format, ...)
{
	static const char *const names[] = {[MR_LOG_ERROR] = "error: ",
		[MR_LOG_WARNING] = "warning: ",
		[MR_LOG_NOTICE] = "",
		[MR_LOG_INFO] = ""};
	char line[2048];
	char prefix[8] = "";
	va_list arguments;
	if (getenv("JOURNAL_STREAM") != NULL)
		snprintf(prefix, sizeof(prefix), "<%u>", level);
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	dprintf(STDERR_FILENO, "%s%s%s\n", prefix, prefix[0] == '\0' ? names[level] : "", line);
}
