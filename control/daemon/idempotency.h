// Idempotency-Key: a POST that is sent again is answered what the first one was, and done once.
#pragma once

#include "request.h"
#include "store.h"

enum { MR_IDEMPOTENCY_KEY_BYTES_MAX = 128 };

// Before the handler of a POST. True: it is to run, and mr_idempotency_end follows. False:
// answered.
bool mr_idempotency_begin(struct mr_request *request);
void mr_idempotency_end(struct mr_request *request);
void mr_idempotency_tick(struct mr_store *store); // forgets what is older than a day
