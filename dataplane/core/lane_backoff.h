// When a failing endpoint is asked again: exponential bounds with full jitter (Brooker,
// "Exponential Backoff And Jitter", 2015), Retry-After respected. And how many attempts a lane may
// have under way: one while it fails, then 1, 2, 4 and so on.
#pragma once

#include <stdint.h>

#include "rng.h"

struct mr_backoff {
	uint64_t base_ns;
	uint64_t cap_ns;
};

// The bound of the delay after `failures` failures in a row (>= 1): base, 2 base, 4 base up to the
// cap.
uint64_t mr_backoff_bound(const struct mr_backoff *backoff, uint32_t failures);
// Uniform in 1 .. bound, but never less than `retry_after_ns` (0: not said; the caller has bounded
// it).
uint64_t mr_backoff_delay(const struct mr_backoff *backoff, uint32_t failures,
	uint64_t retry_after_ns, struct mr_rng *rng);
