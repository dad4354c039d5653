// How the rate of a throttled scope is dealt out: the steward looks every 100 ms what the shards
// wanted and deals out what each of them may accept, never more than the rate in sum. A shard only
// counts up. The steward takes back what a shard holds unused when others want it more, down to
// what the shard has used: `used` may be above `granted` for a moment.
#pragma once

#include <stdint.h>

#include <millrace/stats.h>

enum { MR_THROTTLES_MAX = 256, MR_THROTTLE_DEAL_NS = 100000000 };

struct mr_throttle_board { // one per shard
	mr_counter wanted[MR_THROTTLES_MAX]; // events seen of the scope; written by the shard
	mr_counter
		granted[MR_THROTTLES_MAX]; // accepts while used < granted; written by the steward
	mr_counter used[MR_THROTTLES_MAX]; // of which accepted; written by the shard
};
