// A webhook as the stages see it: one definition, made by the steward, of which the shard of the
// resource takes the subscription (resource, filters) and the delivery stage of the endpoint the
// lane (target, secret).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/limits.h>

#include "filter.h"

struct mr_webhook {
	uint64_t id; // stable: hash of the name for webhooks of the configuration file
	uint64_t resource;
	uint32_t lane; // index below webhooks.max, unique in the router
	uint16_t shard; // owner of the resource
	uint16_t delivery; // delivery stage of the endpoint
	uint8_t filters_count;
	bool handshake; // ask the endpoint before the first delivery (X-Hook-Secret)
	uint16_t in_flight; // sub-lanes: 1..MR_IN_FLIGHT_MAX
	uint16_t secret_length; // 0: made at the handshake
	char name[MR_NAME_BYTES_MAX];
	char resource_type[MR_TYPE_BYTES_MAX + 1]; // empty: taken from the event
	struct mr_filter filters[MR_FILTERS_MAX];
	// Endpoint: http only for now; the address is resolved and judged by the steward.
	char host[MR_HOST_BYTES_MAX + 1]; // as written, for the Host header
	uint16_t port;
	uint8_t address[16]; // IPv6, or IPv4 as ::ffff:a.b.c.d
	char path[MR_URL_BYTES_MAX]; // path and query, at least "/"
	char secret[MR_SECRET_BYTES_MAX]; // ASCII; not terminated
};
