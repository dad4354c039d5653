// Requests about webhooks and keys, for the table in steward_ask.c.
#pragma once

#include "control.h"

void mr_handle_webhook_put(void *owner, const struct mr_control_request *request);
void mr_handle_webhook_remove(void *owner, const struct mr_control_request *request);
void mr_handle_webhook_test(void *owner, const struct mr_control_request *request);
void mr_handle_webhooks(void *owner, const struct mr_control_request *request);
void mr_handle_app_put(void *owner, const struct mr_control_request *request);
void mr_handle_app_remove(void *owner, const struct mr_control_request *request);
void mr_handle_apps(void *owner, const struct mr_control_request *request);
