// What the statistics segment tells of single scopes, attempts and events: tables of the most
// active scopes, and rings that readers follow. stats.h says where they stand.
#pragma once

#include <stdint.h>

#include <millrace/counter.h>
#include <millrace/limits.h>

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

// Attempts of one delivery stage, the newest MR_ATTEMPT_ROWS: row number % MR_ATTEMPT_ROWS. A
// reader copies a row and then looks whether its number is still the same.
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
