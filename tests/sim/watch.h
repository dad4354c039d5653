// What the stages tell of followed objects, beside what the operator has stopped: no first attempt
// of what a rule holds, none of what a purge has dropped, none at all during a pause.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "growing_map.h"
#include "operator.h"
#include "receivers.h"
#include "router.h"
#include "traffic.h"

struct sim_watch {
	const struct sim_operator *op;
	const struct sim_receivers *receivers;
	const struct sim_traffic *traffic;
	const struct sim_router *router;
	uint64_t taps[MR_STAGES_MAX]; // next row of each stage
	uint64_t ended[MR_DELIVERIES_MAX]; // next attempt of each delivery stage
	struct mr_map numbers; // position of an event -> its number
	struct mr_map begun; // hash of webhook and batch -> its first attempt
	struct mr_map purged; // hash of webhook (0: all) and event -> when
	uint64_t attempts; // of followed events, judged
	uint64_t drops; // of followed events, by purges
	char why[256]; // what is wrong; empty: nothing
};

void sim_watch_init(struct sim_watch *watch, const struct sim_operator *op,
	const struct sim_receivers *receivers, const struct sim_traffic *traffic);
void sim_watch_fini(struct sim_watch *watch);
void sim_watch_boot(struct sim_watch *watch, const struct sim_router *router);
// After each round. False: something is wrong.
bool sim_watch_round(struct sim_watch *watch);
