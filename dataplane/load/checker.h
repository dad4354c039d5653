// What a receiver holds against the router: every accepted event once, in order per object, the
// same bytes whenever a request is sent again. One path is one webhook; the last part of its URL
// path, when it is a number, is the gid of the webhook's resource, and says which events it must be
// told of. Pure but for memory.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "growing_map.h"
#include "latency.h"
#include "ledger.h"

enum {
	MR_CHECKER_PATHS_MAX = 4096,
	MR_CHECKER_PATH_BYTES = 256,
	MR_CHECKER_NUMBER_MAX_BITS = 33, // without a ledger: event numbers beyond are not ours
};

struct mr_checker_path {
	char name[MR_CHECKER_PATH_BYTES];
	uint64_t resource; // 0: the path names none, so loss cannot be judged
	struct mr_map newest; // object -> highest event number
	struct mr_map requests; // hash of the request's id -> hash of its body, answered or not
	uint64_t *delivered; // bit per event number
	uint64_t delivered_words;
	uint64_t events; // delivered, each once
};

// Every fault but `redelivered` and `duplicates_same` makes the run fail.
struct mr_checker_counts {
	uint64_t requests; // answered with success, repeated ones included
	uint64_t heartbeats; // of which had no events
	uint64_t redelivered; // of which came again with the same id and the same bytes: allowed
	uint64_t events; // delivered, each once per path
	uint64_t bad_bodies; // not a delivery body
	uint64_t changed_bodies; // an id came again with other bytes
	uint64_t duplicates_same; // events of those requests
	uint64_t duplicates_different; // events that came again in another request
	uint64_t out_of_order;
	uint64_t unknown; // never offered, or of another object
	uint64_t misrouted; // the webhook's resource is no ancestor of the object
};

struct mr_checker_audit {
	uint64_t offered;
	uint64_t accepted;
	uint64_t lost; // accepted, owed to a known path, not delivered
	uint64_t unclaimed; // accepted, owed to no path we know
	uint64_t phantom; // delivered, although refused or never sent
	uint64_t unsettled; // the sender never learned the fate
	uint64_t first_lost; // event number, 0: none
};

struct mr_checker {
	const struct mr_ledger *ledger; // NULL: no ledger (yet)
	struct mr_latency *latency;
	struct mr_map by_name; // hash of the name -> index + 1
	struct mr_checker_path *paths; // MR_CHECKER_PATHS_MAX
	uint32_t paths_count;
	struct mr_checker_counts counts;
};

int mr_checker_init(struct mr_checker *checker, struct mr_latency *latency); // 0 or -ENOMEM
void mr_checker_fini(struct mr_checker *checker);

// The path's index; made when it is new. -ENOSPC, -ENAMETOOLONG, or -ENOMEM.
int mr_checker_path(struct mr_checker *checker, const char *name, size_t length);

struct mr_checked_request {
	uint32_t path;
	const char *id; // webhook-id; length 0: none, the bytes themselves are the identity
	size_t id_length;
	const void *body;
	size_t body_length;
	// false: the answer is a failure on purpose, so the router must send it again
	bool answered;
	uint64_t now_ns;
};

// Whether the path has taken the event.
bool mr_checker_delivered(const struct mr_checker_path *path, uint64_t number);
// Judges one request whose signature is good. 0; -EBADMSG when it broke a rule of a single body;
// -ENOMEM.
int mr_checker_request(struct mr_checker *checker, const struct mr_checked_request *request);
// Compares everything that was offered with everything that came. Needs the ledger.
void mr_checker_audit(const struct mr_checker *checker, struct mr_checker_audit *ret_audit);
// No fault so far that a single request shows.
bool mr_checker_clean(const struct mr_checker_counts *counts);
