// Requests about what is seen, for the table in steward_ask.c.
#pragma once

#include "control.h"

void mr_handle_explain(void *owner, const struct mr_control_request *request);
void mr_handle_tap(void *owner, const struct mr_control_request *request);
