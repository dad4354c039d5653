// Lines for people on stderr; under systemd with the journal's priority in front.
#pragma once

#include <stdio.h>

enum mr_log_level { MR_LOG_ERROR = 3, MR_LOG_WARNING = 4, MR_LOG_NOTICE = 5, MR_LOG_INFO = 6 };

__attribute__((format(printf, 2, 3))) void mr_log(enum mr_log_level level, const char *format, ...);
