// Counters as the control plane sees them: one sealed memory segment (memfd, F_SEAL_FUTURE_WRITE),
// mapped read-only by readers. Every field has one writer, the stage that owns the block; readers
// load relaxed and may see a set of counters in the middle of a step, never a torn one. Each
// counter is declared once, here.
#pragma once

#include <assert.h>
#include <stdint.h>

#include <millrace/counter.h>
#include <millrace/discard.h>
#include <millrace/limits.h>
#include <millrace/reason.h>
#include <millrace/stats_activity.h>

enum { MR_STATS_MAGIC = 0x5354524d, MR_STATS_VERSION = 3 };

enum mr_stage_kind {
	MR_STAGE_NONE = 0,
	MR_STAGE_INGEST,
	MR_STAGE_SHARD,
	MR_STAGE_JOURNAL,
	MR_STAGE_DELIVERY,
	MR_STAGE_STEWARD,
	MR_STAGE_KIND_COUNT,
};

// X(stage kind, symbol, metric, type, unit, help)
#define MR_COUNTERS(X)                                                                             \
	X(INGEST, RX_PACKETS, "rx_packets", COUNTER, PACKETS, "frames received")                   \
	X(INGEST, RX_BYTES, "rx_bytes", COUNTER, BYTES, "bytes received")                          \
	X(INGEST, TX_PACKETS, "tx_packets", COUNTER, PACKETS, "frames sent")                       \
	X(INGEST, DATA_PACKETS, "data_packets", COUNTER, PACKETS, "DATA packets handed to shards") \
	X(INGEST, DATA_EVENTS, "data_events", COUNTER, EVENTS, "events handed to shards")          \
	X(INGEST, SHED_PACKETS, "shed_packets", COUNTER, PACKETS,                                  \
		"packets refused whole at the door: no bytes travel")                              \
	X(INGEST, SHED_EVENTS, "shed_events", COUNTER, EVENTS, "events refused at the door")       \
	X(INGEST, ACKS_SENT, "acks_sent", COUNTER, PACKETS, "ACK messages sent")                   \
	X(INGEST, HELLOS, "hellos", COUNTER, PACKETS, "HELLO messages passed to the steward")      \
	X(INGEST, ARP_REPLIES, "arp_replies", COUNTER, PACKETS, "ARP and ND requests answered")    \
	X(INGEST, ECHO_REPLIES, "echo_replies", COUNTER, PACKETS, "ICMP echo requests answered")   \
	X(SHARD, OFFERED, "offered", COUNTER, EVENTS, "events settled: accepted or refused")       \
	X(SHARD, ACCEPTED, "accepted", COUNTER, EVENTS, "events appended to the stream")           \
	X(SHARD, RECOVERED, "recovered", COUNTER, EVENTS,                                          \
		"events of earlier boots that a start found not distributed")                      \
	X(SHARD, REFUSED, "refused", COUNTER, EVENTS, "events refused, all reasons")               \
	X(SHARD, QUEUED, "queued", GAUGE, EVENTS,                                                  \
		"accepted events not yet distributed, counted from the structures")                \
	X(SHARD, DISTRIBUTED, "distributed", COUNTER, EVENTS,                                      \
		"events whose hops are all answered")                                              \
	X(SHARD, DROPPED, "dropped", COUNTER, EVENTS, "accepted events given up, all reasons")     \
	X(SHARD, HOPS, "hops", COUNTER, HOPS, "hops sent, to this shard included")                 \
	X(SHARD, CYCLES_CUT, "cycles_cut", COUNTER, HOPS,                                          \
		"ancestors left out: reached by a cycle")                                          \
	X(SHARD, DIAMONDS_CUT, "diamonds_cut", COUNTER, HOPS, "ancestors left out: named twice")   \
	X(SHARD, MATCHES, "matches", COUNTER, RECORDS, "match records written")                    \
	X(SHARD, MATCHED, "matched", COUNTER, DELIVERIES,                                          \
		"deliveries handed to lanes: event x webhook")                                     \
	X(SHARD, OBJECTS, "objects", GAUGE, OBJECTS, "objects with a queue or a hold")             \
	X(SHARD, OBJECTS_PENALISED, "objects_penalised", GAUGE, OBJECTS, "objects under penalty")  \
	X(SHARD, OBJECTS_HELD, "objects_held", GAUGE, OBJECTS, "objects held by a slow lane")      \
	X(SHARD, BAN_HELD, "ban_held", GAUGE, EVENTS, "queued events that a ban holds")            \
	X(SHARD, OBJECT_QUEUE_MAX, "object_queue_max", GAUGE, EVENTS, "longest object queue ever") \
	X(SHARD, ACKS, "acks", COUNTER, PACKETS, "ACK bodies built")                               \
	X(SHARD, ACKS_LOST, "acks_lost", COUNTER, PACKETS, "ACK bodies given up: no free slot")    \
	X(SHARD, BUFFER_USED, "buffer_used", GAUGE, BYTES, "stream bytes still pinned")            \
	X(SHARD, BUFFER_BYTES, "buffer_bytes", GAUGE, BYTES, "size of the stream buffer")          \
	X(SHARD, READ_WAITS, "read_waits", COUNTER, READS, "reads answered WAIT")                  \
	X(SHARD, FILE_READS, "file_reads", COUNTER, READS, "chunks read from the journal")         \
	X(SHARD, FILE_READS_FAILED, "file_reads_failed", COUNTER, READS,                           \
		"of which failed; repeated")                                                       \
	X(SHARD, HOP_WAITS, "hop_waits", COUNTER, HOPS, "turns yielded: no hop credit or no room") \
	X(JOURNAL, COMMITS, "commits", COUNTER, COMMITS, "commits")                                \
	X(JOURNAL, COMMIT_BYTES, "commit_bytes", COUNTER, BYTES, "bytes made durable")             \
	X(JOURNAL, STATE, "state", GAUGE, STATE, "0 ok, 1 full, 2 failed")                         \
	X(JOURNAL, SEGMENTS, "segments", GAUGE, SEGMENTS, "segments that are live")                \
	X(JOURNAL, SPARES, "spares", GAUGE, SEGMENTS, "segments made ahead")                       \
	X(JOURNAL, DISK_BYTES, "disk_bytes", GAUGE, BYTES, "of all files of the journal")          \
	X(JOURNAL, REPLAY_BYTES, "replay_bytes", GAUGE, BYTES,                                     \
		"written since the last checkpoint: what a start would replay")                    \
	X(JOURNAL, CHECKPOINTS, "checkpoints", COUNTER, CHECKPOINTS, "checkpoints completed")      \
	X(JOURNAL, EXPIRED_SEGMENTS, "expired_segments", COUNTER, SEGMENTS,                        \
		"segments retired by age or bytes although lanes needed them")                     \
	X(JOURNAL, FRAMES, "frames", COUNTER, FRAMES, "commit frames made durable")                \
	X(JOURNAL, WRITES, "writes", GAUGE, WRITES, "writes under way")                            \
	X(JOURNAL, SHORT_WRITES, "short_writes", COUNTER, WRITES, "writes that were continued")    \
	X(JOURNAL, STALLS, "stalls", COUNTER, WRITES, "writes that took longer than a second")     \
	X(DELIVERY, MATCHED, "matched", COUNTER, DELIVERIES, "deliveries owed, taken into lanes")  \
	X(DELIVERY, RECOVERED, "recovered", COUNTER, DELIVERIES,                                   \
		"deliveries owed that a start has found in the journal")                           \
	X(DELIVERY, DELIVERED, "delivered", COUNTER, DELIVERIES, "deliveries answered with 2xx")   \
	X(DELIVERY, PENDING, "pending", GAUGE, DELIVERIES, "deliveries in lanes, counted there")   \
	X(DELIVERY, DROPPED, "dropped", COUNTER, DELIVERIES, "deliveries given up, all reasons")   \
	X(DELIVERY, BAN_HELD, "ban_held", GAUGE, DELIVERIES,                                       \
		"pending deliveries that a ban holds")                                             \
	X(DELIVERY, VOIDED, "voided", COUNTER, BATCHES, "recorded batches not sent: banned")       \
	X(DELIVERY, SPILLED, "spilled", GAUGE, DELIVERIES, "pending deliveries on disk only")      \
	X(DELIVERY, BATCHES, "batches", COUNTER, BATCHES, "batch records written")                 \
	X(DELIVERY, REQUESTS, "requests", COUNTER, REQUESTS, "attempts begun")                     \
	X(DELIVERY, REQUESTS_FAILED, "requests_failed", COUNTER, REQUESTS, "attempts not 2xx")     \
	X(DELIVERY, BODY_BYTES, "body_bytes", COUNTER, BYTES, "body bytes of attempts")            \
	X(DELIVERY, CONNECTS, "connects", COUNTER, CONNECTIONS, "connections opened")              \
	X(DELIVERY, CONNECTIONS, "connections", GAUGE, CONNECTIONS, "connections open")            \
	X(DELIVERY, ENDPOINTS, "endpoints", GAUGE, ENDPOINTS, "endpoints known")                   \
	X(DELIVERY, ENDPOINTS_FAILING, "endpoints_failing", GAUGE, ENDPOINTS,                      \
		"endpoints whose last attempt failed")                                             \
	X(DELIVERY, LANES, "lanes", GAUGE, LANES, "webhooks with a lane")                          \
	X(DELIVERY, LANES_BEHIND, "lanes_behind", GAUGE, LANES, "lanes that are behind")           \
	X(DELIVERY, HOLDS, "holds", COUNTER, HOLDS, "HOLD messages sent")                          \
	X(DELIVERY, RELEASES, "releases", COUNTER, HOLDS, "RELEASE messages sent")                 \
	X(DELIVERY, READ_WAITS, "read_waits", COUNTER, READS, "reads answered WAIT")               \
	X(DELIVERY, FILE_READS, "file_reads", COUNTER, READS, "chunks read from the journal")      \
	X(DELIVERY, FILE_READS_FAILED, "file_reads_failed", COUNTER, READS,                        \
		"of which failed; repeated")                                                       \
	X(DELIVERY, READ_GONE, "read_gone", COUNTER, READS, "reads answered GONE")                 \
	X(DELIVERY, FRAGMENT_HITS, "fragment_hits", COUNTER, EVENTS, "rendered events reused")     \
	X(DELIVERY, HANDSHAKES, "handshakes", COUNTER, REQUESTS, "webhook handshakes done")        \
	X(STEWARD, SESSIONS, "sessions", GAUGE, SESSIONS, "sessions open")                         \
	X(STEWARD, SESSIONS_MAX, "sessions_max", GAUGE, SESSIONS,                                  \
		"room for sessions: sessions.max")                                                 \
	X(STEWARD, SESSIONS_EXPIRED, "sessions_expired", COUNTER, SESSIONS,                        \
		"sessions ended after a day of silence")                                           \
	X(STEWARD, JOURNAL_ALARMS, "journal_alarms", GAUGE, STATE,                                 \
		"bits: 1 stalled, 2 full, 4 failed, 8 deliveries expire")                          \
	X(STEWARD, CONFIG_GENERATION, "config_generation", GAUGE, GENERATION,                      \
		"generation in force on all stages")                                               \
	X(STEWARD, CONFIG_RELOADS, "config_reloads", COUNTER, RELOADS, "reloads applied")          \
	X(STEWARD, CONFIG_RELOADS_FAILED, "config_reloads_failed", COUNTER, RELOADS,               \
		"reloads refused: the old configuration stays")                                    \
	X(STEWARD, BANS, "bans", GAUGE, BANS, "bans in force")                                     \
	X(STEWARD, PAUSED, "paused", GAUGE, STATE, "bits: 1 ingest, 2 distribution, 4 delivery")   \
	X(STEWARD, LINK_UP, "link_up", GAUGE, STATE, "1: the port has a link")                     \
	X(STEWARD, CONTROL_REQUESTS, "control_requests", COUNTER, REQUESTS, "control messages")    \
	X(STEWARD, CONTROL_REJECTED, "control_rejected", COUNTER, REQUESTS,                        \
		"control messages refused: size, version or type")

