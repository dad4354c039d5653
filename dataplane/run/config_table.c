#include "config_table.h"

#include <assert.h>
#include <string.h>

#include <millrace/limits.h>

#include "config.h"
#include "config_lists.h"

#define US   UINT64_C(1000)
#define MS   (US * 1000)
#define S    (MS * 1000)
#define HOUR (S * 3600)
#define KIB  UINT64_C(1024)
#define MIB  (KIB * 1024)
#define GIB  (MIB * 1024)

#define PLACE(type, field) .offset = offsetof(type, field), .size = sizeof(((type *)0)->field)
#define ROW(key_, field, type_, fallback_, min_, max_, help_)                            \
	{                                                                                \
		.key = (key_), PLACE(struct mr_config, field), .type = MR_VALUE_##type_, \
		.fallback = (fallback_), .min = (min_), .max = (max_), .help = (help_)   \
	}
#define LIVE(key_, field, type_, fallback_, min_, max_, help_)                           \
	{                                                                                \
		.key = (key_), PLACE(struct mr_config, field), .type = MR_VALUE_##type_, \
		.fallback = (fallback_), .min = (min_), .max = (max_), .help = (help_),  \
		.live = true                                                             \
	}

// Grouped by first word: --print-config makes a nested map of each group.
const struct mr_config_key mr_config_keys[] = {
	{.key = "durability",
		PLACE(struct mr_config, is_volatile),
		.type = MR_VALUE_CHOICE,
		.choices = "disk memory",
		.fallback = "disk",
		.help = "What an acknowledgement promises. disk: the event survives a crash. memory: a crash forgets acknowledged events, and every report says VOLATILE"},
	ROW("flows", flows, COUNT, "16", 1, MR_FLOWS_MAX,
		"Ordered sub-streams of a session; a power of two, the same for the life of an installation"),
	ROW("hash_seed", hash_seed, ID, "7400", 0, UINT64_MAX,
		"Seed of the hash that places objects; the same for the life of an installation"),
	ROW("state_dir", state_dir, TEXT, "/var/lib/millrace", 0, 0,
		"Directory for secrets made at a webhook's first handshake"),

	ROW("port.device", port_device, TEXT,
		"net_memif0,role=server,socket=/run/millrace/memif.sock", 0, 0,
		"The network port: a DPDK virtual device with its arguments, or a PCI address"),
	ROW("port.queues", port_queues, COUNT, "0", 0, MR_SOURCES_MAX,
		"RX and TX queue pairs, one ingest stage each; 0: as many as the topology has ingest stages, else 1"),
	ROW("port.mbufs", port_mbufs, COUNT, "16384", 1024, 1048576,
		"Packet buffers of 2 KiB (more with jumbo frames)"),
	ROW("port.mtu", port_mtu, COUNT, "1500", MR_MTU, MR_MTU_JUMBO,
		"Largest packet: 1500, or up to 9000 with jumbo frames"),
	ROW("port.ipv4", port_ipv4, IPV4, "10.74.0.1", 0, 0,
		"Address the port answers to (ARP, ICMP echo), or none"),
	ROW("port.ipv6", port_ipv6, IPV6, "fd74::1", 0, 0,
		"Address the port answers to (ND, ICMP echo), or none"),

	ROW("ingest.port", ingest_port, COUNT, "7400", 1, 65535 - MR_FLOWS_MAX,
		"UDP port of the ingest protocol; flow f may also be sent to this port + f"),

	LIVE("object.queue_events", object_queue_events, COUNT, "1024", 1, 65536,
		"Events that may wait for one object"),
	LIVE("object.queue_bytes", object_queue_bytes, BYTES, "1MiB", 16 * KIB, GIB,
		"Bytes that may wait for one object"),
	LIVE("object.penalty_after", object_penalty_after, COUNT, "8", 1, 1000000,
		"Full quanta in a row after which an object is penalised"),
	ROW("object.quantum_units", object_quantum_units, COUNT, "64", 32, 65536,
		"Work an object may do per turn: 1 per event, hop and match, and bytes / 256"),

	ROW("objects.max", objects_max, COUNT, "1048576", 1024, 67108864,
		"Objects with waiting events, whole router"),
	ROW("positions.max", positions_max, COUNT, "4M", 4096, 268435456,
		"Events waiting for objects, whole router"),
	ROW("sessions.max", sessions_max, COUNT, "1024", 1, MR_SESSIONS_MAX,
		"Producer sessions open at once"),
	ROW("refused.runs_max", refused_runs_max, COUNT, "65536", 1024, 16777216,
		"Runs of refused sequences remembered until producers know them, whole router"),
	ROW("shard.buffer_bytes", shard_buffer_bytes, BYTES, "256MiB", MIB, 1024 * GIB,
		"Stream buffers of all shards together: accepted events until they are delivered"),
	LIVE("lane.penalised_max", lane_penalised_max, COUNT, "1024", 2, 1000000,
		"Undelivered events of one penalised object in one lane at which its shard is told to hold it"),
	ROW("lane.entries_max", lane_entries_max, COUNT, "8M", 4096, 268435456,
		"Deliveries waiting in lanes, whole router"),

	ROW("progress.interval", progress_interval_ns, DURATION, "100ms", MS, 10 * S,
		"How often shards and delivery stages write progress records"),

	ROW("journal.dir", journal_dir, TEXT, "/var/lib/millrace", 0, 0,
		"Directory of the journal, for this router alone; not used with durability memory"),
	ROW("journal.commit_max", commit_max, BYTES, "1MiB", 64 * KIB, MR_JOURNAL_COMMIT_MAX,
		"Largest write, at most a quarter of a segment"),
	ROW("journal.commit_delay", commit_delay_ns, DURATION, "300us", 0, 100 * MS,
		"How long records may wait for others to be written with them; a sixteenth of a commit does not wait"),
	ROW("journal.segment_bytes", segment_bytes, BYTES, "64MiB", MR_SEGMENT_BYTES_MIN, GIB,
		"Size of a segment file, a multiple of 4 KiB"),
	ROW("journal.checkpoint_bytes", checkpoint_bytes, BYTES, "256MiB", MIB, 1024 * GIB,
		"A checkpoint after so many bytes: about what a start has to replay; at most a quarter of the retention"),
	ROW("retention.age", retention_age_ns, DURATION, "24h", 60 * S, 8760 * HOUR,
		"Segments older than this go, and deliveries that still wait in them expire"),
	ROW("retention.bytes", retention_bytes, BYTES, "0", 0, 4096 * GIB,
		"Size of the journal at which the oldest deliveries expire; 0: 80 % of what the file system has free for it"),

	LIVE("batch.events_max", batch_events_max, COUNT, "1000", 1, MR_BATCH_EVENTS_MAX,
		"Events of one delivery"),
	LIVE("batch.bytes_max", batch_bytes_max, BYTES, "102400", MR_FRAGMENT_BYTES_MAX + 16,
		MR_BATCH_BYTES_MAX,
		"Bytes of one delivery's body; receivers commonly refuse more than the default"),
	LIVE("batch.age_max", batch_age_ns, DURATION, "50ms", 0, 500 * MS,
		"How long an event may wait for its batch to fill; a lane that settles nothing for 1s is behind"),

	LIVE("delivery.connect_timeout", connect_timeout_ns, DURATION, "5s", 10 * MS, 300 * S,
		"Until a connection stands"),
	LIVE("delivery.request_timeout", request_timeout_ns, DURATION, "10s", 10 * MS, 300 * S,
		"From the start of an attempt until its answer is complete"),
	LIVE("delivery.in_flight", in_flight, COUNT, "4", 1, MR_IN_FLIGHT_MAX,
		"Batches of one webhook under way at once; objects keep their order"),
	ROW("delivery.connections_per_endpoint", connections_per_endpoint, COUNT, "16", 1, 1024,
		"Connections to one host and port"),
	ROW("delivery.connections_per_host", connections_per_host, COUNT, "64", 1, 4096,
		"Connections to one address, any port"),
	ROW("delivery.buffer_bytes", delivery_buffer_bytes, BYTES, "16MiB", MIB, 64 * GIB,
		"Stream buffers of all delivery stages together: batch and progress records"),
	ROW("delivery.fragment_cache_bytes", fragment_cache_bytes, BYTES, "32MiB", 64 * KIB,
		64 * GIB, "Rendered events kept for reuse, all delivery stages together"),
	LIVE("delivery.allow_targets", allow_targets, WORDS, "[]", 0, 0,
		"Networks (CIDR) that webhooks may point at although they are loopback, private or otherwise internal"),
	ROW("endpoints.max", endpoints_max, COUNT, "4096", 1, 1048576,
		"Endpoints (host and port) known at once"),
	ROW("connections.max", connections_max, COUNT, "512", 2, 65536,
		"Connections open at once; each has its buffers, each delivery stage at least two"),
	LIVE("retry.base", retry_base_ns, DURATION, "1s", MS, HOUR,
		"First retry delay; doubles per failure, with full jitter"),
	LIVE("retry.cap", retry_cap_ns, DURATION, "10min", MS, 24 * HOUR, "Longest retry delay"),
	LIVE("webhook.heartbeat", heartbeat_ns, DURATION, "8h", S, 168 * HOUR,
		"An empty delivery so often when there is nothing else"),
	LIVE("webhook.expire_after", expire_after_ns, DURATION, "24h", S, 8760 * HOUR,
		"A webhook without success for so long is disabled and what it owes is dropped"),
	ROW("webhooks.max", webhooks_max, COUNT, "65536", 1, 1048576, "Webhooks known at once"),

	ROW("idle.max_added_latency", idle_max_latency_ns, DURATION, "200us", 10 * US, 100 * MS,
		"Longest nap of an idle core; five times that after 100 ms without work"),
	ROW("direct.socket", direct_socket, TEXT, "/run/millrace/direct.sock", 0, 0,
		"Control socket, for root and the router's own user"),
	ROW("direct.group", direct_group, TEXT, "none", 0, 0,
		"Primary group of a user who may connect there, too: millrace-controld's; or none"),

	ROW("eal.hugepages", hugepages, BOOL, "no", 0, 0,
		"Packet memory from hugepages; they must have been reserved"),
	ROW("eal.memory", eal_memory_bytes, BYTES, "128MiB", 32 * MIB, 1024 * GIB,
		"Packet memory: port.mbufs and DPDK's own tables"),
	ROW("eal.file_prefix", file_prefix, TEXT, "millrace", 0, 0,
		"Names DPDK's runtime files; differs between routers on one host"),

	ROW("topology.shards", shards, COUNT, "0", 0, MR_SHARDS_MAX,
		"Shard stages, at most `flows`; 0: as many as topology.lcores names, else decided from the CPUs"),
	ROW("topology.deliveries", deliveries, COUNT, "0", 0, MR_DELIVERIES_MAX,
		"Delivery stages; 0: as many as topology.lcores names, else decided from the CPUs"),
};
const uint32_t mr_config_keys_count = sizeof(mr_config_keys) / sizeof(mr_config_keys[0]);
static_assert(sizeof(mr_config_keys) / sizeof(mr_config_keys[0]) <= MR_CONFIG_KEYS_MAX,
	"every key has its place");

