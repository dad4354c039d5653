// systemd's notification protocol (sd_notify(3), "Standalone Implementations").
#pragma once

// Tells the service manager, if there is one: "READY=1", "WATCHDOG=1", "STOPPING=1".
void mr_notify(const char *state);
