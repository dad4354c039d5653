// Who is behind. Every lane with traffic has a lag, in sixteenths of a stream's buffer; a small
// histogram of them gives the median at once.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	MR_LAG_STEPS = 16, // a whole buffer
	MR_LAG_BEHIND = 8, // more than half a buffer ...
	MR_LAG_HEALTHY = 2, // ... while the median is within an eighth
	MR_LAG_NONE = 255, // no traffic: does not take part
};

struct mr_lag {
	uint32_t lanes[MR_LAG_STEPS + 1];
	uint32_t total;
};

// The lag of an entry at `offset` when the stream's tail is at `tail`: sixteenths, rounded up, at
// most MR_LAG_STEPS.
uint8_t mr_lag_of(uint64_t tail, uint64_t offset, uint64_t stream_bytes);
// Moves a lane from *lag to `now` (either may be MR_LAG_NONE).
void mr_lag_move(struct mr_lag *lags, uint8_t *lag, uint8_t now);
// The lower median, so that half the lanes of a stage may hang without passing for the rule.
// MR_LAG_NONE when no lane has traffic.
uint8_t mr_lag_median(const struct mr_lag *lags);
// The rule: more than half a buffer behind while the median is less than an eighth behind.
bool mr_lag_is_behind(const struct mr_lag *lags, uint8_t lag);
