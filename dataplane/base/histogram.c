#include "histogram.h"

#include "mr_assert.h"

enum { SUB_BUCKETS = 1 << MR_HISTOGRAM_SUB_BITS, LAST_BUCKET = MR_HISTOGRAM_BUCKETS - 1 };

uint32_t mr_histogram_bucket(uint64_t value)
{
	if (value < SUB_BUCKETS)
		return (uint32_t)value;
	uint32_t octave = 63 - (uint32_t)__builtin_clzll(value);
	uint32_t within = (uint32_t)(value >> (octave - MR_HISTOGRAM_SUB_BITS)) & (SUB_BUCKETS - 1);
	uint32_t bucket = (octave - MR_HISTOGRAM_SUB_BITS + 1) * SUB_BUCKETS + within;
	return bucket < LAST_BUCKET ? bucket : LAST_BUCKET;
}

uint64_t mr_histogram_bucket_limit(uint32_t bucket)
{
	mr_assert(bucket < MR_HISTOGRAM_BUCKETS);
	if (bucket < SUB_BUCKETS)
		return bucket;
	uint32_t shift = bucket / SUB_BUCKETS - 1;
	uint64_t above = (uint64_t)SUB_BUCKETS + bucket % SUB_BUCKETS + 1;
	return (above << shift) - 1;
}

void mr_histogram_record(struct mr_stats_histogram *histogram, uint64_t value)
{
	mr_count(&histogram->buckets[mr_histogram_bucket(value)], 1);
	mr_count(&histogram->count, 1);
	mr_count(&histogram->sum, value);
	if (value > mr_read(&histogram->max))
		mr_gauge(&histogram->max, value);
}

void mr_histogram_add(struct mr_stats_histogram *into, const struct mr_stats_histogram *from)
{
	for (uint32_t i = 0; i < MR_HISTOGRAM_BUCKETS; i++)
		mr_count(&into->buckets[i], mr_read(&from->buckets[i]));
	mr_count(&into->count, mr_read(&from->count));
	mr_count(&into->sum, mr_read(&from->sum));
	uint64_t max = mr_read(&from->max);
	if (max > mr_read(&into->max))
		mr_gauge(&into->max, max);
}

uint64_t mr_histogram_quantile(const struct mr_stats_histogram *histogram, double q)
{
	mr_assert(q > 0.0 && q <= 1.0);
	uint64_t count = 0; // counted here: the writer may be between two of its stores
	for (uint32_t i = 0; i < MR_HISTOGRAM_BUCKETS; i++)
		count += mr_read(&histogram->buckets[i]);
	if (count == 0)
		return 0;

	double exact = q * (double)count;
	uint64_t rank = (uint64_t)exact;
	if ((double)rank < exact || rank == 0)
		rank++;
	uint64_t max = mr_read(&histogram->max);
	uint64_t seen = 0;
	for (uint32_t i = 0; i < LAST_BUCKET; i++) {
		seen += mr_read(&histogram->buckets[i]);
		if (seen >= rank) {
			uint64_t limit = mr_histogram_bucket_limit(i);
			return limit < max ? limit : max;
		}
	}
	return max; // the last bucket has no upper end
}