enum mr_counter_id {
#define X(kind, symbol, metric, type, unit, help) MR_##kind##_##symbol,
	MR_COUNTERS(X)
#undef X
		MR_COUNTER_COUNT
};

// What an operator must hear of the journal; bits of MR_STEWARD_JOURNAL_ALARMS.
enum mr_alarm {
	MR_ALARM_STALLED, // a write has been under way for more than a second
	MR_ALARM_FULL, // no segment can be had: events are refused
	MR_ALARM_FAILED, // a write has failed: the router will end
	MR_ALARM_RETENTION, // deliveries expire: the journal is as old or as large as it may be
	MR_ALARM_COUNT,
};

struct mr_counter_info {
	enum mr_stage_kind kind;
	const char *metric; // without prefix: millrace_<stage>_<metric>
	const char *type; // "counter" or "gauge"
	const char *unit; // lower case
	const char *help;
};
const struct mr_counter_info *mr_counter_info(unsigned id); // NULL beyond the list
const char *mr_stage_kind_name(unsigned kind);

// Log-linear: 16 buckets per octave, values from 0 to 2^40 ns (18 minutes), worst error 1/16.
// Bucket of v: v < 16: v; else (octave - 3) * 16 + the four bits below the highest.
enum { MR_HISTOGRAM_SUB_BITS = 4, MR_HISTOGRAM_BUCKETS = (40 - MR_HISTOGRAM_SUB_BITS + 1) * 16 };