#define FIELD(type_, name_, field, value, fallback_, min_, max_, help_)                 \
	{                                                                               \
		.key = (name_), PLACE(type_, field), .type = MR_VALUE_##value,          \
		.fallback = (fallback_), .min = (min_), .max = (max_), .help = (help_), \
		.live = true                                                            \
	}

static const struct mr_config_key app_fields[] = {
	FIELD(struct mr_config_app, "name", name, TEXT, NULL, 0, 0, "For people; unique"),
	FIELD(struct mr_config_app, "app", app, ID, NULL, 1, UINT64_MAX,
		"The app's id: who its events come from"),
	FIELD(struct mr_config_app, "key", key_id, ID, NULL, 1, UINT64_MAX,
		"Key id its producers put into their packets; unique"),
};

static const struct mr_config_key webhook_fields[] = {
	FIELD(struct mr_config_webhook, "name", webhook.name, TEXT, NULL, 0, 0,
		"Stable name; unique. The webhook's id is its hash"),
	FIELD(struct mr_config_webhook, "resource", webhook.resource, ID, NULL, 1, UINT64_MAX,
		"Object whose events, and those of what is below it, are wanted"),
	FIELD(struct mr_config_webhook, "resource_type", webhook.resource_type, TEXT, "", 0, 0,
		"Type of the resource; workspace, team and portfolio need filters"),
	FIELD(struct mr_config_webhook, "target", url, TEXT, NULL, 0, 0,
		"Where to deliver: http://host:port/path"),
	FIELD(struct mr_config_webhook, "secret_file", secret_file, TEXT, "", 0, 0,
		"File (mode 0600 or 0400) with the signing secret; without it the secret is made at the first handshake"),
	{.key = "in_flight",
		PLACE(struct mr_config_webhook, webhook.in_flight),
		.type = MR_VALUE_COUNT,
		.min = 1,
		.max = MR_IN_FLIGHT_MAX,
		.fallback = "",
		.live = true,
		.help = "Instead of delivery.in_flight"},
	{.key = "filters",
		PLACE(struct mr_config_webhook, webhook.filters),
		.type = MR_VALUE_FILTERS,
		.fallback = "[]",
		.live = true,
		.help = "An event that passes any of them is delivered; none: every event"},
};

