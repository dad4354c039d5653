// An event as people write it in JSON, with the names of docs/WIRE.md.
#pragma once

#include <millrace/event.h>

#include "request.h"

// Reads the request's body into `ret_event`, whose texts point into the body. What is wrong is
// noted as a mistake of its field.
void mr_event_json_read(struct mr_request *request, struct mr_event *ret_event);
