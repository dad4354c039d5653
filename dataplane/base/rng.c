#include "rng.h"

#include "mr_assert.h"

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t rotate_left(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

void mr_rng_seed(struct mr_rng *rng, uint64_t seed)
{
	for (uint32_t i = 0; i < 4; i++)
		rng->state[i] = splitmix64(&seed);
}

uint64_t mr_rng_next(struct mr_rng *rng)
{
	uint64_t *s = rng->state;
	uint64_t result = rotate_left(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

uint64_t mr_rng_below(struct mr_rng *rng, uint64_t limit)
{
	mr_assert(limit > 0);
	uint64_t biased = (UINT64_MAX - limit + 1)
		% limit; // 2^64 mod limit: values below it come once too often
	uint64_t value = mr_rng_next(rng);
	while (value < biased)
		value = mr_rng_next(rng);
	return value % limit;
}

bool mr_rng_chance(struct mr_rng *rng, uint32_t numerator, uint32_t denominator)
{
	return mr_rng_below(rng, denominator) < numerator;
}

double mr_rng_unit(struct mr_rng *rng)
{
	return (double)(mr_rng_next(rng) >> 11) * 0x1p-53;
}