static const struct mr_config_key lcore_fields[] = {
	{.key = "cpu",
		PLACE(struct mr_config_lcore, cpu),
		.type = MR_VALUE_COUNT,
		.max = 4095,
		.help = "CPU number"},
	{.key = "stages",
		PLACE(struct mr_config_lcore, stages),
		.type = MR_VALUE_WORDS,
		.help = "What runs there: ingestN, shardN, journal, deliveryN; every stage exactly once"},
};

static const struct mr_config_key filter_fields[] = {
	FIELD(struct mr_filter, "type", type, TEXT, "", 0, 0, "Only objects of this type"),
	FIELD(struct mr_filter, "subtype", subtype, TEXT, "", 0, 0, "Only objects of this subtype"),
	FIELD(struct mr_filter, "action", actions, WORDS, "", 0, 0,
		"Only these of added, removed, changed, deleted, undeleted"),
	FIELD(struct mr_filter, "fields", fields, WORDS, "[]", 0, 0,
		"Only changes of these fields"),
};

#define LIST(key_, fields_, max_, help_, example_)                                     \
	{                                                                              \
		.key = (key_), .fields = (fields_),                                    \
		.fields_count = sizeof(fields_) / sizeof((fields_)[0]), .max = (max_), \
		.help = (help_), .example = (example_)                                 \
	}

