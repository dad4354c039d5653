// The HTTP engine without a network: requests are kept as they were sent, and answered when the
// test says so. Link it in front of the delivery library: it implements all of engine.h.
#pragma once

#include "engine.h"

enum { FAKE_REQUESTS_MAX = 64 };

struct fake_request {
	struct mr_request request;
	struct mr_endpoint *endpoint;
	bool begun;
	bool sent;
	uint64_t order; // in which it was sent
	uint64_t sent_ns;
	size_t length; // of the body
	char path[256];
	char headers[512];
};

struct fake_engine {
	struct fake_request requests[FAKE_REQUESTS_MAX];
	uint32_t slots_max; // requests that may be begun at a time
	uint64_t retry_ns; // what a refused begin says
	uint32_t endpoints; // references
	uint32_t begun, sent, abandoned; // ever
	uint64_t order;
};
extern struct fake_engine fake_engine;

void fake_engine_reset(void);
uint32_t fake_engine_waiting(void); // sent and not answered
struct fake_request *fake_engine_oldest(void); // sent first of those not answered; NULL: none
void fake_engine_answer(struct fake_request *request, enum mr_outcome outcome, uint16_t status);
void fake_engine_answer_result(struct fake_request *request, const struct mr_result *result);
