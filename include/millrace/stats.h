// Counters as the control plane sees them: one sealed memory segment (memfd, F_SEAL_FUTURE_WRITE),
// mapped read-only by readers. Every field has one writer, the stage that owns the block; readers
// load relaxed and may see a set of counters in the middle of a step, never a torn one. Each
// counter is declared once, here.
#pragma once

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

#include <millrace/discard.h>
#include <millrace/limits.h>
#include <millrace/reason.h>

enum { MR_STATS_MAGIC = 0x5354524d, MR_STATS_VERSION = 3 };

typedef _Atomic uint64_t mr_counter;

// One writer: no read-modify-write is needed.
static inline void mr_count(mr_counter *counter, uint64_t add)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + add,
		memory_order_relaxed);
}

static inline void mr_gauge(mr_counter *gauge, uint64_t value)
{
	atomic_store_explicit(gauge, value, memory_order_relaxed);
}

static inline uint64_t mr_read(const mr_counter *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

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

// The most active scopes of a shard: a table counts for MR_TOP_SECONDS and then stands still while
// the other one counts, so that the two tell the last five to ten seconds. Scopes with a row in the
// ledger are counted exactly, others by space-saving. A scope that is not in a full table was
// counted no more often than its smallest row. In a row: count - error <= true count <= count.
// Packets that ingest refuses whole for an object count for the user of its last event.
struct mr_stats_top_row {
	mr_counter id; // 0: free
	mr_counter count;
	mr_counter error;
	// Of the last event counted here; OBJECT only: whose it is.
	mr_counter app;
	mr_counter workspace;
	mr_counter database;
	mr_counter refused; // of `count`, at least
	mr_counter queued; // OBJECT: events in its queue when the table was last published
};
struct mr_stats_top {
	mr_counter version; // odd while the table is written; see mr_top_read in control/lib/hot.h
	mr_counter since_ns; // monotonic; 0: never used
	mr_counter until_ns; // monotonic; 0: still counting
	mr_counter total; // events counted, those of no row included; those without an id are not
	struct mr_stats_top_row rows[MR_TOP_ROWS];
};
enum { MR_TOP_KINDS = 5, MR_TOP_TABLES = 2 }; // enum mr_scope_kind - 1; halves of time

enum mr_attempt_kind {
	MR_ATTEMPT_BATCH = 1,
	MR_ATTEMPT_HEARTBEAT,
	MR_ATTEMPT_HANDSHAKE,
	MR_ATTEMPT_TEST, // asked for by an operator
};

// How an attempt has ended.
enum mr_outcome {
	MR_OUTCOME_OK = 0, // 2xx
	MR_OUTCOME_STATUS, // any other status
	MR_OUTCOME_CONNECT, // refused, unreachable, timed out connecting
	MR_OUTCOME_RESET, // the connection ended in the middle
	MR_OUTCOME_TIMEOUT, // the deadline passed
	MR_OUTCOME_BAD_RESPONSE, // not HTTP/1.x, over a bound, smuggling
	MR_OUTCOME_CANCELED, // never from the engine: for callers that give up what they have begun
};

// "batch", "heartbeat", "handshake", "test"; "none" for the rest.
const char *mr_attempt_kind_name(unsigned kind);
const char *mr_outcome_name(unsigned outcome); // "ok", "status", "connect", ...
const char *mr_tap_step_name(unsigned step); // "accepted", "refused", ...

// Attempts of one delivery stage, the newest MR_ATTEMPT_ROWS: row number % MR_ATTEMPT_ROWS. A reader
// copies a row and then looks whether its number is still the same.
struct mr_stats_attempt {
	mr_counter number; // from 1; 0: free, or being written
	mr_counter webhook;
	mr_counter at_ns; // wall clock
	mr_counter took_ns;
	mr_counter batch; // number of the batch; 0: handshake, heartbeat or test
	mr_counter what; // status | enum mr_attempt_kind << 16 | outcome << 24 | body bytes << 32
	mr_counter events;
	mr_counter body[MR_ATTEMPT_BODY_BYTES / 8]; // of the answer, as it came; hostile text
};
struct mr_stats_attempts {
	mr_counter next; // number of the next attempt
	struct mr_stats_attempt rows[MR_ATTEMPT_ROWS];
};

// Steps of followed objects, of one shard or delivery stage.
enum mr_tap_step {
	MR_TAP_ACCEPTED = 1,
	MR_TAP_REFUSED, // reason
	MR_TAP_HELD, // by a ban
	MR_TAP_DISTRIBUTED, // detail: hops
	MR_TAP_MATCHED, // webhook: one that wants it
	MR_TAP_ATTEMPTED, // webhook; detail: batch number
	MR_TAP_DELIVERED, // webhook; detail: HTTP status
	MR_TAP_FAILED, // webhook; detail: HTTP status, 0: none
	MR_TAP_DROPPED, // reason
};
struct mr_stats_tap {
	mr_counter number; // as in attempts
	mr_counter at_ns; // wall clock
	mr_counter object;
	mr_counter app;
	mr_counter sequence; // of the event in its flow; 0: not known here
	mr_counter position; // mr_position of the event; 0: was not accepted
	mr_counter what; // enum mr_tap_step | reason << 16
	mr_counter webhook;
	mr_counter detail;
};
struct mr_stats_taps {
	mr_counter next;
	struct mr_stats_tap rows[MR_TAP_ROWS];
};

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
