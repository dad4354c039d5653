// The configuration: one struct, made once from defaults, file, environment and flags (the later
// ones win), validated as a whole and copied into its owners. config_table.h lists every key once;
// --print-config, docs/CONFIGURATION.md and the checks come from it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <millrace/limits.h>

#include "config_read.h"
#include "config_report.h"
#include "steward_msg.h"

enum { MR_PATH_BYTES_MAX = 256 };

struct mr_config_lcore {
	uint64_t cpu;
	char stages[1024]; // separated by blanks: "ingest0 shard0 journal delivery0"
	struct mr_config_at at;
};

struct mr_config_app {
	char name[MR_NAME_BYTES_MAX];
	uint64_t app;
	uint64_t key_id;
	struct mr_config_at at;
};

struct mr_config_webhook {
	struct mr_webhook webhook; // lane, shard and delivery are filled at boot
	char url[MR_URL_BYTES_MAX];
	char secret_file[MR_PATH_BYTES_MAX]; // empty: handshake
	struct mr_config_at at;
};

struct mr_config {
	// port
	char port_device
		[128]; // "net_memif0,role=server,socket=..."; PCI address; "net_tap0,iface=..."
	uint64_t port_queues, port_mbufs, port_mtu;
	char port_ipv4[16]; // empty: none
	char port_ipv6[40]; // empty: none
	// ingest
	uint64_t ingest_port, flows, hash_seed;
	// totals of the router, divided among its stages
	uint64_t object_queue_events, object_queue_bytes, object_penalty_after,
		object_quantum_units;
	uint64_t shard_buffer_bytes, delivery_buffer_bytes, objects_max, positions_max,
		lane_entries_max;
	uint64_t lane_penalised_max, sessions_max, refused_runs_max, webhooks_max, endpoints_max;
	uint64_t connections_max, connections_per_endpoint, connections_per_host,
		fragment_cache_bytes;
	// journal
	bool is_volatile; // durability: memory
	char journal_dir[MR_PATH_BYTES_MAX];
	uint64_t commit_max, commit_delay_ns, segment_bytes, checkpoint_bytes;
	uint64_t retention_age_ns, retention_bytes; // 0 bytes: 80 % of what there is
	uint64_t progress_interval_ns;
	// delivery
	uint64_t batch_events_max, batch_bytes_max, batch_age_ns, in_flight;
	uint64_t connect_timeout_ns, request_timeout_ns, retry_base_ns, retry_cap_ns;
	uint64_t heartbeat_ns, expire_after_ns;
	// CIDRs, separated by blanks, that deliveries may go to although they are private
	char allow_targets[512];
	// idle
	uint64_t idle_max_latency_ns;
	// control
	char direct_socket[108];
	char direct_group[64]; // "none": nobody
	char state_dir[MR_PATH_BYTES_MAX];
	// EAL
	bool hugepages; // false: --no-huge
	uint64_t eal_memory_bytes;
	char file_prefix[64];
	// topology; 0: decided from the CPUs
	uint64_t shards, deliveries;
	uint32_t lcores_count; // 0: decided from the CPUs
	struct mr_config_lcore lcores[MR_LCORES_MAX];
	// tables
	uint32_t apps_count, webhooks_count;
	struct mr_config_app apps[MR_KEYS_MAX];
	struct mr_config_webhook *webhooks; // heap
	// where each key was set, by index into mr_config_keys
	struct mr_config_at at[MR_CONFIG_KEYS_MAX];
};

// A configuration with every default, zeroed otherwise. Large: it belongs on the heap. NULL: no
// memory.
struct mr_config *mr_config_new(void);
void mr_config_free(struct mr_config *config); // accepts NULL; wipes secrets
// Reads all sources into a configuration of mr_config_new and checks it. Every mistake goes to
// `report`. 0, or -EINVAL with report->errors > 0.
int mr_config_load(struct mr_config *config, const struct mr_config_sources *sources,
	struct mr_config_report *report);
