// Everything about one simulated run: drawn from its seed, or written down by a scenario. Nothing
// else decides what happens.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "workload.h"

enum {
	SIM_ENDPOINTS_MAX = 32,
	SIM_WEBHOOKS_MAX = 64,
	SIM_SESSIONS_MAX = 8,
	SIM_CHANCE_ONE = 1 << 16, // a fault that always happens
};

enum sim_disk_kind {
	SIM_DISK_MEMORY, // the product's volatile back end
	SIM_DISK_LAGS, // durable later; what is overwritten is gone, after some waiting
	SIM_DISK_KEEPS, // durable later; what is overwritten is read again, after some waiting
	SIM_DISK_KINDS,
};

// Chances in 65536 per packet, request or round; 0: off in this run.
struct sim_faults {
	// the network between producers and port, both ways
	uint32_t drop, duplicate, delay, corrupt;
	// the receivers, per request
	uint32_t error; // 500, 429 or 503 with Retry-After
	uint32_t reject; // 400: the batch is given up
	uint32_t hang; // no answer
	uint32_t lose_answer; // takes the events, then closes, resets or stays silent
	uint32_t cut_answer; // takes the events, answers half a response
	uint32_t trickle; // answers a few bytes at a time
	// the receivers, per round
	uint32_t down; // an endpoint refuses or swallows connections for a while
	uint32_t close_all; // an endpoint closes all its connections
	uint32_t fail_send;
	// the router, per stage and round
	uint32_t stall; // a stage is not run for a while
};

// The product's journal, on a disk in memory (disk_fake.h). Chances as above, per round.
struct sim_journal_options {
	bool on; // all else is zero when it is not
	uint64_t segment_bytes, retention_bytes, checkpoint_bytes, commit_bytes;
	uint64_t commit_delay_ns, progress_ns;
	// the disk
	uint64_t write_ns, read_ns;
	bool shuffled; // operations overtake each other
	uint32_t shorten; // a write writes a part
	uint32_t slow; // writes take up to 5 s for a while
	uint32_t full; // no room for a while
	uint32_t fail; // a write fails, and with it the router
	// the router
	uint32_t crashes; // in the whole run
	uint32_t kill; // chance that only the process dies: what was written stays
	uint32_t cut; // chance that the disk is gone first, at one of its changes
	bool reshape; // each start draws its shards, deliveries and sub-lanes
	const char *dump; // folder for what each start finds on the disk; NULL: nowhere
	bool rehook; // and which of the later half of the webhooks are configured
};

struct sim_options {
	uint64_t seed;
	// topology
	uint32_t shards, sources, deliveries, flows;
	// sizes
	uint64_t shard_stream_bytes, delivery_stream_bytes;
	uint32_t mbufs, object_queue_events, lane_entries, penalised_max, penalty_after;
	uint32_t connections, connections_per_endpoint;
	uint32_t batch_events_max;
	uint32_t in_flight;
	uint64_t batch_age_ns, request_timeout_ns, retry_cap_ns;
	enum sim_disk_kind disk; // without the journal
	uint64_t disk_lag_ns; // at most
	struct sim_journal_options journal;
	bool bans; // an operator is at work
	// traffic
	// its hot_share is not used: hot traffic has a rate of its own
	struct mr_workload_options workload;
	uint64_t cold_rate, hot_rate; // events per second
	uint64_t warm_ns; // hot traffic starts so much later
	uint32_t events_per_packet;
	uint64_t linger_ns;
	bool ignore_credits, retry_refused;
	// receivers
	uint32_t endpoints, webhooks;
	uint32_t hung_endpoints; // the last ones never answer
	uint64_t answer_ns; // at most, without faults
	uint64_t answer_min_ns;
	uint64_t resources[SIM_WEBHOOKS_MAX]; // of each webhook
	struct sim_faults faults;
	// time
	uint64_t round_ns; // at most
	uint32_t rounds; // with faults and traffic
	bool costs; // stages take time (cost.h), rounds are even
};

// `rounds` 0: drawn.
void sim_options_draw(struct sim_options *options, uint64_t seed, uint32_t rounds);
// Then the journal's part.
void sim_options_draw_journal(struct sim_options *options);
// And an operator.
void sim_options_draw_bans(struct sim_options *options);
// What a start finds changed: the number says which start.
void sim_options_reshape(struct sim_options *options, uint64_t boot);
// One line: what was drawn.
void sim_options_print(const struct sim_options *options);
