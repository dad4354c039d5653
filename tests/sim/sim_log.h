// The router's log goes to stdout, or nowhere.
#pragma once

#include <stdbool.h>

extern bool sim_log_speaks;
