// The configuration: one struct, made once from defaults, file, environment and flags, validated as a whole and copied
// into its owners. config_table.h lists every key once; --print-config, docs/CONFIGURATION.md and the checks come from it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <millrace/limits.h>

#include "steward_msg.h"

struct mr_config_lcore {
	uint32_t cpu;
	char stages[256]; // as written: "ingest0 shard0 journal delivery0"
};

struct mr_config_app {
	char name[MR_NAME_BYTES_MAX];
	uint64_t app;
	uint64_t key_id;
};

struct mr_config_webhook {
	struct mr_webhook webhook; // lane, shard, delivery and address are filled at boot
	char url[MR_URL_BYTES_MAX];
	char secret_file[256]; // empty: handshake
	uint32_t line; // in the file, for messages
};

struct mr_config {
	// port
	char port_device[128]; // "net_memif0,role=server,socket=..."; PCI address; "net_tap0,iface=..."
	uint32_t port_queues;
	uint32_t port_mbufs;
	uint32_t port_mtu;
	char port_ipv4[16];
	char port_ipv6[40];
	// ingest
	uint32_t ingest_port;
	uint32_t flows;
	uint64_t hash_seed;
	// totals
	uint64_t object_queue_events, object_queue_bytes, object_penalty_after, object_quantum_units;
	uint64_t shard_buffer_bytes, delivery_buffer_bytes, objects_max, positions_max, lane_entries_max;
	uint64_t lane_penalised_max, sessions_max, refused_runs_max, webhooks_max, endpoints_max;
	uint64_t connections_max, connections_per_endpoint, connections_per_host, fragment_cache_bytes;
	// journal
	bool is_volatile; // durability: memory
	char journal_dir[256];
	uint64_t progress_interval_ns;
	// delivery
	uint64_t batch_events_max, batch_bytes_max, batch_age_ns, in_flight;
	uint64_t connect_timeout_ns, request_timeout_ns, retry_base_ns, retry_cap_ns;
	uint64_t heartbeat_ns, expire_after_ns;
	char allow_targets[512]; // CIDRs that deliveries may go to although they are private
	// idle
	uint64_t idle_max_latency_ns;
	// control
	char direct_socket[108];
	char state_dir[256];
	// EAL
	bool hugepages; // false: --no-huge
	uint32_t eal_memory_mib;
	char file_prefix[64];
	// topology
	uint32_t shards, deliveries;
	uint32_t lcores_count;
	struct mr_config_lcore lcores[MR_LCORES_MAX];
	// tables
	uint32_t apps_count, webhooks_count;
	struct mr_config_app apps[MR_KEYS_MAX];
	struct mr_config_webhook *webhooks; // heap; mr_config_free
};

void mr_config_defaults(struct mr_config *config);
// Reads and validates `path`; every mistake is printed to `err` as file:line:col: error: ... with the line and a caret. 0, or -EINVAL with the
// number of mistakes in *ret_errors; the first one as text in `first` (may be NULL).
int mr_config_load(struct mr_config *config, const char *path, FILE *err, uint32_t *ret_errors, char *first, size_t first_size);
void mr_config_print(FILE *out); // every default, commented: a valid file
void mr_config_free(struct mr_config *config);
