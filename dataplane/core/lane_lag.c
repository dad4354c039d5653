#include "lane_lag.h"

#include "mr_assert.h"

uint8_t mr_lag_of(uint64_t tail, uint64_t offset, uint64_t stream_bytes)
{
	mr_assert(stream_bytes >= MR_LAG_STEPS);
	if (offset >= tail)
		return 0;
	uint64_t step = stream_bytes / MR_LAG_STEPS;
	uint64_t lag = (tail - offset + step - 1) / step;
	return lag < MR_LAG_STEPS ? (uint8_t)lag : MR_LAG_STEPS;
}

void mr_lag_move(struct mr_lag *lags, uint8_t *lag, uint8_t now)
{
	mr_assert(now <= MR_LAG_STEPS || now == MR_LAG_NONE);
	if (*lag != MR_LAG_NONE) {
		mr_assert(lags->lanes[*lag] > 0 && lags->total > 0);
		lags->lanes[*lag]--;
		lags->total--;
	}
	if (now != MR_LAG_NONE) {
		lags->lanes[now]++;
		lags->total++;
	}
	*lag = now;
}

uint8_t mr_lag_median(const struct mr_lag *lags)
{
	if (lags->total == 0)
		return MR_LAG_NONE;
	uint32_t below = 0;
	for (uint8_t lag = 0; lag <= MR_LAG_STEPS; lag++) {
		below += lags->lanes[lag];
		if (below > (lags->total - 1) / 2)
			return lag;
	}
	mr_assert(false && "the histogram's total is its sum");
	return MR_LAG_NONE;
}

bool mr_lag_is_behind(const struct mr_lag *lags, uint8_t lag)
{
	if (lag == MR_LAG_NONE || lag <= MR_LAG_BEHIND)
		return false;
	return mr_lag_median(lags) <= MR_LAG_HEALTHY;
}
