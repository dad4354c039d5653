// The rates of throttled scopes, dealt out over the shards by demand (core/throttle_board.h). A
// scope has a bucket of tokens that its rate fills; what the shards hold unused counts against it,
// so that they never have more than the bucket holds, and comes back when others want it more.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "throttle_board.h"

struct mr_throttle;

struct mr_throttles {
	struct mr_throttle_board *const *boards; // by shard
	uint32_t shards;
	struct mr_throttle *slots; // MR_THROTTLES_MAX
	uint64_t dealt_ns; // monotonic: when it was dealt last
};

enum { MR_NO_THROTTLE = MR_THROTTLES_MAX };

bool mr_throttles_init(struct mr_throttles *throttles, struct mr_arena *arena,
	struct mr_throttle_board *const *boards, uint32_t shards);
// A place on the boards for a rate per second; MR_NO_THROTTLE: all are taken.
uint16_t mr_throttles_take(struct mr_throttles *throttles, uint32_t rate);
void mr_throttles_change(struct mr_throttles *throttles, uint16_t slot, uint32_t rate);
// The place is free when all stages have applied `generation`.
void mr_throttles_give_back(struct mr_throttles *throttles, uint16_t slot, uint64_t generation);
// Deals when it is time.
void mr_throttles_work(struct mr_throttles *throttles, uint64_t now_ns, uint64_t in_force);