struct mr_stats_histogram {
	mr_counter count;
	mr_counter sum;
	mr_counter max;
	mr_counter buckets[MR_HISTOGRAM_BUCKETS];
};

// X(stage kind, symbol, slot, metric, help): MR_STAGE_HISTOGRAMS per stage at most. What an event's
// way takes is told hop by hop, and always since it was received: the difference is the hop's own.
#define MR_HISTOGRAMS(X)                                                                      \
	X(SHARD, DISTRIBUTE, 0, "accept_to_distribute_seconds", "accepted until distributed") \
	X(SHARD, DURABLE, 1, "accept_to_durable_seconds",                                     \
		"received until durable: its ACK may go")                                     \
	X(SHARD, MATCH, 2, "accept_to_match_seconds",                                         \
		"received until matched, each hop that webhooks want")                        \
	X(JOURNAL, WRITE, 0, "write_seconds", "a write of the journal, until durable")        \
	X(DELIVERY, REQUEST, 0, "request_seconds", "attempt begun until answered")            \
	X(DELIVERY, ACCEPT_TO_DELIVERED, 1, "accept_to_delivered_seconds",                    \
		"received until answered with 2xx, first attempts")                           \
	X(DELIVERY, ACCEPT_TO_ATTEMPT, 2, "accept_to_attempt_seconds",                        \
		"received until its first attempt began")

