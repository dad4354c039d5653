// How much of the last minute's traffic was of a scope, about: from the ledgers of the shards,
// which are looked at every few seconds, and for objects and users from the most active ones.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <millrace/scope.h>

#include "arena.h"
#include "segment.h"

struct mr_recent {
	const struct mr_segment *segment;
	uint32_t shards;
	uint64_t *samples; // [samples][shards][tables][rows]: events seen
	uint64_t sampled_ns; // monotonic: the newest
	uint32_t count; // ever taken
};

bool mr_recent_init(struct mr_recent *recent, struct mr_arena *arena,
	const struct mr_segment *segment, uint32_t shards);
void mr_recent_work(struct mr_recent *recent, uint64_t now_ns); // samples when it is time
uint64_t mr_recent_events(const struct mr_recent *recent, struct mr_scope scope, uint64_t now_ns);
// Whether every event of the last minute was of this app, workspace or database, while the router
// has seen others of its kind since it started. Objects and users are never everything.
bool mr_recent_is_all(const struct mr_recent *recent, struct mr_scope scope);
