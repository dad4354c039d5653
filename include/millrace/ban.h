// Bans: what an operator has stopped, by scope. docs/BANS.md says what each mode does at each
// place; the steward holds the list and every stage its own copy of the rules.
#pragma once

#include <assert.h>
#include <stdint.h>

#include <millrace/scope.h>

enum mr_ban_mode {
	MR_BAN_DROP = 1, // refused (banned); what waits is held, or dropped by a purge
	MR_BAN_HOLD = 2, // accepted up to the object's bound; waits, and lets others pass
	MR_BAN_THROTTLE = 3, // refused above the rate (throttled, with a retry-after)
};

enum mr_ban_flag {
	// a ban of an object is also one of the events that name it among their ancestors
	MR_BAN_DESCENDANTS = 1,
	MR_BAN_BY_DIRECT = 2, // set over the data plane's own socket, not by millrace-controld
};

enum { MR_AUTHOR_BYTES_MAX = 64, MR_BAN_REASON_BYTES_MAX = 128 };

// What the stages know of a ban. One scope has one ban at most: a second one takes its place.
struct mr_ban_rule {
	struct mr_scope scope;
	uint32_t rate; // THROTTLE: events per second over all shards; else 0
	uint8_t mode; // enum mr_ban_mode
	uint8_t flags; // enum mr_ban_flag
	uint16_t reserved; // zero
};
static_assert(sizeof(struct mr_ban_rule) == 24, "record and control format");

struct mr_ban {
	uint64_t id; // rises over the life of the installation; never 0
	struct mr_ban_rule rule;
	int64_t created_at_ns; // wall clock
	int64_t expires_at_ns; // wall clock; 0: never
	char author[MR_AUTHOR_BYTES_MAX]; // UTF-8, NUL-terminated
	char reason[MR_BAN_REASON_BYTES_MAX]; // UTF-8, NUL-terminated
};
static_assert(sizeof(struct mr_ban) == 240, "record and control format");

// What an operator can stop as a whole; bits.
enum mr_pause {
	MR_PAUSE_INGEST = 1, // new events are refused (paused)
	MR_PAUSE_DISTRIBUTION = 2, // accepted events wait in their objects' queues
	MR_PAUSE_DELIVERY = 4, // no attempt is begun; what waits in lanes stays there
};
enum { MR_PAUSES = 3, MR_PAUSE_ALL = 7 };

struct mr_paused { // one per bit
	uint32_t what; // enum mr_pause, one bit; 0: not paused
	uint32_t reserved;
	int64_t since_ns; // wall clock
	int64_t expires_at_ns; // wall clock; 0: never
	char author[MR_AUTHOR_BYTES_MAX];
	char reason[MR_BAN_REASON_BYTES_MAX];
};
static_assert(sizeof(struct mr_paused) == 216, "record and control format");

const char *mr_ban_mode_name(unsigned mode); // "drop", "hold", "throttle"; "none" for the rest
const char *mr_pause_name(unsigned what); // of one bit: "ingest", "distribution", "delivery"
