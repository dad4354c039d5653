// What the router says, for whoever looks at one seed.
#include "log.h"

#include <stdarg.h>

#include "sim_log.h"

bool sim_log_speaks;

void mr_log(enum mr_log_level level, const char *format, ...)
{
	va_list arguments;
	if (!sim_log_speaks && level > MR_LOG_ERROR)
		return;
	va_start(arguments, format);
	printf("  | ");
	vprintf(format, arguments);
	printf("\n");
	va_end(arguments);
}
