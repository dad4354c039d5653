// Clocks, for the runner and programs only: decisions get the time as an argument.
#pragma once

#include <stdint.h>

// CLOCK_MONOTONIC; the kernel reads the TSC for it, where it is invariant, without a system call.
uint64_t mr_clock_mono_ns(void);
int64_t mr_clock_wall_ns(void); // UTC since 1970
uint64_t mr_clock_cpu_ns(void); // CPU time of this thread