const struct mr_config_list mr_config_lists[MR_LIST_COUNT] = {
	[MR_LIST_APPS] = LIST("apps", app_fields, MR_KEYS_MAX,
		"Who may send. SIGHUP adds and removes them.", "- {name: demo, app: 1, key: 1}\n"),
	[MR_LIST_WEBHOOKS] = LIST("webhooks", webhook_fields, 1048576,
		"Who hears of what. SIGHUP adds and removes them.",
		"- name: billing\n"
		"  resource: 1201\n"
		"  target: http://hooks.example.com/millrace\n"
		"  filters:\n"
		"    - {type: task, action: changed, fields: [assignee, due_on]}\n"),
	[MR_LIST_LCORES] = LIST("topology.lcores", lcore_fields, MR_LCORES_MAX,
		"Which core runs which stages. Without it: one core for all on a machine of one or two CPUs, else\n"
		"separate cores for ingest, shards, and journal with delivery.",
		"- {cpu: 1, stages: [ingest0, shard0, journal, delivery0]}\n"),
	[MR_LIST_FILTERS] =
		LIST("filters", filter_fields, MR_FILTERS_MAX, "Filters of one webhook.",
			"- {type: task, action: changed, fields: [assignee, due_on]}\n"),
};

const struct mr_config_schema mr_config_schema = {
	.keys = mr_config_keys,
	.keys_count = sizeof(mr_config_keys) / sizeof(mr_config_keys[0]),
	.lists = mr_config_lists,
	.lists_count = MR_LIST_COUNT,
	.top_lists = MR_LIST_FILTERS,
	.element = mr_config_next_element,
	.field = mr_config_store_field,
	.head = "# Millrace: every key with its default. A dot in a key's name is a nested map here.\n"
		"# MILLRACE_FLOWS=32 in the environment or --set flows=32 do the same, in this order of strength.\n",
};
