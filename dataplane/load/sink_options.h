// What `millrace-load sink` can be told.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "load_options.h"

struct mr_sink_options {
	const char *listen; // address:port of the first endpoint
	const char *ledger; // NULL: no loss, latency or fate can be told
	const char *secret_file; // NULL: secrets come by handshake
	const char *output; // "text" or "json"
	double fail_share;
	uint64_t endpoints;
	uint64_t misbehaving; // the last so many endpoints; 0 with a misbehaviour set: all
	uint64_t delay_ns;
	uint64_t status; // 0: 200
	uint64_t close_after; // requests per connection, the last one unanswered; 0: never
	uint64_t shards;
	uint64_t wait_ns;
	uint64_t seed;
	uint64_t paths; // at least so many webhooks must have said something
	bool hang;
	bool until_settled;
	bool allow_unclaimed;
	bool progress;
	bool quiet;
};

int mr_sink_options_parse(int argc, char **argv, struct mr_sink_options *ret_options);
