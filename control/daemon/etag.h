// ETag and If-Match: a change that was meant for what is no longer there is refused.
#pragma once

#include "request.h"

enum { MR_ETAG_BYTES = 48 };

void mr_etag_of(uint64_t id, uint64_t version, char ret_etag[MR_ETAG_BYTES]); // quoted
// False after answering 412: If-Match is given and names something else.
bool mr_etag_fits(struct mr_request *request, uint64_t id, uint64_t version);
