// Which listeners there are: the socket always, TCP when it is configured, or once there is a token
// for it.
#pragma once

#include "daemon.h"

struct mr_listeners;

// 0, or a negative errno; the reason was logged.
int mr_listeners_start(struct mr_listeners **ret_listeners, struct mr_daemon *daemon);
void mr_listeners_stop(struct mr_listeners *listeners); // accepts NULL
void mr_listeners_tick(struct mr_listeners *listeners); // each second
