// xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64. Reproducible; not for secrets.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mr_rng {
	uint64_t state[4];
};

void mr_rng_seed(struct mr_rng *rng, uint64_t seed);
uint64_t mr_rng_next(struct mr_rng *rng);
uint64_t mr_rng_below(struct mr_rng *rng, uint64_t limit); // 0 .. limit - 1; limit > 0
bool mr_rng_chance(struct mr_rng *rng, uint32_t numerator, uint32_t denominator);
double mr_rng_unit(struct mr_rng *rng); // [0, 1)
