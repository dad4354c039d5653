// What operators did past the daemon (millrace --direct), and what ended by itself: found in the
// router's own list of acts, and audited.
#pragma once

#include "daemon.h"
#include "direct.h"

// Each second, over the ticker's connection.
void mr_adoption_tick(struct mr_daemon *daemon, struct mr_direct *direct);
