// Operations on the log-linear histograms of <millrace/stats.h>: one writer records, anyone reads.
#pragma once

#include <stdint.h>

#include <millrace/stats.h>

void mr_histogram_record(struct mr_stats_histogram *histogram, uint64_t value);
void mr_histogram_add(struct mr_stats_histogram *into, const struct mr_stats_histogram *from);
// Upper bound of the bucket that holds the quantile (0 < q <= 1), capped at the maximum seen; 0
// when empty.
uint64_t mr_histogram_quantile(const struct mr_stats_histogram *histogram, double q);
uint32_t mr_histogram_bucket(uint64_t value);
uint64_t mr_histogram_bucket_limit(uint32_t bucket); // highest value of the bucket
