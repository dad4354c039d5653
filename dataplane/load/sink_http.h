// The HTTP server of the receiver: one thread, epoll, keep-alive. It reads requests and writes
// answers; what to answer is decided by its owner, at once or later.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "http_request.h"

enum { MR_SINK_ENDPOINTS_MAX = 256, MR_SINK_CONNECTIONS_MAX = 4096 };

struct mr_sink_reply {
	uint16_t status; // 0: no answer ever
	bool close; // close the connection, without an answer when status is 0
	uint64_t delay_ns;
	const struct mr_header_value *secret; // echoed; NULL: none
};

struct mr_sink_http_owner {
	void *context;
	// A whole request came in on `endpoint`; `served` counts those of its connection, this one
	// included.
	struct mr_sink_reply (*request)(void *context, uint32_t endpoint, uint64_t served,
		const struct mr_http_request *request);
};

struct mr_sink_http;

// Listens on `endpoints` ports from the one in "address:port". 0, or negative errno; *ret_why names
// the step.
int mr_sink_http_open(const char *listen, uint32_t endpoints,
	const struct mr_sink_http_owner *owner, struct mr_sink_http **ret_http,
	const char **ret_why);
void mr_sink_http_close(struct mr_sink_http *http); // accepts NULL
// Serves for at most timeout_ms.
void mr_sink_http_poll(struct mr_sink_http *http, int timeout_ms);
uint32_t mr_sink_http_connections(const struct mr_sink_http *http);
