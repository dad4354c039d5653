#include "lane_backoff.h"

#include "mr_assert.h"

uint64_t mr_backoff_bound(const struct mr_backoff *backoff, uint32_t failures)
{
	mr_assert(failures >= 1);
	mr_assert(backoff->base_ns > 0);
	uint64_t bound = backoff->base_ns;
	for (uint32_t i = 1; i < failures && bound < backoff->cap_ns; i++)
		bound = bound > UINT64_MAX / 2 ? backoff->cap_ns : bound * 2;
	return bound < backoff->cap_ns ? bound : backoff->cap_ns;
}

uint64_t mr_backoff_delay(const struct mr_backoff *backoff, uint32_t failures,
	uint64_t retry_after_ns, struct mr_rng *rng)
{
	uint64_t bound = mr_backoff_bound(backoff, failures);
	uint64_t delay = bound == 0 ? 1 : 1 + mr_rng_below(rng, bound);
	mr_assert(delay >= 1);
	return delay > retry_after_ns ? delay : retry_after_ns;
}
