// The daemon's second: looks at the data plane, and has every part do what it does each second.
#pragma once

#include <stdatomic.h>

#include "daemon.h"

// Until *stop: once a second, in the caller's thread.
void mr_ticker_run(struct mr_daemon *daemon, const atomic_bool *stop);
