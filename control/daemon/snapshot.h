// What the data plane said in this second: taken once, read by everybody who asks. A thousand
// pollers cost the data plane as much as none.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "direct.h"
#include "ledgers.h"
#include "second.h"

struct mr_snapshot {
	atomic_uint holders;
	uint64_t number; // rises by one per second
	int64_t at_ns; // wall clock
	uint64_t at_mono_ns;
	bool connected;
	char why[MR_DIRECT_WHY_BYTES]; // not connected: what is wrong, and what to do
	// Of the last second in which it was connected; zero and NULL: never was.
	int64_t seen_at_ns; // wall clock
	struct mr_control_welcome welcome;
	struct mr_control_status status;
	struct mr_ledgers ledgers;
	struct mr_second second; // of this second; all zero while it is not connected
	// A copy of the statistics segment: header, stages, scopes, tops, webhook rows up to the
	// last that is used (row = lane; webhooks_max is their number). No attempts, no taps.
	const struct mr_stats *stats;
	uint32_t stats_bytes;
};

struct mr_board;

int mr_board_new(struct mr_board **ret_board);
void mr_board_free(struct mr_board *board); // accepts NULL
// The newest snapshot; whoever takes one drops it.
const struct mr_snapshot *mr_snapshot_take(struct mr_board *board);
void mr_snapshot_drop(const struct mr_snapshot *snapshot);

// Of the ticker: looks at the data plane, which may take `direct` away (close it, open it again),
// and puts the result up. `path` is of its socket.
int mr_board_look(struct mr_board *board, struct mr_direct *direct, const char *path);
// The copy of a segment that a snapshot holds; the caller frees it. NULL: no memory.
struct mr_stats *mr_stats_copy(const struct mr_stats *stats, uint32_t *ret_bytes);