enum mr_histogram_id {
#define X(kind, symbol, slot, metric, help) MR_HISTOGRAM_##kind##_##symbol = slot,
	MR_HISTOGRAMS(X)
#undef X
};
enum { MR_STAGE_HISTOGRAMS = 4, MR_STAGE_COUNTERS_MAX = 128 };
static_assert((int)MR_COUNTER_COUNT <= (int)MR_STAGE_COUNTERS_MAX, "every counter has its place");

struct mr_stats_stage {
	uint32_t kind; // enum mr_stage_kind
	uint32_t index; // within its kind
	uint32_t lcore; // DPDK lcore that runs it
	uint32_t cpu; // CPU of that lcore
	// Written by the runner, not by the stage.
	mr_counter steps; // steps taken
	mr_counter steps_busy; // of which did something
	mr_counter busy_ns; // time spent in steps
	mr_counter step_max_ns;
	mr_counter heartbeat_ns; // monotonic time of the last step
	mr_counter generation; // configuration generation applied
	struct mr_stats_histogram step_ns; // length of busy steps
	// Written by the stage.
	mr_counter counters[MR_STAGE_COUNTERS_MAX]; // index: enum mr_counter_id
	mr_counter reasons[MR_REASON_LIMIT]; // shard: refused and dropped; delivery: dropped
	mr_counter discards[32]; // ingest and shard: enum mr_discard
	struct mr_stats_histogram histograms[MR_STAGE_HISTOGRAMS]; // index: enum mr_histogram_id
};
static_assert(MR_DISCARD_COUNT <= 32, "every discard reason has its place");

