// Lines for the service manager: a priority it reads (sd-daemon(3)), and one sentence.
#pragma once

enum mr_log_level { MR_LOG_ERROR = 3, MR_LOG_WARNING = 4, MR_LOG_INFO = 6 };

__attribute__((format(printf, 2, 3))) void mr_log(enum mr_log_level level, const char *format, ...);
