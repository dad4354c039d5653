// The producers: open-loop traffic of a workload through the sessions of millrace-load, and the
// ledger of what was meant and what the router said about it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/reason.h>

#include "checker.h"
#include "frame.h"
#include "network.h"
#include "operator.h"
#include "options.h"
#include "producer_session.h"
#include "retry_queue.h"

enum { SIM_KEY = 7, SIM_APP = 70, SIM_FROM_PORT = 40000, SIM_ROUTER_PORT = 7400 };

extern const struct mr_port_address sim_router_address, sim_producer_address;

struct sim_stream { // of events at an even rate
	uint64_t rate; // events per second; 0: none
	uint64_t start_ns;
	uint64_t made;
};

struct sim_traffic {
	const struct sim_options *options;
	struct sim_network *network;
	const struct sim_operator *op; // NULL: none
	struct mr_workload workload;
	struct mr_ledger ledger;
	struct mr_retry_queue retries;
	struct mr_producer_session sessions[SIM_SESSIONS_MAX];
	uint32_t sessions_count;
	struct sim_stream cold, hot;
	bool offering;
	uint64_t now_ns;
	uint64_t number; // newest event number
	uint64_t offered, accepted, refused, unsent, retried;
	uint64_t by_reason[MR_REASON_LIMIT];
	uint64_t cold_refused; // of objects that are not hot
	uint64_t packets;
	uint64_t against_bans; // accepted or refused as no rule could have it
	uint64_t absurd; // messages of the router that no producer should get
};

void sim_traffic_init(struct sim_traffic *traffic, const struct sim_options *options,
	struct sim_network *network, uint64_t now_ns);
void sim_traffic_fini(struct sim_traffic *traffic);
void sim_traffic_start(struct sim_traffic *traffic, uint64_t now_ns); // the schedule begins
bool sim_traffic_open(const struct sim_traffic *traffic); // every session has its WELCOME
void sim_traffic_receive(
	struct sim_traffic *traffic, uint64_t now_ns, uint8_t *frame, uint32_t length);
void sim_traffic_step(struct sim_traffic *traffic, uint64_t now_ns);
uint64_t sim_traffic_unsettled(const struct sim_traffic *traffic);
uint64_t sim_traffic_next_due(const struct sim_traffic *traffic);
