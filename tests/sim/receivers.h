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

enum { SIM_CRASHES_MAX = 64 };

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
	struct mr_map rejected; // event of a path that was answered 400: it may be given up
	// When the router must know that a request was taken, in worlds where no answer gets lost.
	struct mr_map taken;
	bool exact;
	uint64_t answer_ns; // at most, before the calm
	uint64_t settle_ns; // from there until no crash makes it forget
	uint64_t crashed_ns[SIM_CRASHES_MAX];
	uint32_t crashes;
	uint64_t late; // requests that came again although they were settled
};

// Path number i is webhook i's.
void sim_receivers_init(struct sim_receivers *receivers, const struct sim_options *options,
	const struct sim_faults *faults, const struct mr_ledger *ledger, uint64_t hash_seed);
// Fills in the webhooks that this boot has.
void sim_receivers_configure(
	const struct sim_receivers *receivers, uint64_t boot, struct mr_config *config);
// In every boot.
bool sim_receivers_stays(const struct sim_receivers *receivers, uint32_t webhook);
void sim_receivers_attach(struct sim_receivers *receivers, struct mr_net *net);
// A crash may have made the router forget what it knew then.
bool sim_receivers_may_forget(const struct sim_receivers *receivers, uint64_t known_ns);
void sim_receivers_crashed(struct sim_receivers *receivers, uint64_t now_ns);
// Whether the webhook has answered 400 to the event.
bool sim_receivers_rejected(struct sim_receivers *receivers, uint32_t webhook, uint64_t number);
void sim_receivers_fini(struct sim_receivers *receivers);
void sim_receivers_step(struct sim_receivers *receivers, uint64_t now_ns); // faults of a round
