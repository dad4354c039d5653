// Handlers of bans, purges, pauses, and of the lists of them. The owner is the struct mr_steward.
#pragma once

#include "control.h"

void mr_handle_ban(void *owner, const struct mr_control_request *request);
void mr_handle_unban(void *owner, const struct mr_control_request *request);
void mr_handle_purge(void *owner, const struct mr_control_request *request);
void mr_handle_pause(void *owner, const struct mr_control_request *request);
void mr_handle_bans(void *owner, const struct mr_control_request *request);
void mr_handle_acts(void *owner, const struct mr_control_request *request);
