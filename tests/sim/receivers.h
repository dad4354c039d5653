// The receivers: endpoints in virtual time that take, refuse, hang, break and forget as the faults
// say, and check everything that they are told.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "checker.h"
#include "config.h"
#include "crypto.h"
#include "net_fake.h"
#include "options.h"
#include "rng.h"

struct sim_receivers;

struct sim_endpoint {
	struct mr_fake_peer peer;
	struct sim_receivers *receivers;
	bool hangs; // for good
	uint64_t down_until_ns;
};

struct sim_receivers {
	const struct sim_options *options;
	const struct sim_faults *faults; // the world's: may change under way
	struct mr_net *net;
	struct mr_rng rng;
	struct mr_hmac *hmac;
	struct mr_checker checker;
	struct mr_latency latency;
	struct sim_endpoint endpoints[SIM_ENDPOINTS_MAX];
	uint64_t requests, taken_unsaid, refused, bad_signatures, bad_requests;
};

// Also fills in the configuration's webhooks; path number i is webhook i's.
void sim_receivers_init(struct sim_receivers *receivers, const struct sim_options *options,
	const struct sim_faults *faults, const struct mr_ledger *ledger, struct mr_config *config);
void sim_receivers_attach(struct sim_receivers *receivers, struct mr_net *net);
void sim_receivers_fini(struct sim_receivers *receivers);
void sim_receivers_step(struct sim_receivers *receivers, uint64_t now_ns); // faults of a round