// One row of a ledger by scope. Rows are claimed by the owner shard and never move.
struct mr_stats_scope {
	mr_counter id;
	mr_counter kind; // enum mr_scope_kind; 0: free. The last row of a table is `other`.
	mr_counter accepted;
	mr_counter refused;
	mr_counter distributed;
	mr_counter dropped;
	mr_counter queued; // gauge
	mr_counter recovered;
};
enum { MR_LEDGER_TABLES = 3 }; // app, workspace, database, in this order

// One row per webhook, index = lane; written by the delivery stage that has the lane.
struct mr_stats_webhook {
	mr_counter webhook; // id; 0: free row
	mr_counter resource;
	mr_counter stage; // delivery stage index
	mr_counter matched;
	mr_counter delivered;
	mr_counter pending;
	mr_counter dropped;
	mr_counter requests;
	mr_counter requests_failed;
	mr_counter last_status; // HTTP status, 0: none seen
	mr_counter failing_since_ns; // wall clock; 0: not failing
	// how long the oldest entry has waited, counted from the last batch at most
	mr_counter oldest_ns;
	mr_counter flags; // 1 active, 2 behind, 4 gone
	mr_counter recovered; // pending entries that a start has found in the journal
	mr_counter spilled; // of the pending ones, on disk only
	// seconds until nothing is pending at the present rate; UINT64_MAX: none settles
	mr_counter eta_s;
	mr_counter requests_ns; // how long its answered attempts took, in sum
	char name[MR_NAME_BYTES_MAX]; // written once by the steward before the lane exists
	char origin[MR_NAME_BYTES_MAX]; // scheme://host:port, cut
};

struct mr_stats {
	uint32_t magic;
	uint32_t version;
	uint64_t bytes; // of the whole segment
	uint64_t boot_id;
	int64_t started_at_ns; // wall clock
	uint64_t started_mono_ns;
	uint32_t is_volatile; // durability: memory
	uint32_t flows;
	uint32_t shards;
	uint32_t stages_count;
	uint32_t webhooks_max;
	uint32_t reserved;
	uint64_t stages_at; // struct mr_stats_stage[stages_count]
	uint64_t scopes_at; // struct mr_stats_scope[shards][MR_LEDGER_TABLES][MR_LEDGER_SCOPES_MAX]
	uint64_t webhooks_at; // struct mr_stats_webhook[webhooks_max]
	uint32_t deliveries;
	uint32_t reserved2;
	uint64_t tops_at; // struct mr_stats_top[shards][MR_TOP_KINDS][MR_TOP_TABLES]
	uint64_t attempts_at; // struct mr_stats_attempts[deliveries]
	uint64_t taps_at; // struct mr_stats_taps[shards + deliveries]
};
