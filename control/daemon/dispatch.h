// From a request as it came to its handler: route, host, role, parameters, body. What does not fit
// is answered here and reaches no handler.
#pragma once

#include "request.h"

// True: mr_dispatch_run is next, at request->match.route->place. False: request->answer is ready.
// `caller` of the socket is set by the server; over TCP it is found here, from the token.
bool mr_dispatch_check(struct mr_request *request);
void mr_dispatch_run(struct mr_request *request);
void mr_request_clear(struct mr_request *request); // frees what it holds
