// Draws ranks 0..n-1 with probability proportional to 1 / (rank + 1)^s in constant time (Walker's
// alias method, built as Vose, 1991).
#pragma once

#include <stdint.h>

#include "rng.h"

struct mr_zipf_cell {
	double keep; // probability that the cell's own rank is drawn
	uint32_t alias;
	uint32_t reserved;
};

struct mr_zipf {
	struct mr_zipf_cell *cells; // NULL: uniform
	uint64_t count;
};

enum { MR_ZIPF_RANKS_MAX = 1 << 24 };

// 16 bytes per rank unless s is 0. 0, -EINVAL (no ranks, too many, s negative), or -ENOMEM.
int mr_zipf_init(struct mr_zipf *zipf, uint64_t count, double s);
void mr_zipf_fini(struct mr_zipf *zipf);
uint64_t mr_zipf_draw(const struct mr_zipf *zipf, struct mr_rng *rng);
