// What time it is, and how the API writes it.
#pragma once

#include <stdint.h>

enum { MR_TIME_TEXT_BYTES = 32 };

int64_t mr_now_wall_ns(void);
uint64_t mr_now_mono_ns(void);
// RFC 3339, UTC, milliseconds: 2020-06-03T14:07:00.250Z
void mr_time_text(int64_t wall_ns, char ret_text[MR_TIME_TEXT_BYTES]);
