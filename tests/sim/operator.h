// The operator: bans, lifts, pauses and purges at random, in messages like the steward's, and
// remembers what was in force when, so that the judge can say what may have come of it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "rng.h"
#include "router.h"
#include "workload.h"

enum { SIM_ACTS_MAX = 512, SIM_RULES_MAX = 8 };

struct sim_act { // a rule, from the moment when it was sent
	struct mr_ban_rule rule;
	uint64_t sent_ns;
	uint64_t in_force_ns; // on all stages; UINT64_MAX: not yet
	uint64_t lift_ns; // its end was sent
	uint64_t end_ns; // on all stages
};

struct sim_purge {
	struct mr_scope scope;
	bool with_descendants;
	uint64_t done_ns; // UINT64_MAX: under way
};

struct sim_barred { // an event, and when
	uint64_t number, object;
	uint64_t offered_ns;
	uint64_t at_ns;
	const uint64_t *crashed_ns;
	uint32_t crashes;
};

struct sim_operator {
	const struct sim_options *options;
	const struct mr_workload *workload;
	struct sim_router *router;
	struct mr_rng rng;
	uint64_t now_ns;
	bool is_calm; // from then on everything ends
	struct sim_act acts[SIM_ACTS_MAX];
	uint32_t acts_count;
	uint32_t rules[SIM_RULES_MAX]; // acts in force; SIM_ACTS_MAX: free
	struct sim_purge purges[SIM_ACTS_MAX];
	uint32_t purges_count;
	struct mr_survey *survey;
	bool is_surveying;
	bool is_purging;
	uint32_t stopped;
	uint64_t still_ns; // from then on no attempt begins; UINT64_MAX: they may
	uint64_t pause_ns; // when ingest was last paused, sent until in force that it is not
	uint64_t resume_ns;
	uint64_t deal_ns;
	uint64_t counted, dropped; // events, by surveys
	uint64_t deliveries_counted, deliveries_dropped;
	uint64_t objects[MR_TAPS_MAX]; // that are followed
};

void sim_operator_init(struct sim_operator *op, const struct sim_options *options,
	const struct mr_workload *workload);
void sim_operator_fini(struct sim_operator *op);
// A router has started: hears of everything before it does anything else.
void sim_operator_boot(struct sim_operator *op, struct sim_router *router, uint64_t now_ns);
void sim_operator_step(struct sim_operator *op, uint64_t now_ns);
bool sim_operator_is_idle(const struct sim_operator *op); // nothing is in force or under way

// The event was offered then and settled now: whether the router may have refused it so, or
// accepted it.
bool sim_operator_may_refuse(const struct sim_operator *op, uint64_t number, uint64_t object,
	uint64_t offered_ns, uint8_t reason);
bool sim_operator_may_accept(
	const struct sim_operator *op, uint64_t number, uint64_t object, uint64_t offered_ns);
// Whether a purge may have dropped it.
bool sim_operator_may_purge(
	const struct sim_operator *op, uint64_t number, uint64_t object, uint64_t offered_ns);
// Whether a rule has barred the event from a first attempt at that moment, and had no crash between
// the offer and its coming into force: what was recorded before a crash goes on after it.
bool sim_operator_bars(const struct sim_operator *op, const struct sim_barred *asked);
