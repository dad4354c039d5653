// Rules between keys, and what a configuration needs of its host.
#pragma once

#include "config.h"

// What can be said without looking at the host. Fills in what follows from other keys (in_flight of
// webhooks, their ids).
void mr_config_check(struct mr_config *config, struct mr_config_report *report);
// CPUs, state directory; reads secret files and the secrets kept from handshakes.
void mr_config_check_host(struct mr_config *config, struct mr_config_report *report);
