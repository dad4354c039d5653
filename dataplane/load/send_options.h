// What `millrace-load send` can be told.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "load_options.h"
#include "workload.h"

struct mr_send_options {
	const char *port;
	const char *to;
	const char *from;
	const char *ledger; // NULL: none
	const char *output; // "text" or "json"
	const char *lineage; // NULL: flat
	const char *file_prefix; // NULL: by process id
	double rate;
	uint64_t key;
	uint64_t ramp_ns;
	uint64_t duration_ns; // 0: until --events
	uint64_t events; // 0: until --duration
	uint64_t events_per_packet;
	uint64_t linger_ns;
	uint64_t buffer_events; // per flow
	uint64_t queues;
	uint64_t mtu;
	uint64_t vlan;
	uint64_t from_port;
	uint64_t settle_wait_ns;
	uint64_t connect_wait_ns;
	uint64_t reconnect_ns;
	uint64_t cpu;
	uint64_t memory_mib;
	uint64_t payload_bytes;
	bool awkward;
	bool hot_session;
	bool hot_beside_first;
	bool hugepages;
	bool flow_ports;
	bool ignore_credits;
	bool retry_refused;
	bool busy;
	bool quiet;
	bool progress;
	struct mr_workload_options workload;
};

// 0, MR_OPTIONS_HELP, or -EINVAL after saying why on stderr.
int mr_send_options_parse(int argc, char **argv, struct mr_send_options *ret_options);
